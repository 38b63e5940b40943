"""``poolkeeper.auto()``: one line, and its way back."""

from __future__ import annotations

import os
import subprocess
import sys

import poolkeeper
import pytest
from isolated import in_own_process
from scenario import counts, fake

pytestmark = pytest.mark.usefixtures("lab")
CHILD = "import numpy, poolkeeper; print(*[p.num_threads for p in poolkeeper.pools()])"


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_it_limits_what_is_loaded_and_what_will_be() -> None:
    before = dict(os.environ)
    fake()
    done = poolkeeper.auto()
    assert (done.cpus, done.split.cpus) == (1, 1)
    assert counts() == {"openblas": 1}
    assert os.environ["OMP_NUM_THREADS"] == os.environ["NUMEXPR_MAX_THREADS"] == "1"
    child = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)
    assert child.stdout.split() == ["1"], child
    import sklearn.cluster  # noqa: F401

    limited = [pool for pool in poolkeeper.pools() if pool.runtime != "arrow_io"]  # it keeps 4
    threads = {pool.filepath: pool.num_threads for pool in limited}
    assert set(threads.values()) == {1}
    assert len(threads) >= 3
    # scikit-learn sets variables of its own at import: ours alone go back.
    for _ in range(2):  # a second time does nothing
        done.release()
        after = {name: os.environ.get(name) for name in done.environment}
        assert after == {name: before.get(name) for name in done.environment}


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_its_limit_is_the_baseline_of_scopes() -> None:
    fake()
    with poolkeeper.auto():
        with poolkeeper.limit(2):
            assert counts() == {"openblas": 1}
        with poolkeeper.limit(2, force=True):
            assert counts() == {"openblas": 2}
        assert counts() == {"openblas": 1}
    assert counts() == {"openblas": 8}


@in_own_process(env={"OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": ""})
def test_what_the_user_set_stays_and_is_told() -> None:
    share = int(poolkeeper.cpus())
    done = poolkeeper.auto()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert ("OMP_NUM_THREADS", "7", share) in done.kept
    assert os.environ["MKL_NUM_THREADS"] == str(share), "empty is not a choice"
    assert "kept OMP_NUM_THREADS=7, which you had set" in repr(done)
    done.release()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("7", "")
    forced = poolkeeper.auto(force=True)
    assert os.environ["OMP_NUM_THREADS"] == str(share)
    assert forced.kept == []
    forced.release()
    assert os.environ["OMP_NUM_THREADS"] == "7"


@in_own_process
def test_what_somebody_else_changes_meanwhile_stays() -> None:
    fake()
    done = poolkeeper.auto(blas=1)
    assert counts() == {"openblas": 1}
    poolkeeper.set_limit(5)
    os.environ["OMP_NUM_THREADS"] = "9"
    done.release()
    assert counts() == {"openblas": 5}
    assert os.environ["OMP_NUM_THREADS"] == "9"


@in_own_process
def test_levels_take_turns_unless_one_is_named() -> None:
    cpus = int(poolkeeper.cpus())
    with poolkeeper.auto() as done:
        assert (done.split.openmp, done.split.blas) == (cpus, cpus)
    with poolkeeper.auto(blas=1) as done:
        assert (done.split.openmp, done.split.blas) == (cpus, 1)


@in_own_process
def test_a_nested_call_may_lower_what_poolkeeper_set() -> None:
    with poolkeeper.auto():
        os.environ["POOLKEEPER_CPUS"] = "1"
        with poolkeeper.auto() as inner:
            assert os.environ["OMP_NUM_THREADS"] == "1"
            assert inner.kept == []


@pytest.mark.parametrize("wrong", [{"processes": 0}, {"openmp": 10**6}, {"blas": -1}])
def test_wrong_input_changes_nothing(wrong: dict[str, int]) -> None:
    before = dict(os.environ)
    with pytest.raises(poolkeeper.LimitError):
        poolkeeper.auto(**wrong)
    assert dict(os.environ) == before


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_it_tells_what_it_did() -> None:
    fake()
    with poolkeeper.auto() as done:
        lines = repr(done).splitlines()
        assert lines[0].startswith("1 CPU: 1 process x 1 OpenMP thread or 1 BLAS thread")
        assert lines[1] == "openblas: asked for 1, applied"
        assert lines[2].endswith("variables set for children and later libraries")
