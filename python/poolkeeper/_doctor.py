"""``poolkeeper.doctor()``, and what only Python can tell it."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from ._native import Report, _doctor

#: Modules that rules ask for.
_MODULES = ("threadpoolctl", "numba", "polars", "multiprocessing")


def doctor(*, cpus: int | None = None) -> Report:
    """Say what is wrong with this process's thread pools, and how to make it right.

    Looks at the loaded pools, the CPUs that the process may use, its environment,
    affinity mask and limits, and judges them by the rules that
    ``poolkeeper doctor --explain all`` lists. Changes nothing. Takes about a
    millisecond.

    Parameters
    ----------
    cpus : int, optional
        Judge as on a machine with so many CPUs, all of them free to use: what the
        program would meet there.

    Returns
    -------
    Report
        Its ``findings``, the worst first; ``is_healthy`` says whether there is
        neither an error nor a warning. As text it is the command's report.

    Raises
    ------
    LimitError
        If ``POOLKEEPER_CPUS`` is no positive number, or ``cpus`` is outside 1 to
        ``MAX_LIMIT``.
    TypeError
        If ``cpus`` is no whole number.
    OSError
        On a system that is not supported yet.

    Examples
    --------
    >>> import poolkeeper
    >>> report = poolkeeper.doctor()
    >>> for finding in report.findings:
    ...     print(finding.code, finding.summary)  # doctest: +SKIP
    """
    return _doctor(host_facts(), cpus)


def host_facts() -> dict[str, Any]:
    """What the rules ask of Python, of modules that are imported already."""
    method, is_used = _start_method()
    return {
        "modules": [name for name in _MODULES if name in sys.modules],
        "start_method": method,
        "start_method_is_used": is_used,
        "workers": _workers(),
        "numba_layer": _numba_layer(),
        "fixed_pools": _fixed_pools(),
    }


def _start_method() -> tuple[str | None, bool]:
    """How multiprocessing starts a process, and whether that is decided."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is None:
        return None, False
    chosen = multiprocessing.get_start_method(allow_none=True)
    # The first is the default, says multiprocessing's documentation. tqdm makes a
    # lock, which decides for the default, in programs that never start a process.
    is_decided = chosen is not None and "tqdm" not in sys.modules
    return chosen or multiprocessing.get_all_start_methods()[0], is_decided


def _workers() -> int:
    """Worker processes that run now and begin with this process's thread counts."""
    if "multiprocessing.process" not in sys.modules:
        return 0
    children = sys.modules["multiprocessing.process"].active_children()
    # joblib's loky gives its workers their share of the threads by itself.
    return sum(not type(child).__name__.startswith("Loky") for child in children)


def _numba_layer() -> str | None:
    """The threading layer of numba's parallel functions, if one has run."""
    numba = sys.modules.get("numba")
    try:
        return None if numba is None else str(numba.threading_layer())
    except (AttributeError, ValueError):  # still being imported; none has run
        return None


def _fixed_pools() -> list[tuple[str, int, str]]:
    """Pools that no call can limit: name, threads, the variable to set before."""
    # By the names of its threads: to ask Polars would start them.
    threads = sum(re.fullmatch(r"polars-\d+", name) is not None for name in _thread_names())
    return [("Polars", threads, "POLARS_MAX_THREADS")] if threads else []


def _thread_names() -> list[str]:
    """The names of this process's threads, as the system has them."""
    names = []
    try:
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/comm") as file:
                names.append(file.read().strip())
    except OSError:  # a thread has ended meanwhile, or there is no /proc
        pass
    return names
