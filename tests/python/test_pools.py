"""What pools() says of each real library, against what the library says itself."""

from __future__ import annotations

import ctypes
import os
import re
import shutil

import pytest
from isolated import in_own_process
from scenario import FAKE, FAKE_MAXIMUM, FAKE_START, fake, load, path_of, the_pool

pytestmark = pytest.mark.usefixtures("lab")

FIELDS = [
    "user_api", "internal_api", "num_threads", "prefix", "filepath", "version",
    "threading_layer", "architecture", "runtime", "name", "level", "reach", "max_threads",
    "capacity", "symbol_prefix", "symbol_suffix", "runs_on", "backends",
]  # fmt: skip
OPENBLAS = {
    "user_api": "blas", "internal_api": "openblas", "level": "blas", "runtime": "openblas",
    "name": "OpenBLAS", "backends": None,
}  # fmt: skip


def _text(function: ctypes._NamedFuncPointer) -> str:
    function.restype = ctypes.c_char_p
    return function().decode()


def _matches(pool: object, **expected: object) -> None:
    found = {field: getattr(pool, field) for field in expected}
    assert found == expected


@pytest.mark.parametrize(
    ("name", "layer", "reach", "maximum"),
    [
        ("openblas-pthread", "pthreads", "process", 64),
        ("openblas64-pthread", "pthreads", "process", 64),
        ("openblas-openmp", "openmp", "thread", 64),
        ("openblas-serial", "disabled", "process", None),
    ],
)
@in_own_process
def test_openblas_of_debian(name: str, layer: str, reach: str, maximum: int | None) -> None:
    library = load(name)
    pool = the_pool("openblas")
    threads = library.openblas_get_num_threads()
    buffers = 2 * 64 - threads if layer == "pthreads" else None
    _matches(
        pool, **OPENBLAS, threading_layer=layer, reach=reach, max_threads=maximum,
        num_threads=threads, capacity=buffers, prefix="libopenblas",
        filepath=str(path_of(name).resolve()), symbol_prefix="", symbol_suffix="",
        architecture=_text(library.openblas_get_corename),
        version=_text(library.openblas_get_config).split()[1],
    )  # fmt: skip


@in_own_process
def test_openblas_on_openmp_names_the_runtime_that_runs_it() -> None:
    load("openblas-openmp")
    libgomp = the_pool("libgomp")
    assert the_pool("openblas").runs_on == libgomp.filepath
    assert re.fullmatch(r"libgomp\.so\.1(\.\d+)*", os.path.basename(libgomp.filepath))
    assert libgomp.runs_on is None


@in_own_process
def test_openblas_on_openmp_has_the_threads_of_its_runtime() -> None:
    load("openblas-openmp").omp_set_num_threads(7)
    assert the_pool("openblas").num_threads == the_pool("libgomp").num_threads == 7


@pytest.mark.parametrize(
    ("name", "layer"), [("blis-openmp", "openmp"), ("blis-pthread", "pthreads")]
)
@in_own_process
def test_blis_of_debian_says_1_while_it_is_unset(name: str, layer: str) -> None:
    library = load(name)
    assert library.bli_thread_get_num_threads() == -1
    pool = the_pool("blis")
    assert library.bli_thread_get_num_threads() == -1
    library.bli_arch_string.restype = ctypes.c_char_p
    _matches(
        pool, user_api="blas", internal_api="blis", level="blas", name="BLIS", prefix="libblis",
        reach="process", threading_layer=layer, num_threads=1, max_threads=None, capacity=None,
        version=_text(library.bli_info_get_version_str), filepath=str(path_of(name).resolve()),
        architecture=library.bli_arch_string(library.bli_arch_query_id()).decode(),
    )  # fmt: skip


@in_own_process
def test_blis_is_found_inside_an_extension_module() -> None:
    load("blis-pypi")
    pool = the_pool("blis")
    assert os.path.basename(pool.filepath).startswith("cy.")
    _matches(pool, prefix="cy", threading_layer="disabled", num_threads=1, version="0.7.0")


@pytest.mark.parametrize(("name", "prefix"), [("libomp", "libomp"), ("libiomp5", "libiomp")])
@in_own_process(env={"OMP_NUM_THREADS": "3", "OMP_THREAD_LIMIT": "5"})
def test_llvm_openmp(name: str, prefix: str) -> None:
    load(name)
    _matches(
        the_pool("libomp"), user_api="openmp", internal_api="openmp", level="openmp",
        reach="thread", prefix=prefix, num_threads=3, max_threads=5, capacity=None, version=None,
        threading_layer=None, filepath=str(path_of(name).resolve()), runs_on=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("INTEL", "intel"), ("GNU", "gnu"), ("TBB", "tbb"), ("SEQUENTIAL", "sequential")],
)
@in_own_process
def test_mkl_is_one_pool_though_three_objects_hold_it(layer: str, expected: str) -> None:
    os.environ["MKL_THREADING_LAYER"] = layer
    if layer == "TBB":
        ctypes.CDLL(str(path_of("mkl_rt").parent / "libtbb.so.12"))
    library = load("mkl_rt")
    library.MKL_Get_Max_Threads()  # opens the other objects
    with open("/proc/self/maps") as maps:
        assert {"libmkl_rt", "libmkl_intel_lp64"} <= set(
            re.findall(r"/(libmkl_\w+)\.so", maps.read())
        )
    pool = the_pool("mkl")
    version = ctypes.create_string_buffer(200)
    library.MKL_Get_Version_String(version, 199)
    assert pool.version in version.value.decode().split()
    _matches(
        pool, user_api="blas", internal_api="mkl", level="blas", reach="thread",
        threading_layer=expected, prefix="libmkl_rt", num_threads=library.MKL_Get_Max_Threads(),
        filepath=str(path_of("mkl_rt").resolve()), max_threads=None, capacity=None,
    )  # fmt: skip


