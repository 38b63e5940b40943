#!/usr/bin/env python3
"""Workers over scikit-learn estimators: joblib's threads and processes, executors of both.

    python benches/workers.py           # its rows of the table
    python benches/run.py               # everything

Each worker fits estimators one after the other: a k-means and gradient boosting,
which are OpenMP's, and a principal component analysis, which is BLAS's. The
contestants are the program left alone, with threadpoolctl or joblib's own
setting, with the environment that an expert sets, and with poolkeeper.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measure import Effort, Result, Row, main
from programs import BY_HAND, Program, race

#: Starting workers and loading libraries is not timed: a first round of tasks goes before.
PROGRAM = """\
import contextlib, time
import joblib, numpy
import concurrent.futures
import multiprocessing
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
{imported}

def fit(number):
    points = numpy.random.default_rng(number).normal(size=({points}, 32))
    KMeans(16, n_init=1, max_iter=20, tol=0, init="random", random_state=number).fit(points)
    PCA(8, svd_solver="full").fit(points)
    HistGradientBoostingRegressor(max_iter=5).fit(points[:, 1:], points[:, 0])

def timed(run):
    run(range({workers}))
    begin = time.perf_counter()
    run(range({tasks}))
    print((time.perf_counter() - begin) * 1e9)

if __name__ == "__main__":
    with {within} as made:
        {body}
"""
JOBLIB = "timed(lambda numbers: joblib.Parallel({jobs})(joblib.delayed(fit)(n) for n in numbers))"
EXECUTOR = "timed(lambda numbers: list(made.map(fit, numbers)))"
THREADPOOLCTL = "threadpoolctl.threadpool_limits(1)"


@dataclass(frozen=True)
class Kind:
    """One kind of workers: how the program uses them, and each contestant's `with`."""

    name: str
    workers: int
    tasks: int  # for each worker
    body: str
    alone: str
    ours: tuple[str, str]  # its name in the table, its `with`
    peer: tuple[str, str, str]  # its name in the table, what it imports, its `with`


KINDS = (
    Kind(
        "4 joblib threads",
        4,
        2,
        JOBLIB.format(jobs="n_jobs=4"),
        "joblib.parallel_config('threading')",
        ("`parallel`", "poolkeeper.parallel(4, backend='threading')"),
        (
            "threadpoolctl",
            "import threadpoolctl",
            f"joblib.parallel_config('threading'), {THREADPOOLCTL}",
        ),
    ),
    Kind(
        "4 joblib processes",
        4,
        2,
        JOBLIB.format(jobs="n_jobs=4"),
        "contextlib.nullcontext()",
        ("`parallel`", "poolkeeper.parallel(4)"),
        (
            "joblib's `inner_max_num_threads`",
            "",
            "joblib.parallel_config('loky', inner_max_num_threads=1)",
        ),
    ),
    Kind(
        "4 processes of an executor",
        4,
        2,
        EXECUTOR,
        "concurrent.futures.ProcessPoolExecutor(4, multiprocessing.get_context('spawn'))",
        (
            "`ProcessPoolExecutor`",
            "poolkeeper.ProcessPoolExecutor(4, multiprocessing.get_context('spawn'))",
        ),
        (
            "threadpoolctl as the initializer",
            "import threadpoolctl",
            "concurrent.futures.ProcessPoolExecutor(4, multiprocessing.get_context('spawn'), "
            "threadpoolctl.threadpool_limits, (1,))",
        ),
    ),
    Kind(
        "16 threads in one process",
        16,
        1,
        EXECUTOR,
        "concurrent.futures.ThreadPoolExecutor(16)",
        ("`ThreadPoolExecutor`", "poolkeeper.ThreadPoolExecutor(16)"),
        (
            "threadpoolctl",
            "import threadpoolctl",
            f"{THREADPOOLCTL}, concurrent.futures.ThreadPoolExecutor(16)",
        ),
    ),
)


def measure(effort: Effort) -> Result:
    """Measure every kind of workers, the contestants taking turns."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="poolkeeper-bench-") as folder:
        for number, kind in enumerate(KINDS):
            rows += race(kind.name, contestants(kind, Path(folder, str(number)), effort), effort)
    return Result(rows)


def contestants(kind: Kind, folder: Path, effort: Effort) -> dict[str, Program]:
    """The four programs of one kind; files, because spawned workers read them again."""
    folder.mkdir()
    points = 2_000 if effort.quick else 5_000

    def program(what: str, imported: str, within: str, hand: bool = False) -> Program:
        path = folder / f"{len(list(folder.iterdir()))}.py"
        path.write_text(
            PROGRAM.format(
                imported=imported,
                points=points,
                workers=kind.workers,
                tasks=kind.tasks * kind.workers,
                within=within,
                body=kind.body,
            )
        )
        return Program(what, (str(path),), BY_HAND if hand else {})

    what, within = kind.ours
    return {
        "ours": program(what, "import poolkeeper", within),
        "alone": program("the program alone", "", kind.alone),
        "peer": program(*kind.peer),
        "by hand": program("the best environment set by hand", "", kind.alone, hand=True),
    }


if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
