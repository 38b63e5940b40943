#!/usr/bin/env python3
"""Build examples/dgemm against the lab's OpenBLAS, and check what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

import libraries  # noqa: E402

NAME = "openblas-pthread"
EXPECTED = re.compile(
    r"before the limit: OpenBLAS (?P<before>\d+) threads?\n"
    r"inside the limit: OpenBLAS 1 thread\n"
    r"after the limit:  OpenBLAS (?P<after>\d+) threads?\n"
    r"the two products agree\n"
)


def main() -> int:
    environment = {**os.environ, "OPENBLAS_LIB_DIR": str(libraries.paths()[NAME].parent)}
    for needed in libraries.preloads()[NAME]:
        environment["OPENBLAS_NEEDS_DIR"] = str(needed.parent)
    package = ["--quiet", "--locked", "-p", "poolkeeper-dgemm", "--features", "openblas"]
    clippy = ["cargo", "clippy", *package, "--", "-D", "warnings"]
    if code := subprocess.run(clippy, cwd=ROOT, env=environment).returncode:
        return code
    result = subprocess.run(
        ["cargo", "run", *package], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    print(result.stdout, end="")
    found = EXPECTED.fullmatch(result.stdout)
    if result.returncode != 0:
        return result.returncode
    if not found or found["before"] != found["after"]:
        print("this is not what the example should print: see tests/tools/dgemm.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
