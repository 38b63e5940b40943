"""What ``verbose`` shows: a bar on a terminal, scikit-learn's lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from .._words import counted

#: Called after each iteration with start, iteration, changed labels, the squared
#: distance that the centers moved, and the inertia if it is known.
Progress = Callable[[int, int, "int | None", float, "float | None"], None]

BETWEEN_DRAWS = 0.1  # seconds
WIDTH = 20


class Lines:
    """scikit-learn's lines, on standard output."""

    def __init__(self, max_iter: int, n_init: int) -> None:
        self._last = (0, 0.0)

    def __call__(
        self, init: int, iteration: int, changed: int | None, shift: float, inertia: float | None
    ) -> None:
        if iteration == 1:
            print("Initialization complete")
        known = "?" if inertia is None else inertia
        print(f"Iteration {iteration}, inertia {known}{_changed(changed)}.")
        self._last = (iteration, shift)

    def close(self, converged: bool, strict: bool, choice: str) -> None:
        iteration, shift = self._last
        if strict:
            print(f"Converged at iteration {iteration}: strict convergence.")
        elif converged:
            print(f"Converged at iteration {iteration}: center shift {shift} within tolerance.")
        print(f"Kernel: {choice}")


class Bar:
    """One line on a terminal, drawn again."""

    def __init__(self, max_iter: int, n_init: int, stream: TextIO | None = None) -> None:
        self._max_iter, self._n_init = max_iter, n_init
        self._stream = stream or sys.stderr
        self._begin = time.monotonic()
        self._drawn = 0.0
        self._done = 0

    def __call__(
        self, init: int, iteration: int, changed: int | None, shift: float, inertia: float | None
    ) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._drawn < BETWEEN_DRAWS:
            return
        self._drawn = now
        rate = self._done / max(now - self._begin, 1e-9)
        filled = WIDTH * iteration // self._max_iter
        bar = "#" * filled + "." * (WIDTH - filled)
        start = f" start {init + 1}/{self._n_init}," if self._n_init > 1 else ""
        self._write(
            f"k-means [{bar}]{start} iteration {iteration} of at most {self._max_iter}"
            f"{_changed(changed)}, {rate:.3g}/s"
        )

    def close(self, converged: bool, strict: bool, choice: str) -> None:
        seconds = time.monotonic() - self._begin
        end = "converged" if converged else "stopped at max_iter"
        done = counted(self._done, "iteration")
        self._write(f"k-means: {end} after {done}, {seconds:.3g} s; {choice}\n")

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()


def _changed(labels: int | None) -> str:
    """Return how many labels changed, as text; nothing where that is not known."""
    return "" if labels is None else f", {labels:,} labels changed"


def shown(verbose: Any, max_iter: int, n_init: int) -> Lines | Bar | None:
    """Return what shows a fit's progress; None where nothing does."""
    if not verbose:
        return None
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return (Bar if is_terminal else Lines)(max_iter, n_init)
