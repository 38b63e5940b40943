"""The k-means implementations that the demo runs.

To add one: write a function that takes the pixels and the number of colours
and returns a ``Clustering``, and append it to ``CONTESTANTS`` at the end of
this file. Tables, JSON and checks follow from that list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The seed that every contestant uses, so that each run does the same work.
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
    """A name for the table, and the function to run: ``cluster(pixels, colors)``."""

    name: str
    cluster: Callable[[NDArray[np.float64], int], Clustering]


def scikit_learn_kmeans(pixels: NDArray[np.float64], colors: int) -> Clustering:
    """Cluster with ``sklearn.cluster.KMeans``: OpenMP outside, BLAS inside.

    Args:
        pixels: colours from 0 to 1, shape ``(pixels, 3)``.
        colors: the number of clusters.

    Example:
        >>> import numpy
        >>> pixels = numpy.random.default_rng(0).random((1000, 3))
        >>> scikit_learn_kmeans(pixels, 64).centers.shape
        (64, 3)
    """
    from sklearn.cluster import KMeans

    # Lloyd is the algorithm that calls BLAS from inside its OpenMP loop.
    model = KMeans(colors, n_init=1, random_state=SEED, algorithm="lloyd")
    model.fit(pixels)
    return Clustering(
        labels=model.labels_,
        centers=model.cluster_centers_,
        inertia=float(model.inertia_),
        iterations=int(model.n_iter_),
    )


#: Run in this order. poolkeeper's own k-means is to be appended here.
CONTESTANTS = [
    Contestant("scikit-learn", scikit_learn_kmeans),
]
