"""The budget where schedulers, launchers and OpenMP have a say, with the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import poolkeeper
import pytest
from isolated import environment, run, run_python
from test_command import MODULE

#: What this machine gives, and half of it.
ALL = int(poolkeeper.cpus())
HALF = max(1, ALL // 2)
TWO = str(2 * ALL)

SHARED = {
    "SLURM_JOB_NUM_NODES": "1",
    "SLURM_CPUS_ON_NODE": TWO,
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_LOCALID": "1",
}
OLD_MARK = "cpus=1,openmp=1,blas=1"


def _cpus(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The CPUs that the command says, and who says so."""
    done = run([*MODULE, "cpus", "--json", *arguments], env)
    assert (done.returncode, done.stderr) == (0, ""), done
    found = json.loads(done.stdout)
    (decides,) = (one for one in found["sources"] if one["status"] == "decides")
    return found["cpus"], decides["place"]


@pytest.mark.parametrize(
    ("env", "cpus", "place"),
    [
        (
            {"SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_CPUS_PER_NODE": "1(x2)"},
            1,
            "SLURM_JOB_CPUS_PER_NODE",
        ),
        ({"SLURM_CPUS_ON_NODE": "1"}, 1, "SLURM_CPUS_ON_NODE"),
        ({**SHARED, "SLURM_STEP_TASKS_PER_NODE": "2"}, HALF, "SLURM_STEP_TASKS_PER_NODE"),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "2"}, HALF, "OMPI_COMM_WORLD_LOCAL_SIZE"),
        ({"MPI_LOCALNRANKS": "2"}, HALF, "MPI_LOCALNRANKS"),
        ({"LOCAL_WORLD_SIZE": "2"}, HALF, "LOCAL_WORLD_SIZE"),
        ({"CPU_LIMIT": "1.0"}, 1, "CPU_LIMIT"),
        ({"PYTHON_CPU_COUNT": "1"}, 1, "PYTHON_CPU_COUNT"),
        ({"LOKY_MAX_CPU_COUNT": "1"}, 1, "LOKY_MAX_CPU_COUNT"),
        ({"PJM_VNODE_CORE": "1"}, 1, "PJM_VNODE_CORE"),
    ],
)
def test_what_was_given_here_counts(env: dict[str, str], cpus: int, place: str) -> None:
    found = _cpus(env)
    assert found == (cpus, place) or ALL == 1


def test_a_slots_file_counts(tmp_path: Path) -> None:
    ad = tmp_path / "ad"
    ad.write_text("Cpus = 1\n")
    assert _cpus({"_CONDOR_MACHINE_AD": str(ad)})[0] == 1
    relative = run([*MODULE, "cpus"], {"_CONDOR_MACHINE_AD": "ad"}, cwd=tmp_path)
    assert relative.stdout.startswith("1 CPU, says"), relative


def test_ranks_of_a_real_parent_share_and_their_children_do_not_share_again() -> None:
    """The parent is no rank; each rank has a child of its own."""
    cpus = "import poolkeeper; print(int(poolkeeper.cpus()), flush=True)"
    child = f"import subprocess, sys; {cpus}; subprocess.run([sys.executable, '-c', {cpus!r}])"
    env = {"OMPI_COMM_WORLD_LOCAL_SIZE": "2"}
    assert run_python(child, env=env).stdout.split() == [str(HALF)] * 2
    # Bound by the launcher: the mask is the rank's own, and its child's.
    bound = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {child}"
    assert (
        run_python(bound, env={"OMPI_COMM_WORLD_LOCAL_SIZE": str(ALL)}).stdout.split() == ["1"] * 2
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OMP_PLACES", "cores"),
        ("OMP_PLACES", "{0}"),
        ("OMP_PROC_BIND", "true"),
        ("GOMP_CPU_AFFINITY", "0-1023"),
    ],
)
def test_openmps_own_binding_is_no_limit(variable: str, value: str) -> None:
    code = (
        "import os; given = os.sched_getaffinity(0)\n"
        "import sklearn.cluster, poolkeeper\n"
        "assert len(os.sched_getaffinity(0)) < len(given) or len(given) == 1\n"
        "budget = poolkeeper.cpus()\n"
        "mask = next(one for one in budget.sources if one.kind == 'affinity')\n"
        "assert mask.cpus == len(given), budget\n"
        'assert len(given) == 1 or "OpenMP\'s own binding" in mask.note, budget\n'
        "print(int(budget))"
    )
    assert run_python(code, env={variable: value}).stdout.strip() == str(ALL)


