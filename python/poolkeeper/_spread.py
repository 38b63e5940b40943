"""``poolkeeper.spread(n)``: an initializer for the workers of any pool."""

from __future__ import annotations

import os

from . import _worker
from ._native import Share, _share_of_callers
from ._words import counted


class Spread:
    """The share of one of several workers; each worker calls it once, as it starts.

    Attributes
    ----------
    workers : int
        The number of workers that work at the same time.
    share : Share
        What each worker may use.
    """

    workers: int
    share: Share

    def __init__(self, workers: int, cpus: int | None = None) -> None:
        self.workers, found = _worker.checked(workers, cpus)
        self.share = _share_of_callers(self.workers, found)
        self._made_in: int | None = os.getpid()

    def __call__(self) -> None:
        """Limit the calling thread, or the process if it is another one."""
        if os.getpid() == self._made_in:
            _worker.hold_in_thread(self.share)
            return
        forked = self._made_in is not None  # else it would have been pickled
        _worker.hold_in_process(self.share, forked=forked)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_made_in": None}

    def __repr__(self) -> str:
        return f"<spread over {counted(self.workers, 'worker')}: {self.share!r} each>"


def spread(workers: int, *, cpus: int | None = None) -> Spread:
    """Return an initializer by which each worker of a pool keeps its share.

    The share is what the calling thread may use now, in every pool, divided by
    the number of workers, and at least one thread. The calling thread's limits count:
    under ``limit(openmp=4)`` two workers get two OpenMP threads each.

    Parameters
    ----------
    workers : int
        The number of workers that work at the same time.
    cpus : int, optional
        CPUs to divide. Default: the budget, :func:`cpus`, which in a worker is the
        worker's share.

    Returns
    -------
    Spread
        Every worker calls it without arguments. In a thread the limit lives as long
        as the thread, and libraries with one count for the process are held down
        that long for everybody. In another process the limit lives as long as the
        process, and the environment is set for libraries that are loaded later.

    Raises
    ------
    LimitError
        If ``workers`` or ``cpus`` is outside 1 to ``MAX_LIMIT``.
    TypeError
        If one of them is no whole number.

    Warns
    -----
    LimitWarning
        If there are more workers than a loaded BLAS survives as callers at once.

    Examples
    --------
    >>> import poolkeeper
    >>> from multiprocessing.pool import ThreadPool
    >>> with ThreadPool(2, initializer=poolkeeper.spread(2)) as pool:
    ...     pool.map(abs, [-1, 2])
    [1, 2]
    """
    each = Spread(workers, cpus)
    _worker.warn_of_callers(each.workers)
    return each
