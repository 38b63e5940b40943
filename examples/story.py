"""The story: a k-means whose OpenMP threads all call into OpenBLAS.

On a workstation with 128 CPUs it can crash the interpreter; see docs/story.md.
"""

import mdtraj  # noqa: F401  (its import alone loads an OpenMP runtime)
import numpy
import scipy.linalg  # noqa: F401  (brings an OpenBLAS of its own, beside numpy's)
from sklearn.cluster import KMeans

frames = numpy.random.default_rng(0).random((5_000, 8))
KMeans(n_clusters=8, n_init=1, max_iter=10, random_state=0).fit(frames)
