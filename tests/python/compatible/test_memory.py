"""Long runs leave nothing behind; copies and pickles work where threadpoolctl's do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from growth import ALLOWED, growth
from isolated import in_own_process
from scenario import fake, load

from compatible import stacks

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_a_million_scopes() -> None:
    from poolkeeper.threadpoolctl import ThreadpoolController

    library, controller = fake(), ThreadpoolController()

    def repeat(times: int) -> None:
        for _ in range(times):
            with controller.limit(limits=1):
                pass

    assert growth(repeat, 20_000, 1_000_000) < ALLOWED
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_bare_calls_that_nobody_keeps_inside_a_block() -> None:
    from poolkeeper.threadpoolctl import threadpool_limits

    library = fake()

    def repeat(times: int) -> None:
        for _ in range(times):
            threadpool_limits(1)

    with threadpool_limits(4):
        assert growth(repeat, 10_000, 100_000) < ALLOWED
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

    assert growth(repeat, 2_000, 20_000) < ALLOWED


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

    assert growth(repeat, 2_000, 30_000) < ALLOWED
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

    assert growth(repeat, 2_000, 10_000) < ALLOWED


COPIED = [
    "module.ThreadpoolController",
    "module.threadpool_limits",
    "module.OpenBLASController",
    "module.threadpool_info",
    "module.get_cached_controller",
    "module.threadpool_info()",
    "module.threadpool_info(debugging_info=True)",
    "module.ThreadpoolController()",
    "module.ThreadpoolController().select(user_api='blas')",
    "module.ThreadpoolController().lib_controllers[0]",
    "module.threadpool_limits(1)",
    "module.threadpool_limits(None)",
    "module.threadpool_limits.wrap(1)",
    "module.ThreadpoolController().limit(limits=1)",
    "module.ThreadpoolController().wrap(limits=1)",
]
WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}
#: threadpoolctl's controllers hold handles of ctypes, which can't be copied.
ONLY_OURS = set(COPIED[7:10])


def _outcome(way: str, expression: str, impl: str) -> str:
    value = eval(expression, {"module": stacks.implementation(impl)})
    try:
        result = WAYS[way](value)
    except Exception:
        return "raises"
    return f"a {type(result).__name__.lstrip('_')}"


@pytest.mark.parametrize("way", WAYS)
@in_own_process
def test_what_can_be_copied_and_pickled(way: str) -> None:
    fake()
    only_ours = ONLY_OURS if way != "copy" else set()
    for expression in COPIED:
        theirs, ours = (_outcome(way, expression, impl) for impl in stacks.IMPLEMENTATIONS)
        if expression in only_ours:
            assert theirs == "raises" != ours, expression
        else:
            assert ours == theirs, expression


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@in_own_process
def test_a_copied_controller_limits_the_same_libraries(way: str) -> None:
    from poolkeeper.threadpoolctl import ThreadpoolController

    library = fake()
    copied = WAYS[way](ThreadpoolController())
    assert copied.info() == ThreadpoolController().info()
    assert [lib.parent for lib in copied.lib_controllers] == [copied]
    with copied.limit(limits=2), ThreadpoolController().limit(limits=5):
        assert library.openblas_get_num_threads() == 5
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_a_pickled_controller_finds_its_library_in_another_process() -> None:
    import tempfile

    from isolated import run_python
    from poolkeeper.threadpoolctl import ThreadpoolController

    load("libomp"), fake()  # numbered differently there
    folder = tempfile.mkdtemp()
    Path(folder, "pickled").write_bytes(pickle.dumps(ThreadpoolController()))
    code = (
        "import pickle; from scenario import *; library, _ = fake(), load('libomp')\n"
        f"controller = pickle.load(open({folder + '/pickled'!r}, 'rb'))\n"
        "with controller.select(user_api='blas').limit(limits=3):\n"
        "    print(library.openblas_get_num_threads(), len(controller))"
    )
    assert run_python(code).stdout == "3 2\n"


@in_own_process
def test_a_pickled_controller_of_what_is_not_loaded_says_so() -> None:
    from poolkeeper.threadpoolctl import ThreadpoolController

    fake()
    copied = copy.deepcopy(ThreadpoolController())
    copied.lib_controllers[0].filepath = "/no/libopenblas.so"
    with pytest.raises(RuntimeError, match=r"no thread pool is loaded from /no/libopenblas\.so"):
        copied.limit(limits=1)
