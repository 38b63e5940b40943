"""``KMeans`` with scikit-learn's interface, on poolkeeper's own pool."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from .. import _native
from . import _random
from ._base import all_or_nothing, convergence_warning
from ._centers import Centers
from ._data import Array, is_dask, native, weights_of
from ._params import caller
from ._progress import shown


class Found(NamedTuple):
    """What one call of the kernels found."""

    centers: Array
    labels: Any
    inertia: float
    iterations: int
    converged: bool
    strict: bool
    choice: str
    #: How dense samples were moved before they were compared: scale and offset.
    moved: tuple[float, Array] | None


class KMeans(Centers):
    """K-means clustering that keeps its budget.

    The class takes the parameters of scikit-learn's ``KMeans``, has its attributes and
    gives its answers. All threads are in one pool, ``"kmeans"`` in
    :func:`poolkeeper.pools`, and call no BLAS, so there are never more of them than
    the live limit or the budget allows.

    Parameters
    ----------
    n_clusters : int, default 8
        How many centers, from 1 to the number of samples.
    init : {"k-means++", "random", "k-means||"}, callable or array, default "k-means++"
        Where the first centers come from: greedy k-means++, samples at random,
        k-means|| (which replaces "k-means++" for Dask's samples),
        ``f(X, n_clusters, random_state)``, or an array of shape (n_clusters,
        n_features).
    n_init : "auto" or int, default "auto"
        How many starts to try; the one of least inertia is kept. "auto" is 10
        for "random" and a callable, else 1.
    max_iter : int, default 300
        The most iterations of one start.
    tol : float, default 1e-4
        A start ends when the squared distances that its centers moved sum to at
        most ``tol`` times the mean variance of the features, or when no label
        changes.
    verbose : int, default 0
        1 shows a bar on standard error if that is a terminal, and else prints a
        line for each iteration on standard output, as scikit-learn does.
    random_state : int, RandomState, Generator or None, default None
        The seed. One seed gives one result with any number of threads, but not
        scikit-learn's.
    copy_x : bool, default True
        Has no effect: samples are neither copied nor changed.
    algorithm : {"lloyd", "elkan"}, default "lloyd"
        Has no effect: both choose by the shape of the samples whether to prune,
        and give the same results.
    n_jobs : int or None, default None
        Threads. None: the live limit; without one the budget, or
        ``OMP_NUM_THREADS`` where that is smaller. -1: the whole budget. Calls that
        run at the same time share these threads. n: n threads, but never more than
        a live limit.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Float32 if the samples are float32, else float64.
    labels_ : ndarray of int32 of shape (n_samples,)
        The nearest center of each sample.
    inertia_ : float
        The sum of the samples' squared distances to these centers, times their
        weights.
    n_iter_ : int
        Iterations of the start that was kept.
    n_features_in_ : int
        The number of features.
    feature_names_in_ : ndarray of str
        The features' names, if the samples had names for all of them.

    Notes
    -----
    Lloyd's algorithm (S. Lloyd, "Least squares quantization in PCM", 1982),
    exactly; k-means++ after D. Arthur and S. Vassilvitskii (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from poolkeeper.cluster import KMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> kmeans = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> sorted(kmeans.cluster_centers_.tolist())
    [[1.0, 2.0], [10.0, 2.0]]
    >>> kmeans.inertia_
    16.0
    >>> bool(kmeans.predict([[0, 0]])[0] == kmeans.labels_[0])
    True
    """

    n_iter_: int

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        n_jobs: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.n_jobs = n_jobs

    @all_or_nothing
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMeans:
        """Find the centers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            NumPy arrays of float32 or float64 are read where they lie, whatever
            their strides. Tables of pandas, polars and Arrow are taken, too. Arrays
            and tables of Dask are clustered on the workers that hold them.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            The samples' weights, each 0 or more.

        Returns
        -------
        KMeans
            Itself.

        Raises
        ------
        ValueError
            For a parameter or samples that are not allowed; the message has the
            value and what is allowed.
        KeyboardInterrupt
            On Ctrl-C, within 0.2 s; the estimator stays as it was.
        """
        if is_dask(X):
            from ._dask import fit

            return fit(self, X, sample_weight)
        samples = self._begin(X, default_n_init=10)
        self._warn_if_one_cluster()
        weights = weights_of(sample_weight, samples)
        found = self._best(samples, weights)
        counts = np.bincount(found.labels, minlength=self.n_clusters)
        self._keep(found, int(np.count_nonzero(counts)))
        return self

    @all_or_nothing
    def fit_blocks(self, blocks: Any) -> KMeans:
        """Find the centers of samples that come in blocks, more than fit in memory.

        From one start, the result has the bits of :meth:`fit`, however the rows are
        cut into blocks. A block is read, labelled, summed and forgotten. So the memory
        needed is one block and 8 ``n_clusters`` ``n_features`` bytes for each thread,
        and does not grow with the number of samples. Every iteration reads all blocks
        once.

        Parameters
        ----------
        blocks : callable, iterable, pyarrow.dataset.Dataset, str or os.PathLike
            A function that returns a new iterator of blocks each time, a list, an
            Arrow dataset or table, or the path of a ``.npy`` or ``.parquet`` file.
            A block is a matrix of shape (rows, n_features) or a table, or a tuple
            of one of these and its sample weights, of shape (rows,). The first block
            decides between float32 and float64.

        Returns
        -------
        KMeans
            Itself, without ``labels_``; call ``predict`` on each block.
            ``init="k-means++"`` means ``"k-means||"`` here, which reads the blocks
            seven times.

        Raises
        ------
        TypeError
            If the blocks can be read once only, or ``init`` is a function.
        ValueError
            For blocks that have other features than the first, or that differ when
            they are read again.

        Examples
        --------
        >>> import numpy as np
        >>> from poolkeeper.cluster import KMeans
        >>> def blocks():
        ...     for seed in range(3):
        ...         yield np.random.default_rng(seed).normal(size=(1000, 2))
        >>> kmeans = KMeans(4, random_state=0).fit_blocks(blocks)
        >>> kmeans.cluster_centers_.shape
        (4, 2)
        """
        from ._blocks import fit

        return fit(self, blocks)

    def _best(self, samples: Any, weights: Array | None) -> Found:
        """The best of all starts."""
        random = _random.generator(self.random_state)
        is_scalable = isinstance(self.init, str) and self.init == "k-means||"
        calls = self._n_init if is_scalable or callable(self.init) else 1
        show = shown(self.verbose, self.max_iter, self._n_init)
        best: Found | None = None
        for _ in range(calls):
            seed = _random.seed(random)
            request = {
                "init": self._first_centers(samples, weights, random, seed),
                "n_clusters": int(self.n_clusters),
                "n_init": self._n_init // calls,
                "max_iter": int(self.max_iter),
                "tol": float(self.tol),
                "seed": seed,
            }
            fit = _native._kmeans_fit(native(samples), weights, request, self.n_jobs, show)
            found = Found(*fit)
            if best is None or found.inertia < best.inertia:
                best = found
        assert best is not None, "there is at least one start"
        if show:
            show.close(best.converged, best.strict, best.choice)
        return best

    def _keep(self, found: Found, used: int) -> None:
        """Make a result the estimator's; `used` centers have samples."""
        self.cluster_centers_ = found.centers
        self._moved = None if found.moved is None else (*found.moved, found.centers)
        if found.labels is None:  # they were as many as samples, and the samples too many
            self.__dict__.pop("labels_", None)
        else:
            self.labels_ = found.labels
        self.inertia_ = found.inertia
        self.n_iter_ = found.iterations
        self._n_features_out = self.cluster_centers_.shape[0]
        if used < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({used}) found smaller than "
                f"n_clusters ({self.n_clusters}). Possibly due to duplicate points in X.",
                convergence_warning(),
                stacklevel=caller(),
            )

    def _warn_if_one_cluster(self) -> None:
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=caller(),
            )
