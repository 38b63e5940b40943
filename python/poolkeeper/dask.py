"""Dask's workers within their share: a plugin for Dask distributed.

>>> from dask.distributed import Client
>>> from poolkeeper.dask import WorkerLimits
>>> with Client(n_workers=1, dashboard_address=":0") as client:
...     _ = client.register_plugin(WorkerLimits())
...     client.submit(abs, -1).result()
1

``dask worker --preload poolkeeper.dask`` does so without a change to the program.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from typing import Any

from distributed import Worker, WorkerPlugin

from . import _worker
from ._native import Share, _share

__all__ = ["WorkerLimits", "dask_setup"]


class WorkerLimits(WorkerPlugin):
    """Limit what each task of a worker uses, by the worker's ``nthreads``.

    A worker runs ``nthreads`` tasks at once; each task may use its part of the
    worker's CPUs in OpenMP or BLAS threads. In a worker with a process of its
    own (under a nanny, the default) the plugin also sets the environment variables
    of that share, for libraries and programs that are started later. Variables that
    are set already, such as Dask's own ``OMP_NUM_THREADS=1``, stay.

    Parameters
    ----------
    cpus : int, optional
        CPUs of each worker. Default: its ``nthreads``, so that every task gets
        one thread. Never more than the budget of the worker's machine.

    Raises
    ------
    LimitError
        If ``cpus`` is outside 1 to ``MAX_LIMIT``.
    TypeError
        If it is no whole number.

    Examples
    --------
    >>> from poolkeeper.dask import WorkerLimits
    >>> plugin = WorkerLimits(cpus=4)  # client.register_plugin(plugin)
    >>> plugin.share_of_task(nthreads=2, budget=8)
    <Share of 2 CPUs: 2 OpenMP threads x 2 BLAS threads>

    Sources
    -------
    https://distributed.dask.org/en/stable/plugins.html
    """

    #: Registering it again replaces it.
    name = "poolkeeper"

    def __init__(self, cpus: int | None = None) -> None:
        if cpus is not None:
            _, cpus = _worker.checked(1, cpus)
        self.cpus = cpus

    def share_of_task(self, nthreads: int, budget: int) -> Share:
        """Return what each of ``nthreads`` tasks may use where the budget is ``budget``."""
        each = max(1, min(self.cpus or nthreads, budget) // nthreads)
        return _share(each, each, each)

    def setup(self, worker: Worker) -> None:
        """Begin: Dask calls this in every worker, also in workers that are added later."""
        share = self.share_of_task(worker.state.nthreads, _worker.budget())
        self._undo = ExitStack()
        if worker.nanny is not None:
            self._undo.enter_context(_worker.environment(share))
        # Dask's own work, (de)serializing, goes through one for the whole process.
        others = set(worker.executors.values()) - {worker.executors["offload"]}
        for executor in others:
            self._undo.enter_context(_Limited(executor, share))

    def teardown(self, worker: Worker) -> None:
        """End: Dask calls this when the worker closes, or the plugin is removed."""
        self._undo.close()


class _Limited:
    """An executor whose tasks run under a limit for a while.

    It stays the object it is, because Dask looks at its class to end it, and
    tasks leave and rejoin it (``secede``).
    """

    def __init__(self, executor: Executor, share: Share) -> None:
        self._executor = executor
        self._share = share

    def __enter__(self) -> None:
        plain, share = self._executor.submit, self._share

        def submit(function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
            return plain(_worker.call, share, function, *args, **named)

        self._executor.submit = submit  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        self._executor.__dict__.pop("submit", None)  # the class has its own


async def dask_setup(worker: Worker) -> None:
    """Register the plugin in a worker that preloads this module."""
    await worker.plugin_add(WorkerLimits())
