#!/usr/bin/env python3
"""What it costs to look: listing the pools from Python.

python benches/pools.py             # its rows of the table
python benches/run.py               # everything
"""

from __future__ import annotations

import sys

from measure import WORKLOAD, Baseline, Effort, Result, compare, main


def measure(effort: Effort) -> Result:
    """Compare the ways to list pools, while no library is loaded or unloaded."""
    names: dict[str, object] = {}
    exec(f"{WORKLOAD}\nimport poolkeeper, poolkeeper.threadpoolctl as layer, threadpoolctl", names)
    baseline = Baseline()
    rows = []
    for what, ours, theirs, goal in COMPARISONS:
        row = compare(what, ours, theirs, names, effort)
        baseline.check(what)
        rows.append(row.with_goal(goal) if goal else row)
    return Result(rows)


#: What, ours, theirs, how many times faster ours is to be.
COMPARISONS = (
    (
        "`poolkeeper.pools()` against `threadpool_info()`",
        "poolkeeper.pools()",
        "threadpoolctl.threadpool_info()",
        50,
    ),
    (
        "the layer's `threadpool_info()` against threadpoolctl's",
        "layer.threadpool_info()",
        "threadpoolctl.threadpool_info()",
        None,
    ),
    (
        "the layer's `get_cached_controller()` against threadpoolctl's",
        "layer.get_cached_controller()",
        "threadpoolctl.get_cached_controller()",
        None,
    ),
)

if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
