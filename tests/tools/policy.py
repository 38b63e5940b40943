#!/usr/bin/env python3
"""Check what no linter checks: every file that would be committed, line by line.

- no path of one machine, no address of a package registry;
- no file over 400 lines, but those that a program writes;
- every `cfg` on the operating system is in a folder meant for it;
- a runtime's name stands in its own file: whoever else wants to know something of a
  runtime asks its card.
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
# Files that may name a runtime, and why. One that names none fails: take it away.
RULES_OF_THE_DOCTOR = "crates/poolkeeper/src/doctor/rules/"
MAY_NAME_RUNTIMES = {
    f"{RULES_OF_THE_DOCTOR}thread_limit.rs": "a rule about OpenBLAS built on OpenMP",
    f"{RULES_OF_THE_DOCTOR}versions.rs": "rules about versions of OpenBLAS",
    f"{RULES_OF_THE_DOCTOR}copies.rs": "rules about LLVM's and Intel's OpenMP",
    f"{RULES_OF_THE_DOCTOR}fork.rs": "a rule about numba's threads",
    f"{RULES_OF_THE_DOCTOR}spin.rs": "a rule about a variable of libgomp's",
    "python/poolkeeper/_doctor.py": "the Python module numba",
    "python/poolkeeper/_numba.py": "the Python module numba",
    "python/poolkeeper/threadpoolctl/_libraries.py": "threadpoolctl's names",
    "python/poolkeeper/threadpoolctl/_controller.py": "threadpoolctl's names",
}
RUNTIMES = "crates/poolkeeper/src/runtimes/"
RUNTIME_ID = re.compile(r'^    id: "([\w-]+)",$', re.MULTILINE)
SOURCE = re.compile(r"(crates/[^/]+/src|python)/.*(?<!tests)\.(rs|py)")

CFG_OF_SYSTEM = re.compile(r"cfg\w*!?\(.*\b(target_os|unix|windows)\b")


def main() -> int:
    files = sorted(tracked())
    findings = [finding for path in files for finding in check(path)]
    findings += [finding for path in files for finding in check_runtimes(path)]
    for finding in findings:
        print(finding)
    passed = 0 if findings else 1
    print(f"{len(files)} files\n{passed} passed, {len(findings)} failed")
    return 1 if findings else 0


def runtime_ids() -> set[str]:
    """The names of all runtimes, from their cards."""
    files = (ROOT / RUNTIMES).glob("*.rs")
    return {name for file in files for name in RUNTIME_ID.findall(file.read_text())}


def check_runtimes(name: str) -> Iterator[str]:
    """Where a file names a runtime as text, and may not; tests may."""
    if not SOURCE.fullmatch(name) or name.startswith(RUNTIMES) or "/tests/" in name:
        return
    code = (ROOT / name).read_text().split("#[cfg(test)]\nmod tests {")[0]
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(("//", "#"))]
    quoted = re.compile(rf"(?<!`)[\"']({'|'.join(sorted(runtime_ids()))})[\"'](?!`)")
    named = sorted({word for line in lines for word in quoted.findall(line)})
    if name in MAY_NAME_RUNTIMES:
        if not named:
            yield f"{name}: names no runtime any more: take it from MAY_NAME_RUNTIMES"
    elif named:
        yield f"{name}: names {', '.join(named)}: ask the runtime's card in {RUNTIMES}"


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
