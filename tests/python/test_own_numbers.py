"""Libraries that state a number of threads of their own with each region."""

from __future__ import annotations

import pytest
from isolated import in_own_process
from scenario import load

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_lightgbm_is_limited_and_has_no_maximum_afterwards() -> None:
    import poolkeeper

    library = load("lightgbm-fake")
    (pool,) = poolkeeper.pools()
    assert (pool.runtime, pool.level, pool.reach) == ("lightgbm", "openmp", "process")
    assert pool.num_threads is None, "it has none of its own"
    assert library.fit(8) == 8
    with poolkeeper.limit(1) as scope:
        (outcome,) = scope.outcomes
        assert (outcome.before, outcome.observed, outcome.status) == (None, 1, "applied")
        assert library.fit(8) == 1
        with poolkeeper.limit(openmp=3) as inner:
            assert [outcome.status for outcome in inner.outcomes] == ["shared"]
            assert library.fit(8) == 1
    assert library.fit(8) == 8
    with poolkeeper.limit(lightgbm=2), poolkeeper.limit(blas=1):
        assert library.fit(8) == 2
    assert library.fit(8) == 8


@in_own_process
def test_lightgbms_own_maximum_is_kept() -> None:
    import poolkeeper

    library = load("lightgbm-fake")
    library.LGBM_SetMaxThreads(4)
    with poolkeeper.limit(6) as scope:
        assert [outcome.status for outcome in scope.outcomes] == ["below"]
        assert library.fit(8) == 4
    with poolkeeper.limit(3):
        assert library.fit(8) == 3
    assert library.fit(8) == 4
    poolkeeper.set_limit(lightgbm=5)
    assert library.fit(8) == 5


@in_own_process
def test_numba_is_not_said_to_be_limited() -> None:
    import poolkeeper

    load("numba-fake")
    with poolkeeper.limit(1) as scope:
        (outcome,) = scope.outcomes
    assert (outcome.name, outcome.status) == ("numba", "ignored")
    assert outcome.reason is not None
    assert "numba.set_num_threads(n)" in outcome.reason


@in_own_process
def test_numba_loaded_inside_a_limit_is_told_of_as_well() -> None:
    import poolkeeper

    with poolkeeper.limit(1) as scope:
        load("numba-fake")
        poolkeeper.pools()
        assert [(found.name, found.status) for found in scope.outcomes] == [("numba", "ignored")]


@in_own_process
def test_a_blas_without_threads_is_named() -> None:
    import poolkeeper

    load("netlib-fake")
    (pool,) = poolkeeper.pools()
    assert pool.name == "reference BLAS (Netlib)"
    assert (pool.runtime, pool.level, pool.num_threads) == ("netlib-blas", "blas", 1)
    with poolkeeper.limit(4) as scope:
        (outcome,) = scope.outcomes
    assert (outcome.observed, outcome.status) == (1, "below")
