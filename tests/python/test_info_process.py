"""``poolkeeper info --pid``: another process, its pools, its threads and its budget."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from isolated import environment, run

INFO = [sys.executable, "-m", "poolkeeper", "info"]

#: Answers each line of code with its result, and its own pools.
SERVER = """
import json, sys, threading
import poolkeeper, scenario
names = {"poolkeeper": poolkeeper, "scenario": scenario, "threading": threading}
print("ready", flush=True)
for line in sys.stdin:
    exec(json.loads(line), names)
    print(json.dumps(poolkeeper.pools().to_dict()), flush=True)
"""
#: Numbers that are told without a call, by what is loaded.
TOLD = {
    "openblas-pthread": {"openblas": 3},
    "openblas64-pthread": {"openblas": 3},
    "openblas-openmp": {"openblas": 3, "libgomp": 3},
    "openblas-serial": {"openblas": 1},
    "openblas-fake-gnu": {"openblas": 3},
    "openblas-fake-sysv": {"openblas": 3},
    "blis-openmp": {"libgomp": 3},
    "vips": {"vips": 3},
}
#: Libraries whose numbers are told by a call alone.
NOT_TOLD = ("blis-pthread", "libomp", "libiomp5", "tbb", "mkl_rt", "blis-pypi")


class Target:
    """A program that does what it is told."""

    def __init__(self, *before: str, **changes: str) -> None:
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(**changes),
        )  # fmt: skip
        assert self.read() == "ready"

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def does(self, code: str) -> list[dict[str, Any]]:
        """Execute code in it; its pools as it sees them itself."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        pools: list[dict[str, Any]] = json.loads(self.read())
        return pools

    @property
    def pid(self) -> int:
        return self.process.pid


@contextmanager
def target(*before: str, **changes: str) -> Iterator[Target]:
    started = Target(*before, **changes)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.communicate()


def seen(pid: int, code: int = 0) -> dict[str, Any]:
    done = run([*INFO, "--pid", str(pid), "--json"])
    assert done.returncode == code, done.stderr
    process: dict[str, Any] = json.loads(done.stdout)
    return process


def numbers(pools: list[dict[str, Any]]) -> dict[str, int | None]:
    return {pool["runtime"]: pool["num_threads"] for pool in pools}


