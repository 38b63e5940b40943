"""numba within the budget: it takes a changed variable for an error once it has run."""

from __future__ import annotations

import os
import threading

import poolkeeper
import pytest
from isolated import in_own_process
from posing_numba import VARIABLE, Numba

#: More threads than this machine has CPUs, so that every limit is one.
WIDE = 64


@in_own_process(env={VARIABLE: str(WIDE), "POOLKEEPER_CPUS": "1"})
def test_a_variable_of_the_users_is_kept() -> None:
    numba = Numba()
    assert numba.run_in_parallel() == WIDE
    with poolkeeper.auto() as done:
        assert (VARIABLE, str(WIDE), 1) in done.kept
        numba.compile()
        assert numba.run_in_parallel() == WIDE, "what is said to be kept is"


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_one_that_has_run_is_lowered_by_its_own_function() -> None:
    numba = Numba()
    before = numba.run_in_parallel()
    done = poolkeeper.auto()
    assert VARIABLE not in os.environ
    numba.compile()
    assert numba.run_in_parallel() == 1
    done.release()
    numba.compile()
    assert (VARIABLE in os.environ, numba.run_in_parallel()) == (False, before)


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_one_that_has_not_run_starts_with_the_share() -> None:
    numba = Numba()
    done = poolkeeper.auto()
    assert (numba.ceiling, os.environ[VARIABLE]) == (1, "1")
    assert numba.run_in_parallel() == 1
    numba.compile()
    done.release()  # its threads have been started: too late for another number
    os.environ["NUMBA_DEBUG"] = "0"  # it looks at all of its variables now
    numba.compile()
    assert numba.run_in_parallel() == 1


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_one_that_never_ran_is_as_it_was_after_the_release() -> None:
    numba = Numba()
    before = numba.ceiling
    with poolkeeper.auto():
        assert numba.ceiling == 1
    assert (numba.ceiling, VARIABLE in os.environ) == (before, False)
    numba.compile()
    assert not numba.parallel._is_initialized


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_a_second_auto_and_somebody_elses_number() -> None:
    numba = Numba()
    before = numba.run_in_parallel()
    for _ in range(3):
        done = poolkeeper.auto()
        numba.compile()
        assert numba.run_in_parallel() == 1
    done.release()
    assert numba.run_in_parallel() == before
    done = poolkeeper.auto()
    numba.set_num_threads(before)
    done.release()
    assert numba.run_in_parallel() == before


def _look() -> tuple[int, bool]:
    import sys

    numba = sys.modules["numba"]
    numba.compile()
    return numba.get_num_threads(), VARIABLE in os.environ


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_a_forked_worker() -> None:
    numba = Numba()
    numba.run_in_parallel()
    with poolkeeper.ProcessPoolExecutor(1, poolkeeper.mp_context(1, method="fork")) as processes:
        assert processes.submit(_look).result() == (1, False)
    numba.compile()
    assert VARIABLE not in os.environ


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_the_environment_that_is_lent_to_a_spawned_worker() -> None:
    numba = Numba()
    seen: list[str | None] = []
    start = threading.Thread.start  # concurrent.futures and multiprocessing start some

    def look(thread: threading.Thread) -> None:
        seen.append(os.environ.get(VARIABLE))
        numba.compile()
        start(thread)

    threading.Thread.start = look  # type: ignore[method-assign]
    with poolkeeper.ProcessPoolExecutor(1, poolkeeper.mp_context(1, method="spawn")) as processes:
        assert processes.submit(os.getpid).result() != os.getpid()
    assert set(seen) == {None}


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_a_task_of_a_thread_is_lowered_and_its_thread_goes_back() -> None:
    numba = Numba()
    before = numba.run_in_parallel()
    with poolkeeper.ThreadPoolExecutor(1) as threads:
        assert threads.submit(numba.run_in_parallel).result() == 1
        # The same thread, without our task around.
        plain = super(type(threads), threads)
        assert plain.submit(numba.run_in_parallel).result() == before


@pytest.mark.parametrize("has_run", [True, False])
@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_an_environment_for_a_while(has_run: bool) -> None:
    """What ``WorkerLimits`` does in a worker of Dask's."""
    from poolkeeper import _worker

    numba = Numba()
    if has_run:
        numba.run_in_parallel()
    before = numba.ceiling
    with _worker.environment(poolkeeper.split().workers[0]):
        numba.compile()
        assert (VARIABLE in os.environ) == (not has_run)
        assert numba.ceiling == (before if has_run else 1)
    numba.compile()
    assert (numba.ceiling, VARIABLE in os.environ) == (before, False)
