#!/usr/bin/env python3
"""A grid search of scikit-learn on Dask workers that keep their share.

    python examples/dask_scikit_learn.py

Two workers on this machine; on a cluster, give `Client` the scheduler's address.
Needs poolkeeper, scikit-learn and distributed.
"""

from __future__ import annotations

import joblib
import numpy
import poolkeeper
from dask.distributed import Client
from poolkeeper.dask import WorkerLimits
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline


def threads_of_a_task() -> dict[str, int]:
    """Say what a task of a worker may use, once libraries are loaded."""
    numpy.ones((2, 2)) @ numpy.ones((2, 2))
    import sklearn.cluster  # noqa: F401  brings OpenMP

    found = {"openmp": 0, "blas": 0}
    for pool in poolkeeper.pools():
        if pool.level in found:
            found[pool.level] = max(found[pool.level], pool.num_threads or 0)
    return found


def main() -> None:
    features, target = make_blobs(n_samples=2_000, n_features=40, centers=4, random_state=0)
    pipeline = make_pipeline(PCA(), LogisticRegression(max_iter=500))
    search = GridSearchCV(
        pipeline,
        {"pca__n_components": [5, 20], "logisticregression__C": [0.1, 1.0]},
        cv=3,
    )
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=":0") as client:
        client.register_plugin(WorkerLimits())  # the one line
        found = client.submit(threads_of_a_task).result()
        print(f"threads a task: {found['openmp']} of OpenMP, {found['blas']} of BLAS")
        with joblib.parallel_config("dask"):
            search.fit(features, target)
    print(f"best: {search.best_params_}, accuracy {search.best_score_:.3f}")


if __name__ == "__main__":
    main()
