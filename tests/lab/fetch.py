#!/usr/bin/env python3
"""Fill .lab/ with real native libraries to test against; install nothing.

Debian packages are downloaded with apt-get and unpacked with dpkg-deb, wheels
are downloaded with pip and unzipped. Neither needs root, and nothing outside
the folder changes (but pip's own cache). A second run does nothing.
"""

from __future__ import annotations

import argparse
import fcntl
import fnmatch
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import libraries

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"

# Each line: the names a package has in one release or another, best first.
DEBIAN_PACKAGES = (
    ("libopenblas0-pthread",),
    ("libopenblas0-openmp",),
    ("libopenblas0-serial",),
    ("libopenblas64-0-pthread",),
    ("libblis4-openmp",),
    ("libblis4-pthread",),
    ("libopencv-core406", "libopencv-core410"),
    ("libomp5-14", "libomp5-16", "libomp5-19", "libomp5-18", "libomp5-17", "libomp5-15"),
)
# A terminal to try screens on, and what it needs beside the C library.
TOOL_PACKAGES = (
    ("tmux",),
    ("libevent-core-2.1-7", "libevent-core-2.1-7t64"),
    ("libutempter0",),
)
# What a library may need and a system may lack.
PACKAGE_OF_SONAME = {
    "libblas.so.3": "libblas3",
    "libgfortran.so.5": "libgfortran5",
    "liblapack.so.3": "liblapack3",
    "libtbb.so.12": "libtbb12",
    "libgomp.so.1": "libgomp1",
    "libquadmath.so.0": "libquadmath0",
}
# The folder of a wheel: MKL opens libiomp5 from the folder it lies in itself.
FOLDER_OF_WHEEL = {
    "mkl": "mkl",
    "intel_openmp": "mkl",
    "tbb": "mkl",
    "blis": "blis",
    "pyvips_binary": "vips",
    **dict.fromkeys(
        (
            "av", "duckdb", "highspy", "lightgbm", "numba", "numexpr", "onnxruntime",
            "opencv_python_headless", "tokenizers",
        ),
        "packages",
    ),
}  # fmt: skip
# 400 MB of clusters and GPUs that no test asks for.
SKIPPED_FILES = (
    "libmkl_blacs_*", "libmkl_scalapack_*", "libmkl_cdft_*", "libomptarget*", "libarcher*",
    "libtbbbind*", "libtbbmalloc_proxy*", "libiomp5_db*", "libiompstubs5*",
)  # fmt: skip


class LabError(Exception):
    """A step failed; the message says what, and what to type."""


def run(command: list[str], failure: str, cwd: Path | None = None) -> str:
    """Run a command and return its standard output; LabError(`failure`) if it fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        result = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise LabError(f"{failure}\n'{command[0]}' is not installed") from None
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise LabError("\n".join([failure, *lines[-5:], f"The command was: {' '.join(command)}"]))
    return result.stdout


def step(*words: object) -> None:
    """Print the one line of a finished step; standard output is for the result."""
    print(*words, file=sys.stderr, flush=True)


class Apt:
    """apt-get with the system's package lists, or with private ones of the same sources."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._options: list[str] = []

    def choose(self, names: tuple[str, ...]) -> tuple[str, str]:
        """Return the first name that the lists know, and its version.

        Raises:
            LabError: neither the system's lists nor fresh private ones know any.
        """
        found = self._lookup(names)
        if found is None and not self._options:
            self._use_private_lists()
            found = self._lookup(names)
        if found is None:
            raise LabError(
                f"no package source has any of: {', '.join(names)}\n"
                "The lab is made for Debian 12; for another release, add the package's name there "
                "to DEBIAN_PACKAGES in tests/lab/fetch.py"
            )
        return found

    def unpack(self, package: str, version: str, folder: Path) -> None:
        """Download one package and unpack it into `folder`."""
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            try:
                self._download(package, version, Path(scratch))
            except LabError:
                if self._options:
                    raise
                self._use_private_lists()  # the system's lists may be too old to download by
                package, version = self.choose((package,))
                self._download(package, version, Path(scratch))
            archive = next(Path(scratch).glob("*.deb"))
            folder.mkdir()
            run(["dpkg-deb", "-x", str(archive), str(folder)], f"cannot unpack {archive.name}")

    def _download(self, package: str, version: str, folder: Path) -> None:
        run(
            ["apt-get", *self._options, "-q", "download", f"{package}={version}"],
            f"cannot download the package {package}; is there a network? "
            "Then type: python tests/lab/fetch.py",
            cwd=folder,
        )

    def _lookup(self, names: tuple[str, ...]) -> tuple[str, str] | None:
        for name in names:
            policy = run(
                ["apt-cache", *self._options, "policy", name],
                "the lab's Debian packages need apt (on another system: use a Debian container)",
            )
            candidate = re.search(r"^  Candidate: (\S+)$", policy, re.MULTILINE)
            if candidate and candidate[1] != "(none)":
                return name, candidate[1]
        return None

    def _use_private_lists(self) -> None:
        lists, cache = self._state / "state" / "lists", self._state / "cache" / "archives"
        for folder in (lists / "partial", cache / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        self._options = [
            "-o", f"Dir::State={self._state / 'state'}",
            "-o", "Dir::State::status=/var/lib/dpkg/status",
            "-o", f"Dir::Cache={self._state / 'cache'}",
            "-o", "Debug::NoLocking=1",
        ]  # fmt: skip
        run(["apt-get", *self._options, "-q", "update"], "cannot update the private package lists")
        step("apt: private package lists updated")


def fetch_debian(dest: Path) -> None:
    """Unpack the Debian packages, and those that they need and this system lacks."""
    folder = dest / "debian"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    apt = Apt(dest / "apt")
    for names in DEBIAN_PACKAGES:
        _fetch_package(apt, names, folder)
    for soname in sorted(_missing_sonames(folder)):
        if soname not in PACKAGE_OF_SONAME:
            raise LabError(
                f"a library in {folder} needs {soname}, which this system lacks; "
                "add its package to PACKAGE_OF_SONAME in tests/lab/fetch.py"
            )
        _fetch_package(apt, (PACKAGE_OF_SONAME[soname],), folder)


def fetch_tools(dest: Path) -> None:
    """Unpack the programs that the tests run; their stamp is a file of its own."""
    folder = dest / "tools"
    wanted = repr((TOOL_PACKAGES, platform.machine()))
    stamp = folder / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    apt = Apt(dest / "apt")
    for names in TOOL_PACKAGES:
        _fetch_package(apt, names, folder)
    stamp.write_text(wanted)


def _fetch_package(apt: Apt, names: tuple[str, ...], folder: Path) -> None:
    package, version = apt.choose(names)
    apt.unpack(package, version, folder / package)
    step("debian:", package, version)


def _missing_sonames(folder: Path) -> set[str]:
    """Return what `ldd` calls "not found" for the libraries that the tests load."""
    missing = set()
    for library in libraries.LIBRARIES.values():
        if library.pattern.startswith(f"{folder.name}/"):
            for path in folder.parent.glob(library.pattern):
                linked = run(["ldd", str(path)], f"cannot see what {path.name} needs")
                missing |= set(re.findall(r"^\s*(\S+) => not found", linked, re.MULTILINE))
    return missing


def fetch_wheels(dest: Path) -> None:
    """Unzip the wheels of requirements.txt, each into its folder in python/."""
    folder = dest / "python"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=dest) as scratch:
        run(
            [
                sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
                "--no-deps", "--only-binary", ":all:", "--dest", scratch, "-r", str(REQUIREMENTS),
            ],
            "cannot download the wheels of tests/lab/requirements.txt; without pip in this "
            "Python, type: python -m ensurepip",
        )  # fmt: skip
        for wheel in sorted(Path(scratch).glob("*.whl")):
            name, version = wheel.name.split("-")[:2]
            _unzip(wheel, folder / FOLDER_OF_WHEEL[name])
            step("wheel:", name, version)


