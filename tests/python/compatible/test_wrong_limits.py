"""Wrong and odd input: both implementations raise the same, or set the same."""

from __future__ import annotations

import ctypes
from types import ModuleType
from typing import Any

import pytest
from isolated import in_own_process
from scenario import fake, load

from compatible import stacks

pytestmark = pytest.mark.usefixtures("lab")

WRONG = {
    # user_api
    "limit(1, 'wrong')": ValueError,
    "limit(1, 'BLAS')": ValueError,
    "limit(1, '')": ValueError,
    "limit(1, 0)": ValueError,
    "limit(1, ['blas'])": ValueError,
    "limit(None, 'wrong')": ValueError,
    "limit(user_api='wrong')": ValueError,
    # limits of a kind that means nothing
    "limit((1, 2))": TypeError,
    "limit(1.5)": TypeError,
    "limit('1')": TypeError,
    "limit('sequential')": TypeError,
    "limit(b'1')": TypeError,
    "limit({1, 2})": TypeError,
    "limit(1j)": TypeError,
    "limit(object)": TypeError,
    "limit(range(2))": TypeError,
    # lists of what is no info
    "limit([{}])": KeyError,
    "limit([{'prefix': 'libomp'}])": KeyError,
    "limit([{'filepath': 'x'}])": KeyError,
    "limit([{'num_threads': 1}])": KeyError,
    "limit([1])": AttributeError,
    "limit(['blas'])": AttributeError,
    "limit([None])": AttributeError,
    "limit([{'prefix': [], 'num_threads': 1}])": TypeError,
    # numbers of threads that are no int
    "limit({'blas': 2.0})": ctypes.ArgumentError,
    "limit({'blas': [2]})": ctypes.ArgumentError,
    "limit({'blas': object()})": ctypes.ArgumentError,
    "limit({'blas': 2**64})": ctypes.ArgumentError,
    "limit({'blas': -2**63 - 1})": ctypes.ArgumentError,
    "limit({'libopenblas': 1j})": ctypes.ArgumentError,
    "limit([{'prefix': 'libopenblas', 'num_threads': 2.5}])": ctypes.ArgumentError,
    "limit(2**64)": ctypes.ArgumentError,
    # calls
    "limit(1, 'blas', 3)": TypeError,
    "limit(limit=1)": TypeError,
    "wrap('wrong')": TypeError,
    "wrap(1, 'wrong')": ValueError,
    "wrap((1,))": TypeError,
    "wrap([{}])": KeyError,
    "controller.limit(1)": TypeError,
    "controller.limit(limits=1, user_api='wrong')": ValueError,
    "controller.limit(limits='wrong')": TypeError,
    "controller.wrap(1)": TypeError,
    "controller.wrap(limits=1.5)": TypeError,
    "controller.wrap(limits=1, user_api='wrong')": ValueError,
    "controller.select('blas')": TypeError,
    "module.threadpool_info(1, 2)": TypeError,
    "module.LibController()": TypeError,
    "module.OpenMPController('libomp.so')": TypeError,
    "module.OpenMPController(filepath='/no/libomp.so')": OSError,
    "module.ThreadpoolController(1)": TypeError,
    "module.register()": TypeError,
    "module.get_cached_controller(1)": TypeError,
    # last: theirs keeps what it could not register, and breaks
    "module.register(1)": AttributeError,
}

#: The message is ours where theirs is what ctypes makes of its argument's number.
OWN_WORDS = (ctypes.ArgumentError, OSError)


def _words(error: BaseException, module: ModuleType) -> list[str]:
    """Return a message's words, sorted: theirs lists a set's elements."""
    text = str(error)
    for private in ("_controller.", "_libraries.", "_limits.", "_registered."):
        text = text.replace(private, "")
    text = text.replace(module.__name__, "module").replace("module.", "")
    return sorted(text.translate(dict.fromkeys(map(ord, "[],"), " ")).split())


def _raised(module: ModuleType, call: str) -> BaseException:
    names = {
        "module": module,
        "limit": module.threadpool_limits,
        "wrap": module.threadpool_limits.wrap,
        "controller": module.ThreadpoolController(),
    }
    try:
        eval(call, names)
    except Exception as error:
        return error
    raise AssertionError(f"{module.__name__}: {call} raises nothing")


@pytest.mark.parametrize("kind", sorted({kind.__name__ for kind in WRONG.values()}))
@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_wrong_input_raises_the_same(kind: str) -> None:
    library, libomp = fake(), load("libomp")
    modules = stacks.implementations()
    for call in (call for call, expected in WRONG.items() if expected.__name__ == kind):
        theirs, ours = (_raised(module, call) for module in modules.values())
        assert type(theirs) is WRONG[call], call
        assert type(ours) is type(theirs), call
        if not isinstance(ours, OWN_WORDS):
            said = [_words(theirs, modules["threadpoolctl"]), _words(ours, modules["poolkeeper"])]
            assert said[0] == said[1], call
        # Nothing is half done, not even where the first of several is right.
        now = (library.openblas_get_num_threads(), libomp.omp_get_max_threads())
        assert now == (8, 8), call


