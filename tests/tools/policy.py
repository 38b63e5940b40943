#!/usr/bin/env python3
"""Check what no linter checks: every file that would be committed, line by line.

- no path of one machine, no address of a package registry;
- no file over 400 lines, but those that a program writes;
- every `cfg` on the operating system is in a folder meant for it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 400
WRITTEN_BY_PROGRAMS = (
    "Cargo.lock",
    "fuzz/Cargo.lock",
    "docs/runtimes.md",
    "docs/reference/findings.md",
    "docs/img/discovery.svg",
    "docs/img/kmeans-growth.svg",
    "benches/kmeans.json",
    "benches/results.json",
)
SYSTEM_FOLDERS = (
    "crates/poolkeeper/src/platform/",
    "crates/poolkeeper/src/native/",
    "crates/poolkeeper-simulate/",
)

# Patterns that do not match themselves.
MACHINE_PATHS = ("/roo[t]/", "/wor[k]/", "/hom[e]/[a-z]")
REGISTRY_HOSTS = (
    r"pypi\.org",
    r"pythonhosted\.org",
    r"crates\.io/",
    r"npmjs\.(org|com)",
    r"(deb|security)\.debian\.org",
)
RULES = (
    (re.compile(rf"(?<![\w.~/-])({'|'.join(MACHINE_PATHS)})"), "a path of one machine"),
    (re.compile("|".join(REGISTRY_HOSTS)), "a registry's address"),
)
CFG_OF_SYSTEM = re.compile(r"cfg\w*!?\(.*\b(target_os|unix|windows)\b")


def main() -> int:
    files = sorted(tracked())
    findings = [finding for path in files for finding in check(path)]
    for finding in findings:
        print(finding)
    passed = 0 if findings else 1
    print(f"{len(files)} files\n{passed} passed, {len(findings)} failed")
    return 1 if findings else 0


def tracked() -> Iterator[str]:
    """The files that are committed or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return (name for name in listed.split("\0") if name and (ROOT / name).is_file())


def check(name: str) -> Iterator[str]:
    """What is wrong in one file, a line each."""
    try:
        lines = (ROOT / name).read_text().splitlines()
    except UnicodeDecodeError:
        return  # a picture
    if len(lines) > MOST_LINES and name not in WRITTEN_BY_PROGRAMS:
        yield f"{name}: {len(lines)} lines; {MOST_LINES} at most: move a part to a sibling file"
    for number, line in enumerate(lines, 1):
        for pattern, what in RULES:
            if found := pattern.search(line):
                yield f"{name}:{number}: {what}: {found[0]}"
        in_its_folder = name.startswith(SYSTEM_FOLDERS) or not name.endswith(".rs")
        if not in_its_folder and CFG_OF_SYSTEM.search(line):
            yield f"{name}:{number}: cfg on the system belongs in {' or '.join(SYSTEM_FOLDERS)}"


if __name__ == "__main__":
    sys.exit(main())
