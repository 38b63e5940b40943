"""The command's text: as wide as the terminal, coloured there only; JSON; the right form."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from isolated import environment, run
from scenario import FAKE, path_of

pytestmark = pytest.mark.usefixtures("lab")

MODULE = [sys.executable, "-m", "poolkeeper"]
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def _on_terminal(arguments: list[str], columns: int, **changes: str) -> str:
    """What the command writes on a terminal of that width."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*MODULE, *arguments], stdin=subprocess.DEVNULL, stdout=follower, stderr=follower,
        env=environment(**{"TERM": "xterm-256color", **changes}),
    )  # fmt: skip
    os.close(follower)
    read = b""
    while True:
        try:
            found = os.read(leader, 65536)
        except OSError:  # the other side is closed: Linux has it so
            break
        if not found:
            break
        read += found
    os.close(leader)
    assert process.wait(timeout=60) == 0, read
    return read.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize(
    "command", ["info -i numpy sklearn.cluster", "cpus", "split --processes 3"]
)
def test_a_table_takes_the_terminals_width(columns: int, command: str) -> None:
    on_terminal = _on_terminal(command.split(), columns)
    plain = STYLE.sub("", on_terminal)
    assert max(map(len, plain.splitlines())) <= columns
    piped = run([*MODULE, *command.split()], {"COLUMNS": str(columns)})
    assert piped.stdout == plain
    assert "\x1b" not in piped.stdout


def test_paths_that_fit_are_whole_and_can_be_pasted() -> None:
    library = str(path_of(FAKE))
    shown = run([*MODULE, "info", "-l", library], {"COLUMNS": str(len(library) + 2)}).stdout
    assert f"\n  {library}\n" in shown
    narrow = run([*MODULE, "info", "-l", library], {"COLUMNS": str(len(library) + 1)}).stdout
    assert library not in narrow
    assert "\n  .../" in narrow
    # A list as Python shows it follows the same width.
    code = f"import ctypes, poolkeeper; ctypes.CDLL({library!r}); print(poolkeeper.pools())"
    told = run([sys.executable, "-c", code], {"COLUMNS": "300"}).stdout
    assert f"\n  {library}\n" in told
    assert "..." not in told


@pytest.mark.parametrize("columns", ["", "0", "-5", "many"])
def test_a_wrong_number_of_columns_is_80(columns: str) -> None:
    usual = run([*MODULE, "info", "-i", "numpy"]).stdout
    assert run([*MODULE, "info", "-i", "numpy"], {"COLUMNS": columns}).stdout == usual


@pytest.mark.parametrize(
    "arguments", [["info", "-i", "numpy"], ["cpus"], ["runtimes"], ["--help"],
                  ["doctor", "--explain", "PK101"]],
)  # fmt: skip
def test_colour_is_for_a_terminal_whose_user_wants_it(arguments: list[str]) -> None:
    assert STYLE.search(_on_terminal(arguments, 80))
    for unwanted in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in _on_terminal(arguments, 80, **unwanted)
    assert STYLE.search(_on_terminal(arguments, 80, NO_COLOR=""))
    assert "\x1b" not in run([*MODULE, *arguments]).stdout


def test_a_python_repr_has_no_colour_on_a_terminal() -> None:
    code = "import numpy, poolkeeper; print(poolkeeper.pools(), repr(poolkeeper.cpus()))"
    shown = _on_terminal(["info", "-i", "numpy", "-c", code], 120, NO_COLOR="1")
    assert "\x1b" not in shown


# --- JSON


@pytest.mark.parametrize(
    "arguments",
    ["info -i numpy", "cpus", "split --processes 2", "run --dry-run --pin --cpus 1", "env",
     "runtimes", "doctor -i numpy", "doctor --explain PK101", "notebook {notebook}",
     "notebook --set blas=1 {notebook}", "notebook --kernel --prefix {folder}",
     "demo --quick --colors 2 --output {folder}/picture.png"],
)  # fmt: skip
def test_every_command_that_prints_writes_json(arguments: str, tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    words = arguments.format(notebook=notebook, folder=tmp_path).split()
    done = run([*MODULE, *words, "--json"])
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), (dict, list))


def test_json_of_a_simulation_goes_where_the_report_goes() -> None:
    done = run([*MODULE, "simulate", "--cpus", "3", "--json", "--", "nproc"])
    assert done.stdout == "3\n"
    assert json.loads(done.stderr)["machine"]["cpus"] == 3


def test_the_json_of_a_dry_run_has_what_was_kept() -> None:
    arguments = ["run", "--dry-run", "--cpus", "1", "--json"]
    variables = {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4;x"}
    told = json.loads(run([*MODULE, *arguments], variables).stdout)
    assert told["split"]["cpus"] == 1
    assert told["set"]["OPENBLAS_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in told["set"]
    (kept,) = told["kept"]
    assert (kept["name"], kept["value"], kept["instead_of"]) == ("OMP_NUM_THREADS", "4", "1")
    assert told["set"]["MKL_NUM_THREADS"] == "1"
    assert "4;x" in json.dumps(told["replaced"])  # no number: said, and not kept
    assert told["pin"] is None


def test_the_json_of_a_notebook_has_its_limits(tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    done = run([*MODULE, "notebook", "--set", "blas=4", str(notebook), "no.ipynb", "--json"])
    assert done.returncode == 1  # one could not be read; the other is told all the same
    assert json.loads(done.stdout) == [{"notebook": str(notebook), "limits": {"blas": 4}}]


# --- the right form


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("info numpy", "info -i numpy"), ("info numpy --json", "info -i numpy"),
     ("doctor train.py --epochs 3", "doctor -- train.py --epochs 3"),
     ("doctor numpy", "doctor -i numpy"), ("python train.py", "run -- python train.py"),
     ("cpus 1", "cpus --pid 1")],
)  # fmt: skip
def test_the_obvious_wrong_form_is_told_its_right_one(wrong: str, right: str) -> None:
    done = run([*MODULE, *wrong.split()])
    assert (done.returncode, done.stdout) == (2, "")
    assert f"  tip: type poolkeeper {right}\n" in done.stderr
