"""How many tests passed and failed, from what a finished step says."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from steps import Finished

CARGO_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.M)
CARGO_IGNORED = re.compile(r"^test (.+) \.\.\. ignored", re.M)
SLOWEST = re.compile(r"^slowest: .*$", re.M)
LAST_LINE = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)


@dataclass(frozen=True)
class Count:
    """Tests that passed and failed, and what the output does not say by itself."""

    passed: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()
    #: A line that says what took the time.
    slowest: str = ""

    def __add__(self, other: Count) -> Count:
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            self.problems + other.problems,
        )


def of_step(finished: Finished) -> Count:
    """The step is the test."""
    return Count(passed=1) if finished.code == 0 else Count(failed=1)


def of_last_line(finished: Finished) -> Count:
    """A program that ends with `N passed, N failed`."""
    found = LAST_LINE.findall(finished.output)
    if not found:
        return Count(failed=1, problems=("it did not say how many passed",))
    passed, failed = map(int, found[-1])
    if not passed and not failed:
        return Count(failed=1, problems=("there was nothing to run",))
    return Count(passed, _at_least_one(failed, finished))


def of_cargo(finished: Finished) -> Count:
    """`cargo test`; an ignored test has failed, and so has a run without tests."""
    results = [tuple(map(int, found)) for found in CARGO_RESULT.findall(finished.output)]
    passed, failed, ignored = (sum(result[i] for result in results) for i in range(3))
    problems = [f"ignored: {name}" for name in CARGO_IGNORED.findall(finished.output)]
    failed = _at_least_one(failed + ignored, finished)
    if not passed and not failed:
        failed, problems = 1, ["no test ran"]
    return Count(passed, failed, tuple(problems))


def of_junit(finished: Finished, report: Path) -> Count:
    """pytest, from its report; a skipped or xfailed test has failed."""
    if not report.exists():
        return Count(failed=1, problems=("pytest wrote no report",))
    passed = failed = 0
    problems = []
    for case in ElementTree.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None:
            name = f"{case.get('file')}::{case.get('name')}"
            problems.append(f"skipped: {name}: {skipped.get('message')}")
        if skipped is None and case.find("failure") is None and case.find("error") is None:
            passed += 1
        else:
            failed += 1
    if not passed and not failed:
        failed, problems = 1, ["no test ran"]
    slowest = SLOWEST.findall(finished.output)
    return Count(passed, _at_least_one(failed, finished), tuple(problems), "".join(slowest[-1:]))


def _at_least_one(failed: int, finished: Finished) -> int:
    """The failed tests, or one for a command that failed before it could count any."""
    return max(failed, 1) if finished.code else failed
