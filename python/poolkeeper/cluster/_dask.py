"""``KMeans`` on Dask's arrays and tables: the samples stay where they are.

A round sends the centers to the workers; each part gives back its sums, which
are integers and merge in a tree, in any order, to the same bits as on one
machine. What a lost worker had is computed again by the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from .. import _native
from . import _params, _random, _scalable
from ._data import Array, centers_of
from ._kmeans import Found, KMeans
from ._progress import shown

#: How many sums one task merges.
FAN_IN = 8


def fit(estimator: KMeans, X: Any, sample_weight: Any) -> KMeans:
    """Cluster a Dask array or table; ``labels_`` is a Dask array."""
    _params.check(estimator.get_params(deep=False))
    parts = Parts(X, sample_weight, estimator.n_jobs)
    if parts.summary.rows < estimator.n_clusters:
        raise ValueError(
            f"n_samples={parts.summary.rows} should be >= n_clusters={estimator.n_clusters}."
        )
    estimator._n_init = _params.starts(estimator, 10)
    random = _random.generator(estimator.random_state)
    show = shown(estimator.verbose, estimator.max_iter, estimator._n_init)
    starts = (
        _start(estimator, parts, X, random, number, show) for number in range(estimator._n_init)
    )
    best = min(starts, key=lambda found: found.inertia)
    if show:
        show.close(best.converged, best.strict, best.choice)
    estimator.n_features_in_ = parts.shape[1]
    if parts.names is not None:
        estimator.feature_names_in_ = parts.names
    labels, used = parts.labels(best.centers)
    estimator._keep(best._replace(labels=labels), used)
    return estimator


def _module(name: str) -> Any:
    """Dask without its types, half of which are there."""
    return import_module(name)


class Parts:
    """The parts of a Dask collection that have samples, on their workers."""

    def __init__(self, X: Any, sample_weight: Any, n_jobs: int | None) -> None:
        dask = self._dask = _module("dask")
        self._n_jobs = n_jobs
        self.names = _names(X)
        X = array_of(X)
        blocks = [dask.delayed(np.ascontiguousarray)(block) for block in X.to_delayed().ravel()]
        blocks = list(dask.persist(*blocks))
        self._lengths = list(dask.compute(*(dask.delayed(len)(block) for block in blocks)))
        weights = self._weights(sample_weight, X.dtype)
        self._rows = [int(row) for row in np.cumsum([0, *self._lengths])]
        self._blocks = [
            (block, weight, row)
            for block, weight, row, length in zip(
                blocks, weights, self._rows[:-1], self._lengths, strict=True
            )
            if length
        ]
        if not self._blocks:
            raise ValueError(f"X has the shape {X.shape}: at least 1 sample is needed")
        self.dtype = X.dtype
        self.summary = self._tree(_summary, merged, n_jobs)
        self.shape = (self.summary.rows, X.shape[1])

    def _weights(self, sample_weight: Any, dtype: Any) -> list[Any]:
        """One task or None for each block."""
        if sample_weight is None:
            return [None] * len(self._lengths)
        weights = _module("dask.array").asarray(sample_weight)
        if weights.ndim != 1:
            raise ValueError(
                f"Sample weights must be 1D array or scalar, got {weights.ndim}D array."
            )
        if any(np.isnan(weights.shape)):
            weights = weights.compute_chunk_sizes()
        if weights.shape[0] != sum(self._lengths):
            raise ValueError(
                f"sample_weight.shape == {weights.shape}, expected {(sum(self._lengths),)}: "
                "one for each sample"
            )
        weights = weights.astype(dtype).rechunk((tuple(self._lengths),))
        return list(self._dask.persist(*weights.to_delayed().ravel()))

    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Call a function for each block; return the results, in order."""
        return list(self._dask.compute(*self._tasks(function, *arguments)))

    def _tasks(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        task = self._dask.delayed(partial(_at_hand, function), pure=False)
        # As tasks of their own, sent once and not with each block.
        shared = [self._dask.delayed(argument, pure=False) for argument in arguments]
        return [task(block, weight, row, *shared) for block, weight, row in self._blocks]

    def _tree(self, function: Callable[..., Any], merge: Any, *arguments: Any) -> Any:
        """Call a function for each block, and merge the results."""
        level = self._tasks(function, *arguments)
        task = self._dask.delayed(merge, pure=False)
        while len(level) > 1:
            level = [task(level[i : i + FAN_IN]) for i in range(0, len(level), FAN_IN)]
        return self._dask.compute(level[0])[0]

    def partial(self, centers: Array) -> Any:
        """Return the merged sums of all blocks."""
        return self._tree(_partial, merged, centers, self.summary, self._n_jobs)

    def relocated(self, partial: Any, centers: Array, empty: list[int]) -> Any:
        """Give each empty center one of the samples farthest from their centers."""
        parts = self.each(_farthest, centers, len(empty), self._n_jobs)
        far = [sample for part in parts for sample in part]
        far.sort(key=lambda sample: (-sample[0], sample[1]))
        for (_, _, label, sample, weight), center in zip(far, empty, strict=False):
            _, own = _native._kmeans_partial(sample, weight, centers, self.summary, 1)
            partial = partial.moved(own, label, center)
        return partial

    def labels(self, centers: Array) -> tuple[Any, int]:
        """Return the labels as a Dask array, and how many centers have samples."""
        array = _module("dask.array")
        parts = self._dask.persist(*self._tasks(_labels, centers, self._n_jobs))
        lengths = [length for length in self._lengths if length]
        blocks = [
            array.from_delayed(part, (length,), np.int32)
            for part, length in zip(parts, lengths, strict=True)
        ]
        labels = array.concatenate(blocks)
        return labels, len(array.unique(labels).compute())


def _start(estimator: KMeans, parts: Parts, X: Any, random: Any, number: int, show: Any) -> Found:
    """Lloyd's iterations from one start."""
    centers = _first_centers(estimator, parts, X, random)
    tol = estimator.tol * parts.summary.variance
    before, strict, converged, iteration = None, False, False, 0
    while iteration < estimator.max_iter and not converged:
        sums = parts.partial(centers)
        strict = before is not None and sums.has_the_sums_of(before)
        centers, inertia, shift = _next(parts, sums, centers)
        before, iteration = sums, iteration + 1
        converged = strict or shift <= tol
        if show:
            show(number, iteration, 0 if strict else None, shift, inertia)
    inertia = parts.partial(centers).finish(centers, parts.summary)[2]
    choice = f"{len(parts._blocks)} parts on Dask"
    return Found(centers, None, inertia, iteration, converged, strict, choice)


def _next(parts: Parts, partial: Any, centers: Array) -> tuple[Array, float, float]:
    following, empty, inertia, shift = partial.finish(centers, parts.summary)
    if empty:
        partial = parts.relocated(partial, centers, empty)
        following, _, _, shift = partial.finish(centers, parts.summary)
    return following, inertia, shift


def _first_centers(estimator: KMeans, parts: Parts, X: Any, random: Any) -> Array:
    k, init = estimator.n_clusters, estimator.init
    seed = _random.seed(random)
    if isinstance(init, str) and str(init) == "random":
        return _scalable.random_centers(parts.each, k, seed)
    if isinstance(init, str):
        return _scalable.first_centers(parts.each, k, seed, estimator.n_jobs)
    if callable(init):
        init = init(X, k, random_state=random)
    return centers_of(init, parts, k)


def array_of(X: Any) -> Any:
    """Return a Dask array of floats, a block of all features for each part."""
    if hasattr(X, "to_dask_array"):
        X = X.to_dask_array()
    if X.ndim != 2:
        raise ValueError(
            f"Expected a 2-dimensional array of samples x features, got {X.ndim} dimensions"
        )
    X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
    return X.rechunk({1: -1}) if X.numblocks[1] > 1 else X


def _names(X: Any) -> Array | None:
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    return np.asarray(list(columns), dtype=object)


# --- tasks


def _at_hand(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function with arrays that came over the network, at any address."""
    return function(
        *(
            np.require(value, requirements="A") if isinstance(value, np.ndarray) else value
            for value in arguments
        )
    )


def _summary(samples: Array, weights: Array | None, row: int, n_jobs: int | None) -> Any:
    return _native._kmeans_summary(samples, weights, n_jobs)


def _partial(
    samples: Array,
    weights: Array | None,
    row: int,
    centers: Array,
    summary: Any,
    n_jobs: int | None,
) -> Any:
    return _native._kmeans_partial(samples, weights, centers, summary, n_jobs)[1]


def merged(parts: list[Any]) -> Any:
    """Merge summaries, or sums."""
    whole, *others = parts
    for other in others:
        whole = whole.merge(other)
    return whole


def _labels(
    samples: Array, weights: Array | None, row: int, centers: Array, n_jobs: int | None
) -> Array:
    found: Array = _native._kmeans_assign(samples, centers, n_jobs)
    return found


def _farthest(
    samples: Array, weights: Array | None, row: int, centers: Array, count: int, n_jobs: int | None
) -> list[tuple[float, int, int, Array, Array | None]]:
    """The samples farthest from their centers: squared distance, row, label, the sample
    and its weight as arrays of one. None that lies on its center."""
    labels, squares = _native._kmeans_nearest(samples, centers, n_jobs)
    order = np.lexsort((np.arange(len(samples)), -squares))[:count]
    return [
        (
            float(squares[i]), row + int(i), int(labels[i]), samples[i : i + 1],
            None if weights is None else weights[i : i + 1],
        )
        for i in order
        if squares[i] > 0
    ]  # fmt: skip
