"""No false alarm, and what a report looks like."""

from __future__ import annotations

import json

import pytest
from isolated import in_own_process

from doctor.findings import command, start_openmp

pytestmark = pytest.mark.usefixtures("lab")

STACK = ("numpy", "scipy.linalg", "sklearn.cluster")


@in_own_process
def test_the_usual_imports_are_healthy() -> None:
    import numpy  # noqa: F401
    import poolkeeper
    import scipy.linalg  # noqa: F401
    import sklearn.cluster  # noqa: F401

    report = poolkeeper.doctor()
    assert report.is_healthy, report
    assert {finding.severity for finding in report.findings} == {"note"}
    assert str(report).startswith("poolkeeper doctor: all is well: 5 thread pools, ")
    assert str(report).count("\n") == 0


@in_own_process
def test_a_fit_later_they_still_are() -> None:
    import poolkeeper

    start_openmp()
    assert poolkeeper.doctor().is_healthy


@in_own_process
def test_threads_of_joblib_and_a_lock_are_no_forks() -> None:
    import multiprocessing

    import joblib
    import poolkeeper

    start_openmp()
    multiprocessing.RLock()  # as tqdm does
    joblib.Parallel(2, backend="threading")(joblib.delayed(abs)(i) for i in range(4))
    assert poolkeeper.doctor().is_healthy


@in_own_process
def test_nothing_at_all_is_healthy() -> None:
    import poolkeeper

    report = poolkeeper.doctor()
    assert report.findings == []
    assert str(report).startswith("poolkeeper doctor: all is well: no thread pool is loaded")


@in_own_process
def test_looking_changes_nothing() -> None:
    import os
    import sys

    import numpy  # noqa: F401
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    def state() -> object:
        threads = [pool.num_threads for pool in poolkeeper.pools()]
        return threads, dict(os.environ), os.sched_getaffinity(0), os.listdir("/proc/self/task")

    import poolkeeper._doctor  # what is imported is not what is looked at

    before, modules = state(), set(sys.modules)
    poolkeeper.doctor()
    assert state() == before
    assert set(sys.modules) == modules


def test_the_command_says_so_in_one_line() -> None:
    done = command("--strict", "-i", *STACK)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--notes"], []], ids=["notes", "plain"])
@pytest.mark.parametrize("threads", ["", "300", "abc"])
def test_a_report_fits_80_columns(arguments: list[str], threads: str) -> None:
    env = {"OMP_NUM_THREADS": threads} if threads else {}
    done = command(*arguments, "-i", *STACK, env=env)
    pasted = ("  Python ", "  shell ", "  see ", "           https://")
    lines = [line for line in done.stdout.splitlines() if not line.startswith(pasted)]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout


def test_json_is_what_python_returns() -> None:
    done = command("--json", "-i", *STACK, env={"OMP_NUM_THREADS": "300"})
    report = json.loads(done.stdout)
    assert (report["is_healthy"], report["pools"]) == (False, 5)
    first = report["findings"][0]
    assert (first["code"], first["severity"]) == ("PK101", "error")
    assert first["evidence"][0]["file"].endswith(".so.1.0.0")
    code = f"import json, {', '.join(STACK)}, poolkeeper; print(poolkeeper.doctor().to_dict())"
    from isolated import run_python

    assert run_python(code, env={"OMP_NUM_THREADS": "300"}).stdout == f"{report}\n"


def test_strict_fails_for_a_warning_and_not_for_notes() -> None:
    assert command("--strict", "-i", *STACK).returncode == 0
    late = command("--strict", "-i", *STACK, env={"OMP_NUM_THREADS": "300"})
    assert late.returncode == 3
    assert command("-i", *STACK, env={"OMP_NUM_THREADS": "300"}).returncode == 0


def test_a_missing_module_is_a_warning() -> None:
    done = command("-i", "no_such_module", "numpy")
    assert done.returncode == 1
    assert "could not import no_such_module" in done.stderr
    first = " ".join(done.stdout.split())
    assert first.startswith("poolkeeper doctor: nothing wrong in 1 thread pool, ")
    assert "; but could not import no_such_module: ModuleNotFoundError" in first


def test_without_the_only_module_nothing_was_judged() -> None:
    for module in ("no_such_module", "no.such", "numpy.no_such"):
        done = command("-i", module)
        assert done.returncode == 1
        assert "all is well" not in done.stdout
    done = command("-i", "no_such_module")
    said = "poolkeeper doctor: nothing was judged: could not import no_such_module: "
    assert " ".join(done.stdout.split()).startswith(said)
    report = json.loads(command("--json", "-i", "no_such_module").stdout)
    assert report["is_healthy"] is False
    assert len(report["unseen"]) == 1


def test_a_failed_import_is_told_beside_findings() -> None:
    done = command("-i", "no_such_module", *STACK, env={"OMP_NUM_THREADS": "300"})
    first = " ".join(done.stdout.partition("\nerror")[0].split())
    assert first.startswith("poolkeeper doctor: 1 error")
    assert "; could not import no_such_module" in first


@in_own_process
def test_a_wrong_number_of_cpus_is_an_error() -> None:
    import poolkeeper
    import pytest

    for cpus in (0, 10**6, -1):
        with pytest.raises(poolkeeper.LimitError, match=str(cpus)):
            poolkeeper.doctor(cpus=cpus)
    with pytest.raises(TypeError, match="many"):
        poolkeeper.doctor(cpus="many")  # type: ignore[arg-type]
