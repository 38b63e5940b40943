"""How much memory repeated work leaves behind."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

ALLOWED = 1 << 20  # bytes of growth: noise of the allocator, 1 byte a scope


def _resident() -> int:
    """Bytes of memory that this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def growth(repeat: Callable[[int], None], warm_up: int, times: int) -> int:
    """Return by how many bytes the process grew in ``repeat(times)``, after a warm-up."""
    repeat(warm_up)
    before = _resident()
    repeat(times)
    return _resident() - before
