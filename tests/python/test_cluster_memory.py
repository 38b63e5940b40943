"""Memory beyond the samples: no more than scikit-learn's, where centers are as large as they."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
from pathlib import Path
from {package} import KMeans

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

k, d = 60, 80_000
rng = np.random.default_rng(0)
X = rng.random(({samples}, d), dtype=np.{dtype})
start = X[:k].copy()
small = rng.random((200, 8))
KMeans(3, n_init=1, max_iter=2).fit(small)  # what is loaded once is loaded now
Path("/proc/self/clear_refs").write_text("5")
before = peak()
KMeans(k, init=start, n_init=1, max_iter=3, tol=0).fit(X)
print((peak() - before) * 1024 / start.nbytes)
"""


def peak(package: str, samples: int, dtype: str) -> float:
    """The most memory during a fit, in a new process, as a multiple of the centers'."""
    program = PROGRAM.format(package=package, samples=samples, dtype=dtype)
    command = [sys.executable, "-P", "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return float(done.stdout)


@pytest.mark.parametrize(("samples", "dtype"), [(60, "float32"), (60, "float64"), (90, "float64")])
def test_large_centers_take_less_than_scikit_learn(samples: int, dtype: str) -> None:
    ours, theirs = (peak(p, samples, dtype) for p in ("poolkeeper.cluster", "sklearn.cluster"))
    # The result, and sums of 8 bytes; while labels are found, what centers are compared in.
    assert ours < (4.2 if dtype == "float32" else 3.2)
    assert ours < theirs
