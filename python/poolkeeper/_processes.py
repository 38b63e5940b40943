"""Processes of multiprocessing that keep their share of the budget."""

from __future__ import annotations

import difflib
import multiprocessing
import os
import threading
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import context as contexts
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar

from . import _worker
from ._native import ForkSafety, Share, Split

#: Held while `os.environ` has the variables of a process that is being started.
_starting = threading.Lock()


#: Makes the fork of the process that is being started safe.
_safety: ForkSafety | None = None


def _forget_the_start() -> None:
    global _starting, _safety
    _starting = threading.Lock()  # whoever holds the old one is not in this process
    if _safety is not None:
        _safety.release()  # it was the parent's fork alone
        _safety = None


if hasattr(os, "register_at_fork"):  # not where there is no fork
    os.register_at_fork(after_in_child=_forget_the_start)


def mp_context(
    processes: int | None = None,
    openmp: int | None = None,
    blas: int | None = None,
    *,
    method: str | None = None,
    cpus: int | None = None,
    force: bool = False,
) -> Keeping:
    """Return a multiprocessing context whose processes share the budget.

    The context can be used wherever one of :func:`multiprocessing.get_context` can:
    ``ProcessPoolExecutor(4, mp_context=...)``, ``mp_context(4).Pool(4)``,
    ``mp_context(2).Process(...)``. Each process takes the first share that no living
    process has, the larger shares first. A process beyond ``processes`` gets the
    smallest share.

    Parameters
    ----------
    processes : int, optional
        Processes that work at the same time. Default: one for each CPU.
    openmp, blas : int, optional
        Threads of each level in each process, as in :func:`split`. Without
        both, the two take turns, and each may have the process's whole share.
    method : {"fork", "spawn", "forkserver"}, optional
        How processes are started. Default: as multiprocessing does.
    cpus : int, optional
        CPUs to divide. Default: the budget, :func:`cpus`.
    force : bool, default False
        Replace environment variables that you have set yourself.

    Returns
    -------
    multiprocessing context
        Its attribute ``split`` is the :class:`Split` that its processes keep.

    Raises
    ------
    LimitError
        If a count is outside 1 to ``MAX_LIMIT``.
    ValueError
        If there is no such method.
    TypeError
        If a count is no whole number.

    Notes
    -----
    In a process made by ``fork``, OpenMP computes as in any other: its idle workers end
    before the fork, as by :func:`fork_safe`. If that was turned off, or the libgomp that
    was loaded before is older than GCC 9, it gets one thread, because a region with more
    would wait for threads that fork did not copy. With ``spawn``,
    ``os.environ`` has the new process's variables while that process is being started.

    Examples
    --------
    >>> import poolkeeper
    >>> context = poolkeeper.mp_context(4, cpus=10)
    >>> [share.cpus for share in context.split.workers]
    [3, 3, 2, 2]
    """
    plan = _worker.divided(processes, openmp, blas, cpus)
    if method is None:
        method = multiprocessing.get_start_method()
    if method not in _CONTEXTS:
        nearest = difflib.get_close_matches(str(method), _CONTEXTS, 1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"method must be one of {', '.join(_CONTEXTS)}, not {method!r}{hint}")
    return _CONTEXTS[method](plan, force)


class _Seats:
    """The shares of a split, and who has them."""

    def __init__(self, plan: Split) -> None:
        self._shares = plan.workers
        self._taken: list[BaseProcess | None] = [None] * len(self._shares)

    def take(self, process: BaseProcess) -> Share:
        """Return the first share that no living process has, else the smallest."""
        for seat, other in enumerate(self._taken):
            if other is None or _is_over(other):
                self._taken[seat] = process
                return self._shares[seat]
        return self._shares[-1]

    def leave(self, process: BaseProcess) -> None:
        """Give back the share of a process that could not be started."""
        self._taken = [None if other is process else other for other in self._taken]


def _is_over(process: BaseProcess) -> bool:
    try:
        return process.exitcode is not None
    except ValueError:  # it is closed, which needs it to be over
        return True


class _KeepingProcess(BaseProcess):
    """A process that takes its share as it is started, and keeps it when it runs.

    Its attributes are pickled with it, so the list of seats is taken out before that.
    """

    _start_method: str
    _share: Share
    _force: bool

    def start(self) -> None:
        seats: _Seats | None = self.__dict__.pop("_seats", None)
        if seats is None:
            super().start()  # says that it was started before
            return
        global _safety
        with _starting:
            self._share = seats.take(self)
            _safety = ForkSafety()  # a region of OpenMP in the child waits for no thread of ours
            lent: AbstractContextManager[None] = nullcontext()
            if self._start_method == "spawn":  # others begin as a copy of a running process
                lent = _worker.environment(self._share, self._force, briefly=True)
            try:
                with lent:
                    super().start()
            except BaseException:
                seats.leave(self)
                self._seats = seats
                raise
            finally:
                if _safety is not None:
                    _safety.release()
                    _safety = None

    def run(self) -> None:
        forked = self._start_method == "fork"
        _worker.hold_in_process(self._share, forked=forked, force=self._force)
        super().run()


class _ForkProcess(_KeepingProcess, contexts.ForkProcess):
    _start_method = "fork"


class _SpawnProcess(_KeepingProcess, contexts.SpawnProcess):
    _start_method = "spawn"


class _ForkServerProcess(_KeepingProcess, contexts.ForkServerProcess):
    _start_method = "forkserver"


class Keeping(contexts.BaseContext):
    """A context whose processes keep the shares of a split."""

    split: Split
    _kind: ClassVar[type[_KeepingProcess]]

    def __init__(self, plan: Split, force: bool) -> None:
        self.split = plan
        self._force = force
        self._seats = _Seats(plan)

    def Process(self, *args: Any, **named: Any) -> BaseProcess:  # as multiprocessing spells it
        process = self._kind(*args, **named)
        process._seats = self._seats
        process._force = self._force
        return process


class _ForkContext(Keeping, contexts.ForkContext):  # type: ignore[misc]
    _kind = _ForkProcess


class _SpawnContext(Keeping, contexts.SpawnContext):  # type: ignore[misc]
    _kind = _SpawnProcess


class _ForkServerContext(Keeping, contexts.ForkServerContext):  # type: ignore[misc]
    _kind = _ForkServerProcess


_CONTEXTS: dict[str, type[Keeping]] = {
    "fork": _ForkContext,
    "spawn": _SpawnContext,
    "forkserver": _ForkServerContext,
}
