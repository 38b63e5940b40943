#!/usr/bin/env python3
"""A k-means and a matrix product in a real cgroup with a quota of 1 CPU.

    python benches/quota.py             # its rows of the table; needs root and cgroup v1's cpu
    python benches/run.py               # everything

Each run is a process of its own, and the contestants take turns: the program
left alone, with poolkeeper (`poolkeeper run`, and `auto()` in its first line), and
with the environment that an expert would set by hand. The program takes its own
time, and counts the throttled periods of its group (`cpu.stat`) meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Effort, Result, Row, Spread, compared, main
from programs import AS_GOOD, BY_HAND, environment, rounds

CONTROLLER = Path("/sys/fs/cgroup/cpu")
QUOTA_US = 100_000  # in each period of 100 ms: one CPU

KMEANS = """
from sklearn.cluster import KMeans
points = numpy.random.default_rng(0).normal(size=(100_000, 32)).astype("float32")
estimator = KMeans(n_clusters=64, init="random", n_init=1, max_iter=100, tol=0, random_state=0)
def work(): estimator.fit(points)
"""
PRODUCT = """
left = numpy.random.default_rng(0).normal(size=(1_500, 1_500))
def work():
    for _ in range(20): left @ left
"""
PROGRAMS = {"KMeans": KMEANS, "a matrix product": PRODUCT}

AROUND = """
import json, pathlib, sys, time
if sys.argv[2] == "auto":
    import poolkeeper
    poolkeeper.auto()
import numpy
{program}
def throttled():
    counts = dict(line.split() for line in pathlib.Path(sys.argv[1], "cpu.stat").open())
    return int(counts["nr_throttled"])
numpy.ones((200, 200)) @ numpy.ones((200, 200))
before, begin = throttled(), time.perf_counter()
work()
json.dump([time.perf_counter() - begin, throttled() - before], sys.stdout)
"""


class Impossible(Exception):
    """This machine has no such cgroup."""


@contextmanager
def group() -> Iterator[Path]:
    """Make a group with a quota of one CPU, and remove it.

    Raises:
        Impossible: there is no cgroup v1 cpu controller that we may write.
    """
    folder = CONTROLLER / f"poolkeeper-bench-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        raise Impossible(f"needs root, and cgroup v1's cpu controller: {error}") from error
    try:
        (folder / "cpu.cfs_quota_us").write_text(str(QUOTA_US))
        yield folder
    finally:
        folder.rmdir()


def run(folder: Path, program: str, contestant: str) -> tuple[float, int]:
    """Run a program in the group; its nanoseconds and throttled periods."""
    variables = environment() | (BY_HAND if contestant == "by hand" else {})
    command = [sys.executable, "-c", AROUND.format(program=program), str(folder), contestant]
    if contestant == "run":
        command = [sys.executable, "-m", "poolkeeper", "run", "--quiet", "--", *command]

    def enter() -> None:
        (folder / "cgroup.procs").write_text(str(os.getpid()))

    done = subprocess.run(
        command, env=variables, preexec_fn=enter, stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, throttled = json.loads(done.stdout)
    return seconds * 1e9, throttled


CONTESTANTS = ("alone", "by hand", "run", "auto")


def measure(effort: Effort) -> Result:
    """Measure every program with every contestant, in turns."""
    rows = []
    with group() as folder:
        for name, program in PROGRAMS.items():
            found: dict[str, list[tuple[float, int]]] = {who: [] for who in CONTESTANTS}
            for number in range(rounds(effort)):
                turn = CONTESTANTS if number % 2 == 0 else CONTESTANTS[::-1]
                for who in turn:
                    found[who].append(run(folder, program, who))
            rows += rows_of(name, found)
    return Result(rows)


def rows_of(name: str, found: dict[str, list[tuple[float, int]]]) -> list[Row]:
    """The rows of one program."""
    times = {who: [seconds for seconds, _ in runs] for who, runs in found.items()}
    throttled = {who: [count for _, count in runs] for who, runs in found.items()}
    rows = []
    for who, what in (("run", "`poolkeeper run`"), ("auto", "`auto()`")):
        rows += [
            compared(
                f"{name}, quota of 1 CPU: {what} against the program alone",
                times[who],
                times["alone"],
            ),
            compared(
                f"{name}, quota of 1 CPU: {what} against the best environment set by hand",
                times[who],
                times["by hand"],
            ).with_goal(times=AS_GOOD),
            fewer(f"{name}: throttled periods, {what}", throttled[who], throttled["alone"]),
        ]
    return rows


def fewer(what: str, ours: list[int], theirs: list[int]) -> Row:
    """A row of counts of which nine tenths should go."""
    row = Row(what, Spread.of(ours), "", Spread.of(theirs))
    return row.with_ceiling(0.1 * row.theirs.median + 1e-9, "90 % fewer")


if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
