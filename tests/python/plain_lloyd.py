"""Lloyd's algorithm as it is written down, in long double (64 bits of mantissa or more)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Long = np.longdouble
Array = npt.NDArray[Any]


def squares_of(X: Array, centers: Array) -> Array:
    """Return the squared distance of each sample to each center."""
    differences = X.astype(Long)[:, None, :] - centers.astype(Long)[None, :, :]
    squares: Array = (differences**2).sum(axis=2)
    return squares


def inertia_of(X: Array, centers: Array, labels: Array, weights: Array | None) -> Any:
    """Return the sum of the squared distances to the centers of the labels, times weights."""
    squares = ((X.astype(Long) - centers.astype(Long)[labels]) ** 2).sum(axis=1)
    return squares.sum() if weights is None else (squares * weights.astype(Long)).sum()


def near_ties(X: Array, centers: Array, labels: Array, *, centred: bool) -> tuple[Array, Array]:
    """Return the nearest center of each sample, and whether round-off may name another.

    A score is rounded as the squares that it is made of: those of all that the samples
    and centers reach, from the mean if they are `centred`, else from 0.
    """
    squares = squares_of(X, centers)
    nearest = squares.argmin(axis=1)
    far = Long(0)
    for column in (*X.T, *centers.T) if not centred else ():
        far += Long(abs(column).max()) ** 2
    if centred:
        both = np.vstack([X, centers]).astype(Long)
        far = ((both.max(axis=0) - both.min(axis=0)) ** 2).sum()
        # The samples are rounded as they are moved.
        far += (abs(both).max(axis=0) * np.finfo(X.dtype).eps).sum() ** 2
    spread = np.sqrt(far)
    unseen = 8 * (X.shape[1] + 4) * np.finfo(X.dtype).eps * far
    if centred:
        unseen += 8 * np.finfo(X.dtype).eps * Long(abs(X).max(initial=0)) * spread
    own = squares[np.arange(len(X)), labels]
    assert (own - squares.min(axis=1) <= unseen).all()
    if squares.shape[1] == 1:
        return nearest, np.zeros(len(X), dtype=bool)
    two = np.sort(squares, axis=1)[:, :2]
    return nearest, two[:, 1] - two[:, 0] <= unseen


class PlainStep:
    """One move of the centers, with scikit-learn's rules for those without samples.

    Attributes
    ----------
    centers : ndarray of long double
        Where they go.
    is_certain : bool
        Whether no two samples are so nearly as far that round-off decides which moves.
    """

    def __init__(self, X: Array, weights: Array | None, old: Array, labels: Array) -> None:
        self._X, self._old = X, old
        weights = np.ones(len(X)) if weights is None else weights
        mass = weights.astype(Long)
        where = labels.copy()
        empty = [c for c in range(len(old)) if not mass[labels == c].any()]
        distances = ((X.astype(np.float64) - old.astype(np.float64)[labels]) ** 2).sum(axis=1)
        self.is_certain = True
        if empty and distances.max() > 0:
            order = sorted(range(len(X)), key=lambda i: (-distances[i], -i))
            for sample, center in zip(order, empty, strict=False):
                where[sample] = center
            self.is_certain = self._is_certain(X, old, labels, order, len(empty))
        self.centers = old.astype(Long)
        for c in range(len(old)):
            own = where == c
            total = mass[own].sum()
            if total > 0:
                share = mass[own] / mass[own].max()
                self.centers[c] = (X[own].astype(Long) * share[:, None]).sum(axis=0) / share.sum()

    @staticmethod
    def _is_certain(X: Array, old: Array, labels: Array, order: list[int], count: int) -> bool:
        far = np.sqrt(((X.astype(Long) - old.astype(Long)[labels]) ** 2).sum(axis=1))
        several = far[order[: count + 1]]
        gaps = abs(np.diff(several))
        return bool(((gaps == 0) | (gaps > 1e-9 * several.max())).all())

    def tolerance(self, *, centred: bool) -> Array:
        """How far the centers of each column may be off."""
        X, centers = self._X.astype(Long), self.centers
        reach = abs(X).max(axis=0)
        span = X.max(axis=0) - X.min(axis=0) if centred else reach
        eps = np.finfo(self._X.dtype).eps
        found: Array = 1e-13 * span + eps * (abs(centers) + abs(self._old.astype(Long)))
        return found
