"""k-means that keeps its budget, with scikit-learn's interface.

>>> from poolkeeper.cluster import KMeans
>>> KMeans(n_clusters=2, n_init=1).fit([[0.0], [1.0], [9.0]]).inertia_
0.5

The module needs numpy. Where scikit-learn is installed, the classes are
scikit-learn estimators; they work without it as well. Once the module is imported,
:func:`poolkeeper.pools` lists the pool ``"kmeans"``, whose threads exist only while a
call needs them.
"""

from importlib.util import find_spec

if find_spec("numpy") is None:
    raise ImportError("poolkeeper.cluster needs numpy; type: pip install numpy")

from .._native import _kmeans_announce
from ._kmeans import KMeans
from ._minibatch import MiniBatchKMeans
from ._params import ParameterError

__all__ = ["KMeans", "MiniBatchKMeans", "ParameterError"]

_kmeans_announce()
