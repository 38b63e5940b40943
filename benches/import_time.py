#!/usr/bin/env python3
"""How long `import poolkeeper` takes, as a fraction of `import threadpoolctl`.

    python benches/import_time.py               # 31 fresh interpreters each, in turns
    python benches/import_time.py --json

What an interpreter needs to start is not counted: each measures its own import
statement. The median is printed, with the quarter points; the machine too, as
the ratio carries over to others and the times don't.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

MODULES = ("poolkeeper", "threadpoolctl")
MEASURE = (
    "import time; begin = time.perf_counter_ns(); import {module}; "
    "print(time.perf_counter_ns() - begin)"
)
GOAL = 1 / 5  # README: at most a fifth


def import_time(module: str) -> float:
    """Return the milliseconds that one fresh interpreter takes to import a module."""
    command = [sys.executable, "-c", MEASURE.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


def measure(repeats: int) -> dict[str, list[float]]:
    """Return the times of each module, the two taking turns so that both meet the same load."""
    for module in MODULES:
        import_time(module)  # compiled and in the file cache from here on
    times: dict[str, list[float]] = {module: [] for module in MODULES}
    for _ in range(repeats):
        for module in MODULES:
            times[module].append(import_time(module))
    return times


def report(times: dict[str, list[float]], stream: object) -> None:
    """Print the table and the ratio."""
    print(f"{'import':<14} {'median':>9} {'quarter':>9} {'three q.':>9}  (ms)", file=stream)
    for module, measured in times.items():
        low, middle, high = statistics.quantiles(measured, n=4)
        print(f"{module:<14} {middle:>9.3f} {low:>9.3f} {high:>9.3f}", file=stream)
    print(f"ratio {ratio(times):.3f}; the goal is {GOAL:.3f} or less", file=stream)
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}, "
          f"{len(os.sched_getaffinity(0))} CPUs", file=stream)  # fmt: skip


def ratio(times: dict[str, list[float]]) -> float:
    """Return poolkeeper's median as a fraction of threadpoolctl's."""
    ours, theirs = (statistics.median(times[module]) for module in MODULES)
    return ours / theirs


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=31, help="interpreters each (default: 31)")
    parser.add_argument("--json", action="store_true", help="print every time, in milliseconds")
    options = parser.parse_args()
    if options.repeats < 3:
        parser.error(f"--repeats: {options.repeats} is less than 3, which makes no quarter points")
    times = measure(options.repeats)
    if options.json:
        print(json.dumps({"milliseconds": times, "ratio": ratio(times)}))
    else:
        report(times, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
