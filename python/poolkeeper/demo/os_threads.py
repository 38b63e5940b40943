"""What the operating system says about each thread of this process.

Reads ``/proc/self/task`` (Linux; see proc(5)). Elsewhere the answer is
``None``: unknown, never 0.
"""

from __future__ import annotations

import os
from typing import NamedTuple

TASK_FOLDER = "/proc/self/task"


class ThreadReading(NamedTuple):
    """One thread at one moment.

    Attributes:
        thread_id: the kernel's number for the thread, which it may use again.
        start_tick: when the thread began; with ``thread_id`` it names one
            thread for good.
        cpu_seconds: CPU time that the thread has used since it began.
        runnable: it was running or ready to run (state R).
    """

    thread_id: int
    start_tick: int
    cpu_seconds: float
    runnable: bool


def read_threads(folder: str = TASK_FOLDER) -> list[ThreadReading] | None:
    """Read every thread of this process once.

    Args:
        folder: laid out like ``/proc/self/task``.

    Returns:
        One reading for each thread, or ``None`` where there is no such folder.
        A thread that ends while it is read is left out.

    Example:
        >>> readings = read_threads()
        >>> readings is None or len(readings) >= 1
        True
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    readings = (_read_thread(f"{folder}/{name}", name) for name in names if name.isdigit())
    return [reading for reading in readings if reading is not None]


def _read_thread(folder: str, name: str) -> ThreadReading | None:
    try:
        # The thread's own name is in brackets and may hold spaces and brackets.
        fields = _read(f"{folder}/stat").rpartition(b")")[2].split()
        state, ticks, start_tick = fields[0], int(fields[11]) + int(fields[12]), int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
    return ThreadReading(int(name), start_tick, _cpu_seconds(folder, ticks), state == b"R")


def _cpu_seconds(folder: str, ticks: int) -> float:
    """Prefer ``schedstat``, in nanoseconds: ``stat`` counts in ticks of 10 ms."""
    try:
        return int(_read(f"{folder}/schedstat").split()[0]) / 1e9
    except (OSError, IndexError, ValueError):
        return ticks / os.sysconf("SC_CLK_TCK")


def _read(path: str) -> bytes:
    # os.read costs a third of open(): a sampler does this for every thread.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
