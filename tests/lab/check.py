#!/usr/bin/env python3
"""Load each library of the lab in a process of its own, try it, and say what it answers.

    python tests/lab/check.py               # all
    python tests/lab/check.py mkl_rt        # one

Exit code 1 if a library does not load, or gives a wrong product of matrices.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable

import libraries

ORDER = 64  # of the matrices multiplied
ROW_MAJOR, NO_TRANSPOSE = 101, 111


def product_is_right(library: ctypes.CDLL, integer: type = ctypes.c_int) -> bool:
    """Call the library's cblas_dgemm on constant matrices; `integer` is its BLAS integer."""
    size = ORDER * ORDER
    ones = (ctypes.c_double * size)(*[1.0] * size)
    twos = (ctypes.c_double * size)(*[2.0] * size)
    product = (ctypes.c_double * size)()
    order, one, zero = integer(ORDER), ctypes.c_double(1), ctypes.c_double(0)
    library.cblas_dgemm.restype = None
    library.cblas_dgemm(
        ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, order, order, order,
        one, ones, order, twos, order, zero, product, order,
    )  # fmt: skip
    return list(product) == [2.0 * ORDER] * size


def openblas(library: ctypes.CDLL) -> tuple[bool, str]:
    library.openblas_get_config.restype = ctypes.c_char_p
    config = library.openblas_get_config().decode()
    integer = ctypes.c_int64 if "USE64BITINT" in config else ctypes.c_int
    return product_is_right(library, integer), f"{library.openblas_get_num_threads()}, {config}"


def blis(library: ctypes.CDLL) -> tuple[bool, str]:
    library.bli_info_get_version_str.restype = ctypes.c_char_p
    library.bli_thread_get_num_threads.restype = ctypes.c_int64
    version = library.bli_info_get_version_str().decode()
    threading = bool(library.bli_info_get_enable_threading())
    answer = f"{library.bli_thread_get_num_threads()}, BLIS {version}, threading: {threading}"
    # Only Debian's builds have the CBLAS interface with plain names.
    return not hasattr(library, "cblas_dgemm") or product_is_right(library), answer


def openmp(library: ctypes.CDLL) -> tuple[bool, str]:
    threads = library.omp_get_max_threads()
    return threads >= 1 and hasattr(library, "__kmpc_fork_call"), str(threads)


def mkl(library: ctypes.CDLL) -> tuple[bool, str]:
    version = ctypes.create_string_buffer(198)
    library.MKL_Get_Version_String.restype = None
    library.MKL_Get_Version_String(version, len(version))
    answer = f"{library.MKL_Get_Max_Threads()}, {version.value.decode().strip()}"
    return product_is_right(library), answer


def vips(library: ctypes.CDLL) -> tuple[bool, str]:
    library.vips_version_string.restype = ctypes.c_char_p
    right = library.vips_init(b"check.py") == 0
    threads = library.vips_concurrency_get()
    return right and threads >= 1, f"{threads}, libvips {library.vips_version_string().decode()}"


def tbb(library: ctypes.CDLL) -> tuple[bool, str]:
    library.TBB_runtime_version.restype = ctypes.c_char_p
    max_allowed_parallelism = 0  # a parameter of tbb::global_control
    threads = library._ZN3tbb6detail2r127global_control_active_valueEi(max_allowed_parallelism)
    return threads >= 1, f"{threads}, oneTBB {library.TBB_runtime_version().decode()}"


def opencv(library: ctypes.CDLL) -> tuple[bool, str]:
    library._ZN2cv13setNumThreadsEi(2)
    threads = library._ZN2cv13getNumThreadsEv()
    return threads == 2, f"{threads} as told, OpenCV"


def trial(name: str) -> Callable[[ctypes.CDLL], tuple[bool, str]]:
    """Return the function that tries the library of this short name."""
    trials = (
        ("openblas", openblas), ("blis", blis), ("mkl", mkl), ("vips", vips), ("tbb", tbb),
        ("opencv", opencv),
    )  # fmt: skip
    return next((function for prefix, function in trials if name.startswith(prefix)), openmp)


def check_here(name: str) -> int:
    right, answer = trial(name)(libraries.load(name))
    print(f"{name}: {'ok' if right else 'WRONG RESULT'}: threads {answer}")
    return 0 if right else 1


def main(names: list[str]) -> int:
    if len(names) == 2 and names[0] == "--here":
        return check_here(names[1])
    unknown = [name for name in names if name not in libraries.LIBRARIES]
    if unknown:
        print(
            f"check.py: unknown library '{unknown[0]}'; known are: "
            + ", ".join(libraries.LIBRARIES),
            file=sys.stderr,
        )
        return 2
    failed = [
        name
        for name in names or libraries.LIBRARIES
        if subprocess.run([sys.executable, __file__, "--here", name], check=False).returncode
    ]
    if failed:
        print(f"check.py: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
