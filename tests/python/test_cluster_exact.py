"""KMeans: exact whatever the weights, the outliers, the ties and the end of a fit."""

from __future__ import annotations

import warnings
from typing import Any

import dask
import dask.array
import joblib
import numpy as np
import pytest
import scipy.sparse
import sklearn.cluster
from plain_lloyd import inertia_of
from poolkeeper.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

RANDOM = np.random.default_rng(0)
FORMS = {"dense": np.asarray, "sparse": scipy.sparse.csr_array}


def column(*numbers: float) -> Any:
    return np.array(numbers)[:, None]


# --- weights of any range


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ratio", [1.0, 1e12, 1e15, 1e16, 1e100, 1e300, 1e-300])
def test_light_samples_are_summed_as_exactly_as_heavy_ones(form: str, ratio: float) -> None:
    X = column(0, 1, 10.3, 11.1, 12.9)
    weights = np.array([ratio, ratio, 1, 1, 1])
    for unit in (1.0, 1e-8, 1e8):
        model = KMeans(2, init=[[0.0], [11.0]], n_init=1)
        model.fit(FORMS[form](X), sample_weight=weights * unit)
        assert model.cluster_centers_[:, 0] == pytest.approx([0.5, 34.3 / 3], rel=1e-14)
        expected = inertia_of(X, model.cluster_centers_, model.labels_, weights * unit)
        assert model.inertia_ == pytest.approx(float(expected), rel=1e-12)
        blocks = [(X[i : i + 2], weights[i : i + 2] * unit) for i in (0, 2, 4)]
        many = KMeans(2, init=[[0.0], [11.0]], n_init=1).fit_blocks(blocks)
        assert (many.cluster_centers_ == KMeans(2, init=[[0.0], [11.0]], n_init=1)
                .fit(X, sample_weight=weights * unit).cluster_centers_).all()  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [1, 4, 18])
def test_boltzmann_weights(form: str, scale: int) -> None:
    energy = RANDOM.uniform(0, 36 * scale, size=4000)
    X = np.column_stack([energy / scale, RANDOM.normal(size=4000)])
    weights = np.exp(-energy)
    start = np.column_stack([np.arange(5) * 8.0, np.zeros(5)])
    model = KMeans(5, init=start, n_init=1, max_iter=1)
    model.fit(FORMS[form](X), sample_weight=weights)
    labels = ((X[:, None] - start) ** 2).sum(axis=2).argmin(axis=1)
    for c, center in enumerate(model.cluster_centers_):
        mass = weights[labels == c].astype(np.longdouble)
        mean = (X[labels == c] * mass[:, None]).sum(axis=0) / mass.sum()
        assert center == pytest.approx(mean.astype(float), rel=1e-13, abs=1e-14)


def test_many_samples_of_which_few_are_heavy() -> None:
    X = RANDOM.normal(size=(60_000, 3)) + 8 * (np.arange(60_000) % 4)[:, None]
    weights = 10.0 ** -(np.arange(60_000) % 4 * 20.0)
    start = column(0, 8, 16, 24) * np.ones(3)
    fits = [
        KMeans(4, init=start, n_init=1, n_jobs=jobs).fit(x, sample_weight=weights)
        for jobs in (1, 2) for x in (X, np.asfortranarray(X))
    ]  # fmt: skip
    for c in range(4):
        mean = X[c::4].mean(axis=0)
        assert fits[0].cluster_centers_[c] == pytest.approx(mean, abs=2e-2)
    for other in fits[1:]:
        assert (other.cluster_centers_ == fits[0].cluster_centers_).all()
        assert other.inertia_ == fits[0].inertia_


