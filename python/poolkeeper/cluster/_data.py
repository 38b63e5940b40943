"""Samples as the kernels read them: float32 or float64, where they lie.

scikit-learn's own validation is used where it is installed, so that tables, feature
names and messages are scikit-learn's. It doesn't check here that numbers are finite:
the kernels find the others while they work.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

try:
    from sklearn.utils.validation import validate_data as _validate_data
except ImportError:
    _validate_data = None

Array = npt.NDArray[Any]
FLOATS: tuple[type, ...] = (np.float64, np.float32)

#: Stored numbers of a sparse matrix in a block, and rows of an array.
STORED, BLOCK = 1 << 22, 1 << 16


def samples_of(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return `X` as an array, or as a SciPy CSR matrix if it is sparse.

    Parameters
    ----------
    estimator : KMeans or MiniBatchKMeans
        Learns the number and the names of the features if `reset`; else they
        must be those that it knows.
    X : array-like, table or sparse matrix of shape (n_samples, n_features)

    Raises
    ------
    ValueError
        For another number of dimensions, nothing in it, or other features.
    TypeError
        For what is no number.
    """
    if _validate_data is not None:
        X = _validate_data(
            estimator, X, accept_sparse="csr", dtype=FLOATS, reset=reset,
            ensure_all_finite=False,
        )  # fmt: skip
    else:
        X = _validate(estimator, X, reset=reset)
    if is_sparse(X):
        return canonical(X)
    # A field of a record array may begin at an odd address.
    return X if X.flags.aligned else X.copy()


def canonical(X: Any) -> Any:
    """Return a CSR matrix in which each entry is stored once, as the sum of those of the
    same place: `X` itself, or a copy."""
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def is_sparse(X: Any) -> bool:
    """Tell whether it is one of SciPy's sparse matrices or arrays."""
    return hasattr(X, "tocsr") and hasattr(X, "nnz")


def is_dask(X: Any) -> bool:
    """Tell whether it is a Dask array or table; Dask is not imported for that."""
    return type(X).__module__.split(".")[0] in ("dask", "dask_expr")


def dense(X: Any) -> Array:
    """Return samples as an array."""
    return X.toarray() if is_sparse(X) else X  # type: ignore[no-any-return]


def csr(X: Any) -> tuple[Array, Array, Array, int]:
    """Return the arrays of a CSR matrix, as the kernels take them: with one type of index."""
    is_small = X.indptr.dtype == X.indices.dtype == np.int32
    index = np.int32 if is_small else np.int64
    indptr, indices = (np.require(part, index, ["C", "A"]) for part in (X.indptr, X.indices))
    return indptr, indices, np.require(X.data, requirements=["C", "A"]), X.shape[1]


def blocks(X: Any) -> Iterator[tuple[int, Any]]:
    """Yield samples some at a time, each time with the first row; of a sparse matrix as
    many rows as have `STORED` numbers, and at least one."""
    row = 0
    while row < X.shape[0]:
        end = row + BLOCK
        if is_sparse(X):
            last = np.searchsorted(X.indptr, X.indptr[row] + STORED, side="right") - 1
            end = max(row + 1, min(end, int(last)))
        yield row, X[row:end]
        row = end


def native(X: Any) -> Any:
    """Return samples as the kernels take them, in either form."""
    return csr(X) if is_sparse(X) else X


def weights_of(sample_weight: Any, samples: Any) -> Array | None:
    """Return one weight for each sample, of the samples' number type; None for none.

    Raises
    ------
    ValueError
        If there is not one for each, or none is more than 0.
    """
    if sample_weight is None:
        return None
    n_samples = samples.shape[0]
    if isinstance(sample_weight, numbers.Number):
        sample_weight = np.full(n_samples, sample_weight)
    if is_sparse(sample_weight):
        raise ValueError("sample_weight is sparse: make it an array, with its toarray()")
    given = real(np.asarray(sample_weight))
    weights: Array = np.require(given, dtype=samples.dtype, requirements="A")
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight.shape == {weights.shape}, expected {(n_samples,)}: one for each sample"
        )
    if not weights.any():
        raise ValueError("all sample weights are zero: at least one must be more")
    return weights


def real(numbers: Array) -> Array:
    """Return the array, if its numbers have no imaginary part.

    Raises
    ------
    ValueError
        If they have.
    """
    if np.iscomplexobj(numbers):
        raise ValueError("Complex data not supported")
    return numbers


def centers_of(centers: Any, samples: Any, n_clusters: int) -> Array:
    """Return given centers as the samples' number type: copied only if they are not.

    Raises
    ------
    ValueError
        If they have another shape.
    """
    array = np.atleast_2d(np.asarray(dense(centers)))
    array = np.require(array, samples.dtype, ["C", "A"])
    if array.shape[0] != n_clusters:
        raise ValueError(
            f"The shape of the initial centers {array.shape} does not match "
            f"the number of clusters {n_clusters}."
        )
    if array.shape[1] != samples.shape[1]:
        raise ValueError(
            f"The shape of the initial centers {array.shape} does not match "
            f"the number of features of the data {samples.shape[1]}."
        )
    return array


# --- without scikit-learn


def _validate(estimator: Any, X: Any, *, reset: bool) -> Any:
    names = names_of(X)
    if is_sparse(X):
        X = X.tocsr()
        X = X if X.dtype in FLOATS else X.astype(np.float64)
    else:
        X = np.asarray(X)
        if np.iscomplexobj(X):
            raise ValueError("Complex data not supported")
        X = X if X.dtype in FLOATS else X.astype(np.float64)
    if X.ndim != 2:
        raise ValueError(
            f"Expected a 2-dimensional array of samples x features, got {X.ndim} dimensions; "
            "one feature: X.reshape(-1, 1), one sample: X.reshape(1, -1)"
        )
    if 0 in X.shape:
        raise ValueError(f"X has the shape {X.shape}: at least 1 sample and 1 feature are needed")
    _learn_features(estimator, names, X.shape[1], reset=reset)
    return X


def names_of(X: Any) -> Array | None:
    """The columns' names of a pandas, polars or Arrow table, if all are text."""
    columns = getattr(X, "column_names", None)  # Arrow's `columns` are the data
    if columns is None:
        columns = getattr(X, "columns", None)
    if columns is None:
        return None
    names = np.asarray(list(columns), dtype=object)
    return names if all(isinstance(name, str) for name in names) else None


def _learn_features(estimator: Any, names: Array | None, n_features: int, *, reset: bool) -> None:
    if reset:
        estimator.n_features_in_ = n_features
        if names is not None:
            estimator.feature_names_in_ = names
        else:
            estimator.__dict__.pop("feature_names_in_", None)
        return
    if n_features != estimator.n_features_in_:
        raise ValueError(
            f"X has {n_features} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input"
        )
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and names is not None and list(known) != list(names):
        raise ValueError(
            "The feature names should match those that were passed during fit: "
            f"{', '.join(known)}; not {', '.join(names)}"
        )
