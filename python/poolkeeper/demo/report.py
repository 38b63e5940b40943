"""What the demo prints on stdout: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from .meter import USED_SECONDS
from .progress import BOLD, DIM, paint
from .runs import SAME_RESULT, Run, inertia_difference

#: Raised when a field changes its meaning or goes away.
SCHEMA = 1

HEADINGS = ("run", "threads used", "peak", "wall s", "CPU s", "CPU/wall", "inertia")

LEGEND = (
    f"threads used: OS threads that ran {USED_SECONDS * 1000:.0f} ms or more; peak: most "
    "runnable at once; CPU s: all threads; CPU/wall: CPUs busy"
)


def print_title(title: str, out: TextIO) -> None:
    """Write a section title with an empty line before it."""
    print(f"\n{paint(title, BOLD, out)}", file=out, flush=True)


def print_runs(runs: Sequence[Run], out: TextIO) -> None:
    """Write the table of runs, its legend, and whether the results agree."""
    rows = [HEADINGS, *(_row(run) for run in runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for number, row in enumerate(rows):
        cells = [
            row[0].ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
        ]
        line = "  ".join(cells)
        print(paint(line, DIM, out) if number == 0 else line, file=out)
    print(paint(LEGEND, DIM, out), file=out)
    print(file=out)
    for run in runs[1:]:
        print(_compare(runs[0], run), file=out)
    print(f"same result: {_same_result(runs)}", file=out)


def print_outcomes(runs: Sequence[Run], out: TextIO) -> None:
    """Write what each limit did to each pool, once for each setting."""
    by_setting = {run.setting.name: run.outcomes for run in runs if run.outcomes}
    for name, outcomes in by_setting.items():
        print_title(f"What the two limits did ({name})", out)
        for outcome in outcomes:
            print(outcome, file=out)


def as_json(
    runs: Sequence[Run],
    pools: Iterable[Any],
    photo_shape: Sequence[int],
    colors: int,
    picture: Path,
) -> dict[str, Any]:
    """Collect the result of a demo for ``--json``.

    Args:
        runs: what ``run_all`` returned.
        pools: what ``poolkeeper.pools()`` returned before the first run.
        photo_shape: height and width of the photograph, in pixels.
        picture: where the comparison was written.

    Returns:
        Only strings, numbers, booleans, lists, dicts and ``None`` ("unknown").
    """
    difference = inertia_difference(runs)
    return {
        "schema": SCHEMA,
        "pools": [_pool(pool) for pool in pools],
        "photo": {"width": photo_shape[1], "height": photo_shape[0]},
        "colors": colors,
        "runs": [_run(run) for run in runs],
        "same_result": difference <= SAME_RESULT,
        "inertia_difference": difference,
        "picture": str(picture.resolve()),
    }


def _row(run: Run) -> tuple[str, ...]:
    usage = run.usage
    return (
        run.name,
        _number(usage.threads_used),
        _number(usage.peak_runnable),
        f"{usage.wall_seconds:.2f}",
        f"{usage.cpu_seconds:.2f}",
        _ratio(usage.cpu_seconds, usage.wall_seconds),
        f"{run.result.inertia:.2f}",
    )


def _compare(reference: Run, run: Run) -> str:
    before, after = reference.usage, run.usage
    return (
        f"{run.name} against {reference.name}: "
        f"threads used {_number(before.threads_used)} -> {_number(after.threads_used)}, "
        f"CPU time x {_ratio(after.cpu_seconds, before.cpu_seconds)}, "
        f"wall time x {_ratio(after.wall_seconds, before.wall_seconds)}"
    )


def _ratio(value: float, reference: float) -> str:
    return f"{value / reference:.2f}" if reference > 0 else "unknown"


def _number(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _same_result(runs: Sequence[Run]) -> str:
    difference = inertia_difference(runs)
    if difference > SAME_RESULT:
        return f"no (inertia differs by {difference:.1e} of its value)"
    if difference == 0:
        return "yes (inertia equal to the last digit)"
    return f"yes (inertia differs by {difference:.0e} of its value: rounding)"


def _pool(pool: Any) -> dict[str, Any]:
    return {
        "user_api": str(pool.user_api),
        "internal_api": str(pool.internal_api),
        "level": str(pool.level),
        "num_threads": pool.num_threads,
        "filepath": None if pool.filepath is None else str(pool.filepath),
    }


def _run(run: Run) -> dict[str, Any]:
    usage = run.usage
    return {
        "contestant": run.contestant.name,
        "setting": run.setting.name,
        "limits": run.setting.limits,
        "outcomes": run.outcomes,
        "threads_used": usage.threads_used,
        "peak_runnable": usage.peak_runnable,
        "wall_seconds": usage.wall_seconds,
        "cpu_seconds": usage.cpu_seconds,
        "cpu_wall_ratio": usage.cpu_seconds / usage.wall_seconds,
        "repeats": [
            {
                "threads_used": each.threads_used,
                "peak_runnable": each.peak_runnable,
                "wall_seconds": each.wall_seconds,
                "cpu_seconds": each.cpu_seconds,
            }
            for each in run.usages
        ],
        "inertia": run.result.inertia,
        "iterations": run.result.iterations,
    }
