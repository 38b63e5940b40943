"""numba's number of threads, where numba is loaded.

numba takes ``NUMBA_NUM_THREADS`` for the size of its pool when it starts its threads,
and looks at the variable again whenever it compiles: another value is an error then.
``numba.set_num_threads`` lowers the number for the calling thread. It starts the
threads if nothing has, so it is only used on a pool that was started.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "NUMBA_NUM_THREADS"


def is_loaded() -> bool:
    """Whether numba has been imported."""
    return "numba" in sys.modules


def is_started() -> bool:
    """Whether numba has started its threads."""
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    return bool(getattr(parallel, "_is_initialized", False))


def read_variable() -> None:
    """Let numba follow its variable now, if it has started no threads."""
    reload = getattr(sys.modules.get("numba.core.config"), "reload_config", None)
    if reload is not None and not is_started():
        reload()


class Lowered:
    """The calling thread's number in numba, lowered until it is put back.

    Parameters
    ----------
    threads : int or str, optional
        The most threads that it may use. Default: the number stays.
    """

    def __init__(self, threads: int | str | None) -> None:
        self._before = self._set = 0
        if threads is None or not is_started():
            return
        numba = sys.modules["numba"]
        self._before = self._set = numba.get_num_threads()
        if int(threads) < self._before:
            self._set = int(threads)
            numba.set_num_threads(self._set)

    def restore(self) -> None:
        """Put the number back, if nobody else has changed it."""
        numba = sys.modules.get("numba")
        if numba is not None and self._set < self._before:
            if numba.get_num_threads() == self._set:
                numba.set_num_threads(self._before)
            self._set = self._before


@contextmanager
def lowered(threads: int) -> Iterator[None]:
    """Use no more threads in numba from the calling thread, for a while."""
    if not is_started():
        yield
        return
    number = Lowered(threads)
    try:
        yield
    finally:
        number.restore()
