"""Whole programs that take turns: each run is a process of its own.

A theme names its contestants and what they do; each runs `rounds` times, forwards
and backwards in turn. Ratios are taken round by round, as everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from measure import Effort, Row, compared

#: Kernels are chosen by the library itself: the environment's choice is not the user's.
CHOSEN_FOR_US = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
#: What an expert would set where every worker shall have one thread.
BY_HAND = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
#: The best that can be had without poolkeeper may be at most this much faster.
AS_GOOD = 0.9


@dataclass(frozen=True)
class Program:
    """One contestant: what it is called in the table, and how it is started."""

    what: str
    arguments: tuple[str, ...]  # of the interpreter
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    times_itself: bool = True  # it prints its nanoseconds in the last line

    def run(self) -> float:
        """Run it; return the nanoseconds.

        Raises:
            RuntimeError: it failed; the message is what it said.
        """
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-P", *self.arguments],
            env={**environment(), **self.environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        wall = time.perf_counter() - begin
        if done.returncode != 0:
            raise RuntimeError(f"{self.what}: {done.stdout}{done.stderr}")
        return float(done.stdout.split()[-1]) if self.times_itself else wall * 1e9


def environment() -> dict[str, str]:
    """Return this process's environment without the kernels chosen for us."""
    return {name: value for name, value in os.environ.items() if name not in CHOSEN_FOR_US}


def race(name: str, programs: Mapping[str, Program], effort: Effort) -> list[Row]:
    """Return the rows of `ours` against each other contestant.

    One that is called `by hand` is the best environment that an expert sets.
    """
    times: dict[str, list[float]] = {who: [] for who in programs}
    for number in range(rounds(effort)):
        for who in list(programs) if number % 2 == 0 else reversed(programs):
            times[who].append(programs[who].run())
    ours = times["ours"]
    rows = []
    for who, program in programs.items():
        if who == "ours":
            continue
        row = compared(f"{name}: {programs['ours'].what} against {program.what}", ours, times[who])
        rows.append(row.with_goal(times=AS_GOOD) if who == "by hand" else row)
    return rows


def rounds(effort: Effort) -> int:
    """Return how often each program runs: seconds, not milliseconds."""
    return 2 if effort.quick else 7
