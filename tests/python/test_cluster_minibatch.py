"""MiniBatchKMeans: streams, and what it has of its own beside scikit-learn's suite."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from isolated import in_own_process
from poolkeeper.cluster import KMeans, MiniBatchKMeans, _data, _scalable
from sklearn.datasets import make_blobs

X, _ = make_blobs(20_000, n_features=5, centers=12, random_state=3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stream_gets_near_what_all_samples_at_once_give(dtype: str) -> None:
    stream = MiniBatchKMeans(12, random_state=0, n_init=3, compute_labels=False)
    for batch in np.array_split(X.astype(dtype), 40):
        stream.partial_fit(batch)
    assert stream.n_steps_ == 40
    assert stream.cluster_centers_.dtype == dtype
    best = KMeans(12, random_state=0, n_init=5).fit(X)
    assert -stream.score(X.astype(dtype)) < 1.02 * best.inertia_


def test_a_batch_moves_a_center_to_the_mean_of_all_it_has_seen() -> None:
    start = np.array([[0.0], [100.0]])
    model = MiniBatchKMeans(2, init=start, n_init=1, reassignment_ratio=0)
    model.partial_fit([[1.0], [3.0], [99.0]]).partial_fit([[8.0]], sample_weight=[2.0])
    assert model.cluster_centers_.tolist() == [[5.0], [99.0]]  # (1 + 3 + 2 * 8) / 4
    assert start.tolist() == [[0.0], [100.0]]


def test_a_batch_that_is_refused_moves_nothing() -> None:
    model = MiniBatchKMeans(2, random_state=0).partial_fit(X[:100])
    before = model.cluster_centers_.copy()
    for wrong in (np.full((5, 5), np.nan), np.zeros((5, 4))):
        with pytest.raises(ValueError, match=r"finite|features"):
            model.partial_fit(wrong)
    assert (model.cluster_centers_ == before).all()
    assert model.n_steps_ == 1


@pytest.mark.parametrize("init", ["k-means++", "random", "k-means||"])
def test_the_same_seed_gives_the_same_also_for_sparse_samples(init: str) -> None:
    few = np.where(X > 0, X, 0)
    found = [
        MiniBatchKMeans(12, init=init, random_state=1, n_jobs=jobs).fit(samples)
        for jobs, samples in ((1, few), (2, few), (1, scipy.sparse.csr_array(few)))
    ]
    for other in found[1:]:
        assert np.allclose(other.cluster_centers_, found[0].cluster_centers_)
        assert (other.labels_ == found[0].labels_).all()


@pytest.mark.parametrize("init", ["k-means++", "random", "k-means||"])
@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans])
def test_sparse_samples_stay_sparse(kind: Any, init: str) -> None:
    wide = scipy.sparse.random_array((600, 50_000), density=1e-4, rng=0, format="csr")
    tracemalloc.start()
    try:
        model = kind(2, init=init, n_init=1, random_state=0, max_iter=2, tol=1e-9).fit(wide)
        if kind is MiniBatchKMeans:
            model.partial_fit(wide[:500], sample_weight=np.ones(500))
        assert model.transform(wide).shape == (600, 2)
        # Dense, the samples have 2.4e8 bytes.
        assert tracemalloc.get_traced_memory()[1] < 120e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_a_center_that_sees_no_sample_is_put_to_one(form: Any) -> None:
    far = np.vstack([X[:3], [[1e6] * 5]])
    for ratio, is_put in ((0.01, True), (0, False)):
        model = MiniBatchKMeans(4, init=far, n_init=1, reassignment_ratio=ratio, random_state=0)
        centers = model.partial_fit(form(X[:300])).cluster_centers_
        assert (np.abs(centers).max() < 100) == is_put


def test_centers_that_the_first_batch_hardly_moved_are_put_to_samples() -> None:
    alone = np.arange(1.0, 40.0)[:, None] * 100
    start = np.vstack([[[0.0]], alone])
    batch = np.vstack([np.zeros((261, 1)), alone])
    model = MiniBatchKMeans(40, init=start, n_init=1, random_state=0).partial_fit(batch)
    assert (model._counts == 261).sum() > 30


def test_a_fit_that_fails_leaves_the_last_one() -> None:
    model = MiniBatchKMeans(3, random_state=0).fit(X[:1000])
    centers = model.cluster_centers_
    wrong = X[:1000].copy()
    wrong[500] = np.nan  # seen by a batch, not by the start
    model.set_params(n_clusters=5, init=X[:5], init_size=5)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(wrong)
    assert model.cluster_centers_ is centers
    assert len(model.get_feature_names_out()) == 3
    assert model.set_output(transform="pandas").transform(X[:4]).shape == (4, 3)


def test_drawn_sparse_rows_stay_sparse() -> None:
    few = scipy.sparse.csr_array(np.eye(9))
    drawn = [_scalable.draw(few, None, row, None, (0, 0), 5, 1) for row in (0, 9)]
    assert all(scipy.sparse.issparse(part.samples) for part in (*drawn, _scalable.merge(drawn, 5)))


@pytest.mark.parametrize("init", ["random", "k-means||"])
def test_however_few_rows_are_in_a_block(init: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few = scipy.sparse.csr_array(np.where(X[:1000] > 0, X[:1000], 0))
    start = {"init": init, "n_init": 1, "max_iter": 1, "random_state": 0}
    weights = np.arange(1000) % 3
    whole = MiniBatchKMeans(6, **start).fit(few, sample_weight=weights)
    monkeypatch.setattr(_data, "STORED", 150)
    parts = MiniBatchKMeans(6, **start).fit(few, sample_weight=weights)
    assert (parts.cluster_centers_ == whole.cluster_centers_).all()
    each = list(_data.blocks(few))
    assert len(each) > 9
    assert (scipy.sparse.vstack([block for _, block in each]) != few).nnz == 0


def test_distances_of_sparse_rows_are_those_of_dense_ones_and_0_on_a_center() -> None:
    few = np.where(X[:2000] > 0.8, X[:2000], 0)
    for dtype in ("f4", "f8"):
        rows = few.astype(dtype)
        model = MiniBatchKMeans(6, init=rows[3:9], n_init=1, random_state=0).fit(rows)
        model.cluster_centers_ = rows[3:9]
        found = model.transform(scipy.sparse.csr_array(rows))
        assert found.dtype == dtype
        assert np.allclose(found, model.transform(rows), rtol=1e-5, atol=1e-6)
        assert (found[3:9].diagonal() == 0).all()


def test_sparse_and_dense_batches_move_the_centers_alike() -> None:
    few = np.where(X > 0, X, 0)
    models = [
        MiniBatchKMeans(12, init=few[:12], n_init=1, random_state=0, tol=1e-3, max_iter=3).fit(
            samples, sample_weight=np.arange(len(few)) % 3
        )
        for samples in (few, scipy.sparse.csr_array(few), scipy.sparse.csr_array(few, dtype="f4"))
    ]
    for model in models[1:]:
        assert model.n_steps_ == models[0].n_steps_
        assert np.allclose(model.cluster_centers_, models[0].cluster_centers_, rtol=1e-4)
        assert model.inertia_ == pytest.approx(models[0].inertia_, rel=1e-5)


@pytest.mark.parametrize("samples", [np.ones((2, 7)), scipy.sparse.csr_array(np.ones((2, 7)))])
def test_a_sparse_batch_that_is_refused_moves_nothing(samples: Any) -> None:
    model = MiniBatchKMeans(2, random_state=0).partial_fit(scipy.sparse.csr_array(X[:100]))
    before = model.cluster_centers_.copy()
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(samples)
    wrong = scipy.sparse.csr_array(np.full((3, 5), np.inf))
    with pytest.raises(ValueError, match="finite"):
        model.partial_fit(wrong)
    assert (model.cluster_centers_ == before).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of 1 or more, not 0"),
        ({"reassignment_ratio": -1}, "a finite number of 0 or more, not -1"),
        ({"max_no_improvement": -1}, "None or a whole number of 0 or more, not -1"),
        ({"init_size": 0}, "init_size must be None or a whole number"),
    ],
)
def test_wrong_parameters(params: dict[str, Any], message: str) -> None:
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(MiniBatchKMeans(2, **params), method)(X)


@in_own_process
def test_without_scikit_learn() -> None:
    from test_cluster_plain import without_scikit_learn

    cluster = without_scikit_learn()
    samples = np.random.default_rng(0).normal(size=(500, 3)) + np.arange(500)[:, None] % 4 * 10
    fit = cluster.MiniBatchKMeans(4, random_state=0, batch_size=100).fit(samples)
    assert sorted(np.bincount(fit.labels_)) == [125] * 4
