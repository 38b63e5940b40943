"""PK201 to PK204: more threads than CPUs."""

from __future__ import annotations

import os

import pytest
from isolated import in_own_process

from doctor.findings import THREADS, found, not_found, start_openmp

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process(env={"OMP_NUM_THREADS": "64"})
def test_a_variable_asked_for_more_than_there_are() -> None:
    import sklearn.cluster  # noqa: F401

    finding = found("PK201", "warning")
    assert "64 threads" in finding.summary
    assert any("by OMP_NUM_THREADS=64" in line for line in finding.evidence)
    not_found("PK202")


@in_own_process
def test_a_call_asked_for_more_than_there_are() -> None:
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    not_found("PK201")
    poolkeeper.set_limit(openmp=64)
    assert any("by a call" in line for line in found("PK201", "warning").evidence)


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_a_library_counted_more_than_the_budget() -> None:
    import numpy  # noqa: F401

    finding = found("PK202", "warning")
    assert any(f"counted {THREADS} CPUs" in line for line in finding.evidence)
    assert any("POOLKEEPER_CPUS=1" in line for line in finding.evidence)
    not_found("PK201")


@in_own_process(env={"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "1"})
def test_a_batch_scheduler_gave_fewer() -> None:
    import numpy  # noqa: F401
    import poolkeeper

    assert any("SLURM_CPUS_PER_TASK=1" in line for line in found("PK202", "warning").evidence)
    poolkeeper.set_limit(1)
    not_found("PK202")


@in_own_process
def test_the_mask_was_narrowed_after_the_import() -> None:
    import numpy  # noqa: F401

    not_found("PK202")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    assert any("affinity mask" in line for line in found("PK202", "warning").evidence)


@in_own_process
def test_the_product_of_the_levels_is_a_note() -> None:
    import numpy  # noqa: F401
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    assert f"{THREADS} x {THREADS}" in found("PK203", "note").summary
    with poolkeeper.limit(blas=1):
        not_found("PK203")


@in_own_process(env={"BLIS_NUM_THREADS": str(THREADS)})
def test_it_is_a_warning_with_a_blas_that_starts_threads_for_each_caller() -> None:
    import poolkeeper
    import sklearn.cluster  # noqa: F401
    from scenario import load

    poolkeeper.set_limit(openblas=1)
    load("blis-pthread")
    assert "BLIS" in found("PK203", "warning").summary


@pytest.mark.parametrize("method", ["fork", "spawn"])
@in_own_process
def test_worker_processes_with_threads_each(method: str) -> None:
    import multiprocessing
    import time

    import numpy  # noqa: F401
    import poolkeeper

    context = multiprocessing.get_context(method)
    workers = [context.Process(target=time.sleep, args=(60,)) for _ in range(THREADS)]  # type: ignore[attr-defined]
    not_found("PK204")
    for worker in workers:
        worker.start()
    try:
        finding = found("PK204", "warning")
        assert f"{THREADS} worker processes" in finding.summary
        with poolkeeper.limit(1):
            not_found("PK204")
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


@in_own_process
def test_workers_with_numbers_in_their_environment_are_fine() -> None:
    import multiprocessing
    import time

    import numpy  # noqa: F401

    context = multiprocessing.get_context("spawn")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    workers = [context.Process(target=time.sleep, args=(60,)) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    try:
        not_found("PK204")
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


@in_own_process
def test_lokys_workers_have_their_share_already() -> None:
    import joblib
    from scenario import load

    load("openblas-fake-gnu")
    start_openmp()
    with joblib.parallel_config("loky", n_jobs=THREADS):
        joblib.Parallel()(joblib.delayed(abs)(i) for i in range(8))
        not_found("PK204")
