"""poolkeeper on an arm64 Linux, with the libraries that arm64's wheels bring.

`tests/arm64/run.py` runs this in the translator, as on the processor of the story's
128-core machine.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy
import poolkeeper
import pytest
import scipy.linalg
import sklearn.cluster  # noqa: F401

HERE = Path(__file__).resolve().parent
COMMAND = str(Path(sys.executable).with_name("poolkeeper"))


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def threads() -> dict[str, int | None]:
    return {pool.filepath: pool.num_threads for pool in poolkeeper.pools()}


def test_this_is_an_arm64_system() -> None:
    assert platform.machine() == "aarch64"


def test_the_pools_are_those_of_the_story() -> None:
    pools = poolkeeper.pools()
    assert sorted(pool.runtime for pool in pools) == ["libgomp", "openblas", "openblas"]
    for pool in pools:
        if pool.runtime == "openblas":
            assert pool.architecture == "neoversen1"
            assert pool.threading_layer == "pthreads"
            assert pool.max_threads is not None
            assert pool.capacity is not None


def test_pools_are_limited_one_level_at_a_time_and_restored() -> None:
    before = threads()
    with poolkeeper.limit(openmp=2), poolkeeper.limit(blas=1) as scope:
        assert {outcome.status for outcome in scope.outcomes} <= {"applied", "below"}
        inside = {pool.level: pool.num_threads for pool in poolkeeper.pools()}
        assert inside["blas"] == 1
        assert inside["openmp"] <= 2
        square = numpy.ones((50, 50)) @ numpy.ones((50, 50))
        assert (square == 50.0).all()
        assert scipy.linalg.det(numpy.eye(4)) == 1.0
    assert threads() == before


def test_threadpoolctl_and_the_layer_list_the_same() -> None:
    import poolkeeper.threadpoolctl as ours
    import threadpoolctl

    def order(info: list[dict]) -> list[dict]:
        return sorted(info, key=lambda pool: pool["filepath"])

    assert order(ours.threadpool_info()) == order(threadpoolctl.threadpool_info())
    with ours.threadpool_limits(limits=1, user_api="blas"):
        listed = threadpoolctl.threadpool_info()
        assert {pool["num_threads"] for pool in listed if pool["user_api"] == "blas"} == {1}
        assert order(ours.threadpool_info()) == order(listed)


def test_the_doctor_warns_of_more_callers_than_the_openblas_survives() -> None:
    with poolkeeper.limit(openmp=200, force=True):
        report = poolkeeper.doctor()
    codes = {finding.code for finding in report.findings}
    assert "PK101" in codes, str(report)
    assert "PK101" not in {finding.code for finding in poolkeeper.doctor().findings}


def test_a_program_is_shown_a_machine_of_128_cpus() -> None:
    code = "import os; print(os.cpu_count(), len(os.sched_getaffinity(0)))"
    done = run(COMMAND, "simulate", "--cpus", "128", "--", sys.executable, "-c", code)
    assert "128 128" in done.stdout.splitlines(), done.stdout + done.stderr


def test_run_sets_variables_that_the_pools_follow() -> None:
    code = "import numpy, poolkeeper; print(*(pool.num_threads for pool in poolkeeper.pools()))"
    done = run(COMMAND, "run", "--cpus", "1", "--", sys.executable, "-c", code)
    assert (done.stdout.split(), done.returncode) == (["1"], 0), done.stderr


def test_info_lists_what_numpy_brings() -> None:
    done = run(COMMAND, "info", "-i", "numpy", "--json")
    (pool,) = json.loads(done.stdout)
    assert (pool["runtime"], pool["architecture"]) == ("openblas", "neoversen1")


def test_k_means_gives_the_bits_of_x86_64() -> None:
    expected = json.loads(os.environ["POOLKEEPER_BITS_OF_X86_64"])
    done = run(sys.executable, str(HERE / "kmeans_bits.py"))
    assert done.returncode == 0, done.stderr
    assert len(expected) == 12
    assert json.loads(done.stdout) == expected


@pytest.mark.parametrize("bad", [0, -1, 10**9])
def test_a_wrong_limit_is_refused(bad: int) -> None:
    with pytest.raises(poolkeeper.LimitError):
        poolkeeper.limit(blas=bad)
