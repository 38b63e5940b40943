"""`python -m poolkeeper.threadpoolctl`: threadpoolctl's command line, and `run`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from isolated import run

MODULE = [sys.executable, "-m", "poolkeeper.threadpoolctl"]
REAL = [sys.executable, "-m", "threadpoolctl"]
WHOSE = "import threadpoolctl; print(threadpoolctl.__name__)\n"
OURS = "poolkeeper.threadpoolctl\n"


def _sorted(text: str) -> list[dict]:
    infos: list[dict] = json.loads(text)
    return sorted(infos, key=lambda info: info["filepath"])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-i", "numpy"],
        ["--import", "numpy", "scipy.linalg", "no_such_module"],
        ["-c", "import sklearn.cluster"],
        ["-i", "numpy", "-c", "import os; os.environ['X'] = 'y'"],
        ["-c", "import threadpoolctl, numpy; threadpoolctl.threadpool_limits(1)"],
        ["--command", "print(1) if False else None"],
    ],
)
def test_the_same_output(arguments: list[str]) -> None:
    theirs, ours = run([*REAL, *arguments]), run([*MODULE, *arguments])
    assert (theirs.returncode, ours.returncode) == (0, 0)
    assert _sorted(ours.stdout) == _sorted(theirs.stdout)
    assert ours.stderr == theirs.stderr
    assert ours.stdout[:2] == theirs.stdout[:2]  # indented alike


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["-c", "raise ValueError('mine')"], 1), (["-c", "import sys; sys.exit(5)"], 5),
     (["-c", "1 +"], 1), (["--nonsense"], 2), (["-c"], 2), (["--help"], 0)],
)  # fmt: skip
def test_the_same_exit_code(arguments: list[str], code: int) -> None:
    theirs, ours = run([*REAL, *arguments]), run([*MODULE, *arguments])
    assert (theirs.returncode, ours.returncode) == (code, code)
    last = [done.stderr.splitlines()[-1:] for done in (theirs, ours)]
    if code == 1:
        assert last[0] == last[1]


# --- run


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that tells how it was started."""
    file = tmp_path / "folder" / "script.py"
    file.parent.mkdir()
    (file.parent / "neighbour.py").write_text("WORD = 'found'\n")
    file.write_text(
        "import sys, neighbour\n"
        "print(__name__, __file__, sys.argv, sys.path[0], neighbour.WORD)\n"
        "print(sys.modules['__main__'].__dict__ is globals())\n"
        "if 'exit' in sys.argv: sys.exit(3)\n"
        "if 'text' in sys.argv: sys.exit('last words')\n"
        "if 'raise' in sys.argv: raise ValueError('mine')\n"
    )
    return file


@pytest.mark.parametrize(
    "words", [[], ["a b", "--flag", "-m", "-i"], ["exit"], ["text"], ["raise"]]
)
def test_a_script_runs_as_with_python_itself(script: Path, words: list[str]) -> None:
    plain = run([sys.executable, str(script), *words], cwd=script.parents[1])
    ours = run([*MODULE, "run", str(script), *words], cwd=script.parents[1])
    assert (ours.stdout, ours.returncode) == (plain.stdout, plain.returncode)
    assert ours.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]


def test_a_script_by_a_relative_path(script: Path) -> None:
    plain = run([sys.executable, script.name, "x"], cwd=script.parent)
    ours = run([*MODULE, "run", script.name, "x"], cwd=script.parent)
    assert plain.returncode == ours.returncode == 0
    assert ours.stdout.split()[3:] == plain.stdout.split()[3:]


def test_a_module_runs_as_with_python_itself(script: Path) -> None:
    folder = script.parent
    plain = run([sys.executable, "-m", "script", "a", "exit"], cwd=folder)
    ours = run([*MODULE, "run", "-m", "script", "a", "exit"], cwd=folder)
    assert (ours.stdout, ours.returncode) == (plain.stdout, plain.returncode)
    assert ours.returncode == 3


