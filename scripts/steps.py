"""Run a command as one step: one line when it is done, its output only if it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME_WIDTH = 48
LINES_SHOWN = 60


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit code, its output and its wall time."""

    code: int
    output: str
    seconds: float


def run(
    command: Sequence[str | Path],
    log: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Finished:
    """Run a command in the repository's root, its output going to the file `log`.

    `timeout` is in seconds; past it, the command and its children are ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    code, remark = 0, ""
    with log.open("wb") as output:
        try:
            # A session of its own, so that its children can be ended with it.
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env=dict(environment or os.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            code, remark = 127, f"{command[0]}: {error.strerror}\n"
        else:
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                code, remark = 124, f"\nended: it took more than {timeout:.0f} s\n"
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
    return Finished(code, log.read_text(errors="replace") + remark, time.monotonic() - begin)


def announce(name: str) -> None:
    """Show, on a terminal, what is going on."""
    if sys.stdout.isatty():
        print(f"      {name} ...", end="", flush=True)


def conclude(word: str, name: str, seconds: float, remark: str = "") -> None:
    """Print the one line of a finished step."""
    begin = "\r\033[K" if sys.stdout.isatty() else ""
    line = f"{word:<5} {name:<{NAME_WIDTH}}{seconds:7.1f} s"
    print(begin + (f"{line}  {remark}" if remark else line), flush=True)


def show(output: str, log: Path) -> None:
    """Print the end of a failed step's output."""
    lines = output.rstrip().splitlines()
    if len(lines) > LINES_SHOWN:
        print(f"      [... the first lines are in {relative(log)}]")
    for line in lines[-LINES_SHOWN:]:
        print(f"      {line}")
    sys.stdout.flush()


def relative(path: Path) -> Path:
    """The path as a user in the repository's root would write it."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
