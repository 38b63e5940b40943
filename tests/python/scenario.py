"""What the tests that run in a process of their own have in common."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "lab"), str(TESTS / "native")]

import build  # noqa: E402
import libraries  # noqa: E402

FAKE = "openblas-fake-gnu"
FAKE_START, FAKE_MAXIMUM = 8, 16  # threads: tests/native/fake_openblas.c


def path_of(name: str) -> Path:
    """Return the file of a library of the lab or of a fake."""
    if name in libraries.LIBRARIES:
        return libraries.paths()[name]
    return build.DEFAULT_DEST / next(lib.file for lib in build.LIBRARIES if lib.name == name)


def load(name: str) -> ctypes.CDLL:
    """Load a library of the lab, with what it needs, or a fake."""
    if name in libraries.LIBRARIES:
        return libraries.load(name)
    return ctypes.CDLL(str(path_of(name)))


def fake() -> ctypes.CDLL:
    """Load the OpenBLAS that starts with 8 threads, whatever the machine."""
    return load(FAKE)


def flexiblas() -> ctypes.CDLL:
    """Load the FlexiBLAS that knows the fake OpenBLAS as OPENBLASPTHREAD."""
    os.environ["FLEXIBLAS_TEST_OPENBLAS"] = str(path_of(FAKE))
    return load("flexiblas")


def counts() -> dict[str, int | None]:
    """Return each pool's threads by its runtime's name, one pool a runtime."""
    import poolkeeper

    pools = poolkeeper.pools()
    found = {pool.runtime: pool.num_threads for pool in pools}
    assert len(found) == len(pools), pools
    return found


def the_pool(runtime: str) -> Any:
    """Return the only pool of that runtime."""
    import poolkeeper

    (pool,) = [pool for pool in poolkeeper.pools() if pool.runtime == runtime]
    return pool


def by_name(items: Any) -> dict[str, str]:
    """Return the status of each outcome or ending by its name."""
    found = {item.name: item.status for item in items}
    assert len(found) == len(items), items
    return found


def is_mapped(path: Path) -> bool:
    """Say whether this process has that file mapped."""
    return str(path.resolve()) in Path("/proc/self/maps").read_text()


class Worker:
    """A thread that does one thing after another, each when told."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._task: str | None = f"/proc/self/task/{self(threading.get_native_id)}"

    def __call__(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return self._pool.submit(function, *arguments, **named).result(timeout=60)

    def end(self) -> None:
        """End the thread, and wait until the system no longer has it.

        Joining a Python thread waits for its Python code, not for its thread-local
        destructors.
        """
        if self._task is None:
            return
        self._pool.shutdown()
        while os.path.exists(self._task):
            os.sched_yield()
        self._task = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def in_child(function: Callable[[], Any]) -> Any:
    """Fork; call the function in the child and return its JSON result here."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(write, json.dumps(function()).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    return json.loads(answer)
