"""Programs whose forked children hang, and don't with fork_safe."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from isolated import run

FOUR = {"OMP_NUM_THREADS": "4"}
#: Seconds after which a child that hangs is killed.
HANGS = 3

FITS = {
    "HistGradientBoosting": """
        from sklearn.ensemble import HistGradientBoostingClassifier
        def fit():
            HistGradientBoostingClassifier(max_iter=3).fit(X, X[:, 0] > 0)
    """,
    "KMeans": """
        from sklearn.cluster import KMeans
        def fit():
            KMeans(8, n_init=1, max_iter=5).fit(X)
    """,
}
WAYS = {
    "os.fork": """
        child = os.fork()
        if child == 0:
            fit()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """,
    "multiprocessing": """
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(fitted, range(4)) == [True] * 4
    """,
    "concurrent.futures": """
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
            assert list(pool.map(fitted, range(4))) == [True] * 4
    """,
    "joblib's multiprocessing": """
        with joblib.parallel_config("multiprocessing", n_jobs=2):
            assert joblib.Parallel()(joblib.delayed(fitted)(n) for n in range(4)) == [True] * 4
    """,
    "a thread of its own": """
        thread = threading.Thread(target=lambda: (fit(), codes.append(forked())))
        thread.start()
        thread.join()
        assert codes == [0]
    """,
}
PROGRAM = """
import concurrent.futures, joblib, multiprocessing, numpy, os, threading
import poolkeeper
X = numpy.random.default_rng(0).normal(size=(2_000, 8))
codes = []
{fit}
def fitted(_):
    fit()
    return True
def forked():
    child = os.fork()
    if child == 0:
        fit()
        os._exit(0)
    return os.waitpid(child, 0)[1]
{first}
fit()
{way}
fit()  # the parent goes on as before
print("done")
"""


def _program(fit: str, first: str, way: str) -> str:
    dedent = textwrap.dedent
    return PROGRAM.format(fit=dedent(FITS[fit]), first=first, way=dedent(WAYS[way]))


@pytest.mark.parametrize(
    ("fit", "way"), [("HistGradientBoosting", "os.fork"), *(("KMeans", way) for way in WAYS)]
)
def test_fits_of_forked_children_end(fit: str, way: str) -> None:
    program = _program(fit, "poolkeeper.fork_safe()", way)
    done = run([sys.executable, "-c", program], FOUR)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


@pytest.mark.parametrize("fit", FITS)
def test_the_same_fits_hang_without(fit: str) -> None:
    first = f"import signal; os.register_at_fork(after_in_child=lambda: signal.alarm({HANGS}))"
    way = "print(forked() != 0)"
    program = PROGRAM.format(fit=textwrap.dedent(FITS[fit]), first=first, way=way)
    done = run([sys.executable, "-c", program], FOUR)
    assert done.stdout == "True\ndone\n", done.stderr


@pytest.mark.parametrize(
    "first", ["held = poolkeeper.auto(openmp=4, cpus=4)", "poolkeeper.guard()"]
)
def test_auto_and_guard_turn_it_on(first: str) -> None:
    first = first.replace(", cpus=4", "")
    done = run([sys.executable, "-c", _program("KMeans", first, "os.fork")], FOUR)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


def test_a_server_that_loads_its_program_before_it_forks(tmp_path: Path) -> None:
    # multiprocessing's forkserver, told to import a module that fits at once.
    fit = textwrap.dedent(FITS["KMeans"])
    module = (
        f"import numpy, poolkeeper\npoolkeeper.fork_safe()\nX = numpy.eye(2_000, 8)\n{fit}\nfit()\n"
    )
    (tmp_path / "preloaded.py").write_text(module)
    (tmp_path / "served.py").write_text(
        "import multiprocessing, preloaded\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('forkserver')\n"
        "    context.set_forkserver_preload(['preloaded'])\n"
        "    worker = context.Process(target=preloaded.fit)\n"
        "    worker.start(); worker.join(); print(worker.exitcode)\n"
    )
    done = run([sys.executable, str(tmp_path / "served.py")], FOUR, cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr
