#!/usr/bin/env python3
"""Fetch what builds and runs poolkeeper for arm64 Linux on x86-64; install nothing.

Debian packages are unpacked and wheels are unzipped, both below .lab/arm64/:

    tools/   a C compiler that makes arm64 programs
    rust/    a Rust compiler with the standard library for arm64
    qemu/    the translator that runs arm64 programs
    system/  arm64's C library and Python
    lab/     arm64's OpenBLAS, BLIS and libomp, each in a folder of its own
    venv/    arm64's numpy, scipy and scikit-learn, and pytest

`packages.txt` pins the Debian packages, requirements/test.txt the wheels. A second
run does nothing.

    fetch.py         fetch what is missing
    fetch.py --pin   write packages.txt anew, with the versions that Debian has now
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEST = ROOT / ".lab" / "arm64"
PACKAGES = HERE / "packages.txt"
VERSIONS = ROOT / "requirements" / "test.txt"
PYTHON = "3.11"  # Debian 12's, which is in packages.txt

SITE = DEST / "venv" / "lib" / f"python{PYTHON}" / "site-packages"

#: The wheels: each at the version that the tests on x86-64 use.
WHEELS = (
    *("numpy", "scipy", "scikit-learn", "joblib", "cloudpickle", "narwhals", "threadpoolctl"),
    *("pytest", "pytest-timeout", "iniconfig", "packaging", "pluggy", "Pygments"),
)
GLIBCS = ("2_17", "2_26", "2_27", "2_28", "2_31", "2_34")

APT_CONFIGURATION = """\
Dir::State "{apt}/state";
Dir::State::status "{apt}/state/status";
Dir::Cache "{apt}/cache";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; "arm64"; }};
Acquire::Languages "none";
APT::Sandbox::User "root";
Debug::NoLocking "1";
"""


COMMAND = """\
#!{python}
import sys
from poolkeeper.__main__ import main
sys.exit(main())
"""


class FetchError(Exception):
    """A step failed; the message says what, and what to type."""


@dataclass(frozen=True)
class Package:
    """A line of packages.txt: a Debian package, the folder it goes to, and its pin."""

    folder: str
    name: str  # `libc6:arm64`; one without an architecture is for x86-64
    version: str
    sha256: str

    @property
    def home(self) -> Path:
        """Where it is unpacked: the lab's libraries each in a folder of its own."""
        folder = DEST / self.folder
        return folder / self.name.partition(":")[0] if self.folder == "lab" else folder


def packages() -> list[Package]:
    """The lines of packages.txt."""
    lines = PACKAGES.read_text().splitlines()
    return [Package(*line.split()) for line in lines if line and not line.startswith("#")]


def run(command: list[str | Path], failure: str, cwd: Path | None = None) -> str:
    """Run a command and return its standard output; FetchError(`failure`) if it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FetchError(f"{failure}\n'{command[0]}' is not installed") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise FetchError("\n".join([failure, *lines[-5:]]))
    return done.stdout


class Apt:
    """apt with package lists of its own, of the system's sources, for both architectures."""

    def __init__(self) -> None:
        self._home = DEST / "apt"
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (self._home / folder).mkdir(parents=True, exist_ok=True)
        (self._home / "state" / "status").touch()
        configuration = self._home / "apt.conf"
        configuration.write_text(APT_CONFIGURATION.format(apt=self._home))
        self._options = ["-c", str(configuration), "-q"]

    def update(self) -> None:
        """Fetch the package lists."""
        run(
            ["apt-get", *self._options, "update"],
            "cannot fetch the package lists; is there a network? (The packages are Debian 12's: "
            "on another system, run this in a Debian container)",
        )

    def candidate(self, name: str) -> Package:
        """The newest version of a package, in no folder yet.

        Raises:
            FetchError: no source has such a package.
        """
        text = run(
            ["apt-cache", *self._options, "--no-all-versions", "show", name],
            f"no package source has {name}",
        )
        fields = dict(re.findall(r"^(Version|SHA256): (\S+)$", text, re.MULTILINE))
        return Package("", name, fields["Version"], fields["SHA256"])

    def unpack(self, package: Package) -> None:
        """Download a package at its pinned version, check it, and unpack it.

        A version that the sources no longer have gives way to the present one, which
        is said: Debian keeps only the newest of each security update.
        """
        with tempfile.TemporaryDirectory(dir=DEST) as scratch:
            try:
                archive = self._download(package, Path(scratch))
            except FetchError:
                newer = self.candidate(package.name)
                if newer.version == package.version:
                    raise
                say(f"{package.name} {package.version} is gone; {newer.version} is taken")
                archive = self._download(newer, Path(scratch))
            package.home.mkdir(parents=True, exist_ok=True)
            run(["dpkg-deb", "-x", archive, package.home], f"cannot unpack {archive.name}")

    def _download(self, package: Package, folder: Path) -> Path:
        run(
            ["apt-get", *self._options, "download", f"{package.name}={package.version}"],
            f"cannot download {package.name} {package.version}; is there a network?",
            cwd=folder,
        )
        (archive,) = folder.glob("*.deb")
        if hashlib.sha256(archive.read_bytes()).hexdigest() != package.sha256:
            raise FetchError(f"{archive.name} is not the file whose hash packages.txt has")
        return archive


