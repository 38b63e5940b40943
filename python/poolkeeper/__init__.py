"""See and limit the native thread pools inside this process.

>>> import poolkeeper
>>> with poolkeeper.limit(openmp=8, blas=1):
...     pass  # at most eight OpenMP threads, each calling a single-threaded BLAS

Importing this package changes no pool and no environment variable.
"""

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
    fork_safe,
    limit,
    pools,
    set_limit,
    split,
    switch_backend,
    trim,
)


class _Documentation(str):
    """A docstring that also tells pytest to leave the package as it is written.

    pytest rewrites the ``assert`` of packages with a plugin, and warns where one is
    imported before pytest begins. It looks for a word in the docstring, which says
    nothing to people.
    """

    def __contains__(self, word: str) -> bool:  # type: ignore[override]
        return word == "PYTEST_DONT_REWRITE" or super().__contains__(word)


__doc__ = _Documentation(__doc__)

# As typing has it, whose import would take longer than all of ours.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._auto import Auto, auto
    from ._cpus import Cpus, cpus
    from ._doctor import doctor
    from ._executors import ProcessPoolExecutor, ThreadPoolExecutor
    from ._guard import Guard, guard
    from ._parallel import parallel
    from ._processes import mp_context
    from ._spread import Spread, spread

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
    "ProcessPoolExecutor",
    "Report",
    "Scope",
    "Share",
    "Source",
    "Split",
    "Spread",
    "ThreadPoolExecutor",
    "__version__",
    "auto",
    "cpus",
    "doctor",
    "fork_safe",
    "guard",
    "limit",
    "mp_context",
    "parallel",
    "pools",
    "set_limit",
    "split",
    "spread",
    "switch_backend",
    "trim",
]

# Imported when first used, to keep `import poolkeeper` short.
_LATER = {
    "Auto": "_auto",
    "Cpus": "_cpus",
    "Guard": "_guard",
    "ProcessPoolExecutor": "_executors",
    "Spread": "_spread",
    "ThreadPoolExecutor": "_executors",
    "auto": "_auto",
    "cpus": "_cpus",
    "doctor": "_doctor",
    "guard": "_guard",
    "load_ipython_extension": "notebook",
    "mp_context": "_processes",
    "parallel": "_parallel",
    "spread": "_spread",
    "unload_ipython_extension": "notebook",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f".{_LATER[name]}", __name__), name)
    value.__module__ = __name__  # where users find it, in reprs and in pickles
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
