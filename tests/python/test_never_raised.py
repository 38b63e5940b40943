"""What the user, a launcher or the platform chose is the most that poolkeeper uses.

Threads are counted in a real parallel region: `region.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import poolkeeper
import pytest
import region
from isolated import HERE, environment, in_own_process, run
from scenario import counts, fake
from test_command import MODULE

pytestmark = pytest.mark.usefixtures("lab")

ONE = {"openblas": 1, "libgomp": 1, "region": 1}
CPUS = len(os.sched_getaffinity(0))


def _run(*options: str, env: dict[str, str]) -> tuple[dict[str, int], str]:
    """What a program finds under `poolkeeper run`, and what the command said."""
    done = run([*MODULE, "run", *options, "--", sys.executable, "-c", region.PROGRAM], env)
    assert done.returncode == 0, done
    return json.loads(done.stdout), done.stderr


@in_own_process(env={"OMP_NUM_THREADS": "1"})
def test_auto_raises_no_pool_of_a_user_who_wants_one_thread() -> None:
    assert region.found() == ONE
    done = poolkeeper.auto()
    assert region.found() == ONE
    assert os.environ["OPENBLAS_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    done.release()
    assert region.found() == ONE
    assert os.environ.get("OPENBLAS_NUM_THREADS") is None


def test_run_raises_no_pool_of_a_user_who_wants_one_thread() -> None:
    found, said = _run(env={"OMP_NUM_THREADS": "1"})
    assert found == ONE
    if CPUS > 1:
        assert f"kept what you had set: OMP_NUM_THREADS=1 (not {CPUS}; " in said
        assert "OPENBLAS_NUM_THREADS" in said
        assert "follow it)" in said


@pytest.mark.parametrize("how", ["openblas", "blis-pypi"])
def test_run_raises_no_blas_above_what_it_begins_with(how: str) -> None:
    code = f"""
import json, numpy, poolkeeper, scenario
if {how!r} != "openblas":
    scenario.load({how!r})
