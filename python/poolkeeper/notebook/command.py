"""``poolkeeper notebook``: limits in a notebook's metadata, and a kernel."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from . import kernel, settings
from .options import check_limits, parse_limits

DESCRIPTION = """\
Keep limits in a notebook's metadata, or install a kernel that keeps the budget.

The limits hold when the notebook says `%load_ext poolkeeper`, after every restart
of its kernel."""

EPILOG = """\
examples:
  poolkeeper notebook --set blas=4 --set openmp=8 analysis.ipynb
  poolkeeper notebook analysis.ipynb              what does it say now?
  poolkeeper notebook analysis.ipynb --json       the same for a program to read
  poolkeeper notebook --unset analysis.ipynb
  poolkeeper notebook --kernel                    for this user
  poolkeeper notebook --kernel --prefix /usr/local    for everybody (JupyterHub)

exit codes: 0 done; 1 a notebook or kernel could not be read or written; 2 wrong
arguments"""


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say; return the exit code."""
    parser = _parser()
    try:
        options = parser.parse_args(list(arguments))
        _check(parser, options)
    except SystemExit as done:  # argparse has said why
        return int(done.code or 0)
    try:
        if options.kernel:
            return _install(options)
        return _notebooks(options)
    except kernel.CannotInstall as error:
        return _failed(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="poolkeeper notebook",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="FILE", help="the notebooks")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--set",
        action="append",
        metavar="LIMIT",
        help="a number for every pool, or name=number; may be given several times",
    )
    what.add_argument("--unset", action="store_true", help="remove the limits")
    what.add_argument("--kernel", action="store_true", help="install the kernel")
    parser.add_argument("--json", action="store_true", help="write what was done as JSON")
    parser.add_argument("--name", help=f"the kernel's name; default: {kernel.NAME}")
    parser.add_argument(
        "--display-name", help=f"the name that Jupyter shows; default: {kernel.DISPLAY_NAME}"
    )
    parser.add_argument(
        "--prefix",
        type=Path,
        help="the installation that gets the kernel; default: the user's own folder",
    )
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with exit code 2 where the arguments don't fit together."""
    of_kernel = (options.name, options.display_name, options.prefix)
    if options.kernel and options.notebooks:
        parser.error("--kernel is for all notebooks: name none")
    if not options.kernel and any(value is not None for value in of_kernel):
        parser.error("--name, --display-name and --prefix belong to --kernel")
    if not options.kernel and not options.notebooks:
        parser.error("which notebook? Name a file, or type --kernel")
    try:
        options.set = parse_limits(options.set or [])
        if options.set is not None:
            check_limits(options.set)
    except ValueError as error:
        parser.error(f"--set: {error}")


def _install(options: argparse.Namespace) -> int:
    chosen = {"name": options.name, "display_name": options.display_name}
    chosen = {word: value for word, value in chosen.items() if value is not None}
    folder = kernel.install(**chosen, prefix=options.prefix)
    print(json.dumps({"kernel": str(folder)}) if options.json else f"installed {folder}")
    return 0


def _notebooks(options: argparse.Namespace) -> int:
    code, done = 0, []
    for path in options.notebooks:
        try:
            if options.set is not None or options.unset:
                settings.write(path, options.set)
            limits = settings.read(path)
            done.append({"notebook": str(path), "limits": limits})
            if not options.json:
                print(f"{path}: {settings.in_words(limits)}")
        except BrokenPipeError:
            raise  # a reader that stopped reading, which the command knows
        except (ValueError, OSError) as error:
            code = _failed(error)
    if options.json:
        print(json.dumps(done, indent=2))
    return code


def _failed(error: Exception) -> int:
    print(f"poolkeeper: {error}", file=sys.stderr)
    return 1
