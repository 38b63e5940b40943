"""Imports that end the process, or are ended: the report says how, and why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from isolated import environment, run

from doctor.findings import command

pytestmark = pytest.mark.usefixtures("lab")

#: A user who has no processes yet, where the tests run as root: root has no limit.
USER = 64321
POOLKEEPER = [sys.executable, "-m", "poolkeeper"]


def _limited(option: str, value: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on 32 CPUs under ``ulimit``."""
    become = []
    if os.geteuid() == 0:
        kept = "-all,+dac_override,+dac_read_search"  # the interpreter may be root's
        become = ["setpriv", f"--reuid={USER}", "--clear-groups"]
        become += [f"--inh-caps={kept}", f"--ambient-caps={kept}"]
    elif option == "-u":
        value += _own_threads()
    shell = ["bash", "-c", f'ulimit {option} {value}; exec "$@"', "bash"]
    simulate = [*POOLKEEPER, "simulate", "--cpus", "32", "--output", "/dev/null", "--"]
    return run([*become, *shell, *simulate, *arguments])


def _own_threads() -> int:
    count = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        lines = status.read_bytes().splitlines()
        fields = {line.split(b":")[0]: line.split()[1:] for line in lines if b":" in line}
        if int(fields[b"Uid"][0]) == os.getuid():
            count += int(fields[b"Threads"][0])
    return count


def _words(text: str) -> str:
    return " ".join(text.split())


def test_too_few_threads_for_openblas() -> None:
    done = _limited("-u", 22, *POOLKEEPER, "doctor", "-i", "numpy")
    assert done.returncode == 1
    said = _words(done.stdout)
    assert "nothing was judged: importing numpy ended the process, by SIGINT" in said
    assert "it said: OpenBLAS blas_thread_init: pthread_create failed for thread" in said
    assert "limit RLIMIT_NPROC (ulimit -u):" in said
    assert "Traceback" not in done.stderr
    assert "pthread_create failed" in done.stderr  # as it was said


def test_too_little_memory_for_openblas() -> None:
    done = _limited("-v", 700_000, *POOLKEEPER, "doctor", "-i", "numpy")
    assert done.returncode == 1
    said = _words(done.stdout)
    assert "nothing was judged: importing numpy ended the process" in said
    assert "it said: OpenBLAS" in said
    assert "limit RLIMIT_AS (ulimit -v): 683 MB" in said


CAUGHT = """
import json
try:
    import numpy
except KeyboardInterrupt:
    import poolkeeper
report = poolkeeper.doctor()
print(json.dumps(report.to_dict()))
exec(report.findings[0].fix["python"])
print(json.dumps(poolkeeper.doctor().to_dict()))
"""


def test_an_openblas_with_fewer_workers_than_it_counts_on() -> None:
    done = _limited("-u", 22, sys.executable, "-c", CAUGHT)
    before, after = map(json.loads, done.stdout.splitlines())
    (finding,) = before["findings"]
    assert (finding["code"], finding["severity"]) == ("PK601", "error")
    assert "missing: it could not start them" in finding["evidence"][0]["text"]
    assert after["findings"] == []


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("os.kill(os.getpid(), 9)", "by SIGKILL (Killed)"),
        ("os.abort()", "by SIGABRT (Aborted)"),
        ("os._exit(0)", "with exit code 0"),
        ("os._exit(7)", "with exit code 7"),
    ],
)
def test_an_import_that_ends_the_process(code: str, how: str, tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text(f"import os, sys; print('last', file=sys.stderr); {code}")
    env = {"PYTHONPATH": str(tmp_path)}
    done = command("-i", "json", "ends", env=env)
    assert done.returncode == 1
    said = _words(done.stdout)
    assert said.startswith(
        f"poolkeeper doctor: nothing was judged: importing ends ended the process, {how}"
    )
    assert "it said: last" in said
    report = json.loads(command("--json", "-i", "ends", env=env).stdout)
    assert report["is_healthy"] is False
    told = run([*POOLKEEPER, "info", "-i", "ends"], env=env)
    assert told.returncode == 1
    assert "importing ends ended the process" in told.stderr


def test_imports_happen_once_and_print_where_they_did(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("import sys; print('out'); print('err', file=sys.stderr)")
    done = run([*POOLKEEPER, "info", "-i", "loud"], env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "err\n")
    assert done.stdout.startswith("out\nNo native thread pools")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_and_its_import(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n')\n"
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [*POOLKEEPER, "doctor", "-i", "long"],
        env=environment(PYTHONPATH=str(tmp_path)), stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(timeout=30) == -number
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


@pytest.mark.parametrize("command_", [["info", "-i", "shut"], ["doctor", "-i", "shut"]])
def test_a_module_that_closes_stdout(command_: list[str], tmp_path: Path) -> None:
    (tmp_path / "shut.py").write_text("import sys; sys.stdout.close()")
    done = run([*POOLKEEPER, *command_], env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert "thread pool" in done.stdout
