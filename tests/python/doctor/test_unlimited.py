"""PK405: libraries with threads that no limit reaches; whose a C++ thread is."""

from __future__ import annotations

import re

import pytest
from isolated import in_own_process

from doctor.findings import found, not_found

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_a_library_is_told_of_with_its_own_call() -> None:
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401
    from scenario import load

    not_found("PK405")
    load("duckdb-fake")
    finding = found("PK405", "note", cpus=2)
    assert finding.summary.startswith("DuckDB has threads of its own")
    assert finding.evidence[0].startswith("DuckDB: no thread is known to be its own (")
    assert finding.evidence[0].endswith("/libduckdb.so)")
    assert 'execute("SET threads TO 2")' in finding.fix["advice"]
    assert finding.fix["python"] is finding.fix["shell"] is None


@in_own_process
def test_threads_of_cpp_belong_to_the_library_that_made_them() -> None:
    import numpy
    import scipy.fft

    not_found("PK405")
    numbers = numpy.ones((64, 64, 64))
    spectrum = scipy.fft.fftn(numbers, workers=3)  # its threads stay
    assert spectrum[0, 0, 0] == numbers.size
    finding = found("PK405", "note", cpus=2)
    (evidence,) = finding.evidence
    counted = re.fullmatch(r"scipy.fft: (\d+) threads of it run \(.*fft.*\)", evidence)
    assert counted, finding
    assert int(counted[1]) >= 2


@in_own_process
def test_polars_is_told_of_once() -> None:
    import polars  # noqa: F401

    codes = [finding.code for finding in __import__("poolkeeper").doctor().findings]
    told = [code for code in codes if code in ("PK404", "PK405")]
    assert told in (["PK404"], ["PK405"])
