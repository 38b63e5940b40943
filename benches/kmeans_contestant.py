"""One contestant in a process of its own: does a task each time it is told.

    kmeans_contestant.py CONTESTANT '{"name": "A", ...}'

Prints a line of JSON when ready, and one for each line that it reads: the
median seconds (short tasks are done several times), the inertia of what was
found, and the iterations, if there were any.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from kmeans_cases import Case

#: Seconds that a turn lasts at least, and how often it does the task at most.
TURN, MOST = 0.05, 25

#: Does the task and returns what it found; then the inertia of that.
Task = tuple[Callable[[], Any], Callable[[Any], float]]


def of_estimators(case: Case, make: Callable[..., Any]) -> Task:
    """The task of a class with scikit-learn's interface."""
    X, start = case.samples()
    given = {"init": start, "n_init": 1, "max_iter": case.max_iter, "tol": 0}
    if case.task == "fit":
        return lambda: make(case.k, **given).fit(X), lambda fit: fit.inertia_
    if case.task == "predict":
        fit = make(case.k, **{**given, "max_iter": 1}).fit(X)
        return lambda: fit.predict(X), lambda labels: float(labels.sum())
    raise ValueError(case.task)


def of_batches(case: Case, make: Callable[..., Any]) -> Task:
    """The task of a class with the interface of scikit-learn's `MiniBatchKMeans`."""
    X, start = case.samples()
    given = {
        "init": start, "n_init": 1, "max_iter": case.max_iter, "max_no_improvement": None,
        "batch_size": 1024, "random_state": 0,
    }  # fmt: skip
    return lambda: make(case.k, **given).fit(X), lambda fit: fit.inertia_


def ours(case: Case) -> Task:
    from poolkeeper import _native
    from poolkeeper.cluster import KMeans, MiniBatchKMeans

    if case.task == "batches":
        return of_batches(case, lambda k, **given: MiniBatchKMeans(k, n_jobs=case.threads, **given))
    if case.task == "start":
        X, _ = case.samples()
        return (
            lambda: _native._kmeans_plus_plus(X, None, case.k, 0, case.threads),
            lambda centers: _native._kmeans_inertia(X, None, centers, case.threads),
        )
    return of_estimators(case, lambda k, **given: KMeans(k, n_jobs=case.threads, **given))


def scikit_learn(case: Case) -> Task:
    from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus

    if case.task == "batches":
        return of_batches(case, MiniBatchKMeans)
    if case.task == "start":
        from poolkeeper import _native

        X, _ = case.samples()
        return (
            lambda: kmeans_plusplus(X, case.k, random_state=0)[0],
            lambda centers: _native._kmeans_inertia(X, None, centers, case.threads),
        )
    return of_estimators(case, KMeans)


def intelex(case: Case) -> Task:
    from sklearnex.cluster import KMeans

    return of_estimators(case, KMeans)


def faiss(case: Case) -> Task:
    import faiss

    faiss.omp_set_num_threads(case.threads)
    X, start = case.samples()
    if case.task == "predict":
        index = faiss.IndexFlatL2(case.d)
        index.add(start)
        return lambda: index.search(X, 1)[1], lambda labels: float(labels.sum())

    def fit() -> Any:
        kmeans = faiss.Kmeans(
            case.d, case.k, niter=case.max_iter, max_points_per_centroid=len(X),
            min_points_per_centroid=1,
        )  # fmt: skip
        kmeans.train(X, init_centroids=start)
        return kmeans

    return fit, lambda kmeans: float(kmeans.index.search(X, 1)[0].sum(dtype="float64"))


#: Multiplications with an addition in one product of the yardstick.
PRODUCT = 1_500**3


def gemm(case: Case) -> Task:
    """The yardstick: numpy's matrix product, which is as fast as this machine multiplies."""
    a = np.random.default_rng(0).random((1_500, 1_500)).astype(case.dtype)
    return lambda: a @ a, lambda _: 0.0


CONTESTANTS = {
    "ours": ours, "scikit-learn": scikit_learn, "intelex": intelex, "faiss": faiss, "gemm": gemm,
}  # fmt: skip


def main(contestant: str, described: str) -> None:
    warnings.simplefilter("ignore")
    task, inertia = CONTESTANTS[contestant](Case(**json.loads(described)))
    task()  # what is only made once is made now
    print(json.dumps("ready"), flush=True)
    for _ in sys.stdin:
        times: list[float] = []
        while sum(times) < TURN and len(times) < MOST:
            begin = time.perf_counter()
            found = task()
            times.append(time.perf_counter() - begin)
        seconds = statistics.median(times)
        iterations = getattr(found, "n_iter_", None)
        print(json.dumps([seconds, inertia(found), iterations]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
