"""A module that poses as numba: its rules about ``NUMBA_NUM_THREADS``, and no compiler.

As numba 0.68 does it (core/config.py, np/ufunc/parallel.py): the variable is read at
import and again at each compilation if a variable of numba's has changed; once the
threads have been started, another value is a RuntimeError; ``set_num_threads`` takes
1 to the number that was started, for the calling thread.
"""

from __future__ import annotations

import os
import sys
import threading
from types import ModuleType

VARIABLE = "NUMBA_NUM_THREADS"


class _Thread(threading.local):
    number = 0


class Numba(ModuleType):
    """The package; it is in ``sys.modules`` when it has been made."""

    def __init__(self) -> None:
        super().__init__("numba")
        self.config = ModuleType("numba.core.config")
        self.parallel = ModuleType("numba.np.ufunc.parallel")
        self.parallel._is_initialized = False  # type: ignore[attr-defined]
        self.config.reload_config = self._reload  # type: ignore[attr-defined]
        self._seen: dict[str, str] | None = None
        self._thread = _Thread()
        self._reload()
        for module in (self, self.config, self.parallel):
            sys.modules[module.__name__] = module

    @property
    def ceiling(self) -> int:
        """The threads that it has, or would start."""
        number: int = self.config.NUMBA_NUM_THREADS
        return number

    def _reload(self) -> None:
        now = {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}
        if now == self._seen:
            return
        self._seen = now
        wanted = int(now.get(VARIABLE, len(os.sched_getaffinity(0))))
        if self.parallel._is_initialized and wanted != self.ceiling:
            raise RuntimeError(f"Cannot set {VARIABLE} to a different value once the threads ...")
        self.config.NUMBA_NUM_THREADS = wanted  # type: ignore[attr-defined]

    def compile(self) -> None:
        """Compile something."""
        self._reload()

    def _start(self) -> None:
        self.parallel._is_initialized = True  # type: ignore[attr-defined]
        self._thread.number = self._thread.number or self.ceiling

    def run_in_parallel(self) -> int:
        """Run something in parallel; return the threads that it has."""
        self._start()
        return self._thread.number

    def get_num_threads(self) -> int:
        """Return the calling thread's number; this starts the threads."""
        self._start()
        return self._thread.number

    def set_num_threads(self, number: int) -> None:
        """Set it."""
        self._start()
        if not 1 <= number <= self.ceiling:
            raise ValueError(f"The number of threads must be between 1 and {self.ceiling}")
        self._thread.number = number
