"""poolkeeper's own k-means: it reads OpenMP's variable, and its threads call no BLAS."""

from __future__ import annotations

import json
import os

import pytest
from isolated import in_own_process, run_python
from simulated import codes, simulate_python

from doctor.findings import THREADS, not_found

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process(env={"OMP_NUM_THREADS": "2"})
def test_its_threads_call_no_blas() -> None:
    import numpy  # noqa: F401
    import poolkeeper.cluster  # noqa: F401

    not_found("PK101", cpus=128)
    not_found("PK203", cpus=128)


@in_own_process
def test_no_variable_makes_its_threads_call_one() -> None:
    import numpy  # noqa: F401
    import poolkeeper.cluster

    # scikit-learn's OpenMP is loaded as well, and its threads may call one.
    poolkeeper.set_limit(libgomp=1)
    poolkeeper.set_limit(kmeans=300)
    not_found("PK101")


def test_what_it_made_of_a_bad_value_is_told() -> None:
    code = (
        "import json, poolkeeper, poolkeeper.cluster\n"
        "print(json.dumps(poolkeeper.doctor().to_dict()))"
    )
    done = run_python(code, env={"OMP_NUM_THREADS": "1e1"})
    (finding,) = [f for f in json.loads(done.stdout)["findings"] if f["code"] == "PK403"]
    texts = [evidence["text"] for evidence in finding["evidence"]]
    assert any("k-means" in text and f"made {THREADS} thread" in text for text in texts)


@in_own_process
def test_a_variable_that_is_read_at_each_fit_is_never_too_late() -> None:
    import poolkeeper.cluster

    os.environ["OMP_NUM_THREADS"] = "1"
    import poolkeeper

    late = [f for f in poolkeeper.doctor().findings if f.code == "PK401"]
    assert not any("k-means" in line for finding in late for line in finding.evidence)


def test_the_guard_leaves_it_alone_on_a_large_machine() -> None:
    program = (
        "import json, numpy, poolkeeper, poolkeeper.cluster\n"
        "poolkeeper.set_limit(libgomp=2)\n"
        "guard = poolkeeper.guard()\n"
        "print(json.dumps([guard.actions, [p.num_threads for p in poolkeeper.pools() "
        "if p.runtime == 'kmeans']]))"
    )
    (actions, threads), report = simulate_python(program, 128)
    assert actions == []
    assert threads == [128]
    assert "PK101" not in codes(report)
