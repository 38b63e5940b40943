#!/usr/bin/env python3
"""A suite of numerical tests under pytest-xdist, from its start to its end.

    python benches/suite.py             # its rows of the table
    python benches/run.py               # everything

Four workers. The contestants are the plugin turned off, a `conftest.py` that
limits by threadpoolctl, the environment that an expert sets, and the plugin.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from measure import Effort, Result, main
from programs import BY_HAND, Program, race

SUITE = """
import numpy, pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier

@pytest.mark.parametrize("seed", range({tests}))
@pytest.mark.parametrize("what", ["svd", "solve", "kmeans", "boosting"])
def test_numbers(what, seed):
    points = numpy.random.default_rng(seed).normal(size=(300, 300))
    if what == "svd":
        left, values, right = numpy.linalg.svd(points)
        assert numpy.allclose(left * values @ right, points)
    elif what == "solve":
        assert numpy.allclose(points @ numpy.linalg.solve(points, points), points)
    elif what == "kmeans":
        long = points.reshape(-1, 10)
        assert KMeans(8, n_init=1, max_iter=20, tol=0, random_state=0).fit(long).n_iter_ <= 20
    else:
        classes = points[:, 0] > 0
        model = HistGradientBoostingClassifier(max_iter=5).fit(points, classes)
        assert model.score(points, classes) > 0.9
"""
THREADPOOLCTL = """
import numpy, sklearn.cluster, threadpoolctl
threadpoolctl.threadpool_limits(1)
"""


def measure(effort: Effort) -> Result:
    """Measure the suite with every contestant, in turns."""
    with tempfile.TemporaryDirectory(prefix="poolkeeper-bench-") as folder:
        plain, limited = Path(folder, "plain"), Path(folder, "limited")
        for place in (plain, limited):
            place.mkdir()
            (place / "test_suite.py").write_text(SUITE.format(tests=2 if effort.quick else 25))
        (limited / "conftest.py").write_text(THREADPOOLCTL)
        programs = {
            "ours": suite("the pytest plugin", plain, plugin=True),
            "alone": suite("the suite alone", plain),
            "peer": suite("threadpoolctl in conftest.py", limited),
            "by hand": suite("the best environment set by hand", plain, hand=True),
        }
        return Result(race("a suite with 4 workers of pytest-xdist", programs, effort))


def suite(what: str, folder: Path, plugin: bool = False, hand: bool = False) -> Program:
    """A run of pytest, with the plugin or without it."""
    options = ("-q", "-n", "4", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider")
    off = () if plugin else ("--no-poolkeeper",)
    return Program(
        what,
        ("-m", "pytest", *options, *off, "."),
        BY_HAND if hand else {},
        folder,
        times_itself=False,
    )


if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
