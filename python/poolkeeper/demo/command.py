"""The command line of ``poolkeeper demo``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import poolkeeper

from . import photo, report
from .contestants import CONTESTANTS, choose_start
from .libraries import MissingLibrary, import_libraries
from .progress import BOLD, Progress, paint
from .runs import Setting, run_all, unlimited

TITLE = "poolkeeper demo: k-means on a photograph, without and with limits"

DESCRIPTION = """\
Reduce a photograph to a few colours with scikit-learn's KMeans and with
poolkeeper's: each once with no limit, then inside two nested limits, and count
the threads that really worked.
"""

EXAMPLES = """\
examples:
  poolkeeper demo                        every CPU for OpenMP, one thread each for BLAS
  poolkeeper demo --openmp 8 --blas 4    limits of your own
  poolkeeper demo --repeat 5             five turns; the table shows the median
  poolkeeper demo --json > result.json   for programs; progress stays on stderr

the limits, as you would write them:
  with poolkeeper.limit(openmp=8):
      with poolkeeper.limit(blas=1):
          KMeans(64).fit(pixels)

exit codes: 0 done, 1 the demo could not run, 2 wrong arguments, 130 interrupted
"""

#: A palette holds no more; and more colours take minutes.
MOST_COLORS = 256

#: Each OpenMP thread calls BLAS, and an OpenBLAS wheel compiled for 64 threads
#: is only sure to survive that many callers.
MOST_CALLERS = 64

#: ``--quick`` takes every fourth row and column: a sixteenth of the pixels.
QUICK_SHRINK = 4


def main(argv: list[str] | None = None) -> int:
    """Run ``poolkeeper demo``.

    Args:
        argv: the arguments after ``poolkeeper demo``; ``None`` takes them from
            ``sys.argv``.

    Returns:
        The exit code: 0 done (or help shown), 1 a library is missing or the
        picture cannot be written, 2 wrong arguments, 130 interrupted.

    Example:
        >>> main(["--quick", "--colors", "8", "--openmp", "1"])  # doctest: +SKIP
        0
    """
    try:
        arguments = parse(argv)
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else 2
    with Progress(sys.stderr) as progress:
        try:
            run_demo(arguments, progress)
        except BrokenPipeError:
            raise  # a reader that stopped reading, which the command knows
        except (MissingLibrary, OSError) as error:
            progress.fail(str(error))
            return 1
        except KeyboardInterrupt:
            progress.fail("interrupted")
            return 130
    return 0


def run_demo(arguments: argparse.Namespace, progress: Progress) -> None:
    """Show the pools, make the runs, write the picture, print the report.

    Args:
        arguments: what ``parse`` returned.

    Raises:
        MissingLibrary: numpy, scipy, scikit-learn or pillow is not installed.
        OSError: the picture cannot be written.
    """
    out = sys.stderr if arguments.json else sys.stdout
    print(paint(TITLE, BOLD, out), file=out, flush=True)

    with progress.step("importing mdtraj, numpy, scipy.linalg, sklearn.cluster"):
        warnings = import_libraries()
    for warning in warnings:
        progress.warn(warning)
    pools = poolkeeper.pools()
    report.print_title("Native thread pools in this process", out)
    print(pools, flush=True, file=out)

    picture = photo.load_photo(QUICK_SHRINK if arguments.quick else 1)
    height, width = picture.shape[:2]
    report.print_title(f"From {width} x {height} pixels to {arguments.colors} colours", out)
    first = unlimited(pools)
    if first.openmp is not None:
        progress.warn(
            f"with no limit more threads would call BLAS than the {first.openmp} that it "
            f"survives, and Python could crash: the first run has {first.name} instead"
        )
    settings = [first, Setting(arguments.openmp, arguments.blas)]
    pixels = photo.pixels_of(picture)
    with progress.step("choosing the start, the same for all"):
        start = choose_start(pixels, arguments.colors)
    runs = run_all(CONTESTANTS, settings, pixels, start, arguments.repeat, progress)

    if not arguments.json:  # before the picture, which a full disk may refuse
        report.print_runs(runs, out)
        report.print_outcomes(runs, out)
    result = runs[-1].result
    size = photo.write_comparison(picture, result.labels, result.centers, arguments.output)
    if arguments.json:
        found = report.as_json(runs, pools, picture.shape, arguments.colors, arguments.output)
        print(json.dumps(found, indent=2))
        return
    report.print_title(f"Picture: original | {arguments.colors} colours", out)
    print(f"{arguments.output} ({size[0]} x {size[1]} pixels)", file=out)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the arguments.

    Returns:
        ``openmp``, ``blas``, ``colors``, ``repeat`` (positive integers),
        ``output`` (a path in a folder that exists), ``quick`` and ``json``.

    Raises:
        SystemExit: with code 2 for wrong arguments, 0 for ``--help``; the
            message has been printed.
    """
    parser = argparse.ArgumentParser(
        prog="poolkeeper demo",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    openmp = min(_cpus(), MOST_CALLERS)
    add = parser.add_argument
    add(
        "--openmp",
        type=_positive,
        default=openmp,
        metavar="N",
        help=f"threads for OpenMP in the limited run (default: the CPUs of this process, at "
        f"most {MOST_CALLERS}; here {openmp})",
    )
    add(
        "--blas",
        type=_positive,
        default=1,
        metavar="N",
        help="threads for BLAS in the limited run (default: 1)",
    )
    add(
        "--colors",
        type=_colors,
        default=64,
        metavar="N",
        help=f"colours of the result, 1 to {MOST_COLORS} (default: 64)",
    )
    add(
        "--repeat",
        type=_positive,
        default=1,
        metavar="N",
        help="measure each run N times and show the median (default: 1)",
    )
    add(
        "--output",
        type=_picture_path,
        metavar="PATH",
        help="where to write the picture (default: china-COLORS-colors.png, here)",
    )
    add("--quick", action="store_true", help="a sixteenth of the pixels, to try things out")
    add("--json", action="store_true", help="print the result as JSON; the rest goes to stderr")
    arguments = parser.parse_args(argv)
    if arguments.output is None:
        arguments.output = Path(f"china-{arguments.colors}-colors.png")
    return arguments


def _cpus() -> int:
    """The CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return value


def _colors(text: str) -> int:
    value = _positive(text)
    if value > MOST_COLORS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_COLORS}")
    return value


def _picture_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: there is no folder {str(path.parent)!r}")
    return path
