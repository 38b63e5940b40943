"""Scopes that cover, or do not cover, libraries loaded while they live."""

from __future__ import annotations

import pytest
from isolated import in_own_process
from scenario import FAKE, Worker, by_name, counts, fake, load, path_of

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_late_covers_what_is_loaded_afterwards() -> None:
    import poolkeeper

    load("mkl-static")
    with poolkeeper.limit(2) as scope:
        fake()
        assert counts() == {"mkl": 2, "openblas": 2}
        assert by_name(scope.outcomes) == {"mkl": "applied", "openblas": "applied"}
    assert counts() == {"mkl": 4, "openblas": 8}
    assert by_name(scope.endings) == {"mkl": "restored", "openblas": "restored"}


@in_own_process
def test_without_late_what_is_loaded_afterwards_is_free() -> None:
    import poolkeeper

    with poolkeeper.limit(2, late=False) as scope:
        fake()
        assert counts() == {"openblas": 8}
        with poolkeeper.limit(3):
            assert counts() == {"openblas": 3}
        assert scope.outcomes == []
    assert counts() == {"openblas": 8}


@in_own_process
def test_late_covers_only_what_it_names() -> None:
    import poolkeeper

    with poolkeeper.limit(openblas=2) as scope:
        assert by_name(scope.outcomes) == {"openblas": "ignored"}  # not loaded, so far
        fake(), load("mkl-static")
        assert counts() == {"openblas": 2, "mkl": 4}
        assert [(o.name, o.status) for o in scope.outcomes] == [("openblas", "applied")]
    assert counts() == {"openblas": 8, "mkl": 4}


@in_own_process(env={"OMP_NUM_THREADS": "6"})
def test_late_covers_only_its_own_thread_where_the_reach_is_a_thread() -> None:
    import poolkeeper

    with Worker() as other, poolkeeper.limit(2):
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

    late = poolkeeper.limit(3)
    load(FAKE)
    other = poolkeeper.limit(2)
    assert counts() == {"openblas": 2}
    other.release()
    assert counts() == {"openblas": 3}
    late.release()
    assert counts() == {"openblas": 8}


# --- without a call of poolkeeper in between: the library itself is asked


@in_own_process
def test_ctypes_opens_a_library_that_is_limited_at_its_first_call() -> None:
    import poolkeeper

    with poolkeeper.limit(3):
        library = fake()
        assert library.openblas_get_num_threads() == 3
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_ctypes_imported_inside_the_block_opens_one_too() -> None:
    import sys

    import poolkeeper

    assert "numpy" not in sys.modules
    for name in [name for name in sys.modules if name.split(".")[0] in ("ctypes", "_ctypes")]:
        del sys.modules[name]
    with poolkeeper.limit(3):
        import ctypes as fresh

        library = fresh.CDLL(str(path_of(FAKE)))
        assert library.openblas_get_num_threads() == 3
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_an_import_brings_a_library_that_is_limited_at_its_first_call() -> None:
    import poolkeeper

    with poolkeeper.limit(1) as scope:
        import numpy as np
        from poolkeeper.demo.meter import ThreadMeter

        a = np.ones((1500, 1500))
        with ThreadMeter() as meter:
            a @ a
        assert meter.usage.threads_used == 1
        assert by_name(scope.outcomes) == {"openblas": "applied"}


@in_own_process
def test_an_import_outside_scopes_is_left_alone_and_shows_no_frame_of_ours() -> None:
    import importlib.machinery
    import importlib.util
    import traceback

    import poolkeeper

    poolkeeper.limit(3).release()
    library = fake()
    assert library.openblas_get_num_threads() == 8
    loader = importlib.machinery.ExtensionFileLoader("no_such_module", str(path_of(FAKE)))
    spec = importlib.util.spec_from_loader("no_such_module", loader)
    assert spec is not None
    with pytest.raises(ImportError) as error:
        importlib.util.module_from_spec(spec)
    frames = traceback.extract_tb(error.value.__traceback__)
    assert not any("poolkeeper" in frame.filename for frame in frames[1:])
