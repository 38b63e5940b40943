"""``KMeans.fit_blocks``: samples that come in blocks, and never all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .._words import counted
from . import _params
from ._data import FLOATS, Array, is_sparse, names_of, real
from ._kmeans import KMeans
from ._rounds import Parts, at_row, best_of, keep, summary_of

#: Rows of a block that is cut from a file.
ROWS = 1 << 16


def fit(estimator: KMeans, blocks: Any) -> KMeans:
    """Cluster blocks: see :meth:`KMeans.fit_blocks`."""
    _params.check(estimator)
    if callable(estimator.init):
        raise TypeError("init can't be a function here: no call has all samples")
    parts = Blocks(blocks, estimator.n_jobs)
    found, used = best_of(estimator, parts, None)
    keep(estimator, parts, found, used)
    return estimator


class Blocks(Parts):
    """Blocks that are read once for each call of :meth:`each` or :meth:`tree`."""

    def __init__(self, blocks: Any, n_jobs: int | None) -> None:
        super().__init__(n_jobs)
        self._read = reader(blocks)
        self.dtype = None
        self.names = None
        self._columns = 0
        self._count = 0
        summaries = self._results(summary_of, n_jobs)
        whole = next(summaries, None)
        if whole is None:
            raise ValueError("there is no block with samples")
        for summary in summaries:
            whole = whole.merge(summary)
        self.summary = self.weighed(whole)
        self.shape = (whole.rows, self._columns)
        self.what = f"{self._count} blocks"

    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        return list(self._results(function, *arguments))

    def tree(self, function: Callable[..., Any], *arguments: Any) -> Any:
        results = self._results(function, *arguments)
        whole = next(results)
        for other in results:
            whole = whole.merge(other)
        return whole

    def _results(self, function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
        """Call a function for each block with samples, one after the other."""
        row = number = 0
        for block in self._read():
            samples, weights, names = parts_of(block)
            count = len(samples)
            if count:
                try:
                    samples, weights = self._alike(samples, weights, names)
                    result = function(samples, weights, row, *arguments)
                except ValueError as error:
                    if row:
                        at_row(error, row, "block")
                    raise
                # Memory is for one block: the reader makes the next one after this.
                del block, samples, weights
                yield result
                number += 1
            row += count
        if self.dtype is not None and hasattr(self, "summary") and row != self.summary.rows:
            raise ValueError(
                f"the blocks have {row} samples now, and had {self.summary.rows} at first: "
                "they must be the same each time they are read"
            )
        self._count = number

    def _alike(
        self, samples: Array, weights: Any, names: Array | None
    ) -> tuple[Array, Array | None]:
        """A block's samples and weights with the number type of the first block."""
        if self.dtype is None:
            self.dtype = samples.dtype if samples.dtype in FLOATS else np.dtype(np.float64)
            self._columns, self.names = samples.shape[1], names
        if samples.shape[1] != self._columns:
            raise ValueError(
                f"a block has {samples.shape[1]} features, the first one has {self._columns}"
            )
        if names is not None and self.names is not None and list(names) != list(self.names):
            raise ValueError(
                f"a block has the features {', '.join(names)}, the first one has "
                f"{', '.join(self.names)}: the same ones are needed, in the same order"
            )
        samples = np.require(samples, self.dtype, "A")
        return samples, None if weights is None else block_weights(weights, samples)


def parts_of(block: Any) -> tuple[Array, Any, Array | None]:
    """The samples of a block as a matrix, its weights, and the names of its features."""
    block, weights = block if isinstance(block, tuple) and len(block) == 2 else (block, None)
    return matrix(block), weights, names_of(block)


def block_weights(weights: Any, samples: Array) -> Array:
    """Return one weight for each sample of a block, of the samples' number type."""
    given = real(np.asarray(weights))
    found: Array = np.require(given, samples.dtype, "A")
    if found.shape != (len(samples),):
        raise ValueError(
            f"a block of {counted(len(samples), 'sample')} has weights of shape {found.shape}: "
            "one for each sample"
        )
    return found


def matrix(block: Any) -> Array:
    """Return a block's samples as they are, or the columns of a table side by side.

    Raises
    ------
    ValueError
        If it is no matrix.
    """
    columns = getattr(block, "column_names", None)
    if columns is not None:  # Arrow's tables and record batches
        block = np.column_stack([np.asarray(column) for column in block.columns])
    if is_sparse(block):
        raise ValueError("a block is sparse: make it dense, with its toarray()")
    samples = real(np.asarray(block))
    if samples.ndim != 2:
        raise ValueError(f"a block has {samples.ndim} dimensions, not 2: samples x features")
    return samples


def reader(blocks: Any) -> Callable[[], Iterable[Any]]:
    """Return a function that begins to read the blocks, each time from the first.

    Raises
    ------
    TypeError
        If they can be read once only, or not at all.
    ValueError
        For a file of an unknown kind.
    """
    if isinstance(blocks, str | os.PathLike):
        return _file(Path(blocks))
    if callable(blocks):
        return blocks  # type: ignore[no-any-return]
    if hasattr(blocks, "to_batches"):  # Arrow's datasets and tables
        return blocks.to_batches  # type: ignore[no-any-return]
    if isinstance(blocks, Iterator):
        raise TypeError(
            "an iterator can be read once only, and k-means reads the blocks in each iteration: "
            "give a function that returns a new one, such as lambda: read_my_blocks()"
        )
    if isinstance(blocks, Iterable) and not hasattr(blocks, "shape"):
        return partial(iter, blocks)
    raise TypeError(
        "blocks must be a list, a function that returns an iterator, an Arrow dataset, or the "
        f"path of a .npy or .parquet file, not {type(blocks).__name__}"
    )


def _file(path: Path) -> Callable[[], Iterable[Any]]:
    if path.suffix == ".npy":
        return partial(_npy, path)
    if path.suffix in (".parquet", ".pq"):
        return partial(_parquet, path)
    raise ValueError(f"{path}: a file must be .npy or .parquet")


def _npy(path: Path) -> Iterator[Array]:
    """Map one block at a time: pages of earlier ones are not kept in memory."""
    rows = len(np.load(path, mmap_mode="r"))
    for first in range(0, rows, ROWS):
        yield np.load(path, mmap_mode="r")[first : first + ROWS]


def _parquet(path: Path) -> Iterator[Any]:
    with import_module("pyarrow.parquet").ParquetFile(path) as file:
        yield from file.iter_batches(ROWS)
