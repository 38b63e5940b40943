"""Names that are not UTF-8: of processes, of threads, of libraries."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from isolated import in_own_process

pytestmark = pytest.mark.usefixtures("lab")

#: "données", cut inside a character, as the kernel cuts a long name.
NAME = "donn\xe9es".encode()[:6]
PR_SET_NAME = 15


def _rename() -> None:
    """Give the process, and a thread that stays, a name that is not UTF-8."""
    import ctypes
    import threading

    libc = ctypes.CDLL(None)
    is_named = threading.Event()

    def stay() -> None:
        libc.prctl(PR_SET_NAME, NAME)
        is_named.set()
        threading.Event().wait()

    threading.Thread(target=stay, daemon=True).start()
    is_named.wait()
    libc.prctl(PR_SET_NAME, NAME)
    assert NAME in Path("/proc/self/status").read_bytes()


@in_own_process
def test_names_of_processes_and_threads_break_nothing() -> None:
    import numpy  # noqa: F401
    import poolkeeper

    _rename()
    assert poolkeeper.doctor().unseen == []
    assert "numpy" in poolkeeper.pools()._repr_html_()
    with poolkeeper.guard() as guard:
        assert guard.actions == []


@in_own_process
def test_a_name_hides_no_finding_of_the_systems_limits() -> None:
    import resource

    import poolkeeper._doctor
    import sklearn.cluster  # noqa: F401

    _rename()
    resource.setrlimit(resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 65534)
    codes = [finding.code for finding in poolkeeper.doctor().findings]
    assert "PK601" in codes


@in_own_process
def test_a_librarys_name_hides_no_finding() -> None:
    import ctypes
    import tempfile

    import poolkeeper
    from scenario import path_of

    folder = os.fsencode(tempfile.mkdtemp()) + b"/donn\xe9es"
    os.mkdir(folder)
    copy = folder + b"/libomp.so"
    shutil.copy(path_of("libomp"), copy)
    ctypes.CDLL(os.fsdecode(copy))
    import numpy  # noqa: F401

    (pool,) = [pool for pool in poolkeeper.pools() if pool.runtime == "openblas"]
    assert pool.num_threads is not None
    assert pool.max_threads is not None
    poolkeeper.set_limit({pool.filepath: pool.num_threads})
    poolkeeper.set_limit({os.fsdecode(copy): 2 * pool.max_threads + 1})
    report = poolkeeper.doctor()
    assert "PK101" in [finding.code for finding in report.findings]
    assert report.unseen == []
    shutil.rmtree(os.path.dirname(folder))