found = {{pool.runtime: pool.num_threads for pool in poolkeeper.pools()}}
print(json.dumps(found))
"""
    plain = run([sys.executable, "-c", code])
    held = run([*MODULE, "run", "--cpus", "2", "--", sys.executable, "-c", code])
    before, after = json.loads(plain.stdout), json.loads(held.stdout)
    assert before.keys() == after.keys()
    assert all(after[runtime] <= before[runtime] for runtime in before), (before, after)


@in_own_process(env={"OMP_NUM_THREADS": "1"})
def test_workers_raise_no_pool_of_a_user_who_wants_one_thread() -> None:
    with poolkeeper.ThreadPoolExecutor(1) as threads:
        assert threads.submit(region.found).result() == ONE
    for method in ("spawn", "forkserver"):
        context = poolkeeper.mp_context(1, method=method)
        with poolkeeper.ProcessPoolExecutor(1, context) as processes:
            assert processes.submit(region.found).result() == ONE, method
    import joblib

    for backend in ("loky", "threading"):
        with poolkeeper.parallel(1, backend=backend):
            assert joblib.Parallel()(joblib.delayed(region.found)() for _ in range(2)) == [ONE] * 2


@in_own_process(env={"OMP_NUM_THREADS": "1"})
def test_shares_raise_no_pool_of_a_user_who_wants_one_thread() -> None:
    assert region.found() == ONE
    plan = poolkeeper.split(cpus=8, openmp=4, blas=2)
    with plan:
        assert region.found() == ONE
    with plan.worker(0).limit() as scope:
        assert region.found() == ONE
        # Arrow's I/O begins with 8 threads, whatever OMP_NUM_THREADS is.
        others = [one for one in scope.outcomes if one.filepath and one.name != "arrow_io"]
        assert {outcome.status for outcome in others} == {"below"}
    with futures.ThreadPoolExecutor(1, initializer=poolkeeper.spread(1, cpus=8)) as executor:
        assert executor.submit(region.found).result() == ONE
    assert region.found() == ONE


def test_what_is_kept_is_what_a_region_has_under_run() -> None:
    found, said = _run("--cpus", "1", env={"OMP_NUM_THREADS": "3"})
    assert "kept what you had set: OMP_NUM_THREADS=3 (not 1)" in said
    assert (found["region"], found["libgomp"], found["openblas"]) == (3, 3, 1)
    found, said = _run("--cpus", "1", "--force", env={"OMP_NUM_THREADS": "3"})
    assert (found, said) == (ONE, "")


def test_what_another_variable_makes_of_it_is_said() -> None:
    variables = {"OMP_NUM_THREADS": "4", "OMP_THREAD_LIMIT": "3"}
    found, said = _run("--cpus", "1", env=variables)
    assert found["region"] == found["libgomp"] == 3
    assert "OMP_NUM_THREADS=4 (not 1; your OMP_THREAD_LIMIT lets it have 3)" in said


@in_own_process(env={"OMP_NUM_THREADS": "8", "OMP_THREAD_LIMIT": "2"})
def test_a_limit_above_the_runtimes_own_is_clamped() -> None:
    assert region.found()["libgomp"] == 2
    with poolkeeper.limit(openmp=4) as scope:
        (outcome,) = [one for one in scope.outcomes if one.name == "libgomp"]
        assert (outcome.status, outcome.observed) == ("clamped", 2)
        assert region.threads() == 2
    assert poolkeeper.set_limit(libgomp=4)[0].status == "clamped"
    with poolkeeper.limit(libgomp=2) as scope:
        assert scope.outcomes[0].status == "applied"


@in_own_process(env={"OMP_NUM_THREADS": "3", "POOLKEEPER_CPUS": "1"})
def test_what_is_kept_is_what_a_region_has_after_auto() -> None:
    region.found()  # loads the libraries
    with poolkeeper.auto() as done:
        assert done.kept == [("OMP_NUM_THREADS", "3", 1)]
        assert region.found() == {"openblas": 1, "libgomp": 3, "region": 3}
        child = subprocess.run(
            [sys.executable, "-c", region.PROGRAM], capture_output=True, text=True, check=True
        )
        assert json.loads(child.stdout) == region.found()
    with poolkeeper.auto(force=True) as done:
        assert (done.kept, region.found()) == ([], ONE)
    assert region.found()["region"] == 3


@in_own_process(env={"OMP_NUM_THREADS": "3", "POOLKEEPER_CPUS": "1"})
def test_what_is_kept_is_what_a_region_has_in_a_worker() -> None:
    for method in ("spawn", "forkserver"):
        for force in (False, True):
            context = poolkeeper.mp_context(1, method=method, force=force)
            with poolkeeper.ProcessPoolExecutor(1, context) as processes:
                found = processes.submit(region.found).result()
            assert (found["region"], found["libgomp"]) == ((1, 1) if force else (3, 3)), method
            assert found["openblas"] == 1


def test_what_is_kept_is_what_a_region_has_in_a_worker_of_pytest(tmp_path: Path) -> None:
    test = tmp_path / "test_count.py"
    test.write_text("import region\ndef test_it(): print(); print('FOUND', region.found())\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-rP", str(test)]
    for wanted in (4, 1):
        variables = {"OMP_NUM_THREADS": str(wanted), "PYTHONPATH": str(HERE)}
        done = run(command, variables, cwd=tmp_path)
        assert f"'region': {wanted}" in done.stdout, done.stdout
        assert f"'libgomp': {wanted}" in done.stdout, done.stdout


@in_own_process
def test_a_second_auto_follows_the_budget_up_and_down() -> None:
    fake()
    all_cpus = sorted(os.sched_getaffinity(0))
    before = dict(os.environ)
    for count in (1, CPUS, 1, CPUS):
        os.sched_setaffinity(0, all_cpus[:count])
        done = poolkeeper.auto()
        assert (done.cpus, done.kept, counts()) == (count, [], {"openblas": count})
        assert os.environ["OMP_NUM_THREADS"] == os.environ["POOLKEEPER_CPUS"] == str(count)
    done.release()
    assert counts() == {"openblas": 8}
    assert dict(os.environ) == before
    # What is over is over.
    done.release()
    assert counts() == {"openblas": 8}


@in_own_process
def test_a_second_auto_never_passes_the_number_from_before_the_first() -> None:
    fake()
    poolkeeper.set_limit(1)
    for _ in range(3):
        done = poolkeeper.auto(openmp=1, blas=CPUS)
        assert counts() == {"openblas": 1}
        (outcome,) = [outcome for outcome in done.outcomes if outcome.filepath]
        assert outcome.status == ("below" if CPUS > 1 else "applied")
    done.release()
    assert counts() == {"openblas": 1}


@in_own_process
def test_a_block_goes_on_after_one_inside_it() -> None:
    fake()
    before = dict(os.environ)
    with poolkeeper.auto(openmp=1, blas=1):
        with poolkeeper.auto(openmp=1):
            inner = counts()
        assert (inner["openblas"], counts()) == (CPUS, {"openblas": 1})
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
        poolkeeper.auto(openmp=1)  # never released: it ends with the block
    assert counts() == {"openblas": 8}
    assert dict(os.environ) == before


@in_own_process
def test_a_second_auto_that_fails_leaves_the_first() -> None:
    fake()
    with poolkeeper.auto(blas=1):
        during = dict(os.environ)
        with pytest.raises(poolkeeper.LimitError):
            poolkeeper.auto(blas=0)
        assert (counts(), dict(os.environ)) == ({"openblas": 1}, during)
    assert counts() == {"openblas": 8}


@in_own_process
def test_a_forked_child_keeps_what_its_parent_chose() -> None:
    fake()
    with poolkeeper.auto(blas=1):
        child = os.fork()
        if child == 0:
            done = poolkeeper.auto()
            is_right = counts() == {"openblas": 1} and os.environ["OPENBLAS_NUM_THREADS"] == "1"
            done.release()
            os._exit(0 if is_right and counts() == {"openblas": 1} else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert counts() == {"openblas": 1}


def test_nobody_sets_a_limit_for_the_whole_tree_of_regions() -> None:
    assert "OMP_THREAD_LIMIT" not in poolkeeper.split().env()
    shown = run([*MODULE, "run", "--dry-run", "--force"]).stdout
    assert "OMP_NUM_THREADS" in shown
    assert "OMP_THREAD_LIMIT" not in shown


# An OpenBLAS built on OpenMP waits for the threads that it was promised.
MULTIPLY = """
import ctypes, poolkeeper, scenario
openblas = scenario.load("openblas-openmp")
path = next(pool.filepath for pool in poolkeeper.pools() if pool.runtime == "libgomp")
ctypes.CDLL(path).omp_set_num_threads(4)
n = 500
a, b, c = ((ctypes.c_double * (n * n))() for _ in range(3))
whole, real = ctypes.c_int(n), ctypes.c_double(1.0)
openblas.cblas_dgemm(101, 111, 111, whole, whole, whole, real, a, whole, b, whole, real, c, whole)
"""


@pytest.mark.parametrize("first", ["", "import poolkeeper; poolkeeper.auto()\n"])
def test_an_openblas_on_openmp_still_ends(first: str) -> None:
    command = [sys.executable, "-c", first + MULTIPLY]
    if not first:
        command = [*MODULE, "run", "--cpus", "2", "--", *command]
    done = run(command, {"POOLKEEPER_CPUS": "2"})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", ["0", "all", "1.0", "500m", "-1", "1e3", "vier", "٣"])
def test_what_is_no_number_is_replaced_and_said(value: str) -> None:
    code = "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['OPENBLAS_NUM_THREADS'])"
    command = [*MODULE, "run", "--cpus", "1", "--", sys.executable, "-c", code]
    done = run(command, {"OMP_NUM_THREADS": value, "PYTHONUTF8": "1"})
    assert done.stdout.split() == ["1", "1"]
    assert "is no number of threads, so it is 1 now" in done.stderr
    assert "kept" not in done.stderr


@in_own_process(env={"OMP_NUM_THREADS": "all", "POOLKEEPER_CPUS": "1"})
def test_auto_says_what_it_replaced() -> None:
    with poolkeeper.auto() as done:
        assert done.replaced == [("OMP_NUM_THREADS", "all", 1)]
        assert "OMP_NUM_THREADS=all is no number of threads, so it is 1 now" in repr(done)
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "all"


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_bytes_that_are_no_text_are_replaced_and_put_back() -> None:
    os.environb[b"OMP_NUM_THREADS"] = b"\xff2"
    with poolkeeper.auto() as done:
        assert [name for name, _, _ in done.replaced] == ["OMP_NUM_THREADS"]
        repr(done).encode()
    assert os.environb[b"OMP_NUM_THREADS"] == b"\xff2"


@pytest.mark.parametrize(
    "value", ["1\ntouch PWNED #", "1; touch PWNED", "$(touch PWNED)", "`touch PWNED`", "1\n", "a'b"]
)
def test_a_dry_run_evaluated_runs_nothing_else(value: str, tmp_path: Path) -> None:
    command = " ".join([*MODULE, "run", "--dry-run", "--cpus", "1"])
    for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "JULIA_NUM_THREADS", "POOLKEEPER_SET"):
        script = f'eval "$({command})"; echo "$OPENBLAS_NUM_THREADS"'
        done = subprocess.run(
            ["sh", "-c", script], env=environment(**{name: value}), cwd=tmp_path,
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == ("1\n", "")
        assert list(tmp_path.iterdir()) == []
