"""``poolkeeper.auto()``: one line that keeps a program within its budget."""

from __future__ import annotations

import os
from types import TracebackType

from . import _numba, _variables
from ._cpus import Cpus, cpus
from ._native import (
    Changes,
    ForkSafety,
    Outcome,
    Split,
    _environment_changes,
    _set_limits,
    _uncounted_pools,
    split,
)
from ._variables import Variables
from ._words import counted


class Auto:
    """What :func:`auto` did; :meth:`release` undoes it.

    Attributes
    ----------
    cpus : Cpus
        The budget that was found.
    split : Split
        How the budget was divided.
    outcomes : list of Outcome
        What became of the limit in each pool that is loaded.
    environment : dict of str
        The variables that were set in ``os.environ``, for child processes and for
        libraries that are loaded later.
    kept : list of (str, str, int)
        Variables that you had set yourself and that stay: name, your value, the
        value that would keep the split. The pools that read them keep your number,
        too.
    replaced : list of (str, str, int)
        Variables that you had set to something that is no number of threads: name,
        your value, the number that they have now.
    """

    cpus: Cpus
    split: Split
    outcomes: list[Outcome]
    environment: dict[str, str]
    kept: list[tuple[str, str, int]]
    replaced: list[tuple[str, str, int]]

    def __init__(self, budget: Cpus, plan: Split, force: bool, outer: Auto | None) -> None:
        self.cpus = budget
        self.split = plan
        self._force = force
        self._outer = outer
        self._blocks = 0  # `with` blocks that have not ended
        self._released = False
        self._process = os.getpid()
        self._begin()

    def _begin(self) -> None:
        """Limit the pools, and set the variables."""
        global _live
        _live = self
        share = self.split.workers[-1]
        changes = _environment_changes(share, os.environ, self._force)
        self.kept, self.replaced = changes.kept, changes.replaced
        self._pools = _Lowered(changes)
        self.outcomes = self._pools.outcomes
        self._numba = _numba.Lowered(changes.set.get(_numba.VARIABLE))
        self._variables = _variables.of_auto = Variables(changes.set)
        self._forks = ForkSafety()
        self.environment = self._variables.set

    def _end(self) -> None:
        """Put everything back, so that :func:`auto` can begin anew."""
        global _live
        _live = None
        _variables.of_auto = None
        self._pools.restore()
        self._numba.restore()
        self._variables.restore()
        self._forks.release()

    def release(self) -> None:
        """Put pools and variables back as they were; a second call does nothing.

        A value that other code has changed meanwhile stays. If this :func:`auto`
        replaced that of an outer ``with`` block, the outer one holds again.
        """
        if self._released:
            return
        self._released = True
        self._forks.release()  # in a forked child, which has none of its own, too
        inner = _live_here()
        if inner is not self:
            # It is interrupted: what was called inside its block ends with it.
            if inner is not None and inner._is_inside(self):
                inner.release()
            return
        self._end()
        outer = self._outer
        while outer is not None and outer._released:
            outer = outer._outer
        if outer is not None:
            outer._begin()

    def _is_inside(self, other: Auto) -> bool:
        outer = self._outer
        while outer is not None and outer is not other:
            outer = outer._outer
        return outer is not None

    def __enter__(self) -> Auto:
        self._blocks += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._blocks -= 1
        self.release()

    def __repr__(self) -> str:
        # A level without a pool is no news: the variables are for those to come.
        loaded = (outcome for outcome in self.outcomes if outcome.filepath is not None)
        lines = [str(self.split), *self.cpus.not_known(), *map(str, loaded)]
        variables = counted(len(self.environment) - 1, "variable")
        lines.append(f"{variables} set for children and later libraries")
        return "\n".join([*lines, *self._about_variables()])

    def _about_variables(self) -> list[str]:
        """What became of the variables that the user had set, a line each."""
        kept = [
            f"kept {name}={_shown(theirs)}, which you had set (not {ours})"
            for name, theirs, ours in self.kept
        ]
        replaced = [
            f"{name}={_shown(theirs)} is no number of threads, so it is {ours} now"
            for name, theirs, ours in self.replaced
        ]
        return kept + replaced

    def _repr_html_(self) -> str:
        from .notebook import show

        return show.auto(self)


