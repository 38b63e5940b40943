#!/usr/bin/env python3
"""Find tests that are written but were not run.

    left_out.py CARGO_TEST_LOG PYTEST_REPORT...

Every function marked as a test in a Rust source, and every test function in a
Python file called test_*.py, anywhere in the repository, has to appear among
the results, but for those of a target of their own.
"""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# In two pieces: this file has no ignored tests.
RUST_TEST = re.compile(r"#\[test\]\s*(?:(?:#\[[^\n]*\]|//[^\n]*)\s*)*(?:async\s+)?fn\s+(\w+)")
RUST_IGNORE = re.compile(r"#\[" + r"ignore\b|#\[cfg_attr\([^\n]*\bignore\b")
RUST_RESULT = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. ", re.M)
RUST_FILE = re.compile(r"^\s*Running (?:unittests )?(\S+\.rs) ", re.M)


#: Tests of a target of its own, which needs another processor's programs.
OF_OTHER_TARGETS = ("tests/arm64/test_arm64.py",)


def main() -> int:
    log, *reports = map(Path, sys.argv[1:])
    for result in (log, *reports):
        if not result.exists():
            print(f"{result} is missing; type: make test")
            return 1
    findings = [*python_left_out(reports), *rust_left_out(log.read_text(errors="replace"))]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def python_left_out(reports: list[Path]) -> Iterator[str]:
    """Test files and test functions that pytest's reports do not name."""
    ran: dict[str, set[str]] = {}
    cases = (case for report in reports for case in ElementTree.parse(report).iter("testcase"))
    for case in cases:
        names = ran.setdefault(case.get("file", ""), set())
        names.add(case.get("name", "").split("[")[0])
    for path in sources("tests", "test_*.py"):
        file = str(path.relative_to(ROOT))
        if file in OF_OTHER_TARGETS:
            continue
        if file not in ran:
            yield f"{file}: pytest did not run it"
            continue
        for name in sorted(python_tests(path) - ran[file]):
            yield f"{file}: {name} did not run"


def python_tests(path: Path) -> set[str]:
    """The names of test functions at the top of a file and in its classes called Test*."""
    body = ast.parse(path.read_text()).body
    classes = (node for node in body if isinstance(node, ast.ClassDef))
    groups = [body, *(node.body for node in classes if node.name.startswith("Test"))]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = (node for group in groups for node in group if isinstance(node, kinds))
    return {node.name for node in found if node.name.startswith("test")}


def rust_left_out(log: str) -> Iterator[str]:
    """Integration test files and test functions that cargo's output does not name."""
    files = set(RUST_FILE.findall(log))
    ran = {name.rsplit("::", 1)[-1] for name in RUST_RESULT.findall(log)}
    for path in sources("crates", "*.rs"):
        file = path.relative_to(ROOT)
        text = path.read_text()
        is_test_file = path.parent.name == "tests" and "src" not in file.parts
        if is_test_file and f"tests/{path.name}" not in files:
            yield f"{file}: cargo test did not run it"
        if RUST_IGNORE.search(text):
            yield f"{file}: has a test that is ignored"
        for name in RUST_TEST.findall(text):
            if name not in ran:
                yield f"{file}: {name} did not run"


def sources(folder: str, pattern: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob(pattern) if "target" not in path.parts)


if __name__ == "__main__":
    sys.exit(main())
