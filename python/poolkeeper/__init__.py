"""See and limit the native thread pools inside this process.

>>> import poolkeeper
>>> with poolkeeper.limit(openmp=8, blas=1):
...     pass  # eight OpenMP threads, each calling a single-threaded BLAS

Importing this package changes no pool and no environment variable.
"""

from typing import TYPE_CHECKING, Any

from ._cpus import Cpus, cpus
from ._native import (
    MAX_LIMIT,
    Ending,
    Finding,
    LimitError,
    LimitWarning,
    Outcome,
    Pool,
    Pools,
    Report,
    Scope,
    Share,
    Source,
    Split,
    __version__,
    limit,
    pools,
    set_limit,
    split,
    switch_backend,
)

if TYPE_CHECKING:
    from ._auto import Auto, auto
    from ._doctor import doctor
    from ._guard import Guard, guard

__all__ = [
    "MAX_LIMIT",
    "Auto",
    "Cpus",
    "Ending",
    "Finding",
    "Guard",
    "LimitError",
    "LimitWarning",
    "Outcome",
    "Pool",
    "Pools",
    "Report",
    "Scope",
    "Share",
    "Source",
    "Split",
    "__version__",
    "auto",
    "cpus",
    "doctor",
    "guard",
    "limit",
    "pools",
    "set_limit",
    "split",
    "switch_backend",
]

# Imported when first used, to keep `import poolkeeper` short.
_LATER = {
    "Auto": "_auto",
    "auto": "_auto",
    "load_ipython_extension": "notebook",
    "unload_ipython_extension": "notebook",
    "doctor": "_doctor",
    "Guard": "_guard",
    "guard": "_guard",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
