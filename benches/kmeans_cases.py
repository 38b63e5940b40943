"""The samples and starts that k-means is measured on, made again in each process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = Any


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    what: str
    make: str  # a function below
    n: int
    d: int
    k: int
    max_iter: int = 20
    dtype: str = "float32"
    threads: int = 2
    #: "fit" from a given start, "predict", "start" (k-means++ alone), or "batches"
    #: (`MiniBatchKMeans`: `max_iter` times as many samples as there are).
    task: str = "fit"
    #: How many times faster than scikit-learn it is to be.
    goal: float | None = None
    #: The instructions that ours and OpenBLAS are held to; "" for the best there are.
    kernel: str = ""
    #: One of a row of shapes that show how time grows with one number.
    growth: str = ""

    def samples(self) -> tuple[Array, Array]:
        """Return samples, and `k` of them to start from."""
        rng = np.random.default_rng(0)
        X = MAKERS[self.make](rng, self.n, self.d, self.k)
        rows = rng.choice(self.n, self.k, replace=False)
        if self.make == "text":
            X = X.astype(self.dtype)
            return X, X[rows].toarray()
        X = np.ascontiguousarray(X, self.dtype)
        return X, X[rows].copy()


def mixture(rng: Any, n: int, d: int, k: int) -> Array:
    """Unit noise around k centers from N(0, 1)."""
    centers = rng.normal(size=(k, d)).astype(np.float32)
    X = rng.normal(size=(n, d)).astype(np.float32)
    X += centers[rng.integers(0, k, n)]
    return X


def noise(rng: Any, n: int, d: int, k: int) -> Array:
    return rng.random((n, d), dtype=np.float32)


def blobs(rng: Any, n: int, d: int, k: int) -> Array:
    from sklearn.datasets import make_blobs

    return make_blobs(n, n_features=d, centers=k, random_state=0)[0]


def digits(rng: Any, n: int, d: int, k: int) -> Array:
    from sklearn.datasets import load_digits

    return load_digits().data


def china(rng: Any, n: int, d: int, k: int) -> Array:
    from sklearn.datasets import load_sample_image

    return load_sample_image("china.jpg").reshape(-1, 3) / 255.0


def text(rng: Any, n: int, d: int, k: int) -> Array:
    """Sparse: up to 60 of `d` words in each document, some words far more often than others."""
    from scipy.sparse import csr_array

    words = (d * rng.random(60 * n) ** 3).astype(np.int32)
    X = csr_array(
        (rng.random(60 * n), words, np.arange(0, 60 * n + 1, 60, dtype=np.int32)), shape=(n, d)
    )
    X.sum_duplicates()
    return X


MAKERS: dict[str, Callable[..., Array]] = {
    f.__name__: f for f in (mixture, noise, blobs, digits, china, text)
}

#: The shapes that the goals are stated for, and shapes that nobody tuned for.
MAIN = (
    Case("A", "many samples, few features", "mixture", 1_000_000, 16, 64, goal=4.5),
    Case("B", "middling", "mixture", 200_000, 64, 256, goal=4.5),
    Case("C", "many clusters, many features", "mixture", 100_000, 256, 1024, 14, goal=4.5),
    Case("D", "small", "mixture", 10_000, 2, 8, goal=4),
    Case("E", "few clusters, many features", "mixture", 50_000, 784, 10, 4, goal=3),
    Case("F", "to convergence", "mixture", 300_000, 8, 100, 300, goal=10),
    Case("blobs", "make_blobs", "blobs", 100_000, 10, 20, 100, goal=1),
    Case("digits", "load_digits", "digits", 1_797, 64, 10, 100, goal=1),
    Case("china", "the pixels of china.jpg", "china", 273_280, 3, 64, 100, goal=1),
    Case("noise, d=8", "nothing to prune", "noise", 300_000, 8, 64, goal=4),
    Case("noise, B", "nothing to prune", "noise", 200_000, 64, 256, goal=2.3),
    Case("noise, C", "nothing to prune", "noise", 50_000, 256, 1024, 5, goal=1.5),
    Case("d=3", "many clusters", "noise", 200_000, 3, 256, goal=1),
    Case("k=2", "two clusters", "mixture", 20_000, 1000, 2, 10, goal=1),
    Case("k=5000", "very many clusters", "noise", 50_000, 32, 5000, 3, goal=1),
)
STARTS = tuple(
    replace(case, task="start", goal=goal)
    for case, goal in zip(
        (MAIN[0], MAIN[1], MAIN[5], MAIN[4]), (10.0, 10.0, 10.0, 4.0), strict=True
    )
)
PREDICTS = tuple(replace(case, task="predict", goal=1.0) for case in MAIN[:6])
DOUBLES = tuple(
    replace(case, dtype="float64", goal=goal)
    for case, goal in zip((MAIN[0], MAIN[1], MAIN[2], MAIN[5]), (3.5, 4.0, 4.5, 6.0), strict=True)
)
ONE_THREAD = tuple(replace(case, threads=1) for case in MAIN[:6])
DOUBLES_ONE_THREAD = tuple(replace(case, threads=1) for case in DOUBLES)
AVX2 = tuple(
    replace(case, kernel="avx2", goal=goal)
    for case, goal in zip(MAIN[:3], (3.0, 3.8, 4.5), strict=True)
)
SPARSE = (
    Case("words", "60 of 1,000", "text", 50_000, 1_000, 64, 10, goal=1),
    Case("more words", "60 of 20,000", "text", 20_000, 20_000, 20, 10, goal=1),
    Case("most words", "60 of 200,000", "text", 20_000, 200_000, 20, 10, goal=1),
)
BATCHES = tuple(
    replace(case, task="batches", max_iter=3, goal=1) for case in (MAIN[0], MAIN[1], *SPARSE)
)
WIDE = tuple(
    Case("wide", what, "mixture", n, d, k, 4, dtype, goal=1)
    for what, n, d, k, dtype in (
        ("2 samples a cluster", 200, 100_000, 100, "float32"),
        ("2 samples a cluster, float64", 200, 100_000, 100, "float64"),
        ("5 samples a cluster", 1_000, 20_000, 200, "float32"),
        ("10 samples a cluster", 1_000, 100_000, 100, "float32"),
    )
)
MIDDLE = Case("growth", "changed", "mixture", 100_000, 32, 64, 10)
GROWTH = tuple(
    replace(MIDDLE, growth=what, **{what: value})
    for what, values in (
        ("n", (25_000, 50_000, 100_000, 200_000, 400_000)),
        ("d", (4, 8, 16, 32, 64, 128, 256)),
        ("k", (4, 16, 64, 256, 1024)),
    )
    for value in values
)
GROUPS = {
    "main": MAIN, "starts": STARTS, "predict": PREDICTS, "doubles": DOUBLES, "one": ONE_THREAD,
    "doubles_one": DOUBLES_ONE_THREAD, "avx2": AVX2, "sparse": SPARSE, "batches": BATCHES,
    "wide": WIDE, "growth": GROWTH,
}  # fmt: skip
