"""Limits in a notebook's metadata, and the kernel: ``poolkeeper notebook``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import pytest
from isolated import run as run_command
from notebooks import notebook, run_notebook

pytestmark = [pytest.mark.usefixtures("lab"), pytest.mark.slow]

CELLS = ("%load_ext poolkeeper", "import scenario; library = scenario.fake()", "%pools",
         "library.openblas_get_num_threads()")  # fmt: skip


@pytest.fixture
def analysis(tmp_path: Path) -> Path:
    """A notebook as nbformat writes it, with what is not ASCII."""
    path = tmp_path / "analysis.ipynb"
    made = notebook(*CELLS, title="Å")
    nbformat.write(made, path)
    return path


def _command(*arguments: object, code: int = 0, **variables: str) -> tuple[str, str]:
    command = [sys.executable, "-m", "poolkeeper", "notebook", *map(str, arguments)]
    done = run_command(command, variables)
    assert done.returncode == code, done
    return done.stdout, done.stderr


def test_set_show_and_unset(analysis: Path) -> None:
    before = analysis.read_text()
    out, _ = _command("--set", "blas=3", "--set", "openmp=2", analysis)
    assert out == f"{analysis}: limit blas=3 openmp=2\n"
    written = nbformat.read(analysis, as_version=4)
    assert written.metadata.poolkeeper == {"limits": {"blas": 3, "openmp": 2}}
    nbformat.validate(written)
    assert _command(analysis)[0] == out
    assert _command("--unset", analysis)[0] == f"{analysis}: no limit\n"
    assert analysis.read_text() == before


def test_a_number_is_for_every_pool(analysis: Path) -> None:
    assert _command("--set", "2", analysis)[0] == f"{analysis}: limit 2\n"


def test_only_the_metadata_changes(analysis: Path) -> None:
    analysis.chmod(0o640)
    link = analysis.with_name("link.ipynb")
    link.symlink_to(analysis)
    before = json.loads(analysis.read_text())
    _command("--set", "blas=1", link)
    after = json.loads(analysis.read_text())
    assert after["metadata"].pop("poolkeeper") == {"limits": {"blas": 1}}
    assert after == before
    assert link.is_symlink()
    assert analysis.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in analysis.parent.iterdir()) == [
        "analysis.ipynb",
        "link.ipynb",
    ]


@pytest.mark.parametrize("word", ["blass=1", "blas=0", "blas=9000", "blas=x", "blas=1.5", "=2", ""])
def test_wrong_limits_are_wrong_arguments(analysis: Path, word: str) -> None:
    before = analysis.read_bytes()
    _, err = _command("--set", word, analysis, code=2)
    assert "error: --set: " in err
    assert analysis.read_bytes() == before


def test_the_nearest_name_is_told(analysis: Path) -> None:
    assert 'did you mean "blas"' in _command("--set", "blass=1", analysis, code=2)[1]


@pytest.mark.parametrize(
    "arguments",
    [(), ("--set", "2"), ("--kernel", "a.ipynb"), ("--name", "x", "a.ipynb"), ("--sett",)],
)
def test_arguments_that_do_not_fit_together(arguments: tuple[str, ...]) -> None:
    assert "usage: poolkeeper notebook" in _command(*arguments, code=2)[1]


def test_help_names_the_exit_codes() -> None:
    assert "exit codes:" in _command("--help")[0]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": [], "metadata": 5}', "\ud800"])
def test_what_is_no_notebook_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "none.ipynb"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    _, err = _command("--set", "blas=1", path, code=1)
    assert "none.ipynb is no notebook" in err
    assert path.read_bytes() == text.encode("utf-8", "surrogatepass")


def test_a_file_that_is_missing_does_not_stop_the_rest(analysis: Path) -> None:
    out, err = _command("--set", "blas=1", analysis.with_name("no.ipynb"), analysis, code=1)
    assert "no.ipynb" in err
    assert out == f"{analysis}: limit blas=1\n"


# --- applied on load


def _threads(path: Path, **variables: str) -> tuple[str, str, str]:
    """Run the notebook's cells; what loading says, and the threads of the OpenBLAS of 8."""
    ran = run_notebook(nbformat.read(path, as_version=4), **variables)
    return ran[0].out, ran[0].err, ran[-1].value


def test_loading_applies_what_the_notebook_says(analysis: Path) -> None:
    _command("--set", "blas=3", analysis)
    out, err, threads = _threads(analysis, JPY_SESSION_NAME=str(analysis))
    assert out == "poolkeeper: limit blas=3, says analysis.ipynb\n"
    assert (err, threads) == ("", "3")


