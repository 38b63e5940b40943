"""The reference page names every public name, and no other."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import poolkeeper
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/python.md").read_text()
#: Modules with public names, and the page of each.
MODULES = {
    "poolkeeper": "python.md",
    "poolkeeper.cluster": "python.md",
    "poolkeeper.dask": "python.md",
    "poolkeeper.notebook": "python.md",
    "poolkeeper.threadpoolctl": "threadpoolctl.md",
}
#: Their members are scikit-learn's and the standard library's.
OF_OTHERS = {"KMeans", "MiniBatchKMeans", "ThreadPoolExecutor", "ProcessPoolExecutor"}
NAMES = [(module, name) for module in MODULES for name in importlib.import_module(module).__all__]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_public_name_is_on_its_page(module: str, name: str) -> None:
    page = (ROOT / "docs/reference" / MODULES[module]).read_text()
    assert re.search(rf"[`.]{re.escape(name)}\b", page), f"{name} is not on {MODULES[module]}"


@pytest.mark.parametrize("name", ["Watch", "Usage", "Group", "Throttling"])
def test_what_watches_is_on_the_page(name: str) -> None:
    assert hasattr(importlib.import_module("poolkeeper.notebook.watch"), name)
    assert f"`{name}`" in PAGE or f".{name}()`" in PAGE


def _members(name: str) -> list[str]:
    value = getattr(poolkeeper, name)
    if not inspect.isclass(value) or name in OF_OTHERS or issubclass(value, Exception):
        return []
    known = set(dir(int)) if issubclass(value, int) else set(dir(object))
    annotated = set(getattr(value, "__annotations__", {}))
    return sorted(m for m in {*vars(value), *annotated} - known if not m.startswith("_"))


@pytest.mark.parametrize(
    ("name", "member"),
    [(name, member) for name in poolkeeper.__all__ for member in _members(name)],
)
def test_every_member_is_on_the_page(name: str, member: str) -> None:
    pages = PAGE + (ROOT / "docs/guide/seeing.md").read_text()  # the fields of a pool
    assert re.search(rf"[`.]{member}\b", pages), f"{name}.{member} is not described"


def test_the_page_names_nothing_that_is_not_there() -> None:
    for module, name in re.findall(r"`(poolkeeper(?:\.[a-z]+)*)\.(\w+)", PAGE):
        assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
    for name, member in re.findall(r"`([A-Z]\w+)\.(\w+)", PAGE):
        value = getattr(poolkeeper, name, None)
        value = value or getattr(importlib.import_module("poolkeeper.notebook.watch"), name)
        known = {*dir(value), *getattr(value, "__annotations__", {})}
        assert member in known, f"{name}.{member}"
