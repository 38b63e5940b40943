"""Apache Arrow: two pools in one library, which pyarrow brings; their real threads."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import poolkeeper
import pytest
from isolated import in_own_process, run, run_python
from scenario import by_name, counts, in_child, the_pool
from test_command import MODULE

CPUS = len(os.sched_getaffinity(0))
FEWEST = 4  # threads to which a limit lowers the I/O pool
SUMS = {key: sum(range(key, 70_000, 7)) for key in range(7)}


def _threads() -> set[str]:
    return set(os.listdir("/proc/self/task"))


def _table() -> Any:
    """A table in many pieces: tasks for many threads."""
    import pyarrow

    numbers = range(70_000)
    columns = {"key": [number % 7 for number in numbers], "value": list(numbers)}
    return pyarrow.Table.from_batches(pyarrow.table(columns).to_batches(max_chunksize=500))


def _sums(table: Any) -> dict[int, int]:
    grouped = table.group_by("key").aggregate([("value", "sum")])
    return dict(zip(*(grouped[name].to_pylist() for name in ("key", "value_sum")), strict=True))


def _workers(table: Any, before: set[str], most: int) -> int:
    """Compute until there are as many threads more than before; return how many.

    Arrow starts a thread when more tasks wait than it has threads, and keeps it.
    """
    workers = 0
    for _ in range(50):
        assert _sums(table) == SUMS
        workers = len(_threads() - before)
        if workers >= most:
            break
    return workers


@in_own_process
def test_it_is_two_pools_with_what_it_says_itself() -> None:
    import pyarrow

    computing, reading = (the_pool(runtime) for runtime in ("arrow", "arrow_io"))
    assert (computing.name, reading.name) == ("Apache Arrow", "Apache Arrow (I/O)")
    assert (computing.num_threads, reading.num_threads) == (CPUS, 8)
    assert pyarrow.cpu_count() == CPUS
    assert pyarrow.io_thread_count() == 8
    for pool in (computing, reading):
        assert (pool.level, pool.reach, pool.prefix) == ("other", "process", "libarrow")
        assert pool.version == pyarrow.cpp_version
        assert Path(pool.filepath).name.startswith("libarrow.so")
    assert computing.id != reading.id


@in_own_process
def test_a_limit_is_what_it_computes_with() -> None:
    import pyarrow

    table, before = _table(), _threads()
    pyarrow.set_cpu_count(6)
    assert _workers(table, before, 6) == 6
    with poolkeeper.limit(2) as scope:
        assert by_name(scope.outcomes)["arrow"] == "applied"
        assert pyarrow.cpu_count() == 2
        assert _workers(table, before, 2) == 2
        with poolkeeper.limit(arrow=1):
            assert _workers(table, before, 1) == 1
        assert _workers(table, before, 2) == 2
        with poolkeeper.limit(other=9) as above:
            assert by_name(above.outcomes)["arrow"] == "shared"
            assert pyarrow.cpu_count() == 2
    assert pyarrow.cpu_count() == 6
    assert _workers(table, before, 6) == 6
    with poolkeeper.limit(9) as scope:
        assert by_name(scope.outcomes)["arrow"] == "below"
        assert pyarrow.cpu_count() == 6
    with poolkeeper.limit(arrow=9, force=True):
        assert _workers(table, before, 9) == 9
    assert pyarrow.cpu_count() == 6


@in_own_process
def test_a_change_by_the_program_is_left_alone() -> None:
    import pyarrow

    pyarrow.set_cpu_count(6)
    scope = poolkeeper.limit(arrow=2)
    pyarrow.set_cpu_count(3)
    with pytest.warns(poolkeeper.LimitWarning, match="3 was found"):
        scope.release()
    assert pyarrow.cpu_count() == 3


@in_own_process
def test_a_limit_from_before_the_import_holds_and_ends() -> None:
    with poolkeeper.limit(1):
        import pyarrow
        import pyarrow.compute

        before = _threads()
        assert (pyarrow.cpu_count(), pyarrow.io_thread_count()) == (1, FEWEST)
        assert _workers(_table(), before, 1) == 1
    assert (pyarrow.cpu_count(), pyarrow.io_thread_count()) == (CPUS, 8)


@in_own_process
def test_what_reads_and_writes_keeps_as_many_threads_as_it_needs() -> None:
    import pyarrow

    assert pyarrow.io_thread_count() == 8
    with poolkeeper.limit(6) as scope:
        assert by_name(scope.outcomes)["arrow_io"] == "applied"
        assert pyarrow.io_thread_count() == 6
        with poolkeeper.limit(1) as fewer:
            (outcome,) = [o for o in fewer.outcomes if o.name == "arrow_io"]
            assert (outcome.status, outcome.observed) == ("clamped", FEWEST)
            assert pyarrow.io_thread_count() == FEWEST
        assert pyarrow.io_thread_count() == 6
    assert pyarrow.io_thread_count() == 8
    pyarrow.set_io_thread_count(2)  # the program's own choice is not raised
    with poolkeeper.limit(1):
        assert pyarrow.io_thread_count() == 2
    assert pyarrow.io_thread_count() == 2


# With one I/O thread this waits for ever.
DATASET = """
import sys, pyarrow, pyarrow.dataset, poolkeeper
table = pyarrow.table({"key": [number % 9 for number in range(9000)]})
where = dict(base_dir=sys.argv[1], format="feather")
pyarrow.dataset.write_dataset(table, partitioning=["key"], **where)
with poolkeeper.limit(1):
    dataset = pyarrow.dataset.dataset(sys.argv[1], format="feather", partitioning=["key"])
    print(dataset.to_table().num_rows)
