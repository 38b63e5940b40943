#!/usr/bin/env python3
"""How many simultaneous callers the OpenBLAS of each numpy and scipy survives.

    python benches/capacity.py            # writes docs/capacity.md: about five minutes
    python benches/capacity.py --check    # the arithmetic alone, writes nothing

The wheels that `benches/capacity-wheels.txt` pins are downloaded into
`.lab/capacity/` (about 500 MB) and only unpacked. The exit code is 1 if the
arithmetic is wrong for one of them.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import platform
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "native"))

import callers  # noqa: E402
from callers import Called, Held  # noqa: E402

PINNED = Path(__file__).with_name("capacity-wheels.txt")
STORE = ROOT / ".lab" / "capacity"
PAGE = ROOT / "docs" / "capacity.md"
#: The OpenBLAS of a machine with more CPUs than it was compiled for.
SIMULATED = (
    *(sys.executable, "-m", "poolkeeper", "simulate", "--cpus", "128"),
    *("--output", os.devnull, "--"),
)
CALLERS = (64, 120, 140, 200, 300, 600, 660, 1000)
RUNS = 15
CALLED = "numpy==2.4.6"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    held: dict[str, tuple[Held, Held]] = {}
    for pin in pins():
        library = library_of(pin)
        held[pin] = callers.hold(library), callers.hold(library, None, SIMULATED)
        print(pin, *held[pin], flush=True)
    wrong = [pin for pin, both in held.items() if not all(map(is_as_predicted, both))]
    for pin in wrong:
        print(f"not as predicted: {pin}", file=sys.stderr)
    if not options.check:
        runs = {count: list(called(count)) for count in CALLERS}
        PAGE.write_text(page(held, runs))
    return 1 if wrong else 0


def pins() -> list[str]:
    lines = PINNED.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def library_of(pin: str) -> Path:
    """The OpenBLAS of a wheel, which is fetched and unpacked unless it is there."""
    folder = STORE / pin
    if not folder.exists():
        wheels = STORE / "wheels" / pin
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        where = ["--no-deps", "--only-binary=:all:", "--dest", str(wheels), pin]
        subprocess.run([*pip, *where], check=True)
        (wheel,) = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = fnmatch.filter(archive.namelist(), "*.libs/*")
            unfinished = folder.with_suffix(".unfinished")
            archive.extractall(unfinished, names)
        unfinished.rename(folder)
    (library,) = folder.glob("*.libs/lib*openblas*")
    return library


def is_as_predicted(held: Held) -> bool:
    """Never fewer than predicted, and at most one more: older ones keep none for themselves."""
    is_safe = held.safe - held.predicted_safe in (0, 1)
    return is_safe and held.survived - held.safe == callers.AUXILIARY


def called(count: int) -> Iterator[Called]:
    """Runs of so many callers, one after another."""
    library = library_of(CALLED)
    for _ in range(RUNS):
        yield callers.call(library, count)


# --- the page

INTRODUCTION = """\
# How many callers an OpenBLAS survives

This page is written by `benches/capacity.py`; the last run was on {machine}.

Every thread that is inside a function of OpenBLAS holds one of the library's buffers. An OpenBLAS
built on pthreads has 2 x MAX_THREADS buffers, and MAX_THREADS is compiled in: 64 in every wheel
below. Each worker thread of the library keeps one buffer for good, **also when the limit is lowered
later**, and newer builds keep one more for themselves. The buffers that are left are the capacity,
which `poolkeeper info` shows:

```text
capacity = 2 x MAX_THREADS - threads     threads: the workers that it ever started, and one
```

With one caller more, OpenBLAS prints `precompiled NUM_THREADS exceeded` and allocates 512 more
buffers, once. Those are not safe: memory can be corrupted. When they are taken too, OpenBLAS prints
`Program is Terminated`, gives out no buffer, and the process dies.

So an OpenBLAS that begins with one thread is safe with 127 callers. On a machine with 64 CPUs or
more it begins with 64 threads, and is safe with 64 callers. scikit-learn's KMeans on 128 CPUs has
128 callers.

## Predicted and measured

The benchmark takes buffers one after another, by `blas_memory_alloc`, until the library warns, and
goes on until it refuses. It needs no threads for that, so chance has no part in the result. The
library begins with 1 thread, by `OPENBLAS_NUM_THREADS=1`, or with 64 threads, on the 128 CPUs that
`poolkeeper simulate` pretends. Each cell is "predicted / measured". The measured number is the
predicted one, or one more where the library keeps no buffer for itself.

| wheel | OpenBLAS | MAX_THREADS | 1: warns past | 1: dies past | 64: warns past | 64: dies past |
| --- | --- | --: | --: | --: | --: | --: |
"""

CALLS = """
## What callers really do

In each run, the callers are threads that are released at once and multiply two matrices 20 times
(`tests/native/callers.c`), with the OpenBLAS of {pin}, which has one thread of its own. Each row is
{runs} runs. The scheduler decides how many callers are inside OpenBLAS at the same moment: with few
CPUs many runs stay below what the arithmetic says, and a run without a warning proves nothing.

| callers | predicted | warned | died | by |
| --: | --- | --: | --: | --- |
"""


def page(held: dict[str, tuple[Held, Held]], runs: dict[int, list[Called]]) -> str:
    machine = (
        f"{os.cpu_count()} CPUs, {platform.machine()}, Linux {platform.release().split('-')[0]}"
    )
    text = INTRODUCTION.format(machine=machine)
    for pin, both in held.items():
        cells: list[object] = [pin.replace("==", " "), both[0].version, both[0].max_threads]
        for one in both:
            cells.append(f"{one.predicted_safe} / {one.safe}")
            cells.append(f"{one.predicted_survived} / {one.survived}")
        text += row(cells)
    text += CALLS.format(pin=CALLED.replace("==", " "), runs=RUNS)
    one = held[CALLED][0]
    for count, all_runs in runs.items():
        warned = sum(run.warned for run in all_runs)
        signals = sorted({signal_name(run.signal) for run in all_runs if run.signal})
        died = sum(run.signal > 0 for run in all_runs)
        text += row([count, verdict(count, one), warned, died, ", ".join(signals) or "-"])
    return text


def verdict(count: int, held: Held) -> str:
    if count <= held.predicted_safe:
        return "safe"
    if count <= held.predicted_survived:
        return "a warning, and corruption is possible"
    return "death, if all are inside at once"


def signal_name(number: int) -> str:
    return signal.Signals(number).name if number else ""


def row(cells: list[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |\n"


if __name__ == "__main__":
    sys.exit(main())
