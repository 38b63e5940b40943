#!/usr/bin/env python3
"""What the live screen of `poolkeeper top` costs: CPU time while it is shown.

    python benches/top.py                  # one program with 300 threads, and everybody's
    python benches/top.py --threads 1000
    python benches/top.py --binary target/release/poolkeeper

The program is that of `record.py`: two threads work, and the others wake for a moment
every second. The screen has 80 columns and 24 rows, on a terminal of its own. Each
number is the difference between a long time and a short one, so that the beginning is
left out. The build counts: `make bench` makes the wheel optimised.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import signal
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time

from record import target

SHORT, LONG = 3, 13  # seconds


def cpu_seconds(command: list[str], seconds: int) -> float:
    """CPU time of the live screen, shown for so long, its beginning included."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        command, stdin=side, stdout=side, stderr=side, env={**os.environ, "TERM": "xterm"}
    )
    os.close(side)
    drawn = threading.Thread(target=drain, args=(main,), daemon=True)
    drawn.start()
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    drawn.join()
    os.close(main)
    assert process.returncode == 0, process.returncode
    return used.ru_utime + used.ru_stime


def drain(terminal: int) -> None:
    """Read what is drawn, until nobody can draw any more."""
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # EIO: the other side is closed
        pass


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=300)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--binary", help="the command; default: that of this Python's package")
    options = parser.parse_args()
    command = [options.binary] if options.binary else [sys.executable, "-m", "poolkeeper"]
    with target(options.threads) as pid:
        for name, words in [(f"{options.threads} threads", [str(pid)]), ("all", ["--all"])]:
            costs = []
            for _ in range(options.repeat):
                long, short = (cpu_seconds([*command, "top", *words], s) for s in (LONG, SHORT))
                costs.append((long - short) / (LONG - SHORT))
            print(f"{name}: {100 * statistics.median(costs):.2f} % of a CPU", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
