"""Every way to limit, with one thread: both implementations do the same.

Pools: an OpenBLAS (8 threads for the process) and a libomp (8 for each thread).
"""

from __future__ import annotations

import ctypes
import gc
import warnings
from pathlib import Path
from typing import Any

import pytest
from isolated import in_own_process
from scenario import fake, load, path_of

from compatible import stacks

EIGHT = {"OMP_NUM_THREADS": "8"}
pytestmark = pytest.mark.usefixtures("lab")


class Pools:
    """The two pools, and one implementation to limit them with."""

    def __init__(self, impl: str) -> None:
        self._blas, self._omp = fake(), load("libomp")
        self.module = stacks.implementation(impl)
        self.blas_path = str(path_of("openblas-fake-gnu").resolve())
        self.omp_path = str(path_of("libomp").resolve())

    def now(self) -> tuple[int, int]:
        """Return the threads of OpenBLAS and of libomp, as they say themselves."""
        return self._blas.openblas_get_num_threads(), self._omp.omp_get_max_threads()

    def put(self, blas: int, omp: int) -> None:
        """Set both past everybody's back."""
        self._blas.openblas_set_num_threads(blas), self._omp.omp_set_num_threads(omp)


FORMS: dict[str, tuple[int, int]] = {
    "limits(1)": (1, 1),
    "limits(limits=3)": (3, 3),
    "limits(1, 'blas')": (1, 8),
    "limits(1, user_api='openmp')": (8, 1),
    "limits(1, None)": (1, 1),
    "limits()": (8, 8),
    "limits(None)": (8, 8),
    "limits(None, 'blas')": (8, 8),
    "limits({'blas': 2})": (2, 8),
    "limits({'openmp': 2})": (8, 2),
    "limits({'blas': 2, 'openmp': 3})": (2, 3),
    "limits({'blas': 2}, user_api='openmp')": (2, 8),
    "limits({'libopenblas': 2})": (2, 8),
    "limits({'libomp': 2})": (8, 2),
    "limits({'libopenblas': 2, 'blas': 5})": (2, 8),
    "limits({'blas': 5, 'libopenblas': 2})": (2, 8),
    "limits({blas: 1, 'libopenblas': 2, 'blas': 3})": (1, 8),
    "limits({'blas': 3, 'libopenblas': 2, blas: 1, 'openmp': 4})": (1, 4),
    "limits({blas: None, 'blas': 3, 'openmp': 3})": (8, 3),
    "limits({'libopenblas': None, 'blas': 3})": (8, 8),
    "limits({omp: 5})": (8, 5),
    "limits({blas: 12, omp: 10})": (12, 10),
    "limits({'openblas': 2, 'libopenblas_fake_gnu.so': 2})": (8, 8),
    "limits([{'prefix': 'libopenblas', 'num_threads': 4}])": (4, 8),
    "limits([{'filepath': omp, 'num_threads': 4}])": (8, 4),
    "limits([{'filepath': '/no/file', 'prefix': 'libomp', 'num_threads': 4}])": (8, 8),
    "limits([{'filepath': omp, 'prefix': 'libopenblas', 'num_threads': 4}])": (8, 4),
    "limits([{'prefix': 'libomp', 'num_threads': None}])": (8, 8),
    "limits(earlier)": (6, 5),
    "limits(module.ThreadpoolController())": (8, 8),
    "limits('sequential_blas_under_openmp')": (1, 8),
    "limits('sequential_blas_under_openmp', 'openmp')": (1, 8),
    "limits(True)": (1, 1),
    "controller.limit()": (8, 8),
    "controller.limit(limits=2)": (2, 2),
    "controller.limit(limits=2, user_api='blas')": (2, 8),
    "controller.limit(limits={'openmp': 3})": (8, 3),
    "controller.select(user_api='openmp').limit(limits=2)": (8, 2),
    "controller.select(prefix='libopenblas').limit(limits={'openmp': 1, 'blas': 4})": (4, 8),
    "controller.select(user_api='nothing').limit(limits=2)": (8, 8),
    "module.get_cached_controller().limit(limits=2)": (2, 2),
}


def _names(pools: Pools) -> dict[str, Any]:
    pools.put(6, 5)
    earlier = pools.module.threadpool_info()
    pools.put(8, 8)
    return {
        "module": pools.module,
        "limits": pools.module.threadpool_limits,
        "controller": pools.module.ThreadpoolController(),
        "blas": pools.blas_path,
        "omp": pools.omp_path,
        "earlier": earlier,
    }