@in_own_process
def test_what_does_not_register_leaves_nothing_behind() -> None:
    fake()
    module = stacks.implementation("poolkeeper")
    known = len(module._ALL_CONTROLLERS)
    assert isinstance(_raised(module, "module.register(object)"), AttributeError)
    assert len(module._ALL_CONTROLLERS) == known
    assert [info["num_threads"] for info in module.threadpool_info()] == [8]


@pytest.mark.parametrize("first", ["blas", "openmp"])
@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_a_wrong_number_for_one_library_leaves_the_others_alone(first: str) -> None:
    library, libomp = fake(), load("libomp")
    ours = stacks.implementation("poolkeeper")
    limits = {"blas": 1.5, "openmp": 2} if first == "blas" else {"openmp": 1.5, "blas": 2}
    with pytest.raises(ctypes.ArgumentError, match=r"1\.5"):
        ours.threadpool_limits(limits)
    assert (library.openblas_get_num_threads(), libomp.omp_get_max_threads()) == (8, 8)


#: Texts are no numbers: ctypes passes their address, and theirs sets that.
ADDRESSES = ["2", b"2"]


@pytest.mark.parametrize("number", [repr(text) for text in ADDRESSES])
@in_own_process
def test_theirs_sets_the_address_of_a_text(number: str) -> None:
    library = fake()
    limits = {"blas": eval(number)}
    theirs, ours = stacks.implementations().values()
    with theirs.threadpool_limits(limits):
        assert library.openblas_get_num_threads() == 16
    with pytest.raises(ctypes.ArgumentError, match="2"):
        ours.threadpool_limits(limits)
    assert library.openblas_get_num_threads() == 8


NUMBERS: list[Any] = [
    0, -1, -2, True, False, 1, 16, 17, 1000, 10**6, 2**31 - 1, 2**32, 2**32 + 3, 1 - 2**31,
    2**40 + 5, 2**63, 2**64 - 1,
]  # fmt: skip
LIBRARIES = {
    "openblas-fake-gnu": "openblas_set_num_threads",
    "openblas-pthread": "openblas_set_num_threads",
    "libomp": "omp_set_num_threads",
    "libiomp5": "omp_set_num_threads",
    "openblas-openmp": "omp_set_num_threads",
    "mkl_rt": "MKL_Set_Num_Threads_Local",
    "blis-openmp": "bli_thread_set_num_threads",
    "blis-pthread": "bli_thread_set_num_threads",
}


def _seen(implementation: str, numbers: list[Any]) -> dict[Any, dict[str, int]]:
    """Limit to each number; return each library's count by its prefix."""
    controller = stacks.implementation(implementation).ThreadpoolController()

    def counts() -> dict[str, int]:
        return {info["prefix"]: info["num_threads"] for info in controller.info()}

    before, seen = counts(), {}
    for number in numbers:
        with controller.limit(limits=number):
            seen[repr(number)] = counts()
        assert counts() == before, number
    return seen


@pytest.mark.parametrize("name", LIBRARIES)
@in_own_process(env={"OMP_NUM_THREADS": "6"})
def test_odd_numbers_set_the_same(name: str) -> None:
    library = load(name)
    for number in (64, 6):
        # OpenBLAS takes 0 for as many as it has ever had.
        library[LIBRARIES[name]](number)
    theirs, ours = (_seen(name, NUMBERS) for name in stacks.IMPLEMENTATIONS)
    if name == "mkl_rt":
        # 0 and less unset MKL's override: theirs then sees what libiomp5 says.
        unset = {number for number, counts in theirs.items() if counts != ours[number]}
        assert unset == {
            repr(n) for n in NUMBERS if n in (0, -1, -2, 2**32, 1 - 2**31, 2**63, 2**64 - 1)
        }
        theirs, ours = ({n: c for n, c in s.items() if n not in unset} for s in (theirs, ours))
    assert ours == theirs
    assert len({str(counts) for counts in ours.values()}) > 3


@pytest.mark.parametrize("name", ["openblas-fake-gnu", "libomp"])
@pytest.mark.parametrize("number", [2**31, -(2**31)])
@in_own_process(env={"OMP_NUM_THREADS": "6"})
def test_the_least_int_of_c_is_a_number_too(name: str, number: int) -> None:
    load(name)
    theirs, ours = (_seen(name, [number]) for name in stacks.IMPLEMENTATIONS)
    assert ours == theirs


@pytest.mark.parametrize("limits", [{"blas": None}, {"nobody": 1}, {None: 1}, {1: 2}, {}, [], None])
@in_own_process
def test_what_limits_nothing(limits: Any) -> None:
    library = fake()
    for module in stacks.implementations().values():
        with module.threadpool_limits(limits=limits):
            assert library.openblas_get_num_threads() == 8
