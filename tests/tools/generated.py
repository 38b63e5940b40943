#!/usr/bin/env python3
"""Check that docs/runtimes.md is what the installed command prints."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "runtimes.md"
COMMAND = [sys.executable, "-P", "-m", "poolkeeper", "runtimes", "--format", "markdown"]


def main() -> int:
    wanted = subprocess.run(COMMAND, capture_output=True, text=True, check=True).stdout
    found = PAGE.read_text() if PAGE.exists() else ""
    if found == wanted:
        return 0
    lines = found.splitlines(), wanted.splitlines()
    print("\n".join(difflib.unified_diff(*lines, "docs/runtimes.md", "as it should be", n=0)))
    print("docs/runtimes.md is stale; type: make docs")
    return 1


if __name__ == "__main__":
    sys.exit(main())
