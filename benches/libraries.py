#!/usr/bin/env python3
"""Which libraries a limit reaches, tried with their wheels, against threadpoolctl.

    python benches/libraries.py                 # writes docs/libraries.md: half an hour
    python benches/libraries.py --only polars   # that row alone, on the terminal

The wheels that `benches/libraries-wheels.txt` pins are installed into an environment of
their own, `.lab/libraries/` (3 GB), beside the wheel of poolkeeper in dist/release/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from library_programs import PROGRAMS, Program

ROOT = Path(__file__).resolve().parents[1]
PINNED = Path(__file__).with_name("libraries-wheels.txt")
STORE = ROOT / ".lab" / "libraries"
PAGE = ROOT / "docs" / "libraries.md"
SCRIPT = Path(__file__).with_name("library_programs.py")
TIMEOUT = 300


@dataclass(frozen=True)
class Row:
    """What came of one library."""

    program: Program
    ours: dict[str, Any]
    peers: dict[str, Any]
    run: int
    auto: int
    forks: bool
    forks_with_auto: bool


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, metavar="NAME", help="these rows")
    options = parser.parse_args()
    python = environment()
    rows = []
    for name in options.only or PROGRAMS:
        rows.append(row(python, name))
        print(line(rows[-1]), flush=True)
    if not options.only:
        PAGE.write_text(page(python, rows))
    return 0


def environment() -> Path:
    """The interpreter of an environment with the pinned wheels and ours."""
    python = STORE / "bin" / "python"
    stamp = STORE / "stamp"
    if not stamp.exists() or stamp.read_text() != PINNED.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", STORE], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", PINNED], check=True)
        stamp.write_text(PINNED.read_text())
    (wheel,) = (ROOT / "dist" / "release").glob("poolkeeper-*.whl")
    again: list[str | Path] = ["--force-reinstall", "--no-deps", wheel]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *again], check=True)
    return python


def row(python: Path, name: str) -> Row:
    def tried(mode: str, *before: str, **more: str) -> dict[str, Any]:
        return _run([*before, str(python), str(SCRIPT), name, mode], name, more)

    command = (str(python), "-m", "poolkeeper", "run", "--cpus", "1", "--")
    return Row(
        PROGRAMS[name],
        tried("limited"),
        tried("limited:threadpoolctl"),
        tried("plain", *command)["within"],
        tried("auto", POOLKEEPER_CPUS="1")["within"],
        tried("fork", OMP_NUM_THREADS="4")["forks"],
        tried("auto-fork", POOLKEEPER_CPUS="4")["forks"],
    )


def _run(command: list[str], name: str, more: dict[str, str]) -> dict[str, Any]:
    libraries = str(STORE / "lib")  # numba looks for TBB there
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries, **PROGRAMS[name].environment, **more}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


# --- the page

INTRODUCTION = """\
# Libraries

What poolkeeper does for the libraries that people have, tried with their wheels beside
threadpoolctl {peer}. `benches/libraries.py` runs it, and writes this page; the last run was on
{machine}.

Each library computes something that keeps more than one thread busy, and the threads that computed
are counted by the CPU time that the system booked for them.

- **seen**: its pool is in `poolkeeper.pools()`, or in `threadpool_info()`.
- **limit(1)**: the threads that computed inside `with poolkeeper.limit(1)`, or inside `with
  threadpool_limits(1)`, of those that did before; "left" where there are not as many afterwards.
- **run, auto**: the threads that computed under `poolkeeper run --cpus 1`, and after
  `poolkeeper.auto()` with a budget of one CPU.
- **fork**: whether a forked child can compute the same once its parent has, and whether it can
  where the parent began with `poolkeeper.auto()`. "fails" is 25
  seconds without an end, or a child that was ended.

| library | seen | threadpoolctl | limit(1) | threadpoolctl | run | auto | fork | with auto |
| --- | --- | --- | --- | --- | --: | --: | --- | --- |
"""

REST = """
Where a limit does not reach a library, its [outcome](guide/limiting.md) says what does. A row with
more than one thread under `run` or `auto` has no variable that could hold it: see
[runtimes](runtimes.md#what-no-limit-reaches).
"""


def line(row: Row) -> str:
    cells = [
        row.program.title,
        _seen(row.ours),
        _seen(row.peers),
        _limited(row.ours),
        _limited(row.peers),
        str(row.run),
        str(row.auto),
        _forks(row.forks),
        _forks(row.forks_with_auto),
    ]
    return f"| {' | '.join(cells)} |"


def _seen(answer: dict[str, Any]) -> str:
    return "yes" if answer["seen"] else "no"


def _limited(answer: dict[str, Any]) -> str:
    text = f"{answer['within']} of {answer['before']}"
    return text if answer["after"] >= answer["before"] else f"{text}, left"


def _forks(works: bool) -> str:
    return "works" if works else "fails"


def page(python: Path, rows: list[Row]) -> str:
    version = "import importlib.metadata as m; print(m.version('threadpoolctl'))"
    peer = subprocess.run([python, "-c", version], capture_output=True, text=True, check=True)
    cpus = len(os.sched_getaffinity(0))
    machine = f"{cpus} CPUs, {platform.machine()}, Linux {platform.release().partition('-')[0]}"
    introduction = INTRODUCTION.format(peer=peer.stdout.strip(), machine=machine)
    return introduction + "\n".join(map(line, rows)) + "\n" + REST


if __name__ == "__main__":
    sys.exit(main())
