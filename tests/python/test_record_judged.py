"""``poolkeeper record``: codes of the verdict, ``--strict``, and two recordings side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import poolkeeper
import pytest
from isolated import run
from recorded import RECORD, record_python

CPUS = int(poolkeeper.cpus())
MANY = 4 * CPUS

#: Matrices multiplied by so many threads, for so much CPU time.
PRODUCTS = """
import numpy, poolkeeper, time
poolkeeper.set_limit(blas={threads})
a = numpy.random.default_rng(0).random((1200, 1200))
begin = time.process_time()
while time.process_time() - begin < {seconds}:
    a @ a
"""
CROWD = PRODUCTS.format(threads=MANY, seconds=2 * CPUS)

#: Processes each of which has a thread for every CPU.
GREEDY = f"""
import subprocess, sys
program = {PRODUCTS.format(threads=CPUS, seconds=2 * CPUS)!r}
those = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
sys.exit(max(one.wait() for one in those))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Recordings of a program with too many threads, and of one without."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, program in [("a", CROWD), ("b", "import time; time.sleep(0.3)")]:
        path = str(folder / f"{name}.json")
        done = run([*RECORD, "--strict", "-o", path, "--", sys.executable, "-c", program])
        assert done.returncode == (3 if name == "a" else 0), done.stderr
        assert ("--strict: PK70" in done.stderr) == (name == "a")
    return folder / "a.json", folder / "b.json"


def numbers(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text())
    return value


def test_each_cause_has_its_code(files: tuple[Path, Path]) -> None:
    found = {cause["cause"]: cause["code"] for cause in numbers(files[0])["verdict"]["causes"]}
    assert found["crowd"] == "PK701"
    assert found.items() <= {
        "crowd": "PK701", "neighbours": "PK703", "throttled": "PK704",
    }.items()  # fmt: skip
    assert numbers(files[1])["verdict"]["causes"] == []


def test_processes_that_each_take_the_whole_budget_are_told() -> None:
    done, recorded = record_python(GREEDY)
    codes = {cause["cause"]: cause["code"] for cause in recorded["verdict"]["causes"]}
    # With one CPU a thread for every CPU is one thread.
    assert codes["crowd"] == ("PK702" if CPUS > 1 else "PK701")
    text = " ".join(done.stderr.split())
    assert ("each of which takes the whole budget" in text) == (CPUS > 1)


def test_strict_leaves_the_programs_own_exit_code(tmp_path: Path) -> None:
    program = CROWD + "raise SystemExit(7)"
    path = str(tmp_path / "x.json")
    done = run([*RECORD, "--strict", "-o", path, "--", sys.executable, "-c", program])
    assert done.returncode == 7
    assert "--strict" not in done.stderr


def test_strict_judges_a_program_that_runs(tmp_path: Path) -> None:
    endless = PRODUCTS.format(threads=MANY, seconds=1000)
    with subprocess.Popen([sys.executable, "-c", endless]) as process:
        try:
            path = str(tmp_path / "x.json")
            options = ["--strict", "--seconds", "6", "-o", path, "--pid", str(process.pid)]
            done = run([*RECORD, *options])
        finally:
            process.kill()
    assert done.returncode == 3, done.stderr


def test_two_recordings_are_put_side_by_side(files: tuple[Path, Path]) -> None:
    a, b = files
    done = run([*RECORD, "--compare", str(a), str(b)])
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("A: ")
    assert "PK701" in done.stdout
    assert any(line.startswith("openblas ") for line in lines)
    both = json.loads(run([*RECORD, "--json", "--compare", str(a), str(b)]).stdout)
    recorded = [numbers(path) for path in files]
    for side, one in zip((both["a"], both["b"]), recorded, strict=True):
        ran = sum(owner["ran"] for owner in one["owners"]) + one["unseen_cpu"]
        assert side["ran"] == pytest.approx(ran)
        assert side["wall"] == one["wall"]
        assert side["processes"] == len(one["processes"])
        assert side["causes"] == [cause["code"] for cause in one["verdict"]["causes"]]
    assert both["ratios"]["wall"] == pytest.approx(recorded[1]["wall"] / recorded[0]["wall"])
    assert {"ran", "waited"} <= both["owners"][0]["a"].keys()
    # One beside itself has no difference.
    same = json.loads(run([*RECORD, "--json", "--compare", str(a), str(a)]).stdout)
    assert {ratio for ratio in same["ratios"].values() if ratio is not None} == {1.0}


def test_what_is_no_recording_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    recording = files[0].read_text()
    wrong = tmp_path / "wrong.json"
    damaged = [
        "", "{", "[]", "null", "7", "{}", '{"verdict": {}, "owners": 3}',
        recording[: len(recording) // 2],
        recording.replace('"wall":', '"wall": -1, "other":', 1),
        recording.replace('"wall":', '"wall": 1e300, "other":', 1),
        recording.replace('"ran":', '"ran": "x", "other":', 1),
    ]  # fmt: skip
    for text in damaged:
        wrong.write_text(text)
        done = run([*RECORD, "--compare", str(files[0]), str(wrong)])
        assert (done.returncode, done.stdout) == (1, ""), text[:40]
        assert "it is no recording" in done.stderr
    done = run([*RECORD, "--compare", str(tmp_path / "none.json"), str(files[0])])
    assert (done.returncode, done.stdout) == (1, "")
    assert "No such file" in done.stderr
    for options in (["--compare", "a.json"], ["--compare", "a", "b", "--strict"],
                    ["--compare", "a", "b", "--pid", "1"]):  # fmt: skip
        assert run([*RECORD, *options]).returncode == 2
