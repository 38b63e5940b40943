"""Limits in one thread, rule by rule of "Semantics of limits"."""

from __future__ import annotations

import pytest
from isolated import in_own_process
from scenario import FAKE, FAKE_MAXIMUM, by_name, counts, fake, load, path_of

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_a_limit_holds_in_the_block_and_is_gone_after_it() -> None:
    import poolkeeper

    library = fake()
    with poolkeeper.limit(3) as scope:
        assert library.openblas_get_num_threads() == 3
        assert scope.live
    assert library.openblas_get_num_threads() == 8
    assert not scope.live


@in_own_process
def test_the_wheels_really_run_that_many_threads() -> None:
    import numpy as np
    import poolkeeper
    from poolkeeper.demo.meter import ThreadMeter, wait_until_quiet

    a = np.ones((700, 700))
    poolkeeper.set_limit(2)
    a @ a
    assert wait_until_quiet(timeout=60)  # its workers spin for a while
    with poolkeeper.limit(blas=1), ThreadMeter() as limited:
        for _ in range(5):
            a @ a
    assert limited.usage.threads_used == 1
    assert counts() == {"openblas": 2}


@pytest.mark.parametrize(
    ("outer", "inner", "both"), [(4, 2, 2), (2, 4, 2), (3, 3, 3), (8, 7, 7), (1, 16, 1)]
)
@in_own_process
def test_nested_limits_hold_at_the_smallest(outer: int, inner: int, both: int) -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(outer):
        assert counts()["openblas"] == outer
        with poolkeeper.limit(inner) as scope:
            assert counts()["openblas"] == both
            assert by_name(scope.outcomes) == {"openblas": "applied" if inner == both else "shared"}
        assert counts()["openblas"] == outer
    assert counts()["openblas"] == 8


