"""Forking in, out of and beside scopes: the child drops what it has no thread for."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import threading

import pytest
from isolated import in_own_process
from scenario import Worker, by_name, counts, fake, in_child, load

pytestmark = pytest.mark.usefixtures("lab")


def _raw() -> dict[str, int]:
    """The counts, asked of the library itself: poolkeeper isn't called."""
    return {"openblas": fake().openblas_get_num_threads()}


@in_own_process
def test_a_child_made_outside_scopes_can_limit() -> None:
    import poolkeeper

    fake()

    def child() -> list[object]:
        with poolkeeper.limit(2):
            inside = counts()
        return [inside, counts()]

    assert in_child(child) == [{"openblas": 2}, {"openblas": 8}]
    assert counts() == {"openblas": 8}


@pytest.mark.parametrize("openmp", ["libgomp", "libomp"])
@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_a_child_made_in_a_scope_keeps_it_until_it_ends_it(openmp: str) -> None:
    import poolkeeper

    fake(), ctypes.CDLL("libgomp.so.1") if openmp == "libgomp" else load("libomp")
    scope = poolkeeper.limit(2)

    def child() -> list[object]:
        before = counts()
        return [before, by_name(scope.release()), counts()]

    two, eight = ({"openblas": n, openmp: n} for n in (2, 8))
    restored = {"openblas": "restored", openmp: "restored"}
    assert in_child(child) == [two, restored, eight]
    assert counts() == two  # the child's end is not the parent's
    scope.release()
    assert counts() == eight


@in_own_process
def test_a_scope_of_another_thread_is_dropped_though_the_child_never_asks() -> None:
    import poolkeeper

    library = fake()
    with Worker() as other:
        scope = other(poolkeeper.limit, 2)
        assert library.openblas_get_num_threads() == 2
        assert in_child(library.openblas_get_num_threads) == 8
        assert library.openblas_get_num_threads() == 2
        other(scope.release)
    assert counts() == {"openblas": 8}


@in_own_process
def test_the_scopes_of_the_forking_thread_hold_on_in_the_child() -> None:
    import poolkeeper

    library = fake()
    with Worker() as other:
        lower = other(poolkeeper.limit, 2)
        with poolkeeper.limit(5):
            assert in_child(library.openblas_get_num_threads) == 5
            assert (
                in_child(lambda: [counts(), poolkeeper.limit(3).release() and counts()])
                == [{"openblas": 5}] * 2
            )
            assert counts() == {"openblas": 2}
        other(lower.release)


@in_own_process
def test_a_dropped_scope_may_be_ended_in_the_child() -> None:
    import poolkeeper

    fake()
    with Worker() as other:
        scope = other(poolkeeper.limit, 2)
        assert in_child(lambda: [by_name(scope.release()), counts()]) == [
            {"openblas": "thread-gone"}, {"openblas": 8},
        ]  # fmt: skip
        assert by_name(scope.release()) == {"openblas": "restored"}


@in_own_process
def test_a_fork_made_by_c_code_is_settled_by_the_next_call() -> None:
    import poolkeeper

    library = fake()
    libc = ctypes.PyDLL(None)  # Python's own hooks don't run
    with Worker() as other:
        scope = other(poolkeeper.limit, 2)
        child = libc.fork()
        if child == 0:
            found = [library.openblas_get_num_threads(), poolkeeper.pools()[0].num_threads]
            os._exit(0 if found == [2, 8] else 1)
        assert os.waitpid(child, 0)[1] == 0
        other(scope.release)


@in_own_process
def test_a_grandchild() -> None:
    import poolkeeper

    fake()
    scope = poolkeeper.limit(5)
    with Worker() as other:
        lower = other(poolkeeper.limit, 2)

        def child() -> list[object]:
            with Worker() as another:
                lowest = another(poolkeeper.limit, 1)
                seen = [counts(), in_child(_raw), counts()]
                another(lowest.release)
            return [*seen, by_name(scope.release()), counts()]

        one, five, eight = ({"openblas": n} for n in (1, 5, 8))
        assert in_child(child) == [one, five, one, {"openblas": "restored"}, eight]
        assert _raw() == {"openblas": 2}
        other(lower.release)
    scope.release()
    assert _raw() == {"openblas": 8}


@in_own_process
def test_forking_while_4_threads_limit_neither_hangs_nor_leaves_a_limit() -> None:
    import poolkeeper

    library = fake()
    stop = threading.Event()

    def hammer(threads: int) -> None:
        while not stop.is_set():
            with poolkeeper.limit(threads):
                poolkeeper.pools()

    hammers = [threading.Thread(target=hammer, args=(1 + n,)) for n in range(4)]
    for thread in hammers:
        thread.start()

    def child() -> list[object]:
        before = library.openblas_get_num_threads()
        with poolkeeper.limit(3):
            inside = counts()
        return [before, inside, counts()]

    try:
        for _ in range(50):
            assert in_child(child) == [8, {"openblas": 3}, {"openblas": 8}]
    finally:
        stop.set()
        for thread in hammers:
            thread.join()
    assert counts() == {"openblas": 8}


@in_own_process
def test_the_real_openblas_computes_under_a_limit_in_a_child() -> None:
    import numpy as np
    import poolkeeper

    a = np.ones((300, 300))
    assert (a @ a)[0, 0] == 300

    def child() -> list[object]:
        with poolkeeper.limit(blas=1):
            first = (a @ a)[0, 0]
        return [first, (a @ a)[0, 0], counts()]

    before = counts()
    with poolkeeper.limit(blas=1):
        assert in_child(child)[:2] == [300, 300]
    assert in_child(child) == [300, 300, before]
    assert counts() == before


# --- multiprocessing


def _in_process(queue: object) -> None:
    import poolkeeper

    fake()
    seen = [counts()]
    with poolkeeper.limit(2):
        seen.append(counts())
    queue.put([*seen, counts()])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@in_own_process
def test_multiprocessing(method: str) -> None:
    import poolkeeper

    fake()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    with poolkeeper.limit(5):
        process = context.Process(target=_in_process, args=(queue,))
        process.start()
        seen = queue.get(timeout=60)
        process.join(timeout=60)
        assert process.exitcode == 0
        at_start = 5 if method == "fork" else 8  # only a fork is inside the scope
        assert seen == [{"openblas": at_start}, {"openblas": 2}, {"openblas": at_start}]
        assert counts() == {"openblas": 5}
    assert counts() == {"openblas": 8}


@in_own_process
def test_scopes_left_in_with_blocks_of_lost_threads_say_nothing_in_the_child() -> None:
    import gc

    import poolkeeper

    library = fake()
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with poolkeeper.limit(2):
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    # A warning would go to standard error, which the test requires to be empty.
    assert in_child(lambda: (gc.collect(), library.openblas_get_num_threads()))[1] == 8
    leave.set()
    thread.join()
    assert counts() == {"openblas": 8}
