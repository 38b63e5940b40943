"""Libraries that come late, by any route, and libraries that go."""

from __future__ import annotations

import _ctypes
import ctypes
import gc
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from isolated import in_own_process
from scenario import FAKE, Worker, by_name, counts, fake, flexiblas, is_mapped, load, path_of

pytestmark = pytest.mark.usefixtures("lab")


def _copy(folder: str, name: str) -> Path:
    path = Path(folder) / name
    shutil.copy(path_of(FAKE), path)
    return path


def _close(library: ctypes.CDLL) -> None:
    _ctypes.dlclose(library._handle)


# --- every route in


@pytest.mark.parametrize("mode", ["RTLD_LOCAL", "RTLD_GLOBAL"])
@in_own_process
def test_by_ctypes(mode: str) -> None:
    assert counts() == {}
    ctypes.CDLL(str(path_of(FAKE)), mode=getattr(ctypes, mode))
    assert counts() == {"openblas": 8}


@in_own_process
def test_by_an_import() -> None:
    import importlib

    assert counts() == {}
    importlib.import_module("numpy")
    assert list(counts()) == ["openblas"]


@in_own_process
def test_by_a_library_that_opens_another() -> None:
    import poolkeeper

    flexiblas()
    assert list(counts()) == ["flexiblas"]
    # C code opens the backend, not Python and not poolkeeper.
    opened = load("flexiblas").flexiblas_load_backend(b"OPENBLASPTHREAD")
    assert opened >= 0
    assert counts() == {"flexiblas": 1, "openblas": 8}
    with poolkeeper.limit(openblas=2):
        assert counts()["openblas"] == 2


@in_own_process
def test_as_a_dependency() -> None:
    assert counts() == {}
    load("needs-openblas")
    assert counts() == {"openblas": 8}


@in_own_process
def test_by_another_thread() -> None:
    import poolkeeper

    assert counts() == {}
    with Worker() as other:
        other(fake)
        assert counts() == {"openblas": 8}
        with poolkeeper.limit(2):
            assert other(counts) == {"openblas": 2}


@in_own_process
def test_the_first_limit_after_loading_covers_it() -> None:
    import poolkeeper

    assert counts() == {}
    library = fake()
    with poolkeeper.limit(2):  # no pools() in between
        assert library.openblas_get_num_threads() == 2


@in_own_process
def test_the_copy_that_threadpoolctls_cache_misses() -> None:
    import poolkeeper
    import threadpoolctl

    threadpoolctl.threadpool_info()
    poolkeeper.pools()
    before = len(threadpoolctl.ThreadpoolController().lib_controllers)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3):
            ctypes.CDLL(str(_copy(folder, f"libopenblas_{number}.so")))
            assert len(poolkeeper.pools()) == before + 1 + number


# --- and out


@in_own_process
def test_a_closed_library_is_gone_and_really_unmapped() -> None:
    import poolkeeper

    with tempfile.TemporaryDirectory() as folder:
        path = _copy(folder, "libopenblas_once.so")
        for _ in range(3):
            library = ctypes.CDLL(str(path))
            assert counts() == {"openblas": 8}
            with poolkeeper.limit(2):
                pass
            _close(library)
            assert counts() == {}
            assert not is_mapped(path)


@in_own_process
def test_a_library_stays_while_a_scope_holds_it_and_is_restored() -> None:
    import poolkeeper

    path = path_of(FAKE)
    library = fake()
    with poolkeeper.limit(2) as scope:
        _close(library)
        assert is_mapped(path)
        assert counts() == {"openblas": 2}
    assert by_name(scope.endings) == {"openblas": "restored"}
    assert ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD).openblas_get_num_threads() == 8


@in_own_process
def test_a_library_closed_in_a_scope_goes_after_the_scope() -> None:
    import poolkeeper

    path = path_of(FAKE)
    library = fake()
    with poolkeeper.limit(2) as scope:
        _close(library)
    del scope
    gc.collect()
    assert counts() == {}
    assert not is_mapped(path)


