"""The checks of parameters: what they may be, in one table, and the messages."""

from __future__ import annotations

import difflib
import numbers
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

#: Where the first centers can come from, by name.
INITS = ("k-means++", "random", "k-means||")
ALGORITHMS = ("lloyd", "elkan")


class ParameterError(ValueError, TypeError):
    """A parameter has a value that it can't have."""


def is_array_like(value: Any) -> bool:
    """Tell whether it is an array, or will be one: a list, a table."""
    if isinstance(value, (str, bytes)) or callable(value):
        return False
    return hasattr(value, "__len__") or hasattr(value, "shape") or hasattr(value, "__array__")


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def _at_least(least: int) -> Callable[[Any], bool]:
    return lambda value: _whole(value) and value >= least


def _not_negative(value: Any) -> bool:
    number = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    return number and 0 <= value < float("inf")


def _flag(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def _is_init(value: Any) -> bool:
    return (
        str(value) in INITS if isinstance(value, str) else callable(value) or is_array_like(value)
    )


#: By name: whether a value is allowed, and what is, in words.
_ALLOWED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "n_clusters": (_at_least(1), "a whole number of 1 or more"),
    "init": (_is_init, f"{', '.join(map(repr, INITS))}, a callable or an array of centers"),
    "n_init": (
        lambda value: value == "auto" if isinstance(value, str) else _at_least(1)(value),
        "'auto' or a whole number of 1 or more",
    ),
    "max_iter": (_at_least(1), "a whole number of 1 or more"),
    "tol": (_not_negative, "a finite number of 0 or more"),
    "verbose": (lambda value: _flag(value) or _at_least(0)(value), "0, 1, False or True"),
    "copy_x": (_flag, "True or False"),
    "algorithm": (lambda value: value in ALGORITHMS, "'lloyd' or 'elkan'"),
    "n_jobs": (
        lambda value: value is None or (_whole(value) and (value == -1 or value >= 1)),
        "None (the live limit, or the budget), -1 (the whole budget) or a number of threads",
    ),
    "batch_size": (_at_least(1), "a whole number of 1 or more"),
    "compute_labels": (_flag, "True or False"),
    "max_no_improvement": (
        lambda value: value is None or _at_least(0)(value),
        "None or a whole number of 0 or more",
    ),
    "init_size": (
        lambda value: value is None or _at_least(1)(value),
        "None or a whole number of 1 or more",
    ),
    "reassignment_ratio": (_not_negative, "a finite number of 0 or more"),
}


def check(estimator: Any) -> None:
    """Raise :class:`ParameterError` for the first parameter that is not allowed."""
    # Not `get_params`, which reads the signature anew, a good part of a short fit.
    values = vars(estimator)
    for name, (allowed, words) in _ALLOWED.items():
        if name in values and not allowed(values[name]):
            value = values[name]
            raise ParameterError(f"{name} must be {words}, not {value!r}{_hint(name, value)}")


#: What a parameter may be by name.
_NAMES = {"init": INITS, "algorithm": ALGORITHMS, "n_init": ("auto",)}


def _hint(name: str, value: Any) -> str:
    if not isinstance(value, str):
        return ""
    near = difflib.get_close_matches(value, _NAMES.get(name, ()), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def starts(estimator: Any, default: int) -> int:
    """Return how many starts ``n_init`` means.

    Parameters
    ----------
    default : int
        What "auto" means where starts are cheap and differ.
    """
    init, n_init = estimator.init, estimator.n_init
    if not isinstance(init, str) and is_array_like(init):
        if n_init != "auto" and n_init != 1:
            warnings.warn(
                "Explicit initial center position passed: performing only one init in "
                f"{type(estimator).__name__} instead of n_init={n_init}.",
                RuntimeWarning,
                stacklevel=caller(),
            )
        return 1
    if n_init != "auto":
        return int(n_init)
    return default if callable(init) or init == "random" else 1


def caller() -> int:
    """Return the `stacklevel` with which a warning names the line outside of this package."""
    level, frame = 1, sys._getframe(1)
    here = __name__.rpartition(".")[0]
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__", ""), here):
        level, frame = level + 1, frame.f_back
    return level


def _is_inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")