@pytest.mark.parametrize("how", ["before", "after", "in a thread"])
def test_a_mask_that_somebody_set_counts_beside_openmps(how: str) -> None:
    last = "{max(os.sched_getaffinity(0))}"
    narrow = f"os.sched_setaffinity(0, {last})\n"
    look = "print(int(poolkeeper.cpus()))\n"
    load = "import sklearn.cluster, poolkeeper\n"
    code = {
        "before": f"{narrow}{load}{look}",
        "after": f"last = {last}\n{load}os.sched_setaffinity(0, last)\n{look}",
        "in a thread": (
            f"last = {last}\n{load}import threading\n"
            "def work():\n    os.sched_setaffinity(0, last)\n    "
            f"{look}"
            "thread = threading.Thread(target=work); thread.start(); thread.join()\n"
        ),
    }[how]
    # One place of all CPUs, which one CPU is not; and lists that a runtime follows
    # out of the mask that it found.
    last_cpu = max(os.sched_getaffinity(0))
    for places in (f"{{0:{last_cpu + 1}}}", f"{{{last_cpu}}},{{0}}"):
        if how == "before" or not places.startswith(f"{{{last_cpu}"):
            bind = {"OMP_PLACES": places, "OMP_PROC_BIND": "true"}
            assert run_python(f"import os\n{code}", env=bind).stdout.strip() == "1", places


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("name", ["libomp", "libiomp5"])
def test_llvms_binding_is_no_limit(name: str, lab: dict[str, Path]) -> None:
    look = "print(int(poolkeeper.cpus()), len(os.sched_getaffinity(0)))\n"
    code = (
        f"import ctypes, os, poolkeeper\nopenmp = ctypes.CDLL({str(lab[name])!r})\n"
        "region = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)\n"
        f"{look}openmp.GOMP_parallel(region, None, 2, 0)\n{look}"
    )
    bind = {"KMP_AFFINITY": "granularity=fine,compact"}
    before, now = (line.split() for line in run_python(code, env=bind).stdout.splitlines())
    # Asking starts no runtime and binds nobody.
    assert before == [str(ALL), str(len(os.sched_getaffinity(0)))]
    assert now == [str(ALL), "1"]
    narrow = f"import os\nos.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})\n{code}"
    lines = run_python(narrow, env=bind).stdout.splitlines()
    assert lines == ["1 1", "1 1"]


def test_what_poolkeeper_wrote_elsewhere_does_not_count() -> None:
    stale = {"POOLKEEPER_CPUS": "1", "POOLKEEPER_SET": OLD_MARK, "PYTHON_CPU_COUNT": "1"}
    job = {"SLURM_CPUS_PER_TASK": TWO}
    assert _cpus({**job, **stale})[0] == ALL
    # Outside of a job nothing tells that it is from elsewhere, and what the user said counts.
    assert _cpus(stale) == (1, "POOLKEEPER_CPUS") or ALL == 1
    assert _cpus({**job, "POOLKEEPER_CPUS": "1"})[0] == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"boot": "another"}, "on another machine"),
        ({"job": "Slurm:6"}, "in the job Slurm:6"),
        ({"job": ""}, "outside of this job"),
    ],
)
def test_a_mark_says_where_it_is_from(changed: dict[str, str], why: str | None) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    origin = {"boot": boot, "job": "Slurm:7", "processes": "1"} | changed
    mark = ",".join([OLD_MARK, *(f"{name}={value}" for name, value in origin.items() if value)])
    env = {"SLURM_JOB_ID": "7", "POOLKEEPER_CPUS": "1", "POOLKEEPER_SET": mark}
    done = run([*MODULE, "cpus", "--json"], env)
    override = json.loads(done.stdout)["sources"][0]
    assert override["place"] == "POOLKEEPER_CPUS"
    if why is None:
        assert (override["cpus"], override["note"]) == (1, None)
    else:
        assert (override["cpus"], override["status"]) == (None, "ignored")
        assert why in override["note"]


def test_what_run_gave_a_launcher_is_divided_once() -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    env = {"OMPI_COMM_WORLD_LOCAL_SIZE": "2", "POOLKEEPER_CPUS": TWO}
    for before, cpus in (("1", float(ALL)), ("2", 2.0 * ALL)):
        mark = f"cpus={TWO},openmp=1,blas=1,boot={boot},processes={before}"
        done = run([*MODULE, "cpus", "--json"], {**env, "POOLKEEPER_SET": mark})
        assert json.loads(done.stdout)["sources"][0]["cpus"] == cpus


