"""threadpoolctl's users' own tests end with ours in its place as they do with it.

`python tests/tools/peer_suites.py --all` does the same, with all of joblib's.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from isolated import ROOT

sys.path.append(str(ROOT / "tests" / "tools"))

import peer_suites


@pytest.mark.slow
@pytest.mark.parametrize("suite", peer_suites.SUITES, ids=lambda suite: suite.name)
def test_a_suite_ends_alike(suite: peer_suites.Suite) -> None:
    theirs = peer_suites.outcomes(suite, ours=False)
    ours = peer_suites.outcomes(suite, ours=True)
    assert peer_suites.differences(theirs, ours) == []
    assert "passed" in ours.values()
    assert not {"failed", "error"} & set(theirs.values())


def test_ours_is_what_a_suite_gets() -> None:
    code = "import threadpoolctl; print(threadpoolctl.__name__)"
    run = [sys.executable, *peer_suites.OURS, "-c", code]
    module = [sys.executable, *peer_suites.OURS, "-m", "threadpoolctl", "--help"]
    assert subprocess.run(run, capture_output=True, check=False).returncode == 2  # no -c
    shown = subprocess.run(module, capture_output=True, text=True, check=True).stdout
    assert "poolkeeper.threadpoolctl" in shown


def test_a_test_that_ends_otherwise_is_told() -> None:
    told = peer_suites.differences({"a": "passed", "b": "passed"}, {"a": "failed", "c": "passed"})
    assert told == [
        "a: passed with threadpoolctl, failed with poolkeeper",
        "b: passed with threadpoolctl, not run with poolkeeper",
        "c: not run with threadpoolctl, passed with poolkeeper",
    ]


def test_a_suite_that_does_not_run_is_no_suite_that_passes() -> None:
    nothing = peer_suites.Suite("nothing", "joblib.test.test_disk", ("-k", "nothing"))
    with pytest.raises(peer_suites.NotRun, match="exit code 5"):
        peer_suites.outcomes(nothing, ours=False)
    few = peer_suites.Suite("few", "joblib.test.test_disk", least=1000)
    with pytest.raises(peer_suites.NotRun, match="and not 1000"):
        peer_suites.outcomes(few, ours=True)
