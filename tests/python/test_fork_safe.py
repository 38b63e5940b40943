"""fork_safe and trim: idle OpenMP workers end, so that a forked child can start its own."""

from __future__ import annotations

import concurrent.futures as futures
import ctypes
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable

import poolkeeper
import pytest
from isolated import in_own_process
from region import threads as region
from scenario import Worker, load, path_of

pytestmark = pytest.mark.usefixtures("lab")

FOUR = {"OMP_NUM_THREADS": "4"}
#: Seconds that a child may take.
PATIENCE = 30


def _threads() -> int:
    """Return the threads of this process now."""
    return len(os.listdir("/proc/self/task"))


def _threads_become(count: int) -> bool:
    """Wait until this process has so many; one that was joined is listed for a moment more."""
    end = time.monotonic() + 5
    while _threads() != count and time.monotonic() < end:
        time.sleep(0.001)
    return _threads() == count


def _fork(work: Callable[[], object], patience: int = PATIENCE) -> int:
    """Return how a forked child ends that does some work: 0, or minus a signal."""
    child = os.fork()
    if child == 0:
        signal.alarm(patience)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _libgomp() -> None:
    ctypes.CDLL("libgomp.so.1")


def _workers_left() -> int:
    """Run a region, fork, and return how many of its workers there are then."""
    before = _threads()
    region()
    _fork(int)
    return _threads() - before


@in_own_process(env=FOUR)
def test_workers_end_before_a_fork_and_regions_go_on_as_before() -> None:
    _libgomp()
    assert _workers_left() == 3  # off: nothing is touched
    poolkeeper.fork_safe()
    assert _workers_left() == -3  # the three of before are gone, too
    assert (region(), _fork(region)) == (4, 0)


@in_own_process(env=FOUR)
def test_what_the_program_says_itself_counts() -> None:
    _libgomp()
    with poolkeeper.guard():
        with poolkeeper.auto():
            assert _workers_left() == 0
        assert _workers_left() == 0
        poolkeeper.fork_safe(False)
        assert _workers_left() == 3
    poolkeeper.trim()
    poolkeeper.fork_safe(True)
    assert _workers_left() == 0


@in_own_process(env=FOUR)
def test_it_ends_with_auto() -> None:
    _libgomp()
    done = poolkeeper.auto()
    assert _workers_left() == 0
    done.release()
    done.release()
    assert _workers_left() == 3


@in_own_process(env=FOUR)
def test_a_library_that_poolkeeper_has_not_seen_yet() -> None:
    poolkeeper.fork_safe()
    before = _threads()
    library = ctypes.CDLL("libgomp.so.1")
    body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
    library.GOMP_parallel(body, None, ctypes.c_uint(0), ctypes.c_uint(0))
    assert _threads() == before + 3
    assert _fork(region) == 0
    assert _threads_become(before)


