"""KMeans where numpy is there, and scikit-learn is not."""

from __future__ import annotations

import pickle
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from isolated import in_own_process, run_python

X = np.random.default_rng(0).normal(size=(500, 3)) + np.arange(500)[:, None] % 4 * 10


def without_scikit_learn() -> Any:
    """Return the module as it is where these can't be imported."""
    sys.modules.update(dict.fromkeys(("sklearn", "scipy"), None))  # type: ignore[arg-type]
    from poolkeeper import cluster

    return cluster


@in_own_process
def test_it_fits_predicts_transforms_and_scores() -> None:
    KMeans = without_scikit_learn().KMeans
    fit = KMeans(4, random_state=0).fit(X)
    assert (np.bincount(fit.labels_) == 125).all()
    assert (fit.predict(X.tolist()) == fit.labels_).all()
    assert (fit.transform(X).argmin(axis=1) == fit.labels_).all()
    assert fit.score(X) == pytest.approx(-fit.inertia_)
    assert (KMeans(4, random_state=0).fit_predict(X) == fit.labels_).all()
    assert fit.fit_transform(X).shape == (500, 4)
    assert list(fit.get_feature_names_out()) == ["kmeans0", "kmeans1", "kmeans2", "kmeans3"]
    assert "sklearn" not in {name for name, module in sys.modules.items() if module}


@in_own_process
def test_parameters_by_name_and_copies() -> None:
    KMeans = without_scikit_learn().KMeans
    estimator = KMeans(4, n_jobs=2)
    assert repr(estimator) == "KMeans(n_clusters=4, n_jobs=2)"
    assert estimator.set_params(n_clusters=3).get_params()["n_clusters"] == 3
    with pytest.raises(ValueError, match="no parameter 'n_cluster'; did you mean 'n_clusters'"):
        estimator.set_params(tol=1, n_cluster=2)
    assert estimator.tol == 1e-4
    copy = pickle.loads(pickle.dumps(estimator.fit(X)))
    assert (copy.predict(X) == estimator.labels_).all()


@in_own_process
def test_tables_without_scikit_learn() -> None:
    KMeans = without_scikit_learn().KMeans
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    columns = dict(zip("abc", X.T, strict=True))
    expected = KMeans(4, init=X[:4], n_init=1).fit(X)
    assert not hasattr(expected, "feature_names_in_")
    for make in (pd.DataFrame, pl.DataFrame, pa.table):
        fit = KMeans(4, init=X[:4], n_init=1).fit(make(columns))
        assert list(fit.feature_names_in_) == ["a", "b", "c"], make
        assert (fit.labels_ == expected.labels_).all()
        with pytest.raises(ValueError, match="not c, b, a"):
            fit.predict(make(dict(reversed(columns.items()))))


@in_own_process
def test_what_is_wrong_is_said() -> None:
    cluster = without_scikit_learn()
    fit = cluster.KMeans(2).fit(X)
    wrong = {
        "2-dimensional array": X[0], "0, 3": X[:0], "Complex data": X * 1j,
        "X has 2 features, but KMeans is expecting 3": X[:, :2], "could not convert": [["a"] * 3],
    }  # fmt: skip
    for message, value in wrong.items():
        with pytest.raises(ValueError, match=message):
            fit.predict(value)
    with pytest.raises(ValueError, match="KMeans instance is not fitted yet") as caught:
        cluster.KMeans().predict(X)
    assert isinstance(caught.value, AttributeError)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cluster.KMeans(2, n_init=1).fit(np.zeros((5, 2)))
    assert "distinct clusters (1)" in str(said[0].message)


def test_without_numpy_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "import poolkeeper\n"
        "try: import poolkeeper.cluster\n"
        "except ImportError as error: print(error)"
    )
    assert "pip install numpy" in run_python(code).stdout
