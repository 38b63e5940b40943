"""The arithmetic of callers, on the real OpenBLAS of numpy and scipy."""

from __future__ import annotations

import importlib
import signal
import sys

import pytest
from scenario import libraries  # noqa: F401  (makes tests/native importable)

pytestmark = pytest.mark.usefixtures("lab")

MODULES = ["numpy", "scipy"]
SIMULATED = [sys.executable, "-m", "poolkeeper", "simulate", "--cpus", "128"]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("threads", [1, 2])
def test_buffers_are_as_many_as_predicted(module: str, threads: int) -> None:
    import callers

    (library,) = callers.wheels_openblas(importlib.import_module(module))
    held = callers.hold(library, threads)
    assert (held.max_threads, held.threads) == (64, threads)
    assert held.safe == held.predicted_safe == 128 - threads
    assert held.survived == held.predicted_survived == held.safe + 512


@pytest.mark.parametrize("module", MODULES)
def test_a_larger_machine_leaves_fewer(module: str) -> None:
    import callers

    (library,) = callers.wheels_openblas(importlib.import_module(module))
    held = callers.hold(library, None, (*SIMULATED, "--output", "/dev/null", "--"))
    assert held.threads == 64
    assert held.safe == held.predicted_safe == 64
    assert held.survived == 576


def test_as_many_callers_as_are_safe_are_safe() -> None:
    import callers
    import numpy

    (library,) = callers.wheels_openblas(numpy)
    called = callers.call(library, 127)
    assert not called.warned
    assert called.output.endswith("done\n")
    assert called.signal == 0


@pytest.mark.parametrize("module", MODULES)
def test_one_caller_too_many_kills_the_process(module: str) -> None:
    # Real callers overlap as the scheduler likes: the buffers are taken one by one instead.
    import callers

    (library,) = callers.wheels_openblas(importlib.import_module(module))
    held = callers.hold(library)
    safe = callers.call(library, 1, held.safe - 1)
    assert not safe.warned
    assert safe.output.endswith("done\n")
    assert safe.signal == 0
    # It multiplies, and may have overwritten others' memory: how it ends is not ours to say.
    last = callers.call(library, 1, held.survived - 1)
    assert last.warned
    assert "done" in last.output
    beyond = callers.call(library, 1, held.survived)
    assert beyond.warned
    assert "done" not in beyond.output
    assert beyond.signal == signal.SIGSEGV, beyond.output
