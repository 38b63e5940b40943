"""Run every contestant under every setting, and measure each run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import poolkeeper

from .contestants import Clustering, Contestant
from .meter import ThreadMeter, Usage, wait_until_quiet
from .progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Two inertias that differ by less than this share are the same result: threads
#: add the same numbers in another order, and rounding differs.
SAME_RESULT = 1e-6


@dataclass(frozen=True)
class Setting:
    """How many threads each level may use; ``None`` sets no limit.

    Example:
        >>> Setting(openmp=8, blas=1).name
        'openmp=8, blas=1'
        >>> Setting().name
        'no limit'
    """

    openmp: int | None = None
    blas: int | None = None

    @property
    def limits(self) -> dict[str, int]:
        """The limits to nest, outermost first."""
        levels = {"openmp": self.openmp, "blas": self.blas}
        return {level: threads for level, threads in levels.items() if threads is not None}

    @property
    def name(self) -> str:
        """For the table."""
        return ", ".join(f"{k}={v}" for k, v in self.limits.items()) or "no limit"


def unlimited(pools: Iterable[poolkeeper.Pool]) -> Setting:
    """The setting of the first run: no limit, unless that could crash Python.

    Every OpenMP thread calls BLAS; past a BLAS pool's capacity memory corruption
    is possible (a 128-core machine and an OpenBLAS compiled for 64 threads).

    Args:
        pools: what ``poolkeeper.pools()`` says, nothing limited.

    Example:
        >>> unlimited([]).name
        'no limit'
    """
    pools = list(pools)
    callers = max((p.num_threads or 1 for p in pools if p.level == "openmp"), default=1)
    capacities = [p.capacity for p in pools if p.level == "blas" and p.capacity is not None]
    capacity = max(1, min(capacities, default=callers))
    return Setting(openmp=capacity) if callers > capacity else Setting()


@dataclass
class Run:
    """One contestant under one setting.

    Attributes:
        outcomes: what each limit did to each pool, in poolkeeper's words.
        usages: the measurements, one for each repeat.
        clustering: what the last repeat found.
    """

    contestant: Contestant
    setting: Setting
    outcomes: list[str] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    clustering: Clustering | None = None

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.contestant.name} ({self.setting.name})"

    @property
    def usage(self) -> Usage:
        """The measurement to show: the repeat with the median wall time."""
        in_order = sorted(self.usages, key=lambda usage: usage.wall_seconds)
        return in_order[(len(in_order) - 1) // 2]

    @property
    def result(self) -> Clustering:
        """What was found.

        Raises:
            RuntimeError: the run has not been made yet.
        """
        if self.clustering is None:
            raise RuntimeError(f"{self.name}: not run yet")
        return self.clustering


def run_all(
    contestants: Sequence[Contestant],
    settings: Sequence[Setting],
    pixels: NDArray[np.float64],
    start: NDArray[np.float64],
    repeat: int,
    progress: Progress,
) -> list[Run]:
    """Run each contestant under each setting ``repeat`` times.

    Repeats take turns (a, b, a, b), so that a machine that becomes busy or slow
    does it to all settings alike.

    Args:
        pixels: colours from 0 to 1, shape ``(pixels, 3)``.
        start: the centres that all begin with, shape ``(colors, 3)``.
        repeat: how many measurements to make of each run, at least 1.

    Returns:
        One ``Run`` for each pair: all settings of the first contestant first.
    """
    runs = [Run(contestant, setting) for contestant in contestants for setting in settings]
    for turn in range(1, repeat + 1):
        for run in runs:
            title = f"k-means by {run.name}"
            with progress.step(f"{title}, turn {turn} of {repeat}" if repeat > 1 else title):
                _measure(run, pixels, start, progress)
    return runs


def _measure(
    run: Run, pixels: NDArray[np.float64], start: NDArray[np.float64], progress: Progress
) -> None:
    wait_until_quiet(ignore=progress.thread_ids)
    with ExitStack() as stack:
        # As a user writes it: with limit(openmp=8): with limit(blas=1): ...
        scopes = [
            stack.enter_context(poolkeeper.limit(**{level: threads}))
            for level, threads in run.setting.limits.items()
        ]
        run.outcomes = [str(outcome) for scope in scopes for outcome in scope.outcomes]
        with ThreadMeter(ignore=progress.thread_ids) as meter:
            run.clustering = run.contestant.cluster(pixels, start)
    run.usages.append(meter.usage)


def inertia_difference(runs: Sequence[Run]) -> float:
    """The largest difference from the first run, as a share of the larger of the two.

    Example:
        >>> inertia_difference([])
        0.0
    """
    inertias = [run.result.inertia for run in runs]
    return max(
        (
            abs(a - inertias[0]) / max(abs(a), abs(inertias[0]))
            for a in inertias
            if a != inertias[0]
        ),
        default=0.0,
    )
