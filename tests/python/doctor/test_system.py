"""PK104, PK105, PK107, PK601, PK602: fork, and the limits of the system."""

from __future__ import annotations

import os
import resource
import signal
import warnings

import pytest
from isolated import in_own_process

from doctor.findings import found, not_found, start_openmp

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_fork_is_chosen_and_loops_have_run() -> None:
    import multiprocessing

    import sklearn.cluster  # noqa: F401

    multiprocessing.set_start_method("fork")
    not_found("PK104")  # no loop has run
    start_openmp()
    found("PK104", "note")
    child = multiprocessing.Process(target=int)
    child.start()
    child.join()
    finding = found("PK104", "error")
    assert "forked 1 time" in finding.evidence[1]
    assert "libgomp" in finding.evidence[0]
    assert "since a parallel loop" in finding.evidence[0]


@in_own_process
def test_a_fork_is_safe_where_idle_workers_end_before() -> None:
    import poolkeeper

    start_openmp()
    found("PK104", "note")
    with poolkeeper.guard():
        not_found("PK104")
    found("PK104", "note")
    poolkeeper.fork_safe()
    not_found("PK104")


@in_own_process
def test_polars_in_a_forked_child() -> None:
    import multiprocessing

    import polars

    def query() -> None:
        polars.DataFrame({"a": range(100_000)}).lazy().select(polars.col("a").sort()).collect()

    not_found("PK107")  # no query has run
    query()
    found("PK107", "note")
    # Polars warns where it is imported, and not where it hangs.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        signal.alarm(5)
        query()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGALRM
    assert "Polars" in found("PK107", "error").evidence[0]
    multiprocessing.set_start_method("forkserver")
    not_found("PK107")


@in_own_process
def test_fork_as_the_default_is_a_note() -> None:
    import multiprocessing

    start_openmp()
    assert multiprocessing.get_all_start_methods()[0] == "fork"
    found("PK104", "note")
    multiprocessing.set_start_method("forkserver")
    not_found("PK104")


@in_own_process
def test_what_the_finding_says_is_so() -> None:
    import multiprocessing

    import poolkeeper

    multiprocessing.set_start_method("fork")
    start_openmp()
    found("PK104", "note")
    child = multiprocessing.Process(target=start_openmp)
    child.start()
    child.join(timeout=5)
    assert child.is_alive()  # it waits for threads that it doesn't have
    child.kill()
    child.join()
    with poolkeeper.limit(1):  # the advice: one thread in the child is safe
        child = multiprocessing.Process(target=start_openmp)
        child.start()
        child.join(timeout=50)
    assert child.exitcode == 0


def _numba(layer: str | None) -> None:
    """Have a module that answers as numba does."""
    import sys
    from types import ModuleType

    def threading_layer() -> str:
        if layer is None:
            raise ValueError("Threading layer is not initialized.")
        return layer

    module = ModuleType("numba")
    module.threading_layer = threading_layer  # type: ignore[attr-defined]
    sys.modules["numba"] = module


@in_own_process
def test_numba_on_openmp_and_fork() -> None:
    import multiprocessing

    not_found("PK105")
    multiprocessing.set_start_method("fork")
    for layer in (None, "tbb", "workqueue"):
        _numba(layer)
        not_found("PK105")
    _numba("omp")
    found("PK105", "note")
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
    found("PK105", "error")


# --- limits of the system


def _lower(limit: int, value: int) -> None:
    resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))


@in_own_process
def test_fewer_threads_are_allowed_than_will_be_started() -> None:
    import poolkeeper._doctor
    import sklearn.cluster  # noqa: F401

    not_found("PK601")
    _lower(resource.RLIMIT_NPROC, 1)
    if os.geteuid() == 0:
        not_found("PK601")  # it does not hold for root
        os.setresuid(65534, 65534, 65534)
    finding = found("PK601", "error")
    assert any("RLIMIT_NPROC" in line for line in finding.evidence)
    poolkeeper.set_limit(openmp=1)
    not_found("PK601")


@in_own_process(env={"OMP_NUM_THREADS": "65"})
def test_the_address_space_is_too_small_for_the_stacks() -> None:
    import poolkeeper._doctor
    import sklearn.cluster  # noqa: F401

    not_found("PK602")
    with open("/proc/self/status") as status:
        (size,) = (line.split()[1] for line in status if line.startswith("VmSize:"))
    _lower(resource.RLIMIT_STACK, 8 << 20)
    _lower(resource.RLIMIT_AS, (int(size) << 10) + (256 << 20))
    finding = found("PK602", "error")
    assert "64 threads take 512 MB" in finding.summary
    poolkeeper.set_limit(openmp=2)
    not_found("PK602")