def fetch() -> None:
    """Fetch what is missing or pinned otherwise.

    Raises:
        FetchError: a step failed.
    """
    wanted = packages()
    folders = {package.folder for package in wanted}
    stale = {folder for folder in folders if not is_current(folder, pins_of(folder, wanted))}
    if stale:
        apt = Apt()
        apt.update()
        for folder in sorted(stale):
            shutil.rmtree(DEST / folder, ignore_errors=True)
            say(f"{folder}: {pins_of(folder, wanted).count(chr(10))} packages")
            for package in wanted:
                if package.folder == folder:
                    apt.unpack(package)
            stamp(folder).write_text(pins_of(folder, wanted))
    pins = "".join(f"{pin}\n" for pin in wheel_pins())
    if not is_current("venv", pins):
        fetch_wheels()
        stamp("venv").write_text(pins)


def pins_of(folder: str, wanted: list[Package]) -> str:
    """What a folder's stamp says once its packages are unpacked."""
    return "".join(f"{p.name} {p.version}\n" for p in wanted if p.folder == folder)


def stamp(folder: str) -> Path:
    return DEST / f"{folder}.stamp"


def is_current(folder: str, pins: str) -> bool:
    return stamp(folder).exists() and stamp(folder).read_text() == pins


def wheel_pins() -> Iterator[str]:
    """`numpy==2.4.6` and so on, as requirements/test.txt has them."""
    pinned = dict(line.split("==") for line in VERSIONS.read_text().splitlines() if "==" in line)
    versions = {name.lower(): version for name, version in pinned.items()}
    for name in WHEELS:
        yield f"{name}=={versions[name.lower()]}"


def fetch_wheels() -> None:
    """Make arm64's virtual environment, whose Python is run by the translator."""
    venv = DEST / "venv"
    shutil.rmtree(venv, ignore_errors=True)
    (venv / "bin").mkdir(parents=True)
    home = DEST / "system" / "usr" / "bin"
    (venv / "pyvenv.cfg").write_text(f"home = {home}\n")
    (venv / "bin" / "python").symlink_to(home / f"python{PYTHON}")
    command = venv / "bin" / "poolkeeper"
    command.write_text(COMMAND.format(python=venv / "bin" / "python"))
    command.chmod(0o755)
    say(f"venv: {len(WHEELS)} wheels")
    platforms = [f"--platform=manylinux_{glibc}_aarch64" for glibc in GLIBCS]
    run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
            *("--no-deps", "--only-binary", ":all:", f"--target={SITE}"),
            *(f"--python-version={PYTHON}", "--implementation=cp", *platforms),
            "--platform=manylinux2014_aarch64",
            *wheel_pins(),
        ],
        "cannot install the wheels for arm64; is there a network?",
    )


def pin() -> None:
    """Write packages.txt anew.

    Raises:
        FetchError: a package is gone.
    """
    apt = Apt()
    apt.update()
    comments = [line for line in PACKAGES.read_text().splitlines() if line.startswith("#")]
    lines = list(comments)
    for package in packages():
        newest = apt.candidate(package.name)
        lines.append(f"{package.folder} {package.name} {newest.version} {newest.sha256}")
    PACKAGES.write_text("\n".join(lines) + "\n")


def say(text: str) -> None:
    print(f"arm64: {text}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pin", action="store_true", help="write packages.txt anew")
    options = parser.parse_args()
    DEST.mkdir(parents=True, exist_ok=True)
    with (DEST / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            pin() if options.pin else fetch()
        except FetchError as error:
            print(f"fetch.py: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
