"""``poolkeeper.split()``: the budget divided, as a limit and as an environment."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading

import poolkeeper
import pytest
from isolated import environment, in_own_process
from scenario import counts, fake
from test_command import _command

pytestmark = pytest.mark.usefixtures("lab")


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({}, [(8, 8, 1)]),
        ({"openmp": 4}, [(8, 4, 2)]),
        ({"openmp": 1}, [(8, 1, 8)]),
        ({"blas": 3}, [(8, 2, 3)]),
        ({"processes": 4}, [(2, 2, 1)] * 4),
        ({"processes": 3}, [(3, 3, 1), (3, 3, 1), (2, 2, 1)]),
        ({"processes": 16}, [(1, 1, 1)] * 8),
        ({"nested": False}, [(8, 8, 8)]),
        ({"processes": 2, "openmp": 4, "blas": 4}, [(4, 4, 1)] * 2),
    ],
)
def test_the_table_of_the_guide(levels: dict[str, int], expected: list[tuple[int, ...]]) -> None:
    plan = poolkeeper.split(**levels, cpus=8)
    assert [(worker.cpus, worker.openmp, worker.blas) for worker in plan.workers] == expected
    command = [f"--{name}={value}" for name, value in levels.items() if name != "nested"]
    command += ["--in-turn"] if not levels.get("nested", True) else []
    told = json.loads(_command("split", "--cpus=8", "--json", *command).stdout)
    assert told == plan.to_dict()
    assert _command("split", "--cpus=8", *command).stdout.rstrip() == repr(plan)


def test_without_a_number_it_divides_the_budget() -> None:
    assert poolkeeper.split().cpus == poolkeeper.cpus()


def test_what_did_not_fit_is_said() -> None:
    plan = poolkeeper.split(processes=16, cpus=8)
    assert "processes=16 was asked for, but only 8 fit" in plan.bounds
    assert "processes=16" in str(plan)


@in_own_process
def test_callers_never_exceed_what_a_loaded_blas_survives() -> None:
    import numpy  # noqa: F401

    (pool,) = poolkeeper.pools()
    assert pool.max_threads is not None
    for cpus in (128, 1024):
        plan = poolkeeper.split(cpus=cpus)
        assert plan.openmp <= pool.max_threads
        assert plan.openmp * plan.blas <= cpus
        assert any("takes 64 callers" in bound for bound in plan.bounds), plan.bounds


@in_own_process
def test_a_plan_is_a_limit_here() -> None:
    fake()
    plan = poolkeeper.split(blas=3, cpus=6)
    with plan as entered:
        assert entered is plan
        assert counts() == {"openblas": 3}
        with poolkeeper.split(blas=2, cpus=6):
            assert counts() == {"openblas": 2}
        with plan:
            assert counts() == {"openblas": 3}
        assert counts() == {"openblas": 3}
    assert counts() == {"openblas": 8}
    scope = plan.worker(0).limit()
    assert counts() == {"openblas": 3}
    scope.release()
    assert counts() == {"openblas": 8}


@in_own_process
def test_an_exception_ends_the_limit_and_goes_on() -> None:
    fake()
    with pytest.raises(ZeroDivisionError), poolkeeper.split(blas=2, cpus=4):
        raise ZeroDivisionError
    assert counts() == {"openblas": 8}


@in_own_process
def test_one_plan_entered_by_threads_that_overlap() -> None:
    fake()
    plan = poolkeeper.split(blas=2, cpus=4)
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with plan:
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with plan:
        thread.start()
        inside.wait()
    assert counts() == {"openblas": 2}, "the other thread is still inside"
    leave.set()
    thread.join()
    assert counts() == {"openblas": 8}


@in_own_process
def test_a_plan_covers_what_is_loaded_later() -> None:
    with poolkeeper.split(blas=2, cpus=4):
        fake()
        assert counts() == {"openblas": 2}
    assert counts() == {"openblas": 8}


def test_children_keep_their_share() -> None:
    plan = poolkeeper.split(processes=4, cpus=10)
    code = (
        "import numpy, sklearn.cluster, poolkeeper, json\n"
        "print(json.dumps([int(poolkeeper.cpus()),"
        " {p.runtime: p.num_threads for p in poolkeeper.pools()}]))"
    )
    cpus = poolkeeper.cpus()
    for worker in (plan.worker(0), plan.worker(3)):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment() | worker.env(),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        budget, threads = json.loads(done.stdout)
        assert budget == min(worker.cpus, cpus)
        own = {"openblas": 1, "libgomp": worker.openmp}
        # scikit-learn imports pandas, and pandas pyarrow.
        assert threads == {**own, "arrow": worker.openmp, "arrow_io": max(worker.cpus, 4)}


def test_a_share_can_be_sent_to_another_process() -> None:
    share = poolkeeper.split(processes=4, cpus=10).worker(0)
    copy = pickle.loads(pickle.dumps(share))
    assert copy == share
    assert copy.env() == share.env()
    assert repr(copy) == repr(share)


def test_the_environment_of_a_plan_fits_every_worker() -> None:
    plan = poolkeeper.split(processes=4, cpus=10)
    assert plan.env() == plan.worker(3).env()
    assert plan.env()["OMP_NUM_THREADS"] == "2"
    assert set(plan.env()).isdisjoint({"PATH"})
    assert os.environ.get("POOLKEEPER_SET") is None


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"processes": 0}, poolkeeper.LimitError, "0"),
        ({"openmp": -1}, poolkeeper.LimitError, "-1"),
        ({"blas": 2**70}, poolkeeper.LimitError, "1180591620717411303424"),
        ({"cpus": 0}, poolkeeper.LimitError, "0"),
        ({"openmp": 2.0}, TypeError, "2.0"),
        ({"processes": True}, TypeError, "True"),
        ({"blas": "two"}, TypeError, "two"),
        ({"blass": 2}, TypeError, "blass"),
    ],
)
def test_wrong_numbers(wrong: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        poolkeeper.split(**wrong)  # type: ignore[arg-type]


def test_there_is_no_such_worker() -> None:
    with pytest.raises(IndexError, match="4"):
        poolkeeper.split(processes=4, cpus=8).worker(4)
