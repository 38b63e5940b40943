"""The executors of concurrent.futures, with workers that keep their share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from functools import partial
from typing import Any, ParamSpec, TypeVar

from . import _worker
from ._native import Share, Split, _share_of_callers
from ._processes import Keeping, mp_context

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ThreadPoolExecutor(futures.ThreadPoolExecutor):
    """:class:`concurrent.futures.ThreadPoolExecutor` within the caller's budget.

    Each task runs under a limit: in every pool, the threads that the thread which
    makes the executor may use at that time, divided by the number of workers. So the
    caller's limits count in the workers, and all workers together use no more than
    the caller may. While no task runs, nothing is limited.

    Parameters
    ----------
    max_workers : int, optional
        Threads that work at the same time. Default: one for each CPU of the
        budget (in a worker: of the worker's share), not of the machine, and no
        more than may call a BLAS at once.
    thread_name_prefix, initializer, initargs
        As in concurrent.futures. The initializer runs under the limit, too.
    cpus : int, optional
        CPUs to divide. Default: the budget, :func:`poolkeeper.cpus`, which in a
        worker is the worker's share.

    Attributes
    ----------
    share : Share
        What each worker may use.

    Raises
    ------
    LimitError
        If ``max_workers`` or ``cpus`` is outside 1 to ``MAX_LIMIT``.
    TypeError
        If one of them is no whole number, or the initializer can't be called.

    Warns
    -----
    LimitWarning
        If there are more workers than a loaded BLAS survives as callers at once.

    Examples
    --------
    >>> import poolkeeper
    >>> with poolkeeper.ThreadPoolExecutor(4, cpus=8) as executor:
    ...     executor.share.cpus, list(executor.map(abs, [-1, 2]))
    (2, [1, 2])
    """

    share: Share

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        cpus: int | None = None,
    ) -> None:
        if max_workers is None:
            max_workers = _worker.callers(cpus)
        workers, found = _worker.checked(max_workers, cpus)
        _worker.warn_of_callers(workers)
        self.share = _share_of_callers(workers, found)
        if callable(initializer):  # else concurrent.futures says what is wrong
            initializer = partial(_worker.call, self.share, initializer)
        super().__init__(workers, thread_name_prefix, initializer, initargs)

    def submit(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> futures.Future[_T]:
        """Let a worker call ``fn(*args, **kwargs)``, under the worker's limit.

        Raises
        ------
        RuntimeError
            After ``shutdown``.
        """
        return super().submit(_worker.call, self.share, fn, *args, **kwargs)


class ProcessPoolExecutor(futures.ProcessPoolExecutor):
    """:class:`concurrent.futures.ProcessPoolExecutor` within the budget.

    :func:`poolkeeper.mp_context` divides the budget over the workers. Pools inside a
    worker divide the worker's share.

    Parameters
    ----------
    max_workers : int, optional
        Processes that work at the same time. Default: one for each CPU of the
        budget, not of the machine.
    mp_context : multiprocessing context, optional
        How processes are started. A context that :func:`poolkeeper.mp_context` made
        also says how the budget is divided.
    initializer, initargs, **others
        As in concurrent.futures.
    cpus : int, optional
        CPUs to divide. Default: the budget, :func:`poolkeeper.cpus`.

    Attributes
    ----------
    split : Split
        How the budget is divided.

    Raises
    ------
    LimitError
        If ``max_workers`` or ``cpus`` is outside 1 to ``MAX_LIMIT``.
    TypeError
        If one of them is no whole number.
    ValueError
        If the context starts processes in a way that isn't known.

    Examples
    --------
    >>> import poolkeeper
    >>> with poolkeeper.ProcessPoolExecutor(2) as executor:
    ...     list(executor.map(abs, [-1, 2]))
    [1, 2]
    """

    split: Split

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        cpus: int | None = None,
        **others: Any,
    ) -> None:
        if max_workers is None:
            max_workers = _worker.budget(cpus)
        context = _keeping(max_workers, mp_context, cpus, others)
        self.split = context.split
        super().__init__(max_workers, context, initializer, initargs, **others)


def _keeping(workers: int, given: Any, cpus: int | None, others: dict[str, Any]) -> Keeping:
    """The context of an executor that was given the context `given`, or None."""
    if isinstance(given, Keeping):
        return given
    method = None if given is None else given.get_start_method()
    if method is None and others.get("max_tasks_per_child") is not None:
        method = "spawn"  # as concurrent.futures: it can't be had with fork
    return mp_context(workers, method=method, cpus=cpus)
