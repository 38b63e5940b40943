"""KMeans on Dask: the same bits as on one machine, also with a worker killed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import dask
import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
import pytest
from isolated import run
from poolkeeper.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

X, _ = make_blobs(5000, n_features=4, centers=9, random_state=0, cluster_std=2)
WEIGHTS = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
#: Two of the centers have no sample at first.
FAR = np.vstack([X[:7], [[100.0] * 4, [200.0] * 4]])


@pytest.fixture(autouse=True)
def on_threads() -> Iterator[None]:
    with dask.config.set(scheduler="threads"):
        yield


def assert_same(one: KMeans, many: KMeans) -> None:
    assert (one.cluster_centers_ == many.cluster_centers_).all()
    assert (one.labels_ == many.labels_.compute()).all()  # type: ignore[attr-defined]
    assert one.inertia_ == many.inertia_
    assert one.n_iter_ == many.n_iter_


@pytest.mark.parametrize("chunks", [(5000, 4), (700, 2), ((1, 0, 4999), 3)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_however_the_rows_are_cut(chunks: Any, dtype: str) -> None:
    samples = X.astype(dtype)
    one = KMeans(9, init=X[:9], n_init=1).fit(samples)
    assert_same(one, KMeans(9, init=X[:9], n_init=1).fit(dask.array.from_array(samples, chunks)))


def test_weights() -> None:
    many = dask.array.from_array(X, (700, 4))
    one = KMeans(9, init=X[:9], n_init=1).fit(X, sample_weight=WEIGHTS)
    for weights in (WEIGHTS, dask.array.from_array(WEIGHTS, 999)):
        assert_same(one, KMeans(9, init=X[:9], n_init=1).fit(many, sample_weight=weights))
    with pytest.raises(ValueError, match=r"shape == \(4999,\), expected \(5000,\)"):
        KMeans(9).fit(many, sample_weight=WEIGHTS[1:])


def test_empty_clusters_get_the_same_samples() -> None:
    one = KMeans(9, init=FAR, n_init=1).fit(X)
    assert_same(one, KMeans(9, init=FAR, n_init=1).fit(dask.array.from_array(X, (700, 4))))


def test_the_scalable_start_draws_the_same_samples() -> None:
    one = KMeans(9, init="k-means||", random_state=5, n_init=2).fit(X)
    for chunks in (5000, 123):
        many = dask.array.from_array(X, (chunks, 4))
        assert_same(one, KMeans(9, init="k-means||", random_state=5, n_init=2).fit(many))
        assert_same(one, KMeans(9, random_state=5, n_init=2).fit(many))


def test_the_scalable_start_is_a_good_one() -> None:
    blobs, _ = make_blobs(4000, n_features=3, centers=20, random_state=1, cluster_std=0.1)
    best = KMeans(20, random_state=0, n_init=10).fit(blobs).inertia_
    starts = [
        KMeans(20, init="k-means||", random_state=seed, max_iter=1).fit(blobs).inertia_
        for seed in range(5)
    ]
    assert min(starts) < 1.01 * best
    random = KMeans(20, init="random", random_state=0, n_init=1, max_iter=1).fit(blobs).inertia_
    assert max(starts) < random


def test_more_clusters_than_different_samples() -> None:
    few = np.repeat([[0.0], [1.0], [2.0]], 50, axis=0)
    for samples in (few, dask.array.from_array(few, (40, 1))):
        with pytest.warns(ConvergenceWarning, match=r"clusters \(3\) found smaller"):
            fit = KMeans(5, init="k-means||", random_state=0).fit(samples)
        assert fit.inertia_ == 0


def test_a_random_start_is_different_samples() -> None:
    many = dask.array.from_array(X, (700, 4))
    fit = KMeans(9, init="random", random_state=0, n_init=3).fit(many)
    assert fit.inertia_ < KMeans(1).fit(X).inertia_ / 4


def test_a_table_of_columns() -> None:
    table = pd.DataFrame(X, columns=list("abcd"))
    many = dask.dataframe.from_pandas(table, npartitions=4)
    fit = KMeans(9, init=X[:9], n_init=1).fit(many)
    assert list(fit.feature_names_in_) == list("abcd")
    assert_same(KMeans(9, init=X[:9], n_init=1).fit(X), fit)
    assert (fit.predict(table) == fit.labels_.compute()).all()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (dask.array.zeros((3, 2)), "n_samples=3 should be >= n_clusters=9"),
        (dask.array.zeros(50), "got 1 dimensions"),
        (dask.array.zeros((0, 2)), "at least 1 sample"),
        (dask.array.full((50, 2), np.nan), "only finite numbers"),
    ],
)
def test_what_is_wrong_is_said(samples: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KMeans(9).fit(samples)


ON_A_CLUSTER = """
import os, signal, sys
import dask.array
from distributed import Client, LocalCluster
import test_cluster_dask as t
from poolkeeper.cluster import KMeans, _rounds

killed = []

class Killing:
    def __call__(self, init, iteration, *_):
        if iteration == 3 and "kill" in sys.argv:
            worker = next(iter(client.run(os.getpid).values()))
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)
    def close(self, *_):
        pass

if __name__ == "__main__":
    _rounds.shown = lambda *_: Killing()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            X = dask.array.from_array(t.X, (700, 4))
            many = KMeans(9, random_state=5).fit(X)
            one = KMeans(9, init="k-means||", random_state=5).fit(t.X)
            t.assert_same(one, many)
            print("same", len(killed))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True], ids=["two workers", "one is killed"])
def test_on_processes(kill: bool, tmp_path: Any) -> None:
    program = tmp_path / "program.py"
    program.write_text(ON_A_CLUSTER)

    done = run([sys.executable, str(program), *(["kill"] if kill else [])], timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["same", str(int(kill))]
