"""The budget as an int that knows where it comes from."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ._native import Source, _cpus

if TYPE_CHECKING:
    from typing_extensions import disjoint_base
else:

    def disjoint_base(cls):
        """Return the class: what the decorator says is for type checkers."""
        return cls


@disjoint_base  # its instances have a __dict__, behind the digits of an int
class Cpus(int):
    """The whole CPUs that a process may use: an int, with its sources.

    Its ``repr`` is a table of the sources with the deciding one marked; its ``str``
    is the number.

    Attributes
    ----------
    count : int
        Whole CPUs: ``fraction`` rounded down, and at least 1.
    fraction : float
        CPUs with their fraction: 1.5 under a quota of 150 ms every 100 ms.
    physical_cores : int or None
        Physical cores among the CPUs of the affinity mask; None where the kernel
        does not tell.
    performance_cores : int or None
        How many of these cores are performance cores, on processors with two kinds.
    sources : list of Source
        Every source that was found, the most deliberate first.
    """

    count: int
    fraction: float
    physical_cores: int | None
    performance_cores: int | None
    sources: list[Source]
    _table: str

    @property
    def deciding(self) -> Source:
        """The source that decided."""
        return next(source for source in self.sources if source.status == "decides")

    def not_known(self) -> list[str]:
        """Return a sentence for each source that can't be seen, and may allow fewer CPUs.

        A source that the affinity mask enforces anyway is left out.
        """
        if self.deciding.kind == "override":
            return []
        unknown = (
            source
            for source in self.sources
            if source.status == "unknown" and source.kind not in ("machine", "cpuset")
        )
        return [
            f"the CPUs may be fewer: {source.place}: {source.note}. "
            "POOLKEEPER_CPUS=N says how many there are."
            for source in unknown
        ]

    def to_dict(self) -> dict[str, Any]:
        """Every number and source, as ``poolkeeper cpus --json`` writes them."""
        fields = ("kind", "place", "value", "cpus", "status", "note")
        return {
            "cpus": self.count,
            "exact": self.fraction,
            "physical_cores": self.physical_cores,
            "performance_cores": self.performance_cores,
            "sources": [
                {field: getattr(source, field) for field in fields} for source in self.sources
            ],
        }

    def __repr__(self) -> str:
        return self._table

    def _repr_html_(self) -> str:
        from .notebook import show

        return show.budget(self)

    def __str__(self) -> str:
        return int.__repr__(self)

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        # A copy elsewhere is a number: its sources are not those of that place.
        return (int, (int(self),))


class _Worker(threading.local):
    """The calling thread, where it is a worker."""

    share: int | None = None  # CPUs


worker = _Worker()


def cpus(pid: int | None = None) -> Cpus:
    """Return the CPUs that this process may use, and who says so.

    The smallest of all sources counts: the variable ``POOLKEEPER_CPUS``; variables
    that say how many CPUs programs may use; variables of a batch scheduler or a
    platform; a launcher's number of processes on this node (MPI, torchrun, srun,
    flux); the CPU quota of the process's cgroup and of every group above it
    (version 1 and 2); the process's cpuset; the calling thread's affinity mask; the
    machine. In a worker thread (of an executor or of Dask) the worker's share is a
    source, too. ``poolkeeper cpus --variables`` lists the variables. Nothing is
    cached, because a quota can change. A call takes about a tenth of a millisecond.

    Parameters
    ----------
    pid : int, optional
        Return the CPUs of this other process, with the environment that it was
        started with.

    Returns
    -------
    Cpus
        An int with ``count``, ``fraction`` and ``sources``.

    Raises
    ------
    LimitError
        If ``POOLKEEPER_CPUS`` is no positive number.
    ProcessLookupError
        If there is no such process, or it can't be looked at.
    TypeError
        If ``pid`` is no whole number.

    Examples
    --------
    >>> import poolkeeper
    >>> budget = poolkeeper.cpus()
    >>> budget >= 1
    True
    >>> budget.deciding.cpus == budget.fraction
    True
    """
    count, fraction, physical, performance, sources, table = _cpus(pid)
    budget = Cpus(count)
    budget.count = count
    budget.fraction = fraction
    budget.physical_cores = physical
    budget.performance_cores = performance
    budget.sources = sources
    budget._table = table.rstrip()
    return budget
