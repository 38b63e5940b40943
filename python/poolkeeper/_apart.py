"""Imports in a child process: if an import ends that process, this one can report it.

OpenBLAS, for one, interrupts or ends a process in which it can't start its threads.
The command forks before it imports anything. The child does all the work of the
command. The parent waits, and reports how the child ended if it ended too early.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import traceback

#: The child's end of the pipe by which it says how far it is; none in the parent.
_telling: int | None = None

#: How many of the last lines of the child's standard error are shown, and their length.
_LINES, _LONGEST = 8, 200
#: Seconds for which standard error is read after the child has ended: a process that
#: the child left behind may keep it open.
_REST = 1.0

#: The child's last step: it came to the end, or what it ran was interrupted.
_DONE, _INTERRUPTED = "done", "interrupted"


def go() -> tuple[int | None, str, list[str]] | None:
    """Fork, and go on in the child.

    Returns
    -------
    tuple or None
        None in the child, and where there is no child because this process has
        threads or the system can't fork. In the parent, when the child has ended: its
        exit code if it did all its work, or else None; how it ended; its last words.
    """
    global _telling
    if not _is_alone():
        return None
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    told, telling = os.pipe()
    errors, error = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.close(errors)
        os.dup2(error, 2)
        os.close(error)
        # OpenBLAS sends itself this signal; one from the terminal reaches the parent too.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        _telling = telling
        return None
    os.close(telling)
    os.close(error)
    return _wait(child, told, errors)


def doing(what: str) -> None:
    """Tell the parent which step comes next."""
    if _telling is not None:
        os.write(_telling, what.replace("\n", " ").encode(errors="surrogateescape") + b"\n")


def finish(code: int, stop: BaseException | None) -> None:
    """End this process, if it is the child: with its exit code, or interrupted by `stop`."""
    if _telling is None:
        return
    if stop is not None:
        traceback.print_exception(stop)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # its reader has gone; it was closed
            if stream is not None:
                stream.flush()
    doing(_DONE if stop is None else _INTERRUPTED)
    os._exit(code)


def _is_alone() -> bool:
    """Whether a fork copies the whole process: it has no other thread."""
    try:
        return hasattr(os, "fork") and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _wait(child: int, told: int, errors: int) -> tuple[int | None, str, list[str]]:
    """Pass on the child's standard error until the child ends, and pass signals to it."""
    came: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        came.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    mine = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in mine}
    try:
        steps, said, status = _follow(child, told, errors)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        os.kill(os.getpid(), came[-1])  # as if it had come to this process alone
    code = os.waitstatus_to_exitcode(status)
    steps = [step for step in steps if step]
    if steps and steps[-1] == _DONE:
        return code, "", []
    if steps and steps[-1] == _INTERRUPTED:
        # The child has printed where it was interrupted. A shell should see an
        # interrupt, not an exit code.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    what = steps[-1] if steps else "the command"
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    return None, f"{what} {_end(code)}", [line[:_LONGEST] for line in lines[-_LINES:]]


def _follow(child: int, told: int, errors: int) -> tuple[list[str], bytes, int]:
    """Read both pipes until the child has ended; return its steps, its output, its status."""
    steps, said = b"", b""
    is_open = {told, errors}
    status = None
    until = float("inf")
    while is_open and time.monotonic() < until:
        ready, _, _ = select.select(list(is_open), [], [], 0.05)
        for pipe in ready:
            data = os.read(pipe, 65536)
            if not data:
                is_open.discard(pipe)
            elif pipe == told:
                steps += data
            else:
                said = (said + data)[-_LINES * _LONGEST * 2 :]
                _write(data)
        if status is None:
            ended, found = os.waitpid(child, os.WNOHANG)
            if ended:
                status, until = found, time.monotonic() + _REST
    os.close(told)
    os.close(errors)
    if status is None:
        _, status = os.waitpid(child, 0)
    return steps.decode(errors="replace").split("\n"), said, status


def _write(data: bytes) -> None:
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:  # nobody reads it: the child must not wait for that
        pass


def _end(code: int) -> str:
    """How a process ended."""
    if code >= 0:
        return f"ended the process, with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"ended the process, by {name} ({signal.strsignal(-code) or name})"
