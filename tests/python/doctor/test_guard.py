"""``poolkeeper.guard()``: dangerous numbers of threads don't happen."""

from __future__ import annotations

import importlib.machinery
import threading

import pytest
from isolated import in_own_process

from doctor.findings import not_found

pytestmark = pytest.mark.usefixtures("lab")

MANY = {"OMP_NUM_THREADS": "300", "OPENBLAS_NUM_THREADS": "1"}
SAFE = 127  # numpy's OpenBLAS has 128 buffers, and no worker here that holds one


def _openmp() -> int | None:
    import poolkeeper

    (threads,) = [pool.num_threads for pool in poolkeeper.pools() if pool.runtime == "libgomp"]
    return threads


@in_own_process(env=MANY)
def test_what_is_loaded_is_lowered_at_once_and_restored() -> None:
    import logging

    import numpy  # noqa: F401
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger("poolkeeper.guard").addHandler(handler)
    guard = poolkeeper.guard()
    assert _openmp() == SAFE
    not_found("PK101")
    (action,) = guard.actions
    assert "300 threads lowered to 127" in action
    assert "PK101" in action
    assert [record.getMessage() for record in records] == [action]
    guard.release()
    guard.release()
    assert _openmp() == 300


def _silence() -> None:
    import logging

    logging.getLogger("poolkeeper.guard").addHandler(logging.NullHandler())


@in_own_process(env=MANY)
def test_what_is_imported_later_is_lowered_then() -> None:
    import poolkeeper

    _silence()
    guard = poolkeeper.guard()
    assert guard.actions == []
    import sklearn.cluster  # numpy's OpenBLAS, and after it libgomp  # noqa: F401

    assert len(guard.actions) == 1
    assert _openmp() == SAFE
    guard.release()
    assert _openmp() == 300


@in_own_process(env={**MANY, "OMP_NUM_THREADS": "20"})
def test_a_blas_that_comes_after_the_openmp_runtime() -> None:
    import poolkeeper
    import sklearn.cluster  # noqa: F401
    from scenario import load

    _silence()
    with poolkeeper.guard() as guard:
        assert guard.actions == []
        # Built for 16 threads, and set to 16: 32 buffers less 16.
        load("openblas-fake-gnu")
        poolkeeper.set_limit(openblas=16)
        import scipy.io.matlab  # brings an extension module  # noqa: F401

        assert [action.split(":")[1] for action in guard.actions] == [" 20 threads lowered to 16"]


@in_own_process(env=MANY)
def test_a_new_thread_has_the_processs_number_and_is_lowered() -> None:
    from concurrent.futures import ThreadPoolExecutor

    import numpy  # noqa: F401
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    class Subclass(threading.Thread):
        def run(self) -> None:
            seen.append(_openmp())

    seen: list[int | None] = []
    _silence()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_openmp).result() == 300
    with poolkeeper.guard():
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_openmp).result() == SAFE
        for thread in (Subclass(), threading.Thread(target=lambda: seen.append(_openmp()))):
            thread.start()
            thread.join()
            assert "run" not in vars(thread)
    assert seen == [SAFE, SAFE]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_openmp).result() == 300


@in_own_process(env=MANY)
def test_a_limit_inside_can_be_lower_and_not_higher() -> None:
    import numpy  # noqa: F401
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    _silence()
    with poolkeeper.guard():
        with poolkeeper.limit(openmp=200):
            assert _openmp() == SAFE
        with poolkeeper.limit(openmp=2):
            assert _openmp() == 2
        assert _openmp() == SAFE


@in_own_process
def test_what_is_safe_is_left_alone() -> None:
    import numpy  # noqa: F401
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    before = [pool.num_threads for pool in poolkeeper.pools()]
    with poolkeeper.guard() as guard:
        assert [pool.num_threads for pool in poolkeeper.pools()] == before
        assert guard.actions == []


@in_own_process
def test_nothing_is_left_behind() -> None:
    import poolkeeper

    functions = importlib.machinery.ExtensionFileLoader.exec_module, threading.Thread.start
    first, second = poolkeeper.guard(), poolkeeper.guard()
    first.release()
    assert importlib.machinery.ExtensionFileLoader.exec_module is not functions[0]
    second.release()
    now = importlib.machinery.ExtensionFileLoader.exec_module, threading.Thread.start
    assert now == functions


@in_own_process
def test_a_thread_that_cannot_start_raises_as_ever() -> None:
    import poolkeeper
    import pytest

    with poolkeeper.guard():
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="threads can only be started once"):
            thread.start()
        assert "run" not in vars(thread)


@in_own_process(env=MANY)
def test_a_log_handler_may_import() -> None:
    import importlib
    import logging

    import poolkeeper

    class Importing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            importlib.import_module("scipy.io.matlab")

    logging.getLogger("poolkeeper.guard").addHandler(Importing())
    with poolkeeper.guard() as guard:
        import sklearn.cluster  # noqa: F401

        assert len(guard.actions) == 1
        assert _openmp() == SAFE


@in_own_process(env=MANY)
def test_a_forked_child_is_guarded_too() -> None:
    import poolkeeper
    from scenario import in_child

    def child() -> object:
        import numpy  # noqa: F401
        import sklearn.cluster  # noqa: F401

        return _openmp()

    _silence()
    with poolkeeper.guard() as guard, guard._lock:  # held in the parent as the child begins
        assert in_child(child) == SAFE


@in_own_process
def test_a_guard_that_cannot_look_breaks_no_import() -> None:
    import logging
    import os

    import poolkeeper

    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger("poolkeeper.guard").addHandler(handler)
    with poolkeeper.guard():
        os.environ["POOLKEEPER_CPUS"] = "many"
        import numpy

        assert numpy.ones(2).sum() == 2
    assert "POOLKEEPER_CPUS" in str(records[0].exc_info)


@in_own_process(env={"OMP_NUM_THREADS": "65"})
def test_stacks_that_do_not_fit_are_not_started() -> None:
    import resource

    import poolkeeper
    import sklearn.cluster  # noqa: F401

    from doctor.findings import found, start_openmp

    _silence()
    with open("/proc/self/status") as status:
        (size,) = (line.split()[1] for line in status if line.startswith("VmSize:"))
    for limit, value in (
        (resource.RLIMIT_STACK, 8 << 20),
        (resource.RLIMIT_AS, (int(size) << 10) + (256 << 20)),
    ):
        resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))
    found("PK602", "error")
    with poolkeeper.guard() as guard:
        assert "PK602" in guard.actions[0]
        not_found("PK602")
        assert start_openmp  # the loop itself needs memory beyond stacks
