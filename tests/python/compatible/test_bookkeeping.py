"""The layer's own bookkeeping: contexts, controllers that fail, lazy objects."""

from __future__ import annotations

import ctypes
import sys
import threading
import types

import pytest
from isolated import in_own_process
from scenario import fake

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_a_thread_with_a_used_number_is_another_thread() -> None:
    from poolkeeper.threadpoolctl import threadpool_limits

    library = fake()
    kept = []
    seen = []

    def limit_and_end() -> None:
        kept.append(threadpool_limits(1))

    def ask_for_more() -> None:
        with threadpool_limits(6):
            seen.append(library.openblas_get_num_threads())

    for work in (limit_and_end, ask_for_more):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [1], "the limit of a thread that has ended is still held"
    kept.pop().restore_original_limits()
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_a_controller_that_fails_once_is_restored_all_the_same() -> None:
    from poolkeeper import threadpoolctl

    threads = 8
    failing = False

    class Controller(threadpoolctl.LibController):
        user_api = internal_api = "counting"
        filename_prefixes = ("libm.so",)  # any library that is loaded

        def get_num_threads(self) -> int:
            if failing:
                raise RuntimeError("out of order")
            return threads

        def set_num_threads(self, num_threads: int) -> None:
            nonlocal threads
            threads = num_threads

        def get_version(self) -> None:
            return None

    threadpoolctl.register(Controller)
    with pytest.raises(RuntimeError, match="out of order"), threadpoolctl.threadpool_limits(1):
        assert threads == 1
        failing = True
    failing = False
    assert threads == 8
    with threadpoolctl.threadpool_limits(4):
        assert threads == 4
    assert threads == 8


@in_own_process
def test_install_evaluates_no_lazy_object() -> None:
    import threadpoolctl as theirs

    class Lazy:
        @property  # type: ignore[misc]
        def __class__(self) -> type:
            raise RuntimeError("settings are not configured")

    lazy = types.ModuleType("lazy_settings")
    lazy.settings = Lazy()  # type: ignore[attr-defined]
    user = types.ModuleType("user")
    user.threadpool_limits = theirs.threadpool_limits  # type: ignore[attr-defined]
    sys.modules |= {"lazy_settings": lazy, "user": user}

    from poolkeeper import threadpoolctl as ours

    ours.install()
    assert user.threadpool_limits is ours.threadpool_limits  # type: ignore[attr-defined]


@in_own_process
def test_a_cached_controller_knows_what_was_loaded_meanwhile() -> None:
    from poolkeeper.threadpoolctl import get_cached_controller

    assert len(get_cached_controller()) == 0
    library = fake()
    assert isinstance(library, ctypes.CDLL)
    assert len(get_cached_controller()) == 1
    assert get_cached_controller() is get_cached_controller()
