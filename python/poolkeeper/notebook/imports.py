"""Notices libraries that a cell has just loaded, before its next statement runs.

After each import statement of a cell a call is put. It compares the loader's own
counters, which takes a few microseconds, and does nothing while they stand
still. Functions and classes are left as they are written.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from .._native import _loader_version, _refresh

_CALL = "__import__('poolkeeper.notebook.imports', fromlist=['*']).after_import()"


class AfterImports(ast.NodeTransformer):
    """Puts a call of :func:`after_import` behind each import statement."""

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        """`import numpy`."""
        return [node, _call(node)]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        """`from numpy import dot`."""
        # Nothing may stand before a second `from __future__`.
        return node if node.module == "__future__" else [node, _call(node)]

    def leave(self, node: ast.AST) -> ast.AST:
        """Functions and classes keep their code: it may be shown, or run elsewhere."""
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = leave


def _call(node: ast.stmt) -> ast.stmt:
    call = ast.parse(_CALL).body[0]
    for part in ast.walk(call):
        ast.copy_location(part, node)
    return call


class Loaded:
    """Remembers what the loader had done when it was last asked."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._version = _loader_version()

    def check(self) -> None:
        """If libraries were loaded: put live limits on them, and tell."""
        version = _loader_version()
        if version != self._version:
            self._version = version
            _refresh()
            self._tell()


_loaded: Loaded | None = None


def watch(loaded: Loaded | None) -> None:
    """Set what :func:`after_import` asks; ``None`` for nothing."""
    global _loaded
    _loaded = loaded


def after_import() -> None:
    """Look whether libraries were loaded. Called from transformed cells."""
    if _loaded is not None:
        _loaded.check()
