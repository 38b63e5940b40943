#!/usr/bin/env python3
"""What it costs to limit: a scope that is entered and left, from Python.

python benches/scopes.py            # its rows of the table
python benches/run.py               # everything
"""

from __future__ import annotations

import sys

from measure import WORKLOAD, Baseline, Effort, Result, compare, main


def measure(effort: Effort) -> Result:
    """Compare scopes of poolkeeper and of its threadpoolctl layer with threadpoolctl's."""
    names: dict[str, object] = {}
    exec(f"{WORKLOAD}\nimport poolkeeper, poolkeeper.threadpoolctl as layer, threadpoolctl", names)
    exec("controller = threadpoolctl.ThreadpoolController()", names)
    exec("layers_controller = layer.ThreadpoolController()", names)
    baseline = Baseline()
    rows = []
    for what, ours, theirs, goal in COMPARISONS:
        row = compare(what, f"with {ours}: pass", f"with {theirs}: pass", names, effort)
        baseline.check(what)
        rows.append(row.with_goal(goal) if goal else row)
    return Result(rows)


#: What, ours, theirs, how many times faster ours is to be.
COMPARISONS = (
    (
        "`with poolkeeper.limit(1)` against `with controller.limit(limits=1)`",
        "poolkeeper.limit(1)",
        "controller.limit(limits=1)",
        25,
    ),
    (
        "`with poolkeeper.limit(1)` against `with threadpool_limits(1)`",
        "poolkeeper.limit(1)",
        "threadpoolctl.threadpool_limits(1)",
        4000,
    ),
    (
        "the layer's `with threadpool_limits(1)` against threadpoolctl's",
        "layer.threadpool_limits(1)",
        "threadpoolctl.threadpool_limits(1)",
        200,
    ),
    (
        "the layer's `with controller.limit(limits=1)` against threadpoolctl's",
        "layers_controller.limit(limits=1)",
        "controller.limit(limits=1)",
        None,
    ),
)

if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
