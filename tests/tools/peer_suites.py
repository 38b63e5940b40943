#!/usr/bin/env python3
"""Run the suites of threadpoolctl's users with it and with ours in its place.

    peer_suites.py             the suites and tests that touch thread pools (a minute)
    peer_suites.py k_means     the suites whose name has this word
    peer_suites.py --all       with all of joblib's test_parallel.py (three minutes)

Each suite runs twice, in a process of its own: as it is, and with
`python -m poolkeeper.threadpoolctl run`. Every test must end alike. Exit code 1
if one does not, 2 if a suite did not run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 1800  # seconds
OURS = ("-m", "poolkeeper.threadpoolctl", "run")


@dataclass(frozen=True)
class Suite:
    """Tests of another project: a module that is installed with it."""

    name: str
    module: str
    selection: tuple[str, ...] = ()
    #: Fewer tests than this, and the suite is not what it was.
    least: int = 1


SUITES = (
    Suite("scikit-learn, k_means", "sklearn.cluster.tests.test_k_means", least=250),
    Suite("scikit-learn, parallel", "sklearn.utils.tests.test_parallel", least=8),
    Suite("scipy, mmio", "scipy.io.tests.test_mmio", least=100),
    Suite("joblib, threadpool", "joblib.test.test_parallel", ("-k", "threadpool"), least=30),
)
ALL_OF_JOBLIB = Suite("joblib, all", "joblib.test.test_parallel", least=600)


class NotRun(Exception):
    """A suite could not be run; the message has what it said."""


def outcomes(suite: Suite, ours: bool) -> dict[str, str]:
    """Run a suite; return each test's outcome: passed, failed, error or skipped.

    Raises:
        NotRun: pytest found nothing to run, or broke.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith(("OMP_", "OPENBLAS_", "MKL_", "PYTEST_"))
    }
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable, *(OURS if ours else ()), "-m", "pytest", "--pyargs", suite.module,
            "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *suite.selection,
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True,
            timeout=TIMEOUT, check=False,
        )  # fmt: skip
        if done.returncode not in (0, 1) or not report.exists():
            raise NotRun(f"{suite.name}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        found = _read(report)
    if len(found) < suite.least:
        raise NotRun(f"{suite.name}: {len(found)} tests, and not {suite.least} or more")
    return found


def _read(report: Path) -> dict[str, str]:
    """Return the outcomes that a JUnit file has, by test."""
    words = {"failure": "failed", "error": "error", "skipped": "skipped"}
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = [words[child.tag] for child in case if child.tag in words]
        found[f"{case.get('classname')}::{case.get('name')}"] = " ".join(kinds) or "passed"
    return found


def differences(theirs: dict[str, str], ours: dict[str, str]) -> list[str]:
    """Return a line for each test that does not end alike."""
    return [
        f"{test}: {theirs.get(test, 'not run')} with threadpoolctl, {ours.get(test, 'not run')} "
        "with poolkeeper"
        for test in sorted({*theirs, *ours})
        if theirs.get(test) != ours.get(test)
    ]


def counted(found: dict[str, str]) -> str:
    """Return how many tests ended in which way."""
    kinds = sorted(set(found.values()), key=lambda kind: (kind != "passed", kind))
    return ", ".join(f"{list(found.values()).count(kind)} {kind}" for kind in kinds)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Run the suites of threadpoolctl's users with it and with ours in its place.",
        epilog="example: peer_suites.py k_means",
    )
    parser.add_argument("words", nargs="*", help="only suites with one of these in their names")
    parser.add_argument("--all", action="store_true", help="all of joblib's test_parallel.py too")
    options = parser.parse_args(arguments)
    suites = [*SUITES, *([ALL_OF_JOBLIB] if options.all else [])]
    chosen = [s for s in suites if not options.words or any(w in s.name for w in options.words)]
    if not chosen:
        parser.error(f"no suite's name has {' or '.join(options.words)}: "
                     + "; ".join(suite.name for suite in suites))  # fmt: skip
    code = 0
    for suite in chosen:
        try:
            theirs, ours = outcomes(suite, ours=False), outcomes(suite, ours=True)
        except NotRun as error:
            print(error, file=sys.stderr)
            code = 2
            continue
        unlike = differences(theirs, ours)
        print(f"{suite.name}: {counted(ours)}; {len(unlike)} end otherwise than with threadpoolctl")
        print("".join(f"  {line}\n" for line in unlike), end="")
        code = max(code, bool(unlike))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
