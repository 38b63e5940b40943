#!/usr/bin/env python3
"""What the library costs without Python around it.

    python benches/native.py            # its rows of the table
    python benches/run.py               # everything

Builds and runs crates/poolkeeper-bench over the libraries that the workload
loads, in a process without an interpreter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from measure import WORKLOAD, Effort, Result, Row, Spread, main

ROOT = Path(__file__).resolve().parents[1]
CEILING = 100  # nanoseconds
LIST_POOLS = f"{WORKLOAD}\nimport json, poolkeeper\n" + (
    "print(json.dumps([str(pool.filepath) for pool in poolkeeper.pools()]))"
)


def measure(effort: Effort) -> Result:
    """Measure a scope over the workload's pools, and looking again when nothing changed."""
    files = json.loads(output([sys.executable, "-c", LIST_POOLS]))
    found = run("scope", *files)
    again = Row("native re-discovery when nothing changed", Spread(*found["refresh_ns"]), "ns")
    pools = found["pools"]
    scope = Row(f"a native scope over these {pools} pools", Spread(*found["scope_ns"]), "ns")
    return Result([again.with_ceiling(CEILING, "< 0.1 µs"), scope])


def build() -> None:
    """Build the measuring program; takes half a minute the first time.

    Raises:
        RuntimeError: it cannot be built; with the compiler's words.
    """
    output(["cargo", "build", "--quiet", "--locked", "--release", "-p", "poolkeeper-bench"])


def run(mode: str, *libraries: str) -> dict[str, Any]:
    """Return what the measuring program says of these libraries.

    Raises:
        RuntimeError: it cannot be built or fails; with its words.
    """
    build()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    folders = dict.fromkeys(str(Path(library).parent) for library in libraries)
    # A wheel's libraries find each other through the extension that loads them.
    path = {} if mode == "discover" else {"LD_LIBRARY_PATH": ":".join(folders)}
    program = str(target / "release" / "poolkeeper-bench")
    found: dict[str, Any] = json.loads(output([program, mode, *libraries], **path))
    return found


def output(command: list[str], **environment: str) -> str:
    """Return what a command prints.

    Raises:
        RuntimeError: it fails; with what it said of that.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}
    )
    if done.returncode != 0:
        shown = " ".join(command[:3])
        raise RuntimeError(f"`{shown} ...` ended with {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
