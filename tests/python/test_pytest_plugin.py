"""The pytest plugin: real runs of pytest and pytest-xdist, and what their workers see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from isolated import run

#: A suite of which each test writes down what its worker has.
SUITE = """
import json, os, pathlib
import numpy
import poolkeeper, pytest

@pytest.mark.parametrize("number", range(8))
def test_look(number):
    names = ("POOLKEEPER_CPUS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    (blas,) = [pool.num_threads for pool in poolkeeper.pools() if pool.level == "blas"]
    seen = {"blas": blas, "cpus": int(poolkeeper.cpus()), **{n: os.environ.get(n) for n in names}}
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    pathlib.Path(f"seen-{worker}-{number}.json").write_text(json.dumps(seen))
"""
CPUS = len(os.sched_getaffinity(0))


def _run(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(SUITE)
    # -W error: a warning of the plugin would end it; no ini file of this repository.
    command = [sys.executable, "-P", "-W", "error", "-m", "pytest", "-c", os.devnull]
    command += ["-p", "no:cacheprovider", "--rootdir", str(folder), *options, "test_suite.py"]
    return run(command, environment, cwd=folder)


def _seen(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What the tests wrote down, by worker."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("seen-*.json")):
        found.setdefault(path.name.split("-")[1], []).append(json.loads(path.read_text()))
        path.unlink()
    return found


def _share(number: int) -> dict[str, Any]:
    names = ("POOLKEEPER_CPUS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {"blas": number, "cpus": number, **dict.fromkeys(names, str(number))}


def _untouched() -> dict[str, Any]:
    names = ("POOLKEEPER_CPUS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {"blas": CPUS, "cpus": CPUS, **dict.fromkeys(names)}


def test_each_worker_has_its_share_before_tests_import_numpy(tmp_path: Path) -> None:
    done = _run(tmp_path, "-n", str(CPUS))
    assert done.returncode == 0, done.stdout + done.stderr
    seen = _seen(tmp_path)
    assert len(seen) == CPUS
    assert [each for worker in seen.values() for each in worker] == [_share(1)] * 8
    said = f"poolkeeper: {CPUS} CPUs for {CPUS} workers, 1 thread each"
    assert said in done.stdout


def test_one_worker_has_all(tmp_path: Path) -> None:
    done = _run(tmp_path, "-n", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _seen(tmp_path) == {"gw0": [_share(CPUS)] * 8}
    assert f"for 1 worker, {CPUS} threads each" in done.stdout


def test_more_workers_than_cpus(tmp_path: Path) -> None:
    done = _run(tmp_path, "-n", str(CPUS + 2))
    assert done.returncode == 0, done.stdout + done.stderr
    seen = _seen(tmp_path)
    assert [each for worker in seen.values() for each in worker] == [_share(1)] * 8


@pytest.mark.parametrize("count", ["auto", "logical"])
def test_auto_counts_the_budget(tmp_path: Path, count: str) -> None:
    done = _run(tmp_path, "-n", count, POOLKEEPER_CPUS="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _seen(tmp_path) == {"gw0": [_share(1)] * 8}
    _run(tmp_path, "-n", count, POOLKEEPER_CPUS="1", PYTEST_XDIST_AUTO_NUM_WORKERS="2")
    assert len(_seen(tmp_path)) == 2  # as the user says
    _run(tmp_path, "-n", count, "--no-poolkeeper", POOLKEEPER_CPUS="1")
    turned_off = len(_seen(tmp_path))
    _run(tmp_path, "-n", count, "-p", "no:poolkeeper", POOLKEEPER_CPUS="1")
    assert turned_off == len(_seen(tmp_path))


@pytest.mark.parametrize("options", [("--no-poolkeeper",), ("-p", "no:poolkeeper")])
def test_it_can_be_turned_off(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = _run(tmp_path, "-n", "2", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [each for worker in _seen(tmp_path).values() for each in worker] == [_untouched()] * 8
    assert "poolkeeper:" not in done.stdout


@pytest.mark.parametrize("options", [(), ("-n", "0"), ("-p", "no:xdist")])
def test_without_workers_nothing_is_changed_or_said(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = _run(tmp_path, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _seen(tmp_path) == {"alone": [_untouched()] * 8}
    assert "poolkeeper:" not in done.stdout


def test_what_the_user_set_stays(tmp_path: Path) -> None:
    done = _run(tmp_path, "-n", "2", OMP_NUM_THREADS="7")
    assert done.returncode == 0, done.stdout + done.stderr
    omp = {each["OMP_NUM_THREADS"] for worker in _seen(tmp_path).values() for each in worker}
    assert omp == {"7"}


def test_a_wrong_budget_is_a_usage_error(tmp_path: Path) -> None:
    done = _run(tmp_path, "-n", "2", POOLKEEPER_CPUS="many")
    assert done.returncode != 0
    assert "many" in done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_the_header_counts_workers_of_one_specification(tmp_path: Path) -> None:
    done = _run(tmp_path, "--dist", "load", "--tx", "2*popen", "--tx", "popen")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"poolkeeper: {CPUS} CPUs for 3 workers" in done.stdout
    assert len(_seen(tmp_path)) == 3


def test_a_program_may_import_the_package_before_it_runs_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    options = ["-W", "error", "-c", os.devnull, "-p", "no:cacheprovider", "test_suite.py"]
    code = f"import poolkeeper, pytest, sys; sys.exit(pytest.main({options}))"
    done = run([sys.executable, "-P", "-c", code], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


NESTED = """
import subprocess, sys, os
def test_runs_pytest():
    done = subprocess.run([sys.executable, "-P", "-m", "pytest", "-c", os.devnull, "-q",
                           "-p", "no:cacheprovider", *{options}, "test_suite.py"])
    assert done.returncode == 0
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_pytest_inside_a_worker_keeps_the_workers_share(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "test_outer.py").write_text(NESTED.format(options=list(options)))
    command = [sys.executable, "-P", "-m", "pytest", "-c", os.devnull, "-p", "no:cacheprovider"]
    done = run([*command, "-n", "1", "test_outer.py"], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    # One worker has all of it: two inside it divide that.
    share = max(1, CPUS // 2) if options else CPUS
    seen = [each for worker in _seen(tmp_path).values() for each in worker]
    assert seen == [_share(share)] * 8


def test_pools_loaded_by_the_libraries_compute(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(
        "import numpy, pytest\n"
        "from sklearn.cluster import KMeans\n"
        "@pytest.mark.parametrize('seed', range(4))\n"
        "def test_fit(seed):\n"
        "    points = numpy.random.default_rng(seed).normal(size=(500, 4))\n"
        "    assert KMeans(4, n_init=1).fit(points).n_iter_ > 0\n"
    )
    command = [sys.executable, "-P", "-m", "pytest", "-c", os.devnull, "-p", "no:cacheprovider"]
    done = run([*command, "-n", "2", "test_suite.py"], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


@pytest.mark.parametrize("count", ["auto", "logical"])
def test_the_users_own_number_of_workers_counts(tmp_path: Path, count: str) -> None:
    conftest = tmp_path / "conftest.py"
    own = "def pytest_xdist_auto_num_workers(config): return {}\n"
    conftest.write_text(own.format(3))
    done = _run(tmp_path, "-n", count, POOLKEEPER_CPUS="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(_seen(tmp_path)) == 3
    conftest.write_text(own.format("None"))  # whoever says nothing leaves it to us
    done = _run(tmp_path, "-n", count, POOLKEEPER_CPUS="1")
    assert (done.returncode, len(_seen(tmp_path))) == (0, 1)


@pytest.mark.parametrize("count", ["auto", "logical"])
def test_a_wrong_budget_is_a_usage_error_with_automatic_workers(tmp_path: Path, count: str) -> None:
    done = _run(tmp_path, "-n", count, POOLKEEPER_CPUS="many")
    said = done.stdout + done.stderr
    assert (done.returncode, "many" in said) == (pytest.ExitCode.USAGE_ERROR, True), said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said


@pytest.mark.parametrize("count", ["abc", "", "0", "-2", "1.5", "\u0663"])
def test_variables_that_are_not_xdists_mean_nothing(tmp_path: Path, count: str) -> None:
    others = {"PYTEST_XDIST_WORKER": "gw0", "PYTEST_XDIST_WORKER_COUNT": count}
    done = _run(tmp_path, **others)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _seen(tmp_path) == {"gw0": [_untouched()] * 8}
