"""Worker threads: each gets its share of what the caller may use, and gives it back."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from concurrent import futures
from multiprocessing.pool import ThreadPool
from typing import Any

import poolkeeper
import pytest
from isolated import in_own_process
from scenario import counts, fake, the_pool

pytestmark = pytest.mark.usefixtures("lab")
EIGHT = {"OMP_NUM_THREADS": "8"}


def _load() -> None:
    """Load an OpenBLAS and a libgomp of 8 threads each."""
    fake(), ctypes.CDLL("libgomp.so.1")
    assert counts() == {"openblas": 8, "libgomp": 8}


def _at_once(workers: int) -> Callable[..., Any]:
    """Make a task that says what each of the workers sees while all of them work."""
    barrier = threading.Barrier(workers)

    def task(_: object = None) -> tuple[int, dict[str, int | None]]:
        barrier.wait(timeout=30)
        seen = counts()
        barrier.wait(timeout=30)
        return threading.get_ident(), seen

    return task


def _wait_for_the_end_of_threads() -> None:
    """Wait until this is the only thread: others give back what they hold as they end."""
    deadline = time.monotonic() + 30
    while len(os.listdir("/proc/self/task")) > 1:
        assert time.monotonic() < deadline
        os.sched_yield()


# --- the executor


@in_own_process(env=EIGHT)
def test_each_worker_gets_its_share_while_it_works() -> None:
    _load()
    with poolkeeper.ThreadPoolExecutor(4, cpus=8) as executor:
        assert (executor.share.cpus, executor.share.openmp, executor.share.blas) == (2, 2, 2)
        seen = list(executor.map(_at_once(4), range(4)))
        assert len({thread for thread, _ in seen}) == 4
        assert [count for _, count in seen] == [{"openblas": 2, "libgomp": 2}] * 4
        assert counts() == {"openblas": 8, "libgomp": 8}  # no task runs
    assert counts() == {"openblas": 8, "libgomp": 8}


@in_own_process(env=EIGHT)
def test_the_limits_of_the_thread_that_makes_it_are_inherited() -> None:
    _load()
    with (
        poolkeeper.limit(openmp=4, blas=6),
        poolkeeper.ThreadPoolExecutor(2, cpus=8) as executor,
    ):
        seen = executor.map(_at_once(2), range(2))
        assert [count for _, count in seen] == [{"openblas": 3, "libgomp": 2}] * 2


@in_own_process(env=EIGHT)
def test_a_pool_inside_a_worker_divides_the_share() -> None:
    _load()

    def outer() -> tuple[int, int, list[Any]]:
        with poolkeeper.ThreadPoolExecutor() as inner:
            workers = inner._max_workers
            seen = [count for _, count in inner.map(_at_once(workers), range(workers))]
        return workers, inner.share.cpus, seen

    with poolkeeper.ThreadPoolExecutor(2, cpus=2) as executor:
        one = {"openblas": 1, "libgomp": 1}
        assert executor.submit(outer).result(timeout=60) == (1, 1, [one])
    with poolkeeper.ThreadPoolExecutor(2, cpus=2) as executor:
        explicit = executor.submit(poolkeeper.ThreadPoolExecutor, 4).result(timeout=60)
        assert explicit.share.cpus == 1
        explicit.shutdown()


@in_own_process(env={**EIGHT, "POOLKEEPER_CPUS": "1"})
def test_it_has_one_worker_for_each_cpu_of_the_budget() -> None:
    _load()
    with poolkeeper.ThreadPoolExecutor() as executor:
        assert executor._max_workers == 1
        assert executor.submit(counts).result(timeout=60) == {"openblas": 1, "libgomp": 1}


@in_own_process(env=EIGHT)
def test_a_failed_task_raises_and_gives_back_its_limit() -> None:
    _load()

    def fail() -> None:
        raise KeyError("mine", counts()["openblas"])

    with poolkeeper.ThreadPoolExecutor(2, cpus=4) as executor:
        assert executor.submit(fail).exception(timeout=60).args == ("mine", 2)
        assert counts()["openblas"] == 8
        assert executor.submit(lambda a, *, b: (a, b), 1, b=2).result(timeout=60) == (1, 2)


@in_own_process(env=EIGHT)
def test_it_is_an_executor_of_concurrent_futures() -> None:
    _load()
    said = []
    executor = poolkeeper.ThreadPoolExecutor(
        2, "mine", lambda word: said.append((word, counts())), ("word",), cpus=4
    )
    assert isinstance(executor, futures.ThreadPoolExecutor)
    name = executor.submit(lambda: threading.current_thread().name).result(timeout=60)
    assert name.startswith("mine")
    assert said == [("word", {"openblas": 2, "libgomp": 2})]
    executor.shutdown(wait=True, cancel_futures=True)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(counts)
    _wait_for_the_end_of_threads()
    assert counts() == {"openblas": 8, "libgomp": 8}


@in_own_process(env=EIGHT)
def test_a_failed_initializer_breaks_the_executor_and_leaves_no_limit() -> None:
    import logging

    _load()
    logging.disable()

    def fail() -> None:
        raise RuntimeError("no")

    with (
        poolkeeper.ThreadPoolExecutor(1, initializer=fail) as executor,
        pytest.raises(futures.BrokenExecutor),
    ):
        executor.submit(counts).result(timeout=60)
    assert counts() == {"openblas": 8, "libgomp": 8}


@in_own_process
def test_more_callers_than_a_blas_survives_are_not_started_unasked_and_warned_of() -> None:
    fake()
    capacity = the_pool("openblas").capacity
    assert capacity < 64
    with poolkeeper.ThreadPoolExecutor(cpus=64) as executor:
        assert executor._max_workers <= capacity
    for make in (poolkeeper.ThreadPoolExecutor, poolkeeper.spread):
        make(capacity)
        with pytest.warns(poolkeeper.LimitWarning, match=f"survives {capacity}") as caught:
            make(capacity + 1)
        assert caught[0].filename == __file__


@pytest.mark.parametrize("workers", [0, -1, 100_000])
def test_a_count_out_of_range_is_an_error(workers: int) -> None:
    for make in (poolkeeper.ThreadPoolExecutor, poolkeeper.spread):
        with pytest.raises(poolkeeper.LimitError, match=str(workers).lstrip("-")):
            make(workers)
    with pytest.raises(poolkeeper.LimitError):
        poolkeeper.ThreadPoolExecutor(1, cpus=workers)


@pytest.mark.parametrize("workers", [1.5, "4", True])
def test_a_count_that_is_no_whole_number_is_an_error(workers: Any) -> None:
    for make in (poolkeeper.ThreadPoolExecutor, poolkeeper.spread):
        with pytest.raises(TypeError, match=repr(workers)):
            make(workers)


def test_an_initializer_that_cannot_be_called_is_an_error() -> None:
    with pytest.raises(TypeError, match="initializer must be a callable"):
        poolkeeper.ThreadPoolExecutor(1, initializer=1)


# --- other pools


@in_own_process(env=EIGHT)
def test_spread_limits_the_workers_of_a_thread_pool_until_they_end() -> None:
    _load()
    with ThreadPool(4, initializer=poolkeeper.spread(4, cpus=8)) as pool:
        seen = pool.map(_at_once(4), range(4), chunksize=1)
        assert [count for _, count in seen] == [{"openblas": 2, "libgomp": 2}] * 4
        assert counts() == {"openblas": 2, "libgomp": 8}  # the first is one for all threads
        pool.close()
        pool.join()
    _wait_for_the_end_of_threads()
    assert counts() == {"openblas": 8, "libgomp": 8}


@in_own_process(env=EIGHT)
def test_spread_is_an_initializer_for_concurrent_futures() -> None:
    _load()
    each = poolkeeper.spread(2, cpus=6)
    assert (each.workers, each.share.cpus) == (2, 3)
    with futures.ThreadPoolExecutor(2, initializer=each) as executor:
        seen = executor.map(_at_once(2), range(2))
        assert [count for _, count in seen] == [{"openblas": 3, "libgomp": 3}] * 2
    _wait_for_the_end_of_threads()
    assert counts() == {"openblas": 8, "libgomp": 8}


@in_own_process(env=EIGHT)
def test_a_thread_that_is_given_another_share_keeps_the_last() -> None:
    _load()
    several, one = poolkeeper.spread(4, cpus=8), poolkeeper.spread(1, cpus=5)

    def work() -> list[Any]:
        several()
        first = counts()
        one()
        return [first, counts()]

    with futures.ThreadPoolExecutor(1) as executor:
        assert executor.submit(work).result(timeout=60) == [
            {"openblas": 2, "libgomp": 2}, {"openblas": 5, "libgomp": 5},
        ]  # fmt: skip


def _begin_a_thread_that_never_ends() -> None:
    begun = threading.Event()
    spread = poolkeeper.spread(2, cpus=4)

    def work() -> None:
        spread()
        begun.set()
        threading.Event().wait()

    threading.Thread(target=work, daemon=True).start()
    assert begun.wait(timeout=30)


# What the main thread then drops, it drops in silence: `in_own_process` fails
# what writes to standard error.
@in_own_process(env=EIGHT)
def test_a_thread_may_outlive_the_interpreter() -> None:
    _load()
    _begin_a_thread_that_never_ends()
    assert counts() == {"openblas": 2, "libgomp": 8}


@in_own_process(env=EIGHT)
def test_a_forked_child_drops_the_limits_of_threads_that_it_does_not_have() -> None:
    _load()
    _begin_a_thread_that_never_ends()
    child = os.fork()
    if child == 0:
        import gc

        gc.collect()
        os._exit(0 if counts()["libgomp"] == 8 else 1)
    assert os.waitpid(child, 0)[1] == 0


@in_own_process
def test_a_library_loaded_in_a_worker_is_limited_too() -> None:
    with poolkeeper.ThreadPoolExecutor(2, cpus=4) as executor:

        def load_and_look() -> int:
            fake()
            return the_pool("openblas").num_threads

        assert executor.submit(load_and_look).result(timeout=60) == 2
    assert counts() == {"openblas": 8}


@in_own_process
def test_real_libraries_compute_in_16_workers() -> None:
    import numpy as np
    from sklearn.cluster import KMeans

    points = np.random.default_rng(0).normal(size=(300, 8))

    def work(seed: int) -> tuple[set[int | None], int]:
        labels = KMeans(4, n_init=1, random_state=seed).fit(points).labels_
        # Arrow's I/O, which comes with pandas, keeps 4 threads, which wait.
        pools = [pool for pool in poolkeeper.pools() if pool.runtime != "arrow_io"]
        return {pool.num_threads for pool in pools}, len(labels)

    before = [pool.num_threads for pool in poolkeeper.pools()]
    with poolkeeper.ThreadPoolExecutor(16) as executor:
        assert list(executor.map(work, range(16))) == [({1}, 300)] * 16
    assert [pool.num_threads for pool in poolkeeper.pools()] == before


@in_own_process
def test_the_budget_of_a_worker_is_its_share() -> None:
    whole = int(poolkeeper.cpus())
    with poolkeeper.ThreadPoolExecutor(2, cpus=2) as executor:
        found = executor.submit(poolkeeper.cpus).result()
        assert (int(found), found.deciding.kind, found.deciding.value) == (1, "worker", "1")
        assert executor.submit(lambda: poolkeeper.split().cpus).result() == 1
        assert executor.submit(lambda: poolkeeper.split(cpus=3).cpus).result() == 3
        assert executor.submit(lambda: int(poolkeeper.cpus(os.getpid()))).result() == whole
    with futures.ThreadPoolExecutor(1, initializer=poolkeeper.spread(2, cpus=2)) as executor:
        assert int(executor.submit(poolkeeper.cpus).result()) == 1
    with futures.ThreadPoolExecutor(1) as executor:
        assert int(executor.submit(poolkeeper.cpus).result()) == whole
    assert int(poolkeeper.cpus()) == whole
