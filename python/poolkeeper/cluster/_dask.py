"""``KMeans`` on Dask's arrays and tables: the samples stay where they are.

A round sends the centers to the workers, whose sums merge in a tree. Dask computes the
parts of a lost worker again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from .. import _native
from . import _params
from ._data import Array
from ._kmeans import Found, KMeans
from ._rounds import Parts, at_row, best_of, keep, merged, summary_of

#: How many sums one task merges.
FAN_IN = 8


def fit(estimator: KMeans, X: Any, sample_weight: Any) -> KMeans:
    """Cluster a Dask array or table; ``labels_`` is a Dask array."""
    _params.check(estimator)
    parts = DaskParts(X, sample_weight, estimator.n_jobs)
    found, _ = best_of(estimator, parts, X)
    labels, used = parts.labels(found)
    keep(estimator, parts, found._replace(labels=labels), used)
    return estimator


def _module(name: str) -> Any:
    """Dask's modules without their types, since only half of Dask has types."""
    return import_module(name)


class DaskParts(Parts):
    """The parts of a Dask collection that have samples, on their workers."""

    def __init__(self, X: Any, sample_weight: Any, n_jobs: int | None) -> None:
        super().__init__(n_jobs)
        dask = self._dask = _module("dask")
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
        self.summary = self.weighed(self.tree(summary_of, n_jobs))
        self.shape = (self.summary.rows, X.shape[1])
        self.what = f"{len(self._blocks)} parts on Dask"

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
        return list(self._dask.compute(*self._tasks(function, *arguments)))

    def _tasks(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        task = self._dask.delayed(partial(_at_hand, function), pure=False)
        # As tasks of their own, sent once and not with each block.
        shared = [self._dask.delayed(argument, pure=False) for argument in arguments]
        return [task(block, weight, row, *shared) for block, weight, row in self._blocks]

    def tree(self, function: Callable[..., Any], *arguments: Any) -> Any:
        level = self._tasks(function, *arguments)
        task = self._dask.delayed(merged, pure=False)
        while len(level) > 1:
            level = [task(level[i : i + FAN_IN]) for i in range(0, len(level), FAN_IN)]
        return self._dask.compute(level[0])[0]

    def labels(self, found: Found) -> tuple[Any, int]:
        """Return the labels as a Dask array, and how many centers have samples."""
        array = _module("dask.array")
        tasks = self._tasks(_labels, found.centers, found.moved, self._n_jobs)
        parts = self._dask.persist(*tasks)
        lengths = [length for length in self._lengths if length]
        blocks = [
            array.from_delayed(part, (length,), np.int32)
            for part, length in zip(parts, lengths, strict=True)
        ]
        labels = array.concatenate(blocks)
        return labels, len(array.unique(labels).compute())


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


def _at_hand(
    function: Callable[..., Any], samples: Array, weights: Array | None, row: int, *more: Any
) -> Any:
    """Call a function with arrays that came over the network, at any address."""
    at_hand = (
        np.require(value, requirements="A") if isinstance(value, np.ndarray) else value
        for value in (samples, weights, row, *more)
    )
    try:
        return function(*at_hand)
    except ValueError as error:
        at_row(error, row, "chunk")
        raise


def _labels(
    samples: Array,
    weights: Array | None,
    row: int,
    centers: Array,
    moved: tuple[float, Array],
    n_jobs: int | None,
) -> Array:
    scale, offset = moved
    moved = (scale, np.require(offset, requirements="A"))
    found: Array = _native._kmeans_assign(samples, centers, moved, n_jobs)
    return found
