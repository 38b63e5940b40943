"""``poolkeeper.auto()``: the whole of it in one line."""

from __future__ import annotations

import os
from types import TracebackType

from ._cpus import Cpus, cpus
from ._native import (
    Outcome,
    Split,
    _environment_changes,
    pools,
    set_limit,
    split,
)
from ._words import counted


class Auto:
    """What :func:`auto` did; :meth:`release` undoes it.

    Attributes
    ----------
    cpus : Cpus
        The budget that was found.
    split : Split
        How it was divided.
    outcomes : list of Outcome
        What became of the limit in each pool that is loaded.
    environment : dict of str
        The variables that were set in ``os.environ``, for children and for
        libraries that are loaded later.
    kept : list of (str, str, int)
        Variables that you had set yourself and that stay: name, your value, the
        value that would keep the split.
    """

    cpus: Cpus
    split: Split
    outcomes: list[Outcome]
    environment: dict[str, str]
    kept: list[tuple[str, str, int]]

    def __init__(self, budget: Cpus, plan: Split, force: bool) -> None:
        self.cpus = budget
        self.split = plan
        share = plan.workers[-1]
        self.environment, self.kept = _environment_changes(share, os.environ, force)
        self._variables_before = {name: os.environ.get(name) for name in self.environment}
        self._threads_before = _threads()
        self.outcomes = set_limit(openmp=share.openmp, blas=share.blas)
        self._threads_set = _threads()
        os.environ.update(self.environment)
        self._released = False

    def release(self) -> None:
        """Put pools and variables back as they were; a second time does nothing.

        What somebody else has changed meanwhile stays.
        """
        if self._released:
            return
        self._released = True
        now = _threads()
        changed = {
            path: self._threads_before[path]
            for path, threads in self._threads_set.items()
            if now.get(path) == threads and self._threads_before.get(path, threads) != threads
        }
        if changed:
            set_limit(changed)
        for name, before in self._variables_before.items():
            if os.environ.get(name) != self.environment[name]:
                continue
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before

    def __enter__(self) -> Auto:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        # A level without a pool is no news: the variables are for those to come.
        loaded = (outcome for outcome in self.outcomes if outcome.filepath is not None)
        lines = [str(self.split), *self.cpus.not_known(), *map(str, loaded)]
        variables = counted(len(self.environment) - 1, "variable")
        lines.append(f"{variables} set for children and later libraries")
        lines += [
            f"kept {name}={theirs}, which you had set (not {ours})"
            for name, theirs, ours in self.kept
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from .notebook import show

        return show.auto(self)


def auto(
    processes: int | None = None,
    openmp: int | None = None,
    blas: int | None = None,
    *,
    nested: bool | None = None,
    force: bool = False,
) -> Auto:
    """Keep this program within its budget: one line at the top of a script.

    Finds the budget, divides it, limits the pools that are loaded (as their
    baseline: scopes go back to it), and sets the environment for children and
    for libraries that are loaded later.

    Parameters
    ----------
    processes, openmp, blas : int, optional
        As in :func:`split`.
    nested : bool, optional
        Whether BLAS calls come from inside OpenMP regions, so that the product
        of the two counts. If not, they take turns, and each may have the whole
        share. Default: True if ``openmp`` or ``blas`` is given, else False:
        most programs use one at a time, and scikit-learn limits BLAS inside its
        own regions.
    force : bool, default False
        Replace environment variables that you have set yourself.

    Returns
    -------
    Auto
        What was done; ``release()`` undoes it. It prints as text, and needs not
        be kept.

    Raises
    ------
    LimitError, TypeError
        As :func:`split` and :func:`cpus`.

    Notes
    -----
    A pool with reach ``"thread"`` (libgomp) that is loaded already is limited in
    the calling thread; threads started later begin with the runtime's own number.
    Call it before the libraries are imported, or use
    :class:`poolkeeper.ThreadPoolExecutor`.

    Examples
    --------
    >>> import poolkeeper
    >>> done = poolkeeper.auto()
    >>> done.split.cpus == poolkeeper.cpus()
    True
    >>> done.release()
    """
    budget = cpus()
    if nested is None:
        nested = openmp is not None or blas is not None
    plan = split(processes, openmp, blas, cpus=int(budget), nested=nested)
    return Auto(budget, plan, force)


def _threads() -> dict[str, int]:
    """The thread count of each loaded pool, by its file."""
    return {pool.filepath: pool.num_threads for pool in pools() if pool.num_threads is not None}
