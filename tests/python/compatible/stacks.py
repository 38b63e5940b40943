"""The two implementations, and the libraries that both look at in one process.

A stack is a name for what a process has loaded: Python packages, libraries of the
lab, poseurs of tests/native, controllers that users wrote.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import scenario

#: The real one first: it shows that a test is right before ours is tried.
IMPLEMENTATIONS = ("threadpoolctl", "poolkeeper")
BOTH = {"threadpoolctl": "threadpoolctl", "poolkeeper": "poolkeeper.threadpoolctl"}
TOY_SOURCE = """
static int threads = 6;
static int sets = 0;
int toy_get_num_threads(void) { return threads; }
void toy_set_num_threads(int n) { threads = n; sets++; }
int toy_sets(void) { return sets; }
const char *toy_version(void) { return "1.5"; }
"""
TOY_START = 6  # threads


def implementation(name: str) -> ModuleType:
    """Return the module of one of `IMPLEMENTATIONS`."""
    return importlib.import_module(BOTH[name])


def implementations() -> dict[str, ModuleType]:
    """Return both modules by name."""
    return {name: implementation(name) for name in IMPLEMENTATIONS}


def build_toy(folder: str | Path, name: str = "libtoy.so") -> Path:
    """Compile a library with a thread count in the folder; return its file."""
    file = Path(folder) / name
    source = file.with_suffix(".c")
    source.write_text(TOY_SOURCE)
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(file), str(source)], check=True)
    return file


def toy_controller(module: ModuleType, **changes: Any) -> type:
    """Return a controller class of the toy library, with some attributes changed."""

    def get_version(self: Any) -> str:
        self.dynlib.toy_version.restype = ctypes.c_char_p
        return str(self.dynlib.toy_version().decode())

    attributes: dict[str, Any] = {
        "user_api": "toy",
        "internal_api": "toylib",
        "filename_prefixes": ("libtoy",),
        "get_num_threads": lambda self: self.dynlib.toy_get_num_threads(),
        "set_num_threads": lambda self, threads: self.dynlib.toy_set_num_threads(threads),
        "get_version": get_version,
    }
    return type("ToyController", (module.LibController,), {**attributes, **changes})


def add_users_controller(folder: str) -> None:
    """Load the toy library, and register a controller of it with both."""
    ctypes.CDLL(str(build_toy(folder)))
    for module in implementations().values():

        def set_additional_attributes(self: Any) -> None:
            self.colour = "red"

        extra = {"set_additional_attributes": set_additional_attributes}
        module.register(toy_controller(module, **extra))


def _packages(*names: str) -> Callable[[], None]:
    def load() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in names:
                importlib.import_module(name)

    return load


def _scipy_io() -> None:
    _packages("scipy.io._fast_matrix_market._fmm_core")()
    # scipy registers a controller of its own, with threadpoolctl alone.
    theirs, ours = implementations().values()
    for controller in theirs._ALL_CONTROLLERS[5:]:
        ours.register(controller)


def _libraries(*names: str, **environment: str) -> Callable[[], None]:
    def load() -> None:
        os.environ.update(environment)
        for name in names:
            library = scenario.load(name)
            if name == "mkl_rt":
                # mkl_rt loads what it consists of when it is first called.
                library.MKL_Get_Max_Threads()

    return load


def _mkl(layer: str) -> Callable[[], None]:
    def load() -> None:
        if layer == "TBB":
            ctypes.CDLL(str(scenario.path_of("mkl_rt").with_name("libtbb.so.12")))
        _libraries("mkl_rt", MKL_THREADING_LAYER=layer)()

    return load


def _flexiblas_on_the_fake() -> None:
    library = scenario.flexiblas()
    library.flexiblas_switch(library.flexiblas_load_backend(b"OPENBLASPTHREAD"))


STACKS: dict[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "numpy": _packages("numpy"),
    "scipy": _packages("scipy.linalg"),
    "scipy.io": _scipy_io,
    "scikit-learn": _packages("sklearn.cluster"),
    "mdtraj": _packages("mdtraj"),
    "all packages": _packages("mdtraj", "numpy", "scipy.linalg", "sklearn.cluster"),
    "MKL": _mkl("INTEL"),
    "MKL on libgomp": _mkl("GNU"),
    "MKL on TBB": _mkl("TBB"),
    "MKL, sequential": _mkl("SEQUENTIAL"),
    "MKL, static": _libraries("mkl-static"),
    "BLIS of PyPI": _libraries("blis-pypi"),
    "BLIS on OpenMP": _libraries("blis-openmp"),
    "BLIS on pthreads": _libraries("blis-pthread"),
    "OpenBLAS on pthreads": _libraries("openblas-pthread"),
    "OpenBLAS on OpenMP": _libraries("openblas-openmp"),
    "OpenBLAS, serial": _libraries("openblas-serial"),
    "OpenBLAS, 64 bit": _libraries("openblas64-pthread"),
    "three OpenBLAS": _libraries("openblas-pthread", "openblas-openmp", "openblas-serial"),
    "OpenBLAS with affixes": _libraries("openblas-fake-scipy64_", "openblas-fake-_64"),
    "libomp": _libraries("libomp"),
    "libiomp5": _libraries("libiomp5"),
    "FlexiBLAS": lambda: scenario.flexiblas() and None,
    "FlexiBLAS on OpenBLAS": _flexiblas_on_the_fake,
    "poseurs": _libraries("openblas-liar", "mkl-liar", "gomp-liar"),
    "needs OpenBLAS": _libraries("needs-openblas"),
}