class _Lowered:
    """Pools whose number outside every scope was lowered, until it is put back.

    Attributes
    ----------
    outcomes : list of Outcome
        What became of the limit in each pool.
    """

    outcomes: list[Outcome]

    def __init__(self, changes: Changes) -> None:
        self._before = _threads()
        with changes.limit() as scope:  # it tells of each pool what it would do
            self.outcomes = scope.outcomes
        most = changes.most()
        lowered = {
            pool.id: most[pool.runtime]
            for pool in _uncounted_pools()
            if pool.num_threads is not None and pool.num_threads > most[pool.runtime]
        }
        if lowered:
            _set_limits(lowered)
        self._set = _threads()

    def restore(self) -> None:
        """Put back the numbers that nobody else has changed."""
        now = _threads()
        changed = {
            pool: self._before[pool]
            for pool, threads in self._set.items()
            if now.get(pool) == threads and self._before.get(pool, threads) != threads
        }
        if changed:
            _set_limits(changed)


#: The one that holds now.
_live: Auto | None = None


def _live_here() -> Auto | None:
    """Return the `Auto` that holds now; a forked child has none of its own."""
    return _live if _live is not None and _live._process == os.getpid() else None


def auto(
    processes: int | None = None,
    openmp: int | None = None,
    blas: int | None = None,
    *,
    nested: bool | None = None,
    force: bool = False,
) -> Auto:
    """Keep this program within its budget: one line at the top of a script.

    Reads the budget, divides it, limits the pools that are loaded (by their
    baseline: scopes go back to it), and sets environment variables for child
    processes and for libraries that are loaded later. It only lowers: a pool that
    has fewer threads, because you, a launcher or the library itself chose so, keeps
    its number.

    Children that the program forks can run OpenMP, as after :func:`fork_safe`.

    A second call begins anew, from what was there before the first call, and so
    follows a budget that has changed, up and down.

    Parameters
    ----------
    processes, openmp, blas : int, optional
        As in :func:`split`.
    nested : bool, optional
        Whether BLAS calls come from inside OpenMP regions, so that the product
        of the two counts. If not, OpenMP and BLAS take turns, and each may have
        the whole share. Default: True if ``openmp`` or ``blas`` is given, else
        False, because most programs use one at a time, and scikit-learn limits
        BLAS inside its own regions.
    force : bool, default False
        Replace environment variables that you have set yourself.

    Returns
    -------
    Auto
        What was done; ``release()`` undoes it. It prints as text, and you need not
        keep it.

    Raises
    ------
    LimitError, TypeError
        As :func:`split` and :func:`cpus`.

    Notes
    -----
    A pool with reach ``"thread"`` (libgomp) that is loaded already is limited only
    in the calling thread; threads started later begin with the runtime's own
    number. Call ``auto()`` before the libraries are imported, or use
    :class:`poolkeeper.ThreadPoolExecutor`.

    Examples
    --------
    >>> import poolkeeper
    >>> done = poolkeeper.auto()
    >>> done.split.cpus == poolkeeper.cpus()
    True
    >>> done.release()
    """
    earlier = _live_here()
    if earlier is not None:
        earlier._end()  # its numbers are no part of what is found
    try:
        budget = cpus()
        if nested is None:
            nested = openmp is not None or blas is not None
        plan = split(processes, openmp, blas, cpus=int(budget), nested=nested)
    except BaseException:
        if earlier is not None:
            earlier._begin()
        raise
    if earlier is not None and not earlier._blocks:
        earlier._released = True  # for good
    return Auto(budget, plan, force, earlier)


def _threads() -> dict[int, int]:
    """The thread count of each loaded pool, by its id."""
    listed = _uncounted_pools()
    return {pool.id: pool.num_threads for pool in listed if pool.num_threads is not None}


def _shown(value: str) -> str:
    """A value of a variable in one line."""
    return value if value.isascii() and value.isprintable() and " " not in value else repr(value)
