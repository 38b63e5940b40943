#!/usr/bin/env python3
"""Run every test and check of this repository: what `make test` calls.

One line a step; a failed step's output follows its line, and the next step runs
all the same. The last line is `N passed, N failed`: tests where a step consists
of tests, else the step itself. A skipped test is a failed one: say by how it is
written that it does not apply, or make it run.

    check.py                 everything
    check.py clippy mypy     the steps whose names have these words
    check.py --list          the steps and their commands
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import counts
import steps
from counts import Count
from steps import ROOT, Finished

LOGS = ROOT / "target" / "check"
PYTHON = sys.executable
#: Seconds that a step may take, on a machine that does other things as well:
#: past it, something hangs. Compilers are given their own, so that the first
#: build on a slow machine is not taken for a test that hangs.
TIMEOUT, BUILD_TIMEOUT = 40 * 60, 90 * 60

#: Variables of the user's shell that would change what the tests see.
UNSET = ("RUSTFLAGS", "PYTHONPATH", "CARGO_BUILD_TARGET", "COLUMNS", "NO_COLOR")
UNSET_ENDINGS = ("_NUM_THREADS", "_MAX_CPU_COUNT", "_THREADING_LAYER")


@dataclass(frozen=True)
class Step:
    """One step: its command, how to count what it says, what it adds to the environment,
    and the seconds that it may take."""

    name: str
    command: list[str]
    count: Callable[[Finished], Count] = counts.of_step
    environment: dict[str, str] = field(default_factory=dict)
    timeout: int = TIMEOUT

    @property
    def log_name(self) -> str:
        return self.name.lower().replace(" ", "-").replace(",", "").replace("/", "-") + ".log"


def tool(name: str, *arguments: str) -> list[str]:
    """A program of tests/tools."""
    return [PYTHON, f"tests/tools/{name}.py", *arguments]


def module(name: str, *arguments: str) -> list[str]:
    """A Python module of the virtual environment."""
    return [PYTHON, "-P", "-m", name, *arguments]


def cargo(*arguments: str) -> list[str]:
    return ["cargo", *arguments, "--locked"]


def build(name: str, command: list[str], environment: dict[str, str] | None = None) -> Step:
    """A step that a compiler takes most of."""
    return Step(name, command, environment=environment or {}, timeout=BUILD_TIMEOUT)


# Our own code under the compiler's address and leak sanitizer, which the stable
# compiler has behind this variable. A library that it instruments is never
# unloaded: the two tests of unloading are the plain run's alone.
SANITIZED_BUILD = [
    *cargo("test", "-p", "poolkeeper", "--lib", "--tests", "--target-dir", "target/sanitized"),
    *("--target", "x86_64-unknown-linux-gnu"),
]
SANITIZED = [
    *(*SANITIZED_BUILD, "--"),
    *("--skip", "a_late_scope_covers", "--skip", "a_library_goes_when"),
]
SANITIZER = {
    "RUSTC_BOOTSTRAP": "1",
    # The instrumented library of the tests finds its functions in the program.
    "RUSTFLAGS": "-Zsanitizer=address -Clink-arg=-Wl,--export-dynamic",
}

JUNIT = LOGS / "pytest.xml"
UNSUPPORTED_JUNIT = LOGS / "unsupported.xml"
STUBTEST = [
    *("--mypy-config-file", "pyproject.toml"),
    *("--allowlist", "tests/tools/stubs_allowed.txt"),
]
RUST_TESTS, PYTHON_TESTS = "tests, Rust", "tests, Python"
STEPS = (
    Step("policy", tool("policy"), counts.of_last_line),
    Step("arrows", tool("arrows"), counts.of_last_line),
    Step("format, Rust", ["cargo", "fmt", "--all", "--check"]),
    Step("format, Python", module("ruff", "format", "--check", ".")),
    Step("ruff", module("ruff", "check", "--quiet", ".")),
    build("clippy", [*cargo("clippy", "--workspace", "--all-targets"), "--", "-D", "warnings"]),
    # Built apart from being run: a compiler on a busy machine may take its time.
    build("build of the tests, Rust", cargo("test", "--workspace", "--no-run")),
    Step(RUST_TESTS, cargo("test", "--workspace", "--no-fail-fast"), counts.of_cargo),
    build("build for the address sanitizer", [*SANITIZED_BUILD, "--no-run"], SANITIZER),
    Step("address sanitizer, Rust", SANITIZED, counts.of_cargo, environment=SANITIZER),
    build("build of the fuzz targets", [PYTHON, "scripts/fuzz.py", "--build"]),
    Step(
        "fuzz targets, a short run",
        [PYTHON, "scripts/fuzz.py", "--seconds", "3"],
        counts.of_last_line,
    ),
    build(
        "rustdoc",
        cargo("doc", "--no-deps", "--workspace"),
        {"RUSTDOCFLAGS": "-D warnings"},
    ),
    build("wheel for an unsupported platform", tool("unsupported")),
    Step(
        "tests, an unsupported platform",
        tool("unsupported", "--test", str(UNSUPPORTED_JUNIT)),
        lambda done: counts.of_junit(done, UNSUPPORTED_JUNIT),
    ),
    build("example dgemm", tool("dgemm")),
    Step("mypy", module("mypy", "--strict"), environment={"MYPYPATH": "python"}),
    Step("stubs", module("mypy.stubtest", *STUBTEST, "poolkeeper")),
    Step("docstring examples", tool("docstrings"), counts.of_last_line),
    build("library for the Rust examples", cargo("build", "-p", "poolkeeper")),
    Step("README and docs examples", tool("doc_examples"), counts.of_last_line),
    Step("generated docs", tool("generated")),
    Step(
        "docs site",
        [".venv-docs/bin/python", "-m", "mkdocs", "build", "--quiet", "--strict"],
        environment={"NO_MKDOCS_2_WARNING": "1"},  # mkdocs-material's advertisement
    ),
    Step(PYTHON_TESTS, tool("python_tests", str(JUNIT)), lambda done: counts.of_junit(done, JUNIT)),
)
# What looks at the results of others runs after them, and only with them.
LAST = Step(
    "no test is left out",
    tool("left_out", str(LOGS / "tests-rust.log"), str(JUNIT), str(UNSUPPORTED_JUNIT)),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="run the steps whose names have one of these")
    parser.add_argument("--list", action="store_true", help="print the steps, run nothing")
    options = parser.parse_args()
    words = [word.lower() for word in options.words]
    chosen = [step for step in STEPS if not words or any(w in step.name.lower() for w in words)]
    if not chosen:
        parser.error(f"no step is called {' or '.join(words)}; try --list")
    if {RUST_TESTS, PYTHON_TESTS} <= {step.name for step in chosen}:
        chosen.append(LAST)
    if options.list:
        for step in chosen:
            print(f"{step.name:<{steps.NAME_WIDTH}}{shlex.join(step.command)}")
        return 0
    return run_all(chosen)


def run_all(chosen: list[Step]) -> int:
    """Run the steps, print the sum, and return the exit code."""
    # A shell starts what runs in its background with these ignored, and tests send them.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if any(step.name == PYTHON_TESTS for step in chosen):
        JUNIT.unlink(missing_ok=True)  # an old one must not pass for this run's
    total = sum((run(step) for step in chosen), Count())
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 0 if total.passed and not total.failed else 1


def run(step: Step) -> Count:
    """Run one step and print its line."""
    log = LOGS / step.log_name
    steps.announce(step.name)
    finished = steps.run(step.command, log, {**environment(), **step.environment}, step.timeout)
    count = step.count(finished)
    remark = f"{count.passed} passed" if count.passed > 1 else ""
    if count.failed:
        remark = f"{count.passed} passed, {count.failed} failed"
    steps.conclude("FAIL" if count.failed else "ok", step.name, finished.seconds, remark)
    if count.slowest:
        print(f"      {count.slowest}", flush=True)
    if count.failed:
        steps.show(finished.output, log)
        for problem in count.problems:
            print(f"      {problem}")
        print(f"      to repeat it: {sys.argv[0]} {shlex.quote(step.name)}", flush=True)
    return count


def environment() -> dict[str, str]:
    """The user's environment, without what would change the tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in UNSET and not name.endswith(UNSET_ENDINGS)
    }
    return {**kept, "CARGO_TERM_COLOR": "never", "PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    sys.exit(main())
