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


#: An ONNX model that multiplies a matrix of 512 x 512 with itself.
PRODUCT = bytes.fromhex(
    "080a12003a440a110a01610a016112016222064d61744d756c1201675a150a016112100a0e08"
    "01120a0a030880040a0308800462150a016212100a0e0801120a0a030880040a0308800442040a001015"
)


def onnxruntime() -> Any:
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(PRODUCT, options, ["CPUExecutionProvider"])
    assert session.run(None, {"a": numpy.ones((512, 512), numpy.float32)})[0][0, 0] == 512
    return session  # whose threads end with it


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
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars

    frame = polars.DataFrame({"a": [float(n % 977) for n in range(100_000)]})
    assert frame.sort("a").height == 100_000
    assert the_pool("polars").num_threads == polars.thread_pool_size() == THREADS


#: What starts the threads of a runtime, and how many are then its own at least: the
#: caller computes beside them in some, and some have others.
PROGRAMS: dict[str, tuple[Callable[[], object], int]] = {
    "duckdb": (duckdb, THREADS - 1),
    "numexpr": (numexpr, THREADS),
    "highs": (highs, THREADS - 1),
    "opencv": (opencv, THREADS - 1),
    "onnxruntime": (onnxruntime, THREADS - 1),
    "tokenizers": (tokenizers, THREADS),
    "numba_workqueue": (numba_workqueue, THREADS - 1),
    "polars": (polars, THREADS),
}


_kept: list[object] = []


def _start(runtime: str) -> Any:
    sys.path.insert(0, str(libraries.PACKAGES))
    _kept.append(PROGRAMS[runtime][0]())
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
def test_opencv_as_a_shared_library_is_left_alone_and_tbb_under_it_is_limited() -> None:
    # A change while a loop runs on another thread would crash the program.
    from scenario import load

    library = load("opencv-core")
    library._ZN2cv13setNumThreadsEi(2)
    assert (the_pool("opencv").level, the_pool("opencv").reach) == ("other", "none")
    with poolkeeper.limit(1) as scope:
        statuses = {o.name: o.status for o in scope.outcomes}
        assert (statuses["opencv"], statuses["tbb"]) == ("ignored", "applied")
        assert library._ZN2cv13getNumThreadsEv() == 2


def _ffmpeg() -> Any:
    import ctypes

    sys.path.insert(0, str(libraries.PACKAGES))
    import av  # noqa: F401

    return ctypes.CDLL(the_pool("ffmpeg").filepath)


@in_own_process
def test_ffmpeg_counts_the_cpus_of_the_limit() -> None:
    library = _ffmpeg()
    cpus = len(os.sched_getaffinity(0))
    assert (the_pool("ffmpeg").reach, the_pool("ffmpeg").num_threads) == ("process", None)
    with poolkeeper.limit(other=1) as scope:
        assert {o.name: o.status for o in scope.outcomes}["ffmpeg"] == "applied"
        assert library.av_cpu_count() == 1
    assert library.av_cpu_count() == cpus
    with poolkeeper.limit(cpus + 7):
        assert library.av_cpu_count() == cpus, "a limit only lowers"
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    assert library.av_cpu_count() == 1, "it counts again"
    library.av_cpu_force_count(7)
    with poolkeeper.limit(3):
        assert library.av_cpu_count() <= 3
    assert library.av_cpu_count() == 7


@in_own_process
def test_ffmpeg_where_threads_may_run_on_different_cpus() -> None:
    import threading
    import warnings

    library = _ffmpeg()
    warnings.simplefilter("error")
    whole = os.sched_getaffinity(0)
    with poolkeeper.limit(16):
        os.sched_setaffinity(0, {min(whole)})
    os.sched_setaffinity(0, whole)
    ended, inside = threading.Event(), threading.Event()

    def pinned() -> None:
        os.sched_setaffinity(0, {min(whole)})
        with poolkeeper.limit(4):
            inside.set()
            ended.wait()

    with poolkeeper.limit(16):
        thread = threading.Thread(target=pinned)
        thread.start()
        inside.wait()
        with poolkeeper.limit(4):
            ended.set()
            thread.join()
    assert library.av_cpu_count() == len(whole)


@in_own_process
def test_auto_leaves_ffmpeg_to_count_for_itself() -> None:
    library = _ffmpeg()
    poolkeeper.auto(openmp=1, blas=1).release()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    assert library.av_cpu_count() == 1
    assert "ffmpeg" not in str(poolkeeper.doctor(cpus=1)).lower()


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
