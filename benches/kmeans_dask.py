#!/usr/bin/env python3
"""k-means on a local Dask cluster of processes, against the model of its scaling.

    kmeans_dask.py               three minutes; writes its part of docs/kmeans.md

The model (docs/guide/kmeans.md) says that an iteration takes a n / w + b p + c
seconds for n samples in p parts on w workers. The constants are fitted to all
runs; how far the runs are from the model tells what it is worth. An iteration
is the difference between fits of 11 and of 1. The bytes are counted.
"""

from __future__ import annotations

import json
import pickle
import statistics
import sys
import time
from typing import Any

import dask.array
import kmeans_page
import numpy as np
import report
from distributed import Client, LocalCluster, wait
from kmeans import DOCS, RESULTS
from poolkeeper import _native
from poolkeeper.cluster import KMeans

D, K = 32, 256
#: Samples and parts, each tried with each number of workers.
SIZES = ((250_000, 4), (500_000, 4), (1_000_000, 4), (1_000_000, 16), (1_000_000, 64))
WORKERS = (1, 2)
TURNS = 3


def measure() -> list[dict[str, Any]]:
    """Return seconds an iteration for every size."""
    rows = []
    for workers in WORKERS:
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            for n, parts in SIZES:
                seconds = one(client, n, parts)
                rows.append({"n": n, "workers": workers, "parts": parts, "seconds": seconds})
                print(rows[-1], flush=True)
    return rows


def one(client: Client, n: int, parts: int) -> float:
    """The median seconds of one iteration."""
    rng = dask.array.random.default_rng(0)
    X = rng.random((n, D), chunks=(-(-n // parts), D), dtype=np.float32).persist()
    wait(X)
    client.rebalance()  # the model is of parts that are spread evenly
    start = np.random.default_rng(0).random((K, D), dtype=np.float32)

    def fit(iterations: int) -> float:
        begin = time.perf_counter()
        KMeans(K, init=start, n_init=1, tol=0, max_iter=iterations).fit(X)
        return time.perf_counter() - begin

    fit(1)
    return statistics.median((fit(11) - fit(1)) / 10 for _ in range(TURNS))


def model(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Fit the three constants, in relative error, and add what the model says to each row."""
    terms = np.array([[row["n"] / row["workers"], row["parts"], 1] for row in rows])
    seconds = np.array([row["seconds"] for row in rows])
    (a, b, c), *_ = np.linalg.lstsq(terms / seconds[:, None], np.ones(len(rows)))
    for row, said in zip(rows, terms @ (a, b, c), strict=True):
        row["model"] = float(said)
    return {"sample": float(a), "part": float(b), "iteration": float(c)}


def bytes_up() -> dict[str, int]:
    """Bytes of one part's sums as they are sent, and by the model."""
    x = np.random.default_rng(0).random((10_000, D), dtype=np.float32)
    summary = _native._kmeans_summary(x, None, 1)
    _, sums = _native._kmeans_partial(x, None, x[:K].copy(), summary, 1)
    return {"sent": len(pickle.dumps(sums)), "model": 8 * K * (D + 1)}


def main() -> int:
    results = json.loads(RESULTS.read_text())
    rows = measure()
    results["dask"] = {
        "machine": report.machine(), "d": D, "k": K, "rows": rows, "bytes": bytes_up(),
        "constants": model(rows),
    }  # fmt: skip
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    (DOCS / "kmeans.md").write_text(kmeans_page.page(results))
    print(kmeans_page.dask(results["dask"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
