"""Wrong input is refused at once, by value, and changes nothing."""

from __future__ import annotations

import ctypes
import enum
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import poolkeeper
import pytest
from isolated import in_own_process, run
from scenario import FAKE, fake, path_of


def limit(*limits: Any, **pools: Any) -> None:
    """Limit and release: what is accepted against expectation is not left behind."""
    poolkeeper.limit(*limits, **pools).release()


FUNCTIONS = [limit, poolkeeper.set_limit]
ALLOWED = "a whole number from 1 to 8192"


class Broken:
    """What raises when it is asked for a number."""

    def __index__(self) -> int:
        raise ZeroDivisionError("no number here")


class Textual:
    """What has no number, and says it has."""

    def __index__(self) -> Any:
        return "2"


class Unprintable:
    """What has no number and no repr."""

    def __repr__(self) -> str:
        raise ValueError("no repr")


class Count(enum.IntEnum):
    """Numbers by name, as users have them."""

    TWO = 2


@pytest.fixture(autouse=True)
def library(lab: dict[str, Path]) -> Iterator[ctypes.CDLL]:
    """An OpenBLAS of 8 threads; nothing may be left changed in any pool."""
    library = ctypes.CDLL(str(lab[FAKE]))
    before = _threads()
    assert library.openblas_get_num_threads() == 8
    yield library
    assert _threads() == before


def _threads() -> dict[str, int | None]:
    # Not the capacity: that falls for good where a limit has started workers.
    return {pool.filepath: pool.num_threads for pool in poolkeeper.pools()}


def _refused(
    function: Any, *arguments: Any, error: type[Exception] = poolkeeper.LimitError, **named: Any
) -> Exception:
    before = poolkeeper.pools()
    with pytest.raises(error) as caught:
        function(*arguments, **named)
    assert poolkeeper.pools() == before
    return caught.value


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "number",
    [0, -1, -(2**31), 8193, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63,
     2**64, 10**100, -(10**100), np.int64(0), np.int8(-1), np.uint64(2**64 - 1)],
)  # fmt: skip
def test_numbers_out_of_range(function: Any, number: Any) -> None:
    for error in (_refused(function, number), _refused(function, blas=number)):
        assert error.code == "invalid-limit"
        assert isinstance(error, ValueError)
        assert ALLOWED in str(error)
        assert str(error).endswith(f"not {int(number)}")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_number_too_long_to_print(function: Any) -> None:
    error = _refused(function, 10**5000)
    assert error.code == "invalid-limit"
    assert ALLOWED in str(error)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "value",
    [True, False, np.True_, 1.0, 2.5, float("nan"), float("inf"), np.float64(2), 2 + 0j, "1", "",
     b"1", [1], (1,), {1}, [], np.array([1, 2]), object(), Textual(), Unprintable()],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_whole_number(function: Any, value: Any) -> None:
    _refused(function, value, error=TypeError)
    _refused(function, blas=value, error=TypeError)
    _refused(function, {"openblas": value}, error=TypeError)


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_a_wrong_type_is_named_with_its_value(value: Any) -> None:
    error = _refused(limit, blas=value, error=TypeError)
    kind = type(value).__name__
    assert str(error) == f"a limit must be {ALLOWED}, not {value!r} ({kind})"


def test_an_error_of_the_value_itself_passes() -> None:
    assert str(_refused(limit, Broken(), error=ZeroDivisionError)) == "no number here"


@pytest.mark.parametrize(
    "number",
    [2, np.int64(2), np.uint8(2), np.array(2), Count.TWO],
    ids=lambda value: type(value).__name__,
)
def test_whole_numbers_of_every_kind(number: Any, library: ctypes.CDLL) -> None:
    with poolkeeper.limit(number):
        assert library.openblas_get_num_threads() == 2
    with poolkeeper.limit(blas=number):
        assert library.openblas_get_num_threads() == 2


@pytest.mark.parametrize("number", [1, poolkeeper.MAX_LIMIT])
def test_the_ends_of_the_range(number: int, library: ctypes.CDLL) -> None:
    with poolkeeper.limit(openblas=number):
        assert library.openblas_get_num_threads() == min(number, 8)


