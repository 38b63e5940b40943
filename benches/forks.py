#!/usr/bin/env python3
"""What `poolkeeper.fork_safe()` costs a process that forks; no peer cures that hang.

    forks.py            the table: microseconds, medians of 200 (a minute)

A round is a fork, its wait, and the parent's next parallel region, after a region with
so many threads of a libgomp of its own. Without fork_safe the workers stay; with it,
they end before the fork and start with the next region.
"""

from __future__ import annotations

import ctypes
import json
import os
import statistics
import subprocess
import sys
import time

ROUNDS = 200
THREADS = (1, 2, 4, 16, 64)


def main() -> int:
    if sys.argv[1:]:
        print(json.dumps(measured(sys.argv[1] == "on")))
        return 0
    print(f"{'threads':>8} {'fork_safe':>10} {'fork':>9} {'next region':>12} {'both':>9}")
    for threads in THREADS:
        for on in ("off", "on"):
            fork, region = of_a_process(threads, on)
            print(
                f"{threads:>8} {on:>10} {fork:>6.0f} us {region:>9.0f} us {fork + region:>6.0f} us"
            )
    return 0


def of_a_process(threads: int, on: str) -> tuple[float, float]:
    """The medians of a new process, in microseconds."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-P", __file__, on]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    fork, region = json.loads(done.stdout)
    return fork, region


def measured(is_on: bool) -> tuple[float, float]:
    """The medians of this process: a fork, and the region after it."""
    import poolkeeper

    library = ctypes.CDLL("libgomp.so.1")
    nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)

    def region() -> None:
        library.GOMP_parallel(nothing, None, ctypes.c_uint(0), ctypes.c_uint(0))

    poolkeeper.pools()
    poolkeeper.fork_safe(is_on)
    forks, regions = [], []
    region()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        child = os.fork()
        if child == 0:
            os._exit(0)
        forked = time.perf_counter()
        os.waitpid(child, 0)
        waited = time.perf_counter()
        region()
        regions.append(time.perf_counter() - waited)
        forks.append(forked - start)
    return statistics.median(forks) * 1e6, statistics.median(regions) * 1e6


if __name__ == "__main__":
    sys.exit(main())