@in_own_process
def test_what_listing_mkl_loads_is_in_the_same_list() -> None:
    import poolkeeper

    load("mkl_rt")  # empty until its first use, which opens libiomp5
    first = poolkeeper.pools()
    assert [pool.runtime for pool in first] == [pool.runtime for pool in poolkeeper.pools()]
    assert "libomp" in [pool.runtime for pool in first]


@in_own_process
def test_mkl_linked_statically_is_found_by_its_service_functions() -> None:
    library = load("mkl-static")
    _matches(
        the_pool("mkl"), prefix="libfake_translate", version="2025.3-Product", reach="thread",
        num_threads=library.mkl_serv_get_max_threads(), threading_layer=None,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["openblas-liar", "mkl-liar", "gomp-liar"])
@in_own_process
def test_one_symbol_makes_no_pool(name: str) -> None:
    import poolkeeper

    load(name)
    assert len(poolkeeper.pools()) == 0


@in_own_process
def test_what_only_refers_to_openblas_is_no_pool() -> None:
    library = load("needs-openblas")
    assert library.openblas_get_num_threads() == FAKE_START  # dlsym finds its dependency's
    assert the_pool("openblas").filepath == str(path_of(FAKE))


@pytest.mark.parametrize(
    ("name", "prefix", "suffix"),
    [
        ("openblas-fake-gnu", "", ""),
        ("openblas-fake-sysv", "", ""),  # has DT_HASH and no DT_GNU_HASH
        ("openblas-fake-scipy64_", "scipy_", "64_"),
        ("openblas-fake-_64", "", "_64"),
    ],
)
@in_own_process
def test_every_affix_and_hash_style(name: str, prefix: str, suffix: str) -> None:
    import poolkeeper

    library = load(name)
    _matches(
        the_pool("openblas"), **OPENBLAS, symbol_prefix=prefix, symbol_suffix=suffix,
        num_threads=FAKE_START, max_threads=FAKE_MAXIMUM, version="9.9.9", architecture="Fake",
        capacity=2 * FAKE_MAXIMUM - FAKE_START, threading_layer="pthreads",
        filepath=str(path_of(name)),
    )  # fmt: skip
    with poolkeeper.limit(3):
        assert getattr(library, f"{prefix}openblas_get_num_threads{suffix}")() == 3


@in_own_process
def test_the_wheels_of_numpy_scipy_and_scikit_learn() -> None:
    import numpy  # noqa: F401
    import poolkeeper
    import sklearn.cluster  # noqa: F401
    import threadpoolctl

    theirs = {
        os.path.realpath(found["filepath"]): found for found in threadpoolctl.threadpool_info()
    }
    # threadpoolctl does not know Arrow, which comes with pandas.
    known = [pool for pool in poolkeeper.pools() if not pool.runtime.startswith("arrow")]
    ours = {pool.filepath: pool.to_dict() for pool in known}
    assert ours.keys() == theirs.keys()
    for path, their in theirs.items():
        their["filepath"] = path
        for field, value in their.items():
            if field == "threading_layer" or value is not None:
                assert ours[path][field] == value, (path, field)
    affixes = {(pool["symbol_prefix"], pool["symbol_suffix"]) for pool in ours.values()}
    assert affixes == {("scipy_", "64_"), ("scipy_", ""), ("", "")}


@in_own_process
def test_counts_are_those_of_the_calling_thread() -> None:
    import poolkeeper
    from scenario import Worker

    load("libomp").omp_set_num_threads(3)
    with Worker() as other:
        other(load("libomp").omp_set_num_threads, 5)
        assert [pool.num_threads for pool in other(poolkeeper.pools)] == [5]
        assert [pool.num_threads for pool in poolkeeper.pools()] == [3]


@in_own_process
def test_capacity_shrinks_with_the_workers() -> None:
    library = fake()
    library.openblas_set_num_threads(1)
    assert the_pool("openblas").capacity == 2 * FAKE_MAXIMUM - 1
    library.openblas_set_num_threads(FAKE_MAXIMUM)
    assert the_pool("openblas").capacity == FAKE_MAXIMUM


@in_own_process(env={"OPENBLAS_NUM_THREADS": "1"})
def test_a_lower_limit_gives_no_buffer_of_a_worker_back() -> None:
    import numpy  # noqa: F401
    import poolkeeper

    def capacity() -> int | None:
        return the_pool("openblas").capacity

    assert capacity() == 127
    with poolkeeper.limit(blas=16, force=True):
        assert capacity() == 112
    with poolkeeper.limit(blas=1):
        assert capacity() == 112


@in_own_process
def test_paths_are_absolute_and_links_are_resolved() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path_of(FAKE), f"{folder}/real.so")
        os.symlink("real.so", f"{folder}/link.so")
        ctypes.CDLL(f"{folder}/link.so")
        assert the_pool("openblas").filepath == os.path.realpath(f"{folder}/real.so")


@in_own_process
def test_a_path_stays_absolute_when_the_folder_changes() -> None:
    os.chdir(path_of(FAKE).parent)
    ctypes.CDLL(f"./{path_of(FAKE).name}")
    os.chdir("/")
    assert the_pool("openblas").filepath == str(path_of(FAKE))
