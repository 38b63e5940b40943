#!/usr/bin/env python3
"""Fuzz whatever is parsed from outside: what `make fuzz` and `make test` call.

Builds the targets of fuzz/ with libFuzzer's instrumentation and the address sanitizer,
which the stable compiler has behind a variable, and runs one after the other. A line
each, with its executions; the last line is `N passed, N failed`. An input that breaks a
target is kept in target/fuzz/artifacts/, and named.

    fuzz.py                        every target for 60 seconds
    fuzz.py --seconds 3 groups     one target, for 3
    fuzz.py --runs 1000000         so many executions each
    fuzz.py --build                builds alone
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

import steps
import tomllib
from steps import ROOT

FUZZ = ROOT / "fuzz"
BUILT = ROOT / "target" / "fuzz"
SYSTEM = "x86_64-unknown-linux-gnu"
#: What cargo-fuzz asks of the compiler.
FLAGS = [
    *("--cfg", "fuzzing", "-Zsanitizer=address", "-Cpasses=sancov-module"),
    *("-Cllvm-args=-sanitizer-coverage-level=4", "-Cllvm-args=-sanitizer-coverage-trace-compares"),
    *("-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",),
    *("-Cllvm-args=-sanitizer-coverage-pc-table",),
]
EXECUTIONS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.M)
#: Seconds for one input, and megabytes: more is a finding.
SLOW, LARGE = 10, 2048


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", help="which; default: all")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=int, default=60, help="for each target")
    length.add_argument("--runs", type=int, help="executions of each target, in place of time")
    parser.add_argument("--build", action="store_true", help="build the targets, and run none")
    options = parser.parse_args()
    known = targets()
    if unknown := [name for name in options.targets if name not in known]:
        parser.error(f"no target is called {unknown[0]}; there are {', '.join(known)}")
    if code := build():
        return code
    if options.build:
        return 0
    limit = f"-runs={options.runs}" if options.runs else f"-max_total_time={options.seconds}"
    results = [run(name, limit) for name in options.targets or known]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


def targets() -> list[str]:
    manifest = tomllib.loads((FUZZ / "Cargo.toml").read_text())
    return [program["name"] for program in manifest["bin"]]


def build() -> int:
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--target", SYSTEM]
    command += ["--target-dir", str(BUILT)]
    environment = {**os.environ, "RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": " ".join(FLAGS)}
    return subprocess.run(command, cwd=FUZZ, env=environment, check=False).returncode


def run(name: str, limit: str) -> bool:
    """Run one target, and print its line; whether it survived."""
    corpus, artifacts = BUILT / "corpus" / name, BUILT / "artifacts"
    corpus.mkdir(parents=True, exist_ok=True)
    artifacts.mkdir(exist_ok=True)
    command = [
        *(BUILT / SYSTEM / "release" / name, limit, f"-timeout={SLOW}", f"-rss_limit_mb={LARGE}"),
        *("-print_final_stats=1", "-use_value_profile=1", f"-artifact_prefix={artifacts}/{name}-"),
        *(corpus, *([seeds] if (seeds := FUZZ / "seeds" / name).is_dir() else [])),
    ]
    # What a target keeps for good is no leak.
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    steps.announce(name)
    log = BUILT / f"{name}.log"
    finished = steps.run(command, log, environment)
    count = EXECUTIONS.search(finished.output)
    survived = finished.code == 0 and count is not None
    remark = f"{int(count[1]):,} executions" if count else "it did not say how many executions"
    steps.conclude("ok" if survived else "FAIL", name, finished.seconds, remark)
    if not survived:
        steps.show(finished.output, log)
    return survived


if __name__ == "__main__":
    sys.exit(main())
