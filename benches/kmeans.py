#!/usr/bin/env python3
"""Measure our k-means against its peers, and write down what comes out.

    kmeans.py                    every group: about half an hour
    kmeans.py --only main        the shapes of the goals, float32, two threads
    kmeans.py --only main --case A --rounds 3

Contestants are processes of their own, take turns, and start from the same
samples; a ratio counts only where the inertia is the same. A run of groups
replaces these in benches/kmeans.json, and docs/kmeans.md is made from that file.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import kmeans_page
import report
from kmeans_cases import GROUPS, Case
from kmeans_contestant import CONTESTANTS, PRODUCT

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "kmeans.json"
DOCS = HERE.parent / "docs"
#: What would make a BLAS take other kernels than it would choose, or other threads.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
#: What OpenBLAS calls a processor that has no more than the kernel's instructions.
CORES = {"avx2": "Haswell"}
#: Seconds before each turn: threads spin for a while after their work, in OpenMP
#: and OpenBLAS, and would take the next contestant's CPUs.
QUIET = 0.3
#: Inertia may differ by so much, relatively: what round-off does to a few labels.
SAME = 1e-4
#: With batches, each contestant draws its own.
SAME_BATCHES = 0.02


class Contestant:
    """A process that does the task when told."""

    def __init__(self, name: str, case: Case) -> None:
        described = json.dumps({**dataclasses.asdict(case)})
        environment = {key: value for key, value in os.environ.items() if key not in UNSET}
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[variable] = str(case.threads)
        if case.kernel:
            environment["POOLKEEPER_KMEANS_KERNEL"] = case.kernel
            environment["OPENBLAS_CORETYPE"] = CORES[case.kernel]
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(HERE / "kmeans_contestant.py"), name, described],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**environment, "PYTHONPATH": str(HERE)},
        )  # fmt: skip
        self.name = name
        self.seconds: list[float] = []
        self.inertia = math.nan
        self.iterations: int | None = None
        self.works = self._answer() == "ready"

    def _answer(self) -> Any:
        """The next line of JSON; None if the process has ended."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                return json.loads(line)
            except ValueError:
                continue  # faiss talks
        return None

    def turn(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = self._answer()
        if answer is None:
            self.works = False
            return
        seconds, self.inertia, self.iterations = answer
        self.seconds.append(seconds)

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def run(case: Case, rounds: int) -> dict[str, Any]:
    """Measure a case; return the median seconds and the ratios to ours."""
    names = [name for name in CONTESTANTS if takes_part(name, case)]
    contestants = [Contestant(name, case) for name in names]
    working = [contestant for contestant in contestants if contestant.works]
    for number in range(rounds):
        for contestant in working if number % 2 == 0 else reversed(working):
            time.sleep(QUIET)
            contestant.turn()
    for contestant in contestants:
        contestant.end()
    mine = contestants[0]
    found: dict[str, Any] = {"case": dataclasses.asdict(case), "rounds": rounds, "peers": {}}
    found["seconds"], found["inertia"] = statistics.median(mine.seconds), mine.inertia
    found["iterations"] = mine.iterations
    same = SAME_BATCHES if case.task == "batches" else SAME
    for peer in working[1:]:
        if peer.name == "gemm":
            found["of gemm"] = of_gemm(case, mine, peer)
            continue
        ratios = [a / b for a, b in zip(peer.seconds, mine.seconds, strict=True)]
        apart = abs(peer.inertia - mine.inertia) / max(abs(mine.inertia), 1e-300)
        found["peers"][peer.name] = {
            "seconds": statistics.median(peer.seconds),
            "ratio": statistics.median(ratios),
            "inertia": peer.inertia,
            "same": case.task == "start" or apart < same,
        }
    return found


def of_gemm(case: Case, mine: Contestant, product: Contestant) -> float:
    """What the plain algorithm would have to multiply, by the time that we took, as a
    share of what a matrix product multiplies in that time. Pruning can pass 1."""
    plain = (
        case.n * case.d * case.k * ((mine.iterations or 0) + 1) / statistics.median(mine.seconds)
    )
    return plain / (PRODUCT / statistics.median(product.seconds))


def takes_part(name: str, case: Case) -> bool:
    """Tell whether a contestant has this task, and this number type."""
    if case.growth or case.kernel or case.make == "text" or case.task == "batches":
        return name in ("ours", "scikit-learn")
    if name == "gemm":
        return case.task == "fit"
    if name == "faiss" and case.dtype != "float32":
        return False
    return case.task != "start" or name in ("ours", "scikit-learn")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=GROUPS, metavar="GROUP",
                        help=f"one of {', '.join(GROUPS)}; may be given again")  # fmt: skip
    parser.add_argument("--case", action="append", help="only cases of this name; writes nothing")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for group in options.only or GROUPS:
        rows = []
        for case in GROUPS[group]:
            if options.case and case.name not in options.case:
                continue
            rows.append(run(case, options.rounds))
            print(kmeans_page.line(rows[-1]), flush=True)
            if options.case:
                continue
            # After each case, so that a run that is stopped has what it measured.
            results[group] = {"machine": report.machine(), "rows": rows}
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        if not options.case:
            (DOCS / "kmeans.md").write_text(kmeans_page.page(results))
            if group == "growth":
                kmeans_page.plot(results[group]["rows"], DOCS / "img" / "kmeans-growth.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