def named(pools: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """What tells a pool, and what is the same whoever looks."""
    fields = ("runtime", "filepath", "level", "reach", "prefix", "user_api", "internal_api")
    return {tuple(pool[field] for field in fields) for pool in pools}


@pytest.mark.parametrize("library", [*TOLD, *NOT_TOLD])
def test_the_pools_are_those_that_the_process_sees_itself(library: str) -> None:
    with target() as there:
        there.does(f"loaded = scenario.load({library!r})")
        if library == "vips":
            there.does("assert loaded.vips_init(b'x') == 0")
        own = there.does("poolkeeper.set_limit(3)")
        others = seen(there.pid)["pools"]
        assert named(others) == named(own)
        told = {name: number for name, number in numbers(others).items() if number is not None}
        assert told == TOLD.get(library, {})
        versions = {pool["runtime"]: pool["version"] for pool in own}
        for pool in others:
            assert pool["version"] in (None, versions[pool["runtime"]])
            assert pool["runtime"] != "openblas" or pool["version"]


def test_lightgbms_maximum_is_read() -> None:
    from scenario import libraries

    file = next((libraries.PACKAGES / "lightgbm/lib").glob("lib_lightgbm.so"))
    with target() as there:
        there.does(f"import ctypes; kept = ctypes.CDLL({str(file)!r})")
        assert numbers(seen(there.pid)["pools"])["lightgbm"] is None
        there.does("poolkeeper.set_limit(openmp=2)")
        assert numbers(seen(there.pid)["pools"])["lightgbm"] == 2


@pytest.mark.parametrize("runtime", ["duckdb", "numexpr", "opencv", "onnxruntime"])
def test_threads_of_a_pool_that_no_limit_reaches_are_counted(runtime: str) -> None:
    with target() as there:
        own = there.does(f"import test_own_number; kept = test_own_number._start({runtime!r})")
        own = there.does("")
        others = seen(there.pid)["pools"]
        assert named(others) == named(own)
        number = {name: count for name, count in numbers(own).items() if name == runtime}
        assert number.items() <= numbers(others).items()
        assert number


def test_a_limit_that_the_process_sets_is_seen_outside() -> None:
    with target() as there:
        there.does("import numpy, scipy.linalg, sklearn.cluster, poolkeeper.cluster")
        for blas, openmp in [(1, 2), (4, 1), (2, 3)]:
            own = there.does(f"poolkeeper.set_limit(blas={blas}, openmp={openmp})")
            found = numbers(seen(there.pid)["pools"])
            assert found["openblas"] == blas
            assert found["libgomp"] == found["kmeans"] == openmp
            assert numbers(own) == {**numbers(own), **{k: v for k, v in found.items() if v}}
        # Another thread's own number is not the main thread's.
        own = there.does(
            "def work(): poolkeeper.set_limit(openmp=7)\n"
            "thread = threading.Thread(target=work); thread.start(); thread.join()"
        )
        assert numbers(own)["libgomp"] == 3
        assert numbers(seen(there.pid)["pools"])["libgomp"] == 3


def test_a_variable_decides_what_nobody_has_set() -> None:
    with target(OMP_NUM_THREADS="5") as there:
        there.does("import sklearn.cluster")
        assert numbers(seen(there.pid)["pools"])["libgomp"] == 5


def test_threads_have_owners() -> None:
    with target() as there:
        there.does("scenario.load('openblas-pthread'); poolkeeper.set_limit(4)")
        there.does(
            "wait = threading.Event()\n"
            "for _ in range(3): threading.Thread(target=wait.wait, daemon=True).start()"
        )
        process = seen(there.pid)
        threads = {one["runtime"] or one["owner"]: one["threads"] for one in process["threads"]}
        assert threads["main"] == 1
        assert threads["openblas"] == 3
        assert sum(threads.values()) == 1 + 3 + 3
        # OpenBLAS's new threads run in circles for a while before they sleep.
        end = time.monotonic() + 20
        while sum(one["runnable"] for one in process["threads"]) > 1:
            assert time.monotonic() < end, process
            process = seen(there.pid)
        text = run([*INFO, "--pid", str(there.pid)]).stdout
        assert f"process {there.pid}: " in text
        assert " CPU" in text
        assert "threads of" in text
        assert "main thread" in text


def test_the_budget_is_the_targets() -> None:
    with target(POOLKEEPER_CPUS="1") as there:
        budget = seen(there.pid)["budget"]
        assert budget["cpus"] == 1
        deciding = next(one for one in budget["sources"] if one["status"] == "decides")
        assert deciding["place"] == "POOLKEEPER_CPUS"
    with target() as there:
        os.sched_setaffinity(there.pid, {min(os.sched_getaffinity(0))})
        assert seen(there.pid)["budget"]["cpus"] == 1


def test_a_process_in_a_namespace_of_its_own_is_seen() -> None:
    with target("unshare", "-Urpf") as there:
        children = Path(f"/proc/{there.pid}/task/{there.pid}/children").read_text().split()
        assert len(children) == 1
        there.does("scenario.load('openblas-openmp'); scenario.load('openblas-pthread')")
        there.does("poolkeeper.set_limit(openmp=3, blas=2)")
        process = seen(int(children[0]))
        assert numbers(process["pools"])["libgomp"] == 3
        owners = {one["runtime"] or one["owner"] for one in process["threads"]}
        assert owners >= {"main", "openblas"}


def test_a_library_that_is_gone_from_its_place_is_seen(tmp_path: Path) -> None:
    import scenario

    copy = tmp_path / "libopenblas_copy.so"
    copy.write_bytes(scenario.path_of("openblas-fake-gnu").read_bytes())
    with target() as there:
        there.does(f"import ctypes; ctypes.CDLL({str(copy)!r})")
        copy.unlink()
        found = seen(there.pid)["pools"]
        assert [(pool["runtime"], pool["filepath"]) for pool in found] == [("openblas", str(copy))]


def test_a_file_that_is_mapped_as_data_is_no_pool() -> None:
    import scenario

    path = str(scenario.path_of("openblas-fake-gnu"))
    with target() as there:
        there.does(
            f"import mmap; file = open({path!r}, 'rb')\n"
            "kept = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)"
        )
        assert seen(there.pid)["pools"] == []


def test_a_process_that_is_not_there_is_an_error() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    done = run([*INFO, "--pid", str(child.pid)])
    assert done.returncode == 1
    assert not done.stdout
    assert f"can't look at process {child.pid}: it has ended" in done.stderr
    child.wait()
    for pid in (child.pid, 2**31 - 1):
        done = run([*INFO, "--pid", str(pid), "--json"])
        assert done.returncode == 1
        assert not done.stdout
        assert f"can't look at process {pid}: No such process" in done.stderr
    for wrong in ("0", "-1", "x", "4294967296"):
        done = run([*INFO, f"--pid={wrong}"])
        assert done.returncode == 2
        assert not done.stdout
    assert run([*INFO, "--pid", "1", "-i", "numpy"]).returncode == 2


def test_what_may_not_be_seen_is_said_and_the_rest_is_shown() -> None:
    if os.getuid() == 0:
        with target() as there:
            # Imported as root: nobody else may see this folder.
            code = (
                "import os, sys, poolkeeper.__main__ as command; os.setgid(65534); "
                "os.setuid(65534); sys.exit(command.main())"
            )
            options = ["info", "--pid", str(there.pid), "--json"]
            done = run([sys.executable, "-c", code, *options])
    else:
        done = run([*INFO, "--pid", "1", "--json"])
    assert done.returncode == 1
    assert "run this as its user or as root" in done.stderr
    process = json.loads(done.stdout)
    assert process["pools"] == []
    assert process["threads"]
    assert len(process["unseen"]) == 1
    assert process["budget"]["cpus"] >= 1


def test_a_thread_of_the_kernels_is_told() -> None:
    flags = [
        (int(folder.name), int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[6]))
        for folder in Path("/proc").glob("[1-9]*")
    ]
    for pid, flag in flags[:5]:
        done = run([*INFO, "--pid", str(pid)])
        assert ("thread of the kernel's own" in done.stderr) == bool(flag & 0x0020_0000)


def test_processes_may_end_while_they_are_looked_at() -> None:
    for _ in range(8):
        with target() as there:
            looking = subprocess.Popen(
                [*INFO, "--pid", str(there.pid), "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
            )  # fmt: skip
            there.process.send_signal(signal.SIGKILL)
            out, err = looking.communicate()
        assert looking.returncode in (0, 1), err
        assert "Traceback" not in err
        assert "panicked" not in err
        assert bool(out) != ("can't look at process" in err)
