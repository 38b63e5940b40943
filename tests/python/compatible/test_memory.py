"""Long runs leave nothing behind; copies and pickles work where threadpoolctl's do."""

from __future__ import annotations

import copy
import gc
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from isolated import in_own_process
from scenario import fake, load

from compatible import stacks

pytestmark = pytest.mark.usefixtures("lab")
ALLOWED = 1 << 20  # bytes of growth: noise of the allocator


def _resident() -> int:
    """Bytes of memory that this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _growth(repeat: Callable[[int], None], warm_up: int, times: int) -> int:
    repeat(warm_up)
    before = _resident()
    repeat(times)
    return _resident() - before


@in_own_process
def test_a_million_scopes() -> None:
    from poolkeeper.threadpoolctl import ThreadpoolController

    library, controller = fake(), ThreadpoolController()

    def repeat(times: int) -> None:
        for _ in range(times):
            with controller.limit(limits=1):
                pass

    assert _growth(repeat, 20_000, 1_000_000) < ALLOWED
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_bare_calls_that_nobody_keeps_inside_a_block() -> None:
    from poolkeeper.threadpoolctl import threadpool_limits

    library = fake()

    def repeat(times: int) -> None:
        for _ in range(times):
            threadpool_limits(1)

    with threadpool_limits(4):
        assert _growth(repeat, 10_000, 100_000) < ALLOWED
        assert library.openblas_get_num_threads() == 1
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_calls_of_decorated_functions_and_lists() -> None:
    from poolkeeper import threadpoolctl

    library = fake()
    wrapped = threadpoolctl.threadpool_limits.wrap(2)(library.openblas_get_num_threads)

    def repeat(times: int) -> None:
        for _ in range(times):
            assert wrapped() == 2
            threadpoolctl.threadpool_info()
            threadpoolctl.get_cached_controller().select(user_api="blas").info()

    assert _growth(repeat, 2_000, 20_000) < ALLOWED


@in_own_process
def test_scopes_on_a_users_library(toy: str) -> None:
    import ctypes

    from poolkeeper import threadpoolctl

    library = ctypes.CDLL(toy)
    threadpoolctl.register(stacks.toy_controller(threadpoolctl))
    controller = threadpoolctl.ThreadpoolController()

    def repeat(times: int) -> None:
        for _ in range(times):
            with controller.limit(limits=1):
                controller.limit(limits=2)

    assert _growth(repeat, 2_000, 30_000) < ALLOWED
    assert library.toy_get_num_threads() == 6


@in_own_process
def test_refused_limits() -> None:
    from poolkeeper.threadpoolctl import threadpool_limits

    fake(), load("libomp")

    def repeat(times: int) -> None:
        for _ in range(times):
            for wrong in ("x", {"blas": 1.5}, [{}]):
                with pytest.raises((TypeError, KeyError, Exception)):
                    threadpool_limits(wrong)

    assert _growth(repeat, 2_000, 10_000) < ALLOWED


COPIED = {
    "module.ThreadpoolController": True,
    "module.threadpool_limits": True,
    "module.OpenBLASController": True,
    "module.threadpool_info": True,
    "module.get_cached_controller": True,
    "module.threadpool_info()": True,
    "module.threadpool_info(debugging_info=True)": True,
    "module.ThreadpoolController()": True,
    "module.ThreadpoolController().select(user_api='blas')": True,
    "module.ThreadpoolController().lib_controllers[0]": True,
    "module.threadpool_limits(1)": True,
    "module.threadpool_limits(None)": True,
    "module.threadpool_limits.wrap(1)": True,
    "module.ThreadpoolController().limit(limits=1)": True,
    "module.ThreadpoolController().wrap(limits=1)": True,
}
WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}


def _outcome(way: str, expression: str, impl: str) -> str:
    module = stacks.implementation(impl)
    value = eval(expression, {"module": module})
    try:
        result = WAYS[way](value)
    except Exception as error:
        return type(error).__name__
    return f"a {type(result).__name__}"


@pytest.mark.parametrize("way", WAYS)
@in_own_process
def test_what_can_be_copied_and_pickled(way: str) -> None:
    fake()
    outcomes = {
        impl: {expression: _outcome(way, expression, impl) for expression in COPIED}
        for impl in stacks.IMPLEMENTATIONS
    }
    assert outcomes["poolkeeper"] == outcomes["threadpoolctl"]
