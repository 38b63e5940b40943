"""PK101: more threads may call a BLAS at once than it survives."""

from __future__ import annotations

import pytest
from isolated import in_own_process

from doctor.findings import THREADS, found, not_found

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process(env={"OMP_NUM_THREADS": "300"})
def test_more_openmp_threads_than_buffers() -> None:
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401
    import sklearn.cluster  # noqa: F401

    finding = found("PK101", "error")
    assert finding.summary.startswith("300 OpenMP threads may call OpenBLAS ")
    caller, *blas, end = finding.evidence
    assert "libgomp" in caller
    assert ["numpy.libs" in line for line in blas] == [True, False]
    assert all("128 buffers" in line for line in blas)
    # 128 buffers less its workers' and its own, and the 512 that it allocates once.
    assert finding.summary.endswith(f"safe with {128 - THREADS}.")
    assert f"past {128 - THREADS + 512} callers" in end


@in_own_process(env={"OMP_NUM_THREADS": "700"})
def test_more_than_it_allocates_besides() -> None:
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    assert "700 are too many for that" in found("PK101", "error").evidence[-1]


@in_own_process(env={"OMP_NUM_THREADS": "127", "OPENBLAS_NUM_THREADS": "1"})
def test_as_many_as_there_are_buffers_is_safe() -> None:
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    not_found("PK101")


@in_own_process(env={"OMP_NUM_THREADS": "128", "OPENBLAS_NUM_THREADS": "1"})
def test_one_more_is_not() -> None:
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    assert "safe with 127" in found("PK101", "error").summary


@in_own_process(env={"OMP_NUM_THREADS": "128"})
def test_workers_that_a_limit_sent_to_sleep_hold_their_buffers() -> None:
    import numpy  # noqa: F401
    import poolkeeper
    import sklearn.cluster  # noqa: F401

    with poolkeeper.limit(blas=1):
        (numpys,) = [pool for pool in poolkeeper.pools() if "numpy.libs" in pool.filepath]
        assert numpys.capacity == 128 - THREADS
        assert f"safe with {128 - THREADS}" in found("PK101", "error").summary


@in_own_process(env={"OMP_NUM_THREADS": "300"})
def test_the_advised_limit_makes_it_go_away() -> None:
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    advice = found("PK101", "error").fix["python"]
    assert advice.startswith("import poolkeeper; poolkeeper.set_limit(openmp=")
    exec(advice, {})
    not_found("PK101")


@in_own_process(env={"OPENBLAS_NUM_THREADS": "1"})
def test_threads_of_the_program_itself() -> None:
    import threading

    import numpy  # noqa: F401
    import poolkeeper

    (capacity,) = [pool.capacity for pool in poolkeeper.pools()]
    assert capacity
    end = threading.Event()

    def start(count: int) -> None:
        for _ in range(count):
            threading.Thread(target=end.wait).start()

    try:
        start(capacity - 1)  # the main thread is one of the callers
        not_found("PK101")
        start(1)
        finding = found("PK101", "warning")
        beginning = f"{capacity + 1} threads of the program may call OpenBLAS "
        assert finding.summary.startswith(beginning)
    finally:
        end.set()


@in_own_process
def test_a_machine_of_128_cpus_is_predicted() -> None:
    import numpy  # noqa: F401
    import sklearn.cluster  # noqa: F401

    not_found("PK101")
    finding = found("PK101", "error", cpus=128)
    assert finding.summary.startswith("128 OpenMP threads may call OpenBLAS ")
    # 64 threads of its own there: 63 workers, and OpenBLAS itself, hold a buffer each.
    assert finding.summary.endswith("safe with 64.")
    not_found("PK101", cpus=64)


@in_own_process(env={"OMP_NUM_THREADS": "300"})
def test_an_openblas_on_openmp_has_no_callers_of_its_own() -> None:
    from scenario import load

    load("openblas-openmp")
    not_found("PK101")
