"""Numbers of things, in words."""

from __future__ import annotations


def counted(count: int, thing: str, plural: str = "") -> str:
    """Return a number of things, with the plural where it belongs.

    Parameters
    ----------
    count : int
        How many there are.
    thing : str
        One of them.
    plural : str, optional
        Several of them; by default ``thing`` and an "s".

    Examples
    --------
    >>> counted(1, "thread"), counted(2, "thread"), counted(2, "process", "processes")
    ('1 thread', '2 threads', '2 processes')
    """
    return f"{count} {thing if count == 1 else plural or thing + 's'}"
