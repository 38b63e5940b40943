"""What every k-means can do once it has centers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _native
from . import _params, _scalable
from ._base import Estimator, check_is_fitted
from ._data import Array, centers_of, is_sparse, native, samples_of, weights_of


class Centers(Estimator):
    """Predicts, transforms and scores with ``cluster_centers_``."""

    cluster_centers_: Array
    labels_: Array
    inertia_: float
    n_clusters: int
    init: Any
    n_init: Any
    n_jobs: int | None
    _n_init: int
    #: Scale and offset of a fit, and the centers that it found.
    _moved: tuple[float, Array, Array] | None = None
    n_features_in_: int
    feature_names_in_: Array

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Find the centers."""
        raise NotImplementedError

    def predict(self, X: Any) -> Array:
        """Return the nearest center to each sample.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of int32 of shape (n_samples,)
            The place of the center; the first one where two are equally near.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``; a ``ValueError`` of the same name without scikit-learn.
        ValueError
            For samples with other features than in ``fit``, or with NaN or an infinity.
        """
        samples = self._known(X)
        centers = self._native_centers(samples)
        moved = self._how_moved(samples)
        labels: Array = _native._kmeans_assign(native(samples), centers, moved, self.n_jobs)
        return labels

    def transform(self, X: Any) -> Array:
        """Return the distance of each sample to each center.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            The distances (not squared), of the samples' number type; a table where
            ``set_output`` asks for one.

        Raises
        ------
        ValueError
            As in :meth:`predict`.
        """
        samples = self._known(X)
        centers = self._native_centers(samples)
        distances: Array = _native._kmeans_transform(native(samples), centers, self.n_jobs)
        return distances

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the negative inertia: more is better, and 0 is best.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional

        Raises
        ------
        ValueError
            As in :meth:`predict`, and for weights below 0.
        """
        samples = self._known(X)
        weights = weights_of(sample_weight, samples)
        return -self._inertia(samples, weights, self._native_centers(samples))

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Return ``fit(X).labels_``."""
        labels: Array = self.fit(X, sample_weight=sample_weight).labels_
        return labels

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Return ``fit(X).transform(X)``."""
        distances: Array = self.fit(X, sample_weight=sample_weight).transform(X)
        return distances

    def _known(self, X: Any) -> Any:
        check_is_fitted(self)
        return samples_of(self, X, reset=False)

    def _assigned(self, samples: Any, weights: Array | None) -> tuple[Array, float]:
        """The labels and the inertia of samples that have been checked."""
        centers = self._native_centers(samples)
        return _native._kmeans_assigned(native(samples), weights, centers, self.n_jobs)

    def _inertia(self, samples: Any, weights: Array | None, centers: Array) -> float:
        return _native._kmeans_inertia(native(samples), weights, centers, self.n_jobs)

    def _how_moved(self, samples: Any) -> tuple[float, Array] | None:
        """How the fit moved its samples before it compared them. Moved in this way, they
        get the fit's labels again, also where two centers are equally near. None for
        centers that the fit did not find, and for another number type."""
        if self._moved is None or is_sparse(samples):
            return None
        scale, offset, centers = self._moved
        known = self.cluster_centers_
        is_of_fit = centers is known or np.array_equal(centers, known)
        if not is_of_fit or offset.dtype != samples.dtype:
            return None
        return scale, np.require(offset, requirements="A")

    def _native_centers(self, samples: Any) -> Array:
        """The centers as the samples' number type."""
        return np.require(self.cluster_centers_, dtype=samples.dtype, requirements="A")

    def _begin(self, X: Any, default_n_init: int) -> Any:
        """Check the parameters and the samples of a fit, and return the samples."""
        _params.check(self)
        samples = samples_of(self, X, reset=True)
        if samples.shape[0] < self.n_clusters:
            raise ValueError(
                f"n_samples={samples.shape[0]} should be >= n_clusters={self.n_clusters}."
            )
        self._n_init = _params.starts(self, default_n_init)
        return samples

    def _first_centers(
        self, samples: Any, weights: Array | None, random: Any, seed: int
    ) -> Array | str:
        """Return the given centers, a callable's, or the name of the way to find some."""
        init = self.init
        if isinstance(init, str):
            if str(init) != "k-means||":
                return str(init)
            each = _scalable.blocks_of(samples, weights)
            return _scalable.first_centers(each, self.n_clusters, seed, self.n_jobs)
        if callable(init):
            init = init(samples, self.n_clusters, random_state=random)
        return centers_of(init, samples, self.n_clusters)
