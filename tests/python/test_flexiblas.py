"""FlexiBLAS: its backends, and limits that it passes on to a pool of its own."""

from __future__ import annotations

import pytest
from isolated import in_own_process
from scenario import FAKE, by_name, counts, fake, flexiblas, load, path_of, the_pool

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_flexiblas_lists_its_backends() -> None:
    flexiblas()
    pool = the_pool("flexiblas")
    assert (pool.name, pool.level, pool.reach, pool.version) == (
        "FlexiBLAS", "blas", "process", "3.4.2",
    )  # fmt: skip
    assert pool.backends == {
        "available": ["NETLIB", "OPENBLASPTHREAD"], "loaded": ["NETLIB"], "current": "NETLIB",
    }  # fmt: skip
    assert pool.num_threads == 1


@in_own_process
def test_flexiblas_switches_by_name_and_by_path() -> None:
    import poolkeeper

    flexiblas()
    file = the_pool("flexiblas").filepath
    poolkeeper.switch_backend(file, "OPENBLASPTHREAD")
    pool = the_pool("flexiblas")
    assert pool.backends["current"] == "OPENBLASPTHREAD"
    assert pool.num_threads == 8
    assert the_pool("openblas").filepath == str(path_of(FAKE))
    other = str(path_of("openblas-pthread"))
    load("openblas-pthread")  # with what it needs
    poolkeeper.switch_backend(path_of("flexiblas"), other)
    pool = the_pool("flexiblas")
    assert pool.backends["current"] == other
    assert pool.backends["loaded"] == ["NETLIB", "OPENBLASPTHREAD", other]
    poolkeeper.switch_backend(file, "NETLIB")
    assert the_pool("flexiblas").num_threads == 1


@in_own_process
def test_flexiblas_refuses_what_it_cannot_load() -> None:
    import poolkeeper

    flexiblas()
    for backend in ("OPENBLAS", "/no/such/library.so", "", "nul\0byte", "__FALLBACK__"):
        with pytest.raises(poolkeeper.LimitError, match="NETLIB, OPENBLASPTHREAD") as caught:
            poolkeeper.switch_backend(path_of("flexiblas"), backend)
        assert caught.value.code == "backend"
        assert the_pool("flexiblas").backends["current"] == "NETLIB"


@in_own_process
def test_only_a_flexiblas_can_be_switched() -> None:
    import poolkeeper

    fake()
    for file, code in (("/no/libflexiblas.so", "unknown-file"), (str(path_of(FAKE)), "backend")):
        with pytest.raises(poolkeeper.LimitError) as caught:
            poolkeeper.switch_backend(file, "NETLIB")
        assert caught.value.code == code


# --- FlexiBLAS passes its number on to a pool of its own


def _flexiblas_on_the_fake(backend_first: bool = False) -> None:
    import poolkeeper

    if backend_first:
        fake()
    flexiblas()
    poolkeeper.switch_backend(path_of("flexiblas"), "OPENBLASPTHREAD")
    assert counts() == {"flexiblas": 8, "openblas": 8}


@pytest.mark.parametrize("backend_first", [False, True])
@pytest.mark.parametrize("limits", [{"blas": 2}, {"flexiblas": 2}, {"openblas": 2}])
@in_own_process
def test_flexiblas_and_its_backend_are_restored(limits: dict, backend_first: bool) -> None:
    import poolkeeper

    _flexiblas_on_the_fake(backend_first)
    with poolkeeper.limit(limits) as scope:
        assert set(by_name(scope.outcomes).values()) == {"applied"}
        assert counts() == {"flexiblas": 2, "openblas": 2}
    assert set(by_name(scope.endings).values()) == {"restored"}
    assert counts() == {"flexiblas": 8, "openblas": 8}


@pytest.mark.parametrize(
    ("first", "second"), [("flexiblas", "openblas"), ("openblas", "flexiblas")]
)
@in_own_process
def test_flexiblas_and_its_backend_cannot_raise_each_other(first: str, second: str) -> None:
    import poolkeeper

    _flexiblas_on_the_fake()
    with poolkeeper.limit({first: 2}):
        with poolkeeper.limit({second: 4}):
            assert counts() == {"flexiblas": 2, "openblas": 2}
        assert counts() == {"flexiblas": 2, "openblas": 2}
    assert counts() == {"flexiblas": 8, "openblas": 8}


@pytest.mark.parametrize(
    ("first", "second"), [("flexiblas", "openblas"), ("openblas", "flexiblas")]
)
@in_own_process
def test_flexiblas_and_its_backend_do_not_drop_each_others_limit(first: str, second: str) -> None:
    import poolkeeper

    _flexiblas_on_the_fake()
    a, b = poolkeeper.limit({first: 2}), poolkeeper.limit({second: 2})
    a.release()
    assert counts() == {"flexiblas": 2, "openblas": 2}
    b.release()
    assert counts() == {"flexiblas": 8, "openblas": 8}


@in_own_process
def test_switching_the_backend_in_a_scope_leaves_no_limit_behind() -> None:
    import warnings

    import poolkeeper

    _flexiblas_on_the_fake()
    scope = poolkeeper.limit(flexiblas=2)
    poolkeeper.switch_backend(path_of("flexiblas"), "NETLIB")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", poolkeeper.LimitWarning)
        scope.release()
    poolkeeper.switch_backend(path_of("flexiblas"), "OPENBLASPTHREAD")
    assert counts() == {"flexiblas": 8, "openblas": 8}
