"""Limits and PyTorch, which sets OpenMP's number again in each thread.

A library poses as PyTorch's: PyTorch's own wheel is half a gigabyte.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from isolated import in_own_process
from scenario import Worker, load

pytestmark = pytest.mark.usefixtures("lab")


def _in_a_thread(work: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


@in_own_process
def test_the_first_operation_of_a_thread_keeps_the_limit() -> None:
    import poolkeeper

    torch = load("torch-fake")
    torch._ZN2at15set_num_threadsEi(5)

    def work() -> None:
        for _ in range(2):
            with poolkeeper.limit(1) as scope:
                (outcome,) = scope.outcomes
                assert (outcome.before, outcome.observed, outcome.status) == (5, 1, "applied")
                assert torch.operation() == 1
                assert torch.omp_get_max_threads() == 1
            # PyTorch's number for the process is this thread's from its first use on.
            assert torch.operation() == 5

    for _ in range(3):
        _in_a_thread(work)


@in_own_process
def test_it_is_asked_once_in_each_thread() -> None:
    import poolkeeper

    torch = load("torch-fake")

    def work() -> None:
        for _ in range(100):
            with poolkeeper.limit(2):
                torch.operation()

    work()
    assert torch.times_asked() == 1
    for threads in (2, 3):
        _in_a_thread(work)
        assert torch.times_asked() == threads


@in_own_process
def test_set_limit_and_the_threadpoolctl_layer_last_as_well() -> None:
    import poolkeeper
    from poolkeeper.threadpoolctl import threadpool_limits

    torch = load("torch-fake")
    torch._ZN2at15set_num_threadsEi(5)

    def sets() -> None:
        poolkeeper.set_limit(openmp=3)
        assert torch.operation() == 3

    def limits() -> None:
        with threadpool_limits(2):
            assert torch.operation() == 2
        assert torch.operation() == 5

    _in_a_thread(sets)
    _in_a_thread(limits)


@in_own_process
def test_loaded_inside_a_limit_it_does_not_undo_it() -> None:
    import poolkeeper

    gomp = load("libomp")
    gomp.omp_set_num_threads(6)
    with poolkeeper.limit(2):
        torch = load("torch-fake")
        assert torch.operation() == 2
        assert gomp.omp_get_max_threads() == 2
    assert torch.operation() == 8
    assert gomp.omp_get_max_threads() == 6


@in_own_process
def test_what_a_thread_holds_is_set_again_after_it_was_asked() -> None:
    import poolkeeper

    gomp = load("openmp-fake")
    with Worker() as worker:
        scope = worker(poolkeeper.limit, 2)
        assert worker(gomp.omp_get_max_threads) == 2
        # Loaded by another thread, and told a number, while the worker is in a limit.
        torch = load("torch-on-openmp-fake")
        torch._ZN2at15set_num_threadsEi(5)
        worker(poolkeeper.pools)
        assert worker(torch.operation) == 2
        assert worker(scope.release)[0].status == "restored"
        assert worker(torch.operation) == 8
