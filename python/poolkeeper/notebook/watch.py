"""What a stretch of code really used, as the operating system counts it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import PurePath
from types import TracebackType
from typing import Any

from .._cpus import cpus
from .._native import Sampler
from .._words import counted
from .html import Markup, bar, element, faint, join, note, paragraph, picture, table
from .timeline import Moment, color, timeline

#: A group that ran for less, and was never seen runnable, is left out.
IDLE_SECONDS = 0.001

#: Crowded for a smaller share of the time is somebody waking up.
CROWDED = 0.1


@dataclass(frozen=True)
class Group:
    """The threads of one owner: a pool, the main thread, another library.

    Attributes
    ----------
    label : str
        The owner's name, for people.
    worked : int
        The number of its threads that ran for 5 ms or longer.
    peak : int
        The most of its threads that were runnable at once.
    cpu_seconds : float
        The CPU time of its threads.
    """

    label: str
    worked: int
    peak: int
    cpu_seconds: float


@dataclass(frozen=True)
class Throttling:
    """How the kernel stopped this process's group for its CPU quota.

    Attributes
    ----------
    group : str
        The group's folder. Other processes of the group count, too.
    periods, throttled : int
        Periods of the quota in which the group ran, and those in which it was stopped.
    seconds : float
        Time for which its CPUs were stopped, the sum over CPUs.
    """

    group: str
    periods: int
    throttled: int
    seconds: float


@dataclass(frozen=True)
class Usage:
    """What a stretch of code used. A notebook shows it with a timeline.

    Attributes
    ----------
    wall_seconds, cpu_seconds : float
        Time on the clock, and CPU time of all threads.
    budget : int
        CPUs that this process may use.
    peak : int
        The most threads that were runnable in one sample.
    crowded : float
        The share of samples, 0 to 1, with more runnable threads than the budget.
    voluntary_switches, involuntary_switches : int
        Times that a thread waited for something, and that the kernel took its CPU
        away for another one.
    throttling : Throttling or None
        ``None`` where it is not known.
    samples : int
        The number of samples that were taken, 5 ms apart or more.
    groups : tuple of Group
        The owners whose threads did something, the one with the most CPU time first.
    """

    wall_seconds: float
    cpu_seconds: float
    budget: int
    peak: int
    crowded: float
    voluntary_switches: int
    involuntary_switches: int
    throttling: Throttling | None
    samples: int
    groups: tuple[Group, ...]
    _moments: tuple[Moment, ...] = field(repr=False)

    def __repr__(self) -> str:
        lines = [*self._facts(), "", f"{'threads':<44} worked  peak   CPU s"]
        lines += [
            f"{group.label:<44.44} {group.worked:>6} {group.peak:>5} {group.cpu_seconds:>7.2f}"
            for group in self.groups
        ]
        return "\n".join(lines)

    def _facts(self) -> list[str]:
        """The facts of the whole stretch, a line each."""
        used = self.cpu_seconds / self.wall_seconds if self.wall_seconds else 0.0
        return [
            f"{self.cpu_seconds:.3g} s of CPU time in {self.wall_seconds:.3g} s: "
            f"{used:.2f} CPUs busy of a budget of {self.budget}",
            f"at most {counted(self.peak, 'thread')} runnable at once; more than the budget in "
            f"{self.crowded:.0%} of {counted(self.samples, 'sample')}",
            f"context switches: {self.voluntary_switches} to wait, "
            f"{self.involuntary_switches} because another thread got the CPU",
            f"stopped for a CPU quota: {self._throttled()}",
        ]

    def _throttled(self) -> str:
        if self.throttling is None:
            return "not known"
        if not self.throttling.periods:
            return "no (no quota)"
        return (
            f"{self.throttling.seconds:.3g} s, in {self.throttling.throttled} of "
            f"{self.throttling.periods} periods"
        )

    def _repr_html_(self) -> str:
        cpu, *others = self._facts()
        used = self.cpu_seconds / self.wall_seconds if self.wall_seconds else 0.0
        rows = (
            (_swatch(number, group.label), group.worked, group.peak, f"{group.cpu_seconds:.2f}")
            for number, group in enumerate(self.groups)
        )
        header = ("threads of", "worked", "peak", "CPU s")
        return picture(
            paragraph(bar(used, self.budget), element("b", cpu)),
            timeline(self._moments, self.wall_seconds, self.budget),
            table(header, rows, numbers=(1, 2, 3)),
            join(paragraph(faint(fact)) for fact in others),
            note(self._too_many()) if self.crowded >= CROWDED else None,
        )

    def _too_many(self) -> str:
        return (
            f"For {self.crowded:.0%} of the time more than {self.budget} threads wanted to run. "
            "%%limit in the first line of a cell keeps it to what fits."
        )


def _swatch(number: int, label: str) -> Markup:
    square = element("span", class_="swatch", style=f"background:{color(number)}")
    return join((square, label))


class Watch:
    """Watch a ``with`` block; ``usage`` holds the answer after it.

    A native thread takes the samples. It doesn't need the interpreter, takes 2 % of one
    CPU at most, and is not counted. Child processes are not counted either.

    Raises
    ------
    OSError
        On a system that is not supported yet.

    Examples
    --------
    >>> with Watch() as watch:
    ...     total = sum(range(1_000_000))
    >>> watch.usage.wall_seconds > 0
    True
    """

    usage: Usage

    def __enter__(self) -> Watch:
        self._sampler = Sampler()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        found = self._sampler.stop()
        assert found is not None, "a sampler is stopped once"
        self.usage = _usage(found)


def _usage(found: dict[str, Any]) -> Usage:
    """Name the groups, and leave out those that did nothing."""
    kept = [
        number
        for number, group in enumerate(found["groups"])
        if group["peak"] or group["cpu_seconds"] >= IDLE_SECONDS
    ]
    throttling, budget, samples = found["throttling"], int(cpus()), found["samples"]
    return Usage(
        wall_seconds=found["wall_seconds"],
        cpu_seconds=found["cpu_seconds"],
        budget=budget,
        peak=len(samples) - 1,
        crowded=sum(samples[budget + 1 :]) / sum(samples),
        voluntary_switches=found["voluntary_switches"],
        involuntary_switches=found["involuntary_switches"],
        throttling=None if throttling is None else Throttling(**throttling),
        samples=sum(samples),
        groups=tuple(_group(found["groups"][number]) for number in kept),
        _moments=tuple(
            (at, tuple(counts[number] for number in kept)) for at, counts in found["moments"]
        ),
    )


def _group(found: dict[str, Any]) -> Group:
    return Group(_label(found), found["worked"], found["peak"], found["cpu_seconds"])


def _label(found: dict[str, Any]) -> str:
    owner, path = found["owner"], found["filepath"]
    if owner == "main":
        return "the main thread, and what it calls"
    if owner == "unknown":
        return "threads whose owner is not known"
    if owner == "pool":
        return f"{found['runtime']}: {'/'.join(PurePath(path).parts[-2:])}"
    if _is_interpreter(path):
        return "Python threads, and what they call"
    return PurePath(path).name


def _is_interpreter(path: str) -> bool:
    is_library = PurePath(path).name.startswith("libpython")
    return is_library or path == os.path.realpath(sys.executable)
