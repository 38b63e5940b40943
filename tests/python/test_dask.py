"""`poolkeeper.dask`: real clusters, and what tasks in their workers see."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import Any

import pytest
from isolated import ROOT, in_own_process
from scenario import fake

pytestmark = pytest.mark.usefixtures("lab")
NAMES = ("POOLKEEPER_CPUS", "LOKY_MAX_CPU_COUNT", "NUMEXPR_NUM_THREADS")
BUDGET = {"POOLKEEPER_CPUS": "2"}  # on any machine with two CPUs


def _cluster(workers: int, threads: int, **options: Any) -> Any:
    """Make a cluster whose workers are processes, and its client."""
    from distributed import Client, LocalCluster

    options = {"processes": True, "dashboard_address": ":0", **options}
    # Tasks fail on purpose. `silence_logs` holds in the workers, and here until
    # the cluster is closed; what its event loop still says after that is about
    # connections that are gone.
    options["silence_logs"] = logging.CRITICAL
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    cluster = LocalCluster(n_workers=workers, threads_per_worker=threads, **options)
    return cluster, Client(cluster)


def _look(_: object = None) -> tuple[int, dict[str, str | None]]:
    """Say what an OpenBLAS of 8 threads has, and the environment."""
    import poolkeeper

    library = fake()
    poolkeeper.pools()  # what was loaded in this task is limited from the next call on
    return library.openblas_get_num_threads(), {name: os.environ.get(name) for name in NAMES}


def _look_both() -> tuple[int | None, int | None]:
    """Say what a libgomp and the OpenBLAS have in this thread."""
    import ctypes

    import poolkeeper

    fake(), ctypes.CDLL("libgomp.so.1")
    pools = {pool.runtime: pool for pool in poolkeeper.pools() if pool.version != "0.3.31.188.0"}
    return pools["libgomp"].num_threads, fake().openblas_get_num_threads()


def _share(number: str) -> dict[str, str]:
    return dict.fromkeys(NAMES, number)


@in_own_process(env=BUDGET)
def test_each_task_gets_its_part_of_the_workers_cpus() -> None:
    from poolkeeper.dask import WorkerLimits

    cluster, client = _cluster(2, 1)
    with cluster, client:
        for _, environment in client.run(_look).values():
            assert environment == {**dict.fromkeys(NAMES), **BUDGET}
        client.register_plugin(WorkerLimits())
        for worker in client.scheduler_info()["workers"]:
            task = client.submit(_look_both, workers=[worker], pure=False)
            assert task.result(timeout=60) == (1, 1)
            assert client.submit(_look, workers=[worker], pure=False).result() == (1, _share("1"))


@in_own_process(env=BUDGET)
def test_a_worker_of_one_thread_may_have_more_cpus() -> None:
    from poolkeeper.dask import WorkerLimits

    cluster, client = _cluster(1, 1)
    with cluster, client:
        # A library that is loaded already has its own count outside of tasks.
        assert list(client.run(_look_both).values()) == [(1, 8)]  # 1: Dask's OMP_NUM_THREADS
        client.register_plugin(WorkerLimits(cpus=2))
        # What Dask chose for OpenMP is not raised.
        assert client.submit(_look_both, pure=False).result(timeout=60) == (1, 2)
        client.register_plugin(WorkerLimits(cpus=1))  # in place of the other one
        assert client.submit(_look_both, pure=False).result(timeout=60) == (1, 1)
        client.register_plugin(WorkerLimits(cpus=64))  # more than the budget
        assert client.submit(_look_both, pure=False).result(timeout=60) == (1, 2)
        assert [threads for threads, _ in client.run(_look).values()] == [8]  # no task runs


@in_own_process(env=BUDGET)
def test_removed_it_leaves_nothing_behind() -> None:
    from poolkeeper.dask import WorkerLimits

    cluster, client = _cluster(1, 2)
    with cluster, client:
        before = client.submit(_look, pure=False).result(timeout=60)
        assert before[0] == 8
        client.register_plugin(WorkerLimits())
        assert client.submit(_look, pure=False).result(timeout=60) == (1, _share("1"))
        client.unregister_worker_plugin("poolkeeper")
        assert client.submit(_look, pure=False).result(timeout=60) == before


@in_own_process(env=BUDGET)
def test_workers_that_come_later_have_it_too() -> None:
    from poolkeeper.dask import WorkerLimits

    cluster, client = _cluster(1, 1)
    with cluster, client:
        client.register_plugin(WorkerLimits())
        cluster.scale(2)
        client.wait_for_workers(2, timeout=60)
        seen = [
            client.submit(_look, workers=[worker], pure=False).result(timeout=60)
            for worker in client.scheduler_info()["workers"]
        ]
        assert seen == [(1, _share("1"))] * 2


@in_own_process(env=BUDGET)
def test_workers_without_a_process_of_their_own_keep_the_environment() -> None:
    from poolkeeper.dask import WorkerLimits

    before = dict(os.environ)
    cluster, client = _cluster(2, 1, processes=False)
    with cluster, client:
        client.register_plugin(WorkerLimits())
        assert client.submit(_look, pure=False).result(timeout=60)[0] == 1
        assert client.submit(_budget, pure=False).result(timeout=60) == 1
        assert dict(os.environ) == before
        assert (_look()[0], _budget()) == (8, 2)
    assert dict(os.environ) == before


@in_own_process(env=BUDGET)
def test_the_module_can_be_preloaded() -> None:
    cluster, client = _cluster(1, 1, preload=["poolkeeper.dask"])
    with cluster, client:
        assert client.submit(_look, pure=False).result(timeout=60) == (1, _share("1"))


def _budget() -> int:
    import poolkeeper

    return int(poolkeeper.cpus())


class _Counter:
    """An actor: its methods run in a thread of their own."""

    def look(self) -> int:
        return _look()[0]


def _fail() -> None:
    raise KeyError("mine", _look()[0])


def _leave_the_pool() -> int:
    """Wait for a task of one's own, which needs the only thread of the worker."""
    from distributed import worker_client

    with worker_client() as client:
        return client.submit(abs, -1).result(timeout=60)