@in_own_process(env=EIGHT)
def test_every_form_as_a_block_a_call_and_an_object(impl: str) -> None:
    pools = Pools(impl)
    names = _names(pools)
    for form, limited in FORMS.items():
        with eval(form, names) as scope:
            assert pools.now() == limited, form
            assert isinstance(scope, pools.module._ThreadpoolLimiter)
        assert pools.now() == (8, 8), form
        called = eval(form, names)
        assert pools.now() == limited, form
        called.restore_original_limits()
        assert pools.now() == (8, 8), form
        called = eval(form, names)
        called.unregister()
        assert pools.now() == (8, 8), form
        with called:
            assert pools.now() == (8, 8), form


@in_own_process(env=EIGHT)
def test_every_form_as_a_decorator(impl: str) -> None:
    pools = Pools(impl)
    names = _names(pools)
    for form, limited in FORMS.items():
        wrap = form.replace(".limit(", ".wrap(").replace("limits(", "limits.wrap(", 1)
        decorated = eval(wrap, names)(pools.now)
        assert pools.now() == (8, 8), wrap
        assert decorated() == decorated() == limited, wrap
        assert pools.now() == (8, 8), wrap


@in_own_process(env=EIGHT)
def test_a_controllers_numbers_as_limits(impl: str) -> None:
    pools = Pools(impl)
    controller = pools.module.ThreadpoolController()
    pools.put(3, 2)
    with controller.limit(limits=controller.select(user_api="blas")):
        # Read when the limit begins.
        assert pools.now() == (3, 2)
    with controller.limit(limits=1) as outer:
        assert pools.now() == (1, 1)
        with controller.limit(limits=controller):
            assert pools.now() == (1, 1)
        assert outer.get_original_num_threads() == {"blas": 3, "openmp": 2}
    assert pools.now() == (3, 2)


@in_own_process(env=EIGHT)
def test_nested_limits_the_innermost_wins(impl: str) -> None:
    pools = Pools(impl)
    limits = pools.module.threadpool_limits
    with limits(4):
        with limits(2, "blas"):
            assert pools.now() == (2, 4)
            with limits({"blas": 12, "openmp": 10}):
                assert pools.now() == (12, 10)
                with limits(None):
                    assert pools.now() == (12, 10)
            assert pools.now() == (2, 4)
        with limits({"openmp": 9}) as inner:
            assert inner.get_original_num_threads() == {"openmp": 4}
            assert pools.now() == (4, 9)
        assert pools.now() == (4, 4)
    assert pools.now() == (8, 8)


@in_own_process(env=EIGHT)
def test_an_exception_ends_a_block_and_goes_on(impl: str) -> None:
    pools = Pools(impl)
    limits = pools.module.threadpool_limits
    error = ValueError("of the program")
    with pytest.raises(ValueError, match="of the program") as caught, limits(2), limits(1):
        assert pools.now() == (1, 1)
        raise error
    assert caught.value is error
    assert pools.now() == (8, 8)


@in_own_process(env=EIGHT)
def test_a_bare_call_that_nobody_keeps_stays(impl: str) -> None:
    pools = Pools(impl)
    pools.module.threadpool_limits(2)
    gc.collect()
    assert pools.now() == (2, 2)
    pools.module.threadpool_limits(3, "blas")
    gc.collect()
    assert pools.now() == (3, 2)
    with pools.module.threadpool_limits(1):
        assert pools.now() == (1, 1)
    assert pools.now() == (3, 2)
    pools.module.threadpool_limits({"blas": 8, "openmp": 8})
    assert pools.now() == (8, 8)


@in_own_process(env=EIGHT)
def test_a_bare_call_in_a_block_is_undone_at_its_end(impl: str) -> None:
    pools = Pools(impl)
    limits = pools.module.threadpool_limits
    with limits(4):
        limits(2)
        assert pools.now() == (2, 2)
        with limits(1):
            limits(12, "blas")
            assert pools.now() == (12, 1)
        assert pools.now() == (2, 2)
        limits({"libomp": 3})
        assert pools.now() == (2, 3)
    assert pools.now() == (8, 8)
    # A block undoes it even in a library that it does not limit itself.
    with limits(4, "blas"):
        limits(2, "openmp")
        assert pools.now() == (4, 2)
    assert pools.now() == (8, 8)
    with limits(None):
        limits(2)
        assert pools.now() == (2, 2)
    assert pools.now() == (8, 8)


@in_own_process(env=EIGHT)
def test_a_kept_call_in_a_block_restores_its_own(impl: str) -> None:
    pools = Pools(impl)
    limits = pools.module.threadpool_limits
    with limits(4):
        call = limits(2)
        assert pools.now() == (2, 2)
        call.restore_original_limits()
        assert pools.now() == (4, 4)
    assert pools.now() == (8, 8)


