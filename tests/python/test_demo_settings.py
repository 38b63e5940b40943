"""``poolkeeper demo``: the first run must not crash Python on a large machine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from poolkeeper.demo.runs import Setting, unlimited


def _pool(level: str, threads: int, capacity: int | None = None) -> Any:
    return SimpleNamespace(level=level, num_threads=threads, capacity=capacity)


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        ([], Setting()),
        ([_pool("openmp", 2), _pool("blas", 2, 127)], Setting()),
        # The story: 128 OpenMP threads, an OpenBLAS with 128 buffers, 63 of them its workers'.
        ([_pool("openmp", 128), _pool("blas", 64, 65)], Setting(openmp=65)),
        ([_pool("openmp", 128), _pool("blas", 64, 65), _pool("blas", 64, 20)], Setting(openmp=20)),
        # Not known is no reason to limit.
        ([_pool("openmp", 128), _pool("blas", 64)], Setting()),
        ([_pool("openmp", 8), _pool("blas", 64, 0)], Setting(openmp=1)),
    ],
)
def test_no_limit_unless_it_could_crash(pools: list[Any], expected: Setting) -> None:
    assert unlimited(pools) == expected
