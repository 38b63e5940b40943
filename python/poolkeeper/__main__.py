"""The command: ``poolkeeper`` and ``python -m poolkeeper``."""

import sys

from ._native import run_command


def main() -> int:
    """Run the command with this process's arguments; return its exit code."""
    code: int = run_command(["poolkeeper", *sys.argv[1:]], is_process=True)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        # The reader has gone (`| head`), or a module has closed the stream: leave
        # nothing to flush at exit.
        sys.stdout = None
    return code


if __name__ == "__main__":
    sys.exit(main())
