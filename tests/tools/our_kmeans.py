"""A pytest plugin: scikit-learn's own tests get our k-means in the place of its own.

    PYTHONPATH=tests/tools python -m pytest -p our_kmeans \\
        --pyargs sklearn.cluster.tests.test_k_means

Tests of what scikit-learn does in private are left out, each with its reason.
"""

from __future__ import annotations

import pytest
import sklearn.cluster
import sklearn.cluster._kmeans
from poolkeeper import cluster

PUBLIC = [name for name in ("KMeans", "MiniBatchKMeans") if hasattr(cluster, name)]

for _name in PUBLIC:
    for _module in (sklearn.cluster, sklearn.cluster._kmeans):
        setattr(_module, _name, getattr(cluster, _name))

_INIT_CENTROIDS = "calls the private method _init_centroids, with arguments of scikit-learn's own"
LEFT_OUT = {
    "test_sample_weight_init": _INIT_CENTROIDS,
    "test_sample_weight_zero": _INIT_CENTROIDS,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if getattr(item, "originalname", "") in LEFT_OUT]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
