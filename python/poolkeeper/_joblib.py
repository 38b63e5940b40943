"""joblib backends whose workers keep their share. Importing this imports joblib."""

from __future__ import annotations

from abc import ABCMeta
from multiprocessing.pool import ThreadPool
from typing import Any

from joblib._parallel_backends import LokyBackend, ThreadingBackend

from . import _worker
from ._native import Split
from ._spread import spread
from ._variables import keeping


class _Nesting:
    """The backend of parallel calls inside a worker: threads that divide its share."""

    def get_nested_backend(self) -> tuple[Any, int | None]:
        inner, n_jobs = super().get_nested_backend()  # type: ignore[misc]
        if type(inner) is ThreadingBackend:
            inner = Threads(nesting_level=inner.nesting_level)
        return inner, n_jobs


class Processes(_Nesting, LokyBackend, metaclass=ABCMeta):  # type: ignore[misc]
    """joblib's loky, whose workers begin with the environment of their share."""

    def __init__(self, plan: Split, force: bool, **others: Any) -> None:
        super().__init__(**others)
        self._plan = plan
        self._force = force

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """At most as many jobs as the budget was divided for."""
        return min(int(super().effective_n_jobs(n_jobs)), self._plan.processes)

    def _prepare_worker_env(self, n_jobs: int) -> dict[str, str]:
        share = self._plan.workers[-1]  # loky has one environment for all of them
        changes = keeping(share, self._force)
        return {**super()._prepare_worker_env(n_jobs), **changes.set}


class Threads(_Nesting, ThreadingBackend, metaclass=ABCMeta):  # type: ignore[misc]
    """Threads, each with its share of what the caller may use."""

    def __init__(self, workers: int | None = None, cpus: int | None = None, **others: Any) -> None:
        super().__init__(**others)
        self._pool: ThreadPool | None = None
        self._workers = workers
        self._cpus = cpus

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """At most as many jobs as the budget was divided for, or has CPUs."""
        most = _worker.budget(self._cpus) if self._workers is None else self._workers
        return min(int(super().effective_n_jobs(n_jobs)), most)

    def _get_pool(self) -> ThreadPool:
        if self._pool is None:
            initializer = spread(self._n_jobs, cpus=self._cpus)
            self._pool = ThreadPool(self._n_jobs, initializer=initializer)
        return self._pool
