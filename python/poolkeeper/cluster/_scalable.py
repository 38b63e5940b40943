"""k-means||: first centers in a few rounds over blocks of the samples.

Each round draws samples in proportion to their weight times their squared
distance from those drawn so far; k-means++ then chooses among these, weighted
by the samples near each (B. Bahmani and others, "Scalable K-Means++", 2012).

Every sample has a random key of its own, made from the seed, the round and its
row, and the smallest keys win (P. Efraimidis and P. Spirakis, 2006). So the
same samples are drawn however the rows are cut into blocks, on one machine or
on many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _native
from ._data import Array, blocks, dense, is_sparse, native

#: Bits of a digit of a sum of weights.
DIGIT = 26

#: As in the paper: five rounds of twice as many samples as centers.
ROUNDS, OVERSAMPLING = 5, 2


class Drawn(NamedTuple):
    """Samples with their keys and rows, the smallest key first.

    Sparse samples stay sparse, so that those of many blocks fit the memory.
    """

    keys: Array
    rows: Array
    samples: Any


#: Calls a function of this module for each block, with the block's samples,
#: weights and first row before the given arguments; returns the list of results.
Each = Callable[..., Sequence[Any]]


def first_centers(each: Each, n_clusters: int, seed: int, n_jobs: int | None) -> Array:
    """Return `n_clusters` samples' places, one a row."""
    drawn = merged(each(draw, None, (seed, 0), 1, n_jobs), 1)
    for number in range(1, ROUNDS + 1):
        count = OVERSAMPLING * n_clusters
        more = merged(each(draw, drawn, (seed, number), count, n_jobs), count)
        drawn = np.concatenate([drawn, more])
    if len(drawn) < n_clusters:  # fewer different samples than clusters
        more = merged(each(draw, None, (seed, ROUNDS + 1), n_clusters, n_jobs), n_clusters)
        drawn = np.concatenate([drawn, more])
    weights = shares(each(weights_near, drawn, n_jobs)).astype(drawn.dtype)
    request = {
        "init": "k-means++", "n_clusters": n_clusters, "n_init": 1, "max_iter": 300,
        "tol": 1e-4, "seed": seed,
    }  # fmt: skip
    centers: Array = _native._kmeans_fit(drawn, weights, request, n_jobs, None)[0]
    return centers


def random_centers(each: Each, n_clusters: int, seed: int) -> Array:
    """Return `n_clusters` different samples, drawn in proportion to their weights; those
    without weight only where the others are too few."""
    return merged(each(draw, None, (seed, 0), n_clusters, 1), n_clusters)


def blocks_of(samples: Any, weights: Array | None) -> Each:
    """Return an `Each` over samples that are here."""

    def each(function: Callable[..., Any], *arguments: Any) -> list[Any]:
        return [
            function(
                block,
                None if weights is None else weights[row : row + block.shape[0]],
                row,
                *arguments,
            )
            for row, block in blocks(samples)
        ]

    return each


# --- on one block


def draw(
    samples: Any,
    weights: Array | None,
    first_row: int,
    drawn: Array | None,
    seed: tuple[int, int],
    count: int,
    n_jobs: int | None,
) -> Drawn:
    """Draw the block's samples with the `count` smallest keys."""
    n_samples = samples.shape[0]
    rows = np.arange(first_row, first_row + n_samples, dtype=np.uint64)
    # As logarithms, whose sum is a number where the product of weight and distance is none.
    with np.errstate(divide="ignore"):
        mass = np.zeros(n_samples) if weights is None else np.log(weights.astype(np.float64))
        if drawn is not None:
            squares = _native._kmeans_nearest(native(samples), drawn, n_jobs)[1]
            mass = np.where(squares > 0, mass + np.log(squares), -np.inf)
    keys = np.log(-np.log(uniform(rows, seed))) - mass
    chosen = np.flatnonzero(mass > -np.inf)
    if len(chosen) > count:
        chosen = chosen[np.argpartition(keys[chosen], count)[:count]]
    elif drawn is None:  # samples without weight come last, in their order
        chosen = np.concatenate([chosen, np.flatnonzero(mass == -np.inf)])[:count]
    return _smallest(Drawn(keys[chosen], rows[chosen], samples[chosen]), count)


def merge(parts: Sequence[Drawn], count: int) -> Drawn:
    """Return the `count` smallest keys of several draws."""
    keys, rows, samples = zip(*parts, strict=True)
    return _smallest(Drawn(np.concatenate(keys), np.concatenate(rows), _stacked(samples)), count)


def merged(parts: Sequence[Drawn], count: int) -> Array:
    """Return the samples with the `count` smallest keys of several draws, as an array."""
    return dense(merge(parts, count).samples)


def _stacked(samples: Sequence[Any]) -> Any:
    if not is_sparse(samples[0]):
        return np.concatenate(samples)
    from scipy.sparse import vstack

    return vstack(samples, format="csr")


def weights_near(
    samples: Any, weights: Array | None, first_row: int, drawn: Array, n_jobs: int | None
) -> dict[int, Array]:
    """Return the sum of the weights of the samples that are nearest to each of `drawn`, in
    digits: by place, whole numbers times 2 to the power of `DIGIT` times the place. So no
    sum is rounded, and however the rows are cut, all are the same."""
    labels = _native._kmeans_assign(native(samples), drawn, None, n_jobs)
    if weights is None:
        return {0: np.bincount(labels, minlength=len(drawn))}
    fractions, exponents = np.frexp(weights.astype(np.float64))
    whole, exponents = (fractions * 2.0**53).astype(np.int64), exponents - 53
    places, shifts = exponents // DIGIT, exponents % DIGIT
    mask = (1 << DIGIT) - 1
    found: dict[int, Array] = {}
    for more, half in enumerate((whole & mask, whole >> DIGIT)):
        moved = half << shifts
        for place, digits in ((places + more, moved & mask), (places + more + 1, moved >> DIGIT)):
            for at in np.unique(place):
                here = place == at
                sums = np.bincount(labels[here], digits[here], minlength=len(drawn))
                found[int(at)] = found.get(int(at), 0) + sums.astype(np.int64)
    return found


def shares(parts: Sequence[dict[int, Array]]) -> Array:
    """Return the sums of several parts as numbers of which the largest is 1."""
    lowest = min(min(part) for part in parts)
    sums: Any = sum(
        digits.astype(object) * (1 << DIGIT * (place - lowest))
        for part in parts
        for place, digits in part.items()
    )
    largest = max(sums)
    return np.array([whole / largest if largest else 1.0 for whole in sums])


def uniform(rows: Array, seed: tuple[int, int]) -> Array:
    """Return a number above 0 and below 1 for each row: splitmix64 of row and seed.

    Source: G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number
    generators", 2014.
    """
    with np.errstate(over="ignore"):
        mixed = rows
        for part in seed:
            mixed = _mix(mixed * np.uint64(0x9E3779B97F4A7C15) + np.uint64(part))
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mix(z: Array) -> Array:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = z ^ (z >> np.uint64(31))
    return mixed


def _smallest(drawn: Drawn, count: int) -> Drawn:
    order = np.lexsort((drawn.rows, drawn.keys))[:count]
    return Drawn(*(part[order] for part in drawn))
