#!/usr/bin/env python3
"""Memory that a fit takes beyond its samples, where the centers are about as large as these.

    kmeans_memory.py                         the table: MiB, medians of three (two minutes)
    kmeans_memory.py PACKAGE N D K DTYPE     one fit in this process; its bytes

Each fit is in a new process, from the first samples, with all threads of the budget,
for three iterations. What counts is by how much its peak is above what was there before.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

PACKAGES = ("poolkeeper.cluster", "sklearn.cluster")
ROUNDS = 3
SHAPES = (
    (100, 100_000, 100, "float64"),
    (200, 100_000, 100, "float64"),
    (1_000, 100_000, 100, "float64"),
    (100, 100_000, 100, "float32"),
    (200, 100_000, 100, "float32"),
    (1_000, 100_000, 100, "float32"),
    (90, 80_000, 60, "float32"),
)


def main() -> int:
    if sys.argv[1:]:
        package, n, d, k, dtype = sys.argv[1:]
        print(of_one_fit(package, int(n), int(d), int(k), dtype))
        return 0
    print(f"{'samples':>8} {'features':>9} {'clusters':>9} type     poolkeeper  scikit-learn")
    for n, d, k, dtype in SHAPES:
        ours, theirs = (median(package, n, d, k, dtype) for package in PACKAGES)
        print(f"{n:>8} {d:>9} {k:>9} {dtype} {ours:>8.0f} MiB {theirs:>9.0f} MiB", flush=True)
    return 0


def median(package: str, *shape: int | str) -> float:
    """The MiB of a fit, each time in a new process."""
    command = [sys.executable, "-P", "-W", "ignore", __file__, package, *map(str, shape)]
    rounds = [
        int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(ROUNDS)
    ]
    return statistics.median(rounds) / 2**20


def of_one_fit(package: str, n: int, d: int, k: int, dtype: str) -> int:
    """The bytes of a fit in this process."""
    kmeans = import_module(package).KMeans
    rng = np.random.default_rng(0)
    X = rng.random((n, d)).astype(dtype, copy=False)
    start = X[:k].copy()
    kmeans(3, n_init=1, max_iter=2).fit(rng.random((200, 8)))  # loads what is loaded once
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
    before = peak()
    kmeans(k, init=start, n_init=1, max_iter=3, tol=0).fit(X)
    return peak() - before


def peak() -> int:
    """The most bytes that this process had in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    sys.exit(main())
