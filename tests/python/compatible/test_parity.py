"""Both implementations look at one process, and give the same answers, field by field."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from isolated import in_own_process
from scenario import load

from compatible import stacks

pytestmark = pytest.mark.usefixtures("lab")


@dataclass(frozen=True)
class Difference:
    """Prefixes of the pools that one implementation lists and the other does not."""

    reason: str
    only_ours: tuple[str, ...] = ()
    only_theirs: tuple[str, ...] = ()


#: Every intended difference in what is listed; all else is equal.
DIFFERENCES = {
    "MKL, static": Difference(
        "threadpoolctl goes by file names: MKL linked into another library escapes it",
        only_ours=("libfake_translate",),
    ),
    "BLIS of PyPI": Difference(
        "threadpoolctl goes by file names: the wheel's BLIS is inside cy.*.so",
        only_ours=("cy",),
    ),
    "poseurs": Difference(
        "threadpoolctl is content with one symbol: a library with a runtime's file name "
        "and one of its functions is listed, and can't be limited",
        only_theirs=("libgomp", "libopenblas"),
    ),
}
NONE = Difference("")
USERS = "a user's controller"
ALL = [*stacks.STACKS, USERS]


def _load(stack: str) -> None:
    if stack == USERS:
        stacks.add_users_controller(tempfile.mkdtemp())
    else:
        stacks.STACKS[stack]()


def _common(infos: list[dict[str, Any]], left_out: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the infos but for some prefixes; in an order of their own, theirs is a set's."""
    assert sorted(info["prefix"] for info in infos if info["prefix"] in left_out) == sorted(
        left_out
    )
    return sorted(
        (info for info in infos if info["prefix"] not in left_out),
        key=lambda info: info["filepath"],
    )


def _both(stack: str, **options: Any) -> list[list[dict[str, Any]]]:
    """Return what theirs and ours say of the pools that both know."""
    difference = DIFFERENCES.get(stack, NONE)
    modules = stacks.implementations()
    return [
        _common(modules["threadpoolctl"].threadpool_info(**options), difference.only_theirs),
        _common(modules["poolkeeper"].threadpool_info(**options), difference.only_ours),
    ]


def test_the_table_of_differences_is_of_stacks() -> None:
    assert set(DIFFERENCES) <= set(ALL)
    assert all(difference.reason for difference in DIFFERENCES.values())


SELECTIONS: list[dict[str, Any]] = [
    {"user_api": "blas"},
    {"user_api": ["blas", "openmp", "toy"]},
    {"internal_api": ["openblas", "mkl", "blis"]},
    {"internal_api": "openmp"},
    {"prefix": "libgomp"},
    {"threading_layer": "openmp"},
    {"threading_layer": ["pthreads", "disabled"]},
    {"architecture": "Fake"},
    {"version": None},
    {"version": [None, "9.9.9"]},
    {"num_threads": [1, 2]},
    {"user_api": "openmp", "internal_api": "openblas"},
    {"colour": "red"},
    {"no_such_key": "x"},
    {"no_such_key": None},
    {"user_api": ("blas",)},
    {},
]


def _require_equal_selections(stack: str) -> None:
    difference = DIFFERENCES.get(stack, NONE)
    known = _both(stack)[0]
    by_path = [{"filepath": info["filepath"]} for info in known]
    controllers = {
        name: module.ThreadpoolController() for name, module in stacks.implementations().items()
    }
    assert len(controllers["threadpoolctl"]) == len(known) + len(difference.only_theirs)
    assert len(controllers["poolkeeper"]) == len(known) + len(difference.only_ours)
    for selection in [*SELECTIONS, *by_path]:
        chosen = {
            name: sorted(
                (type(lib).__name__, lib.filepath)
                for lib in controller.select(**selection).lib_controllers
                if lib.prefix not in difference.only_theirs + difference.only_ours
            )
            for name, controller in controllers.items()
        }
        assert chosen["poolkeeper"] == chosen["threadpoolctl"], selection


@pytest.mark.parametrize("stack", ALL)
@in_own_process
def test_the_infos_and_the_selections_are_equal(stack: str) -> None:
    _load(stack)
    for options in ({}, {"debugging_info": True}, {"debugging_info": False}):
        before = _both(stack)
        theirs, ours = _both(stack, **options)
        # The order of the keys is what a printed info shows.
        assert [list(info.items()) for info in ours] == [list(info.items()) for info in theirs]
        assert ("thread_limit_scope" in str(theirs)) == bool(theirs and options.get(
            "debugging_info"
        ))  # fmt: skip
        assert _both(stack) == before
    _require_equal_selections(stack)


def _counts(stack: str) -> list[list[tuple[str, int]]]:
    """Return the thread counts that theirs and ours read, by the files' names."""
    return [
        [(Path(info["filepath"]).name, info["num_threads"]) for info in infos]
        for infos in _both(stack)
    ]