@pytest.mark.parametrize("variable", ["OMP_PLACES", "HOME_OF_NOTHING"])
def test_openmps_binding_of_another_process_is_no_limit(variable: str) -> None:
    """Its other threads tell: OpenBLAS started them before OpenMP bound the main one."""
    code = (
        "import os, threading; wait = threading.Event()\n"
        "threading.Thread(target=wait.wait).start()\n"
        "import sklearn.cluster\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "print(flush=True); input(); wait.set()"
    )
    with _process({variable: "cores"}, code) as pid:
        found = poolkeeper.cpus(pid)
    assert found == (ALL if variable == "OMP_PLACES" else 1), repr(found)


@contextmanager
def _process(env: dict[str, str], code: str = "print(flush=True); input()") -> Iterator[int]:
    """A process with these variables, which waits."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**environment(), **env},
    ) as other:  # fmt: skip
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        yield other.pid
        other.stdin.write(b"\n")


@pytest.mark.parametrize("kind", ["fifo", "device", "long", "folder"])
def test_files_that_another_process_names_are_opened_with_care(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "named"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "long":
        path.write_bytes(b"x 1\n" * 1_000_000)
    else:
        path.mkdir()
    job = {"JOB_ID": "1", "NSLOTS": "1", "PE_HOSTFILE": str(path), "LSB_JOBID": "1"}
    files = {"LSB_AFFINITY_HOSTFILE": str(path), "_CONDOR_MACHINE_AD": str(path)}
    with _process({**job, **files, "OAR_NODEFILE": str(path)}) as pid:
        done = run([*MODULE, "cpus", "--json", "--pid", str(pid)], timeout=20)
    found = json.loads(done.stdout)["sources"]
    named = [one for one in found if one["value"] == str(path)]
    assert [one["status"] for one in named] == ["unknown"] * 4
    why = "larger than 1048576 bytes" if kind == "long" else "not a regular file"
    assert {one["note"] for one in named} == {f"can't be read: {why}"}


def test_what_another_process_says_does_not_reach_the_terminal() -> None:
    evil = "\x1b[2J\u202e\n\r\x9b31m"
    names = [
        "SLURM_CPUS_PER_TASK", "SLURM_JOB_CPUS_PER_NODE", "OMPI_COMM_WORLD_LOCAL_SIZE",
        "CPU_LIMIT", "_CONDOR_MACHINE_AD", "OMP_PLACES", "POOLKEEPER_SET",
    ]  # fmt: skip
    with _process(dict.fromkeys(names, evil)) as pid:
        done = run([*MODULE, "cpus", "--pid", str(pid)])
        shown = repr(poolkeeper.cpus(pid).sources)
    for text in (done.stdout, shown):
        assert not set("\x1b\u202e\r\x9b") & set(text), text
    assert "\\u{1b}[2J" in done.stdout
    with _process({"POOLKEEPER_CPUS": evil}) as pid:
        done = run([*MODULE, "cpus", "--pid", str(pid)])
    assert done.returncode == 1
    assert not set("\x1b\u202e\r\x9b") & set(done.stderr), done.stderr


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_what_cannot_be_seen_is_said_everywhere(tmp_path: Path) -> None:
    """A sandbox may hide the groups: here, a folder stands where the file should."""
    for name, text in {
        "proc/thread-self/cgroup": "0::/\n",
        "proc/self/mountinfo": "33 24 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/cpu.max/file": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    env = {"POOLKEEPER_SIMULATE_ROOT": str(tmp_path)}
    said = "the CPUs may be fewer: /sys/fs/cgroup/cpu.max: not a regular file."
    shown = run([*MODULE, "cpus"], env)
    assert said in _in_one_line(shown.stdout)
    launched = run([*MODULE, "run", "--", "true"], env)
    assert said in _in_one_line(launched.stderr)
    auto = run_python("import poolkeeper; print(poolkeeper.auto())", env=env)
    assert said in _in_one_line(auto.stdout)
    settled = {**env, "POOLKEEPER_CPUS": "1"}
    assert run([*MODULE, "run", "--", "true"], settled).stderr == ""
    assert run([*MODULE, "run", "-q", "--", "true"], env).stderr == ""


def test_a_fraction_is_not_shown_as_more() -> None:
    shown = run([*MODULE, "cpus"], {"POOLKEEPER_CPUS": "1.99999"}).stdout
    assert ALL == 1 or shown.startswith("1 CPU (1.99999, rounded down), says the user")
    assert "2.00" not in shown


def test_every_variable_is_listed() -> None:
    done = run([*MODULE, "cpus", "--variables", "--json"])
    names = [one["name"] for entry in json.loads(done.stdout) for one in entry["variables"]]
    assert len(names) == len(set(names)) >= 40
    shown = run([*MODULE, "cpus", "--variables"]).stdout
    assert all(name in shown for name in names)
