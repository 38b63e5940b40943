#!/usr/bin/env python3
"""Compile the library and `simulate` as on a system that they do not support.

`--cfg poolkeeper_unsupported` makes platform/mod.rs, and the root of
poolkeeper-simulate, choose the twin that says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SWITCH = "poolkeeper_unsupported"
CHOICE = "crates/poolkeeper/src/platform/mod.rs"


def main() -> int:
    if SWITCH not in (ROOT / CHOICE).read_text():
        print(f"{CHOICE} does not look at cfg({SWITCH}): the twin would not be compiled")
        return 1
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "unsupported"
    flags = f"--cfg {SWITCH} -D warnings"
    environment = {**os.environ, "RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(target)}
    crates = ["-p", "poolkeeper", "-p", "poolkeeper-simulate"]
    check = ["cargo", "check", "--quiet", "--locked", *crates]
    return subprocess.run(check, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
