"""The k-means implementations that the demo runs.

To add one: write a function that takes the pixels and the centres to begin
with and returns a ``Clustering``, and append it to ``CONTESTANTS`` at the end
of this file. Tables, JSON and checks follow from that list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Of the start, which all contestants share, so that each does the same work.
SEED = 0


@dataclass(frozen=True)
class Clustering:
    """What a k-means found.

    Attributes:
        labels: for each pixel the number of its centre, shape ``(pixels,)``.
        centers: colours from 0 to 1, shape ``(colors, 3)``.
        inertia: sum over the pixels of the squared distance to their centre.
        iterations: how many Lloyd iterations it took.
    """

    labels: NDArray[np.int32]
    centers: NDArray[np.float64]
    inertia: float
    iterations: int


@dataclass(frozen=True)
class Contestant:
    """A name for the table, and the function to run: ``cluster(pixels, start)``."""

    name: str
    cluster: Callable[[NDArray[np.float64], NDArray[np.float64]], Clustering]


def choose_start(pixels: NDArray[np.float64], colors: int) -> NDArray[np.float64]:
    """Choose the colours that every contestant begins with, by k-means++.

    They are moved by a little: among colours of whole numbers many lie as near
    to two centres, which each contestant may give to either.

    Args:
        pixels: colours from 0 to 1, shape ``(pixels, 3)``.
        colors: the number of clusters.

    Returns:
        Shape ``(colors, 3)``.
    """
    import numpy as np
    from sklearn.cluster import kmeans_plusplus

    start, _ = kmeans_plusplus(pixels, colors, random_state=SEED)
    moved: NDArray[np.float64] = start + np.random.default_rng(SEED).normal(0, 1e-4, start.shape)
    return moved


def scikit_learn_kmeans(pixels: NDArray[np.float64], start: NDArray[np.float64]) -> Clustering:
    """Cluster with ``sklearn.cluster.KMeans``: OpenMP outside, BLAS inside.

    Args:
        pixels: colours from 0 to 1, shape ``(pixels, 3)``.
        start: the centres to begin with, shape ``(colors, 3)``.

    Example:
        >>> import numpy
        >>> pixels = numpy.random.default_rng(0).random((1000, 3))
        >>> scikit_learn_kmeans(pixels, pixels[:64]).centers.shape
        (64, 3)
    """
    from sklearn.cluster import KMeans

    # Lloyd is the algorithm that calls BLAS from inside its OpenMP loop.
    model = KMeans(len(start), init=start, n_init=1, algorithm="lloyd")
    return _found(model.fit(pixels))


def poolkeeper_kmeans(pixels: NDArray[np.float64], start: NDArray[np.float64]) -> Clustering:
    """Cluster with ``poolkeeper.cluster.KMeans``: one pool, and no BLAS inside.

    Args:
        pixels: colours from 0 to 1, shape ``(pixels, 3)``.
        start: the centres to begin with, shape ``(colors, 3)``.

    Example:
        >>> import numpy
        >>> pixels = numpy.random.default_rng(0).random((1000, 3))
        >>> poolkeeper_kmeans(pixels, pixels[:64]).centers.shape
        (64, 3)
    """
    from poolkeeper.cluster import KMeans

    model = KMeans(len(start), init=start, n_init=1)
    return _found(model.fit(pixels))


def _found(model: Any) -> Clustering:
    return Clustering(
        labels=model.labels_,
        centers=model.cluster_centers_,
        inertia=float(model.inertia_),
        iterations=int(model.n_iter_),
    )


#: Run in this order; the first is what the others are compared with.
CONTESTANTS = [
    Contestant("scikit-learn", scikit_learn_kmeans),
    Contestant("poolkeeper", poolkeeper_kmeans),
]
