"""Lloyd's iterations over parts of the samples, which are in several places.

A round gives each part the centers and gets back its sums, which are integers
and merge in any order, to the same bits as on one machine.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _native
from . import _params, _random, _scalable
from ._data import Array, centers_of
from ._kmeans import Found, KMeans
from ._progress import shown


class Parts(ABC):
    """The parts that have samples.

    Attributes
    ----------
    summary : _KMeansSummary
        The summary of all parts.
    dtype : numpy.dtype
        The number type of every sample: float32 or float64.
    shape : tuple of int
        The numbers of samples and of features.
    names : numpy.ndarray or None
        The features' names.
    what : str
        The word for a part in messages.
    """

    summary: Any
    dtype: Any
    shape: tuple[int, int]
    names: Array | None
    what: str

    def __init__(self, n_jobs: int | None) -> None:
        self._n_jobs = n_jobs
        self._squares: list[int] | None = None

    @abstractmethod
    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Call a function for each part, with its samples, weights and first row
        before the given arguments; return the results, in order."""

    @abstractmethod
    def tree(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function for each part, as :meth:`each` does; return the merged results."""

    def weighed(self, summary: Any) -> Any:
        """Return a summary of all parts.

        Raises
        ------
        ValueError
            If no sample counts.
        """
        if summary.weight <= 0:
            raise ValueError("all sample weights are zero: at least one must be more")
        return summary

    def partial(self, centers: Array) -> Any:
        """Return the merged sums of all parts.

        Raises
        ------
        ValueError
            If the samples are not those that the parts had before.
        """
        sums = self.tree(partial_of, centers, self.summary, self._n_jobs)
        squares = sums.squares()
        if self._squares is None and sums.fits(self.summary, self.dtype == np.float32):
            self._squares = squares
        if squares != self._squares:
            raise ValueError(
                f"the samples of {self.what} are others than when they were first read: each "
                "iteration reads them, and they must be the same each time"
            )
        return sums

    def relocated(self, partial: Any, centers: Array, empty: list[int]) -> Any:
        """Give each empty center one of the samples farthest from their centers."""
        parts = self.each(farthest_of, centers, len(empty), self.summary, self._n_jobs)
        far = [sample for part in parts for sample in part]
        far.sort(key=lambda sample: sample[:2], reverse=True)
        if far[0][0] <= 0:  # fewer different samples than centers: nothing is gained
            return partial
        for (_, _, label, sample, weight), center in zip(far, empty, strict=False):
            _, own = _native._kmeans_partial(sample, weight, centers, self.summary, 1)
            partial = partial.moved(own, label, center)
        return partial


def best_of(estimator: KMeans, parts: Parts, X: Any) -> tuple[Found, int]:
    """The best of all starts, and how many of its centers have samples with weight.

    `X` is what a function as ``init`` is called with.
    """
    if parts.summary.rows < estimator.n_clusters:
        raise ValueError(
            f"n_samples={parts.summary.rows} should be >= n_clusters={estimator.n_clusters}."
        )
    estimator._n_init = _params.starts(estimator, 10)
    random = _random.generator(estimator.random_state)
    show = shown(estimator.verbose, estimator.max_iter, estimator._n_init)
    starts = (
        _iterations(estimator, parts, X, random, number, show)
        for number in range(estimator._n_init)
    )
    best, used = min(starts, key=lambda start: start[0].inertia)
    if show:
        show.close(best.converged, best.strict, best.choice)
    return best, used


def keep(estimator: KMeans, parts: Parts, found: Found, used: int) -> None:
    """Make a result the estimator's. Nothing may fail after this but a warning."""
    estimator.n_features_in_ = parts.shape[1]
    estimator.__dict__.pop("feature_names_in_", None)
    if parts.names is not None:
        estimator.feature_names_in_ = parts.names
    estimator._keep(found, used)


def _iterations(
    estimator: KMeans, parts: Parts, X: Any, random: Any, number: int, show: Any
) -> tuple[Found, int]:
    """Lloyd's iterations from one start."""
    centers = _first_centers(estimator, parts, X, random)
    tol = estimator.tol * parts.summary.variance
    before, strict, converged, iteration = None, False, False, 0
    while iteration < estimator.max_iter and not converged:
        sums = parts.partial(centers)
        strict = before is not None and sums.has_the_sums_of(before)
        centers, inertia, shift = _next_centers(parts, sums, centers)
        before, iteration = sums, iteration + 1
        converged = strict or shift <= tol
        if show:
            show(number, iteration, 0 if strict else None, shift, inertia)
    _, empty, inertia, _ = parts.partial(centers).finish(centers, parts.summary)
    if not math.isfinite(inertia):
        raise ValueError(
            "the squared distances times the weights sum to more than a float64 can be: scale "
            "the weights or the samples down"
        )
    moved = parts.summary.moved(parts.dtype == np.float32)
    found = Found(centers, None, inertia, iteration, converged, strict, parts.what, moved)
    return found, len(centers) - len(empty)


def _next_centers(parts: Parts, partial: Any, centers: Array) -> tuple[Array, float, float]:
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
    return centers_of(init, parts, k).copy()


# --- on one part


def summary_of(samples: Array, weights: Array | None, row: int, n_jobs: int | None) -> Any:
    return _native._kmeans_summary(samples, weights, n_jobs)


def partial_of(
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


def farthest_of(
    samples: Array,
    weights: Array | None,
    row: int,
    centers: Array,
    count: int,
    summary: Any,
    n_jobs: int | None,
) -> list[tuple[float, int, int, Array, Array | None]]:
    """The samples farthest from their centers: squared distance, row, label, the sample
    and its weight as arrays of one, copied: a block may not outlive its reading."""
    far = _native._kmeans_farthest(samples, weights, centers, summary, count, n_jobs)
    return [
        (
            square, row + i, label, samples[i : i + 1].copy(),
            None if weights is None else weights[i : i + 1].copy(),
        )
        for square, i, label in far
    ]  # fmt: skip


def at_row(error: Exception, first: int, part: str) -> None:
    """Make an error that names a row of a part name the row of all samples, too.

    Parameters
    ----------
    first : int
        The row with which the part begins.
    part : str
        The word for a part in messages.
    """
    where = f"in the {part} that begins with row {first}"
    own = getattr(error, "row", None)
    if own is None:
        error.args = (f"{error} ({where})",)
        return
    row = first + own
    text = re.sub(rf"\b(row|sample) {own}\b", rf"\1 {row}", str(error), count=1)
    error.args = (f"{text} (row {own} {where})",)
    error.row = row  # type: ignore[attr-defined]