def test_a_package_with_a_main(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(WHOSE)
    assert run([*MODULE, "run", "-m", "package"], cwd=tmp_path).stdout == OURS
    assert run([*MODULE, "run", "package"], cwd=tmp_path).stdout == OURS


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run"], 2, "usage: python -m poolkeeper.threadpoolctl run"),
        (["run", "--help"], 0, "Examples:"),
        (["run", "-h"], 0, "Examples:"),
        (["run", "-m"], 2, "-m needs the name of a module"),
        (["run", "no_such_file.py"], 2, "there is no file no_such_file.py"),
        (["run", "-m", "no_such_module"], 1, "no_such_module"),
    ],
)
def test_what_run_refuses(arguments: list[str], code: int, said: str) -> None:
    done = run([*MODULE, *arguments])
    assert done.returncode == code
    assert said in done.stdout + done.stderr


CHILDREN = """
import subprocess, sys, multiprocessing, concurrent.futures, joblib
import threadpoolctl

def whose(_=None):
    import threadpoolctl
    return threadpoolctl.__name__

def limited(threads):
    import numpy, threadpoolctl
    with threadpoolctl.threadpool_limits(threads) as scope:
        return threadpoolctl.threadpool_info(), scope.get_original_num_threads()

if __name__ == "__main__":
    seen = {"here": whose()}
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            seen[method] = pool.map(whose, [0])[0]
            infos, originals = pool.apply(limited, (1,))
            assert [i["num_threads"] for i in infos] == [1], infos
            assert originals["blas"] == 2, originals
            # A function and a result of ours, pickled.
            info = pool.apply(threadpoolctl.threadpool_info)
            assert [i["num_threads"] for i in info] == [2], info
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        seen["executor"] = pool.submit(whose).result()
    seen["loky"] = joblib.Parallel(2)(joblib.delayed(whose)() for _ in range(2))[1]
    infos = joblib.Parallel(2)(joblib.delayed(threadpoolctl.threadpool_info)() for _ in range(2))
    assert all(isinstance(each, list) for each in infos)
    code = "import threadpoolctl; print(threadpoolctl.__name__, end='')"
    seen["subprocess"] = subprocess.check_output([sys.executable, "-c", code], text=True)
    print(seen)
"""


def test_child_processes_have_ours_too(tmp_path: Path) -> None:
    file = tmp_path / "children.py"
    file.write_text(CHILDREN)
    env = {"OPENBLAS_NUM_THREADS": "2"}
    for command, name in (([*MODULE, "run"], "poolkeeper.threadpoolctl"),
                          ([sys.executable], "threadpoolctl")):  # fmt: skip
        done = run([*command, str(file)], env)
        assert done.returncode == 0, done.stderr
        kinds = ("here", "fork", "spawn", "forkserver", "executor", "loky", "subprocess")
        assert done.stdout == f"{dict.fromkeys(kinds, name)}\n"


@pytest.mark.parametrize("arguments", [["-i", "numpy"], ["-c", "import sklearn.cluster"]])
def test_a_child_may_be_threadpoolctls_own_command(tmp_path: Path, arguments: list[str]) -> None:
    file = tmp_path / "asks.py"
    command = [*REAL, *arguments]
    file.write_text(f"import subprocess; subprocess.run({command!r}, check=True)")
    theirs, ours = run(command), run([*MODULE, "run", str(file)])
    assert (ours.returncode, ours.stderr) == (0, "")
    assert _sorted(ours.stdout) == _sorted(theirs.stdout) != []


# --- at the start of an interpreter


def test_a_sitecustomize(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import poolkeeper.threadpoolctl\npoolkeeper.threadpoolctl.install()\n"
    )
    code = WHOSE + f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WHOSE!r}])"
    done = run([sys.executable, "-u", "-c", code], {"PYTHONPATH": str(tmp_path)})
    assert (done.stdout, done.stderr) == (OURS * 2, "")


def test_a_pth_file(tmp_path: Path) -> None:
    line = "import poolkeeper.threadpoolctl; poolkeeper.threadpoolctl.install()\n"
    (tmp_path / "poolkeeper_threadpoolctl.pth").write_text(line)
    code = f"import site; site.addsitedir({str(tmp_path)!r})\n{WHOSE}"
    done = run([sys.executable, "-c", code])
    assert (done.stdout, done.stderr) == (OURS, "")


def test_neither_is_needed_for_the_real_one() -> None:
    done = subprocess.run([sys.executable, "-c", WHOSE], capture_output=True, text=True, check=True)
    assert done.stdout == "threadpoolctl\n"
