"""`poolkeeper.parallel`: joblib's workers share the budget, and what is inside them theirs."""

from __future__ import annotations

import os
import textwrap
from typing import Any

import joblib
import poolkeeper
import pytest
from isolated import in_own_process, run_python
from scenario import fake, the_pool

pytestmark = pytest.mark.usefixtures("lab")
NAMES = ("POOLKEEPER_CPUS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def _environment() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in NAMES}


def _look(_: object = None) -> dict[str, Any]:
    """Say what a worker has; an OpenBLAS loaded here starts from its environment."""
    import numpy  # noqa: F401

    blas = {pool.num_threads for pool in poolkeeper.pools() if pool.level == "blas"}
    return {"pid": os.getpid(), "blas": blas, **_environment()}


def _share(number: str) -> dict[str, str]:
    return dict.fromkeys(NAMES, number)


def _without_pid(seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "pid"} for each in seen]


@in_own_process
def test_loky_workers_begin_with_their_share() -> None:
    with poolkeeper.parallel(2, cpus=4) as parallel:
        assert (parallel.workers, parallel.share.cpus) == (2, 2)
        seen = joblib.Parallel()(joblib.delayed(_look)(n) for n in range(8))
        assert os.getpid() not in {each["pid"] for each in seen}
        # An OpenBLAS starts with no more threads than the machine has CPUs.
        blas = {min(2, len(os.sched_getaffinity(0)))}
        assert _without_pid(seen) == [{"blas": blas, **_share("2")}] * 8
        assert _environment() == dict.fromkeys(NAMES)  # the parent's is as it was
    assert joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(2)) == [os.getpid()] * 2


@in_own_process
def test_workers_of_another_share_are_not_taken_again() -> None:
    for cpus, share in ((2, "1"), (4, "2"), (6, "3"), (2, "1")):
        with poolkeeper.parallel(2, cpus=cpus):
            seen = joblib.Parallel()(joblib.delayed(_environment)() for _ in range(4))
        assert seen == [_share(share)] * 4
    plain = joblib.Parallel(n_jobs=2)(joblib.delayed(_environment)() for _ in range(4))
    assert {each["POOLKEEPER_CPUS"] for each in plain} == {None}


@in_own_process
def test_a_call_gets_no_more_workers_than_the_budget_was_divided_for() -> None:
    with poolkeeper.parallel(2, openmp=1, blas=3, cpus=7) as parallel:
        assert (parallel.share.openmp, parallel.share.blas) == (1, 3)
        for jobs in (None, -1, 2, 16):
            call = joblib.Parallel(n_jobs=jobs) if jobs else joblib.Parallel()
            assert call._effective_n_jobs() == 2
        assert joblib.Parallel(n_jobs=1)._effective_n_jobs() == 1
    with poolkeeper.parallel(16, cpus=3) as parallel:
        assert parallel.workers == 3


def _parallel_inside(_: object = None) -> list[tuple[int, dict[str, str | None]]]:
    """Ask for 4 more workers inside a worker."""
    inner = joblib.Parallel(n_jobs=4)
    seen = inner(joblib.delayed(_environment)() for _ in range(4))
    return [(inner._effective_n_jobs(), each) for each in seen]


def _parallel_of_ours_inside(_: object = None) -> tuple[int, int, Any]:
    with poolkeeper.parallel() as inner:
        seen = joblib.Parallel()(joblib.delayed(_environment)() for _ in range(2))
    return inner.workers, inner.share.cpus, seen


@in_own_process
def test_a_parallel_call_inside_a_process_divides_its_share() -> None:
    with poolkeeper.parallel(2, cpus=2):
        seen = joblib.Parallel()(joblib.delayed(_parallel_inside)(n) for n in range(2))
        assert seen == [[(1, _share("1"))] * 4] * 2
        seen = joblib.Parallel()(joblib.delayed(_parallel_of_ours_inside)(n) for n in range(2))
        assert seen == [(1, 1, [_share("1")] * 2)] * 2


@in_own_process(env={"OMP_NUM_THREADS": "7"})
def test_what_the_user_set_stays_unless_forced() -> None:
    for force, expected in ((False, "7"), (True, "2")):
        with poolkeeper.parallel(2, cpus=4, force=force):
            (seen, _) = joblib.Parallel()(joblib.delayed(_environment)() for _ in range(2))
        assert seen == {**_share("2"), "OMP_NUM_THREADS": expected}


