"""Memory beyond the samples: no more than scikit-learn's, where centers are as large as they."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "benches" / "kmeans_memory.py"
FEATURES, CLUSTERS = 80_000, 60


def peak(package: str, samples: int, dtype: str) -> float:
    """The most memory during a fit, in a new process, as a multiple of the centers'."""
    shape = [str(number) for number in (samples, FEATURES, CLUSTERS)]
    command = [sys.executable, "-P", "-W", "ignore", str(PROGRAM), package, *shape, dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout) / (FEATURES * CLUSTERS * np.dtype(dtype).itemsize)


@pytest.mark.parametrize(("samples", "dtype"), [(60, "float32"), (60, "float64"), (90, "float64")])
def test_large_centers_take_less_than_scikit_learn(samples: int, dtype: str) -> None:
    ours, theirs = (peak(p, samples, dtype) for p in ("poolkeeper.cluster", "sklearn.cluster"))
    # The result, and sums of 8 bytes; while labels are found, what centers are compared in.
    assert ours < (4.2 if dtype == "float32" else 3.2)
    assert ours < theirs
