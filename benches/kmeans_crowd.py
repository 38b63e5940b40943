#!/usr/bin/env python3
"""k-means as on a machine with many cores: scikit-learn's, and ours.

    kmeans_crowd.py [--threads 300] [--runs 5]

Each run is a process of its own with OMP_NUM_THREADS set, whose threads are
counted while it fits. Prints the table of docs/situations/many-cores.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

WARNING = "precompiled NUM_THREADS exceeded"
PROGRAMS = {
    "scikit-learn": "from sklearn.cluster import KMeans\nfit = KMeans(500, **given).fit(X)",
    "poolkeeper": "from poolkeeper.cluster import KMeans\nfit = KMeans(500, **given).fit(X)",
    "poolkeeper, n_jobs={threads}": (
        "from poolkeeper.cluster import KMeans\nfit = KMeans(500, n_jobs={threads}, **given).fit(X)"
    ),
}
FRAME = """
import json, time
import numpy as np
X = np.random.default_rng(0).random((1_000_000, 64), dtype=np.float32)
given = dict(init=X[:500].copy(), n_init=1, max_iter=3, tol=0)
{program}
print(json.dumps(float(fit.inertia_)))
"""


def run(program: str, threads: int) -> dict[str, Any]:
    """Run a program; return its exit code, most threads, seconds and what it said."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"):
        environment.pop(name, None)
    code = FRAME.format(program=program.format(threads=threads))
    begin = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", "-c", code],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    most = [0]
    watching = threading.Thread(target=_watch, args=(child, most))
    watching.start()
    out, err = child.communicate(timeout=600)
    watching.join()
    return {
        "exit code": child.returncode,
        "most threads": most[0],
        "NUM_THREADS warning": WARNING in err,
        "seconds": time.perf_counter() - begin,
        "inertia": json.loads(out) if out.strip() else None,
    }


def _watch(child: subprocess.Popen[str], most: list[int]) -> None:
    tasks = Path(f"/proc/{child.pid}/task")
    while child.poll() is None:
        try:
            most[0] = max(most[0], len(os.listdir(tasks)))
        except OSError:
            return
        time.sleep(0.005)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=300)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    threads = options.threads
    print(f"| OMP_NUM_THREADS={threads} | most threads | warned | died | inertia | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, program in PROGRAMS.items():
        runs = [run(program, threads) for _ in range(options.runs)]
        warned = sum(found["NUM_THREADS warning"] for found in runs)
        died = sum(found["exit code"] != 0 for found in runs)
        inertia = next((found["inertia"] for found in runs if found["inertia"]), None)
        print(
            f"| {name.format(threads=threads)} | {max(found['most threads'] for found in runs)} "
            f"| {warned} of {len(runs)} | {died} | {inertia:.8g} "
            f"| {statistics.median(found['seconds'] for found in runs):.1f} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