# --- threads


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_threads_share_what_the_caller_may_use() -> None:
    import ctypes
    import threading

    library, _ = fake(), ctypes.CDLL("libgomp.so.1")
    barrier = threading.Barrier(2)

    def look() -> tuple[int, int | None]:
        barrier.wait(timeout=30)  # both have begun
        seen = (library.openblas_get_num_threads(), the_pool("libgomp").num_threads)
        barrier.wait(timeout=30)
        return seen

    with (
        poolkeeper.limit(openmp=6),
        poolkeeper.parallel(2, backend="threading", cpus=8) as parallel,
    ):
        assert (parallel.workers, parallel.share.openmp, parallel.share.blas) == (2, 3, 4)
        seen = joblib.Parallel()(joblib.delayed(look)() for _ in range(2))
        assert seen == [(4, 3)] * 2


def _jobs_inside() -> int:
    return int(joblib.Parallel(n_jobs=4)._effective_n_jobs())


@in_own_process
def test_a_parallel_call_inside_a_thread_divides_its_share() -> None:
    with poolkeeper.parallel(2, backend="threading", cpus=2):
        assert joblib.Parallel()(joblib.delayed(_jobs_inside)() for _ in range(4)) == [1] * 4
    with poolkeeper.parallel(2, backend="threading", cpus=6):
        expected = min(3, int(poolkeeper.cpus()))  # inside, this machine's CPUs count too
        assert joblib.Parallel()(joblib.delayed(_jobs_inside)() for _ in range(4)) == [expected] * 4


# --- scikit-learn, errors


@in_own_process
def test_scikit_learn_runs_within_its_share() -> None:
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.model_selection import cross_val_score

    class Looks(ClassifierMixin, BaseEstimator):
        """A classifier whose score is the OpenMP and BLAS threads it may use."""

        def fit(self, features: Any, target: Any) -> Looks:
            self.classes_ = np.unique(target)
            return self

        def score(self, *_: Any) -> float:
            pools = [pool for pool in poolkeeper.pools() if pool.runtime != "arrow_io"]
            return max(pool.num_threads or 0 for pool in pools)

    features, target = np.ones((40, 2)), np.arange(40) % 2
    for backend in ("loky", "threading"):
        with poolkeeper.parallel(2, backend=backend, cpus=2):
            scores = cross_val_score(Looks(), features, target, cv=4)
        assert list(scores) == [1.0] * 4


def _fail() -> None:
    raise KeyError("mine")


def _die() -> None:
    os._exit(3)


@in_own_process
def test_errors_are_the_tasks_own_and_the_configuration_ends_with_the_block() -> None:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    for task, error in ((_fail, KeyError), (_die, TerminatedWorkerError)):
        with pytest.raises(error), poolkeeper.parallel(2, cpus=2):
            joblib.Parallel()(joblib.delayed(task)() for _ in range(2))
        assert joblib.Parallel()._effective_n_jobs() == 1
    with poolkeeper.parallel(2, cpus=2):
        assert joblib.Parallel()(joblib.delayed(abs)(n) for n in (-1, 2)) == [1, 2]


@in_own_process
def test_blocks_in_blocks() -> None:
    with poolkeeper.parallel(2, cpus=6) as parallel:
        with poolkeeper.parallel(3, cpus=6), parallel:
            assert joblib.Parallel()._effective_n_jobs() == 2
        assert joblib.Parallel()._effective_n_jobs() == 2
    assert joblib.Parallel()._effective_n_jobs() == 1


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="loky, threading, not 'lokky'; did you mean 'loky'"):
        poolkeeper.parallel(2, backend="lokky")
    with pytest.raises(ValueError, match="limit that"):
        poolkeeper.parallel(2, blas=2, backend="threading")
    for backend in ("loky", "threading"):
        with pytest.raises(poolkeeper.LimitError, match="0"):
            poolkeeper.parallel(0, backend=backend)
        with pytest.raises(TypeError, match=r"1\.5"):
            poolkeeper.parallel(1.5, backend=backend)  # type: ignore[arg-type]


def test_poolkeeper_does_not_need_joblib() -> None:
    code = """
    import sys
    sys.modules["joblib"] = None
    from poolkeeper import *
    try:
        parallel(2)
    except ImportError as error:
        print(error.name)
    """
    assert run_python(textwrap.dedent(code)).stdout.startswith("joblib")