@in_own_process(env=FOUR)
def test_a_fork_by_c_code() -> None:
    _libgomp()
    poolkeeper.fork_safe()
    region()
    before = _threads()
    libc = ctypes.PyDLL(None)  # keeps the GIL, as a C extension would
    child = libc.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        libc.PyOS_AfterFork_Child()
        os._exit(0 if region() == 4 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert _threads_become(before - 3)


@in_own_process(env=FOUR)
def test_workers_that_began_scopes_end() -> None:
    # Each gives up its place in the registry as it ends, while the fork waits for it.
    _libgomp()
    poolkeeper.fork_safe()
    library = ctypes.CDLL("libgomp.so.1")
    limited: list[int] = []

    def work(_: object) -> None:
        with poolkeeper.limit(1):
            limited.append(threading.get_ident())

    body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(work)
    for _ in range(5):
        library.GOMP_parallel(body, None, ctypes.c_uint(0), ctypes.c_uint(0))
        assert _fork(region) == 0
    assert len(limited) == 5 * 4


@in_own_process(env=FOUR)
def test_a_fork_in_a_scope_keeps_the_limit() -> None:
    _libgomp()
    poolkeeper.fork_safe()
    region()
    with poolkeeper.limit(2):
        assert region() == 2
        assert _fork(lambda: os._exit(region())) == 2
        assert region() == 2
    assert region() == 4


@in_own_process(env=FOUR)
def test_other_threads_compute_meanwhile() -> None:
    # Fits that run no Python in OpenMP's threads: CPython 3.11 leaves a lock of its own
    # held in a child, if a thread of C's enters Python during the fork.
    import numpy
    from sklearn.ensemble import HistGradientBoostingRegressor

    poolkeeper.fork_safe()
    X = numpy.random.default_rng(0).normal(size=(500, 4))
    done = threading.Event()

    def fit() -> float:
        model = HistGradientBoostingRegressor(max_iter=3).fit(X, X[:, 0])
        return float(model.predict(X).sum())

    right = fit()
    found: list[float] = []

    def compute() -> None:
        while not done.is_set():
            found.append(fit())

    def child() -> None:
        os._exit(0 if fit() == right else 1)

    others = [threading.Thread(target=compute) for _ in range(2)]
    for other in others:
        other.start()
    codes = {_fork(child) for _ in range(10) if fit() == right}
    done.set()
    for other in others:
        other.join()
    assert codes == {0}
    assert set(found) == {right}


@in_own_process(env=FOUR)
def test_a_fork_by_another_thread_than_the_one_that_computes() -> None:
    _libgomp()
    poolkeeper.fork_safe()
    region()
    with Worker() as worker:
        assert worker(lambda: _fork(region)) == 0
    assert region() == 4


def _empty_region() -> None:
    """Run a region whose threads do nothing, and no Python."""
    nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
    library = ctypes.CDLL("libgomp.so.1")
    library.GOMP_parallel(nothing, None, ctypes.c_uint(0), ctypes.c_uint(0))


def _beside(work: Callable[[], object], forks: Callable[[], int], count: int) -> set[int]:
    """Return how children end that are forked while another thread works."""
    done = threading.Event()

    def again() -> None:
        while not done.is_set():
            work()

    other = threading.Thread(target=again)
    other.start()
    codes = {forks() for _ in range(count)}
    done.set()
    other.join()
    return codes


@pytest.mark.parametrize("other", ["trims", "forks", "lists"])
@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_another_thread_ends_its_workers_at_the_same_time(other: str) -> None:
    _libgomp()
    poolkeeper.fork_safe()

    def child() -> None:
        poolkeeper.pools()
        _empty_region()

    def fork() -> int:
        _empty_region()
        return _fork(child, 5)

    def trim() -> None:
        _empty_region()
        poolkeeper.trim()

    work = {"trims": trim, "forks": fork, "lists": poolkeeper.pools}[other]
    assert _beside(work, fork, 150) == {0}


@in_own_process(env=FOUR)
def test_a_fork_by_c_code_while_another_thread_lists_pools() -> None:
    region_of = ctypes.CDLL("libgomp.so.1").GOMP_parallel
    forker = ctypes.PyDLL(str(path_of("forker")))  # which keeps the GIL, as an extension may
    poolkeeper.pools()  # a fork by C code is safe for what has been seen
    poolkeeper.fork_safe()

    def fork() -> int:
        return int(forker.status_of_a_child(region_of, ctypes.c_uint(5)))

    assert _beside(poolkeeper.pools, fork, 100) == {0}


@in_own_process(env=FOUR)
def test_a_child_knows_how_it_was_forked() -> None:
    _libgomp()
    region()
    each = poolkeeper.spread(1)

    def child() -> None:
        poolkeeper.auto()  # makes its own forks safe, and not the one that made it
        each()
        os._exit(region())

    assert _fork(child, 5) == 1
    poolkeeper.fork_safe()
    region()
    assert _fork(lambda: (each(), os._exit(region())), 5) == 4  # as the user has set


@in_own_process(env=FOUR)
def test_what_is_released_in_a_child_is_off_there() -> None:
    _libgomp()
    done = poolkeeper.auto()

    def child() -> None:
        assert _workers_left() == 0
        done.release()
        os._exit(_workers_left())

    assert _fork(child) == 3


@in_own_process(env=FOUR)
def test_libomp_is_left_alone() -> None:
    load("libomp")
    library = ctypes.CDLL(str(path_of("libomp")))
    poolkeeper.fork_safe()
    before = _threads()
    body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
    library.GOMP_parallel(body, None, ctypes.c_uint(0), ctypes.c_uint(0))
    workers = _threads() - before
    poolkeeper.trim()
    assert workers >= 3
    assert _threads() - before == workers
    assert _fork(lambda: library.GOMP_parallel(body, None, ctypes.c_uint(0), ctypes.c_uint(0))) == 0


# --- trim


@in_own_process(env=FOUR)
def test_trim_ends_workers_and_keeps_settings() -> None:
    _libgomp()
    before = _threads()
    with poolkeeper.limit(3):
        assert region() == 3
        poolkeeper.trim()
        poolkeeper.trim()
        assert _threads_become(before)
        assert region() == 3
    assert region() == 4


@in_own_process(env=FOUR)
def test_trim_is_of_the_calling_thread() -> None:
    _libgomp()
    with Worker() as worker:
        before = _threads()
        assert worker(region) == 4
        poolkeeper.trim()
        assert _threads() == before + 3
        worker(poolkeeper.trim)
        assert _threads_become(before)


@in_own_process
def test_trim_where_nothing_is_loaded() -> None:
    poolkeeper.trim()
    assert _fork(poolkeeper.trim) == 0


@in_own_process(env=FOUR)
def test_trim_inside_a_region_does_nothing() -> None:
    library = ctypes.CDLL("libgomp.so.1")
    seen: list[int] = []

    def work(_: object) -> None:
        poolkeeper.trim()
        seen.append(threading.get_ident())

    body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(work)
    library.GOMP_parallel(body, None, ctypes.c_uint(0), ctypes.c_uint(0))
    assert len(set(seen)) == 4
    assert region() == 4


# --- workers of ours


@in_own_process(env={"OMP_NUM_THREADS": "2"})
def test_a_forked_worker_has_its_share_unless_it_was_turned_off() -> None:
    _libgomp()
    region()
    context = multiprocessing.get_context("fork")
    for on, expected in ((True, 2), (False, 1)):
        if not on:
            poolkeeper.fork_safe(False)
        with poolkeeper.ProcessPoolExecutor(1, context, cpus=2) as executor:
            assert executor.submit(region).result(timeout=PATIENCE) == expected
        with futures.ProcessPoolExecutor(
            1, poolkeeper.mp_context(1, cpus=2, method="fork")
        ) as pool:
            assert pool.submit(region).result(timeout=PATIENCE) == expected


@in_own_process(env=FOUR)
def test_trim_while_another_thread_lists_pools() -> None:
    _libgomp()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            poolkeeper.pools()

    other = threading.Thread(target=look)
    other.start()
    threads = _threads()
    trimmed = []
    for _ in range(100):
        _empty_region()
        poolkeeper.trim()
        trimmed.append(_threads_become(threads))
    done.set()
    other.join()
    assert all(trimmed)
