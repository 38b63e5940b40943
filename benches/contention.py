#!/usr/bin/env python3
"""Eight threads that enter and leave scopes at once: what is lost, and how fast it goes.

    python benches/contention.py        # its rows of the table
    python benches/run.py               # everything

Lost limits are counted by asking OpenBLAS itself, through ctypes: while a scope
of one thread is live, an answer above 1 is a lost limit. Afterwards, with no
scope live, it must answer what it did before. The interpreter is told to switch
threads often, for both contestants; throughput is measured apart from that.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from measure import WORKLOAD, Baseline, Effort, Result, Row, Spread, compared, main

THREADS = 8
CHECKS = 300  # scopes of a thread whose limit is read back, a round
SCOPES = {"ours": 10_000, "theirs": 500}  # of a thread, where time is taken: a tenth of a second
BASELINE = 2
OFTEN = 1e-5  # seconds between switches of threads

MakeScope = Callable[[], AbstractContextManager[Any]]


def measure(effort: Effort) -> Result:
    """Count what is lost, then measure scopes a second, the contestants taking turns."""
    exec(WORKLOAD, {})
    import poolkeeper
    import threadpoolctl

    controller = threadpoolctl.ThreadpoolController()
    contestants: dict[str, MakeScope] = {
        "ours": lambda: poolkeeper.limit(1),
        "theirs": lambda: controller.limit(limits=1),
    }
    baseline = Baseline()
    blas = OpenBlas(poolkeeper.pools())
    with blas.kept():
        lost = {name: [0, 0] for name in contestants}
        speeds: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(effort.rounds):
            for name, make_scope in contestants.items():
                for place, count in enumerate(count_lost(blas, make_scope)):
                    lost[name][place] += count
                speeds[name].append(throughput(blas, make_scope, SCOPES[name]))
    baseline.check("contention")
    checked = effort.rounds * THREADS * CHECKS
    return Result(
        [
            _none_lost(f"limits lost in {checked:,} scopes of {THREADS} threads", lost, 0),
            _none_lost(f"baselines lost in {effort.rounds} such runs", lost, 1),
            compared(
                f"scopes a second, {THREADS} threads, against `controller.limit`",
                speeds["ours"],
                speeds["theirs"],
                "/s",
            ),
        ]
    )


def _none_lost(what: str, lost: dict[str, list[int]], place: int) -> Row:
    ours, theirs = (Spread.of([lost[name][place]]) for name in ("ours", "theirs"))
    return Row(what, ours, "", theirs).with_ceiling(0.5, "none")


class OpenBlas:
    """Every loaded OpenBLAS, asked and set without either contestant."""

    def __init__(self, pools: Iterable[Any]) -> None:
        found = [_functions(pool) for pool in pools if pool.runtime == "openblas"]
        assert found, "no OpenBLAS is loaded to be limited"
        self._gets, self._sets = zip(*found, strict=True)

    def threads(self) -> int:
        """Return the largest thread count that one of them has."""
        return max(get() for get in self._gets)

    def is_intact(self) -> bool:
        """Tell whether all of them have `BASELINE` threads."""
        return all(get() == BASELINE for get in self._gets)

    def reset(self) -> None:
        """Give `BASELINE` threads to each."""
        for set_threads in self._sets:
            set_threads(BASELINE)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Begin with `BASELINE` threads, and put back what was there."""
        found = [get() for get in self._gets]
        self.reset()
        try:
            yield
        finally:
            for set_threads, threads in zip(self._sets, found, strict=True):
                set_threads(threads)


def _functions(pool: Any) -> tuple[Callable[[], int], Callable[[int], None]]:
    library = ctypes.CDLL(str(pool.filepath))  # lets other threads run while it is called
    name = f"{pool.symbol_prefix}openblas_{{}}_num_threads{pool.symbol_suffix}"
    return getattr(library, name.format("get")), getattr(library, name.format("set"))


def count_lost(blas: OpenBlas, make_scope: MakeScope) -> tuple[int, int]:
    """Return how many scopes saw more than their one thread, and whether the baseline is lost."""
    lost: list[int] = []

    def check() -> None:
        for _ in range(CHECKS):
            with make_scope():
                if blas.threads() > 1:
                    lost.append(1)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(OFTEN)
    try:
        together(check)
    finally:
        sys.setswitchinterval(interval)
    intact = blas.is_intact()
    blas.reset()
    return len(lost), int(not intact)


def throughput(blas: OpenBlas, make_scope: MakeScope, count: int) -> float:
    """Return the scopes that all threads enter and leave in a second."""

    def enter_and_leave() -> None:
        for _ in range(count):
            with make_scope():
                pass

    seconds = together(enter_and_leave)
    blas.reset()
    return THREADS * count / seconds


def together(work: Callable[[], None]) -> float:
    """Run `work` in all threads at once; return the seconds until the last is done.

    Raises:
        BaseException: the first that a thread raised.
    """
    errors: list[BaseException] = []
    ready = threading.Barrier(THREADS + 1)

    def run() -> None:
        ready.wait()
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begin
    if errors:
        raise errors[0]
    return seconds


if __name__ == "__main__":
    sys.exit(main(measure, __doc__))
