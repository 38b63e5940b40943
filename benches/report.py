"""Rows as a table for the terminal and as docs/measurements.md, with the machine named."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from measure import WORKLOAD, Row, Spread

HEADINGS = ("what", "ours", "theirs", "ratio", "goal", "met")
PACKAGES = (
    "poolkeeper",
    "threadpoolctl",
    "numpy",
    "scipy",
    "scikit-learn",
    "mdtraj",
    "joblib",
    "pytest-xdist",
)
#: Nanoseconds in each unit, the largest first.
UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def table(rows: list[Row]) -> str:
    """Return the rows as aligned text."""
    width = max(40, min(78, shutil.get_terminal_size().columns - 62))
    lines = [HEADINGS, *(cells(row) for row in rows)]
    rest = [max(len(line[place]) for line in lines) for place in range(1, len(HEADINGS))]
    shown = []
    for what, *others in lines:
        what = what.replace("`", "")
        first, *more = _wrapped(what, width)
        numbers = (text.rjust(size) for text, size in zip(others, rest, strict=True))
        shown.append("  ".join([first.ljust(width), *numbers]))
        shown.extend(f"  {line}" for line in more)
    return "\n".join(shown)


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width - 2) or [""]


def cells(row: Row) -> tuple[str, ...]:
    """Return a row's texts, one for each heading."""
    met = {True: "yes", False: "no", None: ""}[row.met]
    what = f"{row.what} ({row.note})" if row.note else row.what
    ours, theirs = amount(row.ours, row.unit), row.theirs and amount(row.theirs, row.unit)
    return (what, ours, theirs or "", _ratio(row.ratio), row.goal, met)


def amount(spread: Spread, unit: str) -> str:
    """Return a median with its unit, to three digits."""
    value = spread.median
    if unit == "/s":
        return f"{value:,.0f}/s"
    if unit != "ns":
        return f"{value:,.0f}"
    size, name = next((entry for entry in UNITS if value >= entry[0]), UNITS[-1])
    return f"{_three_digits(value / size)} {name}"


def _ratio(ratio: Spread | None) -> str:
    if ratio is None:
        return ""
    low, middle, high = (_three_digits(value) for value in (ratio.low, ratio.median, ratio.high))
    return f"{middle} [{low}..{high}]"


def _three_digits(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine() -> dict[str, str]:
    """Return what the measurements were taken on, as names and texts."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} CPUs",
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "compiler": _first_line(["rustc", "--version"]),
        "load": f"{os.getloadavg()[0]:.1f} before it began",
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.splitlines()[0]


def page(
    calls: list[Row],
    programs: list[Row],
    found: dict[str, str],
    rounds: int,
    rounds_of_programs: int,
) -> str:
    """Return docs/measurements.md."""
    return PAGE.format(
        workload=WORKLOAD,
        rounds=rounds,
        rounds_of_programs=rounds_of_programs,
        calls="\n".join(_markdown(calls)),
        programs="\n".join(_markdown(programs)),
        machine="\n".join(f"| {name} | {text} |" for name, text in found.items()),
    )


def _markdown(rows: list[Row]) -> list[str]:
    lines = [f"| {' | '.join(HEADINGS)} |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    return lines + [f"| {' | '.join(cells(row))} |" for row in rows]


def as_dict(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the rows for results.json."""
    import dataclasses

    return [dataclasses.asdict(row) for row in rows]


PAGE = """\
# Measurements

<!-- Made by benches/run.py: change that, not this. -->

Every number here comes from one run of

    make bench

on the machine below. A ratio says how many times better ours is. It is taken in each round, and the
table shows the median with [its quarter points]. Other machines and other loads change the times
more than the ratios. A goal that is not met has a "no"; it doesn't fail the benchmark.

## Calls

In this table ours is poolkeeper, and theirs is threadpoolctl. The two take turns in one process,
{rounds} rounds of 20 ms each, with the garbage collector on. Unless a row says otherwise, it was
measured after `{workload}`.

{calls}

![Cost of discovery against the number of loaded objects](img/discovery.svg)

Discovery reads the symbol table of every loaded object, so its cost grows with the number of
objects. It happens only after a library was loaded or unloaded.

## Whole programs

Each run is a process of its own, and the contestants take turns in {rounds_of_programs} rounds.
Ours is the program within its budget. Theirs is what the row names: the program left alone, the
program with what joblib or threadpoolctl offer, or the program with the environment that an expert
would set by hand. The goal against the expert's environment is to be at most 10 % slower.

{programs}

| the machine | |
| --- | --- |
{machine}

Every number of every row is in `benches/results.json`. `python benches/run.py --help` says how
to run a part.
"""
