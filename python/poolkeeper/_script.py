"""Running a user's program in this process as the interpreter itself would."""

from __future__ import annotations

import atexit
import os
import runpy
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TextIO


class CannotRun(Exception):
    """There is no such program; the message says what is allowed."""


def run(program: list[str], report: Callable[[str | None], int]) -> None:
    """Run a script (or ``-m`` and a module) with its arguments, as ``__main__``.

    Parameters
    ----------
    program : list of str
        A file and its arguments, or ``-m``, a module's name and its arguments.
    report : callable
        Called once, when the program has ended, after its threads and its own exit
        functions. The argument is the error that ended the program, if one did. The
        result becomes the exit code if it isn't 0 and the program's is.

    Raises
    ------
    CannotRun
        If there is no such file, or no module's name.
    BaseException
        The error that ended the program. It has been printed as the interpreter would.
    """
    execute = _prepare(program)
    end = _End(report)
    atexit.register(end)
    try:
        execute()
    except SystemExit as stop:
        if stop.code not in (None, 0):
            code = stop.code if isinstance(stop.code, int) else 1
            end.failure = f"the program ended with exit code {int(code)}"
        raise
    except BaseException as error:
        end.failure = f"the program ended with {type(error).__name__}"
        _print(error)
        raise


class _End:
    """Reports when the interpreter ends."""

    def __init__(self, report: Callable[[str | None], int]) -> None:
        self.failure: str | None = None
        self._report = report
        self._process = os.getpid()

    def __call__(self) -> None:
        # A forked child runs these exit functions, too.
        if os.getpid() != self._process:
            return
        _flush(sys.stdout)
        code = self._report(self.failure)
        if code and self.failure is None:
            _exit(code)


def _exit(code: int) -> None:
    """End this process with a code: it is too late for ``sys.exit``."""
    import ctypes

    _flush(sys.stdout)
    _flush(sys.stderr)
    ctypes.CDLL(None).fflush(None)  # what C code has printed
    os._exit(code)


def _flush(stream: TextIO | None) -> None:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):  # its reader has gone, or the program has closed it
        pass


def _prepare(program: list[str]) -> Callable[[], Any]:
    """Make this process look like the program's, and return what runs it."""
    name, *arguments = program
    if name == "-m":
        if not arguments:
            raise CannotRun("-m needs the name of a module")
        sys.argv = ["-m", *arguments[1:]]
        _set_first_path(os.getcwd())
        _fresh_main()
        # `python -m` calls this function; it has no public name.
        return lambda: runpy._run_module_as_main(arguments[0])  # type: ignore[attr-defined]
    if os.path.isdir(name):
        sys.argv = program
        return lambda: runpy.run_path(name, run_name="__main__")
    if not os.path.exists(name):
        raise CannotRun(_advice(name))
    sys.argv = program
    _set_first_path(os.path.dirname(os.path.realpath(name)))
    main = _fresh_main()
    main.__dict__.update(__file__=os.path.abspath(name), __cached__=None)
    return lambda: _execute(name, main)


def _execute(name: str, main: ModuleType) -> None:
    import importlib.machinery

    path = os.path.abspath(name)
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    with open(name, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, main.__dict__)


def _advice(name: str) -> str:
    is_python = os.path.basename(name).startswith("python")
    hint = ": name the script itself, without python before it" if is_python else ""
    return f"there is no file {name}{hint}"


def _set_first_path(folder: str) -> None:
    """Put the program's folder where the interpreter puts it."""
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _fresh_main() -> ModuleType:
    """A ``__main__`` without poolkeeper's names."""
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = main
    return main


def _print(error: BaseException) -> None:
    """Print the error that ended the program, without poolkeeper's frames, and only once."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.excepthook(type(error), error, trace)
    # The error goes on to the interpreter, for the exit code.
    sys.excepthook = lambda *_: None