@in_own_process(env=EIGHT)
def test_a_restored_limit_object_as_a_block(impl: str) -> None:
    pools = Pools(impl)
    call = pools.module.threadpool_limits(2)
    assert pools.now() == (2, 2)
    with call as same:
        assert same is call
        assert pools.now() == (2, 2)
    assert pools.now() == (8, 8)


@in_own_process(env=EIGHT)
def test_a_controllers_own_setter(impl: str) -> None:
    pools = Pools(impl)
    (blas,) = pools.module.ThreadpoolController().select(user_api="blas").lib_controllers
    blas.set_num_threads(5)
    assert (pools.now(), blas.num_threads, blas.get_num_threads()) == ((5, 8), 5, 5)
    with pools.module.threadpool_limits(2):
        blas.set_num_threads(3)
        assert pools.now() == (3, 2)
    assert pools.now() == (5, 8)


@in_own_process(env=EIGHT)
def test_the_original_numbers(impl: str) -> None:
    pools = Pools(impl)
    limits = pools.module.threadpool_limits
    pools.put(6, 5)
    both = {"blas": 6, "openmp": 5}
    assert limits(1).get_original_num_threads() == both
    assert limits(1).get_original_num_threads() == {"blas": 1, "openmp": 1}
    pools.put(6, 5)
    for form, expected in {
        "None": both,
        "1, 'blas'": {"blas": 6},
        "None, 'openmp'": {"openmp": 5},
        "{'blas': 1}": {"blas": 6},
        "{'libopenblas': 1}": {},
        "{'libopenblas': 1, 'openmp': None}": {"openmp": 5},
        "[{'prefix': 'openmp', 'num_threads': 2}]": {"openmp": 5},
        "{}": {},
        "'sequential_blas_under_openmp'": {"blas": 6},
    }.items():
        with eval(f"limits({form})", {"limits": limits}) as scope:
            assert scope.get_original_num_threads() == expected, form
        assert scope.get_original_num_threads() == expected, form


@in_own_process(env=EIGHT)
def test_several_original_numbers_give_the_least_and_a_warning(impl: str) -> None:
    pools = Pools(impl)
    other = load("openblas-fake-scipy64_")
    other.scipy_openblas_set_num_threads64_(5)
    with pools.module.threadpool_limits(2) as scope:
        with pytest.warns(UserWarning, match="apis: blas. Returning the minimum") as caught:
            assert scope.get_original_num_threads() == {"blas": 5, "openmp": 8}
        assert [Path(warning.filename).name for warning in caught] == [
            "threadpoolctl.py" if impl == "threadpoolctl" else Path(__file__).name
        ]
    other.scipy_openblas_set_num_threads64_(8)
    with warnings.catch_warnings(), pools.module.threadpool_limits(2) as scope:
        warnings.simplefilter("error")
        assert scope.get_original_num_threads() == {"blas": 8, "openmp": 8}


@in_own_process
def test_no_library_has_no_original_number(impl: str) -> None:
    module = stacks.implementation(impl)
    with module.threadpool_limits(2) as scope:
        assert scope.get_original_num_threads() == {"blas": None, "openmp": None}


@pytest.mark.parametrize("name", ["openblas-openmp", "openblas-pthread", "mkl_rt", "blis-openmp"])
@in_own_process(env=EIGHT)
def test_sequential_blas_under_openmp(impl: str, name: str) -> None:
    library = load(name)
    if name == "mkl_rt":
        ctypes.CDLL(str(path_of("mkl_rt"))).MKL_Get_Max_Threads()
    module = stacks.implementation(impl)
    before = {info["prefix"]: info["num_threads"] for info in module.threadpool_info()}
    with module.threadpool_limits("sequential_blas_under_openmp") as scope:
        inside = {info["prefix"]: info["num_threads"] for info in module.threadpool_info()}
        asked = set(scope.get_original_num_threads())
    controller = module.ThreadpoolController()
    if name == "openblas-openmp":
        assert inside == before
        assert asked == {"blas", "openmp"}
        params = {"limits": None, "user_api": None}
    else:
        blas = {info["prefix"] for info in module.threadpool_info() if info["user_api"] == "blas"}
        assert inside == {**before, **dict.fromkeys(blas, 1)}
        assert asked == {"blas"}
        params = {"limits": 1, "user_api": "blas"}
    assert controller._get_params_for_sequential_blas_under_openmp() == params
    assert library is not None
