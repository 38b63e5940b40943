"""Libraries that take their number by calls of their own alone: seen, and left alone.

The lab's packages are imported from their folder; they are not of the environment,
because pandas imports NumExpr wherever it is installed.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

import poolkeeper
import pytest
from isolated import in_own_process
from scenario import libraries, the_pool

pytestmark = pytest.mark.usefixtures("lab")

THREADS = 3


def duckdb() -> None:
    import duckdb

    connection = duckdb.default_connection()  # a database that is closed has no threads
    connection.execute(f"SET threads TO {THREADS}")
    assert connection.execute("SELECT sum(a) FROM range(1000000) t(a)").fetchone()


def numexpr() -> None:
    import numexpr
    import numpy

    numexpr.set_num_threads(THREADS)
    assert numexpr.evaluate("a + 1", {"a": numpy.ones(100_000)})[0] == 2


def highs() -> None:
    import highspy

    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("threads", THREADS)
    model.maximize(-model.addVariable())


def opencv() -> None:
    import cv2
    import numpy

    cv2.setNumThreads(THREADS)
    cv2.GaussianBlur(numpy.ones((2000, 2000), numpy.float32), (31, 31), 3)


def onnxruntime() -> None:
    import onnxruntime

    assert "CPUExecutionProvider" in onnxruntime.get_available_providers()


def tokenizers() -> None:
    from tokenizers import Tokenizer, models

    os.environ.update(RAYON_NUM_THREADS=str(THREADS), TOKENIZERS_PARALLELISM="true")
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    assert len(tokenizer.encode_batch(["a"] * 1000)) == 1000


def numba_workqueue() -> None:
    # The layer alone: the rest of numba needs LLVM, and has no threads.
    (file,) = (libraries.PACKAGES / "numba/np/ufunc").glob("workqueue.*.so")
    loader = importlib.machinery.ExtensionFileLoader("workqueue", str(file))
    layer = importlib.util.module_from_spec(
        importlib.util.spec_from_file_location("workqueue", file, loader=loader)  # type: ignore[arg-type]
    )
    import ctypes

    ctypes.CFUNCTYPE(None, ctypes.c_int)(layer.launch_threads)(THREADS)


def polars() -> None:
    import polars

    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    assert polars.thread_pool_size()


#: What starts the threads of a runtime, and how many are then its own at least: the
#: caller computes beside them in some, and some have others.
PROGRAMS: dict[str, tuple[Callable[[], None], int]] = {
    "duckdb": (duckdb, THREADS - 1),
    "numexpr": (numexpr, THREADS),
    "highs": (highs, THREADS - 1),
    "opencv": (opencv, THREADS - 1),
    "onnxruntime": (onnxruntime, 0),
    "tokenizers": (tokenizers, THREADS),
    "numba_workqueue": (numba_workqueue, THREADS - 1),
    "polars": (polars, 1),
}


def _start(runtime: str) -> Any:
    sys.path.insert(0, str(libraries.PACKAGES))
    PROGRAMS[runtime][0]()
    return the_pool(runtime)


@pytest.mark.parametrize("runtime", PROGRAMS)
@in_own_process
def test_its_present_threads_are_shown_and_a_limit_says_what_sets_them(runtime: str) -> None:
    pool = _start(runtime)
    assert (pool.level, pool.reach) == ("other", "none")
    assert (pool.num_threads or 0) >= PROGRAMS[runtime][1]
    with poolkeeper.limit(1) as scope:
        (outcome,) = [o for o in scope.outcomes if o.name == runtime]
        assert outcome.status == "ignored"
        assert "no limit reaches it; this does: " in str(outcome)
        assert "{n}" not in str(outcome)
    assert (the_pool(runtime).num_threads or 0) >= (pool.num_threads or 0)


@in_own_process
def test_it_is_no_caller_of_a_blas_and_told_of_once() -> None:
    import numpy  # noqa: F401

    _start("numexpr")
    _start("duckdb")
    codes = [finding.code for finding in poolkeeper.doctor(cpus=2).findings]
    assert codes.count("PK405") == 2
    assert not {"PK101", "PK201", "PK404"} & set(codes)


@in_own_process
def test_a_limit_from_before_it_is_loaded_tells_of_it_as_well() -> None:
    with poolkeeper.limit(1) as scope:
        _start("numexpr")
        assert {o.name: o.status for o in scope.outcomes}["numexpr"] == "ignored"


@in_own_process
def test_threadpoolctls_list_has_none_of_them() -> None:
    from poolkeeper import threadpoolctl

    _start("numexpr")
    assert "numexpr" not in {pool["internal_api"] for pool in threadpoolctl.threadpool_info()}


@in_own_process
def test_opencv_as_a_shared_library_is_limited() -> None:
    from scenario import load

    library = load("opencv-core")
    library._ZN2cv13setNumThreadsEi(2)
    pool = the_pool("opencv")
    assert (pool.level, pool.reach, pool.num_threads) == ("other", "process", 2)
    with poolkeeper.limit(1):
        assert library._ZN2cv13getNumThreadsEv() == 1
    assert library._ZN2cv13getNumThreadsEv() == 2


@in_own_process
def test_ffmpeg_counts_the_cpus_of_the_limit() -> None:
    import ctypes

    sys.path.insert(0, str(libraries.PACKAGES))
    import av  # noqa: F401

    pool = the_pool("ffmpeg")
    library = ctypes.CDLL(str(pool.filepath))
    cpus = len(os.sched_getaffinity(0))
    assert (pool.reach, pool.num_threads) == ("process", cpus)
    with poolkeeper.limit(other=1) as scope:
        assert {o.name: o.status for o in scope.outcomes}["ffmpeg"] == "applied"
        assert library.av_cpu_count() == 1
    assert library.av_cpu_count() == cpus
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    assert library.av_cpu_count() == 1, "it counts again"
    library.av_cpu_force_count(7)
    with poolkeeper.limit(3):
        assert library.av_cpu_count() == 3
    assert library.av_cpu_count() == 7


@in_own_process
def test_a_codec_opened_inside_a_limit_starts_no_more_threads() -> None:
    sys.path.insert(0, str(libraries.PACKAGES))
    import av

    assert len(os.sched_getaffinity(0)) > 1

    def threads() -> int:
        before = len(os.listdir("/proc/self/task"))
        codec = av.CodecContext.create("h264", "r")
        codec.thread_type = "FRAME"
        codec.open()
        return len(os.listdir("/proc/self/task")) - before

    with poolkeeper.limit(other=1):
        assert threads() == 0
    assert threads() > 1


@in_own_process
def test_lightgbms_wheel_is_limited() -> None:
    import ctypes

    (file,) = (libraries.PACKAGES / "lightgbm/lib").glob("lib_lightgbm.so")
    library = ctypes.CDLL(str(file))
    maximum = ctypes.c_int()

    def most() -> int:
        assert library.LGBM_GetMaxThreads(ctypes.byref(maximum)) == 0
        return maximum.value

    assert the_pool("lightgbm").filepath == str(file.resolve())
    with poolkeeper.limit(openmp=2):
        assert most() == 2
    assert most() == -1
