"""Worker processes: each gets its share of the budget, and its inner pools divide that."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import time
from concurrent import futures
from typing import Any

import poolkeeper
import pytest
from isolated import in_own_process
from scenario import counts, fake, in_child, load, the_pool

pytestmark = pytest.mark.usefixtures("lab")
METHODS = pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])


def _environment() -> dict[str, str | None]:
    names = ("POOLKEEPER_CPUS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
    return {name: os.environ.get(name) for name in names}


def _all(number: str | None) -> dict[str, str | None]:
    return dict.fromkeys(_environment(), number)


def _look(_: object = None) -> tuple[dict[str, int | None], dict[str, str | None]]:
    """Load an OpenBLAS of 8 threads unless it is loaded; say what there is."""
    fake()
    return {"openblas": counts()["openblas"]}, _environment()


def _look_inside(_: object = None) -> list[Any]:
    """What the worker of a worker sees."""
    with poolkeeper.ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as inner:
        return [inner.split.cpus, inner.split.processes, inner.submit(_look).result(timeout=60)]


@METHODS
@in_own_process
def test_an_executor_gives_each_process_its_share(method: str) -> None:
    fake()
    context = multiprocessing.get_context(method)
    with poolkeeper.ProcessPoolExecutor(2, context, cpus=6) as executor:
        assert [share.cpus for share in executor.split.workers] == [3, 3]
        assert list(executor.map(_look, range(4))) == [({"openblas": 3}, _all("3"))] * 4
    assert (counts(), _environment()) == ({"openblas": 8}, _all(None))


@METHODS
@in_own_process
def test_a_pool_of_multiprocessing(method: str) -> None:
    fake()
    context = poolkeeper.mp_context(2, openmp=1, blas=2, method=method, cpus=4)
    assert context.get_start_method() == method
    with context.Pool(2) as pool:
        blas_alone = {**_all("2"), "OMP_NUM_THREADS": "1"}
        assert pool.map(_look, range(4)) == [({"openblas": 2}, blas_alone)] * 4
        pool.close()
        pool.join()
    assert (counts(), _environment()) == ({"openblas": 8}, _all(None))


@METHODS
@in_own_process
def test_the_remainder_goes_to_the_first_and_to_who_comes_after_them(method: str) -> None:
    context = poolkeeper.mp_context(2, method=method, cpus=5)
    queue = context.Queue()
    hold = context.Event()

    def start() -> tuple[Any, str]:
        process = context.Process(target=_say_and_wait, args=(queue, hold))
        process.start()
        return process, queue.get(timeout=60)

    first, one = start()
    second, two = start()
    third, three = start()  # there is no third share
    assert (one, two, three) == ("3", "2", "2")
    hold.set()
    for process in (first, second, third):
        process.join(timeout=60)
        assert process.exitcode == 0
    first.close()
    fourth, four = start()
    assert four == "3"
    fourth.join(timeout=60)


def _say_and_wait(queue: Any, hold: Any) -> None:
    queue.put(os.environ["POOLKEEPER_CPUS"])
    hold.wait(60)


@METHODS
@in_own_process
def test_an_inner_pool_divides_the_share_not_the_machine(method: str) -> None:
    context = multiprocessing.get_context(method)
    with poolkeeper.ProcessPoolExecutor(1, context, cpus=3) as executor:
        # The 3 are more than this machine may have: an override only lowers.
        cpus = min(3, int(poolkeeper.cpus()))
        found = executor.submit(_look_inside).result(timeout=120)
        assert found == [cpus, cpus, ({"openblas": 1}, _all("1"))]
    with poolkeeper.ProcessPoolExecutor(2, context, cpus=2) as executor:
        found = executor.submit(_look_inside).result(timeout=120)
        assert found == [1, 1, ({"openblas": 1}, _all("1"))]


def _region(_: object = None) -> tuple[int | None, int]:
    """Run a k-means, whose regions have as many threads as libgomp says."""
    import numpy
    from sklearn.cluster import KMeans

    points = numpy.random.default_rng(0).normal(size=(2_000, 8))
    labels = KMeans(8, n_init=1, max_iter=5, random_state=0).fit(points).labels_
    return the_pool("libgomp").num_threads, len(labels)


@in_own_process(env={"OMP_NUM_THREADS": "2"})
def test_openmp_in_a_forked_worker_computes_with_its_share() -> None:
    assert _region() == (2, 2_000)
    context = multiprocessing.get_context("fork")
    with poolkeeper.ProcessPoolExecutor(2, context, cpus=4) as executor:
        assert executor.split.workers[0].openmp == 2
        assert executor.submit(_region).result(timeout=60) == (2, 2_000)
    with poolkeeper.mp_context(1, method="fork", cpus=2).Pool(1) as pool:
        assert pool.map(_region, [0]) == [(2, 2_000)]


@METHODS
@in_own_process
def test_real_libraries_loaded_by_a_worker(method: str) -> None:
    context = multiprocessing.get_context(method)
    with poolkeeper.ProcessPoolExecutor(1, context, cpus=1) as executor:
        assert executor.submit(_region).result(timeout=100) == (1, 2_000)


# --- spread, for pools of processes that are not ours


@METHODS
@in_own_process
def test_spread_is_an_initializer_for_processes(method: str) -> None:
    fake()
    context = multiprocessing.get_context(method)
    each = poolkeeper.spread(2, cpus=4)
    with context.Pool(2, initializer=each) as pool:
        assert pool.map(_look, range(4)) == [({"openblas": 2}, _all("2"))] * 4
        pool.close()
        pool.join()
    with futures.ProcessPoolExecutor(2, context, initializer=each) as executor:
        assert executor.submit(_look).result(timeout=60) == ({"openblas": 2}, _all("2"))
    assert (counts(), _environment()) == ({"openblas": 8}, _all(None))


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_spread_after_fork_gives_libgomp_one_thread() -> None:
    ctypes.CDLL("libgomp.so.1"), load("libomp")
    each = poolkeeper.spread(2, cpus=4)
    assert counts() == {"libgomp": 8, "libomp": 8}

    def child() -> dict[str, int | None]:
        each()
        return counts()

    # libomp keeps the number that the user has set.
    assert in_child(child) == {"libgomp": 1, "libomp": 8}


# --- the environment


@METHODS
@in_own_process(env={"OMP_NUM_THREADS": "7"})
def test_what_the_user_set_stays_unless_forced(method: str) -> None:
    for force, expected in ((False, "7"), (True, "2")):
        context = poolkeeper.mp_context(1, method=method, cpus=2, force=force)
        with futures.ProcessPoolExecutor(1, context) as executor:
            _, environment = executor.submit(_look).result(timeout=60)
            assert environment == {**_all("2"), "OMP_NUM_THREADS": expected}
    assert os.environ["OMP_NUM_THREADS"] == "7"


# --- errors


def _fail() -> None:
    raise KeyError("mine")


def _die() -> None:
    os._exit(3)


@METHODS
@in_own_process
def test_errors_and_deaths_are_those_of_concurrent_futures(method: str) -> None:
    context = multiprocessing.get_context(method)
    with poolkeeper.ProcessPoolExecutor(1, context) as executor:
        assert executor.submit(_fail).exception(timeout=60).args == ("mine",)
        with pytest.raises(futures.process.BrokenProcessPool):
            executor.submit(_die).result(timeout=60)
    with pytest.raises(RuntimeError, match=r"shutdown|terminated"):
        executor.submit(_look)
    deadline = time.monotonic() + 30
    while multiprocessing.active_children():
        assert time.monotonic() < deadline


@in_own_process
def test_a_process_that_cannot_be_started_gives_back_its_share() -> None:
    context = poolkeeper.mp_context(2, method="spawn", cpus=5)
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        context.Process(target=lambda: None).start()
    assert _environment() == _all(None)
    queue, hold = context.Queue(), context.Event()
    hold.set()
    process = context.Process(target=_say_and_wait, args=(queue, hold))
    process.start()
    assert queue.get(timeout=60) == "3"
    process.join(timeout=60)
    with pytest.raises(AssertionError, match="twice"):
        process.start()


def test_a_method_that_is_not_one() -> None:
    with pytest.raises(ValueError, match="fork, spawn, forkserver, not 'spwan'; did you mean 'spa"):
        poolkeeper.mp_context(1, method="spwan")


@pytest.mark.parametrize(("count", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_a_wrong_count(count: Any, error: type[Exception]) -> None:
    for make in (poolkeeper.mp_context, poolkeeper.ProcessPoolExecutor):
        with pytest.raises(error, match=str(count)):
            make(count)
        with pytest.raises(error, match=str(count)):
            make(1, cpus=count)


@in_own_process
def test_an_executor_without_numbers_has_one_process_for_each_cpu() -> None:
    os.environ["POOLKEEPER_CPUS"] = "1"
    with poolkeeper.ProcessPoolExecutor() as executor:
        assert (executor.split.processes, executor._max_workers) == (1, 1)
    with poolkeeper.ProcessPoolExecutor(2, max_tasks_per_child=1) as executor:
        pids = {executor.submit(os.getpid).result(timeout=60) for _ in range(2)}
        assert len(pids) == 2
    assert poolkeeper.mp_context().split.processes == 1
