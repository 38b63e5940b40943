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
    import io
    import time

    import poolkeeper
    import pyarrow
    import pyarrow.csv

    pyarrow.set_cpu_count(3)
    table = io.BytesIO(b"a,b\n" + b"1,2\n" * 2_000_000)
    options = pyarrow.csv.ReadOptions(use_threads=True, block_size=1 << 16)
    threads = 0
    deadline = time.monotonic() + 60
    while threads < 2 and time.monotonic() < deadline:
        table.seek(0)
        pyarrow.csv.read_csv(table, read_options=options)
        (finding,) = [f for f in poolkeeper.doctor().findings if f.code == "PK405"]
        (evidence,) = finding.evidence
        counted = re.fullmatch(
            r"Apache Arrow: (\d+) threads? of it runs? \(.*libarrow.*\)", evidence
        )
        threads = int(counted[1]) if counted else 0
    assert threads >= 1, finding


@in_own_process
def test_polars_is_told_of_once() -> None:
    import polars  # noqa: F401

    codes = [finding.code for finding in __import__("poolkeeper").doctor().findings]
    told = [code for code in codes if code in ("PK404", "PK405")]
    assert told in (["PK404"], ["PK405"])
