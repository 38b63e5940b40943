"""KMeans against a plain Lloyd in long double, on thousands of small random problems.

The gate does some hundred, in seconds. By hand, for an hour, say:

    POOLKEEPER_KMEANS_PROBLEMS=200000 POOLKEEPER_KMEANS_SEED=1 \\
        .venv/bin/python -m pytest tests/python/test_cluster_differential.py

A failure names the seed of its problem: POOLKEEPER_KMEANS_PROBLEMS=1 with that seed is
that problem alone.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import dask
import dask.array
import numpy as np
import pytest
import scipy.sparse
from plain_lloyd import PlainStep, inertia_of, near_ties
from poolkeeper.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

PROBLEMS = int(os.environ.get("POOLKEEPER_KMEANS_PROBLEMS", "240"))
SEED = int(os.environ.get("POOLKEEPER_KMEANS_SEED", "0"))
#: One of so many is also done on Dask, which takes much longer.
DASK = 20


class Problem:
    """Samples, weights and a start, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        random = self.random = np.random.default_rng(seed)
        self.dtype = random.choice(["float32", "float64"])
        n = int(random.integers(1, 301)) if random.random() < 0.8 else int(random.integers(1, 8))
        d = int(random.integers(1, 41)) if random.random() < 0.5 else int(random.integers(1, 4))
        self.X = self._samples(n, d).astype(self.dtype)
        self.k = int(random.integers(1, min(n, 12) + 1))
        weights = self._weights(n)
        self.weights = None if weights is None else weights.astype(self.dtype)
        self.init = self._start()
        self.max_iter = int(random.integers(1, 6))
        self.seed = int(random.integers(0, 1000))

    def _samples(self, n: int, d: int) -> Any:
        random = self.random
        kind = random.integers(0, 5)
        if kind == 0:  # clouds
            X = random.normal(size=(n, d)) + 4 * random.integers(0, 3, size=(n, 1))
        elif kind == 1:  # many are as near to two centers
            X = random.integers(-3, 4, size=(n, d)) * 0.1
        elif kind == 2:  # few are different
            X = random.normal(size=(4, d))[random.integers(0, 4, size=n)]
        elif kind == 3:  # mostly zeros
            X = random.normal(size=(n, d)) * (random.random(size=(n, d)) < 0.2)
        else:  # of all sizes, and a constant column
            X = random.normal(size=(n, d)) * 10.0 ** random.integers(-6, 7, size=d)
            X[:, 0] = random.normal()
        if random.random() < 0.3:
            most = 6 if self.dtype == "float32" else 12
            X = X + random.normal(size=d) * 10.0 ** random.integers(0, most + 1)
        if random.random() < 0.1:
            X[random.integers(0, n)] += 10.0 ** random.integers(2, 10)
        return X

    def _weights(self, n: int) -> Any:
        random = self.random
        kind = random.integers(0, 6)
        if kind < 2:
            return None
        if kind == 2:
            weights = random.integers(0, 4, size=n).astype(float)
        elif kind == 3:
            weights = np.full(n, random.uniform(0.1, 7))
        elif kind == 4:
            weights = random.uniform(0, 3, size=n)
        else:
            most = 30 if self.dtype == "float32" else 300
            weights = 10.0 ** random.uniform(-most, most - 30, size=n)
            weights[random.random(size=n) < 0.1] = 0
        return weights if weights.any() else None

    def _start(self) -> Any:
        random = self.random
        kind = random.integers(0, 6)
        if kind == 0:
            return str(random.choice(["k-means++", "random", "k-means||"]))
        rows = random.choice(len(self.X), self.k, replace=bool(kind == 1))
        centers = self.X[rows].astype("float64")
        if kind == 2:  # some have no sample
            far = random.random(size=self.k) < 0.5
            centers[far] += 1000.0 * (1 + np.arange(self.k)[far, None])
        elif kind == 3:
            centers += 0.05
        return centers.astype(self.dtype)

    def fit(self, X: Any, max_iter: int | None = None, init: Any = None) -> KMeans:
        model = self._model(max_iter, init)
        return model.fit(X, sample_weight=self.weights)

    def fit_blocks(self) -> KMeans:
        cuts = np.sort(self.random.integers(0, len(self.X) + 1, size=3))
        blocks = [part for part in np.split(np.arange(len(self.X)), cuts) if len(part)]
        weights = self.weights
        read = [
            self.X[rows] if weights is None else (self.X[rows], weights[rows]) for rows in blocks
        ]
        return self._model(None, self.init_of_parts()).fit_blocks(read)

    def fit_dask(self) -> KMeans:
        rows = max(1, len(self.X) // 3)
        many = dask.array.from_array(self.X, chunks=(rows, -1))
        return self._model(None, self.init_of_parts()).fit(many, sample_weight=self.weights)

    def init_of_parts(self) -> Any:
        is_plus_plus = isinstance(self.init, str) and self.init == "k-means++"
        return "k-means||" if is_plus_plus else self.init

    def _model(self, max_iter: int | None, init: Any) -> KMeans:
        return KMeans(
            self.k, init=self.init if init is None else init, n_init=1, tol=0,
            max_iter=max_iter or self.max_iter, random_state=self.seed,
        )  # fmt: skip


def same(one: KMeans, other: KMeans, labels: Any) -> None:
    assert (one.cluster_centers_ == other.cluster_centers_).all()
    assert (one.inertia_, one.n_iter_) == (other.inertia_, other.n_iter_)
    assert (one.labels_ == labels).all()


def check_result(problem: Problem, model: KMeans, X: Any, *, centred: bool) -> None:
    """Check labels and inertia of the centers that were found."""
    labels, centers, weights = model.labels_, model.cluster_centers_, problem.weights
    assert (labels == model.predict(X)).all()
    assert model.inertia_ == -model.score(X, sample_weight=weights)
    nearest, doubtful = near_ties(problem.X, centers, labels, centred=centred)
    assert (labels == nearest)[~doubtful].all()
    expected = inertia_of(problem.X, centers, labels, weights)
    assert abs(model.inertia_ - expected) <= 1e-9 * expected + np.longdouble(1e-320)


def check_step(problem: Problem, X: Any, *, centred: bool) -> None:
    """Check an iteration: from the centers and labels of one fit to the centers of a longer."""
    first = problem.fit(X, problem.max_iter)
    more = problem.fit(X, problem.max_iter + 1)
    if more.n_iter_ != problem.max_iter + 1:
        assert (more.cluster_centers_ == first.cluster_centers_).all()
        return
    step = PlainStep(problem.X, problem.weights, first.cluster_centers_, first.labels_)
    if step.is_certain:
        off = abs(more.cluster_centers_ - step.centers)
        assert (off <= step.tolerance(centred=centred)).all()


def check(seed: int) -> None:
    problem = Problem(seed)
    model = problem.fit(problem.X)
    check_result(problem, model, problem.X, centred=True)
    check_step(problem, problem.X, centred=True)
    parts_init = problem.init_of_parts()
    blocks = problem.fit_blocks()
    labels = blocks.predict(problem.X)
    if isinstance(parts_init, str) and parts_init == "random":
        # Samples that are all here are drawn in another way.
        blocks.labels_ = labels
        model = blocks
        same(model, problem.fit_blocks(), labels)
    else:
        model = problem.fit(problem.X, init=parts_init)
        same(model, blocks, labels)
    if seed % DASK == 0:
        parts = problem.fit_dask()
        same(model, parts, parts.labels_.compute())  # type: ignore[attr-defined]
    sparse = scipy.sparse.csr_array(problem.X)
    check_result(problem, problem.fit(sparse), sparse, centred=False)
    check_step(problem, sparse, centred=False)


@pytest.mark.parametrize("part", range(4))
def test_small_problems(part: int) -> None:
    with dask.config.set(scheduler="synchronous"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for seed in range(SEED + part, SEED + PROBLEMS, 4):
            try:
                check(seed)
            except Exception as error:
                raise AssertionError(f"the problem of seed {seed}: {error!r}") from error
