"""KMeans: what it finds, what it takes, what it refuses."""

from __future__ import annotations

import pickle
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import sklearn.cluster
from isolated import run, run_python
from poolkeeper.cluster import KMeans
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError

BLOBS, TRUE = make_blobs(3000, n_features=5, centers=7, random_state=0)
START = BLOBS[:7]


def near(a: Any, b: Any) -> bool:
    return bool(np.allclose(a, b, rtol=1e-5))


# --- the same as scikit-learn's


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("weighted", [False, True])
def test_from_the_same_start_it_finds_what_scikit_learn_finds(
    dtype: str, algorithm: str, weighted: bool
) -> None:
    X = BLOBS.astype(dtype)
    weights = np.random.default_rng(1).uniform(0, 3, len(X)) if weighted else None
    arguments: dict[str, Any] = {"init": START, "n_init": 1, "algorithm": algorithm}
    ours = KMeans(7, **arguments).fit(X, sample_weight=weights)
    theirs = sklearn.cluster.KMeans(7, **arguments).fit(X, sample_weight=weights)
    assert (ours.labels_ == theirs.labels_).all()
    assert near(ours.cluster_centers_, theirs.cluster_centers_)
    assert near(ours.inertia_, theirs.inertia_)
    assert ours.n_iter_ == theirs.n_iter_
    assert near(ours.transform(X), theirs.transform(X))
    assert near(ours.score(X, sample_weight=weights), theirs.score(X, sample_weight=weights))
    assert (ours.predict(X + 1) == theirs.predict(X + 1)).all()
    for name in ("cluster_centers_", "labels_"):
        assert getattr(ours, name).dtype == getattr(theirs, name).dtype


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_the_same_seed_finds_the_same(init: str) -> None:
    fits = [KMeans(7, init=init, random_state=3).fit(BLOBS) for _ in range(2)]
    assert (fits[0].cluster_centers_ == fits[1].cluster_centers_).all()
    assert fits[0].inertia_ == fits[1].inertia_


def test_random_state_may_be_a_generator_or_numpys_own() -> None:
    def once(random_state: Any) -> float:
        return float(KMeans(20, random_state=random_state, max_iter=1).fit(BLOBS).inertia_)

    assert once(np.random.default_rng(5)) == once(np.random.default_rng(5))
    assert once(np.random.RandomState(5)) == once(5)
    np.random.seed(9)
    first = once(None)
    assert once(None) != first
    np.random.seed(9)
    assert once(None) == first


def test_a_callable_is_called_for_each_start() -> None:
    calls = []

    def start(X: Any, n_clusters: int, random_state: Any) -> Any:
        calls.append(n_clusters)
        return X[random_state.randint(0, len(X), n_clusters)]

    several = KMeans(7, init=start, n_init=4, random_state=0).fit(BLOBS)
    assert calls == [7] * 4
    assert several.inertia_ <= KMeans(7, init=start, n_init=1, random_state=0).fit(BLOBS).inertia_


# --- data