def test_weights_that_are_all_the_same_are_none() -> None:
    X = RANDOM.normal(size=(500, 3))
    plain = KMeans(4, init=X[:4], n_init=1).fit(X)
    for weight in (1e-300, 0.3, 1e300):
        model = KMeans(4, init=X[:4], n_init=1).fit(X, sample_weight=np.full(500, weight))
        assert (model.cluster_centers_ == plain.cluster_centers_).all()
        assert model.inertia_ == pytest.approx(plain.inertia_ * weight, rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_weights_and_samples_at_the_end_of_the_range(form: str) -> None:
    X = column(0, 1, 10, 12)
    heavy = np.full(4, 1e308)
    with pytest.raises(
        ValueError, match=r"sum to more than 1\.79.*e308: scale the weights"
    ) as raised:
        KMeans(2, init=[[0.0], [11.0]], n_init=1).fit(FORMS[form](X), sample_weight=heavy)
    assert raised.value.code == "inertia"  # type: ignore[attr-defined]
    few = KMeans(2, init=[[0.0], [11.0]], n_init=1).fit(FORMS[form](X[[0, 0, 3]]), None, heavy[:3])
    assert (few.inertia_, few.cluster_centers_.ravel().tolist()) == (0.0, [0.0, 12.0])
    far = KMeans(2, init=X[[0, 2]] * 1e100, n_init=1)
    with pytest.raises(ValueError, match="sum to more than"):
        far.fit(FORMS[form](X * 1e100), sample_weight=heavy / 1e8)
    far.fit(FORMS[form](X * 1e100), sample_weight=heavy / 1e258)
    assert far.inertia_ == pytest.approx(2.5e250, rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("dtype", "size"), [("f8", 1e150), ("f8", 1e-150), ("f4", 1e17)])
def test_samples_as_large_as_scikit_learn_takes(form: str, dtype: str, size: float) -> None:
    X = (RANDOM.normal(size=(60, 4)) + 9 * (np.arange(60) % 3)[:, None]).astype(dtype)
    plain = KMeans(3, init=X[:3], n_init=1).fit(X)
    X = X * np.array(size, dtype=dtype)
    model = KMeans(3, init=X[:3], n_init=1).fit(FORMS[form](X))
    assert (model.labels_ == plain.labels_).all()
    found = model.cluster_centers_ / np.array(size, dtype=dtype)
    assert found == pytest.approx(plain.cluster_centers_, rel=1e-5, abs=1e-6)


# --- outliers


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("far", [1e6, 1e8, 1e10, 1e12, 1e14])
def test_an_outlier_with_a_cluster_of_its_own_hides_nothing(form: str, far: float) -> None:
    X = np.vstack([RANDOM.normal(size=(50, 2)) * 0.7, RANDOM.normal(size=(50, 2)) * 0.7 + 20])
    X = np.vstack([X, [[far, 0]]])
    start = np.array([[0, 0], [20, 20], [far, 0]])
    if form == "dense" and far > 1e8:  # the samples are centred, so labels have such errors
        X[50:100] += [0, 1e6]
        start[1] += [0, 1e6]
    model = KMeans(3, init=start, n_init=1).fit(FORMS[form](X))
    labels = np.repeat([0, 1, 2], [50, 50, 1])
    expected = inertia_of(X, model.cluster_centers_, model.labels_, None)
    assert model.inertia_ == pytest.approx(float(expected), rel=1e-11)
    assert model.score(FORMS[form](X)) == -model.inertia_
    if form == "sparse":
        centers = np.array([X[labels == c].mean(axis=0) for c in range(3)])
        assert model.cluster_centers_ == pytest.approx(centers, rel=1e-13)
        assert (model.labels_ == labels).all()
        best = inertia_of(X, centers, labels, None)
        assert model.inertia_ == pytest.approx(float(best), rel=1e-12)


def test_starts_are_compared_in_spite_of_an_outlier() -> None:
    X = scipy.sparse.csr_array(column(0, 1, 10, 12, 1e12))
    model = KMeans(3, n_init=10, random_state=0).fit(X)
    assert model.inertia_ == 2.5


# --- ties, and centers without samples


def test_labels_and_inertia_are_those_of_the_centers_after_a_last_relocation() -> None:
    X = column(0, 0, 10, 12)
    for samples in (X, scipy.sparse.csr_array(X)):
        model = KMeans(3, init=[[3.0], [100.0], [11.0]], n_init=1, tol=0).fit(samples)
        assert (model.labels_ == model.predict(samples)).all()
        assert model.inertia_ == -model.score(samples)
        assert model.labels_.tolist() == [0, 0, 2, 1]
        assert model.inertia_ == 0


def test_blocks_and_dask_relocate_the_same_of_tied_samples() -> None:
    X, start = column(0.5, 0.2, 0.1, 0.1, 0.6), column(1.2000000000000002, 0.0, 99.0)
    model = KMeans(3, init=start, n_init=1, max_iter=1, tol=0)
    one = model.fit(X).cluster_centers_
    assert one.ravel() == pytest.approx([0.6, 0.4 / 3, 0.5])
    for blocks in ([X], [X[:1], X[1:4], X[4:]]):
        assert (model.fit_blocks(blocks).cluster_centers_ == one).all()
    with dask.config.set(scheduler="synchronous"):
        many = model.fit(dask.array.from_array(X, chunks=(2, 1)))
        assert (many.cluster_centers_ == one).all()
        labels = many.labels_.compute()  # type: ignore[attr-defined]
    assert (labels == model.fit(X).labels_).all()


def test_the_last_of_tied_samples_is_relocated_as_in_scikit_learn() -> None:
    X, start = column(-1, 1, -1, 1), column(0, 50)
    arguments: dict[str, Any] = {"init": start, "n_init": 1, "max_iter": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours, theirs = (kind(2, **arguments).fit(X) for kind in (KMeans, sklearn.cluster.KMeans))
    assert (ours.cluster_centers_ == theirs.cluster_centers_).all()
    assert ours.cluster_centers_.ravel() == pytest.approx([-1 / 3, 1])


def test_a_copy_predicts_the_labels_of_the_fit_at_ties(tmp_path: Any) -> None:
    X = RANDOM.integers(-3, 4, size=(400, 2)) * 0.1 + 7.3
    for dtype in ("float32", "float64"):
        samples = X.astype(dtype)
        model = KMeans(6, random_state=0, max_iter=2, tol=0).fit(samples)
        assert (model.predict(samples) == model.labels_).all()
        joblib.dump(model, tmp_path / "model")
        for copy in (
            joblib.load(tmp_path / "model"),
            joblib.load(tmp_path / "model", mmap_mode="r"),
        ):
            assert (copy.predict(samples) == model.labels_).all()
        # Other centers are compared as they are.
        model.cluster_centers_ = model.cluster_centers_ + 1000
        assert (model.predict(samples + 1000) >= 0).all()


# --- a fit that fails


def _fails(model: Any, samples: Any, call: str) -> None:
    before = dict(vars(model))
    generator = before.get("_random_state")
    state = None if generator is None else generator.get_state()[1].tolist()
    with pytest.raises(ValueError, match="NaN"):
        getattr(model, call)(samples)
    after = dict(vars(model))
    if generator is not None:
        assert after.pop("_random_state").get_state()[1].tolist() == state
        before.pop("_random_state")
    assert after == before


def test_a_fit_that_fails_leaves_every_attribute() -> None:
    X, wrong = RANDOM.normal(size=(300, 3)), np.full((300, 5), np.nan)
    model = KMeans(3, random_state=0, n_init=2).fit(X)
    _fails(model, wrong, "fit")
    assert model.predict(X[:1]).shape == (1,)
    with pytest.raises(ValueError, match="NaN"):
        model.fit_blocks([X[:, :2], np.full((9, 2), np.nan)])
    assert model.n_features_in_ == 3
    batches = MiniBatchKMeans(3, random_state=0).fit(X)
    _fails(batches, wrong, "fit")
    stream = MiniBatchKMeans(3, random_state=0, reassignment_ratio=0.5).partial_fit(X)
    bad = X.copy()
    bad[7] = np.nan
    _fails(stream, bad, "partial_fit")


def test_a_fit_that_is_interrupted_leaves_every_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    X = RANDOM.normal(size=(300, 3))
    model = KMeans(3, random_state=0).fit(X)
    before = dict(vars(model))

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(KMeans, "_keep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(RANDOM.normal(size=(300, 5)))
    assert vars(model) == before


# --- sparse matrices of every kind


def test_entries_that_are_stored_twice_are_summed() -> None:
    twice = scipy.sparse.csr_array(([1.0, 2.0, 9.0, 1.0], [0, 0, 1, 1], [0, 2, 4]), shape=(2, 2))
    stored = twice.nnz
    model = KMeans(2, init=[[3.0, 0.0], [0.0, 10.0]], n_init=1).fit(twice)
    assert model.cluster_centers_.tolist() == [[3.0, 0.0], [0.0, 10.0]]
    assert model.predict(twice).tolist() == [0, 1]
    assert twice.nnz == stored


def test_indices_of_64_bits() -> None:
    X = scipy.sparse.csr_array(np.eye(5))
    narrow = KMeans(2, random_state=0).fit(X)
    X.indices, X.indptr = X.indices.astype("int64"), X.indptr.astype("int64")
    assert (KMeans(2, random_state=0).fit(X).labels_ == narrow.labels_).all()
    X.indptr = X.indptr.astype("int32")
    assert (KMeans(2, random_state=0).fit(X).labels_ == narrow.labels_).all()


# --- plain messages


@pytest.mark.parametrize(
    ("params", "weights", "message"),
    [
        ({"algorithm": "auto"}, None, r"algorithm must be 'lloyd' or 'elkan', not 'auto'$"),
        ({"random_state": -1}, None, r"random_state must be from 0 to 2\*\*32 - 1, not -1"),
        ({}, np.full(5, 1j), "Complex data not supported"),
        ({}, scipy.sparse.csr_array(np.ones((5, 1))), "sample_weight is sparse: make it an array"),
        (
            {"init": [[np.nan], [1.0]]},
            None,
            "the array of first centers has the value NaN in row 0",
        ),
    ],
    ids=["algorithm", "random_state", "complex", "sparse", "init"],
)
def test_messages(params: dict[str, Any], weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KMeans(2, **{"n_init": 1, **params}).fit(column(1, 2, 3, 4, 5), sample_weight=weights)


def test_a_center_that_is_no_number_is_told_as_a_center() -> None:
    model = KMeans(2, random_state=0).fit(column(1, 2, 3))
    model.cluster_centers_ = column(1, np.nan)
    for call in (model.predict, model.transform, model.score):
        with pytest.raises(ValueError, match="the array of centers has the value NaN in row 1"):
            call(column(1, 2, 3))


def test_dask_names_the_row_and_the_chunk() -> None:
    X = RANDOM.normal(size=(1000, 4))
    X[750, 2] = np.nan
    with dask.config.set(scheduler="synchronous"):
        many = dask.array.from_array(X, chunks=(600, 4))
        with pytest.raises(ValueError, match="only finite") as raised:
            KMeans(3).fit(many)
    assert "in row 750, column 2" in str(raised.value)
    assert "(row 150 in the chunk that begins with row 600)" in str(raised.value)
