"""What is loaded into IPython, and what it remembers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from IPython.display import display

from .._native import LimitError, Scope, limit
from . import imports, settings
from .cells import Cells, as_line_magic
from .danger import dangers
from .imports import AfterImports, Loaded
from .options import Limits

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: A line that the user has typed, and for each pool that it holds its file and the
#: threads asked for.
Told = tuple[str, list[tuple[str, int]]]

_extensions: WeakKeyDictionary[InteractiveShell, Extension] = WeakKeyDictionary()


class Extension:
    """The notebook's limit, its cells, and the hooks that keep both.

    Attributes
    ----------
    cells : Cells
        What lasts until a cell ends.
    scope : Scope or None
        The limit that holds from ``%limit`` on.
    """

    cells: Cells
    scope: Scope | None

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self.cells = Cells()
        self.scope = None
        self._limits: Limits | None = None
        self._loaded = Loaded(self.look_for_danger)
        self._told: set[str] = set()
        self._after_imports = AfterImports()

    @classmethod
    def load(cls, shell: InteractiveShell) -> None:
        """Add everything to a shell, after removing what an earlier load added."""
        from .magics import PoolkeeperMagics

        cls.unload(shell)
        extension = cls(shell)
        extension._hook()
        shell.register_magics(PoolkeeperMagics(shell, extension))
        _extensions[shell] = extension
        extension._apply_settings()
        extension.look_for_danger()

    @classmethod
    def unload(cls, shell: InteractiveShell) -> None:
        """Remove everything from the shell."""
        extension = _extensions.pop(shell, None)
        if extension is None:
            return
        extension._unhook()
        extension.end_limit()
        for kind in shell.magics_manager.magics.values():
            for name in ("pools", "limit", "cpus", "doctor"):
                kind.pop(name, None)

    def _hook(self) -> None:
        shell = self._shell
        # Before IPython's own, which takes every %% for a cell magic.
        shell.input_transformers_cleanup.insert(0, as_line_magic)
        shell.ast_transformers.append(self._after_imports)
        shell.events.register("pre_execute", self._before_cell)
        shell.events.register("post_execute", self._after_cell)
        imports.watch(self._loaded)

    def _unhook(self) -> None:
        shell = self._shell
        shell.input_transformers_cleanup.remove(as_line_magic)
        shell.ast_transformers.remove(self._after_imports)
        shell.events.unregister("pre_execute", self._before_cell)
        shell.events.unregister("post_execute", self._after_cell)
        imports.watch(None)

    def _before_cell(self) -> None:
        self.cells.begin()
        self._loaded.check()

    def _after_cell(self) -> None:
        self.cells.end()
        self._loaded.check()

    # --- the notebook's limit

    def set_limit(self, limits: Limits, force: bool = False) -> Scope:
        """Replace the limit that holds for the notebook, for libraries to come too.

        Raises
        ------
        LimitError
            If the request is wrong; then the old limit holds again.
        """
        before = self._limits
        self.end_limit()
        try:
            self.scope = limit(limits, force=force)
        except LimitError:
            if before is not None:
                self.set_limit(before)
            raise
        self._limits = limits
        self.look_for_danger()
        return self.scope

    def end_limit(self) -> None:
        """End ``%limit``'s limit."""
        scope, self.scope, self._limits = self.scope, None, None
        if scope is not None:
            scope.release()

    def kept(self) -> list[tuple[str, Scope]]:
        """Return the live limits that only the notebook's output keeps, with their names.

        ``poolkeeper.limit(1)`` as the last line of a cell stays in ``Out``, and so it
        stays live.
        """
        shown = self._shell.user_ns.get("Out", {})
        scopes = shown.items() if isinstance(shown, dict) else ()
        return [
            (f"Out[{number}]", scope)
            for number, scope in scopes
            if isinstance(scope, Scope) and scope.live and scope is not self.scope
        ]

    def end_all(self) -> list[str]:
        """End the notebook's limit and those that its output keeps; return their names."""
        ended = []
        for name, scope in self.kept():
            scope.release()
            ended.append(name)
        if self.scope is not None:
            ended.append("%limit")
        self.end_limit()
        return ended

    def told(self) -> tuple[list[Told], list[tuple[str, int]]]:
        """Return the live limits that were typed here, and what ``%limit`` says by name."""
        scopes = self.kept()
        limits: list[tuple[str, int]] = []
        if self.scope is not None and self._limits is not None:
            scopes.insert(0, (f"%{settings.in_words(self._limits)}", self.scope))
            by_name = {"": self._limits} if isinstance(self._limits, int) else self._limits
            limits = [*by_name.items()]
        return [(words, _held(scope)) for words, scope in scopes], limits

    def _apply_settings(self) -> None:
        """Apply the limits in the metadata of the notebook that this shell belongs to."""
        path = settings.notebook_of(self._shell.user_ns)
        if path is None:
            return
        try:
            limits = settings.read(path)
        except (ValueError, OSError) as error:
            # The magics are of use all the same: one can be typed.
            print(f"poolkeeper: no limit from {path.name}: {error}", file=sys.stderr)
            return
        if limits is not None:
            self.set_limit(limits)
            print(f"poolkeeper: {settings.in_words(limits)}, says {path.name}")

    def look_for_danger(self) -> None:
        """Show, in the cell that runs, each new danger that can make the kernel die."""
        for danger in dangers():
            if danger.key not in self._told:
                self._told.add(danger.key)
                display(danger)  # type: ignore[no-untyped-call]


def _held(scope: Scope) -> list[tuple[str, int]]:
    """Return the file of each pool that a scope holds, and the threads asked for."""
    return [
        (outcome.filepath, outcome.requested)
        for outcome in scope.outcomes
        if outcome.filepath is not None and outcome.requested is not None
    ]


def current() -> Extension | None:
    """Return the extension of the shell that runs, if its magics are loaded."""
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is None else _extensions.get(shell)
