"""``poolkeeper.cpus()``: the budget as Python and the command tell it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import poolkeeper
import pytest
from isolated import in_own_process, run, run_python
from test_command import _command


def test_it_is_an_int_with_its_sources() -> None:
    budget = poolkeeper.cpus()
    assert isinstance(budget, int)
    assert budget == budget.count == int(budget.fraction) or budget.fraction < 1
    assert len(range(budget)) == budget.count
    assert f"{budget}" == str(budget.count)
    assert [source.status for source in budget.sources].count("decides") == 1
    assert budget.deciding.cpus == min(s.cpus for s in budget.sources if s.cpus is not None)


def test_a_copy_is_a_number() -> None:
    copy = pickle.loads(pickle.dumps(poolkeeper.cpus()))
    assert type(copy) is int
    assert copy == poolkeeper.cpus()


def test_the_table_marks_the_deciding_source_and_fits_80_columns() -> None:
    table = repr(poolkeeper.cpus())
    (marked,) = (line for line in table.splitlines() if line.startswith("*  "))
    assert poolkeeper.cpus().deciding.kind in marked
    assert max(map(len, table.splitlines())) <= 80


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_the_override_decides() -> None:
    budget = poolkeeper.cpus()
    assert (budget, budget.deciding.kind, budget.deciding.value) == (1, "override", "1")


@in_own_process(env={"POOLKEEPER_CPUS": "0.25"})
def test_a_fraction_is_visible_and_at_least_one_cpu() -> None:
    assert (poolkeeper.cpus().count, poolkeeper.cpus().fraction) == (1, 0.25)


@pytest.mark.parametrize("value", ["0", "many", "-2", ""])
def test_an_override_that_is_no_number_is_an_error_everywhere(value: str) -> None:
    code = (
        "import poolkeeper\n"
        "for call in (poolkeeper.cpus, poolkeeper.split, poolkeeper.auto):\n"
        "    try: call()\n"
        "    except poolkeeper.LimitError as error: assert 'POOLKEEPER_CPUS' in str(error)\n"
        "    else: raise SystemExit('no error')\n"
    )
    run_python(code, env={"POOLKEEPER_CPUS": value})
    for command in (["cpus"], ["split"], ["run", "--", "true"], ["env"]):
        done = run([sys.executable, "-m", "poolkeeper", *command], {"POOLKEEPER_CPUS": value})
        assert done.returncode == 1, done
        assert "POOLKEEPER_CPUS" in done.stderr
        assert done.stdout == ""


@in_own_process
def test_the_affinity_mask_of_the_calling_thread_decides() -> None:
    one = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, one)
    budget = poolkeeper.cpus()
    assert budget == 1
    assert budget.deciding.kind in ("affinity", "machine")


@in_own_process(env={"SLURM_CPUS_PER_TASK": "1", "SLURM_CPUS_ON_NODE": "1"})
def test_a_batch_job_has_its_share() -> None:
    budget = poolkeeper.cpus()
    assert budget == 1
    assert budget.deciding.place == "SLURM_CPUS_PER_TASK" or budget.deciding.kind == "machine"
    node = next(s for s in budget.sources if s.place == "SLURM_CPUS_ON_NODE")
    assert (node.status, node.cpus) == ("allows", 1)
    assert "is not said" in (node.note or "")


def test_another_process_has_its_own_environment() -> None:
    with subprocess.Popen(
        ["cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "POOLKEEPER_CPUS": "0.5"},
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"ready\n")
        other.stdin.flush()
        other.stdout.readline()  # it runs: the kernel shows its environment only then
        assert poolkeeper.cpus(other.pid).fraction == 0.5
        found = json.loads(_command("cpus", "--json", "--pid", str(other.pid)).stdout)
        assert (found["exact"], found["sources"][0]["place"]) == (0.5, "POOLKEEPER_CPUS")


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1, 2**80])
def test_a_process_that_is_not_there(pid: int) -> None:
    with pytest.raises(ProcessLookupError, match=f"process {pid}: No such process"):
        poolkeeper.cpus(pid)


@pytest.mark.parametrize("pid", ["1", 1.0, True])
def test_a_process_is_named_by_a_number(pid: object) -> None:
    with pytest.raises(TypeError, match="named by its number"):
        poolkeeper.cpus(pid)  # type: ignore[arg-type]


def test_json_is_what_python_says() -> None:
    assert json.loads(_command("cpus", "--json").stdout) == poolkeeper.cpus().to_dict()


def test_the_command_tells_a_wrong_process() -> None:
    done = _command("cpus", "--pid", str(2**22 + 1), code=1)
    assert "No such process" in done.stderr
    _command("cpus", "--pid", "one", code=2)
