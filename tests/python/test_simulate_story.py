"""The story on the pretended workstation, its three remedies, and the crash itself."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from isolated import ROOT
from scenario import libraries  # noqa: F401  (makes tests/native importable)
from simulated import codes, pools, simulate, simulate_python

pytestmark = pytest.mark.usefixtures("lab")

IMPORTS = "import mdtraj, numpy, scipy, scipy.linalg, sklearn.cluster\n"
STORY = """
data = numpy.random.default_rng(0).random((5000, 8))
kmeans = sklearn.cluster.KMeans(8, n_init=1, max_iter=2, random_state=0)
"""
FIT = "kmeans.fit(data)\n"


def _story(program: str) -> tuple[int, list[int], set[str]]:
    """OpenMP threads that were used, capacities, and codes, on 128 CPUs."""
    _, report = simulate_python(program, cpus=128)
    return _openmp(report), [pool["capacity"] for pool in pools(report, "openblas")], codes(report)


def _openmp(report: dict[str, Any]) -> int:
    return max(int(pool["started"]) + 1 for pool in pools(report, "libgomp"))


def test_the_story_is_predicted() -> None:
    _, report = simulate(sys.executable, str(ROOT / "examples" / "story.py"), cpus=128)
    assert _openmp(report) == 128
    assert [pool["capacity"] for pool in pools(report, "openblas")] == [64, 64]
    assert codes(report) == {"PK101"}
    (error,) = [one for one in report["doctor"]["findings"] if one["severity"] == "error"]
    assert error["summary"].endswith("safe with 64.")
    assert error["fix"]["python"] == "import poolkeeper; poolkeeper.set_limit(openmp=64)"


@pytest.mark.parametrize(
    ("before", "around", "most"),
    [
        ("", "with poolkeeper.limit(openmp=8), poolkeeper.limit(blas=4): ", 8),
        (
            "from threadpoolctl import threadpool_limits as limits\n",
            "with limits(8, user_api='openmp'), limits(4, user_api='blas'): ",
            8,
        ),
        ("poolkeeper.auto()\n", "", 64),
        (
            # What it did is logged, by default on standard error.
            "import logging; logging.disable()\npoolkeeper.guard()\n",
            "",
            64,
        ),
        ("", "poolkeeper.set_limit(openmp=64); ", 64),
    ],
    ids=["two limits", "threadpoolctl's", "auto", "guard", "the advised limit"],
)
def test_each_remedy_makes_the_report_clean(before: str, around: str, most: int) -> None:
    program = IMPORTS + "import poolkeeper\n" + before + STORY + around + FIT
    threads, capacities, found = _story(program)
    assert threads == most
    assert all(threads <= capacity for capacity in capacities)
    assert found == set()


def test_what_a_blas_ran_with_inside_openmp_is_seen() -> None:
    _, report = simulate_python(
        IMPORTS + "import poolkeeper" + STORY
        + "with poolkeeper.limit(openmp=8), poolkeeper.limit(blas=4): " + FIT,
        cpus=128,
    )  # fmt: skip
    (pool,) = pools(report, "libgomp")
    # scikit-learn lowers the 4 to 1 around its own loops.
    assert pool["openblas_threads"] in (1, 4)


def test_a_real_crash_is_reported() -> None:
    import callers
    import numpy

    (library,) = callers.wheels_openblas(numpy)
    # All buffers are taken before: real callers overlap as the scheduler likes.
    survived = callers.hold(library).survived
    command = [str(callers.program()), "call", str(library), "2000", str(survived)]
    # One thread of its own: with 64, its workers take a minute to be shared by all.
    env = {"LD_LIBRARY_PATH": str(library.parent), "OPENBLAS_NUM_THREADS": "1"}
    _, report = simulate(*command, cpus=128, code=None, env=env)
    assert any(callers.WARNING in message for message in report["messages"]), report
    assert report["end"]["how"] == "killed", report["messages"]
    assert report["end"]["name"] in ("SIGSEGV", "SIGABRT", "SIGBUS")
    (starter,) = report["others"]
    assert starter["path"].endswith("/callers")
    assert starter["peak"] > survived
    assert codes(report) == {"PK101"}
    (warning,) = [one for one in report["doctor"]["findings"] if one["code"] == "PK101"]
    assert "safe with 127" in warning["summary"]


def test_a_simulation_within_a_simulation_is_the_inner_one() -> None:
    inner = [sys.executable, "-m", "poolkeeper", "simulate", "--cpus", "3", "--", "nproc"]
    done, _ = simulate(*inner, cpus=7)
    assert done.stdout == "3\n"
