"""What a finding says to type makes it go away where it is shown.

Each line is typed as it stands: in the script, in a cell of a notebook, and in a
shell before the program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from isolated import HERE, environment

from doctor.situations import SITUATIONS, Situation
from doctor.test_every_code import CODES

pytestmark = [pytest.mark.usefixtures("lab"), pytest.mark.slow]

#: Prints the finding, types the line for Python where the finding was shown, and
#: prints the finding again.
IN_A_SCRIPT = """
import json, poolkeeper
def _shown():
    return [f.to_dict() for f in poolkeeper.doctor().findings if f.code == CODE]
before = _shown()
line = before[0]["fix"]["python"] if before else None
if line is not None and not SHELL:
    names = {}
    exec(line, names)
print(json.dumps([before, _shown()]))
"""
#: The same, the line typed in a cell: its shell has the names of the cells before.
IN_A_NOTEBOOK = """
import json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def cell(text):
    ran = shell.run_cell(text, store_history=True)
    ran.raise_error()
    return ran.result
cell("%load_ext poolkeeper")
for text in CELLS:
    cell(text)
def shown():
    found = cell("%doctor").findings
    return [f.to_dict() for f in found if f.code == CODE]
before = shown()
cell(before[0]["fix"]["python"])
print(json.dumps([before, shown()]))
"""


def _id(situation: Situation) -> str:
    number = [other for other in SITUATIONS if other.code == situation.code].index(situation)
    return f"{situation.code}-{number}"


def _variables(situation: Situation, folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    home = {"IPYTHONDIR": str(folder)}  # no history of the tests' is kept
    return environment(PATH=path, **home, **situation.environment)


def _write(path: Path, code: str, **names: Any) -> Path:
    given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    path.write_text(given + code)
    path.chmod(0o755)
    return path


def _run(command: list[str], folder: Path, variables: dict[str, str]) -> list[Any]:
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _as_script(situation: Situation, folder: Path, shell: bool) -> Path:
    code = situation.program + IN_A_SCRIPT
    names = {"TESTS": str(HERE), "CODE": situation.code, "SHELL": shell}
    return _write(folder / "script.py", code, **names)


def _gone(situation: Situation, before: list[Any], after: list[Any]) -> None:
    """Require that the finding was there, and that it isn't any more, or only as a note."""
    assert [found["severity"] for found in before][:1] == [situation.severity], before
    offers = {kind for kind in ("python", "shell") if before[0]["fix"][kind]}
    assert offers == situation.offers, before[0]["fix"]
    worse = [found for found in after if found["severity"] != "note"]
    assert worse == [], after
    if situation.severity == "note":
        assert after == []


def test_every_code_has_a_situation() -> None:
    assert sorted({situation.code for situation in SITUATIONS}) == CODES


@pytest.mark.parametrize("situation", SITUATIONS, ids=_id)
def test_what_is_typed_in_a_script_and_before_it(situation: Situation, tmp_path: Path) -> None:
    variables = _variables(situation, tmp_path)
    script = _as_script(situation, tmp_path, shell=False)
    before, after = _run([sys.executable, str(script)], tmp_path, variables)
    fix = before[0]["fix"]
    if "python" in situation.offers:
        _gone(situation, before, after)
        assert after == []
    if "shell" in situation.offers:
        _as_script(situation, tmp_path, shell=True)
        line = fix["shell"]
        if "script.py" not in line:
            line += "\npython script.py"
        after, _ = _run(["bash", "-c", line], tmp_path, variables)
        _gone(situation, before, after)
    if not situation.offers:
        _gone(situation, before, [])
        assert fix["advice"]


@pytest.mark.parametrize(
    "situation",
    [one for one in SITUATIONS if "python" in one.offers and "setresuid" not in one.program],
    ids=_id,
)
def test_what_is_typed_in_a_cell(situation: Situation, tmp_path: Path) -> None:
    cells = [f"TESTS = {str(HERE)!r}", situation.program]
    names = {"CODE": situation.code, "CELLS": cells}
    driver = _write(tmp_path / "notebook.py", IN_A_NOTEBOOK, **names)
    before, after = _run([sys.executable, str(driver)], tmp_path, _variables(situation, tmp_path))
    _gone(situation, before, after)
    assert after == []


# --- a live limit holds the pool

#: What is live, and the line that mends it there. OMP_NUM_THREADS is Arrow's number too,
#: which scikit-learn loads by way of pandas: `other` is its level.
LIVE_IN_A_NOTEBOOK = (
    ("%limit openmp=8", "%limit openmp=2 other=2", "%limit openmp=8"),
    ("%limit blas=2 openmp=8", "%limit blas=2 openmp=2 other=2", "%limit blas=2 openmp=8"),
    ("%limit 8", "%limit 2", "%limit 8"),
    ("%limit --force openmp=8", "%limit openmp=2 other=2", "%limit openmp=8"),
    (
        "import poolkeeper\npoolkeeper.limit(openmp=8, force=True)",
        "%limit openmp=2 other=2",
        "Out[",
    ),
)


@pytest.mark.parametrize(("typed", "mended", "blamed"), LIVE_IN_A_NOTEBOOK)
def test_a_limit_of_the_notebook_is_named_and_mended(
    typed: str, mended: str, blamed: str, tmp_path: Path
) -> None:
    situation = Situation("PK201", "", {"OMP_NUM_THREADS": "16", "POOLKEEPER_CPUS": "2"})
    driver = _write(
        tmp_path / "notebook.py", IN_A_NOTEBOOK,
        CODE="PK201", CELLS=["import sklearn.cluster", typed],
    )  # fmt: skip
    before, after = _run([sys.executable, str(driver)], tmp_path, _variables(situation, tmp_path))
    (finding,) = before
    assert finding["fix"]["python"] == mended
    told = "\n".join(line["text"] for line in finding["evidence"])
    assert f"held at 8 by your `{blamed}" in told
    assert after == []


@pytest.mark.parametrize("options", ["openmp=8", "openmp=8, force=True", "8"])
def test_a_with_block_is_named_and_mended(options: str, tmp_path: Path) -> None:
    situation = Situation("PK201", "", {"OMP_NUM_THREADS": "16", "POOLKEEPER_CPUS": "2"})
    block = "".join(f"    {line}\n" for line in IN_A_SCRIPT.splitlines())
    code = f"import poolkeeper, sklearn.cluster\nwith poolkeeper.limit({options}):\n{block}"
    script = _write(tmp_path / "script.py", code, CODE="PK201", SHELL=False)
    before, after = _run([sys.executable, str(script)], tmp_path, _variables(situation, tmp_path))
    (finding,) = before
    line = finding["fix"]["python"]
    assert line.startswith("import poolkeeper; lower = poolkeeper.limit(")
    assert line.endswith("openmp=2, other=2)")
    assert any("held at 8 by a limit that is live" in line["text"] for line in finding["evidence"])
    assert "openmp=2, other=2)" in finding["fix"]["advice"]
    assert after == []
