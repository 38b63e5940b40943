"""The command: ``poolkeeper`` and ``python -m poolkeeper``."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import poolkeeper
import pytest
from isolated import environment, run
from scenario import FAKE, path_of
from test_pools import FIELDS

pytestmark = pytest.mark.usefixtures("lab")

MODULE = [sys.executable, "-m", "poolkeeper"]
SCRIPT = [str(Path(sys.executable).parent / "poolkeeper")]


def _command(*arguments: str, code: int = 0, command: list[str] = MODULE) -> CompletedProcess[str]:
    done = run([*command, *arguments])
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    assert "panicked" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("command", [MODULE, SCRIPT], ids=["module", "script"])
def test_info_shows_the_pools_of_modules(command: list[str]) -> None:
    done = _command("info", "-i", "numpy", "scipy.linalg", "sklearn.cluster", command=command)
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["pool", "level", "threads"]
    # scikit-learn imports pandas, and pandas pyarrow.
    pools = ["openblas", "openblas", "arrow", "arrow_io", "libgomp"]
    assert [line.split()[0] for line in lines[1:-1:2]] == pools
    assert max(map(len, lines)) <= 80
    assert done.stderr == ""


def test_info_of_nothing_says_what_to_do() -> None:
    assert _command("info").stdout.startswith("No native thread pools are loaded. Import")
    assert _command("info", "--json").stdout.strip() == "[]"


def test_json_has_every_field_and_the_values_of_pools() -> None:
    (found,) = json.loads(_command("info", "-l", str(path_of(FAKE)), "--json").stdout)
    assert set(FIELDS) - {"backends"} <= set(found)
    assert (found["runtime"], found["num_threads"], found["max_threads"]) == ("openblas", 8, 16)
    assert (found["filepath"], found["version"]) == (str(path_of(FAKE)), "9.9.9")
    assert found["runs_on"] is None


def test_json_of_numpy_is_what_python_says() -> None:
    (found,) = json.loads(_command("info", "-i", "numpy", "--json").stdout)
    code = "import numpy, poolkeeper, json; print(json.dumps(poolkeeper.pools().to_dict()))"
    (expected,) = json.loads(run([sys.executable, "-c", code]).stdout)
    assert {field: found.get(field) for field in FIELDS} == expected


def test_a_missing_module_warns_and_the_rest_is_shown() -> None:
    done = _command("info", "-i", "no_such_module", "numpy", code=1)
    assert done.stderr == (
        "poolkeeper: warning: could not import no_such_module: "
        "ModuleNotFoundError: No module named 'no_such_module'\n"
    )
    assert done.stdout.splitlines()[1].startswith("openblas")


def test_a_module_that_fails_in_any_way_warns(tmp_path: Path) -> None:
    (tmp_path / "exits.py").write_text("raise SystemExit(3)")
    (tmp_path / "breaks.py").write_text("raise ValueError('two\\nlines')")
    (tmp_path / "mistyped.py").write_text("def (")
    done = subprocess.run(
        [*MODULE, "info", "-i", "exits", "breaks", "mistyped"],
        env=environment(PYTHONPATH=str(tmp_path)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert [line.split(": ")[2:4] for line in done.stderr.splitlines()] == [
        ["could not import exits", "SystemExit"],
        ["could not import breaks", "ValueError"],
        ["could not import mistyped", "SyntaxError"],
    ]


def test_code_runs_after_the_imports_as_main() -> None:
    code = (
        "import sys, poolkeeper; assert 'numpy' in sys.modules; print(__name__); "
        "poolkeeper.set_limit(1)"
    )
    done = _command("info", "-i", "numpy", "-c", code, "--json")
    first, _, rest = done.stdout.partition("\n")
    assert first == "__main__"
    assert json.loads(rest)[0]["num_threads"] == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [("1/0", "ZeroDivisionError: division by zero"), ("def (", "SyntaxError"),
     ("raise SystemExit(5)", "SystemExit"), ("raise KeyError", "KeyError")],
)  # fmt: skip
def test_failing_code_warns_and_the_pools_are_shown(code: str, error: str) -> None:
    done = _command("info", "-i", "numpy", "-c", code, code=1)
    assert f"poolkeeper: warning: the code of --command failed: {error}" in done.stderr
    assert "openblas" in done.stdout


def test_libraries_by_path_and_by_name() -> None:
    done = _command("info", "-l", str(path_of(FAKE)), "libgomp.so.1")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:-1:2]] == ["openblas", "libgomp"]


def test_a_library_that_does_not_load_warns() -> None:
    done = _command("info", "-l", "/no/such.so", str(path_of(FAKE)), code=1)
    assert done.stderr.startswith("poolkeeper: warning: could not load /no/such.so: ")
    assert "openblas" in done.stdout


# --- arguments


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--opnemp"], "'--opnemp'"), (["infos"], "'infos'"), (["info", "--jsn"], "--json"),
        (["info", "-i"], "--import"), (["info", "extra"], "'extra'"), ([], "Usage"),
        (["runtimes", "--format", "xml"], "xml"), (["completions", "csh"], "csh"),
        (["completions"], "SHELL"), (["info", "-c"], "--command"),
    ],
)  # fmt: skip
def test_wrong_arguments_exit_with_2_and_say_why(arguments: list[str], named: str) -> None:
    done = _command(*arguments, code=2)
    assert named in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["info", "--help"], ["runtimes", "--help"],
                  ["completions", "--help"], ["help", "info"]],
)  # fmt: skip
def test_help_fits_80_columns(arguments: list[str]) -> None:
    done = _command(*arguments)
    assert "Usage: poolkeeper" in done.stdout
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_has_examples_and_exit_codes() -> None:
    for arguments in (["--help"], ["info", "--help"]):
        text = _command(*arguments).stdout
        assert "Examples:\n  poolkeeper info -i numpy" in text
        assert "Exit codes: 0" in text


def test_the_examples_of_the_help_run() -> None:
    for line in re.findall(r"^  poolkeeper (info .*?)(?:   .*)?$", _command("--help").stdout, re.M):
        if "libopenblas.so.0" not in line:  # not on every system
            _command(*line.replace("4242", str(os.getpid())).split())


def test_version() -> None:
    assert _command("--version").stdout == f"poolkeeper {poolkeeper.__version__}\n"


# --- completions and runtimes


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_name_the_commands(shell: str, tmp_path: Path) -> None:
    script = _command("completions", shell).stdout
    for word in ("info", "runtimes", "demo", "completions", "json"):
        assert word in script
    checker = shutil.which(shell)
    if shell == "bash":
        assert checker
        (tmp_path / "script").write_text(script)
        done = run([checker, "-n", str(tmp_path / "script")])
        assert (done.returncode, done.stderr) == (0, "")


def test_runtimes_in_every_format() -> None:
    cards = json.loads(_command("runtimes", "--format", "json").stdout)
    ids = [card["id"] for card in cards]
    assert ids == [
        "openblas", "mkl", "blis", "flexiblas", "libgomp", "libomp", "lightgbm", "numba",
        "netlib-blas", "vips", "arrow", "arrow_io", "tbb", "kmeans", "numba_workqueue", "numexpr",
        "opencv", "polars", "duckdb", "onnxruntime", "jax", "tensorflow", "tokenizers", "highs",
        "ffmpeg",
    ]  # fmt: skip
    text = _command("runtimes").stdout
    markdown = _command("runtimes", "--format", "markdown").stdout
    assert markdown.startswith("# Runtimes\n")
    for card in cards:
        assert re.search(rf"^{card['id']} \(", text, re.M)
        assert f"| `{card['id']}` | {card['name']} |" in markdown
        assert card["sources"]
        assert card["symbols"]
        for variable in card["environment"]:
            assert variable["name"] in text
            assert f"| `{variable['name']}` |" in markdown


def test_runtimes_as_text_fit_80_columns() -> None:
    lines = _command("runtimes").stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []


# --- pipes


@pytest.mark.parametrize(
    "arguments",
    ["info -i numpy", "info --json -i numpy", "runtimes", "completions bash", "--help", "cpus",
     "split --processes 2", "run --dry-run", "env", "doctor -i numpy --notes",
     "doctor --explain all", "notebook --help", "demo --help", "demo --quick"],
)  # fmt: skip
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_stops_early_is_no_error(arguments: str, reader: str) -> None:
    pipe = f'"$0" -m poolkeeper {arguments} | {reader} >/dev/null; echo "${{PIPESTATUS[0]}}"'
    done = run(["bash", "-c", pipe, sys.executable])
    # The demo says on standard error what it is doing.
    progress = re.compile(r"poolkeeper demo: (?!error).*\n")
    assert (done.stdout, progress.sub("", done.stderr)) == ("0\n", "")


def test_a_reader_that_stops_early_is_no_error_in_threadpoolctls_command() -> None:
    pipe = '"$0" -m poolkeeper.threadpoolctl -i numpy | true; echo "${PIPESTATUS[0]}"'
    done = run(["bash", "-c", pipe, sys.executable])
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_output_that_cannot_be_written_is_an_error() -> None:
    done = run(["bash", "-c", '"$0" -m poolkeeper runtimes > /dev/full', sys.executable])
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("stream", [">&-", "2>&-"])
def test_a_closed_stream_gives_no_traceback(stream: str) -> None:
    done = run(
        ["bash", "-c", f'"$0" -m poolkeeper info -i no_such_module {stream}', sys.executable]
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


# --- names that terminals and encodings don't like


@pytest.mark.parametrize(
    "folder", ["plain", "\u00e9", "new\nline", "\x1b[31m", "\udcff"], ids=ascii
)
@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_any_path_can_be_shown(folder: str, output: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / folder / "libopenblas.so"
    path.parent.mkdir()
    shutil.copy(path_of(FAKE), path)
    command = [*MODULE, "info", "-l", str(path), *(["--json"] if output == "json" else [])]
    done = run(command, {"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    if output == "json":
        (found,) = json.loads(done.stdout)
        assert found["filepath"].endswith("/libopenblas.so")
    else:
        assert len(done.stdout.splitlines()) == 3


def test_an_interrupt_ends_the_command() -> None:
    done = run([sys.executable, "-m", "poolkeeper", "info", "-c", "raise KeyboardInterrupt"])
    assert done.returncode == -signal.SIGINT, done
    assert done.stdout == ""
    assert 'File "<string>", line 1' in done.stderr
    assert done.stderr.endswith("KeyboardInterrupt\n")
