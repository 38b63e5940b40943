"""oneTBB: its own rule, the smallest of many numbers, and the limit as one of them."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import poolkeeper
import pytest
from isolated import in_own_process
from scenario import by_name, counts, in_child, load, path_of, the_pool

pytestmark = pytest.mark.usefixtures("lab")

CPUS = len(os.sched_getaffinity(0))
PARALLELISM = 0  # the parameter max_allowed_parallelism of tbb::global_control
TBB = "_ZN3tbb6detail2r1"


class Control(ctypes.Structure):
    """A `tbb::global_control` of the program's own, as its constructor makes it."""

    _fields_ = (
        ("value", ctypes.c_size_t),
        ("reserved", ctypes.c_ssize_t),
        ("parameter", ctypes.c_int),
    )

    def __init__(self, library: ctypes.CDLL, threads: int) -> None:
        super().__init__(threads, 0, PARALLELISM)
        self.destroy = library[f"{TBB}7destroyERNS0_2d114global_controlE"]
        library[f"{TBB}6createERNS0_2d114global_controlE"](ctypes.byref(self))

    def end(self) -> None:
        self.destroy(ctypes.byref(self))


def _in_force(library: ctypes.CDLL) -> int:
    """What TBB itself says."""
    function = library[f"{TBB}27global_control_active_valueEi"]
    function.restype = ctypes.c_size_t
    threads: int = function(PARALLELISM)
    return threads


def _outcome(scope: Any) -> tuple[str, int]:
    (outcome,) = [outcome for outcome in scope.outcomes if outcome.name == "tbb"]
    return outcome.status, outcome.observed


