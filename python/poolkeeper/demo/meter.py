"""Count the threads that really worked while a block of code ran."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

from .os_threads import ThreadReading, read_threads

#: A thread counts as used when it ran for at least this long. Less than that is
#: a worker that woke up, found nothing to do and went back to sleep.
USED_SECONDS = 0.005

#: The pause between two samples, in seconds.
INTERVAL = 0.01

#: With many threads a sample takes longer: pause this many times its CPU time,
#: so that the sampler never takes more than 2 % of one CPU. Time that it waits for
#: a CPU does not count: it would not look while all of them work.
PAUSE_RATIO = 50


@dataclass(frozen=True)
class Usage:
    """What a block of code used.

    Attributes:
        wall_seconds: time on the clock.
        cpu_seconds: CPU time of all threads, without the ignored ones.
        threads_used: threads that ran for ``USED_SECONDS`` or more; ``None``
            where the operating system does not tell.
        peak_runnable: the most threads seen running or ready to run in one
            sample; ``None`` where the operating system does not tell.
    """

    wall_seconds: float
    cpu_seconds: float
    threads_used: int | None
    peak_runnable: int | None


class ThreadMeter:
    """Measure a ``with`` block; ``usage`` holds the answer after it.

    The meter samples from a thread of its own, which it never counts. A thread
    that begins and ends between two samples (10 ms) is not seen.

    Args:
        ignore: kernel thread numbers (``threading.get_native_id()``) that are
            not part of the work, such as a progress display.

    Example:
        >>> with ThreadMeter() as meter:
        ...     total = sum(range(1_000_000))
        >>> meter.usage.wall_seconds > 0
        True
    """

    usage: Usage

    def __init__(self, ignore: Iterable[int] = ()) -> None:
        self._ignore = set(ignore)
        self._first: dict[tuple[int, int], float] = {}
        self._last: dict[tuple[int, int], float] = {}
        self._own_cpu = 0.0
        self._peak_runnable = 0
        self._known = True
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._run, name="demo-meter", daemon=True)

    def __enter__(self) -> ThreadMeter:
        self._sampler.start()
        # The work must not begin before there is something to compare it with.
        self._ready.wait()
        self._began = (time.perf_counter(), time.process_time())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wall = time.perf_counter() - self._began[0]
        # First: what the sampler uses from here on is not taken from the block's time.
        self._stop.set()
        cpu = time.process_time() - self._began[1]
        self._sampler.join()
        self.usage = Usage(
            wall_seconds=wall,
            cpu_seconds=max(0.0, cpu - self._overhead()),
            threads_used=self._threads_used() if self._known else None,
            peak_runnable=self._peak_runnable if self._known else None,
        )

    def _run(self) -> None:
        self._sampler_id = threading.get_native_id()
        self._ignore.add(self._sampler_id)
        try:
            self._first = self._sample()
        finally:
            self._ready.set()
        own_before = time.thread_time()
        pause = INTERVAL
        while self._known and not self._stop.wait(pause):
            began = time.thread_time()
            self._last.update(self._sample())
            ended = time.thread_time()
            pause = max(INTERVAL, PAUSE_RATIO * (ended - began))
            if not self._stop.is_set():
                self._own_cpu = ended - own_before
        self._last.update(self._sample())

    def _sample(self) -> dict[tuple[int, int], float]:
        readings = read_threads()
        if readings is None:
            self._known = False
            return {}
        runnable = sum(r.runnable for r in readings if r.thread_id not in self._ignore)
        self._peak_runnable = max(self._peak_runnable, runnable)
        return {(r.thread_id, r.start_tick): r.cpu_seconds for r in readings}

    def _used_by_thread(self) -> Iterable[tuple[int, float]]:
        for thread, cpu_seconds in self._last.items():
            # A thread that the first sample did not have began during the block.
            yield thread[0], cpu_seconds - self._first.get(thread, 0.0)

    def _threads_used(self) -> int:
        return sum(
            seconds >= USED_SECONDS
            for thread_id, seconds in self._used_by_thread()
            if thread_id not in self._ignore
        )

    def _overhead(self) -> float:
        """CPU time during the block that is not the work's; of the sampler never too much."""
        ignored = self._ignore - {self._sampler_id}
        return self._own_cpu + sum(s for i, s in self._used_by_thread() if i in ignored)


def wait_until_quiet(ignore: Iterable[int] = (), timeout: float = 2.0) -> bool:
    """Wait until no other thread uses CPU time, or waits for a CPU.

    OpenMP and OpenBLAS workers spin for a while after their work is done. Left
    to spin, they would be counted in the next run.

    Args:
        ignore: kernel thread numbers that may go on working.
        timeout: seconds to wait at most (``OMP_WAIT_POLICY=active`` spins for ever).

    Returns:
        Whether it is quiet now; ``False`` also where the operating system does
        not tell.
    """
    left_out = {*ignore, threading.get_native_id()}
    deadline = time.perf_counter() + timeout
    while time.perf_counter() < deadline:
        before = read_threads()
        time.sleep(0.03)
        after = read_threads()
        if before is None or after is None:
            return False
        if _is_quiet(before, [r for r in after if r.thread_id not in left_out]):
            return True
    return False


def _is_quiet(before: list[ThreadReading], after: list[ThreadReading]) -> bool:
    used = {(r.thread_id, r.start_tick): r.cpu_seconds for r in before}
    return not any(
        r.runnable or r.cpu_seconds - used.get((r.thread_id, r.start_tick), 0.0) >= 0.001
        for r in after
    )
