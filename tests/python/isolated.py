"""One process per test: thread counts are global state, and a loaded library stays.

`in_own_process` runs a test's body in a fresh interpreter, with warnings as
errors; anything on its standard error fails the test, so that an "Exception
ignored" can't hide. Started as a program, this file is that interpreter's side.
"""

from __future__ import annotations

import faulthandler
import functools
import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Seconds; a deadlock ends here, nothing else does. A translated processor is slow.
TIMEOUT = float(os.environ.get("POOLKEEPER_TEST_TIMEOUT", "60"))
# What would change a runtime's own counts.
DECIDING = ("OMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "KMP_", "GOMP_", "FLEXIBLAS")
# What would change how text looks.
LOOKS = ("COLUMNS", "NO_COLOR", "TERM")


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without thread settings, with `changes`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(DECIDING) and name not in LOOKS
    }
    return {**kept, "PYTHONPATH": str(HERE), **changes}


def run(
    command: list[str], env: dict[str, str] | None = None, timeout: float = TIMEOUT, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command in a clean environment changed by `env`."""
    return subprocess.run(
        command, env=environment(**env or {}), timeout=timeout,
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


def run_or_show_stacks(
    command: list[str], env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter of :func:`main`; one that hangs tells where each thread stands."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(**env or {}), text=True, **pipes) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # see main
            try:
                out, err = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:  # a child of its own has the pipe
                process.kill()
                raise
            err = f"it hung for {TIMEOUT} s\n{err}"
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def run_python(
    code: str, *flags: str, env: dict[str, str] | None = None, timeout: float = TIMEOUT
) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter and require exit code 0."""
    done = run([sys.executable, *flags, "-c", code], env, timeout)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def in_own_process(
    test: Callable[..., None] | None = None, *, env: dict[str, str] | None = None
) -> Any:
    """Decorate a test: its body runs in an interpreter of its own.

    Its arguments must be JSON.
    """
    if test is None:
        return functools.partial(in_own_process, env=env)

    @functools.wraps(test)
    def isolated(**arguments: Any) -> None:
        __tracebackhide__ = True  # the child's is the one to read
        command = [sys.executable, "-W", "error", __file__, test.__module__, test.__name__]
        done = run_or_show_stacks([*command, json.dumps(arguments)], env)
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.stderr == "", f"on standard error:\n{done.stderr}"

    return isolated


def main(module: str, name: str, arguments: str) -> int:
    """Run the body of one test; show the variables where it fails, the stacks where it hangs."""
    faulthandler.enable()  # prints the stacks on SIGABRT
    body = inspect.unwrap(getattr(importlib.import_module(module), name))
    try:
        body(**json.loads(arguments))
    except Exception as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        print("".join(shown.format()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