def _limits(stack: str) -> list[tuple[Any, str | None]]:
    """Return ways to limit a stack's pools, as limits and user_api."""
    known = _both(stack)[0]
    prefixes = [info["prefix"] for info in known]
    paths = [info["filepath"] for info in known]
    return [
        (None, None),
        (1, None),
        (3, None),
        (1, "blas"),
        (2, "openmp"),
        ({"blas": 2}, None),
        ({"openmp": 1}, "blas"),
        ({"blas": 1, "unknown key": 5}, None),
        ({"blas": 1, "openmp": None}, None),
        ({}, None),
        ([], None),
        (dict.fromkeys(prefixes[:1], 2), None),
        (dict.fromkeys(prefixes[-1:], 2), None),
        (dict.fromkeys(paths[:1], 3), None),
        (dict.fromkeys(paths[-1:], 1), "blas"),
        (dict.fromkeys(paths, 2), None),
        ([{**info, "num_threads": 2} for info in known], None),
        ("sequential_blas_under_openmp", None),
        ("sequential_blas_under_openmp", "openmp"),
    ]


def _originals(limiter: Any) -> tuple[dict[str, int], list[list[str]]]:
    """Return the counts from before, and the words of the warnings of that."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        originals = limiter.get_original_num_threads()
    assert {warning.category for warning in caught} <= {UserWarning}
    # The order of the APIs in theirs is a set's.
    words = [sorted(str(warning.message).replace(",", "").split()) for warning in caught]
    return originals, words


def _observed(stack: str, name: str, limits: Any, user_api: str | None) -> dict[str, Any]:
    """Limit with one implementation; return what both say in the scope and after it."""
    module = stacks.implementation(name)
    with module.threadpool_limits(limits=limits, user_api=user_api) as limiter:
        inside = _counts(stack)
        originals = _originals(limiter)
    # Where one of the two has a pool more, it has more to tell of.
    shown = None if stack in DIFFERENCES else originals
    return {"inside": inside, "originals": shown, "after": _counts(stack)}


#: Pools that keep their number, or that only one implementation sees.
UNCHANGEABLE = {
    "nothing", "MKL, static", "BLIS of PyPI", "MKL, sequential", "OpenBLAS, serial", "FlexiBLAS",
    "poseurs",
}  # fmt: skip


@pytest.mark.parametrize("stack", ALL)
@in_own_process
def test_limits_are_seen_by_both_and_restored(stack: str) -> None:
    _load(stack)
    before = _counts(stack)
    assert before[0] == before[1]
    changed = False
    for limits, user_api in _limits(stack):
        theirs = _observed(stack, "threadpoolctl", limits, user_api)
        ours = _observed(stack, "poolkeeper", limits, user_api)
        assert ours == theirs, (limits, user_api)
        assert ours["inside"][0] == ours["inside"][1]
        assert ours["after"] == before
        changed |= ours["inside"] != before
    assert changed == (stack not in UNCHANGEABLE)


@pytest.mark.parametrize(("stack", "limited"), [("MKL, static", 3), ("BLIS of PyPI", 1)])
@in_own_process
def test_what_only_ours_finds_is_limited_and_restored(stack: str, limited: int) -> None:
    from poolkeeper.threadpoolctl import threadpool_info, threadpool_limits

    _load(stack)
    (before,) = threadpool_info()
    with threadpool_limits({"blas": 3}) as limiter:
        # The wheel's BLIS is built without threads, and would only say 3.
        assert threadpool_info() == [{**before, "num_threads": limited}]
        assert limiter.get_original_num_threads() == {"blas": before["num_threads"]}
    assert threadpool_info() == [before]


@in_own_process
def test_a_posing_library_cannot_be_limited_by_theirs_either() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    _load("poseurs")
    with threadpool_limits(1):
        assert [info["num_threads"] for info in threadpool_info()] == [3, 3]


@pytest.mark.parametrize("first", stacks.IMPLEMENTATIONS)
@in_own_process
def test_an_mkl_that_nobody_has_called(first: str) -> None:
    load("mkl_rt")
    for name in (first, *stacks.IMPLEMENTATIONS):
        stacks.implementation(name).threadpool_info()
    theirs, ours = _both("MKL")
    assert ours == theirs
    assert {info["prefix"] for info in ours} >= {"libmkl_rt"}


@in_own_process
def test_both_warn_of_two_intel_and_llvm_runtimes() -> None:
    load("libomp"), load("libiomp5")
    for module in stacks.implementations().values():
        with pytest.warns(RuntimeWarning, match="libiomp.* LLVM OpenMP"):
            module.ThreadpoolController()
        with pytest.warns(RuntimeWarning, match="libomp"):
            module.threadpool_info()
        with pytest.warns(RuntimeWarning, match="libomp"), module.threadpool_limits(1):
            pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = _both("libomp")
    assert ours == theirs
