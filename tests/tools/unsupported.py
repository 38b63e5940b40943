#!/usr/bin/env python3
"""Build and test the wheel as on a system that poolkeeper doesn't support.

`--cfg poolkeeper_unsupported` makes platform/mod.rs, and the root of
poolkeeper-simulate, choose the twin that says so. The wheel goes to a folder of its
own, which the tests' interpreter is told to look in first.

    unsupported.py            build the wheel, warnings being errors
    unsupported.py --test XML run tests/unsupported/ with it; pytest's report goes to XML
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SWITCH = "poolkeeper_unsupported"
CHOICE = "crates/poolkeeper/src/platform/mod.rs"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "unsupported"
SITE = TARGET / "site"
# These tests fit a hundred rows: optimising k-means would take longer than it saves.
UNOPTIMISED = "profile.dev.package.poolkeeper-kmeans.opt-level=0"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--test", type=Path, metavar="XML", help="run the tests")
    report = parser.parse_args().test
    return build() if report is None else test(report)


def build() -> int:
    """Build the wheel and unpack it into `SITE`; returns an exit code."""
    if SWITCH not in (ROOT / CHOICE).read_text():
        print(f"{CHOICE} does not look at cfg({SWITCH}): the twin would not be compiled")
        return 1
    wheels = TARGET / "wheels"
    for folder in (wheels, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    flags = f"--cfg {SWITCH} -D warnings"
    environment = {**os.environ, "RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(TARGET)}
    maturin = [
        *(sys.executable, "-m", "maturin", "build", "--quiet", "--locked"),
        *("--compatibility", "linux", "--config", UNOPTIMISED),
        *("--interpreter", sys.executable, "--out", str(wheels)),
    ]
    done = subprocess.run(maturin, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        return done.returncode
    (wheel,) = wheels.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    install = [*pip, "--no-deps", "--no-index", "--target", str(SITE), str(wheel)]
    return subprocess.run(install, cwd=ROOT, check=False).returncode


def test(report: Path) -> int:
    """Run the tests in an interpreter that finds this wheel first."""
    report.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1"}
    pytest = [
        *(sys.executable, "-P", "-m", "pytest", "-q", "--timeout=120", "-p", "no:cacheprovider"),
        *("-o", "junit_family=xunit1", f"--junit-xml={report}", "tests/unsupported"),
    ]
    return subprocess.run(pytest, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