def test_a_notebook_without_limits_changes_nothing(analysis: Path) -> None:
    assert _threads(analysis, JPY_SESSION_NAME=str(analysis)) == ("", "", "8")


def test_where_nobody_tells_which_notebook_it_is_a_line_does(analysis: Path) -> None:
    _command("--set", "blas=3", analysis)
    assert _threads(analysis) == ("", "", "8")
    made = notebook(*CELLS[:2], f"%limit --notebook {analysis}", CELLS[3])
    assert run_notebook(made)[-1].value == "3"


def test_vs_code_tells_in_a_name(analysis: Path) -> None:
    _command("--set", "blas=3", analysis)
    made = notebook(f"__vsc_ipynb_file__ = {str(analysis)!r}", *CELLS)
    assert run_notebook(made)[-1].value == "3"


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"limits": {"blass": 1}}, 'did you mean "blas"'),
        ({"limits": {"blas": 0}}, "not 0"),
        ({"limits": {"blas": True}}, "True for blas is no whole number"),
        ({"limits": {"blas": "1"}}, "'1' for blas is no whole number"),
        ({"limits": {}}, "no limit in {}"),
        ({"limits": [1]}, "[1] for every pool is no whole number"),
        ({"limit": {"blas": 1}}, "without 'limits'"),
        ("blas=1", "without 'limits'"),
    ],
)
def test_wrong_limits_in_the_file_are_told(analysis: Path, section: object, told: str) -> None:
    made = json.loads(analysis.read_text())
    made["metadata"]["poolkeeper"] = section
    analysis.write_text(json.dumps(made))
    assert told in _command(analysis, code=1)[1]


def test_loading_with_wrong_limits_says_so_and_goes_on(analysis: Path) -> None:
    made = json.loads(analysis.read_text())
    made["metadata"]["poolkeeper"] = {"limits": {"blass": 1}}
    analysis.write_text(json.dumps(made))
    out, err, threads = _threads(analysis, JPY_SESSION_NAME=str(analysis))
    assert err.startswith("poolkeeper: no limit from analysis.ipynb: unknown pool")
    assert (out, threads) == ("", "8")


def test_a_notebook_too_deeply_nested_to_read_says_so_and_goes_on(analysis: Path) -> None:
    deep = analysis.with_name("deep.ipynb")
    deep.write_text("[" * 100_000)
    out, err, threads = _threads(analysis, JPY_SESSION_NAME=str(deep))
    assert err.startswith("poolkeeper: no limit from deep.ipynb")
    assert (out, threads) == ("", "8")
    _, err = _command("--set", "blas=1", deep, code=1)
    assert "is no notebook" in err


# --- the kernel


def test_the_kernel_starts_within_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = _command("--kernel", "--prefix", tmp_path)
    folder = tmp_path / "share" / "jupyter" / "kernels" / "poolkeeper"
    assert out == f"installed {folder}\n"
    spec = json.loads((folder / "kernel.json").read_text())
    run = [sys.executable, "-P", "-m", "poolkeeper", "run", "--quiet", "--"]
    assert spec["argv"][:7] == run
    (tmp_path / "poolkeeper.py").write_text("raise SystemExit('beside the notebook')")
    monkeypatch.chdir(tmp_path)
    made = notebook(
        "import os; os.environ['POOLKEEPER_CPUS'], os.environ['OMP_NUM_THREADS']",
        "import numpy\n%pools",
        "open('/proc/self/cmdline').read().split('\\0')[1:3]",
    )
    made.metadata.kernelspec = {"name": "poolkeeper", "display_name": "x"}
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    numbers, pools, command = run_notebook(made, POOLKEEPER_CPUS="1")
    assert numbers.value == "('1', '1')"
    assert "openblas  blas         1 " in pools.value
    # run became the kernel: signals are the kernel's own.
    assert command.value == "['-m', 'ipykernel_launcher']"


def test_the_kernel_has_the_users_names(tmp_path: Path) -> None:
    _command("--kernel", "--name", "mine", "--display-name", "Mine", JUPYTER_DATA_DIR=str(tmp_path))
    spec = json.loads((tmp_path / "kernels" / "mine" / "kernel.json").read_text())
    assert spec["display_name"] == "Mine"


@pytest.mark.parametrize("name", ["a b", "../x", ""])
def test_a_kernel_needs_a_name_that_jupyter_takes(tmp_path: Path, name: str) -> None:
    err = _command("--kernel", "--name", name, "--prefix", tmp_path, code=1)[1]
    assert "is no name for a kernel" in err


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    err = _command("--kernel", "--prefix", tmp_path / "file", code=1)[1]
    assert "choose a folder of yours with --prefix" in err
