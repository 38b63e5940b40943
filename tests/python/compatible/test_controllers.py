"""Controllers that users write, good and bad: the same as with threadpoolctl, or safer.

The toy library has one number for the process, 6 at first; the fake OpenBLAS 8.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import pytest
from isolated import in_own_process
from scenario import Worker, fake, load

from compatible import stacks
from compatible.stacks import toy_controller

pytestmark = pytest.mark.usefixtures("lab")


class Boom(Exception):
    """What a bad controller raises."""


def _boom(*_: Any) -> None:
    raise Boom


def _start(impl: str, toy: str, **changes: Any) -> tuple[Any, ctypes.CDLL, ctypes.CDLL]:
    """Load the toy and the fake OpenBLAS; register a controller of the toy."""
    library, blas, module = ctypes.CDLL(toy), fake(), stacks.implementation(impl)
    module.register(toy_controller(module, **changes))
    return module, library, blas


@in_own_process
def test_a_users_library_is_one_like_any_other(impl: str, toy: str) -> None:
    module, library, blas = _start(
        impl, toy, set_additional_attributes=lambda s: setattr(s, "a", 1)
    )
    (info,) = [info for info in module.threadpool_info() if info["user_api"] == "toy"]
    assert list(info.items()) == [
        ("user_api", "toy"), ("internal_api", "toylib"), ("num_threads", 6), ("prefix", "libtoy"),
        ("filepath", toy), ("version", "1.5"), ("a", 1),
    ]  # fmt: skip
    (debugging,) = module.ThreadpoolController().select(a=1).info(debugging_info=True)
    assert debugging == {**info, "thread_limit_scope": "process"}
    for limits, seen in {
        "1": (1, 1), "2, 'toy'": (2, 8), "2, 'blas'": (6, 2), "{'toy': 3}": (3, 8),
        "{'libtoy': 3, 'toy': 2}": (3, 8), "{toy: 4, 'libtoy': 3, 'blas': 1}": (4, 1),
        "[{'filepath': toy, 'num_threads': 5}]": (5, 8), "None": (6, 8),
        "'sequential_blas_under_openmp'": (6, 1), "0, 'toy'": (0, 8), "-3, 'toy'": (-3, 8),
        "True, 'toy'": (1, 8),
    }.items():  # fmt: skip
        names = {"limits": module.threadpool_limits, "toy": toy}
        with eval(f"limits({limits})", names) as scope:
            assert (library.toy_get_num_threads(), blas.openblas_get_num_threads()) == seen
            assert scope.get_original_num_threads().get("toy", 6) == 6
        assert (library.toy_get_num_threads(), blas.openblas_get_num_threads()) == (6, 8)


@in_own_process
def test_nesting_and_bare_calls(impl: str, toy: str) -> None:
    module, library, _ = _start(impl, toy)
    limits, now = module.threadpool_limits, library.toy_get_num_threads
    seen = []
    with limits(4):
        with limits(2, "toy"):
            seen.append(now())
            with limits({"toy": 5}):
                seen.append(now())
            seen.append(now())
        limits(3)
        gc.collect()
        seen.append(now())
    seen.append(now())
    limits(2)
    gc.collect()
    seen.append(now())
    with limits(1):
        seen.append(now())
    seen.append(now())
    assert seen == [2, 5, 2, 3, 6, 2, 1, 2]


@in_own_process
def test_the_controller_knows_its_parent_and_its_library(impl: str, toy: str) -> None:
    module, library, _ = _start(impl, toy)
    controller = module.ThreadpoolController()
    (lib,) = controller.select(user_api="toy").lib_controllers
    assert lib.parent is controller
    assert lib.dynlib._handle == library._handle
    assert (
        lib.dynlib is module.ThreadpoolController().select(user_api="toy").lib_controllers[0].dynlib
    )
    assert lib._get_symbol("toy_sets")() == 0
    assert lib._get_symbol("no_such_symbol") is None
    lib.set_num_threads(3)
    assert lib.num_threads == lib.get_num_threads() == 3


@pytest.mark.parametrize("method", ["get_version", "set_additional_attributes"])
@in_own_process
def test_one_that_raises_when_it_is_made(impl: str, toy: str, method: str) -> None:
    module, _, blas = _start(impl, toy, **{method: _boom})
    for call in (module.ThreadpoolController, module.threadpool_info,
                 lambda: module.threadpool_limits(1), module.get_cached_controller):  # fmt: skip
        with pytest.raises(Boom):
            call()
        assert blas.openblas_get_num_threads() == 8


@in_own_process
def test_one_that_says_its_library_cannot_be_opened(impl: str, toy: str) -> None:
    def get_version(_: Any) -> None:
        raise OSError("not this one")

    module, library, _ = _start(impl, toy, get_version=get_version)
    assert [info["user_api"] for info in module.threadpool_info()] == ["blas"]
    with module.threadpool_limits(1):
        assert library.toy_get_num_threads() == 6


@in_own_process
def test_one_that_raises_when_it_is_read(impl: str, toy: str) -> None:
    module, library, blas = _start(impl, toy, get_num_threads=_boom)
    controller = module.ThreadpoolController()
    for call in (controller.info, module.threadpool_info, lambda: module.threadpool_limits(1),
                 lambda: controller.limit(limits=None)):  # fmt: skip
        with pytest.raises(Boom):
            call()
    with controller.select(user_api="blas").limit(limits=1):
        assert (library.toy_get_num_threads(), blas.openblas_get_num_threads()) == (6, 1)
    assert blas.openblas_get_num_threads() == 8


@in_own_process
def test_nothing_is_half_applied_when_one_cannot_be_set(impl: str, toy: str) -> None:
    module, library, blas = _start(impl, toy, set_num_threads=_boom)
    module.register(toy_controller(module, user_api="other", filename_prefixes=("libnobody",)))
    controller = module.ThreadpoolController()
    for _ in range(3):
        with pytest.raises(Boom):
            controller.limit(limits=1)
        left = (library.toy_get_num_threads(), blas.openblas_get_num_threads())
        # theirs goes by a set's order: OpenBLAS may have come first.
        assert left == (6, 8) or (impl, left) == ("threadpoolctl", (6, 1))
    # What is not asked of it is done.
    with controller.select(user_api="blas").limit(limits=2):
        assert blas.openblas_get_num_threads() == 2


@in_own_process
def test_the_others_are_restored_when_one_cannot_be(toy: str) -> None:
    calls: list[int] = []

    def set_num_threads(self: Any, threads: int) -> None:
        calls.append(threads)
        if len(calls) == 2:
            raise Boom
        self.dynlib.toy_set_num_threads(threads)

    module, library, blas = _start("poolkeeper", toy, set_num_threads=set_num_threads)
    scope = module.threadpool_limits(2)
    with pytest.raises(Boom):
        scope.restore_original_limits()
    assert calls == [2, 6]
    assert (library.toy_get_num_threads(), blas.openblas_get_num_threads()) == (2, 8)
    scope.restore_original_limits()  # has ended
    with module.threadpool_limits(1):
        assert (library.toy_get_num_threads(), blas.openblas_get_num_threads()) == (1, 1)
    assert (library.toy_get_num_threads(), blas.openblas_get_num_threads()) == (2, 8)


@pytest.mark.parametrize("nonsense", ["None", "'many'", "2.5", "2**40", "-(2**31)", "()", "3"])
@in_own_process
def test_one_that_reads_nonsense_is_given_it_back(impl: str, toy: str, nonsense: str) -> None:
    value, given = eval(nonsense), []
    module, _, blas = _start(
        impl, toy, get_num_threads=lambda s: value, set_num_threads=lambda s, n: given.append(n)
    )
    with module.threadpool_limits(1) as scope:
        assert blas.openblas_get_num_threads() == 1
        assert scope.get_original_num_threads()["blas"] == 8
    assert given == [1, value]
    (info,) = module.ThreadpoolController().select(user_api="toy").info()
    assert info["num_threads"] == value


@pytest.mark.parametrize("wanted", ["'many'", "2.5", "2**40", "(1, 2)"])
@in_own_process
def test_one_that_takes_more_than_numbers(impl: str, toy: str, wanted: str) -> None:
    value, given = eval(wanted), []
    module, _, _ = _start(
        impl, toy, get_num_threads=lambda s: 6, set_num_threads=lambda s, n: given.append(n)
    )
    with module.threadpool_limits({"toy": value}):
        assert given == [value]
    assert given == [value, 6]


@in_own_process
def test_registered_twice(impl: str, toy: str) -> None:
    module, library, _ = _start(impl, toy)
    module.register(module._ALL_CONTROLLERS[-1])
    module.register(toy_controller(module, user_api="second"))
    found = [info["user_api"] for info in module.threadpool_info()]
    assert sorted(found) == ["blas", "toy"]
    with module.threadpool_limits(2) as scope:
        assert library.toy_get_num_threads() == 2
        assert scope.get_original_num_threads() == {
            "blas": 8, "openmp": None, "toy": 6, "second": None,
        }  # fmt: skip
    assert library.toy_get_num_threads() == 6
    assert module._ALL_USER_APIS.count("toy") == 2


@pytest.mark.parametrize(
    ("symbols", "found"),
    [(("toy_sets",), True), (("no_such", "toy_sets"), True), (("no_such",), False), ((), False)],
)
@in_own_process
def test_check_symbols(impl: str, toy: str, symbols: tuple[str, ...], found: bool) -> None:
    module, _, _ = _start(impl, toy, check_symbols=symbols)
    assert len(module.ThreadpoolController().select(user_api="toy")) == found


@in_own_process
def test_registered_after_the_library_was_listed(impl: str, toy: str) -> None:
    ctypes.CDLL(toy)
    module = stacks.implementation(impl)
    assert module.threadpool_info() == []
    cached = module.get_cached_controller()
    module.register(toy_controller(module))
    assert [info["num_threads"] for info in module.threadpool_info()] == [6]
    assert module.get_cached_controller() is not cached
    assert len(module.get_cached_controller()) == 1


@in_own_process
def test_a_subclass_of_a_built_in_controller(impl: str, toy: str) -> None:
    ctypes.CDLL(toy)
    module = stacks.implementation(impl)
    own = vars(toy_controller(module))
    methods = {name: own[name] for name in ("get_num_threads", "set_num_threads", "get_version")}
    attributes = {"filename_prefixes": ("libtoy",), "check_symbols": ("toy_sets",), **methods}
    module.register(type("Own", (module.OpenMPController,), attributes))
    (info,) = module.threadpool_info()
    assert (info["user_api"], info["internal_api"], info["num_threads"]) == ("openmp", "openmp", 6)
    with module.threadpool_limits(2, "openmp"):
        assert module.threadpool_info() == [{**info, "num_threads": 2}]
    assert module.threadpool_info() == [info]


@in_own_process
def test_a_users_controller_goes_before_what_only_symbols_tell(impl: str) -> None:
    # As with threadpoolctl, which does not know the file's name.
    library, module = load("mkl-static"), stacks.implementation(impl)
    methods = {
        "get_num_threads": lambda self: self.dynlib.mkl_serv_get_max_threads(),
        "set_num_threads": lambda self, n: self.dynlib.mkl_serv_set_num_threads_local(n),
        "get_version": lambda self: "mine",
    }
    own = {"user_api": "translate", "internal_api": "own", "filename_prefixes": ("libfake_t",)}
    module.register(type("Own", (module.LibController,), {**own, **methods}))
    (info,) = module.threadpool_info()
    assert (info["user_api"], info["version"], info["prefix"]) == ("translate", "mine", "libfake_t")
    with module.threadpool_limits(3, "translate"):
        assert library.mkl_serv_get_max_threads() == 3
    assert library.mkl_serv_get_max_threads() == 4


@pytest.mark.parametrize(("limits", "seen"), [((1, 1), [1, 1, 6]), ((2, 4), [2, 4, 6])])
@in_own_process
def test_limits_of_threads_overlap(toy: str, limits: tuple[int, int], seen: list[int]) -> None:
    module, library, _ = _start("poolkeeper", toy)
    with Worker() as a, Worker() as b:
        first, second = (
            a(module.threadpool_limits, limits[0]),
            b(module.threadpool_limits, limits[1]),
        )
        found = [library.toy_get_num_threads()]
        for worker, scope in ((a, first), (b, second)):
            worker(scope.restore_original_limits)
            found.append(library.toy_get_num_threads())
    assert found == seen


@in_own_process
def test_limits_of_threads_overlap_wrongly_with_theirs(toy: str) -> None:
    module, library, _ = _start("threadpoolctl", toy)
    with Worker() as a, Worker() as b:
        first, second = a(module.threadpool_limits, 1), b(module.threadpool_limits, 1)
        a(first.restore_original_limits)
        assert library.toy_get_num_threads() == 6  # while b is inside
        b(second.restore_original_limits)
        assert library.toy_get_num_threads() == 1  # for ever
