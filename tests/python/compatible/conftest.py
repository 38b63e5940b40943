"""Fixtures of the tests against threadpoolctl."""

from __future__ import annotations

import pytest

from compatible.stacks import IMPLEMENTATIONS, build_toy


@pytest.fixture(params=IMPLEMENTATIONS)
def impl(request: pytest.FixtureRequest) -> str:
    """Each implementation's name in turn: what the real one fails is a wrong test."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a library with a thread count, for controllers that users write."""
    return str(build_toy(tmp_path_factory.mktemp("toy")))