@in_own_process(env=BUDGET)
def test_errors_actors_and_tasks_that_leave_the_pool() -> None:
    from poolkeeper.dask import WorkerLimits

    cluster, client = _cluster(1, 1)
    with cluster, client:
        client.register_plugin(WorkerLimits())
        assert client.submit(_fail).exception(timeout=60).args == ("mine", 1)
        assert client.submit(_Counter, actor=True).result(timeout=60).look().result() == 1
        assert client.submit(_leave_the_pool).result(timeout=60) == 1
        assert client.submit(_look, pure=False).result(timeout=60) == (1, _share("1"))


def _cpus_inside() -> tuple[int, int]:
    """What a pool inside a task divides."""
    import poolkeeper

    with poolkeeper.ThreadPoolExecutor() as executor:
        return int(poolkeeper.cpus()), executor.share.cpus


@in_own_process(env=BUDGET)
def test_a_pool_inside_a_task_divides_the_tasks_share() -> None:
    from poolkeeper.dask import WorkerLimits

    cluster, client = _cluster(1, 2)
    with cluster, client:
        client.register_plugin(WorkerLimits())
        assert client.submit(_cpus_inside).result(timeout=60) == (1, 1)


@pytest.mark.parametrize(("cpus", "error"), [(0, ValueError), (-2, ValueError), ("4", TypeError)])
def test_wrong_cpus(cpus: Any, error: type[Exception]) -> None:
    from poolkeeper.dask import WorkerLimits

    with pytest.raises(error, match=str(cpus)):
        WorkerLimits(cpus)


@pytest.mark.parametrize(
    ("cpus", "nthreads", "budget", "each"),
    [(None, 4, 8, 1), (8, 4, 8, 2), (8, 3, 8, 2), (64, 4, 8, 2), (2, 4, 8, 1), (None, 16, 8, 1)],
)
def test_the_share_of_a_task(cpus: int | None, nthreads: int, budget: int, each: int) -> None:
    from poolkeeper.dask import WorkerLimits

    share = WorkerLimits(cpus).share_of_task(nthreads, budget)
    assert (share.cpus, share.openmp, share.blas) == (each, each, each)


def test_the_example_runs_scikit_learn_under_it() -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "dask_scikit_learn.py")]
    done = subprocess.run(
        command, env={**os.environ, **BUDGET}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "threads a task: 1 of OpenMP, 1 of BLAS" in done.stdout
    assert "best: " in done.stdout
