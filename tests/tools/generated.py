#!/usr/bin/env python3
"""Check that the pages that the command writes are what the installed one writes.

Of some pages it writes one table, between two comments.
"""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from table import with_table  # noqa: E402

#: Each page and the arguments that write it; the Makefile has them as well.
PAGES = {
    "docs/runtimes.md": ["runtimes", "--format", "markdown"],
    "docs/reference/findings.md": ["doctor", "--explain", "all", "--markdown"],
}
#: Each page with such a table, likewise; `scripts/table.py` puts it there.
TABLES = {
    "docs/guide/budget.md": ["cpus", "--variables", "--markdown"],
}


def main() -> int:
    stale = [page for page, arguments in (PAGES | TABLES).items() if not is_fresh(page, arguments)]
    for page in stale:
        print(f"{page} is stale; type: make docs")
    return 1 if stale else 0


def is_fresh(page: str, arguments: list[str]) -> bool:
    """Compare one page; show the lines that differ."""
    command = [sys.executable, "-P", "-m", "poolkeeper", *arguments]
    wanted = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    path = ROOT / page
    found = path.read_text() if path.exists() else ""
    if page in TABLES:
        wanted = with_table(found, wanted)
    lines = found.splitlines(), wanted.splitlines()
    for line in difflib.unified_diff(*lines, page, "as it should be", n=0, lineterm=""):
        print(line)
    return found == wanted


if __name__ == "__main__":
    sys.exit(main())
