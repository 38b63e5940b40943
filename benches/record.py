#!/usr/bin/env python3
"""What `poolkeeper record` itself costs: CPU time while it watches a program.

    python benches/record.py                  # 300 threads at 20 and 100 looks a second
    python benches/record.py --threads 1000 --hz 100
    python benches/record.py --binary target/release/poolkeeper

The program has two threads that work and others that sleep, and each sleeper wakes
for a moment every second. Each number is the difference between a long recording
and a short one, so that what the recorder needs to begin and to write is left out.
The build counts: `make bench` makes the wheel optimised, `make quick` doesn't.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHORT, LONG = 2, 12  # seconds
TARGET = """
import sys, threading, time
def sleep():
    while True:
        time.sleep(1)
def work():
    while True:
        sum(range(1000))
for number in range(int(sys.argv[1])):
    target = work if number < 2 else sleep
    threading.Thread(target=target, daemon=True).start()
print("ready", flush=True)
time.sleep(100_000)
"""
#: Looks a second, and what they may cost of a CPU with 300 threads.
CEILINGS = {20: 0.01, 100: 0.03}


@contextmanager
def target(threads: int) -> Iterator[int]:
    """A program with so many threads beside its main thread; its process's number."""
    command = [sys.executable, "-c", TARGET, str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def cpu_seconds(recorder: list[str], pid: int, hz: int, seconds: int) -> float:
    """CPU time of one recording, its beginning and end included."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--pid", str(pid), "--hz", str(hz), "--seconds", str(seconds)]
        file = str(Path(folder, "r.json"))
        command = [*recorder, "record", *options, "-o", file]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{command} failed"
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", help="the command to measure (default: this Python's)")
    parser.add_argument("--threads", type=int, default=300)
    parser.add_argument("--hz", type=int, action="append", metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    recorder = [options.binary] if options.binary else [sys.executable, "-m", "poolkeeper"]
    print(f"{options.threads} threads, two of which work; {options.rounds} rounds")
    with target(options.threads) as pid:
        for hz in options.hz or list(CEILINGS):
            shares = []
            for _ in range(options.rounds):
                short, long = (cpu_seconds(recorder, pid, hz, time) for time in (SHORT, LONG))
                shares.append((long - short) / (LONG - SHORT))
            shown = ", ".join(f"{100 * share:.2f}" for share in sorted(shares))
            ceiling = CEILINGS.get(hz) if options.threads == 300 else None
            goal = f"; goal: at most {100 * ceiling:g} %" if ceiling else ""
            median = 100 * statistics.median(shares)
            print(f"{hz:4} looks a second: {median:.2f} % of a CPU ({shown}){goal}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