"""


def test_a_limit_of_one_reads_a_dataset_of_feather_files(tmp_path: Path) -> None:
    done = run([sys.executable, "-c", DATASET, str(tmp_path)])
    assert (done.stdout.strip(), done.stderr) == ("9000", "")


@in_own_process
def test_threads_that_limit_while_it_computes_change_no_result() -> None:
    import pyarrow

    pyarrow.set_cpu_count(6)
    table, end, wrong = _table(), threading.Event(), []

    def limits(most: int) -> int:
        rounds = 0
        while not end.is_set():
            with poolkeeper.limit(most), poolkeeper.limit(arrow=1 + rounds % 4):
                if pyarrow.cpu_count() > most:
                    wrong.append(pyarrow.cpu_count())
            rounds += 1
        return rounds

    with ThreadPoolExecutor(4) as threads:
        rounds = [threads.submit(limits, most) for most in (2, 3, 4)]
        results = [_sums(table) for _ in range(100)]
        end.set()
        assert min(future.result() for future in rounds) > 0
    assert results == [SUMS] * 100
    assert wrong == []
    assert pyarrow.cpu_count() == 6


@in_own_process
def test_a_forked_child_computes_and_is_limited() -> None:
    import pyarrow

    pyarrow.set_cpu_count(6)
    table = _table()
    assert _sums(table) == SUMS

    def child() -> list[Any]:
        before, inherited = _threads(), pyarrow.cpu_count()
        inside = inherited, _workers(table, before, inherited)
        with poolkeeper.limit(arrow=1):
            inner = pyarrow.cpu_count(), _workers(table, before, 1)
        return [*inside, *inner, pyarrow.cpu_count()]

    with poolkeeper.limit(arrow=3):
        assert in_child(child) == [3, 3, 1, 1, 3]
        assert _sums(table) == SUMS
    assert in_child(child) == [6, 6, 1, 1, 6]
    assert pyarrow.cpu_count() == 6


@in_own_process
def test_the_threadpoolctl_layer_lists_what_threadpoolctl_lists() -> None:
    import poolkeeper.threadpoolctl
    import pyarrow

    assert {"arrow", "arrow_io"} <= set(counts())
    listed = poolkeeper.threadpoolctl.threadpool_info()
    assert {pool["internal_api"] for pool in listed} <= {"openblas", "openmp"}
    with poolkeeper.threadpoolctl.threadpool_limits(1):
        assert (pyarrow.cpu_count(), pyarrow.io_thread_count()) == (CPUS, 8)


@in_own_process
def test_the_doctor_takes_threads_that_wait_for_none_too_many() -> None:
    import pyarrow  # noqa: F401

    codes = {finding.code for finding in poolkeeper.doctor(cpus=CPUS).findings}
    assert not codes & {"PK201", "PK202", "PK203", "PK404", "PK405"}


@in_own_process
def test_the_doctor_sees_a_number_above_the_budget() -> None:
    import pyarrow

    pyarrow.set_cpu_count(CPUS + 5)
    (finding,) = [f for f in poolkeeper.doctor().findings if f.code == "PK201"]
    assert finding.summary.startswith(f"Apache Arrow {pyarrow.cpp_version} runs {CPUS + 5} threads")
    assert all("I/O" not in line for line in finding.evidence)
    exec(finding.fix["python"])
    assert pyarrow.cpu_count() == CPUS


@in_own_process(env={"OMP_NUM_THREADS": "3,2", "ARROW_IO_THREADS": "5"})
def test_its_variables_are_read_as_it_reads_them() -> None:
    import pyarrow

    assert {name: counts()[name] for name in ("arrow", "arrow_io")} == {"arrow": 3, "arrow_io": 5}
    assert (pyarrow.cpu_count(), pyarrow.io_thread_count()) == (3, 5)
    with poolkeeper.limit(8) as scope:
        outcomes = by_name(scope.outcomes)
        assert (outcomes["arrow"], outcomes["arrow_io"]) == ("below", "below")
        assert (pyarrow.cpu_count(), pyarrow.io_thread_count()) == (3, 5)


@in_own_process(env={"ARROW_IO_THREADS": "5"})
def test_auto_keeps_what_the_user_chose() -> None:
    import pyarrow

    done = poolkeeper.auto(openmp=1)
    assert (pyarrow.cpu_count(), pyarrow.io_thread_count()) == (1, 5)
    assert os.environ["ARROW_IO_THREADS"] == "5"
    done.release()
    assert (pyarrow.cpu_count(), pyarrow.io_thread_count()) == (CPUS, 5)


@in_own_process(env={"OMP_NUM_THREADS": "1"})
def test_threads_that_wait_widen_no_share() -> None:
    import pyarrow
    from scenario import load

    load("libomp")
    assert (pyarrow.cpu_count(), pyarrow.io_thread_count()) == (1, 8)
    with poolkeeper.ThreadPoolExecutor(1, cpus=8) as executor:
        assert executor.share.openmp == 1


def test_its_variable_keeps_a_budget() -> None:
    code = (
        "import poolkeeper; print(poolkeeper.split(processes=1, cpus=2).env()['ARROW_IO_THREADS'])"
    )
    assert run_python(code).stdout.strip() == "4"  # with fewer it can hang
    done = run([*MODULE, "env", "--cpus", "64"])
    assert "ARROW_IO_THREADS" not in done.stdout  # 8 by itself: never raised
