"""Locks of others: none is waited for while one of ours, or the GIL, is held.

A deadlock ends with the time of `in_own_process`, which then shows where each
thread stands; nothing here waits by the clock.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from isolated import in_own_process
from scenario import Worker, by_name, in_child, load, path_of

pytestmark = pytest.mark.usefixtures("lab")

HOOK = ctypes.CFUNCTYPE(None)


def _walk(walks: int) -> None:
    """Run Python inside the loader's lock, as threadpoolctl did before 3.8."""
    signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    visit = signature(lambda _info, _size, _data: 0)
    loader = ctypes.CDLL(None)
    for _ in range(walks):
        loader.dl_iterate_phdr(visit, None)


def _together(*functions: Callable[[], None]) -> None:
    """Run functions in threads of their own until the first is done."""
    done = threading.Event()
    failures: list[BaseException] = []

    def again(function: Callable[[], None]) -> None:
        try:
            while not done.is_set():
                function()
        except BaseException as error:
            failures.append(error)

    first, *others = functions
    threads = [threading.Thread(target=again, args=(function,)) for function in others]
    for thread in threads:
        thread.start()
    try:
        first()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []


@in_own_process
def test_several_threads_limit_while_another_runs_python_inside_the_loader() -> None:
    import poolkeeper

    library = load("awkward")

    def enter_and_leave() -> None:
        with poolkeeper.limit(1) as scope:
            assert by_name(scope.outcomes)["openblas"] in ("applied", "shared")
        poolkeeper.limit(2).release()

    def drop() -> None:
        scopes = [poolkeeper.limit(3)]
        scopes.pop()._release_with_thread()
        repr(poolkeeper.limit(4).release())

    _together(lambda: _walk(1500), enter_and_leave, enter_and_leave, drop)
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_forking_while_threads_limit_and_another_runs_python_inside_the_loader() -> None:
    import poolkeeper

    load("awkward")

    def fork() -> None:
        for _ in range(30):
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0

    def limit() -> None:
        with poolkeeper.limit(1):
            pass

    _together(fork, limit, lambda: _walk(50))


@in_own_process
def test_a_constructor_that_waits_for_the_gil_in_a_thread_that_python_does_not_know() -> None:
    import poolkeeper

    load("awkward")
    opener = ctypes.PyDLL(str(path_of("opener")))  # keeps the GIL
    path = ctypes.create_string_buffer(os.fsencode(path_of("constructor")))
    sys.setswitchinterval(1000)  # nobody gets the GIL unless it is given up
    assert opener.open_in_a_thread(path) == 0
    with poolkeeper.limit(1) as scope:
        pass
    assert by_name(scope.endings) == {"openblas": "restored"}


@in_own_process
def test_python_goes_on_while_a_scope_waits_for_a_slow_pool() -> None:
    import poolkeeper

    library = load("awkward")
    inside, go_on = threading.Event(), threading.Event()

    @HOOK
    def slow() -> None:
        inside.set()
        go_on.wait()

    with Worker() as one, Worker() as two:
        first, second = one(poolkeeper.limit, 4), two(poolkeeper.limit, 3)
        library.on_set(slow)
        releases = [threading.Thread(target=scope.release) for scope in (first, second)]
        setter = threading.Thread(target=poolkeeper.set_limit, args=(2,))
        block = threading.Thread(target=poolkeeper.limit(5).__exit__, args=(None, None, None))
        slowly, *waiting = [*reversed(releases), setter, block]
        slowly.start()
        inside.wait()  # it sets the pool; Python runs on
        for thread in waiting:
            thread.start()
        assert sum(range(10_000)) == 49_995_000
        go_on.set()
        for thread in (slowly, *waiting):
            thread.join()
    assert library.openblas_get_num_threads() == 2


@in_own_process
def test_a_dropped_scope_waits_for_a_slow_pool_without_the_gil() -> None:
    import warnings

    import poolkeeper

    warnings.simplefilter("ignore")
    library = load("awkward")
    inside, go_on = threading.Event(), threading.Event()

    @HOOK
    def slow() -> None:
        inside.set()
        go_on.wait()

    def drop() -> None:
        poolkeeper.limit(2)
        gc.collect()

    library.on_set(slow)
    first = threading.Thread(target=lambda: poolkeeper.limit(3).release())
    first.start()
    inside.wait()
    second = threading.Thread(target=drop)
    second.start()
    go_on.set()
    first.join()
    second.join()
    assert library.openblas_get_num_threads() == 8


