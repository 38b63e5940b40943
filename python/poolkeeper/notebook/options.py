"""Limits as people write them on a line: ``blas=4 openmp=8``, or ``2`` for every pool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from .._native import MAX_LIMIT, LimitError, limit

#: As :func:`poolkeeper.limit` takes them: threads by name, or for every pool.
Limits = dict[str, int] | int

#: Ends the sentence of an error.
EXAMPLE = "write a number for every pool, or name=number, as in blas=4"


def parse_limits(words: Iterable[str]) -> Limits | None:
    """Return what the words ask for, as :func:`poolkeeper.limit` takes it.

    Parameters
    ----------
    words : iterable of str
        ``"4"``, or any number of ``"name=4"``: a level, a runtime or the path of
        a loaded library.

    Returns
    -------
    dict, int or None
        Threads by name; threads for every pool; ``None`` if there are no words.

    Raises
    ------
    ValueError
        If a word is neither, or a name is there twice.

    Examples
    --------
    >>> parse_limits(["blas=4", "openmp=8"])
    {'blas': 4, 'openmp': 8}
    >>> parse_limits(["2"])
    2
    """
    named: dict[str, int] = {}
    for_all: int | None = None
    for word in words:
        name, sign, value = word.rpartition("=")
        threads = _threads(word, value)
        if not sign:
            if for_all is not None:
                raise ValueError(f"two numbers for every pool, {for_all} and {threads}: {EXAMPLE}")
            for_all = threads
        elif not name or name in named:
            raise ValueError(f"{'no name' if not name else 'a name twice'} in {word!r}: {EXAMPLE}")
        else:
            named[name] = threads
    if for_all is not None and named:
        raise ValueError(f"{for_all} is for every pool already: name all pools, or none")
    return for_all if for_all is not None else named or None


def _threads(word: str, value: str) -> int:
    # int() also takes "1_0" and digits of other scripts.
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"{word!r} is no limit: {EXAMPLE}")
    return int(value)


def check_limits(limits: Any) -> Limits:
    """Return limits that came from a file, or say what is wrong with them.

    Raises
    ------
    ValueError
        If they are no limits, name no pool that poolkeeper knows, or are outside
        1 to ``MAX_LIMIT``.
    """
    pairs = [*limits.items()] if isinstance(limits, dict) else [("every pool", limits)]
    if not pairs:
        raise ValueError(f"no limit in {limits!r}: {EXAMPLE}")
    for name, threads in pairs:
        if isinstance(threads, bool) or not isinstance(threads, int):
            raise ValueError(f"{threads!r} for {name} is no whole number from 1 to {MAX_LIMIT}")
    try:
        # A limit that ends at once: the request is checked before any pool is set.
        limit(limits).release()
    except LimitError as error:
        raise ValueError(str(error)) from None
    return cast(Limits, limits)
