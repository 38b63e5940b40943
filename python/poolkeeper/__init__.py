"""See and limit the native thread pools inside this process.

>>> import poolkeeper
>>> with poolkeeper.limit(openmp=8, blas=1):
...     pass  # eight OpenMP threads, each calling a single-threaded BLAS

Importing this package changes no pool and no environment variable.
"""

from ._native import (
    MAX_LIMIT,
    Ending,
    LimitError,
    LimitWarning,
    Outcome,
    Pool,
    Pools,
    Scope,
    __version__,
    limit,
    pools,
    set_limit,
    switch_backend,
)

__all__ = [
    "MAX_LIMIT",
    "Ending",
    "LimitError",
    "LimitWarning",
    "Outcome",
    "Pool",
    "Pools",
    "Scope",
    "__version__",
    "limit",
    "pools",
    "set_limit",
    "switch_backend",
]