# --- names


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("blass", "blas"), ("bals", "blas"), ("BLAS", "blas"), ("open_mp", "openmp"),
        ("openblass", "openblas"), ("OpenBLAS", "openblas"), ("mkll", "mkl"), ("libgom", "libgomp"),
        ("flexiblass", "flexiblas"), ("bli", "blis"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_the_nearest_name(function: Any, name: str, meant: str) -> None:
    for error in (_refused(function, {name: 1}), _refused(function, **{name: 1})):
        assert error.code == "unknown-pool"
        assert str(error).startswith(
            f'unknown pool "{name}"; did you mean "{meant}"?; known names:'
        )


@pytest.mark.parametrize("name", ["zebra", "", " ", "processes", "é", "\n", "x" * 10_000])
def test_nonsense_is_told_with_all_names_and_no_guess(name: str) -> None:
    error = _refused(limit, {name: 1})
    assert error.code == "unknown-pool"
    assert "did you mean" not in str(error)
    command = [sys.executable, "-m", "poolkeeper", "runtimes", "--json"]
    runtimes = json.loads(run(command).stdout)
    names = ("openmp", "blas", "other", *(card["id"] for card in runtimes))
    assert f"known names: {', '.join(names)}, or the path of a loaded library" in str(error)


@pytest.mark.parametrize("name", [None, 1, b"blas", ("blas",), True, 1.5])
def test_a_name_that_is_no_text(name: Any) -> None:
    error = _refused(limit, {name: 1}, error=TypeError)
    assert f"not by {name!r} ({type(name).__name__})" in str(error)


def test_a_name_with_a_lone_surrogate() -> None:
    assert _refused(limit, {"\udcff": 1}, error=ValueError)


def test_one_wrong_name_among_right_ones_changes_nothing() -> None:
    assert _refused(limit, {"blas": 1, "zebra": 1}).code == "unknown-pool"
    assert _refused(limit, {"blas": 1, "openmp": 0}).code == "invalid-limit"
    assert _refused(limit, {"blas": 1, "/no/such.so": 1}).code == "unknown-file"
    _refused(limit, {"blas": 1, "openmp": 1.0}, error=TypeError)


# --- paths


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_path_that_is_not_loaded_is_told_with_the_nearest(function: Any) -> None:
    right = str(path_of(FAKE))
    wrong = right.replace("fake_gnu", "fake_gun")
    for name in (wrong, Path(wrong)):
        error = _refused(function, {name: 1})
        assert error.code == "unknown-file"
        assert f'did you mean "{right}"?' in str(error)
        assert wrong in str(error)


@pytest.mark.parametrize("path", ["/", "./x.so", "/dev/null", "/proc/self/maps", "a/b\0c"])
def test_a_path_that_is_no_pool(path: str) -> None:
    assert _refused(limit, {path: 1}).code == "unknown-file"


def test_a_loaded_library_that_is_no_pool() -> None:
    assert _refused(limit, {__file__: 1}).code == "unknown-file"
    maps = Path("/proc/self/maps").read_text().splitlines()
    libc = next(line.split()[-1] for line in maps if "libc.so" in line)
    assert _refused(limit, {libc: 1}).code == "unknown-file"


def test_a_path_object_that_fails() -> None:
    class Failing(os.PathLike):
        def __fspath__(self) -> str:
            raise ZeroDivisionError("no path here")

    _refused(limit, {Failing(): 1}, error=ZeroDivisionError)


# --- requests as a whole


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("arguments", "named"), [((), {}), (({},), {}), ((None,), {})])
def test_nothing_named(function: Any, arguments: tuple, named: dict) -> None:
    error = _refused(function, *arguments, **named)
    assert error.code == "empty-request"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_one_name_twice(function: Any) -> None:
    error = _refused(function, {"blas": 1}, blas=2)
    assert error.code == "conflict"
    assert str(error) == "blas is limited twice, to 1 and to 2"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_arguments_that_do_not_exist(function: Any) -> None:
    _refused(function, 1, 2, error=TypeError)
    error = _refused(function, limits=2)  # positional only: it would be a pool's name
    assert error.code == "unknown-pool"


def test_options_must_be_true_or_false() -> None:
    for option in ("force", "late"):
        for value in ("no", 0, None, 1.0):
            _refused(limit, 1, error=TypeError, **{option: value})


def test_set_limit_has_no_options() -> None:
    for option in ("force", "late"):
        assert _refused(poolkeeper.set_limit, 1, **{option: True})


@pytest.mark.parametrize("decorated", [1, None, "text", [], object()])
def test_what_is_no_function_cannot_be_decorated(decorated: Any) -> None:
    with pytest.raises(TypeError, match="a scope decorates a function"):
        poolkeeper.limit(1)(decorated)


@pytest.mark.parametrize("decorate", [classmethod, staticmethod, lambda f: type("C", (), {"f": f})])
def test_decorators_in_the_wrong_order(decorate: Any) -> None:
    with pytest.raises(TypeError, match="put the decorator below @classmethod or @staticmethod"):
        poolkeeper.limit(1)(decorate(len))


@pytest.mark.parametrize("function", ["limit", "set_limit"])
@in_own_process
def test_a_number_that_changes_its_dict_is_read_once(function: str) -> None:
    library = fake()
    limits: dict[Any, Any] = {}

    class Changes:
        def __index__(self) -> int:
            limits[f"added-{len(limits)}"] = 1
            return 2

    limits.update(openblas=Changes(), mkl=3)
    result = getattr(poolkeeper, function)(limits)
    outcomes = result if isinstance(result, list) else result.outcomes
    asked = {(outcome.name, outcome.requested) for outcome in outcomes}
    assert asked == {("openblas", 2), ("mkl", 3)}
    assert library.openblas_get_num_threads() == 2
    if function == "limit":
        result.release()
