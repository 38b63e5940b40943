"""What benches/libraries.py runs: a program for each library, and one way to run it.

    python benches/library_programs.py NAME MODE

prints one JSON object. MODE is `limited`, by this project or by the peer
(`limited:threadpoolctl`): whether the pool is seen, and how many threads computed before,
within and after a limit of 1; `plain` or `auto`: how many compute; `fork` or `auto-fork`:
whether a forked child can do the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: CPU time above which a thread worked, and does not just wait for something: a part of
#: what the busiest thread used.
WORKED = 0.1
#: After so long a forked child hangs. Each program takes a second or two.
PATIENCE = 25
TASKS = Path("/proc/self/task")


@dataclass(frozen=True)
class Program:
    """A library as a user meets it; `make` imports it, and returns what to run."""

    title: str
    #: Our runtimes, and threadpoolctl's `internal_api`, one of which is its pool.
    runtimes: frozenset[str]
    make: Callable[[], Callable[[], Any]]
    environment: dict[str, str]


PROGRAMS: dict[str, Program] = {}


def program(title: str, *runtimes: str, **environment: str) -> Callable[..., Any]:
    """Register a function that imports a library and returns what to run."""

    def register(make: Callable[[], Callable[[], Any]]) -> Callable[[], Callable[[], Any]]:
        PROGRAMS[make.__name__] = Program(title, frozenset(runtimes), make, environment)
        return make

    return register


def _table(rows: int, columns: int) -> Any:
    import numpy

    return numpy.random.default_rng(0).normal(size=(rows, columns))


@program("numpy (OpenBLAS)", "openblas")
def numpy() -> Callable[[], Any]:
    a = _table(1500, 1500)
    return lambda: [a @ a for _ in range(3)]


@program("scikit-learn (HistGradientBoosting)", "libgomp", "openmp")
def scikit_learn() -> Callable[[], Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    x = _table(20_000, 20)
    return lambda: HistGradientBoostingRegressor(max_iter=20).fit(x, x[:, 0])


@program("LightGBM", "lightgbm")
def lightgbm() -> Callable[[], Any]:
    import lightgbm

    x = _table(20_000, 20)
    return lambda: lightgbm.train({"verbose": -1}, lightgbm.Dataset(x, x[:, 0]), 40)


@program("XGBoost", "libgomp", "openmp")
def xgboost() -> Callable[[], Any]:
    import xgboost

    x = _table(20_000, 20)
    return lambda: xgboost.train({}, xgboost.DMatrix(x, x[:, 0]), 20)


@program("faiss", "libgomp", "openmp")
def faiss() -> Callable[[], Any]:
    import faiss

    x = _table(20_000, 64).astype("float32")
    index = faiss.IndexFlatL2(64)
    index.add(x)
    return lambda: index.search(x[:3000], 5)


@program("Apache Arrow", "arrow")
def pyarrow() -> Callable[[], Any]:
    import pyarrow

    table = pyarrow.table({"key": _table(2_000_000, 1)[:, 0].round(2), "value": range(2_000_000)})
    pieces = pyarrow.Table.from_batches(table.to_batches(max_chunksize=20_000))
    return lambda: [pieces.group_by("key").aggregate([("value", "sum")]) for _ in range(3)]


@program("Polars", "polars")
def polars() -> Callable[[], Any]:
    import polars

    frame = polars.DataFrame({"a": _table(4_000_000, 1)[:, 0]})
    return lambda: [frame.sort("a") for _ in range(2)]


@program("DuckDB", "duckdb")
def duckdb() -> Callable[[], Any]:
    import duckdb

    duckdb.execute("CREATE TABLE t AS SELECT range AS a FROM range(8000000)")
    return lambda: duckdb.execute("SELECT sum(sqrt(a) * sin(a)) FROM t").fetchall()


@program("OpenCV (wheel)", "opencv")
def opencv() -> Callable[[], Any]:
    import cv2

    picture = _table(3000, 3000).astype("float32")
    return lambda: [cv2.GaussianBlur(picture, (31, 31), 5) for _ in range(4)]


@program("libvips", "vips")
def vips() -> Callable[[], Any]:
    import pyvips

    pyvips.cache_set_max(0)  # or it remembers the answer
    picture = pyvips.Image.gaussnoise(2500, 2500)
    return lambda: picture.gaussblur(8).avg()


@program("FFmpeg (PyAV)", "ffmpeg")
def ffmpeg() -> Callable[[], Any]:
    import io

    import av

    film = io.BytesIO()
    noise = os.urandom(2 * 1280 * 720)
    with av.open(film, "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 1280, 720
        for index in range(60):
            frame = av.VideoFrame(1280, 720, "yuv420p")
            for plane in frame.planes:
                plane.update(noise[index : index + plane.buffer_size])
            output.mux(stream.encode(frame))
        output.mux(stream.encode())

    def decode() -> None:
        film.seek(0)
        with av.open(film) as source:
            source.streams.video[0].thread_type = "FRAME"
            for _frame in source.decode(video=0):
                pass

    return decode


def _numba() -> Callable[[], Any]:
    import numba
    import numpy as np

    @numba.njit(parallel=True)
    def roots(a: Any) -> float:
        total = 0.0
        for i in numba.prange(a.size):
            total += np.sqrt(np.sin(a[i]) ** 2 + 1)
        return total

    a = np.arange(5_000_000.0)
    return lambda: [roots(a) for _ in range(4)]


@program("numba (TBB)", "tbb", NUMBA_THREADING_LAYER="tbb")
def numba_tbb() -> Callable[[], Any]:
    return _numba()


@program("numba (OpenMP)", "numba", NUMBA_THREADING_LAYER="omp")
def numba_omp() -> Callable[[], Any]:
    return _numba()


@program("numba (work queue)", "numba_workqueue", NUMBA_THREADING_LAYER="workqueue")
def numba_workqueue() -> Callable[[], Any]:
    return _numba()


@program("NumExpr", "numexpr")
def numexpr() -> Callable[[], Any]:
    import numexpr

    a = _table(4_000_000, 1)
    return lambda: [numexpr.evaluate("sin(a)**2 + cos(a)**2", {"a": a}) for _ in range(4)]


@program("tokenizers", "tokenizers")
def tokenizers() -> Callable[[], Any]:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    texts = ["a b c d e f g h " * 50] * 1000
    return lambda: tokenizer.encode_batch(texts)


@program("ONNX Runtime", "onnxruntime")
def onnxruntime() -> Callable[[], Any]:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    shape = [1500, 1500]
    ends = [value(name, TensorProto.FLOAT, shape) for name in "ab"]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "a"], ["b"])], "g", ends[:1], ends[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    a = _table(1500, 1500).astype("float32")
    return lambda: [session.run(None, {"a": a}) for _ in range(4)]


@program("JAX", "jax")
def jax() -> Callable[[], Any]:
    from jax import numpy as jnp

    a = jnp.ones((2000, 2000))
    return lambda: [(a @ a).block_until_ready() for _ in range(3)]


@program("TensorFlow", "tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
def tensorflow() -> Callable[[], Any]:
    import tensorflow

    a = tensorflow.ones((2000, 2000))
    return lambda: [tensorflow.linalg.matmul(a, a).numpy() for _ in range(3)]


# --- one way to run it


def _spent() -> dict[str, int]:
    spent = {}
    for task in TASKS.iterdir():
        with contextlib.suppress(OSError):
            spent[task.name] = int((task / "schedstat").read_text().split()[0])
    return spent


def worked(run: Callable[[], Any]) -> int:
    """Run it, and return how many threads computed."""
    import threading

    most: dict[str, int] = {}
    ended = threading.Event()

    def look() -> None:  # a thread that ends takes its account with it
        while not ended.wait(0.01):
            most.update(_spent())

    watch = threading.Thread(target=look)
    watch.start()
    own = str(watch.native_id)
    before = _spent()
    run()
    most.update(_spent())
    ended.set()
    watch.join()
    used = [most[task] - before.get(task, 0) for task in most if task != own]
    return sum(spent > WORKED * max(used) for spent in used)


def _limit(peer: bool) -> Any:
    if peer:
        import threadpoolctl

        return threadpoolctl.threadpool_limits(1)
    import poolkeeper

    return poolkeeper.limit(1)


def _seen(peer: bool) -> list[str]:
    if peer:
        import threadpoolctl

        return [pool["internal_api"] for pool in threadpoolctl.threadpool_info()]
    import poolkeeper

    return [pool.runtime for pool in poolkeeper.pools()]


def _forked(run: Callable[[], Any]) -> bool:
    """Whether a forked child can run it too."""
    run()
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        run()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _most(run: Callable[[], Any], enough: int) -> int:
    """The threads that computed in a few runs, until there were enough: a busy machine
    may leave one without a turn."""
    most = 0
    for _ in range(4):
        most = max(most, worked(run))
        if most >= enough:
            break
    return most


def main(name: str, mode: str) -> None:
    mode, _, tool = mode.partition(":")
    peer = tool == "threadpoolctl"
    chosen = PROGRAMS[name]
    if mode.startswith("auto"):
        import poolkeeper

        poolkeeper.auto()
    run = chosen.make()
    run()
    answer: dict[str, Any] = {}
    if mode == "limited":
        answer["seen"] = bool(chosen.runtimes & set(_seen(peer)))
        answer["before"] = _most(run, enough=2)
        with _limit(peer):
            run()  # threads above a number may end with their present task
            answer["within"] = worked(run)
        answer["after"] = _most(run, enough=2)
    elif mode in ("auto", "plain"):
        answer["within"] = worked(run)
    else:
        answer["forks"] = _forked(run)
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
