"""PK102, PK103, PK106, PK301, PK404, PK501, PK502: which libraries, beside each other."""

from __future__ import annotations

import os

import pytest
from isolated import in_own_process

from doctor.findings import found, not_found

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process(env={"KMP_DUPLICATE_LIB_OK": "TRUE"})
def test_libomp_and_libiomp() -> None:
    from scenario import load

    load("libomp")
    not_found("PK102")
    assert "set before the program started" in found("PK103", "note").evidence[0]
    load("libiomp5")
    finding = found("PK102", "error")
    files = [line for line in finding.evidence if ".so" in line]
    assert ["libomp.so" in files[0], "libiomp5.so" in files[1]] == [True, True]
    found("PK103", "warning")


@in_own_process
def test_threadpoolctl_is_told_to_have_set_it() -> None:
    from scenario import load

    load("libomp")
    not_found("PK103")
    import threadpoolctl  # noqa: F401

    assert "importing threadpoolctl does that" in found("PK103", "note").evidence[0]
    os.environ["KMP_DUPLICATE_LIB_OK"] = "0"
    not_found("PK103")


@in_own_process
def test_without_a_runtime_that_reads_it_there_is_nothing_to_say() -> None:
    import sklearn.cluster  # noqa: F401

    assert os.environ["KMP_DUPLICATE_LIB_OK"] == "True"
    not_found("PK103")


@in_own_process
def test_two_copies_of_openblas_are_a_note() -> None:
    import numpy  # noqa: F401

    not_found("PK301")
    import scipy.linalg  # noqa: F401

    finding = found("PK301", "note")
    assert finding.summary.startswith("Two copies of OpenBLAS ")


@in_own_process
def test_two_copies_of_libgomp_are_a_note() -> None:
    import ctypes

    import sklearn.cluster  # noqa: F401

    ctypes.CDLL("libgomp.so.1")
    from poolkeeper import doctor

    copies = [f.summary for f in doctor().findings if f.code == "PK301"]
    assert any("libgomp" in summary for summary in copies)


# --- pools that can't be limited


@in_own_process(env={"POLARS_MAX_THREADS": "64"})
def test_polars_keeps_what_it_began_with() -> None:
    import polars

    not_found("PK404")  # its threads have not begun
    polars.DataFrame({"a": [1]}).lazy().select("a").collect()
    finding = found("PK404", "warning")
    assert "Polars has 64 threads" in finding.summary
    assert finding.fix["shell"].startswith("export POLARS_MAX_THREADS=")


@in_own_process(env={"POLARS_MAX_THREADS": "1"})
def test_within_the_budget_it_is_a_note() -> None:
    import polars

    polars.DataFrame({"a": [1]}).lazy().select("a").collect()
    found("PK404", "note")


@in_own_process
def test_a_blas_without_threads_is_a_note() -> None:
    import numpy  # noqa: F401
    from scenario import load

    not_found("PK404")
    load("openblas-serial")
    found("PK404", "note")


# --- versions


@in_own_process
def test_an_old_openblas_on_openmp_forgets() -> None:
    import numpy  # noqa: F401
    from scenario import load

    not_found("PK501")
    load("openblas-openmp")
    finding = found("PK501", "warning")
    assert "libgomp" in finding.evidence[1]


@in_own_process
def test_a_version_with_a_known_fault() -> None:
    import numpy  # noqa: F401
    from scenario import load

    load("openblas-fake-0.3.4")
    not_found("PK502")
    load("openblas-fake-0.3.2")
    assert "wrong results" in found("PK502", "error").summary


@in_own_process(env={"OMP_NUM_THREADS": "6", "OMP_THREAD_LIMIT": "2"})
def test_an_openblas_on_openmp_that_waits_for_threads_that_may_not_start() -> None:
    import poolkeeper
    from scenario import load

    load("openblas-openmp")
    finding = found("PK106", "error")
    assert "divides its work into 6 parts" in finding.summary
    assert any(
        "told to use 6 threads; starts 2 threads at most" in line for line in finding.evidence
    )
    assert {pool.num_threads for pool in poolkeeper.pools()} == {2}
    exec(finding.fix["python"])  # as it is pasted
    not_found("PK106")


@in_own_process(env={"OMP_NUM_THREADS": "2", "OMP_THREAD_LIMIT": "2"})
def test_one_that_was_told_to_use_what_may_start_is_well() -> None:
    from scenario import load

    load("openblas-openmp")
    not_found("PK106")


@in_own_process(env={"OMP_NUM_THREADS": "6", "OMP_THREAD_LIMIT": "2"})
def test_an_openblas_on_pthreads_does_not_ask() -> None:
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    not_found("PK106")
