#!/usr/bin/env python3
"""Get a Chromium for the tests of notebooks: the system's, or Debian's package.

The one browser that needs root to install: its package has a hundred others under
it, which the lab's way (unpack into a folder) can't put where they look for each
other. Where there is one in PATH, nothing happens.
"""

from __future__ import annotations

import os
import shutil
import sys

import fetch

PACKAGE = "chromium"
INSTALL = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", PACKAGE]


def find() -> str | None:
    """The browser's path."""
    return shutil.which(PACKAGE)


def install() -> None:
    """Install it as root.

    Raises:
        LabError: it can't be installed here; the message says what to type.
    """
    if os.geteuid() != 0:
        raise fetch.LabError(f"the tests need {PACKAGE}; type: sudo {' '.join(INSTALL)}")
    try:
        fetch.run(INSTALL, f"cannot install {PACKAGE}")
    except fetch.LabError:
        # The system's lists may be too old, or there are none.
        fetch.run(["apt-get", "--quiet", "update"], "cannot update the package lists")
        fetch.run(INSTALL, f"cannot install {PACKAGE}; on another system, put one in PATH")


def main() -> int:
    try:
        if find() is None:
            install()
    except fetch.LabError as error:
        print(f"browser.py: {error}", file=sys.stderr)
        return 1
    print(find())
    return 0


if __name__ == "__main__":
    sys.exit(main())
