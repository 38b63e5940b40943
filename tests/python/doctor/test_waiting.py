"""PK205, PK206, PK302, PK303, PK304: how threads wait, and where they may run."""

from __future__ import annotations

import os
import sys

import pytest
from isolated import in_own_process, run

from doctor.findings import found, not_found

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_openblas_and_openmp_in_turn_are_a_note() -> None:
    import numpy  # noqa: F401
    import poolkeeper

    not_found("PK205")
    import sklearn.cluster  # noqa: F401

    found("PK205", "note")
    with poolkeeper.limit(blas=1):
        not_found("PK205")


@in_own_process(env={"OMP_WAIT_POLICY": "Active"})
def test_idle_threads_that_never_sleep_are_a_warning() -> None:
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    finding = found("PK205", "warning")
    assert "OMP_WAIT_POLICY=Active" in finding.evidence
    assert finding.fix["shell"] == "unset OMP_WAIT_POLICY"


@in_own_process(env={"GOMP_SPINCOUNT": "1"})
def test_idle_threads_that_sleep_at_once() -> None:
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    assert "GOMP_SPINCOUNT=1" in found("PK206", "warning").evidence
    with poolkeeper.limit(1):
        not_found("PK206")


@in_own_process(env={"GOMP_SPINCOUNT": "300000"})
def test_an_ordinary_spin_count_is_fine() -> None:
    import sklearn.cluster  # noqa: F401

    not_found("PK206")


@in_own_process(env={"OMP_PROC_BIND": "true"})
def test_threads_bound_by_two_runtimes() -> None:
    import sklearn.cluster  # noqa: F401
    from scenario import load

    not_found("PK302")
    load("libomp")
    finding = found("PK302", "warning")
    assert "OMP_PROC_BIND=true" in finding.summary


@in_own_process
def test_two_runtimes_that_bind_nothing_are_fine() -> None:
    import sklearn.cluster  # noqa: F401
    from scenario import load

    load("libomp")
    not_found("PK302")


@in_own_process(env={"OMP_PROC_BIND": "true", "OMP_PLACES": "{0}"})
def test_an_import_took_cpus_away() -> None:
    import poolkeeper  # noqa: F401

    not_found("PK303")
    import sklearn.cluster  # noqa: F401

    finding = found("PK303", "warning")
    assert "CPUs now: 0" in finding.evidence
    assert "OMP_PROC_BIND=true" in finding.evidence
    exec(finding.fix["python"], {})
    not_found("PK303")


@in_own_process
def test_other_threads_tell_what_was_before_poolkeeper() -> None:
    import numpy  # noqa: F401

    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    import poolkeeper  # noqa: F401

    assert any("other threads" in line for line in found("PK303", "warning").evidence)


@in_own_process
def test_a_mask_from_before_the_start_is_fine() -> None:
    import subprocess
    import sys

    cpu = str(min(os.sched_getaffinity(0)))
    code = (
        "import numpy, poolkeeper; assert poolkeeper.cpus() == 1; "
        "assert not poolkeeper.doctor().findings, poolkeeper.doctor()"
    )
    command = ["taskset", "-c", cpu, sys.executable, "-c", code]
    assert subprocess.run(command, check=False).returncode == 0


@in_own_process
def test_a_thread_bound_itself_outside_the_programs_cpus() -> None:
    import threading

    first, *_, last = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {first})
    import poolkeeper  # noqa: F401

    not_found("PK304")
    bound, done = threading.Event(), threading.Event()

    def stay() -> None:
        os.sched_setaffinity(0, {last})
        bound.set()
        done.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    bound.wait()
    found("PK304", "warning")
    done.set()
    thread.join()
    not_found("PK304")


ELSEWHERE = """
import os, threading
def stay(bound, done):
    os.sched_setaffinity(0, {1})  # as onnxruntime does for its workers
    bound.set(); done.wait()
bound, done = threading.Event(), threading.Event()
thread = threading.Thread(target=stay, args=(bound, done))
thread.start(); bound.wait()
from doctor.findings import found, not_found
try:
    not_found("PK303")  # no proof that the program had that CPU
    finding = found("PK304", "warning")
    assert "CPUs of the program: 0" in finding.evidence
    assert "CPUs of other threads: 1" in finding.evidence
    assert "intra_op_num_threads" in finding.fix["advice"]
finally:
    done.set()
thread.join()
not_found("PK304")
"""


@pytest.mark.parametrize("before", ["import poolkeeper", ""])
@pytest.mark.parametrize(
    "start", [["-m", "poolkeeper", "run", "--cpus", "1", "--pin", "--"], ["taskset -c 0"]]
)
def test_a_thread_that_bound_itself_elsewhere(start: list[str], before: str) -> None:
    program = [sys.executable, "-c", before + ELSEWHERE]
    simulate = [sys.executable, "-m", "poolkeeper", "simulate", "--cpus", "2", "-o", "/dev/null"]
    inside = start[0].split() if len(start) == 1 else [sys.executable, *start]
    done = run([*simulate, "--", *inside, *program])
    assert done.returncode == 0, done.stderr


def test_run_pins_and_says_to_what() -> None:
    pinned = "import os; print(os.environ['POOLKEEPER_PINNED'], sorted(os.sched_getaffinity(0)))"
    command = [sys.executable, "-m", "poolkeeper", "run", "--cpus", "1", "--pin", "--"]
    done = run([*command, sys.executable, "-c", pinned])
    name, _, cpus = done.stdout.strip().partition(" ")
    assert cpus == f"[{name}]", done.stderr
