"""What each runtime needs in particular: overrides, delegation, late libraries."""

from __future__ import annotations

import ctypes
import itertools

import pytest
from isolated import in_own_process
from scenario import Worker, by_name, counts, load

pytestmark = pytest.mark.usefixtures("lab")


# --- libraries without threads


@in_own_process
def test_a_serial_openblas_is_within_any_limit_and_stays() -> None:
    import poolkeeper

    load("openblas-serial")
    with poolkeeper.limit(2) as scope:
        (outcome,) = scope.outcomes
        assert (outcome.requested, outcome.observed) == (2, 1)
        assert (outcome.status, outcome.before) == ("below", 1)
        assert counts() == {"openblas": 1}


@in_own_process
def test_a_blis_without_threads_is_not_limited_and_says_why() -> None:
    import poolkeeper

    library = load("blis-pypi")
    library.bli_thread_set_num_threads(ctypes.c_int64(4))
    with poolkeeper.limit(2) as scope:
        (outcome,) = scope.outcomes
        assert (outcome.status, outcome.observed) == ("ignored", 4)
        assert outcome.reason == "this BLIS was built without threads"
    assert library.bli_thread_get_num_threads() == 4


# --- BLIS and MKL: "unset" is no number


@pytest.mark.parametrize("name", ["blis-openmp", "blis-pthread"])
@in_own_process
def test_blis_is_unset_again_afterwards(name: str) -> None:
    import poolkeeper

    library = load(name)
    with poolkeeper.limit(blas=3) as scope:  # unset means 1
        assert by_name(scope.outcomes) == {"blis": "below"}
        assert library.bli_thread_get_num_threads() == -1
    with poolkeeper.limit(blas=3, force=True):
        assert library.bli_thread_get_num_threads() == 3
        with poolkeeper.limit(blas=2):
            assert library.bli_thread_get_num_threads() == 2
        assert library.bli_thread_get_num_threads() == 3
    assert library.bli_thread_get_num_threads() == -1


@pytest.mark.parametrize("name", ["mkl_rt", "mkl-static"])
@in_own_process(env={"MKL_DYNAMIC": "FALSE", "MKL_NUM_THREADS": "4"})
def test_mkl_keeps_no_override(name: str) -> None:
    import poolkeeper

    library = load(name)
    set_all, get, set_own = (
        (
            library.MKL_Set_Num_Threads,
            library.MKL_Get_Max_Threads,
            library.MKL_Set_Num_Threads_Local,
        )
        if name == "mkl_rt"
        else (
            library.mkl_serv_set_num_threads,
            library.mkl_serv_get_max_threads,
            library.mkl_serv_set_num_threads_local,
        )
    )
    with poolkeeper.limit(mkl=1):
        assert get() == 1
        with poolkeeper.limit(mkl=1):
            pass
    set_all(3)
    assert get() == 3  # an override would hide it
    assert set_own(2) == 0  # there was none
    with poolkeeper.limit(mkl=1):
        pass
    assert set_own(0) == 2  # and one that was there is there again


@in_own_process
def test_listing_mkl_leaves_the_threads_own_override() -> None:
    library = load("mkl_rt")
    library.MKL_Set_Num_Threads_Local(3)
    assert counts()["mkl"] == 3
    assert library.MKL_Set_Num_Threads_Local(0) == 3


@in_own_process(env={"MKL_DYNAMIC": "FALSE", "OMP_NUM_THREADS": "4"})
def test_the_first_limit_covers_what_it_makes_mkl_load() -> None:
    import poolkeeper

    load("mkl_rt")
    with poolkeeper.limit(1) as scope:
        assert by_name(scope.outcomes) == {"mkl": "applied", "libomp": "applied"}
        assert counts() == {"mkl": 1, "libomp": 1}
    assert counts() == {"mkl": 4, "libomp": 4}


@in_own_process(env={"MKL_DYNAMIC": "FALSE", "OMP_NUM_THREADS": "4"})
def test_mkl_keeps_its_limit_when_its_openmp_is_let_go() -> None:
    import poolkeeper

    load("mkl_rt")
    poolkeeper.pools()
    outer = poolkeeper.limit(openmp=1)
    inner = poolkeeper.limit(mkl=1)
    outer.release()
    assert counts() == {"mkl": 1, "libomp": 4}
    assert by_name(inner.release()) == {"mkl": "restored"}
    assert counts() == {"mkl": 4, "libomp": 4}