def _ticks() -> dict[str, float]:
    """The seconds that each thread has run."""
    ran = {}
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        ran[task.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return ran


def _multiply(library: ctypes.CDLL, order: int = 2500) -> None:
    size, number = order * order, ctypes.c_double
    a, b, c = ((number * size)() for _ in range(3))
    library.cblas_dgemm.restype = None
    library.cblas_dgemm(
        101, 111, 111, order, order, order, number(1), a, order, b, order, number(0), c, order
    )


def _workers(library: ctypes.CDLL) -> int:
    """Multiply; return how many threads had a part in it."""
    before = _ticks()
    _multiply(library)
    return sum(ran - before.get(thread, 0) > 0.04 for thread, ran in _ticks().items())


@in_own_process
def test_it_is_listed_with_what_it_says_itself() -> None:
    library = load("tbb")
    pool = the_pool("tbb")
    library.TBB_runtime_version.restype = ctypes.c_char_p
    assert (pool.name, pool.prefix, pool.level, pool.reach) == (
        "oneTBB",
        "libtbb",
        "other",
        "process",
    )
    assert pool.version == library.TBB_runtime_version().decode()
    assert pool.filepath == str(path_of("tbb").resolve())
    assert pool.num_threads == _in_force(library) == CPUS


@in_own_process(env={"MKL_THREADING_LAYER": "TBB"})
def test_a_limit_is_what_runs() -> None:
    tbb, mkl = load("tbb"), load("mkl_rt")
    _multiply(mkl, 500)  # loads the layers
    with poolkeeper.limit(tbb=4, force=True) as scope:
        assert _outcome(scope) == ("applied", 4)
        many = _workers(mkl)
        assert many > 1
        with poolkeeper.limit(tbb=1) as inner:
            assert _outcome(inner) == ("applied", 1)
            assert _in_force(tbb) == 1
            assert _workers(mkl) == 1
        assert _in_force(tbb) == 4
        assert _workers(mkl) > 1
    assert _in_force(tbb) == CPUS


@in_own_process
def test_a_limit_raises_nothing_and_is_restored_to_none() -> None:
    library = load("tbb")
    with poolkeeper.limit(CPUS + 5) as scope:
        assert _outcome(scope) == ("below", CPUS)
        assert _in_force(library) == CPUS
    with poolkeeper.limit(tbb=CPUS + 5, force=True) as scope:
        assert _outcome(scope) == ("applied", CPUS + 5)
        assert _in_force(library) == CPUS + 5
    # No object of ours is left, whose number would count here.
    own = Control(library, CPUS + 9)
    assert _in_force(library) == CPUS + 9
    own.end()


@in_own_process
def test_other_codes_smaller_number_stays_in_force() -> None:
    library = load("tbb")
    own = Control(library, 2)
    with poolkeeper.limit(tbb=5, force=True) as scope:
        assert _outcome(scope) == ("clamped", 2)
        assert counts()["tbb"] == 2
        with poolkeeper.limit(4) as inner:
            assert _outcome(inner) == ("below", 2)
        own.end()
        assert counts()["tbb"] == _in_force(library) == 5
    assert _in_force(library) == CPUS


@in_own_process
def test_a_limit_beside_other_codes_larger_number() -> None:
    library = load("tbb")
    own = Control(library, 9)
    with poolkeeper.limit(4) as scope:
        assert _outcome(scope) == ("applied", 4)
        assert _in_force(library) == 4
    assert _in_force(library) == 9
    own.end()
    assert _in_force(library) == CPUS


@pytest.mark.parametrize("theirs_first", [True, False])
@in_own_process
def test_ends_come_in_any_order(theirs_first: bool) -> None:
    library = load("tbb")
    library_default = _in_force(library)
    scope = poolkeeper.limit(tbb=7, force=True)
    own = Control(library, 3)
    second = poolkeeper.limit(tbb=5)
    assert _outcome(second) == ("below", 3)
    if theirs_first:
        own.end()
        assert _in_force(library) == 5
        scope.release()
        assert _in_force(library) <= 5
        second.release()
    else:
        second.release()
        scope.release()
        assert _in_force(library) == 3
        own.end()
    assert {ending.status for ending in (*scope.endings, *second.endings)} <= {"restored", "held"}
    assert _in_force(library) == library_default


@in_own_process
def test_a_limit_from_before_it_is_loaded_holds_and_ends() -> None:
    with poolkeeper.limit(1) as scope:
        library = load("tbb")
        poolkeeper.pools()
        assert _in_force(library) == 1
        assert by_name(scope.outcomes) == {"tbb": "applied"}
    assert _in_force(library) == CPUS


@in_own_process
def test_a_forked_child_has_the_limit_and_ends_its_own() -> None:
    library = load("tbb")

    def child() -> list[int]:
        inherited = _in_force(library)
        with poolkeeper.limit(tbb=1):
            inner = _in_force(library)
        return [inherited, inner, _in_force(library)]

    with poolkeeper.limit(tbb=3, force=True):
        assert in_child(child) == [3, 1, 3]
        assert _in_force(library) == 3
    assert in_child(child) == [CPUS, 1, CPUS]


@in_own_process
def test_a_limit_that_is_kept_can_be_taken_back() -> None:
    library = load("tbb")
    poolkeeper.set_limit(tbb=1)
    for _ in range(3):
        poolkeeper.pools()  # gives the library back, and takes it again
        assert _in_force(library) == 1
    poolkeeper.set_limit(tbb=CPUS + 1)
    assert _in_force(library) == CPUS + 1


@in_own_process
def test_many_changes_leave_nothing_behind() -> None:
    library = load("tbb")
    for threads in range(1, 2000):
        with poolkeeper.limit(tbb=1 + threads % 7, force=True):
            pass
    own = Control(library, CPUS + 9)
    assert _in_force(library) == CPUS + 9
    own.end()


@in_own_process
def test_the_threadpoolctl_layer_lists_what_threadpoolctl_lists() -> None:
    library = load("tbb")
    import poolkeeper.threadpoolctl

    assert "tbb" in counts()
    assert poolkeeper.threadpoolctl.threadpool_info() == []
    with poolkeeper.threadpoolctl.threadpool_limits(1):
        assert _in_force(library) == CPUS
