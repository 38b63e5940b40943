#!/usr/bin/env python3
"""How long `import poolkeeper` takes against `import threadpoolctl`.

    python benches/import_time.py       # its row of the table
    python benches/run.py               # everything

Fresh interpreters take turns. What an interpreter needs to start is not
counted: each measures its own import statement.
"""

from __future__ import annotations

import subprocess
import sys

from measure import Effort, Result, compared, main

MODULES = ("poolkeeper", "threadpoolctl")
MEASURE = (
    "import time; begin = time.perf_counter_ns(); import {module}; "
    "print(time.perf_counter_ns() - begin)"
)
GOAL = 5  # README: at most a fifth


def measure(effort: Effort) -> Result:
    """Compare the two imports."""
    for module in MODULES:
        import_time(module)  # compiled and in the file cache from here on
    times: dict[str, list[float]] = {module: [] for module in MODULES}
    for _ in range(effort.rounds):
        for module in MODULES:
            times[module].append(import_time(module))
    row = compared("`import poolkeeper` against `import threadpoolctl`", *times.values())
    return Result([row.with_goal(GOAL)])


def import_time(module: str) -> float:
    """Return the nanoseconds that one fresh interpreter takes to import a module."""
    command = [sys.executable, "-c", MEASURE.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
