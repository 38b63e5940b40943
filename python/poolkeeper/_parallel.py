"""joblib in one line: ``with poolkeeper.parallel(4):``."""

from __future__ import annotations

import difflib
from types import TracebackType
from typing import Any

from . import _worker
from ._spread import spread
from ._words import counted

BACKENDS = ("loky", "threading")


class parallel:
    """Have joblib's workers share the budget: ``with poolkeeper.parallel(4):``.

    In the block, ``joblib.Parallel`` and libraries that use it (scikit-learn) run with
    this number of workers by default, and never with more. Each worker has its share
    of the budget; parallel calls inside a worker divide that share.

    Parameters
    ----------
    workers : int, optional
        Workers at the same time. Default: one for each CPU of the budget. There are
        never more processes than CPUs.
    openmp, blas : int, optional
        Threads of each level in each process, as in :func:`split`. Without
        both, the two take turns, and each may have the process's whole share.
    backend : {"loky", "threading"}, default "loky"
        Processes or threads.
    cpus : int, optional
        CPUs to divide. Default: the budget, :func:`cpus`.
    force : bool, default False
        Replace environment variables that you have set yourself, in the workers.

    Attributes
    ----------
    workers : int
        Workers at the same time.
    share : Share
        What each worker may use.

    Raises
    ------
    LimitError
        If a count is outside 1 to ``MAX_LIMIT``.
    ValueError
        If there is no such backend, or ``openmp`` or ``blas`` is given for
        threads, which share what the calling thread may use.
    TypeError
        If a count is no whole number.
    ImportError
        If joblib is not installed.

    Examples
    --------
    >>> import joblib, poolkeeper
    >>> with poolkeeper.parallel(2):
    ...     joblib.Parallel()(joblib.delayed(abs)(n) for n in (-1, 2))
    [1, 2]
    """

    def __init__(
        self,
        workers: int | None = None,
        openmp: int | None = None,
        blas: int | None = None,
        *,
        backend: str = "loky",
        cpus: int | None = None,
        force: bool = False,
    ) -> None:
        _check(backend, openmp, blas)
        from . import _joblib  # only here: poolkeeper does not need joblib

        if backend == "loky":
            plan = _worker.divided(workers, openmp, blas, cpus)
            self.workers, self.share = plan.processes, plan.workers[-1]
            self._backend: Any = _joblib.Processes(plan, force)
        else:
            each = spread(_worker.callers(cpus) if workers is None else workers, cpus=cpus)
            self.workers, self.share = each.workers, each.share
            self._backend = _joblib.Threads(each.workers, cpus)
        self._configs: list[Any] = []

    def __enter__(self) -> parallel:
        import joblib

        config = joblib.parallel_config(self._backend, n_jobs=self.workers)
        self._configs.append(config)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._configs.pop().unregister()

    def __repr__(self) -> str:
        return f"<parallel: {counted(self.workers, 'worker')}, {self.share!r} each>"


def _check(backend: str, openmp: int | None, blas: int | None) -> None:
    if backend not in BACKENDS:
        nearest = difflib.get_close_matches(str(backend), BACKENDS, 1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}{hint}")
    if backend == "threading" and (openmp is not None or blas is not None):
        raise ValueError(
            "openmp and blas divide a process; threads share what the calling thread may use: "
            "limit that, as in 'with poolkeeper.limit(blas=4):'"
        )
