"""PK401 to PK403: variables set too late, ignored or misread."""

from __future__ import annotations

import json
import os

import pytest
from isolated import in_own_process, run_python

from doctor.findings import THREADS, found, not_found

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_set_after_the_import() -> None:
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401

    not_found("PK401")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    finding = found("PK401", "warning")
    assert "OPENBLAS_NUM_THREADS was not set when the program started; it is 1 now" in (
        finding.evidence
    )
    assert f"it runs {THREADS} threads" in finding.summary
    assert len(finding.evidence) == 3  # numpy's OpenBLAS and scipy's
    exec(finding.fix["python"], {})
    not_found("PK401")


@in_own_process(env={"OMP_NUM_THREADS": "3"})
def test_changed_after_the_import() -> None:
    import sklearn.cluster  # noqa: F401

    os.environ["OMP_NUM_THREADS"] = "2"
    finding = found("PK401", "warning")
    assert "OMP_NUM_THREADS=3 when the program started, 2 now" in finding.evidence


@in_own_process
def test_fewer_threads_than_it_was_to_have_are_a_note() -> None:
    import sklearn.cluster  # noqa: F401

    os.environ["OMP_NUM_THREADS"] = str(THREADS + 1)
    found("PK401", "note")


@in_own_process
def test_what_dask_sets_for_its_workers_is_a_note() -> None:
    import distributed.nanny  # noqa: F401
    import numpy  # noqa: F401

    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    found("PK401", "note")


@in_own_process
def test_set_before_the_import_is_in_time() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["OMP_NUM_THREADS"] = "3"
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    not_found("PK401")


@in_own_process
def test_a_number_that_openblas_lowers_to_the_cpus_was_heard() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "50"
    import numpy  # noqa: F401

    not_found("PK401")


@in_own_process(env={"OMP_NUM_THREADS": "2"})
def test_a_limit_is_no_late_variable() -> None:
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    os.environ["OMP_NUM_THREADS"] = "4"
    found("PK401", "note")
    with poolkeeper.limit(1):
        not_found("PK401")


# --- ignored


@in_own_process(env={"OPENBLAS_NUM_THREADS": "1"})
def test_an_openblas_on_openmp_reads_another() -> None:
    from scenario import load

    load("openblas-openmp")
    finding = found("PK402", "warning")
    assert finding.fix["shell"] == "export OMP_NUM_THREADS=1"
    import poolkeeper

    with poolkeeper.limit(1):
        not_found("PK402")


@in_own_process(env={"OPENBLAS_NUM_THREADS": "2"})
def test_an_openblas_without_threads_reads_none() -> None:
    from scenario import load

    load("openblas-serial")
    assert "without threads" in found("PK402", "warning").summary


@in_own_process(env={"MKL_NUM_THREADS": "2", "MKL_THREADING_LAYER": "SEQUENTIAL"})
def test_a_sequential_mkl_reads_none() -> None:
    from scenario import load

    load("mkl_rt")
    assert "Intel MKL" in found("PK402", "warning").summary


@in_own_process(env={"OPENBLAS_NUM_THREADS": "1"})
def test_the_wheels_openblas_reads_it() -> None:
    import numpy  # noqa: F401

    not_found("PK402")


# --- misread


@in_own_process(env={"OPENBLAS_NUM_THREADS": "1e1"})
def test_openblas_reads_the_digits_at_the_beginning() -> None:
    import numpy  # noqa: F401

    finding = found("PK403", "warning")
    assert any("made 1 thread of it" in line for line in finding.evidence)


@pytest.mark.parametrize("value", ["abc", "4.0", "0", "-1", "0x2", "2,x"])
def test_every_reader_is_named_with_what_it_made_of_it(value: str) -> None:
    code = (
        "import numpy, sklearn.cluster, json, poolkeeper\n"
        "print(json.dumps(poolkeeper.doctor().to_dict()))"
    )
    done = run_python(code, env={"OMP_NUM_THREADS": value})
    assert "libgomp: Invalid value" in done.stderr
    (finding,) = [f for f in json.loads(done.stdout)["findings"] if f["code"] == "PK403"]
    assert repr(value).strip("'") in finding["summary"]
    assert len(finding["evidence"]) == 5  # the value, two OpenBLAS, Arrow, libgomp


@pytest.mark.parametrize("value", ["2", " 2 ", "2,1", "2, 1"])
@in_own_process
def test_numbers_and_lists_are_read_alike(value: str) -> None:
    os.environ["OMP_NUM_THREADS"] = value
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    not_found("PK403")
    not_found("PK401")