@in_own_process(env={"MKL_DYNAMIC": "FALSE", "OMP_NUM_THREADS": "4"})
def test_mkl_keeps_its_limit_when_its_openmp_is_raised() -> None:
    import poolkeeper

    load("mkl_rt")
    poolkeeper.pools()
    with poolkeeper.limit(mkl=4), poolkeeper.limit(openmp=8, force=True):
        assert counts() == {"mkl": 4, "libomp": 8}
    assert counts() == {"mkl": 4, "libomp": 4}


@in_own_process(env={"BLIS_IC_NT": "4"})
def test_blis_with_threads_set_for_a_loop_is_limited_and_gets_them_back() -> None:
    import os

    import poolkeeper

    library = load("blis-openmp")
    assert library.bli_thread_get_ic_nt() == 4
    with poolkeeper.limit(1):
        _multiply(library)
        assert len(os.listdir("/proc/self/task")) == 1
    assert library.bli_thread_get_ic_nt() == 4
    with poolkeeper.limit(2):
        pass
    assert library.bli_thread_get_ic_nt() == 4


def _multiply(library: ctypes.CDLL, order: int = 512) -> None:
    size, number = order * order, ctypes.c_double
    a, b, c = ((number * size)() for _ in range(3))
    library.cblas_dgemm.restype = None
    library.cblas_dgemm(
        101, 111, 111, order, order, order, number(1), a, order, b, order, number(0), c, order
    )


@pytest.mark.parametrize("threads", [1, 2])
@in_own_process(
    env={
        "MKL_DYNAMIC": "FALSE",
        "MKL_NUM_THREADS": "1",
        "MKL_DOMAIN_NUM_THREADS": "MKL_DOMAIN_BLAS=4",
    }
)
def test_mkl_with_threads_set_for_a_domain_is_limited_and_gets_them_back(threads: int) -> None:
    import poolkeeper

    blas_domain = 1  # mkl_service.h: MKL_DOMAIN_BLAS
    library = load("mkl_rt")
    assert library.MKL_Domain_Get_Max_Threads(blas_domain) == 4
    # One number holds for all domains, and the others have 1: none may be raised.
    with poolkeeper.limit(mkl=threads):
        assert library.MKL_Domain_Get_Max_Threads(blas_domain) == 1
    assert library.MKL_Domain_Get_Max_Threads(blas_domain) == 4


# --- OpenBLAS built on OpenMP


@in_own_process(env={"OMP_NUM_THREADS": "6"})
def test_openblas_on_openmp_is_limited_through_its_runtime_on_this_thread() -> None:
    import poolkeeper

    library = load("openblas-openmp")
    with Worker() as other:
        with poolkeeper.limit(blas=1) as scope:
            assert by_name(scope.outcomes) == {"openblas": "applied"}
            assert library.omp_get_max_threads() == 1
            assert counts() == {"openblas": 1, "libgomp": 1}
            assert other(library.omp_get_max_threads) == 6
        assert library.omp_get_max_threads() == 6


@in_own_process(env={"OMP_NUM_THREADS": "6"})
def test_openblas_on_openmp_yields_to_the_limit_of_its_runtime() -> None:
    import poolkeeper

    library = load("openblas-openmp")
    with poolkeeper.limit(blas=1, openmp=2) as scope:
        found = {outcome.name: outcome for outcome in scope.outcomes}
        assert found["libgomp"].status == "applied"
        assert found["openblas"].status == "ignored"
        assert found["openblas"].reason == "it runs on libgomp, which this request sets to 2"
        assert library.omp_get_max_threads() == 2
    with poolkeeper.limit(blas=2, openmp=2) as scope:
        assert by_name(scope.outcomes) == {"openblas": "applied", "libgomp": "applied"}
    assert library.omp_get_max_threads() == 6


@in_own_process(env={"OMP_NUM_THREADS": "6"})
def test_openblas_on_openmp_and_its_runtime_share_one_ledger() -> None:
    import poolkeeper

    library = load("openblas-openmp")
    for first, second in itertools.permutations(("openmp", "blas")):
        a, b = poolkeeper.limit({first: 2}), poolkeeper.limit({second: 4})
        assert library.omp_get_max_threads() == 2
        a.release()
        assert library.omp_get_max_threads() == 4
        b.release()
        assert library.omp_get_max_threads() == 6
