"""Two things measured in turns, so that both meet the same load, and what comes of it.

A theme (scopes.py, pools.py, ...) makes `Row`s and hands them to `main`:

    def measure(effort: Effort) -> Result:
        row = compare("entering", "with ours(): pass", "with theirs(): pass", names, effort)
        return Result([row.with_goal(times=25)])

    if __name__ == "__main__":
        sys.exit(main(measure, __doc__))
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What the goals are stated for.
WORKLOAD = "import mdtraj, numpy, scipy.linalg, sklearn.cluster"
#: `timeit` switches the garbage collector off; no program that uses us does.
WITH_COLLECTOR = "import gc; gc.enable()"
LOOP_SECONDS = 0.02


@dataclass(frozen=True)
class Effort:
    """How long to measure: `rounds` turns each; `quick` makes inputs smaller too."""

    rounds: int = 51
    quick: bool = False


FULL = Effort()
QUICK = Effort(rounds=7, quick=True)


@dataclass(frozen=True)
class Spread:
    """A median between its quarter points."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` says how many times better ours is."""

    what: str
    ours: Spread
    unit: str  # "ns", "/s" or what is counted
    theirs: Spread | None = None
    ratio: Spread | None = None
    goal: str = ""
    met: bool | None = None
    note: str = ""

    def with_goal(self, times: float) -> Row:
        """Return the row with the goal to be so many times better."""
        assert self.ratio is not None, f"{self.what} is compared with nothing"
        met = self.ratio.median >= times
        return dataclasses.replace(self, goal=f"{times:,g} times", met=met)

    def with_ceiling(self, ceiling: float, goal: str) -> Row:
        """Return the row with the goal to stay under `ceiling`, in words `goal`."""
        return dataclasses.replace(self, goal=goal, met=self.ours.median < ceiling)


@dataclass
class Result:
    """What a theme found; `details` goes into results.json as it is."""

    rows: list[Row]
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Result:
        """Return what `as_json` was made from."""
        return cls([_row(row) for row in found["rows"]], found["details"])


def _row(found: dict[str, Any]) -> Row:
    spreads = {key: found[key] and Spread(**found[key]) for key in ("ours", "theirs", "ratio")}
    return Row(**{**found, **spreads})


def compare(what: str, ours: str, theirs: str, names: dict[str, Any], effort: Effort) -> Row:
    """Return how much faster the statement `ours` is than `theirs`.

    The two take turns, and swap places each round; each turn repeats its
    statement for about 20 ms. The ratio is taken round by round.
    """
    loops = [_Loop(statement, names) for statement in (ours, theirs)]
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(effort.rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            times[which].append(loops[which].nanoseconds())
    return compared(what, *times)


def compared(what: str, ours: Sequence[float], theirs: Sequence[float], unit: str = "ns") -> Row:
    """Return the row for measurements that were taken in pairs."""
    pairs = zip(ours, theirs, strict=True)
    faster_is_more = unit == "/s"
    ratios = [mine / other if faster_is_more else other / mine for mine, other in pairs]
    return Row(what, Spread.of(ours), unit, Spread.of(theirs), Spread.of(ratios))


class _Loop:
    """A statement, repeated so often that it takes about 20 ms."""

    def __init__(self, statement: str, names: dict[str, Any]) -> None:
        self._timer = timeit.Timer(statement, WITH_COLLECTOR, globals=names)
        self._timer.timeit(1)  # what is only made once is made now
        self._count = 1
        while (seconds := self._timer.timeit(self._count)) < LOOP_SECONDS / 4:
            self._count *= 2
        self._count = max(1, round(self._count * LOOP_SECONDS / seconds))

    def nanoseconds(self) -> float:
        """Return what one statement takes."""
        return self._timer.timeit(self._count) / self._count * 1e9


class Baseline:
    """The thread counts from before: a benchmark that changes them has measured nonsense."""

    def __init__(self) -> None:
        self._counts = _counts()

    def check(self, after: str) -> None:
        """Raise `AssertionError` if a pool isn't as it was."""
        found = _counts()
        if found != self._counts:
            raise AssertionError(f"{after} left {found}; it began with {self._counts}")


def _counts() -> dict[str, Any]:
    import poolkeeper

    return {str(pool.filepath): pool.num_threads for pool in poolkeeper.pools()}


def main(measure: Callable[[Effort], Result], description: str | None) -> int:
    """Run a theme alone, as `python benches/THEME.py [--quick] [--json]`."""
    parser = argparse.ArgumentParser(description=(description or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="7 rounds instead of 51")
    parser.add_argument("--json", action="store_true", help="print JSON, for run.py")
    options = parser.parse_args()
    result = measure(QUICK if options.quick else FULL)
    if options.json:
        json.dump(result.as_json(), sys.stdout)
    else:
        import report

        print(report.table(result.rows))
    return 0
