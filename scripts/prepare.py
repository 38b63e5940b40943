#!/usr/bin/env python3
"""Set up what a make target needs: virtual environments, the wheel, the lab.

    prepare.py demo      .venv with the demo's packages, the wheel in release mode
    prepare.py test      .venv with the tests' packages, the wheel, the lab's libraries
    prepare.py quick     as test, but a wheel in debug mode will do
    prepare.py bench     as test, and the packages that only benchmarks compare with
    prepare.py tools     .venv with the tests' packages alone
    prepare.py docs      .venv-docs

What is set up already is left as it is; that takes a tenth of a second. pip's
own variables (PIP_INDEX_URL, PIP_CERT, ...) and cargo's are respected.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import steps
from steps import ROOT

VENV = ROOT / ".venv"
VENV_DOCS = ROOT / ".venv-docs"
REQUIREMENTS = ROOT / "requirements"
LOGS = ROOT / "target" / "prepare"
OLDEST_PYTHON = (3, 11)

#: The packages that a goal needs in .venv.
LISTS = {
    "demo": "demo.txt",
    "test": "test.txt",
    "quick": "test.txt",
    "bench": "bench.txt",
    "tools": "test.txt",
}

#: What the wheel is made from.
WHEEL_FOLDERS = ("crates", "python")
WHEEL_FILES = ("Cargo.toml", "Cargo.lock", "pyproject.toml", "README.md", "LICENSE")
WHEEL_SUFFIXES = (".rs", ".toml", ".py", ".pyi", ".typed")


class Failed(Exception):
    """A step failed, and its output has been shown; the message says what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("goals", nargs="+", choices=(*LISTS, "docs"))
    goals = parser.parse_args().goals
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second waits
        try:
            for goal in goals:
                prepare(goal)
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


def prepare(goal: str) -> None:
    """Set up what `goal` needs.

    Raises:
        Failed: a step failed.
    """
    if goal == "docs":
        install(VENV_DOCS, REQUIREMENTS / "docs.txt")
        return
    install(VENV, REQUIREMENTS / LISTS[goal])
    if goal != "tools":
        install_wheel(VENV, release=goal != "quick")
    if goal in ("test", "quick", "bench"):
        step("the lab's native libraries", [sys.executable, "tests/lab/fetch.py"], quiet=1.0)
        step("a browser for notebooks", [sys.executable, "tests/lab/browser.py"], quiet=1.0)


# --- packages


def install(venv: Path, lock: Path) -> None:
    """Make the virtual environment, and install what `lock` pins, unless it is there."""
    python = venv / "bin" / "python"
    if not works(python):
        step(
            f"virtual environment {venv.name}",
            [sys.executable, "-m", "venv", "--clear", venv],
            "Python cannot make a virtual environment; on Debian type: "
            "apt-get install python3-venv",
        )
        (venv / ".gitignore").write_text("*\n")
    stamp = venv / f".installed-{lock.name}"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    step(
        f"packages of {steps.relative(lock)}",
        [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "-r", lock],
        "pip cannot install the pinned packages; is there a network? Then type the same again",
    )
    stamp.write_text(wanted)


def works(python: Path) -> bool:
    """Tell whether this interpreter runs, has pip, and is new enough."""
    test = f"import pip, sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    try:
        return subprocess.run([python, "-c", test], capture_output=True).returncode == 0
    except OSError:
        return False


# --- the wheel


def install_wheel(venv: Path, release: bool) -> None:
    """Build the wheel and install it, unless the one installed is made from these sources.

    A release build is welcome where a debug build would do.
    """
    python = venv / "bin" / "python"
    sources = sources_hash()
    profile = installed_profile(python, sources)
    if profile == "release" or (profile == "debug" and not release):
        return
    profile = "release" if release else "debug"
    wheels = ROOT / "dist" / profile
    for old in wheels.glob("poolkeeper-*.whl"):
        old.unlink()
    # `linux`: for this machine, so without the audit that a published wheel needs.
    build: list[str | Path] = [
        python,
        "-m",
        "maturin",
        "build",
        "--locked",
        "--compatibility",
        "linux",
    ]
    step(
        f"the wheel, a {profile} build",
        [*build, "--out", wheels, "--interpreter", python, *(["--release"] if release else [])],
    )
    (wheel,) = wheels.glob("poolkeeper-*.whl")
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
    ]
    step(f"installed {wheel.name}", [*pip, "--no-deps", "--no-index", "--force-reinstall", wheel])
    stamp = installed_stamp(python)
    assert stamp is not None, "pip has just installed it"
    stamp.write_text(json.dumps({"sources": sources, "profile": profile}))


def sources_hash() -> str:
    """A hash of all that the wheel is made from."""
    paths = [ROOT / name for name in WHEEL_FILES]
    for folder in WHEEL_FOLDERS:
        paths += (p for p in (ROOT / folder).rglob("*") if p.suffix in WHEEL_SUFFIXES)
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def installed_profile(python: Path, sources: str) -> str | None:
    """The profile of the installed wheel, if it is made from these sources."""
    stamp = installed_stamp(python)
    if stamp is None or not stamp.exists():
        return None
    found = json.loads(stamp.read_text())
    return found["profile"] if found["sources"] == sources else None


def installed_stamp(python: Path) -> Path | None:
    """Our file beside the installed package's metadata: it goes when the package goes."""
    code = (
        "from importlib.metadata import distributions\n"
        "for found in distributions(name='poolkeeper'): print(found._path); break"
    )
    # -P: the package in the current folder is not the installed one.
    result = subprocess.run([python, "-P", "-c", code], capture_output=True, text=True, check=True)
    return Path(result.stdout.strip()) / "made-from.json" if result.stdout.strip() else None


# --- steps


def step(name: str, command: list[str | Path], advice: str = "", quiet: float = 0.0) -> None:
    """Run one step; its line is left out if it took less than `quiet` seconds.

    Raises:
        Failed: with `advice`.
    """
    log = LOGS / f"{name.split()[0]}-{Path(str(command[-1])).name}.log"
    steps.announce(name)
    finished = steps.run(command, log)
    if finished.code != 0:
        steps.conclude("FAIL", name, finished.seconds)
        steps.show(finished.output, log)
        raise Failed(advice or f"failed: {name}")
    if finished.seconds >= quiet:
        steps.conclude("ok", name, finished.seconds)
    elif sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
