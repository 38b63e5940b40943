"""Fixtures: the lab of real libraries, and a watch on what tests leave behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def lab() -> dict[str, Path]:
    """The libraries of tests/lab and tests/native by name, fetched and built."""
    found: dict[str, Path] = {}
    for script in ("tests/lab/fetch.py", "tests/native/build.py"):
        done = subprocess.run(
            [sys.executable, str(ROOT / script), "--list"],
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            pytest.fail(f"{script} can't fill the lab:\n{done.stderr}", pytrace=False)
        found |= {name: Path(path) for name, path in json.loads(done.stdout).items()}
    return found


def _threads() -> dict[str, int | None]:
    poolkeeper = sys.modules.get("poolkeeper")
    if poolkeeper is None:
        return {}
    # Threads that a library has, where no limit reaches it, come and go by themselves.
    pools = [pool for pool in poolkeeper.pools() if pool.reach != "none"]
    return {pool.filepath: pool.num_threads for pool in pools}


@pytest.fixture(autouse=True)
def _no_pool_is_left_changed() -> Iterator[None]:
    before = _threads()
    yield
    after = _threads()
    assert {path: after.get(path) for path in before} == before
