"""What a limit affects, found by trying: ``debugging_info``'s extra field."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def observe(get_n_threads: Callable[[], Any], set_n_threads: Callable[[Any], Any]) -> str:
    """Set another number in another thread, and look whether it shows here.

    Parameters
    ----------
    get_n_threads, set_n_threads : callable
        A controller's ``get_num_threads`` and ``set_num_threads``.

    Returns
    -------
    str
        ``"process"``, ``"current_thread"``, or ``"unknown"`` where the library
        does not take the number even in the thread that set it.
    """
    before = get_n_threads()
    other = 2 if before < 2 else before - 1
    seen_there: list[Any] = []

    def elsewhere() -> None:
        set_n_threads(other)
        seen_there.append(get_n_threads())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    try:
        if seen_there != [other]:
            return "unknown"
        return {other: "process", before: "current_thread"}.get(get_n_threads(), "unknown")
    finally:
        set_n_threads(before)
