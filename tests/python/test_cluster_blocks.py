"""`KMeans.fit_blocks`: from blocks as from memory, bit by bit, and in little memory."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from isolated import run_python
from poolkeeper.cluster import KMeans, _blocks
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

X, _ = make_blobs(5000, n_features=4, centers=9, random_state=0, cluster_std=2)
WEIGHTS = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
#: Two of the centers have no sample at first.
FAR = np.vstack([X[:7], [[100.0] * 4, [200.0] * 4]])


def assert_same(one: KMeans, many: KMeans) -> None:
    assert (one.cluster_centers_ == many.cluster_centers_).all()
    assert (one.inertia_, one.n_iter_) == (many.inertia_, many.n_iter_)
    assert not hasattr(many, "labels_")
    assert (one.labels_ == many.predict(X.astype(one.cluster_centers_.dtype))).all()


def cut(rows: int, samples: Any = X) -> list[Any]:
    return [samples[i : i + rows] for i in range(0, len(samples), rows)]


@pytest.mark.parametrize("rows", [1, 700, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_however_the_rows_are_cut(rows: int, dtype: str) -> None:
    samples = X.astype(dtype)[:: 1 if rows > 1 else 10]
    one = KMeans(9, init=samples[:9], n_init=1).fit(samples)
    many = KMeans(9, init=samples[:9], n_init=1).fit_blocks(cut(rows, samples))
    assert (one.cluster_centers_ == many.cluster_centers_).all()
    assert (one.inertia_, one.n_iter_) == (many.inertia_, many.n_iter_)


@pytest.mark.parametrize("init", ["random", "k-means||"])
def test_starts_do_not_depend_on_the_blocks(init: str) -> None:
    fits = [KMeans(9, init=init, random_state=3).fit_blocks(cut(rows)) for rows in (333, 5000)]
    assert (fits[0].cluster_centers_ == fits[1].cluster_centers_).all()
    assert fits[0].inertia_ < KMeans(9, init=X[:9], n_init=1, max_iter=1).fit(X).inertia_


def test_weights_of_which_a_block_has_none() -> None:
    weights = WEIGHTS.copy()
    weights[:1000] = 0
    one = KMeans(9, init=X[:9], n_init=1).fit(X, sample_weight=weights)
    blocks = list(zip(cut(1000), cut(1000, weights), strict=True))
    assert_same(one, KMeans(9, init=X[:9], n_init=1).fit_blocks(blocks))
    with pytest.raises(ValueError, match="all sample weights are zero"):
        KMeans(2).fit_blocks([(X, np.zeros(len(X)))])


def test_empty_clusters_get_the_same_samples() -> None:
    one = KMeans(9, init=FAR, n_init=1).fit(X)
    assert_same(one, KMeans(9, init=FAR, n_init=1).fit_blocks(cut(700)))
    with pytest.warns(ConvergenceWarning, match=r"clusters \(1\) found smaller than n_clusters"):
        KMeans(2, init=[[0.0], [9.0]], n_init=1).fit_blocks([[[1.0], [1.0]]])


def _in_one_buffer() -> Iterator[Any]:
    buffer = np.empty((500, 4))
    for block in cut(500):
        buffer[:] = block
        yield buffer


def test_a_reader_may_fill_the_same_buffer_again() -> None:
    for init in (FAR, X[:9]):
        one = KMeans(9, init=init, n_init=1).fit(X)
        assert_same(one, KMeans(9, init=init, n_init=1).fit_blocks(_in_one_buffer))
    for init_by in ("random", "k-means||"):
        fits = [
            KMeans(9, init=init_by, random_state=1).fit_blocks(blocks)
            for blocks in (_in_one_buffer, cut(500))
        ]
        assert (fits[0].cluster_centers_ == fits[1].cluster_centers_).all()


def test_blocks_without_samples_decide_nothing() -> None:
    one = KMeans(9, init=X[:9], n_init=1).fit(X.astype("float32"))
    empty = [np.zeros((0, 0)), X[:0].astype(int), pd.DataFrame()]
    blocks = [*empty, *cut(999, X.astype("float32")), *empty]
    many = KMeans(9, init=X[:9], n_init=1).fit_blocks(blocks)
    assert many.cluster_centers_.dtype == np.float32
    assert (one.inertia_, one.n_iter_) == (many.inertia_, many.n_iter_)


def test_one_block_is_in_memory() -> None:
    alive: list[weakref.ref[Any]] = []
    most = 0

    def blocks() -> Iterator[Any]:
        nonlocal most
        for rows in range(0, len(X), 500):
            most = max(most, sum(reference() is not None for reference in alive))
            made = [X[rows : rows + 500].copy()]  # owns its memory, so a view keeps it alive
            alive.append(weakref.ref(made[0]))
            yield made.pop()

    KMeans(9, init=FAR, n_init=1, max_iter=3).fit_blocks(blocks)
    assert len(alive) > 30
    assert most == 0  # when the next one is made


@pytest.mark.parametrize("init", ["random", "k-means||"])
def test_a_start_with_fewer_samples_with_weight_than_clusters(init: str) -> None:
    weights = np.zeros(10)
    weights[3] = 1
    kmeans = KMeans(3, init=init, n_init=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one = kmeans.fit(X[:10], sample_weight=weights)
        centers, inertia = one.cluster_centers_, one.inertia_
        assert inertia == pytest.approx(0, abs=1e-25)
        assert np.isclose(centers, X[3], rtol=1e-14).all(axis=1).any()
        for rows in (3, 10):
            blocks = zip(cut(rows, X[:10]), cut(rows, weights), strict=True)
            many = kmeans.fit_blocks(list(blocks))
            assert many.inertia_ == pytest.approx(0, abs=1e-25)
            if init == "k-means||":
                assert (many.cluster_centers_ == centers).all()


def test_a_failed_fit_leaves_the_estimator_as_it_was() -> None:
    readings = 0

    def blocks() -> Iterator[Any]:
        nonlocal readings
        readings += 1
        if readings == last:
            raise OSError("the disk is gone")
        yield X[:, :2]

    last = -1
    KMeans(9, init=X[:9, :2], n_init=1).fit_blocks(blocks)
    all_readings = readings
    kmeans = KMeans(9, init=X[:9], n_init=1).fit(pd.DataFrame(X, columns=list("abcd")))
    before = dict(vars(kmeans))
    kmeans.init = X[:9, :2]
    for failing in range(1, all_readings + 1):
        readings, last = 0, failing
        with pytest.raises(OSError, match="the disk is gone"):
            kmeans.fit_blocks(blocks)
        assert {**vars(kmeans), "init": 0} == {**before, "init": 0}


def _sources(folder: Path) -> Iterator[tuple[str, Any]]:
    table = pa.table({name: X[:, i] for i, name in enumerate("abcd")})
    pyarrow.parquet.write_table(table, folder / "x.parquet", row_group_size=999)
    for number, part in enumerate(cut(2000)):
        parts = pa.table({name: part[:, i] for i, name in enumerate("abcd")})
        (folder / "many").mkdir(exist_ok=True)
        pyarrow.parquet.write_table(parts, folder / "many" / f"{number}.parquet")
    np.save(folder / "x.npy", X)
    yield "a function", lambda: iter(cut(700))
    yield "data frames", cut(700, pd.DataFrame(X, columns=list("abcd")))
    yield "an Arrow table", table
    yield "an Arrow dataset", pyarrow.dataset.dataset(folder / "many")
    yield "a Parquet file", folder / "x.parquet"
    yield "a .npy file", str(folder / "x.npy")


def test_every_source_gives_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocks, "ROWS", 800)
    one = KMeans(9, init=X[:9], n_init=1).fit(X)
    for name, source in _sources(tmp_path):
        many = KMeans(9, init=X[:9], n_init=1).fit_blocks(source)
        assert many.inertia_ == one.inertia_, name
        assert (many.cluster_centers_ == one.cluster_centers_).all(), name
        named = hasattr(many, "feature_names_in_")
        assert named is (name not in ("a function", "a .npy file")), name


@pytest.mark.parametrize(
    ("blocks", "error", "message"),
    [
        (iter([X]), TypeError, "an iterator can be read once only"),
        (X, TypeError, "blocks must be a list, .* not ndarray"),
        (7, TypeError, "blocks must be a list, .* not int"),
        ("x.csv", ValueError, "x.csv: a file must be .npy or .parquet"),
        ([], ValueError, "there is no block with samples"),
        ([X[:0]], ValueError, "there is no block with samples"),
        ([X[:5]], ValueError, "n_samples=5 should be >= n_clusters=8"),
        ([X, X[:, :2]], ValueError, "a block has 2 features, the first one has 4"),
        ([X[0]], ValueError, "a block has 1 dimensions, not 2"),
        ([(X, WEIGHTS[1:])], ValueError, "a block of 5000 samples has weights of shape"),
        ([X + 1j], ValueError, "Complex data not supported"),
        (
            [X, np.full((9, 4), np.nan)],
            ValueError,
            r"row 5000, .* \(row 0 in the block that begins with row 5000\)",
        ),
        ([pd.DataFrame(X), pa.table({"a": [1.0]})], ValueError, "a block has 1 features"),
        ([pa.table({"a": [1.0]}), pa.table({"b": [1.0]})], ValueError, "has the features b, the"),
        ([np.full((9, 2), np.nan)], ValueError, "only finite numbers"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_cannot_be_read(blocks: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        KMeans(8).fit_blocks(blocks)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_that_change_between_readings_are_an_error(dtype: str, weighted: bool) -> None:
    samples = X.astype(dtype)
    for changed in (2, 3, 4) if not weighted else (3, 4):
        readings = 0

        def blocks() -> Iterator[Any]:
            nonlocal readings
            readings += 1
            now = samples + 5 if readings >= changed else samples  # noqa: B023
            parts = cut(2000, now)
            yield from zip(parts, cut(2000, WEIGHTS), strict=True) if weighted else parts

        kmeans = KMeans(9, init=samples[:9], n_init=1)
        with pytest.raises(ValueError, match="the samples of 3 blocks are others than when they"):
            kmeans.fit_blocks(blocks)
        assert readings == changed
        assert not hasattr(kmeans, "cluster_centers_")


def test_blocks_that_change_and_a_start_that_needs_all_samples() -> None:
    readings = iter(([X], [X[:-1]]))
    with pytest.raises(ValueError, match="4999 samples now, and had 5000 at first"):
        KMeans(2, init=X[:2], n_init=1).fit_blocks(lambda: next(readings))
    with pytest.raises(TypeError, match="init can't be a function"):
        KMeans(2, init=lambda X, k, random_state: X[:k]).fit_blocks([X])


def test_memory_does_not_grow_with_the_samples() -> None:
    # A block is 8 MB, the samples are 400 MB.
    code = """
import resource
import numpy as np
from poolkeeper.cluster import KMeans
def blocks():
    for seed in range(50):
        yield np.random.default_rng(seed).random((125_000, 16), dtype=np.float32)
start = next(blocks())[:8].copy()
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
KMeans(8, init=start, n_init=1, max_iter=1).fit_blocks(lambda: [next(blocks())])
before = most()
KMeans(8, init=start, n_init=1, max_iter=2).fit_blocks(blocks)
print(most() - before)
"""
    grown = int(run_python(code, timeout=120).stdout)
    assert grown < 4 * 125_000 * 16 * 4, f"{grown} bytes more at most"
