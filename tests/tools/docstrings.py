#!/usr/bin/env python3
"""Run the examples in the docstrings of the installed package, compiled ones too.

Each docstring runs in a namespace of its own. An example marked `+SKIP` runs as
well: only its output, which differs from machine to machine, is not compared.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import io
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType

import poolkeeper
from poolkeeper import _native

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="poolkeeper-docstrings-") as folder:
        os.chdir(folder)  # some write a file
        return run()


def run() -> int:
    passed = failed = 0
    # All are found before the first runs: a name that is used for the first time moves
    # from its module into the package.
    for test in list(examples()):
        for example in test.examples:
            if example.options.pop(doctest.SKIP, False):
                example.want = "...\n"
        output = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()):
            result = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=output.write)
        passed, failed = passed + (not result.failed), failed + bool(result.failed)
        print(output.getvalue(), end="")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def examples() -> Iterator[doctest.DocTest]:
    """Every docstring with an example, once."""
    finder, parser = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestParser()
    for module in modules():
        yield from (test for test in finder.find(module, module.__name__) if test.examples)
    for name, docstring in compiled():
        test = parser.get_doctest(docstring, {}, name, None, None)
        if test.examples:
            yield test


def modules() -> Iterator[ModuleType]:
    """The package and its modules, but those that run when they are imported."""
    yield poolkeeper
    for found in pkgutil.walk_packages(poolkeeper.__path__, "poolkeeper."):
        if not found.name.endswith(("__main__", "._native")):
            yield importlib.import_module(found.name)


def compiled() -> Iterator[tuple[str, str]]:
    """The extension's docstrings, with the names that they belong to."""
    for name, value in vars(_native).items():
        if name.startswith("__") or not callable(value):
            continue
        yield f"poolkeeper.{name}", inspect.getdoc(value) or ""
        if inspect.isclass(value) and value.__module__.startswith("poolkeeper"):
            for member, thing in vars(value).items():
                yield f"poolkeeper.{name}.{member}", inspect.getdoc(thing) or ""


if __name__ == "__main__":
    sys.exit(main())
