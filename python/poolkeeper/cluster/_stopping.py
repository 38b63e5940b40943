"""When ``MiniBatchKMeans`` has seen enough batches, as scikit-learn decides it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _native
from ._data import is_sparse


class Stopping:
    """Smooths the batches' inertia, and says when it gets no better."""

    def __init__(self, estimator: Any, samples: Any, steps: int) -> None:
        self._patience = estimator.max_no_improvement
        self._batch_size = estimator._batch_size
        self._verbose = estimator.verbose
        self._steps = steps
        self._tol = 0.0
        if estimator.tol > 0:
            self._tol = estimator.tol * _variance(samples, estimator.n_jobs)
        self._weight = min(1.0, self._batch_size * 2.0 / (samples.shape[0] + 1))
        #: The inertia of a sample, smoothed; None before the second batch.
        self.smoothed: float | None = None
        self._least: float | None = None
        self._no_better = 0

    def is_enough(self, step: int, inertia: float, shift: float) -> bool:
        """Tell whether to stop after the batch number `step`, from 0."""
        inertia /= self._batch_size
        step += 1
        self._say(f"Minibatch step {step}/{self._steps}: mean batch inertia: {inertia}")
        if step == 1:  # the first one's inertia is the start's
            if self._steps == 1:
                self.smoothed = inertia
            return False
        if self.smoothed is None:
            self.smoothed = inertia
        else:
            self.smoothed += (inertia - self.smoothed) * self._weight
        if self._tol > 0 and shift <= self._tol:
            self._say(f"Converged (small centers change) at step {step}/{self._steps}")
            return True
        if self._least is None or self.smoothed < self._least:
            self._least, self._no_better = self.smoothed, 0
        else:
            self._no_better += 1
        if self._patience is not None and self._no_better >= self._patience:
            self._say(f"Converged (lack of improvement in inertia) at step {step}/{self._steps}")
            return True
        return False

    def _say(self, line: str) -> None:
        if self._verbose:
            print(line)


def _variance(samples: Any, n_jobs: int | None) -> float:
    """The mean of the features' variances."""
    if not is_sparse(samples):
        variance: float = _native._kmeans_summary(samples, None, n_jobs).variance
        return variance
    n_samples, n_features = samples.shape
    values = samples.data.astype(np.float64)
    mean, mean_square = (
        np.bincount(samples.indices, numbers, minlength=n_features) / n_samples
        for numbers in (values, values**2)
    )
    return float((mean_square - mean**2).mean())
