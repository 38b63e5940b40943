#!/usr/bin/env python3
"""Run the Python tests, two files at a time, each file in a process of its own.

    python_tests.py REPORT            every file; one JUnit report of all tests
    python_tests.py REPORT FILE...    these files

Most of a test's time is that of a program which it starts and waits for. A file
that passes only after another one fails here. pytest-xdist is not used for this:
the suite tests what poolkeeper does to xdist's workers, and would be in one.
The last lines name the slowest files.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "python"
AT_ONCE = 2
#: Seconds that one test may take, and one file.
TEST_TIMEOUT, FILE_TIMEOUT = 300, 1800
#: These take longest, and begin first.
LONGEST = ("test_fixes.py", "test_simulate.py", "test_command.py", "test_processes.py")
SHOWN = 6


@dataclass(frozen=True)
class Done:
    """One file's tests, run."""

    file: Path
    code: int
    output: str
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args()
    files = options.files or sorted(TESTS.rglob("test_*.py"), key=begins)
    with tempfile.TemporaryDirectory(prefix="python-tests-") as folder:
        reports = [Path(folder) / f"{number}.xml" for number in range(len(files))]
        with ThreadPoolExecutor(AT_ONCE) as executor:
            done = list(executor.map(run, files, reports))
        merge(reports, options.report)
    failed = [one for one in done if one.code != 0]
    for one in failed:
        print(f"{name(one.file)}: exit code {one.code}\n{one.output}")
    slowest = sorted(done, key=lambda one: -one.seconds)[:SHOWN]
    print("slowest:", ", ".join(f"{name(one.file)} {one.seconds:.0f} s" for one in slowest))
    return 1 if failed else 0


def begins(file: Path) -> tuple[bool, str]:
    """Orders files: the longest first, then by name."""
    return (file.name not in LONGEST, str(file))


def run(file: Path, report: Path) -> Done:
    """Run one file's tests; pytest writes `report`."""
    command = [
        *(sys.executable, "-P", "-m", "pytest", "-q", str(file)),
        f"--basetemp={report.with_suffix('')}",  # no other run tidies it up
        f"--timeout={TEST_TIMEOUT}",
        *("-o", "junit_family=xunit1", f"--junitxml={report}"),
    ]
    begin = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, timeout=FILE_TIMEOUT, check=False,
        )  # fmt: skip
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, output = 124, (late.stdout or b"") + b"\nended: it took too long\n"
    return Done(file, code, output.decode(errors="replace"), time.monotonic() - begin)


def merge(reports: list[Path], into: Path) -> None:
    """Write one report of all tests; a file without a report has none in it."""
    root = ElementTree.Element("testsuites")
    for report in reports:
        if report.exists():
            root.extend(ElementTree.parse(report).getroot())
    into.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(into)


def name(file: Path) -> str:
    """The file as a user in the repository's root would write it."""
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)


if __name__ == "__main__":
    sys.exit(main())
