"""``MiniBatchKMeans`` with scikit-learn's interface, on poolkeeper's own pool."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import _native
from . import _random, _scalable
from ._base import all_or_nothing
from ._centers import Centers
from ._data import Array, native, samples_of, weights_of
from ._params import caller, check
from ._stopping import Stopping


class MiniBatchKMeans(Centers):
    """K-means on batches of samples: for streams, and for very many samples.

    The class takes the parameters of scikit-learn's ``MiniBatchKMeans`` and has its
    attributes.

    Parameters
    ----------
    n_clusters : int, default 8
        How many centers.
    init : {"k-means++", "random", "k-means||"}, callable or array, default "k-means++"
        As in :class:`KMeans`, on `init_size` samples.
    max_iter : int, default 100
        The most passes over all samples.
    batch_size : int, default 1024
        Samples in a batch.
    verbose : int, default 0
        1 prints a line for each batch, as scikit-learn does.
    compute_labels : bool, default True
        Whether ``labels_`` and ``inertia_`` of all samples are found at the end.
    random_state : int, RandomState, Generator or None, default None
        The seed.
    tol : float, default 0.0
        A fit ends when the squared distances that the centers moved in a batch
        sum to at most ``tol`` times the mean variance of the features. With 0 it
        doesn't end for this reason.
    max_no_improvement : int or None, default 10
        A fit ends after this number of batches whose smoothed inertia was no better.
        With None it doesn't end for this reason.
    init_size : int or None, default None
        The number of samples to find the first centers among; None means three
        batches.
    n_init : "auto" or int, default "auto"
        How many starts to try; the best on `init_size` samples is used. "auto"
        is 3 for "random" and a callable, else 1.
    reassignment_ratio : float, default 0.01
        A center that has seen fewer samples than this part of what the largest center
        has seen is moved to another sample, now and then.
    n_jobs : int or None, default None
        As in :class:`KMeans`.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
    labels_ : ndarray of int32 of shape (n_samples,)
        The nearest center of each sample, with `compute_labels`.
    inertia_ : float
        The inertia of all samples with `compute_labels`, else smoothed over batches.
    n_iter_ : int
        Passes over the samples that were begun.
    n_steps_ : int
        The number of batches.

    Notes
    -----
    D. Sculley, "Web-scale k-means clustering", 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from poolkeeper.cluster import MiniBatchKMeans
    >>> stream = np.random.default_rng(0).normal(size=(50, 100, 2))
    >>> kmeans = MiniBatchKMeans(n_clusters=3, random_state=0)
    >>> for batch in stream:
    ...     kmeans = kmeans.partial_fit(batch)
    >>> kmeans.n_steps_, kmeans.cluster_centers_.shape
    (50, (3, 2))
    """

    n_iter_: int
    n_steps_: int
    _counts: Array

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Any = "auto",
        reassignment_ratio: float = 0.01,
        n_jobs: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Find the centers, from batches drawn in proportion to the weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        MiniBatchKMeans
            Itself.

        Raises
        ------
        ValueError
            For a parameter or samples that are not allowed.
        """
        samples = self._begin(X, default_n_init=3)
        weights = weights_of(sample_weight, samples)
        n_samples = samples.shape[0]
        self._size(n_samples)
        random = _random.generator(self.random_state)
        batches = self._start(samples, weights, random)
        steps = (self.max_iter * n_samples) // self._batch_size
        stopping = Stopping(self, samples, steps)
        sums = None if weights is None else np.cumsum(weights, dtype=np.float64)
        for step in range(steps):
            rows = _random.rows(random, self._batch_size, n_samples, sums)
            inertia, shift = self._step(batches, samples[rows], None, random)
            if stopping.is_enough(step, inertia, shift):
                break
        self._keep(batches)
        self.n_steps_ = step + 1
        self.n_iter_ = int(np.ceil(self.n_steps_ * self._batch_size / n_samples))
        total = float(n_samples if sums is None else sums[-1])
        self._end(samples, weights, stopping.smoothed, total)
        return self

    @all_or_nothing
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Move the centers by one batch; the first call also finds the first centers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            At least `n_clusters` samples in the first call.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        MiniBatchKMeans
            Itself.

        Raises
        ------
        ValueError
            As in :meth:`fit`; no center has moved then.
        """
        is_first = not hasattr(self, "cluster_centers_")
        if is_first:
            samples = self._begin(X, default_n_init=3)
        else:
            check(self)
            samples = samples_of(self, X, reset=False)
        weights = weights_of(sample_weight, samples)
        if not hasattr(self, "_random_state"):
            self._random_state = _random.generator(self.random_state)
        if is_first:
            self._size(samples.shape[0])
            batches = self._start(samples, weights, self._random_state)
            self.n_steps_ = 0
        else:
            batches = _native._KMeansBatches(self._native_centers(samples), self._counts)
        self._step(batches, samples, weights, self._random_state)
        self._keep(batches)
        self.n_steps_ += 1
        if self.compute_labels:
            self._end(samples, weights, None, 1.0)
        return self

    def _size(self, n_samples: int) -> None:
        """Decide on the sizes of a batch and of the samples to start from."""
        self._batch_size = min(self.batch_size, n_samples)
        size = self.init_size
        if size is None:
            size = 3 * self._batch_size
            size = 3 * self.n_clusters if size < self.n_clusters else size
        elif size < self.n_clusters:
            warnings.warn(
                f"init_size={size} should be larger than n_clusters={self.n_clusters}. "
                "Setting it to min(3*n_clusters, n_samples)",
                RuntimeWarning,
                stacklevel=caller(),
            )
            size = 3 * self.n_clusters
        self._init_size = min(size, n_samples)

    def _start(self, samples: Any, weights: Array | None, random: Any) -> _native._KMeansBatches:
        """Find the first centers: the best start on some samples."""
        valid, valid_weights = self._some(samples, weights, random)
        best = float("inf")
        for number in range(self._n_init):
            some, some_weights = self._some(samples, weights, random)
            centers = self._centers_among(some, some_weights, random)
            inertia = self._inertia(valid, valid_weights, centers)
            if self.verbose:
                print(f"Inertia for init {number + 1}/{self._n_init}: {inertia}")
            if number == 0 or inertia < best:
                best, first = inertia, centers
        self._since_reassigned = 0
        return _native._KMeansBatches(first, np.zeros(self.n_clusters))

    def _keep(self, batches: _native._KMeansBatches) -> None:
        self.cluster_centers_, self._counts = batches.centers(), batches.counts()
        self._n_features_out = self.cluster_centers_.shape[0]

    def _some(self, samples: Any, weights: Array | None, random: Any) -> tuple[Any, Array | None]:
        rows = random.choice(samples.shape[0], self._init_size, replace=False)
        some = None if weights is None else weights[rows]
        # Weights that are all 0 here have no say on these samples.
        return samples[rows], some if some is not None and some.any() else None

    def _centers_among(self, samples: Any, weights: Array | None, random: Any) -> Array:
        seed = _random.seed(random)
        init = self._first_centers(samples, weights, random, seed)
        if not isinstance(init, str):
            return init
        if init == "random":
            each = _scalable.blocks_of(samples, weights)
            return _scalable.random_centers(each, self.n_clusters, seed)
        centers: Array = _native._kmeans_plus_plus(
            native(samples), weights, self.n_clusters, seed, self.n_jobs
        )
        return centers

    def _step(
        self, batches: _native._KMeansBatches, batch: Any, weights: Array | None, random: Any
    ) -> tuple[float, float]:
        """Move the centers by a batch; return its inertia before, and how far they moved."""
        samples = native(batch)
        is_time = self._is_time_to_reassign(batches.counts(), batch.shape[0])
        inertia, shift = batches.step(samples, weights, self.n_jobs)
        counts = batches.counts()
        few = counts < self.reassignment_ratio * counts.max()
        if is_time and few.any():
            moved = batches.reassign(samples, self.reassignment_ratio, _random.seed(random))
            if moved and self.verbose:
                print(f"[MiniBatchKMeans] Reassigning {moved} cluster centers.")
        return inertia, shift

    def _is_time_to_reassign(self, counts: Array, batch_size: int) -> bool:
        """Whether centers may move to other samples after this batch: each time ten
        samples for each center have been seen, or while a center has seen none."""
        self._since_reassigned += batch_size
        if (counts == 0).any() or self._since_reassigned >= 10 * self.n_clusters:
            self._since_reassigned = 0
            return True
        return False

    def _end(
        self, samples: Any, weights: Array | None, smoothed: float | None, total: float
    ) -> None:
        if self.compute_labels:
            self.labels_, self.inertia_ = self._assigned(samples, weights)
        else:
            assert smoothed is not None, "a fit has at least one batch"
            self.inertia_ = smoothed * total
