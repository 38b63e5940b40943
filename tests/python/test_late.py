"""Scopes that cover, or do not cover, libraries loaded while they live."""

from __future__ import annotations

import pytest
from isolated import in_own_process
from scenario import FAKE, Worker, by_name, counts, fake, load

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_late_covers_what_is_loaded_afterwards() -> None:
    import poolkeeper

    load("mkl-static")
    with poolkeeper.limit(2, late=True) as scope:
        fake()
        assert counts() == {"mkl": 2, "openblas": 2}
        assert by_name(scope.outcomes) == {"mkl": "applied", "openblas": "applied"}
    assert counts() == {"mkl": 4, "openblas": 8}
    assert by_name(scope.endings) == {"mkl": "restored", "openblas": "restored"}


@in_own_process
def test_without_late_what_is_loaded_afterwards_is_free() -> None:
    import poolkeeper

    with poolkeeper.limit(2) as scope:
        fake()
        assert counts() == {"openblas": 8}
        with poolkeeper.limit(3):
            assert counts() == {"openblas": 3}
        assert scope.outcomes == []
    assert counts() == {"openblas": 8}


@in_own_process
def test_late_covers_only_what_it_names() -> None:
    import poolkeeper

    with poolkeeper.limit(openblas=2, late=True) as scope:
        assert by_name(scope.outcomes) == {"openblas": "ignored"}  # not loaded, so far
        fake(), load("mkl-static")
        assert counts() == {"openblas": 2, "mkl": 4}
        assert [(o.name, o.status) for o in scope.outcomes] == [("openblas", "applied")]
    assert counts() == {"openblas": 8, "mkl": 4}


@in_own_process(env={"OMP_NUM_THREADS": "6"})
def test_late_covers_only_its_own_thread_where_the_reach_is_a_thread() -> None:
    import poolkeeper

    with Worker() as other, poolkeeper.limit(2, late=True):
        library = load("libomp")
        assert other(counts) == {"libomp": 6}
        assert counts() == {"libomp": 2}
        assert other(counts) == {"libomp": 6}
        with Worker() as another:
            assert another(library.omp_get_max_threads) == 6
    assert counts() == {"libomp": 6}


@in_own_process
def test_late_scope_and_another_share_what_came_late() -> None:
    import poolkeeper

    late = poolkeeper.limit(3, late=True)
    load(FAKE)
    other = poolkeeper.limit(2)
    assert counts() == {"openblas": 2}
    other.release()
    assert counts() == {"openblas": 3}
    late.release()
    assert counts() == {"openblas": 8}
