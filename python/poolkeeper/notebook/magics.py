"""``%pools``, ``%limit``, ``%cpus`` and ``%doctor``."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.display import display

from .. import _native
from .._cpus import Cpus, cpus
from .._doctor import doctor
from .._native import LimitError, Pools, Report, Scope
from . import settings
from .options import parse_limits
from .watch import Watch

if TYPE_CHECKING:
    from .extension import Extension
    from .options import Limits


class _Parser(argparse.ArgumentParser):
    """Raises what IPython shows in one line, and never ends the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%{self.prog}: {message}")


def _parser(name: str) -> _Parser:
    parser = _Parser(prog=name, add_help=False, allow_abbrev=False)
    parser.add_argument("--cell", action="store_true")
    return parser


def _limit_parser() -> _Parser:
    parser = _parser("limit")
    parser.add_argument("limits", nargs="*")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--off", action="store_true")
    parser.add_argument("--notebook", metavar="FILE")
    return parser


def _pools_parser() -> _Parser:
    parser = _parser("pools")
    parser.add_argument("--watch", action="store_true")
    return parser


class _Shown:
    """Shows something when a cell ends."""

    def __init__(self, watch: bool) -> None:
        self._watch = Watch() if watch else None

    def __enter__(self) -> None:
        if self._watch is not None:
            self._watch.__enter__()

    def __exit__(self, *exception: Any) -> None:
        if self._watch is None:
            display(_native.pools())  # type: ignore[no-untyped-call]
            return
        self._watch.__exit__(None, None, None)
        display(self._watch.usage)  # type: ignore[no-untyped-call]


@magics_class
class PoolkeeperMagics(Magics):
    """The magics that ``%load_ext poolkeeper`` adds."""

    def __init__(self, shell: Any, extension: Extension) -> None:
        super().__init__(shell)
        self._shell = shell
        self._extension = extension

    @line_cell_magic
    def pools(self, line: str, cell: str | None = None) -> Pools | None:
        """Show the native thread pools that this kernel has loaded.

        %pools              the pools, each with its threads against the budget
        %%pools             runs the cell, then shows them
        %%pools --watch     runs the cell, and shows what it really used
        """
        if cell is not None:
            self._as_cell("pools", line, cell)
            return None
        options = _pools_parser().parse_args(_words(line))
        if options.watch and not options.cell:
            raise UsageError(
                "%pools: --watch is for a cell: write %%pools --watch in its first line"
            )
        if options.cell:
            self._extension.cells.enter(_Shown(options.watch))
            return None
        return _native.pools()

    @line_cell_magic
    def limit(self, line: str, cell: str | None = None) -> Scope | None:
        """Limit the threads of native pools, for the notebook or for a cell.

        %limit blas=4 openmp=8    from here on, for libraries loaded later too
        %limit 2                  every pool
        %limit                    show what is limited
        %limit --off              back to what it was before, also where the last line
                                  of a cell was poolkeeper.limit(1)
        %limit --notebook FILE    what that notebook's metadata says
        %%limit blas=1            for this cell, await in it as you like
        %%limit --force blas=8    more than the notebook's own limit
        """
        if cell is not None:
            self._as_cell("limit", line, cell)
            return None
        options = _limit_parser().parse_args(_words(line))
        limits = self._wanted(options)
        try:
            if options.cell:
                self._limit_cell(limits, options.force)
                return None
            return self._limit_notebook(limits, options)
        except LimitError as error:
            raise UsageError(f"%limit: {error}") from None

    def _wanted(self, options: argparse.Namespace) -> Limits | None:
        """The limits that the line asks for, or the file that it names."""
        try:
            limits = parse_limits(options.limits)
            if options.notebook is None:
                return limits
            if limits is not None:
                raise ValueError("--notebook FILE has the limits: name none beside it")
            return _of_notebook(Path(options.notebook))
        except (ValueError, OSError) as error:
            raise UsageError(f"%limit: {error}") from None

    def _limit_cell(self, limits: Limits | None, force: bool) -> None:
        if limits is None:
            raise UsageError("%%limit: which pools? As in %%limit blas=1")
        scope = _native.limit(limits, force=force)
        self._extension.cells.enter(scope)
        # What is as asked for needs no word.
        for outcome in scope.outcomes:
            if outcome.status != "applied":
                print(f"poolkeeper: {outcome}")

    def _limit_notebook(self, limits: Limits | None, options: argparse.Namespace) -> Scope | None:
        if options.off:
            ended = self._extension.end_all()
            kept = [name for name in ended if name.startswith("Out[")]
            if kept:
                print(f"poolkeeper: ended the limit that {' and '.join(kept)} kept")
            print("poolkeeper: this notebook has no limit")
            return None
        scope = self._extension.scope
        if limits is not None:
            scope = self._extension.set_limit(limits, options.force)
        kept_scopes = self._extension.kept()
        if scope is None and not kept_scopes:
            print("poolkeeper: this notebook has no limit; %limit blas=4 sets one")
        for name, kept_scope in kept_scopes:
            print(f"poolkeeper: {name} keeps a limit; %limit --off ends it")
            display(kept_scope)  # type: ignore[no-untyped-call]
        return scope

    @line_magic
    def cpus(self, line: str) -> Cpus:
        """Show the CPUs that this kernel may use, and who says so."""
        if line.strip():
            raise UsageError(f"%cpus takes no arguments, not {line.strip()!r}")
        try:
            return cpus()
        except LimitError as error:
            raise UsageError(f"%cpus: {error}") from None

    @line_magic
    def doctor(self, line: str) -> Report | None:
        """Say what is wrong with the pools of this kernel, and what to type.

        %doctor               here and now
        %doctor --cpus 128    on a machine with so many CPUs
        %doctor --notes       as text, with what is usual and worth knowing
        """
        parser = _Parser(prog="doctor", add_help=False, allow_abbrev=False)
        parser.add_argument("--cpus", type=int)
        parser.add_argument("--notes", action="store_true")
        options = parser.parse_args(_words(line))
        try:
            report = doctor(cpus=options.cpus)
        except LimitError as error:
            raise UsageError(f"%doctor: {error}") from None
        if options.notes:
            print(report.text(notes=True))
            return None
        return report

    def _as_cell(self, name: str, line: str, cell: str) -> None:
        """A call from a program: cells that people write don't come here (cells.py)."""
        self._shell.run_cell(f"%%{name} {line}\n{cell}")


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{error}: {line!r}") from None


def _of_notebook(path: Path) -> Limits:
    limits = settings.read(path)
    if limits is None:
        raise ValueError(f"{path.name} has no limits; `poolkeeper notebook --set` writes them")
    return limits