def _unzip(wheel: Path, folder: Path) -> None:
    """Unpack a wheel where an installer would put it: NAME.data/data/lib/x is lib/x."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = re.sub(r"^[^/]+\.data/(data|platlib|purelib)/", "", member.filename)
            name = path.rsplit("/", 1)[-1]
            if member.is_dir() or any(fnmatch.fnmatch(name, skip) for skip in SKIPPED_FILES):
                continue
            target = (folder / path).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise LabError(f"{wheel.name} holds a file outside its folder: {member.filename}")
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)


def inputs_hash() -> str:
    """Return a hash of all that decides what the lab holds."""
    wanted = (DEBIAN_PACKAGES, PACKAGE_OF_SONAME, FOLDER_OF_WHEEL, SKIPPED_FILES)
    digest = hashlib.sha256(repr(wanted).encode())
    digest.update(REQUIREMENTS.read_bytes())
    release = Path("/etc/os-release")
    digest.update(release.read_bytes() if release.exists() else b"")
    digest.update(f"{platform.machine()} {sys.implementation.cache_tag}".encode())
    return digest.hexdigest()


def is_filled(dest: Path) -> bool:
    """Tell whether the folder holds all libraries, fetched with these inputs."""
    stamp = dest / "stamp"
    if not stamp.exists() or stamp.read_text() != inputs_hash():
        return False
    try:
        libraries.paths(dest)
    except libraries.MissingLibrary:
        return False
    return True


def fill(dest: Path, force: bool = False) -> bool:
    """Fetch what is not there yet; return whether anything had to be fetched.

    Raises:
        LabError: a step failed; the next run starts again.
    """
    dest.mkdir(parents=True, exist_ok=True)
    (dest / ".gitignore").write_text("*\n")
    with (dest / ".fetch-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once: the second waits
        fetch_tools(dest)
        if is_filled(dest) and not force:
            return False
        (dest / "stamp").unlink(missing_ok=True)
        fetch_debian(dest)
        fetch_wheels(dest)
        libraries.paths(dest)
        (dest / "stamp").write_text(inputs_hash())
        return True


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="examples:\n"
        "  fetch.py                 fill .lab/ (about 330 MB to download, once)\n"
        "  fetch.py --list          fill it, and print {name: path} as JSON\n"
        "  fetch.py --preloads      ... {name: [paths to load first]} as JSON\n"
        "  fetch.py --dest lab --force\n"
        "  check.py                 load each library and try it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dest", type=Path, default=libraries.DEFAULT_DEST, help="default: .lab/ in the repository"
    )
    parser.add_argument("--force", action="store_true", help="fetch everything again")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--list", action="store_true", help="print {name: path} as JSON")
    output.add_argument("--preloads", action="store_true", help="print {name: [paths]} as JSON")
    options = parser.parse_args(arguments)
    dest = options.dest.absolute()
    try:
        fetched = fill(dest, options.force)
        found, first = libraries.paths(dest), libraries.preloads(dest)
    except (LabError, libraries.MissingLibrary, OSError) as error:
        print(f"fetch.py: {error}", file=sys.stderr)
        return 1
    if options.list or options.preloads:
        print(json.dumps(found if options.list else first, indent=2, default=str))
    else:
        print(f"lab: {len(found)} libraries in {dest}" + ("" if fetched else ", nothing to do"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
