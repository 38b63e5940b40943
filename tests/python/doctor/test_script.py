"""``poolkeeper doctor -- PROGRAM``: the program runs as it would by itself."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from isolated import run

from doctor.findings import command

pytestmark = pytest.mark.usefixtures("lab")

SCRIPT = """\
import atexit, multiprocessing, os, pickle, sys, threading
import helper
print(__name__, sys.argv, __file__, sys.path[0], __spec__, __builtins__ is not None)
atexit.register(print, "an exit function")
class Here: pass
def later():
    threading.main_thread().join()
    print("a thread that outlives its main", type(pickle.loads(pickle.dumps(Here()))))
threading.Thread(target=later).start()
def end(how):
    if how == "raise": raise ValueError("two\\nlines") from KeyError("cause")
    if how == "text": sys.exit("a text")
    if how == "number": sys.exit(3)
    if how == "true": sys.exit(True)
    if how == "zero": sys.exit(0)
    if how == "interrupt": raise KeyboardInterrupt
    if how == "hook":
        sys.excepthook = lambda kind, error, trace: print("hook", kind, trace.tb_lineno)
        raise OSError
    if how == "child":
        if os.fork() == 0: sys.exit(0)
        os.wait()
    if how == "spawn":
        process = multiprocessing.get_context("spawn").Process(target=print, args=("child",))
        process.start(); process.join()
if __name__ == "__main__":
    end(*sys.argv[1:])
"""
ENDINGS = ("none", "raise", "text", "number", "true", "zero", "interrupt", "hook", "child", "spawn")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "helper.py").write_text("")
    path = tmp_path / "program" / "train.py"
    path.write_text(SCRIPT)
    return path


def _alone(*arguments: str, **options: Any) -> CompletedProcess[str]:
    return run([sys.executable, *arguments], **options)


@pytest.mark.parametrize("ending", ENDINGS)
def test_output_and_exit_code_are_the_programs(ending: str, script: Path, tmp_path: Path) -> None:
    alone = _alone(str(script), ending)
    done = command("--output", str(tmp_path / "report"), "--", str(script), ending)
    assert (done.returncode, done.stdout, done.stderr) == (
        alone.returncode, alone.stdout, alone.stderr,
    )  # fmt: skip
    assert "a thread that outlives its main" in done.stdout
    report = (tmp_path / "report").read_text()
    failed = ending in ("raise", "text", "number", "true", "interrupt", "hook")
    said = "nothing was judged: the program ended with" if failed else "all is well"
    assert report.startswith(f"poolkeeper doctor: {said}")


def test_the_endings_are_what_they_are_meant_to_be(script: Path) -> None:
    codes = [_alone(str(script), ending).returncode for ending in ENDINGS]
    assert codes == [0, 1, 1, 3, 1, 0, -signal.SIGINT, 1, 0, 0]


def test_the_report_comes_last_and_on_standard_error(script: Path) -> None:
    done = command("--", str(script), "raise")
    alone = _alone(str(script), "raise")
    assert done.stdout == alone.stdout
    assert done.stderr.startswith(alone.stderr)
    report = done.stderr.removeprefix(alone.stderr)
    assert "nothing was judged: the program ended with ValueError" in report


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("close", ["sys.{0}.close()", "sys.{0} = None", "sys.__{0}__.close()"])
def test_a_script_that_closes_a_stream_gets_its_report(
    stream: str, close: str, tmp_path: Path
) -> None:
    path = tmp_path / "closes.py"
    path.write_text(f"import sys; print('before'); {close.format(stream)}")
    done = command("--", str(path))
    assert (done.returncode, done.stdout) == (0, "before\n")
    if close.format(stream) != "sys.stderr = None":
        assert done.stderr.startswith("poolkeeper doctor: all is well")
    assert "Traceback" not in done.stderr


def test_a_relative_script_and_a_syntax_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def (")
    for arguments in (["broken.py"], ["-m", "broken"], ["-m", "no.such"], ["-m", "platform"]):
        alone = _alone(*arguments, cwd=tmp_path)
        done = command("-o", "report", "--", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (alone.returncode, alone.stderr)


def test_a_module_runs_as_with_python_m(tmp_path: Path) -> None:
    (tmp_path / "here.py").write_text("import sys; print(__name__, sys.argv, __spec__.name)")
    alone = _alone("-m", "here", "-x", cwd=tmp_path)
    done = command("--", "-m", "here", "-x", cwd=tmp_path)
    assert done.stdout == alone.stdout == f"__main__ {[str(tmp_path / 'here.py'), '-x']} here\n"


def test_what_the_program_loaded_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text("import numpy, os\nos.environ['OPENBLAS_NUM_THREADS'] = '1'\n")
    done = command("--", str(path))
    assert done.returncode == 0
    assert "warning PK401" in done.stderr


@pytest.mark.parametrize(("ending", "code"), [("none", 3), ("number", 3), ("raise", 1)])
def test_strict_decides_only_where_the_program_does_not(
    ending: str, code: int, script: Path
) -> None:
    env = {"OMP_NUM_THREADS": "300"}
    script.write_text("import ctypes, numpy, sklearn.cluster\n" + SCRIPT)
    script.write_text(script.read_text() + "ctypes.CDLL(None).puts(b'from C')\n")
    done = command("--strict", "--", str(script), ending, env=env)
    assert done.returncode == code
    assert "error PK101" in done.stderr
    assert "an exit function" in done.stdout
    if ending == "none":
        assert "from C" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--", "no_such.py"], "there is no file no_such.py"),
        (["--", "python", "x.py"], "name the script itself"),
        (["--", "-m"], "name of a module"),
        (["-i", "numpy", "--", "x.py"], "not both"),
        (["--explain", "PK10"], 'did you mean "PK10'),
        (["--cpus", "0"], "--cpus"),
        (["script.py"], "script.py"),
    ],
)
def test_wrong_arguments_exit_with_2_and_say_why(
    arguments: list[str], named: str, tmp_path: Path
) -> None:
    done = command(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_cannot_be_written_is_told_before_the_program_runs(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text("print('ran')")
    done = command("-o", "/no/such/folder/report", "--", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "/no/such/folder/report" in done.stderr
