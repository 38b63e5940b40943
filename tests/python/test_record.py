"""``poolkeeper record``: programs over time, their output and their end untouched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import poolkeeper
import pytest
from isolated import environment, in_own_process, run
from recorded import RECORD, causes, record, record_python

CPUS = int(poolkeeper.cpus())
MANY = 4 * CPUS

#: Works for so much CPU time.
WORK = """
import time
def work(seconds):
    begin = time.thread_time()
    while time.thread_time() - begin < seconds:
        pass
"""

CROWD = f"""
import numpy, poolkeeper, time
poolkeeper.set_limit(blas={MANY})
a = numpy.random.default_rng(0).random((1200, 1200))
begin = time.process_time()
while time.process_time() - begin < 2 * {CPUS}:
    a @ a
"""

#: Regions in which nothing is done, one after the other: between them threads spin.
REGIONS = f"""
import ctypes, glob, importlib.util, time
folder = importlib.util.find_spec("sklearn").submodule_search_locations[0]
gomp = ctypes.CDLL(glob.glob(folder + "/../scikit_learn.libs/libgomp*")[0])
getpid = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
begin = time.process_time()
while time.process_time() - begin < 1.5 * {CPUS}:
    gomp.GOMP_parallel(getpid, None, ctypes.c_uint(0), ctypes.c_uint(0))
"""

FORKS = (
    WORK
    + """
