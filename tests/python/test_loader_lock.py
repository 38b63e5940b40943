"""The loader's lock and the GIL: nobody waits for one with the other in hand.

A deadlock ends with the time of `run_python`; nothing here waits by the clock.
"""

from __future__ import annotations

import ctypes
import os
import threading

import pytest
from isolated import in_own_process
from scenario import FAKE, fake, in_child, path_of

pytestmark = pytest.mark.usefixtures("lab")

#: What threadpoolctl before 3.8 did: Python code inside the loader's lock.
WALKS = 2000


def _walk_the_loaders_list_in_python() -> None:
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    visit = callback(lambda _info, _size, _data: 0)
    loader = ctypes.CDLL(None)
    for _ in range(WALKS):
        loader.dl_iterate_phdr(visit, None)


@in_own_process
def test_a_scope_does_not_wait_for_the_loader_with_the_gil() -> None:
    import poolkeeper
    from poolkeeper.threadpoolctl import get_cached_controller, threadpool_limits

    library = fake()
    other = threading.Thread(target=_walk_the_loaders_list_in_python)
    other.start()
    rounds = 0
    while other.is_alive():
        with poolkeeper.limit(1), threadpool_limits(1):
            assert library.openblas_get_num_threads() == 1
        assert len(poolkeeper.pools()) == 1
        assert len(get_cached_controller()) == 1
        poolkeeper.set_limit(blas=8)
        rounds += 1
    other.join()
    assert rounds > 0
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_a_fork_while_another_thread_is_in_the_loader() -> None:
    import poolkeeper

    fake()
    poolkeeper.pools()
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        with poolkeeper.limit(1):
            holds.set()
            done.wait()

    holder = threading.Thread(target=hold)
    walker = threading.Thread(target=_walk_the_loaders_list_in_python)
    holder.start()
    holds.wait()
    walker.start()
    forks = 0
    while walker.is_alive():
        # The hook that runs in the child must not ask the loader.
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        forks += 1
    done.set()
    holder.join()
    walker.join()
    assert forks > 0


@in_own_process
def test_a_child_lets_go_of_what_lost_threads_had_limited() -> None:
    import _ctypes

    import poolkeeper

    library = ctypes.CDLL(str(path_of(FAKE)))
    assert len(poolkeeper.pools()) == 1
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        with poolkeeper.limit(1):
            holds.set()
            done.wait()

    def close_the_library() -> int:
        _ctypes.dlclose(library._handle)
        return len(poolkeeper.pools())

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait()
    assert in_child(close_the_library) == 0
    done.set()
    holder.join()
    assert len(poolkeeper.pools()) == 1