@pytest.mark.parametrize("shape", ["C", "F", "strided", "backwards", "odd address", "big endian"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_layout_of_the_samples_means_nothing(shape: str, dtype: str) -> None:
    plain = BLOBS.astype(dtype)
    wide = np.zeros((2 * len(plain), 9), dtype)
    record = np.zeros(len(plain), dtype=[("odd", "u1"), ("x", dtype, 5)])
    wide[::2, 1:6], record["x"] = plain, plain
    X = {
        "C": plain, "F": np.asfortranarray(plain), "strided": wide[::2, 1:6],
        "backwards": plain[::-1, ::-1][::-1, ::-1], "odd address": record["x"],
        "big endian": plain.astype(plain.dtype.newbyteorder(">")),
    }[shape]  # fmt: skip
    expected = KMeans(7, init=START, n_init=1).fit(plain)
    fit = KMeans(7, init=START, n_init=1).fit(X)
    assert near(fit.cluster_centers_, expected.cluster_centers_)
    assert (fit.labels_ == expected.labels_).all()
    assert (plain == X).all()


def test_samples_that_must_not_be_written_are_not(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", BLOBS)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    fit = KMeans(7, init=START, n_init=1, copy_x=False).fit(mapped)
    assert near(fit.inertia_, KMeans(7, init=START, n_init=1).fit(BLOBS).inertia_)


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"]
)
def test_tables_have_feature_names(make: Any) -> None:
    names = list("abcde")
    table = make(dict(zip(names, BLOBS.T, strict=True)))
    fit = KMeans(7, init=START, n_init=1).fit(table)
    assert list(fit.feature_names_in_) == names
    assert (fit.labels_ == KMeans(7, init=START, n_init=1).fit(BLOBS).labels_).all()
    other = make(dict(zip(reversed(names), BLOBS.T, strict=True)))
    with pytest.raises(ValueError, match="feature names"):
        fit.predict(other)


def test_the_output_is_a_table_if_that_is_asked_for() -> None:
    fit = KMeans(3, random_state=0).set_output(transform="pandas").fit(BLOBS)
    assert list(fit.transform(BLOBS).columns) == ["kmeans0", "kmeans1", "kmeans2"]
    assert list(fit.get_feature_names_out()) == ["kmeans0", "kmeans1", "kmeans2"]


@pytest.mark.parametrize("container", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_samples(container: Any) -> None:
    X = np.where(BLOBS > 0, BLOBS, 0)
    sparse, dense = (KMeans(7, init=START, n_init=1).fit(x) for x in (container(X), X))
    assert (sparse.labels_ == dense.labels_).all()
    assert near(sparse.inertia_, dense.inertia_)
    assert (sparse.predict(container(X)) == sparse.labels_).all()


# --- an estimator


def test_a_copy_in_another_process_is_the_same() -> None:
    fit = KMeans(7, random_state=0, n_jobs=1).fit(BLOBS)
    copy = pickle.loads(pickle.dumps(fit))
    assert (copy.predict(BLOBS) == fit.labels_).all()
    assert copy.get_params() == fit.get_params()
    assert clone(fit).get_params() == fit.get_params()
    with pytest.raises(NotFittedError):
        clone(fit).predict(BLOBS)


def test_fewer_clusters_than_asked_for_is_a_warning_where_it_was_called() -> None:
    with pytest.warns(ConvergenceWarning, match=r"clusters \(1\) found smaller") as caught:
        KMeans(2, n_init=1).fit(np.zeros((5, 2)))
    assert caught[0].filename == __file__


def test_a_warning_of_a_parameter_is_where_it_was_called() -> None:
    with pytest.warns(RuntimeWarning, match="instead of n_init=4") as caught:
        KMeans(7, init=START, n_init=4).fit_predict(BLOBS)
    assert caught[0].filename == __file__


# --- what is refused


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_clusters": 0}, "n_clusters must be a whole number of 1 or more, not 0"),
        ({"n_clusters": True}, "n_clusters must be a whole number of 1 or more, not True"),
        ({"n_clusters": 2.5}, "not 2.5"),
        ({"n_clusters": 3001}, "n_samples=3000 should be >= n_clusters=3001"),
        ({"init": "k-meams++"}, r"'k-meams\+\+'; did you mean 'k-means\+\+'\?"),
        ({"init": 3}, "a callable or an array of centers, not 3"),
        ({"init": START[:3]}, "does not match the number of clusters 8"),
        ({"n_init": "Auto"}, "did you mean 'auto'"),
        ({"n_init": 0}, "n_init must be 'auto' or a whole number of 1 or more, not 0"),
        ({"max_iter": 0}, "max_iter must be a whole number of 1 or more, not 0"),
        ({"tol": -1}, "tol must be a finite number of 0 or more, not -1"),
        ({"tol": float("nan")}, "not nan"),
        ({"algorithm": "loyd"}, "did you mean 'lloyd'"),
        ({"n_jobs": 0}, r"-1 \(the whole budget\) or a number of threads, not 0"),
        ({"n_jobs": -2}, "not -2"),
        ({"random_state": "x"}, "random_state must be None, a whole number"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(
    params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        KMeans(**params).fit(BLOBS)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_named_with_its_place(bad: float) -> None:
    X = BLOBS.copy()
    X[2000, 3] = bad
    fit = KMeans(7, random_state=0).fit(BLOBS)
    for call in (KMeans(7).fit, fit.predict, fit.transform, fit.score):
        with pytest.raises(ValueError, match="in row 2000, column 3: only finite") as caught:
            call(X)
        assert caught.value.code == "not-finite"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(3000), "all sample weights are zero"),
        (np.ones(2999), r"sample_weight.shape == \(2999,\), expected \(3000,\)"),
        (np.ones((3000, 1)), "must be 1D array or scalar"),
        (-np.ones(3000), "sample 0 has the weight -1"),
    ],
)
def test_wrong_weights(weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KMeans(7).fit(BLOBS, sample_weight=weights)


KERNEL = """
import numpy as np
from poolkeeper.cluster import KMeans

X = np.random.default_rng(0).random((9_000, 8), dtype="float32")
kmeans = KMeans(9, init=X[:9], n_init=1, max_iter=5, verbose=1).fit(X)
print(kmeans.inertia_.hex())
"""


def test_the_environment_names_a_kernel() -> None:
    def lines(kernel: str) -> list[str]:
        env = {"POOLKEEPER_KMEANS_KERNEL": kernel}
        return run_python(KERNEL, env=env).stdout.splitlines()

    portable, best = lines("Portable"), lines("")
    assert any(line.startswith("Kernel: portable,") for line in portable)
    assert portable[-1] == best[-1]
    found = run([sys.executable, "-c", KERNEL], {"POOLKEEPER_KMEANS_KERNEL": "avx3"})
    assert found.returncode == 1
    assert 'has no k-means kernel "avx3"' in found.stderr
    assert "POOLKEEPER_KMEANS_KERNEL asks for; available: portable" in found.stderr


def test_verbose_prints_scikit_learns_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        kmeans = KMeans(7, init=START, n_init=1, tol=0, verbose=1).fit(BLOBS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Initialization complete"
    assert lines[1].startswith("Iteration 1, inertia ")
    inertias = [
        float(line.split("inertia ")[1].split(",")[0])
        for line in lines
        if line.startswith("Iteration")
    ]
    squares = ((BLOBS[:, None] - START) ** 2).sum(axis=2)
    assert inertias[0] == pytest.approx(squares.min(axis=1).sum(), rel=1e-9)
    assert inertias == sorted(inertias, reverse=True)
    assert inertias[-1] == pytest.approx(kmeans.inertia_, rel=1e-9)
    assert any("strict convergence" in line for line in lines)
