"""Threads counted where they run: in a parallel region, and not by reading a number."""

from __future__ import annotations

import ctypes
import json
import sys
import threading

import poolkeeper

# Loads a libgomp and an OpenBLAS, and prints what a region has and what the pools say.
PROGRAM = """
import json, numpy, sklearn.cluster, poolkeeper, region
print(json.dumps(region.found()))
"""


def threads() -> int:
    """Return how many threads run a parallel region of the loaded libgomp."""
    path = next(pool.filepath for pool in poolkeeper.pools() if pool.runtime == "libgomp")
    seen: list[int] = []
    body = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: seen.append(threading.get_ident()))
    # GCC's ABI: void GOMP_parallel(void (*)(void *), void *, unsigned, unsigned), where
    # 0 threads are as many as the runtime likes. ctypes lets go of Python's lock.
    ctypes.CDLL(path).GOMP_parallel(body, None, ctypes.c_uint(0), ctypes.c_uint(0))
    return len(seen)


def found() -> dict[str, int]:
    """Return the threads of a region, and the largest number of each runtime's pools.

    Arrow, which comes with pandas, starts no region's threads: `test_arrow.py` has it.
    """
    import sklearn.cluster  # noqa: F401

    numbers: dict[str, int] = {}
    for pool in poolkeeper.pools():
        if pool.num_threads is not None and not pool.runtime.startswith("arrow"):
            numbers[pool.runtime] = max(numbers.get(pool.runtime, 0), pool.num_threads)
    return {**numbers, "region": threads()}


if __name__ == "__main__":
    json.dump(found(), sys.stdout)
