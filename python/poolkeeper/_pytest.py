"""The pytest plugin: every worker of pytest-xdist keeps its share of the budget.

Without workers the plugin does nothing. pytest loads it with every run, so this module
imports only what it needs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ._native import Split

#: Set by xdist in its workers before anything else.
WORKER, COUNT, RUN = (
    "PYTEST_XDIST_WORKER",
    "PYTEST_XDIST_WORKER_COUNT",
    "PYTEST_XDIST_TESTRUNUID",
)
#: Whose share this environment is: a child of a worker inherits xdist's variables too.
SHARE_OF = "POOLKEEPER_XDIST_WORKER"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that turns the plugin off."""
    group = parser.getgroup("poolkeeper", "thread counts")
    group.addoption(
        "--no-poolkeeper",
        action="store_true",
        default=False,
        help="let each worker of pytest-xdist use as many threads as its libraries like",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """In a worker, take the worker's share before conftest files and tests import libraries."""
    if early_config.known_args_namespace.no_poolkeeper or not {WORKER, COUNT} <= os.environ.keys():
        return
    count = os.environ[COUNT]
    if not (count.isascii() and count.isdecimal() and int(count) > 0):
        return  # xdist writes digits: this is not one of its workers
    worker = f"{os.environ[WORKER]} {os.environ.get(RUN, '')}"
    if os.environ.get(SHARE_OF) == worker:
        return  # this is a program that a test runs, and keeps the share already
    from . import _worker

    os.environ[SHARE_OF] = worker
    plan = _plan(int(count))
    number = os.environ[WORKER].removeprefix("gw")
    # What replaces a crashed worker has a higher number, and a name may be the user's.
    seat = int(number) if number.isdecimal() else plan.processes
    _worker.hold_in_process(plan.workers[min(seat, plan.processes - 1)])


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """`-n auto` and `-n logical` count the budget instead of the machine.

    The number of a conftest.py or of another plugin goes before the budget, and the
    budget goes before xdist's number, whatever order they were registered in.
    """
    if config.option.no_poolkeeper or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    manager = config.pluginmanager
    without = [manager.get_plugin("xdist"), sys.modules[__name__]]
    others = manager.subset_hook_caller("pytest_xdist_auto_num_workers", without)
    theirs: int | None = others(config=config)
    if theirs is not None:
        return theirs
    from ._cpus import cpus

    try:
        found = cpus()
    except ValueError as error:  # POOLKEEPER_CPUS is no number
        raise pytest.UsageError(str(error)) from error
    if config.option.numprocesses == "auto" and found.physical_cores is not None:
        return min(found, found.physical_cores)  # as xdist: cores, not hardware threads
    return int(found)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what the workers get."""
    # "popen", or "3*popen"
    counts = [spec.rpartition("*")[0] for spec in getattr(config.option, "tx", None) or ()]
    workers = sum(int(count) if count.isdecimal() else 1 for count in counts)
    if config.option.no_poolkeeper or not workers:
        return None
    plan = _plan(workers)
    shares = sorted({share.cpus for share in plan.workers})
    each = " or ".join(map(str, shares))
    return (
        f"poolkeeper: {_counted(plan.cpus, 'CPU')} for {_counted(workers, 'worker')}, "
        f"{each} thread{'' if shares == [1] else 's'} each"
    )


def _plan(workers: int) -> Split:
    from . import _worker

    try:
        return _worker.divided(workers, None, None, None)
    except ValueError as error:  # POOLKEEPER_CPUS is no number
        raise pytest.UsageError(str(error)) from error


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