import os
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        work(0.6)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
print(*children)
"""
)

Recorded = tuple[subprocess.CompletedProcess[str], dict[str, Any]]


@pytest.fixture(scope="module")
def crowd() -> Recorded:
    """A BLAS with four threads for each CPU."""
    return record_python(CROWD)


def test_a_blas_with_too_many_threads_is_named(crowd: Recorded) -> None:
    done, numbers = crowd
    cause = causes(numbers)["crowd"]
    assert cause["threads"] > 1.5 * CPUS
    assert cause["cpus"] == pytest.approx(CPUS)
    assert 0.05 <= cause["part"] <= 1
    assert 0 < cause["waited"] < cause["wanted"]
    owners = {one["runtime"]: one for one in numbers["owners"] if one["owner"] == "pool"}
    assert owners["openblas"]["threads"] >= MANY - 1
    assert "openblas" in owners["openblas"]["filepath"]
    text = numbers["verdict"]["text"]
    found = next(number for number, line in enumerate(text) if " shared " in line)
    assert "are openblas's" in text[found]
    assert text[found + 1].startswith("`poolkeeper run -- ")
    assert f"pools of {CPUS} thread" in text[found + 1]
    assert not numbers["verdict"]["is_well"]
    assert "are openblas's" in " ".join(done.stderr.split())


def test_sums_over_time_are_those_of_owners_and_processes(crowd: Recorded) -> None:
    _, numbers = crowd
    lanes = numbers["timeline"]["lanes"]
    for what in ("ran", "waited"):
        for kind, plural in (("owner", "owners"), ("process", "processes")):
            for place, one in enumerate(numbers[plural]):
                its = sum(sum(lane[what]) for lane in lanes if lane[kind] == place)
                assert its == pytest.approx(one[what], abs=1e-6)
    longest = max(len(lane["ran"]) for lane in lanes)
    assert (longest - 1) * numbers["timeline"]["width"] <= numbers["wall"]
    # The program stops when the kernel says that it has used this much.
    ran = sum(owner["ran"] for owner in numbers["owners"]) + numbers["unseen_cpu"]
    assert ran >= 2 * CPUS


def test_the_line_overrides_the_variable_that_asks_for_more() -> None:
    asked = {"OMP_NUM_THREADS": str(MANY), "OMP_WAIT_POLICY": "active"}
    _, numbers = record_python(REGIONS, env=asked)
    assert "crowd" in causes(numbers), numbers["verdict"]
    text = " ".join(numbers["verdict"]["text"])
    assert "are libgomp's" in text
    assert "`poolkeeper run --force -- " in text
    assert f"--force, since OMP_NUM_THREADS={MANY} is set." in text


def test_one_that_ran_within_its_budget_is_not_told_to() -> None:
    launched = [*RECORD[:3], "run", "--quiet", "--", sys.executable, "-c", CROWD]
    _, numbers = record(*launched)
    text = " ".join(numbers["verdict"]["text"])
    assert "It ran under `poolkeeper run`, so the program itself asks for more threads." in text
    assert "`poolkeeper run -- " not in text
    assert "are openblas's" in text


def test_the_processes_that_it_starts_are_followed() -> None:
    done, numbers = record_python(FORKS)
    children = {int(pid) for pid in done.stdout.split()}
    processes = {process["pid"]: process for process in numbers["processes"]}
    assert set(processes) == children | {numbers["pid"]}
    for pid in children:
        assert processes[pid]["ran"] == pytest.approx(0.6, abs=0.2)
        assert 0 < processes[pid]["began"] < processes[pid]["ended"] <= numbers["wall"]
        assert processes[pid]["peak_threads"] == 1


def test_what_comes_and_goes_between_two_looks_is_told() -> None:
    program = f"for i in $(seq 80); do '{sys.executable}' -S -c 1; done"
    done, numbers = record("sh", "-c", program, options=("--hz", "5"))
    assert numbers["unseen_cpu"] > 0
    assert numbers["verdict"]["is_partial"]
    assert not numbers["verdict"]["is_well"]
    assert "came and went between two looks" in " ".join(done.stderr.split())


def test_processes_are_told_apart_as_long_as_there_is_room() -> None:
    # Some of the first ones give their places to some of the second.
    script = "sleep 0.7 &" * 130 + "wait;"
    _, numbers = record("sh", "-c", script * 2, options=("--hz", "50"))
    processes = numbers["processes"]
    assert len(processes) == 201
    (rest,) = [one for one in processes if one["pid"] is None]
    assert rest is processes[-1]
    assert rest["name"] == "61 more processes"
    assert processes[0]["pid"] == numbers["pid"]
    lanes = numbers["timeline"]["lanes"]
    for place, process in enumerate(processes):
        ran = sum(sum(lane["ran"]) for lane in lanes if lane["process"] == place)
        assert ran == pytest.approx(process["ran"], abs=1e-6)
    total = sum(process["ran"] for process in processes)
    assert total == pytest.approx(sum(owner["ran"] for owner in numbers["owners"]), abs=1e-6)


def test_one_that_ends_at_once_is_too_short_to_be_judged() -> None:
    done, numbers = record("true")
    assert numbers["verdict"]["is_short"]
    assert not numbers["verdict"]["causes"]
    assert (numbers["command"], numbers["end"]) == (["true"], {"how": "exited", "code": 0})
    assert "too short to be judged" in done.stderr


def test_output_input_and_exit_code_are_the_programs(tmp_path: Path) -> None:
    program = (
        "import sys; sys.stdout.buffer.write(bytes(range(256))); sys.stderr.write('mine\\n');"
        "sys.stderr.flush(); sys.exit(int(sys.stdin.read()))"
    )
    done = subprocess.run(
        [*RECORD, "--", sys.executable, "-c", program],
        env=environment(), input=b"41", capture_output=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (41, bytes(range(256)))
    assert done.stderr.startswith(b"mine\npoolkeeper record: ")
    assert b"It ended with exit code 41." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["recording.html"]


def test_a_signal_that_ends_it_is_told() -> None:
    done, numbers = record_python("import os; os.kill(os.getpid(), 9)", code=128 + 9)
    assert numbers["end"] == {"how": "killed", "signal": 9, "name": "SIGKILL"}
    assert "It was ended by SIGKILL." in done.stderr


def _started(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """A recorder in a process group of its own, as a shell starts it."""
    return subprocess.Popen(
        [*RECORD, *arguments], env=environment(), text=True, cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize(("sent", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_an_interrupt_is_the_programs_and_the_page_is_written(
    tmp_path: Path, sent: signal.Signals, to_all: bool
) -> None:
    program = (
        "import signal, sys, time\n"
        "def end(number, frame): print('told', number, flush=True); sys.exit(7)\n"
        f"signal.signal({int(sent)}, end); print('ready', flush=True)\n"
        "while True: time.sleep(60)"
    )
    with _started("--", sys.executable, "-c", program, folder=tmp_path) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == "ready\n"
        if to_all:
            os.killpg(recorder.pid, sent)
        else:
            recorder.send_signal(sent)
        out, err = recorder.communicate(timeout=60)
    assert (recorder.returncode, out) == (7, f"told {int(sent)}\n"), err
    assert "It ended with exit code 7." in err
    assert (tmp_path / "recording.html").stat().st_size > 1000


def test_a_running_program_is_recorded_until_an_interrupt(tmp_path: Path) -> None:
    program = WORK + "print('ready', flush=True)\nwork(3600)"
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment(), stdout=subprocess.PIPE
    ) as target:
        assert target.stdout is not None
        assert target.stdout.readline() == b"ready\n"
        options = ("-o", "r.json", "--pid", str(target.pid))
        with _started(*options, folder=tmp_path) as recorder:
            # It has looked for the file and for the process when the file is there.
            while not (tmp_path / "r.json").exists() and recorder.poll() is None:
                pass
            first = _cpu_seconds(target.pid)
            while _cpu_seconds(target.pid) < first + 1 and recorder.poll() is None:
                pass
            recorder.send_signal(signal.SIGINT)
            out, err = recorder.communicate(timeout=60)
        assert target.poll() is None
        target.kill()
    assert (recorder.returncode, out) == (0, ""), err
    numbers = json.loads((tmp_path / "r.json").read_text())
    assert numbers["pid"] == target.pid
    assert numbers["command"][1] == "-c"
    (main,) = [one for one in numbers["owners"] if one["owner"] == "main"]
    # What it had used before the recording is not in it.
    assert 0.5 < main["ran"] < numbers["wall"] + 0.05
    assert numbers["end"] is numbers["processes"][0]["ended"] is None


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_process_that_ends_ends_the_recording(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1.5"]) as target:
        done = run([*RECORD, "-o", "r.json", "--pid", str(target.pid)], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    numbers = json.loads((tmp_path / "r.json").read_text())
    assert numbers["command"] == ["sleep", "1.5"]
    assert numbers["wall"] < 30


def test_seconds_end_a_recording_and_not_the_program(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as target:
        options = ["--pid", str(target.pid), "--seconds", "1", "-o", "r.json"]
        done = run([*RECORD, *options], cwd=tmp_path)
        assert target.poll() is None
        target.kill()
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["wall"] >= 1


def test_a_process_that_is_gone_is_no_recording(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as target:
        pass
    done = run([*RECORD, "--pid", str(target.pid)], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"can't look at process {target.pid}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@in_own_process
def test_another_users_process_is_recorded_by_the_names_of_its_threads() -> None:
    import tempfile

    import poolkeeper.__main__

    program = (
        "import threading, time, numpy, poolkeeper\n"
        "poolkeeper.set_limit(blas=3); a = numpy.ones((600, 600)); a @ a\n"
        "print('ready', flush=True)\n"
        "while True: a @ a"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        assert target.stdout.readline() == b"ready\n"
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            child = os.fork()
            if child == 0:
                if os.geteuid() == 0:
                    os.setresgid(65534, 65534, 65534)
                    os.setresuid(65534, 65534, 65534)
                os.chdir(folder)
                null = os.open("out", os.O_WRONLY | os.O_CREAT)
                os.dup2(null, 2)
                options = ["--pid", str(target.pid), "--seconds", "1", "-o", "r.json"]
                sys.argv = ["poolkeeper", "record", *options]
                os._exit(poolkeeper.__main__.main())
            status = os.waitpid(child, 0)[1]
            said = Path(folder, "out").read_text()
            assert os.waitstatus_to_exitcode(status) == 0, said
            numbers = json.loads(Path(folder, "r.json").read_text())
        target.kill()
    if os.geteuid() != 0:
        return  # One user alone is here, whose processes can be read.
    assert "its memory can't be read" in " ".join(said.split())
    assert any("whose the threads of one process are" in what for what in numbers["unseen"])
    owners = {one["owner"]: one for one in numbers["owners"]}
    assert owners["main"]["ran"] > 0
    assert owners["named"]["name"] == '"python"'
    assert owners["named"]["ran"] > 0


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["--", "no-such-command"], 127, "can't run no-such-command"),
        (["--", "/dev/null"], 126, "can't run /dev/null"),
        (["-o", "no/folder.html", "--", "touch", "ran"], 1, "can't write no/folder.html"),
        (["-o", ".", "--", "touch", "ran"], 2, "must end in .html"),
        (["-o", "x.png", "--", "touch", "ran"], 2, "x.png must end in .html"),
        (["-o", "-", "--", "touch", "ran"], 2, "standard output is the program's own"),
        (["--json", "-o", "x.html", "--", "touch", "ran"], 2, "ends in .json"),
        (["--hz", "0", "--", "touch", "ran"], 2, "0 is not in 1..=1000"),
        (["--pid", "1", "--", "touch", "ran"], 2, "cannot be used with"),
        (["--seconds", "3", "--", "touch", "ran"], 2, "--seconds"),
        ([], 2, "record <COMMAND>"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    tmp_path: Path, command: list[str], code: int, said: str
) -> None:
    done = run([*RECORD, *command], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_json_has_a_file_of_its_own(tmp_path: Path) -> None:
    done = run([*RECORD, "--json", "--", "echo", "hello"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert json.loads((tmp_path / "recording.json").read_text())["command"] == ["echo", "hello"]