@pytest.mark.parametrize(
    "order", [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
)
@pytest.mark.parametrize("runtime", ["openblas", "libomp"])
@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_any_order_of_ends(order: list[int], runtime: str) -> None:
    import poolkeeper

    load(FAKE if runtime == "openblas" else "libomp")
    limits = [5, 2, 7]
    scopes = [poolkeeper.limit(threads) for threads in limits]
    for position, ended in enumerate(order):
        (ending,) = scopes[ended].release()
        left = [limits[other] for other in order[position + 1 :]]
        assert counts() == {runtime: min(left, default=8)}
        assert ending.status == ("held" if left else "restored")


@in_own_process
def test_force_raises_an_outer_limit_and_later_scopes_count_again() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(2):
        with poolkeeper.limit(6, force=True) as forced:
            assert counts() == {"openblas": 6}
            assert by_name(forced.outcomes) == {"openblas": "applied"}
            with poolkeeper.limit(4):
                assert counts() == {"openblas": 4}
            with poolkeeper.limit(7):
                assert counts() == {"openblas": 6}
            assert counts() == {"openblas": 6}
        assert counts() == {"openblas": 2}
    assert counts() == {"openblas": 8}


# --- rules 5 and 9: what somebody else sets, and what was never changed


@in_own_process
def test_a_change_by_somebody_else_is_left_and_told() -> None:
    import poolkeeper

    library = fake()
    scope = poolkeeper.limit(2)
    library.openblas_set_num_threads(5)
    with pytest.warns(poolkeeper.LimitWarning, match="somebody else changed it") as caught:
        (ending,) = scope.release()
    assert caught[0].filename == __file__
    assert ending.status == "left"
    assert "the scope had set 2, 5 was found" in str(ending)
    assert counts() == {"openblas": 5}
    with poolkeeper.limit(1):
        pass
    assert counts() == {"openblas": 5}  # the baseline from now on


@in_own_process
def test_a_change_between_nested_scopes_becomes_the_baseline() -> None:
    import poolkeeper

    library = fake()
    outer = poolkeeper.limit(4)
    library.openblas_set_num_threads(6)
    with poolkeeper.limit(2):
        assert counts() == {"openblas": 2}
    assert counts() == {"openblas": 6}
    with pytest.warns(poolkeeper.LimitWarning, match="somebody else"):
        outer.release()
    assert counts() == {"openblas": 6}


@in_own_process
def test_what_the_limit_did_not_change_is_not_written() -> None:
    import poolkeeper

    blis = load("blis-pthread")
    with poolkeeper.limit(1) as scope:
        assert blis.bli_thread_get_num_threads() == -1
        assert by_name(scope.outcomes) == {"blis": "applied"}
    assert blis.bli_thread_get_num_threads() == -1


@in_own_process
def test_other_levels_are_left_alone() -> None:
    import poolkeeper

    library, libomp = fake(), load("libomp")
    with poolkeeper.limit(blas=1) as scope:
        libomp.omp_set_num_threads(3)
        assert [outcome.name for outcome in scope.outcomes] == ["openblas"]
    assert counts() == {"openblas": 8, "libomp": 3}
    assert library.openblas_get_num_threads() == 8


# --- set_limit


@in_own_process
def test_set_limit_stays() -> None:
    import poolkeeper

    fake()
    (outcome,) = poolkeeper.set_limit(5)
    assert (outcome.status, outcome.before, outcome.observed) == ("applied", 8, 5)
    assert counts() == {"openblas": 5}
    with poolkeeper.limit(2):
        pass
    assert counts() == {"openblas": 5}


@in_own_process
def test_set_limit_inside_scopes_waits_for_the_last_to_end() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(4):
        with poolkeeper.limit(2):
            (outcome,) = poolkeeper.set_limit(blas=3)
            assert (outcome.status, outcome.requested, outcome.observed) == ("shared", 3, 2)
            assert counts() == {"openblas": 2}
        assert counts() == {"openblas": 4}
    assert counts() == {"openblas": 3}


@in_own_process
def test_set_limit_inside_a_scope_that_changed_nothing() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(8):
        poolkeeper.set_limit(3)
        assert counts() == {"openblas": 8}
    assert counts() == {"openblas": 3}


# --- outcomes


@in_own_process
def test_clamped_says_to_what() -> None:
    import poolkeeper

    load("openblas-pthread")
    before = counts()
    with poolkeeper.limit(100, force=True) as scope:
        (outcome,) = scope.outcomes
        assert (outcome.status, outcome.requested, outcome.observed) == ("clamped", 100, 64)
        assert (outcome.before, outcome.reason) == (before["openblas"], None)
        assert str(outcome) == "openblas: asked for 100, clamped to 64 by the runtime"
        assert counts() == {"openblas": 64}
        with poolkeeper.limit(80) as inner:
            assert by_name(inner.outcomes) == {"openblas": "clamped"}


@in_own_process
def test_shared_says_what_holds() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(2), poolkeeper.limit(5) as scope:
        (outcome,) = scope.outcomes
        assert (outcome.status, outcome.requested, outcome.observed) == ("shared", 5, 2)
        assert str(outcome) == "openblas: asked for 5, runs at 2, which another live scope set"
        assert (outcome.level, outcome.reach) == ("blas", "process")
        assert outcome.filepath == str(path_of(FAKE))


@in_own_process
def test_a_name_that_is_not_loaded_is_ignored_with_the_reason() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(mkl=2, openblas=3) as scope:
        found = {outcome.name: outcome for outcome in scope.outcomes}
    assert (found["mkl"].status, found["mkl"].reason) == ("ignored", "not loaded")
    assert (found["mkl"].filepath, found["mkl"].level, found["mkl"].observed) == (None,) * 3
    assert found["mkl"].requested == 2
    assert found["openblas"].status == "applied"


# --- which pools


@in_own_process(env={"OMP_NUM_THREADS": "9"})
def test_the_most_specific_name_counts() -> None:
    import poolkeeper

    fake(), load("openblas-fake-_64"), load("mkl-static"), load("libomp")
    limits = {"blas": 2, "openblas": 3, str(path_of(FAKE)): 4}
    with poolkeeper.limit(limits) as scope:
        found = {(o.name, o.filepath): o.observed for o in scope.outcomes}
    assert found == {
        ("openblas", str(path_of(FAKE))): 4,
        ("openblas", str(path_of("openblas-fake-_64"))): 3,
        ("mkl", str(path_of("mkl-static"))): 2,
    }
    with poolkeeper.limit(1, openmp=5):
        assert sorted(pool.num_threads for pool in poolkeeper.pools()) == [1, 1, 1, 5]
    with poolkeeper.limit({path_of(FAKE): 1}, blas=2, libomp=3):  # a path as os.PathLike
        assert sorted(pool.num_threads for pool in poolkeeper.pools()) == [1, 2, 2, 3]


@in_own_process
def test_two_paths_to_one_file_with_two_numbers_are_a_conflict() -> None:
    import poolkeeper

    fake()
    file = path_of(FAKE)
    other = f"{file.parent}/../{file.parent.name}/{file.name}"
    with pytest.raises(poolkeeper.LimitError) as caught:
        poolkeeper.limit({str(file): 1, other: 2}).release()
    assert caught.value.code == "conflict"
    assert counts() == {"openblas": 8}


# --- the scope as an object


@in_own_process
def test_an_exception_passes_and_the_limit_ends() -> None:
    import poolkeeper

    fake()
    with pytest.raises(KeyError, match="from the block"), poolkeeper.limit(2):
        raise KeyError("from the block")
    assert counts() == {"openblas": 8}


@in_own_process
def test_releasing_twice_does_nothing_the_second_time() -> None:
    import poolkeeper

    fake()
    scope = poolkeeper.limit(2)
    other = poolkeeper.limit(4)
    assert by_name(scope.endings) == {}
    assert by_name(scope.release()) == {"openblas": "held"}
    assert by_name(scope.release()) == {"openblas": "held"}
    assert counts() == {"openblas": 4}
    assert by_name(other.release()) == {"openblas": "restored"}
    assert "still held at 4 by another scope" in str(scope.endings[0])


@in_own_process
def test_releasing_inside_the_block_ends_it_early() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(2) as scope:
        scope.release()
        assert counts() == {"openblas": 8}
    assert counts() == {"openblas": 8}


@in_own_process
def test_a_block_of_an_ended_scope_begins_it_again() -> None:
    import poolkeeper

    library = fake()
    scope = poolkeeper.limit(2)
    scope.release()
    library.openblas_set_num_threads(7)
    with scope:
        assert scope.live
        assert scope.endings == []
        assert counts() == {"openblas": 2}
        assert scope.outcomes[0].before == 7
    assert counts() == {"openblas": 7}


@in_own_process
def test_a_scope_in_a_block_can_neither_be_entered_nor_decorate() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(2) as scope:
        with pytest.raises(RuntimeError, match="make one for each block"), scope:
            pass
        with pytest.raises(RuntimeError, match="decorate with one of its own"):
            scope(lambda: None)
        assert scope.live
        assert counts() == {"openblas": 2}
    assert counts() == {"openblas": 8}


@in_own_process
def test_a_scope_that_nobody_keeps_ends_with_a_warning() -> None:
    import poolkeeper

    fake()
    with pytest.warns(poolkeeper.LimitWarning, match="nothing kept its scope"):
        poolkeeper.limit(2)
    assert counts() == {"openblas": 8}


@in_own_process
def test_a_scope_dropped_by_an_exception_leaves_the_exception_alone() -> None:
    import poolkeeper

    def lose_a_scope() -> None:
        [poolkeeper.limit(2), 1 / 0]  # the list is never made: its items are dropped

    fake()
    with (
        pytest.warns(poolkeeper.LimitWarning, match="nothing kept its scope"),
        pytest.raises(ZeroDivisionError),
    ):
        lose_a_scope()
    assert counts() == {"openblas": 8}


@in_own_process
def test_repr_says_what_is_live() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(FAKE_MAXIMUM + 1, force=True) as scope:
        assert repr(scope) == "<Scope live: openblas: asked for 17, clamped to 16 by the runtime>"
        assert repr(scope.outcomes[0]).startswith("<Outcome openblas: ")
    assert repr(scope).startswith("<Scope ended: ")
    assert repr(scope.endings[0]).startswith("<Ending openblas (")
