"""Numbers as ctypes passes them to C."""

from __future__ import annotations

from typing import Any


def c_int(value: Any) -> int:
    """Return the value as ctypes would pass it to a C function.

    Raises
    ------
    ctypes.ArgumentError
        If it is no int, or an int of more than 64 bits.
    """
    if type(value) is int and 0 <= value < 2**31:
        return value
    if not isinstance(value, int) or not -(2**63) <= value < 2**64:
        import ctypes

        raise ctypes.ArgumentError(f"a number of threads is an int, not {value!r}")
    # C keeps the lower 32 bits. The least of them marks a witness; no runtime
    # tells it from the next one.
    return max((value + 2**31) % 2**32 - 2**31, 1 - 2**31)
