"""The demo's meter: which threads worked, and how much."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from poolkeeper.demo import meter
from poolkeeper.demo.meter import ThreadMeter, wait_until_quiet
from poolkeeper.demo.os_threads import read_threads


def burn(seconds: float = 0.05) -> None:
    """Use that much CPU time in this thread; hashlib lets go of the GIL."""
    data = bytes(1 << 18)
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        hashlib.sha256(data).digest()


def work(pool: ThreadPoolExecutor, threads: int) -> set[int]:
    """Burn CPU time in that many different threads of ``pool``; return their ids."""
    everyone_is_here = threading.Barrier(threads)

    def one() -> int:
        everyone_is_here.wait(timeout=60)
        burn()
        return threading.get_native_id()

    futures = [pool.submit(one) for _ in range(threads)]
    return {future.result() for future in futures}


def test_meter_counts_threads_that_work_now_and_not_those_that_worked_before() -> None:
    with ThreadPoolExecutor(5) as pool:
        work(pool, 5)
        assert wait_until_quiet(timeout=60)
        with ThreadMeter() as measured:
            work(pool, 3)
    assert measured.usage.threads_used == 3
    assert measured.usage.cpu_seconds >= 3 * 0.05
    # The three, and this thread before it waits; the two idle ones never.
    assert measured.usage.peak_runnable in (1, 2, 3, 4)


def test_meter_counts_threads_that_begin_inside_the_block() -> None:
    with ThreadPoolExecutor(2) as pool, ThreadMeter() as measured:
        work(pool, 2)
    assert measured.usage.threads_used == 2


def test_meter_counts_the_calling_thread_and_not_the_ignored_ones() -> None:
    with ThreadPoolExecutor(3) as pool:
        ignored = work(pool, 3)
        with ThreadMeter(ignore=ignored) as measured:
            work(pool, 3)
            burn(0.01)
    assert measured.usage.threads_used == 1
    assert measured.usage.cpu_seconds < 3 * 0.05


def test_meter_takes_no_time_of_its_own_after_the_block_from_the_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = meter.read_threads

    def read_slowly() -> list[meter.ThreadReading] | None:
        burn(0.1)
        return read()

    monkeypatch.setattr(meter, "read_threads", read_slowly)
    with ThreadMeter() as measured:
        burn(0.3)
    assert measured.usage.cpu_seconds >= 0.3


def test_meter_goes_on_looking_when_a_sample_had_to_wait_for_a_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, enough, samples = meter.read_threads, threading.Event(), []

    def read_late() -> list[meter.ThreadReading] | None:
        time.sleep(0.5)
        samples.append(1)
        if len(samples) == 3:
            enough.set()
        return read()

    monkeypatch.setattr(meter, "read_threads", read_late)
    with ThreadMeter():
        # Before the block, and two in it; 50 times the half second would be too long.
        assert enough.wait(timeout=20)


def test_meter_says_unknown_where_nothing_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "read_threads", lambda: None)
    with ThreadMeter() as measured:
        pass
    assert measured.usage.threads_used is None
    assert measured.usage.peak_runnable is None
    assert wait_until_quiet() is False


def test_meter_ends_and_passes_errors_on() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="from the work"), ThreadMeter():
        raise ValueError("from the work")
    assert threading.active_count() == before


def test_a_spinning_thread_is_not_quiet() -> None:
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            burn(0.01)

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        assert wait_until_quiet(timeout=0.2) is False
        assert wait_until_quiet(ignore={spinner.native_id or 0}, timeout=60) is True
    finally:
        stop.set()
        spinner.join()


# --- what the operating system says


def _task(folder: Path, thread_id: int, stat: str, schedstat: str | None) -> None:
    task = folder / str(thread_id)
    task.mkdir()
    (task / "stat").write_text(stat)
    if schedstat is not None:
        (task / "schedstat").write_text(schedstat)


def _stat(thread_id: int, name: str, state: str, utime: int, stime: int, start: int) -> str:
    before, between = "1 1 1 0 -1 64 9 0 0 0", "0 0 20 0 3 0"
    return f"{thread_id} ({name}) {state} {before} {utime} {stime} {between} {start} 7\n"


def test_threads_are_read_from_well_formed_and_malformed_files(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    _task(tmp_path, 11, _stat(11, "python", "R", 0, 0, 500), "1500000000 7 3\n")
    _task(tmp_path, 12, _stat(12, "a) S (b", "R", 2 * ticks, ticks, 501), None)
    _task(tmp_path, 13, _stat(13, "idle", "S", ticks, 0, 502), "not a number\n")
    _task(tmp_path, 14, "14 (cut short) R 1", None)
    _task(tmp_path, 15, "", None)
    (tmp_path / "16").mkdir()  # ended between the listing and the reading
    (tmp_path / "README").write_text("not a thread")

    readings = read_threads(str(tmp_path))

    assert readings is not None
    expected = [(11, 500, 1.5, True), (12, 501, 3.0, True), (13, 502, 1.0, False)]
    assert sorted(readings) == expected
    assert read_threads(str(tmp_path / "absent")) is None  # unknown
