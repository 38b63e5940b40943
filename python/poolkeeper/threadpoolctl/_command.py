"""The command line: threadpoolctl's own, and ``run``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import runpy
import sys

_SHIM = os.path.join(os.path.dirname(__file__), "_shim")

_RUN_HELP = """\
usage: python -m poolkeeper.threadpoolctl run [-m MODULE | SCRIPT] [ARGUMENT ...]

Run a Python program in which `import threadpoolctl` means poolkeeper's, in the
child processes it starts too.

Examples:
  python -m poolkeeper.threadpoolctl run train.py --epochs 3
  python -m poolkeeper.threadpoolctl run -m pytest tests
"""


def main(arguments: list[str]) -> int:
    """Run the command with these arguments; return its exit code."""
    if arguments[:1] == ["run"]:
        return run(arguments[1:])
    return info(arguments)


def info(arguments: list[str]) -> int:
    """Print what is known of the thread pools, as JSON; as threadpoolctl does."""
    from . import threadpool_info

    parser = argparse.ArgumentParser(
        prog="python -m poolkeeper.threadpoolctl",
        description="Display thread-pool information and exit. "
        "'run SCRIPT' runs a program with threadpoolctl replaced: see 'run --help'.",
    )
    parser.add_argument(
        "-i",
        "--import",
        dest="modules",
        nargs="*",
        default=(),
        metavar="MODULE",
        help="Python modules to import before introspecting thread-pools.",
    )
    parser.add_argument(
        "-c",
        "--command",
        metavar="STATEMENT",
        help="a Python statement to execute before introspecting thread-pools.",
    )
    options = parser.parse_args(arguments)
    for module in options.modules:
        try:
            importlib.import_module(module)
        except ImportError:
            print("WARNING: could not import", module, file=sys.stderr)
    if options.command:
        exec(options.command, {"__name__": "__main__"})
    text = json.dumps(threadpool_info(debugging_info=True), indent=2)
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader has gone (`| head`): leave nothing to flush at exit.
        sys.stdout = None
    return 0


def run(arguments: list[str]) -> int:
    """Run a program in which ``import threadpoolctl`` means poolkeeper's."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_RUN_HELP, end="")
        return 0 if arguments else 2
    _replace_in_this_process_and_its_children()
    if arguments[0] == "-m":
        if len(arguments) < 2:
            print("run: -m needs the name of a module", file=sys.stderr)
            return 2
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    script = arguments[0]
    if not os.path.exists(script):
        print(f"run: there is no file {script}", file=sys.stderr)
        return 2
    sys.argv = arguments
    if not getattr(sys.flags, "safe_path", False):
        # In place of the working directory, which `python -m` has put there.
        sys.path[0] = os.path.dirname(os.path.abspath(script))
    runpy.run_path(script, run_name="__main__")
    return 0


def _replace_in_this_process_and_its_children() -> None:
    from . import install

    install()
    # A child that is a new interpreter finds the shim before the real one: by the
    # variable, and by this process's path where multiprocessing hands it on.
    sys.path.insert(1, _SHIM)
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = _SHIM if not inherited else os.pathsep.join((_SHIM, inherited))
