"""What a worker does to keep its share, and what the pools inside it then divide."""

from __future__ import annotations

import operator
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from . import _numba
from ._cpus import cpus, worker
from ._native import LimitWarning, Scope, Share, Split, _uncounted_pools, limit, split
from ._variables import Variables, keeping

_T = TypeVar("_T")

#: Scopes of this process that end with it: the limits of a worker process.
_for_good: list[Scope] = []


class _Thread(threading.local):
    """The share and the limit of one worker thread."""

    held: Held | None = None  # its limit, if that ends with the thread


_thread = _Thread()


class Held:
    """A limit of a worker thread that ends with the thread.

    A thread's own values are deleted by that thread, as it ends. A daemon thread
    that outlives the interpreter, such as a ``ThreadPool``'s, loses them on the
    main thread, where there is nothing to put back and nobody to warn.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __del__(self) -> None:
        self._scope._release_with_thread()


def budget(wanted: int | None = None) -> int:
    """Return the CPUs that may be divided here: `wanted`, else all of them.

    All are the budget of the process, and in a worker thread the thread's share.
    """
    return int(cpus()) if wanted is None else wanted


def divided(
    processes: int | None, openmp: int | None, blas: int | None, wanted: int | None
) -> Split:
    """Return the split over `processes`, by default one for each CPU.

    OpenMP and BLAS take turns unless one of them is asked for, as in
    :func:`poolkeeper.auto`.
    """
    found = budget(wanted)
    if processes is None:
        processes = found
    nested = openmp is not None or blas is not None
    return split(processes, openmp, blas, cpus=found, nested=nested)


@contextmanager
def in_thread(share: Share) -> Iterator[None]:
    """Keep `share` in this worker thread for a while."""
    outer, worker.share = worker.share, share.cpus
    try:
        with share.limit(), _numba.lowered(share.openmp):
            yield
    finally:
        worker.share = outer


def call(share: Share, function: Callable[..., _T], /, *args: Any, **named: Any) -> _T:
    """Call a function that keeps `share`."""
    with in_thread(share):
        return function(*args, **named)


@contextmanager
def environment(share: Share, force: bool = False, *, briefly: bool = False) -> Iterator[None]:
    """Have the variables of `share` in ``os.environ`` for a while.

    A number that the user set stays, unless `force`; so does a value that other code
    sets meanwhile.
    """
    variables = Variables(keeping(share, force).set, briefly=briefly)
    try:
        yield
    finally:
        variables.restore()


def hold_in_thread(share: Share) -> None:
    """Keep `share` in this thread until the thread ends, or gets another share."""
    _thread.held = None  # ends the earlier limit before the next begins
    worker.share = share.cpus
    _thread.held = Held(share.limit())


def hold_in_process(share: Share, *, forked: bool = False, force: bool = False) -> None:
    """Keep `share` in this process for good: in its pools, and in its environment.

    A pool whose number the user has set by a variable keeps that number, unless
    `force`. After `fork`, pools that would wait for threads of the parent get one thread
    (a libgomp whose workers could not end before): if the parent ever ran a parallel
    region, a region here with several threads would wait for threads that are gone.
    """
    changes = keeping(share, force)
    Variables(changes.set)
    _for_good.append(changes.limit())
    _numba.Lowered(changes.set.get(_numba.VARIABLE))
    waiting = {pool.runtime for pool in _uncounted_pools() if pool._waits_in_this_child}
    if forked and waiting:
        _for_good.append(limit(dict.fromkeys(waiting, 1)))


def callers(wanted: int | None) -> int:
    """Return how many threads to start: one for each CPU, if every loaded BLAS survives that."""
    return split(cpus=budget(wanted)).openmp


def warn_of_callers(workers: int) -> None:
    """Warn the caller's caller if this is more threads than a loaded BLAS survives."""
    for pool in _uncounted_pools():
        if pool.level == "blas" and pool.capacity is not None and workers > pool.capacity:
            warnings.warn(
                f"{workers} threads may call {pool.name} at once, which survives "
                f"{pool.capacity}: more can crash the process. Start at most {pool.capacity}",
                LimitWarning,
                stacklevel=3,
            )
            return


def checked(workers: int, wanted: int | None) -> tuple[int, int]:
    """Return the workers and the CPUs that they divide.

    Raises
    ------
    LimitError
        If one of them is outside 1 to ``MAX_LIMIT``.
    TypeError
        If one of them is no whole number.
    """
    plan = split(cpus=budget(wanted), openmp=workers)  # reads both as every call of ours does
    return operator.index(workers), plan.cpus