@pytest.mark.parametrize("name", ["openblas-pthread", "openblas-openmp", "blis-pthread"])
@in_own_process
def test_a_real_library_goes_with_what_it_brought(name: str) -> None:
    import poolkeeper

    library = load(name)
    assert len(poolkeeper.pools()) >= 1
    _close(library)
    assert list(counts()) == []
    assert not is_mapped(path_of(name))


@in_own_process
def test_a_library_that_came_back_is_limited_anew() -> None:
    import poolkeeper

    for _ in range(20):
        library = fake()
        with poolkeeper.limit(2):
            assert library.openblas_get_num_threads() == 2
        assert library.openblas_get_num_threads() == 8
        _close(library)


@in_own_process
def test_pools_that_were_listed_outlive_their_library() -> None:
    import poolkeeper

    library = fake()
    pools = poolkeeper.pools()
    _close(library)
    assert counts() == {}
    assert pools[0].num_threads == 8
    assert "openblas" in repr(pools)


@in_own_process
def test_a_deleted_file_is_still_a_pool() -> None:
    import poolkeeper

    with tempfile.TemporaryDirectory() as folder:
        path = _copy(folder, "libopenblas_deleted.so")
        library = ctypes.CDLL(str(path))
    assert not path.exists()
    assert [pool.filepath for pool in poolkeeper.pools()] == [str(path)]
    with poolkeeper.limit({str(path): 2}):
        assert library.openblas_get_num_threads() == 2
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_a_replaced_file_is_another_pool() -> None:
    import poolkeeper

    with tempfile.TemporaryDirectory() as folder:
        path = _copy(folder, "libopenblas_replaced.so")
        first = ctypes.CDLL(str(path))
        assert counts() == {"openblas": 8}
        _close(first)
        assert counts() == {}  # pools() lets go of what the program has closed
        path.unlink()
        shutil.copy(path_of("openblas-fake-_64"), path)
        library = ctypes.CDLL(str(path))
        with poolkeeper.limit(2):
            assert library.openblas_get_num_threads_64() == 2
        assert [pool.symbol_suffix for pool in poolkeeper.pools()] == ["_64"]


# --- both at once


@in_own_process
def test_loading_and_unloading_while_others_list_and_limit() -> None:
    import poolkeeper

    library = fake()
    stop = threading.Event()
    failed: list[BaseException] = []

    def use(function: object) -> None:
        try:
            while not stop.is_set():
                function()
        except BaseException as error:
            failed.append(error)

    def limit() -> None:
        with poolkeeper.limit(2, late=True):
            assert library.openblas_get_num_threads() == 2

    users = [
        threading.Thread(target=use, args=(function,))
        for function in (poolkeeper.pools, poolkeeper.pools, limit, limit)
    ]
    for user in users:
        user.start()
    with tempfile.TemporaryDirectory() as folder:
        paths = [_copy(folder, f"libopenblas_{number}.so") for number in range(4)]
        for turn in range(300):
            _close(ctypes.CDLL(str(paths[turn % 4])))
        stop.set()
        for user in users:
            user.join()
        gc.collect()
        assert failed == []
        assert counts() == {"openblas": 8}
        assert [path.name for path in paths if is_mapped(path)] == []


# --- objects that lie where they were not to be


@in_own_process
def test_an_object_below_its_link_address_is_one_among_others() -> None:
    import subprocess

    import poolkeeper

    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "pool.c"), Path(folder, "libpool.so")
        source.write_text(
            "int threads = 3;\n"
            "int openblas_get_num_threads(void) { return threads; }\n"
            "void openblas_set_num_threads(int n) { threads = n; }\n"
            'char *openblas_get_config(void) { return "OpenBLAS 0.3.30 MAX_THREADS=8"; }\n'
            "int openblas_get_parallel(void) { return 1; }\n"
        )
        # No program may have this address: the loader puts the object below it.
        link = "-Wl,-Ttext-segment=0x7ff000000000000"
        command = ["cc", "-shared", "-fPIC", link, "-o", library, source]
        subprocess.run(command, check=True)
        ctypes.CDLL(str(library))
        (pool,) = poolkeeper.pools()
        assert (pool.runtime, pool.num_threads) == ("openblas", 3)
        with poolkeeper.limit(1):
            assert [pool.num_threads for pool in poolkeeper.pools()] == [1]
