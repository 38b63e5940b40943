"""libvips: a pool that is neither OpenMP's nor a BLAS, from its real library."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import pytest
from isolated import in_own_process, run_python
from scenario import by_name, load

pytestmark = pytest.mark.usefixtures("lab")

CPUS = len(os.sched_getaffinity(0))


def _workers(library: ctypes.CDLL) -> int:
    """Run a pipeline; return how many threads of libvips's there are then."""
    image, mean = ctypes.c_void_p(), ctypes.c_double()
    size = 2000  # pixels on a side: enough for several workers
    assert library.vips_gaussnoise(ctypes.byref(image), size, size, None) == 0
    assert library.vips_avg(image, ctypes.byref(mean), None) == 0
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    return names.count("libvips worker")


def _initialised() -> Any:
    library = load("vips")
    assert library.vips_init(b"test") == 0
    return library


@in_own_process
def test_it_is_listed_with_what_it_says_itself() -> None:
    import poolkeeper

    library = _initialised()
    (pool,) = poolkeeper.pools()
    library.vips_version_string.restype = ctypes.c_char_p
    assert (pool.runtime, pool.name, pool.prefix) == ("vips", "libvips", "libvips")
    assert (pool.level, pool.reach, pool.max_threads) == ("other", "process", 1024)
    assert pool.version == library.vips_version_string().decode()
    assert pool.num_threads == library.vips_concurrency_get() == CPUS


@in_own_process(env={"VIPS_CONCURRENCY": "5"})
def test_a_limit_is_what_its_pipelines_run() -> None:
    import poolkeeper

    library = _initialised()
    with poolkeeper.limit(1) as scope:
        assert by_name(scope.outcomes) == {"vips": "applied"}
        assert library.vips_concurrency_get() == 1
        assert _workers(library) == 1
        with poolkeeper.limit(blas=3):
            assert library.vips_concurrency_get() == 1
    assert library.vips_concurrency_get() == 5
    assert _workers(library) >= 5


@in_own_process(env={"VIPS_CONCURRENCY": "5"})
def test_a_limit_from_before_it_is_initialised_holds_and_ends() -> None:
    import poolkeeper

    with poolkeeper.limit(other=2):
        library = load("vips")
        poolkeeper.pools()
        assert library.vips_init(b"test") == 0
        assert library.vips_concurrency_get() == 2
    assert library.vips_concurrency_get() == 5


@in_own_process
def test_more_than_it_takes_is_clamped_without_a_warning() -> None:
    import poolkeeper

    library = _initialised()
    with poolkeeper.limit(vips=2000, force=True) as scope:
        (outcome,) = scope.outcomes
        assert (outcome.status, outcome.observed) == ("clamped", 1024)
    assert library.vips_concurrency_get() == CPUS


@in_own_process
def test_the_threadpoolctl_layer_lists_what_threadpoolctl_lists() -> None:
    _initialised()
    import poolkeeper.threadpoolctl

    assert poolkeeper.threadpoolctl.threadpool_info() == []


@in_own_process(env={"VIPS_CONCURRENCY": "1e1"})
def test_the_doctor_knows_how_it_reads_its_variable() -> None:
    import poolkeeper

    library = _initialised()
    assert library.vips_concurrency_get() == 1
    (finding,) = [f for f in poolkeeper.doctor().findings if f.code == "PK403"]
    assert any("libvips" in line and "made 1 thread" in line for line in finding.evidence)


def test_its_variable_keeps_a_budget() -> None:
    code = (
        "import poolkeeper; print(poolkeeper.split(processes=1, cpus=2).env()['VIPS_CONCURRENCY'])"
    )
    assert run_python(code).stdout.strip() == "2"
