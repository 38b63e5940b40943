"""``poolkeeper.doctor()``, and the facts that only Python can tell it."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from ._native import Report, _doctor

#: Modules that rules ask for.
_MODULES = ("threadpoolctl", "distributed.nanny")


def doctor(*, cpus: int | None = None) -> Report:
    """Say what is wrong with this process's thread pools, and how to make it right.

    Looks at the loaded pools, the CPUs that the process may use, its environment,
    affinity mask and limits, and judges them by the rules that
    ``poolkeeper doctor --explain all`` lists. Changes nothing. Takes a few
    milliseconds.

    Parameters
    ----------
    cpus : int, optional
        Judge as on a machine with this number of CPUs, all of them free to use.

    Returns
    -------
    Report
        Its ``findings`` are a list, the worst first. ``is_healthy`` says whether
        there is neither an error nor a warning, and nothing was unseen. Its ``str``
        is the command's report.

    Raises
    ------
    LimitError
        If ``POOLKEEPER_CPUS`` is no positive number, or ``cpus`` is outside 1 to
        ``MAX_LIMIT``.
    TypeError
        If ``cpus`` is no whole number.

    Examples
    --------
    >>> import poolkeeper
    >>> report = poolkeeper.doctor()
    >>> for finding in report.findings:
    ...     print(finding.code, finding.summary)  # doctest: +SKIP
    """
    return _doctor(host_facts(), cpus)


def host_facts() -> dict[str, Any]:
    """The facts that the rules ask of Python, from modules that are imported already."""
    limits, notebook = _notebook()
    return {
        "limits": limits,
        "notebook": notebook,
        "modules": [name for name in _MODULES if name in sys.modules],
        "start_method": _start_method(),
        "workers": _workers(),
        "numba_layer": _numba_layer(),
        "fixed_pools": _fixed_pools(),
    }


def _notebook() -> tuple[list[Any], list[tuple[str, int]] | None]:
    """The live limits that were typed in this notebook, and what its ``%limit`` says.

    The second is None where the magics are not loaded.
    """
    extension = sys.modules.get("poolkeeper.notebook.extension")
    current = extension and extension.current()
    return current.told() if current else ([], None)


def _start_method() -> str | None:
    """How multiprocessing starts a process, if it is imported."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is None:
        return None
    # To ask for the method would settle it. The first is the default, says
    # multiprocessing's documentation.
    settled = multiprocessing.get_start_method(allow_none=True)
    return str(settled or multiprocessing.get_all_start_methods()[0])


def _workers() -> int:
    """Worker processes that run now and began with this process's thread counts."""
    if "multiprocessing.process" not in sys.modules:
        return 0
    children = sys.modules["multiprocessing.process"].active_children()
    return sum(_begins_with_our_threads(child) for child in children)


def _begins_with_our_threads(child: Any) -> bool:
    kind = type(child)
    # joblib's loky and poolkeeper give the processes of their own classes a share.
    if kind.__module__ != "multiprocessing.context":
        return False
    if kind.__name__ == "ForkProcess":
        return True
    try:
        with open(f"/proc/{child.pid}/environ", "rb") as file:
            return b"_NUM_THREADS=" not in file.read()
    except OSError:  # it has ended
        return False


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
            # Any bytes: the kernel cuts a name at 15, also inside a character.
            with open(f"/proc/self/task/{task}/comm", "rb") as file:
                names.append(os.fsdecode(file.read()).strip())
    except OSError:  # a thread has ended meanwhile, or there is no /proc
        pass
    return names
