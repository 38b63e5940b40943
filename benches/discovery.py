#!/usr/bin/env python3
"""What discovery costs after a change, by the number of objects that are loaded.

    python benches/discovery.py         # its rows of the table
    python benches/run.py               # everything, with the plot

The objects are tiny libraries, none of them a pool. Natively a process loads
them and looks after each hundred or so; in Python, `poolkeeper.pools()` and
`threadpoolctl.ThreadpoolController()` take turns over the same objects. Before
each look one more library is loaded, or unloaded: the loader's list has changed.
"""

from __future__ import annotations

import _ctypes
import ctypes
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import native
from measure import Effort, Result, Row, Spread, compared, main

TINY = native.ROOT / ".lab" / "native" / "tiny"
COUNTS = (10, 20, 50, 100, 200, 500, 1000, 1500, 2000)
QUICK_COUNTS = tuple(count for count in COUNTS if count <= 500)
CEILING = 300  # nanoseconds an object


def measure(effort: Effort) -> Result:
    """Fit a line to the native times, and compare with threadpoolctl's in Python."""
    counts = QUICK_COUNTS if effort.quick else COUNTS
    *libraries, extra = build(max(counts) + 1)
    natively = measure_natively(libraries, extra, repeats=2 if effort.quick else 7)
    fits = [fit(counts, run) for run in natively]
    slopes = Spread.of([slope for slope, _ in fits])
    linear = statistics.median(r_squared for _, r_squared in fits)
    row = Row("native discovery after a change, for each loaded object", slopes, "ns")
    row = row.with_ceiling(CEILING, "linear, < 0.3 µs")
    note = f"R² {linear:.4f}, 10 to {max(counts):,} objects"
    in_python = measure_in_python(libraries, extra, counts, effort)
    return Result(
        [_with_note(row, note), in_python[-1]],
        {
            "counts": list(counts),
            "native_ns": [statistics.median(times) for times in zip(*natively, strict=True)],
            "native_slope_ns": slopes.median,
            "r_squared": linear,
            "pools_ns": [row.ours.median for row in in_python],
            "controller_ns": [row.theirs.median for row in in_python if row.theirs],
        },
    )


def _with_note(row: Row, note: str) -> Row:
    return Row(**{**vars(row), "note": note})


def build(count: int) -> list[str]:
    """Make that many tiny libraries, and return their paths."""
    builder = native.ROOT / "tests" / "native" / "build.py"
    native.output([sys.executable, str(builder), "--tiny", str(count), "--dest", str(TINY.parent)])
    return [str(path) for path in sorted(TINY.glob("libtiny_*.so"))[:count]]


def measure_natively(libraries: list[str], extra: str, repeats: int) -> list[list[float]]:
    """Return the nanoseconds of a look at each count, for each of some processes."""
    runs: list[list[float]] = []
    for _ in range(repeats):
        points: list[dict[str, Any]] = native.run("discover", extra, *libraries)["points"]
        runs.append([point["walk_ns"][1] for point in points])
    return runs


def fit(counts: tuple[int, ...], times: list[float]) -> tuple[float, float]:
    """Return slope and R² of the least-squares line through the times."""
    import numpy as np

    slope, start = np.polyfit(counts, times, 1)
    left_over = np.sum((np.asarray(times) - (slope * np.asarray(counts) + start)) ** 2)
    return float(slope), float(1 - left_over / np.sum((times - np.mean(times)) ** 2))


def measure_in_python(
    libraries: list[str], extra: str, counts: tuple[int, ...], effort: Effort
) -> list[Row]:
    """Return a row for each count; the two take turns."""
    import poolkeeper
    import threadpoolctl

    rows = []
    loaded: list[ctypes.CDLL] = []
    for count in counts:
        loaded += map(ctypes.CDLL, libraries[len(loaded) : count])
        ours, theirs = [], []
        for _ in range(effort.rounds):
            ours.append(_look(poolkeeper.pools, extra))
            theirs.append(_look(threadpoolctl.ThreadpoolController, extra))
        what = (
            f"`pools()` with {count:,} objects, one of them new, against `ThreadpoolController()`"
        )
        rows.append(compared(what, ours[1:], theirs[1:]))  # the first ones fill caches
    return rows


def _look(look: Any, extra: str) -> float:
    """Return the nanoseconds that one look takes when a library was loaded."""
    handle = _ctypes.dlopen(extra, 0)
    begin = time.perf_counter_ns()
    look()
    taken = time.perf_counter_ns() - begin
    _ctypes.dlclose(handle)
    return taken


def plot(details: dict[str, Any], path: Path) -> None:
    """Draw the cost against the number of objects, as SVG that changes with the data only."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "poolkeeper"
    from matplotlib import pyplot

    counts = details["counts"]
    lines = (
        ("threadpoolctl: ThreadpoolController()", "controller_ns", "tab:orange", "s"),
        ("poolkeeper: pools()", "pools_ns", "tab:blue", "o"),
        ("poolkeeper without Python", "native_ns", "tab:cyan", "."),
    )
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for label, key, colour, marker in lines:
        microseconds = [time / 1e3 for time in details[key]]
        axes.plot(counts, microseconds, marker=marker, color=colour, label=label)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="loaded tiny libraries",
        ylabel="µs for a look after a change",
        title=f"Discovery: {details['native_slope_ns']:.0f} ns an object, "
        f"R² = {details['r_squared']:.3f}",
    )
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
