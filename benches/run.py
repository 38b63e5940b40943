#!/usr/bin/env python3
"""Measure poolkeeper against threadpoolctl, and write down what comes out.

A whole run writes benches/results.json, docs/measurements.md and
docs/img/discovery.svg; `--quick` and `--only` write nothing. The exit code says
whether everything could be measured, not whether goals were met.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import discovery
import report
from measure import FULL, Result
from programs import rounds as programs_rounds

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
#: In the order of the table: each is a file here that can be run alone.
CALLS = ("scopes", "pools", "native", "discovery", "contention", "import_time")
#: Whole programs, each run a process of its own.
PROGRAMS = ("quota", "workers", "suite")
THEMES = CALLS + PROGRAMS
EXAMPLES = """\
examples:
  run.py                          everything, half an hour; writes the numbers of the docs
  run.py --quick                  a look, a few minutes; writes nothing
  run.py --only scopes            one theme; may be given again
  scopes.py                       the same, without a process of its own
"""


class Failed(Exception):
    """A theme could not be measured; the message says why."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer libraries")
    parser.add_argument("--only", action="append", choices=THEMES, metavar="NAME",
                        help=f"one of {', '.join(THEMES)}")  # fmt: skip
    options = parser.parse_args()
    begin = time.monotonic()
    machine = report.machine()
    results, failures = run_themes(options.only or list(THEMES), options.quick)
    rows = [row for result in results.values() for row in result.rows]
    print(report.table(rows) if rows else "nothing was measured")
    print(f"{machine['processor']}; {machine['python']}; {time.monotonic() - begin:.0f} s")
    for name, reason in failures.items():
        print(f"\n{name} failed: {reason}", file=sys.stderr)
    if failures:
        return 1
    if not (options.quick or options.only):
        write(results, machine)
    return 0


def run_themes(names: list[str], quick: bool) -> tuple[dict[str, Result], dict[str, str]]:
    """Return what the themes found, and why the others failed, by name."""
    results: dict[str, Result] = {}
    failures: dict[str, str] = {}
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            results[name] = run_theme(name, quick)
        except Failed as failure:
            failures[name] = str(failure)
    return results, failures


def run_theme(name: str, quick: bool) -> Result:
    """Run a theme in a process of its own: what one loads, the next must not pay for.

    Raises:
        Failed: it cannot be measured.
    """
    command = [sys.executable, str(HERE / f"{name}.py"), "--json"]
    done = subprocess.run(
        command + ["--quick"] * quick, capture_output=True, text=True, cwd=HERE.parent
    )
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"it ended with {done.returncode}")
    return Result.from_json(json.loads(done.stdout))


def write(results: dict[str, Result], machine: dict[str, str]) -> None:
    """Write the numbers, the page and the plot."""
    calls, programs = (
        [row for name in names for row in results[name].rows] for names in (CALLS, PROGRAMS)
    )
    discovered = results["discovery"].details
    numbers = {
        "machine": machine,
        "rows": report.as_dict(calls + programs),
        "discovery": discovered,
    }
    (HERE / "results.json").write_text(json.dumps(numbers, indent=1) + "\n")
    DOCS.mkdir(exist_ok=True)
    text = report.page(calls, programs, machine, FULL.rounds, programs_rounds(FULL))
    (DOCS / "measurements.md").write_text(text)
    discovery.plot(discovered, DOCS / "img" / "discovery.svg")
    print("written: benches/results.json  docs/measurements.md  docs/img/discovery.svg")


if __name__ == "__main__":
    sys.exit(main())
