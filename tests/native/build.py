#!/usr/bin/env python3
"""Build the libraries that pose as thread-pool runtimes, for the tests.

    python tests/native/build.py                 # build into .lab/native/
    python tests/native/build.py --list          # ... and print {name: path} as JSON
    python tests/native/build.py --tiny 2000     # ... and 2000 tiny libraries

In a test:

    paths = build_all(dest)
    library = ctypes.CDLL(paths["openblas-fake-gnu"])

Only what is older than its source is compiled again. Needs a C compiler: `cc`,
or the one the environment variable CC names. What each library poses as is said
at the top of its C file.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
DEFAULT_DEST = SOURCES.parents[1] / ".lab" / "native"
COMMON_FLAGS = ("-std=gnu11", "-O1", "-g0", "-fPIC", "-shared", "-Wall", "-Wextra")
TINY_NAME = "libtiny_00000.so"
TINY_MAXIMUM = 10_000


class BuildError(Exception):
    """A library could not be built; the message says which and what to do."""


@dataclass(frozen=True)
class Library:
    """One shared library: its name in tests, its file, its source and its flags."""

    name: str
    file: str
    source: str
    flags: tuple[str, ...] = ()
    links: str = ""  # the file of another library here that it is linked to


def _fake_openblas(name: str, file: str, *flags: str) -> Library:
    return Library(name, file, "fake_openblas.c", flags)


def _liar(name: str, file: str, symbol: str) -> Library:
    return Library(name, file, "liar.c", (f"-DLIAR_SYMBOL={symbol}",))


LIBRARIES = (
    Library("flexiblas", "libflexiblas.so.3", "flexiblas.c", ("-ldl", "-pthread")),
    _liar("openblas-liar", "libopenblas_liar.so", "openblas_get_num_threads"),
    _liar("mkl-liar", "libmkl_liar.so", "MKL_Get_Max_Threads"),
    _liar("gomp-liar", "libgomp_liar.so", "omp_get_max_threads"),
    _fake_openblas("openblas-fake-sysv", "libopenblas_fake_sysv.so", "-Wl,--hash-style=sysv"),
    _fake_openblas("openblas-fake-gnu", "libopenblas_fake_gnu.so", "-Wl,--hash-style=gnu"),
    _fake_openblas(
        "openblas-fake-scipy64_", "libopenblas_fake_scipy64_.so", "-DPREFIX=scipy_", "-DSUFFIX=64_"
    ),
    _fake_openblas("openblas-fake-_64", "libopenblas_fake__64.so", "-DSUFFIX=_64"),
    _fake_openblas(
        "openblas-fake-0.2.19",
        "libopenblas_fake_0.2.19.so",
        '-DVERSION="0.2.19"',
        "-DREADS_ENVIRONMENT",
    ),
    _fake_openblas("openblas-fake-0.3.2", "libopenblas_fake_0.3.2.so", '-DVERSION="0.3.2"'),
    _fake_openblas("openblas-fake-0.3.4", "libopenblas_fake_0.3.4.so", '-DVERSION="0.3.4"'),
    Library(
        "needs-openblas",
        "libneeds_openblas.so",
        "refers_only.c",
        ("-Wl,-rpath,$ORIGIN",),
        links="libopenblas_fake_gnu.so",
    ),
    Library("awkward", "libopenblas_awkward.so", "awkward.c", ("-pthread",)),
    Library("awkward-forks", "libopenblas_awkward_forks.so", "awkward.c", ("-pthread", "-DFORKS")),
    Library("constructor", "libconstructor.so", "constructor.c", ("-ldl",)),
    Library("opener", "libopener.so", "constructor.c", ("-DOPENER", "-ldl", "-pthread")),
    Library("forker", "libforker.so", "forker.c"),
    Library("lightgbm-fake", "lib_lightgbm.so", "fake_lightgbm.c"),
    Library("numba-fake", "omppool.fake.so", "named_only.c", ("-DOMPPOOL",)),
    Library("netlib-fake", "libblas.so.3", "named_only.c", ("-DNETLIB",)),
    Library("duckdb-fake", "libduckdb.so", "named_only.c", ("-DDUCKDB",)),
    Library("openmp-fake", "libgomp_fake.so", "fake_torch.c", ("-DONLY_OPENMP",)),
    Library(
        "torch-on-openmp-fake",
        "libtorch_cpu_alone.so",
        "fake_torch.c",
        ("-DONLY_TORCH", "-Wl,-rpath,$ORIGIN"),
        links="libgomp_fake.so",
    ),
    Library("torch-fake", "libtorch_cpu.so", "fake_torch.c"),
    Library("mkl-static", "libfake_translate.so", "mkl_static.c"),
)
TINY_TEMPLATE = Library(
    "tiny",
    TINY_NAME,
    "tiny.c",
    ("-nostdlib", "-Wl,-z,noseparate-code", "-Wl,--build-id=none", "-s"),
)


def build_all(dest: Path = DEFAULT_DEST) -> dict[str, Path]:
    """Build every library into `dest` and return its path by its name.

    Libraries newer than their source are left as they are. Two processes may
    call this at the same time.

    Raises:
        BuildError: no compiler, or the compiler rejects a source.
    """
    with _lock(dest):
        for library in LIBRARIES:
            _build(library, dest)
    return {library.name: dest / library.file for library in LIBRARIES}


def build_tiny(dest: Path, count: int) -> list[Path]:
    """Make `count` (1 to 10,000) small libraries in `dest`, for benchmarks of discovery.

    One is compiled; the others are copies with another name and SONAME, each a
    file of its own, so that the loader loads every one of them.

    Raises:
        ValueError: `count` is out of range.
        BuildError: no compiler, or the compiler rejects the source.
    """
    if not 1 <= count <= TINY_MAXIMUM:
        raise ValueError(f"count is {count}; allowed are 1 to {TINY_MAXIMUM}")
    with _lock(dest):
        _build(TINY_TEMPLATE, dest)
        template = (dest / TINY_NAME).read_bytes()
        built = (dest / TINY_NAME).stat().st_mtime
        paths = [dest / f"libtiny_{number:05d}.so" for number in range(count)]
        for path in paths[1:]:
            if not path.exists() or path.stat().st_mtime < built:
                path.write_bytes(template.replace(TINY_NAME.encode(), path.name.encode()))
    return paths


@contextmanager
def _lock(dest: Path) -> Iterator[None]:
    dest.mkdir(parents=True, exist_ok=True)
    with (dest / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(library: Library, dest: Path) -> None:
    """Compile one library, unless it is newer than all it is made from."""
    target = dest / library.file
    inputs = [SOURCES / library.source, Path(__file__).resolve()]
    linked = [dest / library.links] if library.links else []
    if target.exists():
        newest = max(path.stat().st_mtime for path in inputs + linked)
        if target.stat().st_mtime >= newest:
            return
    unfinished = dest / f".{library.file}.unfinished"
    command = [
        *shlex.split(os.environ.get("CC", "cc")),
        *COMMON_FLAGS,
        f"-Wl,-soname,{library.file}",
        "-o",
        str(unfinished),
        str(SOURCES / library.source),
        *map(str, linked),
        *library.flags,
    ]
    _run(command, library)
    # A new inode: a process that has the old file mapped keeps the old one.
    unfinished.replace(target)


def _run(command: list[str], library: Library) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(
            f"no C compiler: '{command[0]}' not found, so {library.file} cannot be built; "
            "install one (Debian: apt-get install gcc), or name yours: CC=clang"
        ) from None
    if result.returncode != 0:
        raise BuildError(
            f"{library.source} does not compile into {library.file}:\n{result.stderr.strip()}\n"
            f"To repeat it, type:\n{shlex.join(command)}"
        )
    if result.stderr:
        print(result.stderr.strip(), file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Build the libraries that pose as thread-pool runtimes, for the tests.",
        epilog="examples:\n"
        "  build.py                    build what is out of date\n"
        "  build.py --list             the same, and print {name: path} as JSON\n"
        "  build.py --tiny 2000        the same, and 2000 tiny libraries in DEST/tiny/",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dest", type=Path, default=DEFAULT_DEST, help="default: .lab/native/")
    parser.add_argument("--list", action="store_true", help="print {name: path} as JSON")
    parser.add_argument("--tiny", type=int, metavar="N", help="also make N tiny libraries")
    options = parser.parse_args(arguments)
    dest = options.dest.resolve()
    try:
        paths = build_all(dest)
        tiny = build_tiny(dest / "tiny", options.tiny) if options.tiny is not None else []
    except (BuildError, ValueError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    if options.list:
        print(json.dumps({name: str(path) for name, path in paths.items()}, indent=2))
    else:
        print(f"{len(paths)} libraries are up to date in {dest}")
        if tiny:
            print(f"{len(tiny)} tiny libraries are up to date in {tiny[0].parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
