"""Fixtures of the tests against threadpoolctl."""

from __future__ import annotations

import pytest

from compatible.stacks import IMPLEMENTATIONS


@pytest.fixture(params=IMPLEMENTATIONS)
def impl(request: pytest.FixtureRequest) -> str:
    """Each implementation's name in turn: what the real one fails is a wrong test."""
    name: str = request.param
    return name
