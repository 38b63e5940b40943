#!/usr/bin/env python3
"""Pin the packages: write requirements/X.txt from requirements/X.in, for each X.

Each list is resolved by pip in a fresh virtual environment. test.in includes
demo.in, bench.in includes test.in, and each is resolved with the smaller list's
pins as a constraint: one .venv serves all three.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"
#: In this order: the name, and the list whose versions hold here too.
LISTS = (("demo", None), ("test", "demo"), ("bench", "test"), ("docs", None))

HEADER = """\
# Exact versions for requirements/{name}.in: written by `make lock`; edit that file instead.
# Resolved with Python {version}; it installs on 3.11 and newer.
"""


def main() -> int:
    for name, constraint in LISTS:
        pinned = resolve(name, constraint)
        (REQUIREMENTS / f"{name}.txt").write_text(pinned)
        print(f"requirements/{name}.txt: {pinned.count('==')} packages", flush=True)
    return 0


def resolve(name: str, constraint: str | None) -> str:
    """The text of `name`.txt."""
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip: list[str | Path] = [
            venv / "bin" / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
        ]
        install = [*pip, "install", "--quiet", "-r", REQUIREMENTS / f"{name}.in"]
        if constraint:
            install += ["-c", REQUIREMENTS / f"{constraint}.txt"]
        subprocess.run(install, check=True)
        freeze = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True)
    lines = sorted(freeze.stdout.splitlines(), key=str.lower)
    assert all("==" in line for line in lines), lines
    version = "{}.{}".format(*sys.version_info[:2])
    return HEADER.format(name=name, version=version) + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
