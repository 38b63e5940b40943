"""scikit-learn's ``random_state`` as the seed of a fit."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import numpy.typing as npt


def generator(random_state: Any) -> Any:
    """Return the generator that ``random_state`` stands for.

    Parameters
    ----------
    random_state : None, int, numpy.random.RandomState or numpy.random.Generator
        None is NumPy's global one, so that ``numpy.random.seed`` decides.

    Raises
    ------
    ValueError
        For anything else.
    """
    if random_state is None or random_state is np.random:
        return np.random
    if isinstance(random_state, numbers.Integral):
        number = int(random_state)
        if not 0 <= number < 2**32:
            raise ValueError(f"random_state must be from 0 to 2**32 - 1, not {number}")
        return np.random.RandomState(number)
    if isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        return random_state
    raise ValueError(
        f"random_state must be None, a whole number, a numpy.random.RandomState or a "
        f"numpy.random.Generator, not {random_state!r}"
    )


def seed(generator: Any) -> int:
    """Draw the seed of a fit, from 0 to 2**63 - 1."""
    draw = getattr(generator, "integers", None) or generator.randint
    return int(draw(0, np.iinfo(np.int64).max, dtype=np.int64))


def rows(
    generator: Any, count: int, n_samples: int, sums: npt.NDArray[np.float64] | None
) -> npt.NDArray[Any]:
    """Draw rows, each as often as its weight says.

    Parameters
    ----------
    sums : ndarray of shape (n_samples,), optional
        The running sums of the weights. Without them every row has the weight 1, and
        the rows are those that equal weights give.
    """
    draws = generator.random(count)
    if sums is None:
        found = (draws * n_samples).astype(np.intp)
    else:
        found = np.searchsorted(sums, draws * sums[-1], side="right")
    last: npt.NDArray[Any] = np.minimum(found, n_samples - 1)
    return last
