#!/usr/bin/env python3
"""Put the table that is read from standard input into a page, between its two comments."""

from __future__ import annotations

import re
import sys
from pathlib import Path

#: What stands before and after the table, each on a line of its own.
BLOCK = re.compile(
    r"(<!-- The table is written by .*? -->\n\n)(.*?)(\n<!-- end of the table -->)", re.S
)


def with_table(page: str, table: str) -> str:
    """Return the page with this table."""
    found, count = BLOCK.subn(lambda block: block[1] + table + block[3], page)
    if count != 1:
        raise SystemExit(f"the page has {count} places for a table, not one")
    return found


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(), sys.stdin.read()))
