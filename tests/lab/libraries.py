"""What the lab holds: each library's short name, its file, and what to load before it.

The rest of the tests need only `paths` and `load`:

    import libraries
    openblas = libraries.load("openblas-pthread", dest)
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

DEFAULT_DEST = Path(__file__).resolve().parents[2] / ".lab"
GFORTRAN = "debian/libgfortran5/usr/lib/*/libgfortran.so.5"


@dataclass(frozen=True)
class Library:
    """A library of the lab.

    `pattern` is relative to the lab's folder. `preloads` are the patterns of
    libraries to load first, by full path: the loader then finds them by SONAME,
    without LD_LIBRARY_PATH. A preload that matches nothing is not needed: the
    system has the library.
    """

    pattern: str
    preloads: tuple[str, ...] = ()


LIBRARIES = {
    "openblas-pthread": Library(
        "debian/libopenblas0-pthread/usr/lib/*/openblas-pthread/libopenblas.so.0", (GFORTRAN,)
    ),
    "openblas-openmp": Library(
        "debian/libopenblas0-openmp/usr/lib/*/openblas-openmp/libopenblas.so.0", (GFORTRAN,)
    ),
    "openblas-serial": Library(
        "debian/libopenblas0-serial/usr/lib/*/openblas-serial/libopenblas.so.0", (GFORTRAN,)
    ),
    "openblas64-pthread": Library(
        "debian/libopenblas64-0-pthread/usr/lib/*/openblas64-pthread/libopenblas64.so.0",
        (GFORTRAN,),
    ),
    "blis-openmp": Library("debian/libblis4-openmp/usr/lib/*/blis-openmp/libblis.so.4"),
    "blis-pthread": Library("debian/libblis4-pthread/usr/lib/*/blis-pthread/libblis.so.4"),
    "libomp": Library("debian/libomp5-*/usr/lib/*/libomp.so.5"),
    "opencv-core": Library(
        "debian/libopencv-core*/usr/lib/*/libopencv_core.so.*[0-9]",
        (
            GFORTRAN,
            "debian/libblas3/usr/lib/*/blas/libblas.so.3",
            "debian/liblapack3/usr/lib/*/lapack/liblapack.so.3",
            "debian/libtbb12/usr/lib/*/libtbb.so.12",
        ),
    ),
    "mkl_rt": Library("python/mkl/lib/libmkl_rt.so.*"),
    "libiomp5": Library("python/mkl/lib/libiomp5.so"),
    "tbb": Library("python/mkl/lib/libtbb.so.12"),
    "blis-pypi": Library("python/blis/blis/cy.*.so"),
    "vips": Library("python/vips/pyvips_binary.libs/libvips-*.so.*"),
}


#: Packages of Python's that hold pools, to be imported from there.
PACKAGES = DEFAULT_DEST / "python" / "packages"


def tmux(dest: Path = DEFAULT_DEST) -> tuple[Path, str]:
    """Return the file of tmux, and the folders of its libraries as one variable.

    Raises:
        MissingLibrary: the lab is not filled.
    """
    program = dest.absolute() / "tools/tmux/usr/bin/tmux"
    if not program.exists():
        raise MissingLibrary(f"{program} not found; type: python tests/lab/fetch.py")
    folders = dest.absolute().glob("tools/*/usr/lib/*/")
    return program, ":".join(str(folder) for folder in sorted(folders))


class MissingLibrary(LookupError):
    """The lab lacks a library; the message says what to type."""


def _find(dest: Path, pattern: str) -> Path | None:
    return max(dest.glob(pattern), default=None)


def paths(dest: Path = DEFAULT_DEST) -> dict[str, Path]:
    """Return the absolute path of each library by its short name.

    Raises:
        MissingLibrary: the lab is not filled.
    """
    found = {name: _find(dest.absolute(), library.pattern) for name, library in LIBRARIES.items()}
    # A lab for another processor says which libraries are not made for it.
    lacks = dest / "lacks.txt"
    lacking = lacks.read_text().split() if lacks.exists() else []
    missing = [name for name, path in found.items() if path is None and name not in lacking]
    if missing:
        raise MissingLibrary(
            f"{', '.join(missing)} not found in {dest}; type: python tests/lab/fetch.py --force"
        )
    return {name: path for name, path in found.items() if path is not None}


def preloads(dest: Path = DEFAULT_DEST) -> dict[str, list[Path]]:
    """Return, by short name, the paths of what must be loaded before each library."""
    return {
        name: [path for pattern in library.preloads if (path := _find(dest.absolute(), pattern))]
        for name, library in LIBRARIES.items()
    }


def load(name: str, dest: Path = DEFAULT_DEST) -> ctypes.CDLL:
    """Load a library of the lab, and first what it needs, into this process.

    Raises:
        KeyError: `name` is not one of `LIBRARIES`.
        MissingLibrary: the lab is not filled.
        OSError: the loader refuses it.
    """
    path = paths(dest)[name]
    for needed in preloads(dest)[name]:
        ctypes.CDLL(str(needed))
    return ctypes.CDLL(str(path))