# --- a pool's function that comes back


@in_own_process
def test_a_pools_function_that_calls_poolkeeper_is_told() -> None:
    import poolkeeper

    library = load("awkward")
    poolkeeper.pools()
    errors: list[BaseException] = []
    outer = poolkeeper.limit(5)

    @HOOK
    def call_again() -> None:
        for action in (poolkeeper.pools, lambda: poolkeeper.limit(2), outer.release):
            try:
                action()
            except poolkeeper.LimitError as error:
                errors.append(error)

    library.on_set(call_again)
    with poolkeeper.limit(1):
        assert library.openblas_get_num_threads() == 1
    assert [str(error) for error in errors] == [
        "poolkeeper was called from within a pool's own function, while it reads or sets that pool"
    ] * 2
    assert not outer.live
    assert library.openblas_get_num_threads() == 8


@pytest.mark.parametrize("when", ["on_get", "on_set"])
@in_own_process
def test_a_pools_function_that_forks(when: str) -> None:
    import poolkeeper

    library = load("awkward")
    poolkeeper.pools()
    children: list[int] = []

    @HOOK
    def fork() -> None:
        children.append(os.fork())

    with Worker() as other:
        lower = other(poolkeeper.limit, 2)
        getattr(library, when)(fork)
        with poolkeeper.limit(1):
            inside = library.openblas_get_num_threads()
        after = library.openblas_get_num_threads()
        (child,) = children
        if child == 0:  # the other thread's limit is not here
            poolkeeper.pools()
            os._exit(0 if (inside, library.openblas_get_num_threads()) == (1, 8) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert (inside, after) == (1, 2)
        other(lower.release)


# --- fork handlers of libraries that came after poolkeeper's first call


@in_own_process
def test_a_library_whose_fork_handler_takes_the_lock_of_its_functions() -> None:
    import poolkeeper

    with poolkeeper.limit(1):
        pass  # our handlers are registered here
    library = load("awkward-forks")

    def limit() -> None:
        with poolkeeper.limit(2):
            assert library.openblas_get_num_threads() == 2

    def fork() -> None:
        for _ in range(10):
            assert in_child(lambda: (limit(), library.openblas_get_num_threads())[1]) == 8

    limit()
    _together(fork, limit)
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_numpy_imported_after_the_first_call_computes_in_children() -> None:
    import poolkeeper

    with poolkeeper.limit(1):
        pass
    import numpy as np

    a = np.ones((200, 200))

    def limit() -> None:
        for threads in (1, 2):  # (OpenBLAS itself hangs where a fork interrupts its work)
            with poolkeeper.limit(threads):
                pass

    def child() -> None:
        signal.alarm(20)  # a child that hangs is killed, and not waited for
        ok = (a @ a)[0, 0] == 200
        with poolkeeper.limit(2):
            ok = ok and (a @ a)[0, 0] == 200
        os._exit(0 if ok else 1)

    def fork() -> None:
        for _ in range(40):
            pid = os.fork()
            if pid == 0:
                child()
            assert os.waitpid(pid, 0)[1] == 0

    poolkeeper.set_limit(blas=2)
    _together(fork, limit)


@in_own_process(env={"OMP_NUM_THREADS": "4"})
def test_new_threads_limit_libomp_while_the_process_forks() -> None:
    import poolkeeper

    poolkeeper.limit(1).release()
    load("libomp")
    poolkeeper.pools()  # starts it: a fork in the middle of that is its own affair

    def in_a_new_thread() -> None:
        def work() -> None:
            with poolkeeper.limit(1):
                pass

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    def child() -> Any:
        with poolkeeper.limit(2):
            return [pool.num_threads for pool in poolkeeper.pools()]

    def fork() -> None:
        for _ in range(40):
            assert in_child(child) == [2]

    _together(fork, in_a_new_thread, in_a_new_thread)
