"""KMeans as scikit-learn tests it: its estimator checks, and its own k-means's suite."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from isolated import ROOT
from poolkeeper import cluster
from sklearn.utils.estimator_checks import check_estimator

sys.path.append(str(ROOT / "tests" / "tools"))

import our_kmeans

WHY = "draws from the samples in their order, as scikit-learn's own k-means does"
#: scikit-learn expects these of its own k-means to fail, and so do we of ours.
EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": WHY,
    "check_sample_weight_equivalence_on_sparse_data": WHY,
}
#: Runs only where SCIPY_ARRAY_API is set.
NOT_RUN = {"check_array_api_input"}


@pytest.mark.slow
@pytest.mark.parametrize("name", our_kmeans.PUBLIC)
@pytest.mark.parametrize("params", [{}, {"n_clusters": 2, "n_init": 2, "max_iter": 5}], ids=str)
def test_check_estimator(name: str, params: dict[str, int]) -> None:
    estimator = getattr(cluster, name)(**{"n_clusters": 2, **params})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks make some on purpose
        results = check_estimator(
            estimator, on_fail=None, on_skip=None, expected_failed_checks=EXPECTED_TO_FAIL
        )
    ended: dict[str, set[str]] = {}
    for result in results:
        ended.setdefault(result["status"], set()).add(result["check_name"])
    assert len(ended["passed"]) > 40
    assert ended.pop("xfail") <= set(EXPECTED_TO_FAIL)
    assert ended.pop("skipped", set()) <= NOT_RUN
    assert set(ended) == {"passed"}, ended.get("failed")


@pytest.mark.slow
def test_scikit_learns_own_suite_passes_on_ours(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    command = [
        sys.executable, "-m", "pytest", "-p", "our_kmeans", "-p", "no:cacheprovider", "-q",
        "--pyargs", "sklearn.cluster.tests.test_k_means", f"--junitxml={report}",
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "tools")}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout
    cases = list(ElementTree.parse(report).iter("testcase"))
    # scikit-learn skips its float32 variants unless a variable is set.
    skipped = [case for case in cases if case.find("skipped") is not None]
    assert len(cases) - len(skipped) >= 250
    assert all("float32" in str(case.get("name")) for case in skipped)


def test_what_is_left_out_of_the_suite_has_a_reason_and_is_there() -> None:
    import sklearn.cluster.tests.test_k_means as suite

    for name, reason in our_kmeans.LEFT_OUT.items():
        assert callable(getattr(suite, name))
        assert "private" in reason
