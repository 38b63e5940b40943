"""Programs on a machine that isn't here: what the tests of ``simulate`` have in common."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from isolated import run

SIMULATE = [sys.executable, "-m", "poolkeeper", "simulate"]


def simulate(
    *command: str, cpus: int = 12, code: int | None = 0, env: dict[str, str] | None = None
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run a command as on a machine with so many CPUs; what it printed, and the report."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.json")
        options = ["--cpus", str(cpus), "--json", "--output", str(path)]
        done = run([*SIMULATE, *options, "--", *command], env=env)
        assert code is None or done.returncode == code, f"{done.stdout}{done.stderr}"
        report: dict[str, Any] = json.loads(path.read_text())
    return done, report


def simulate_python(
    program: str, cpus: int = 12, env: dict[str, str] | None = None
) -> tuple[Any, dict[str, Any]]:
    """The same for Python code that prints JSON (or nothing), and must not fail."""
    done, report = simulate(sys.executable, "-c", program, cpus=cpus, env=env)
    assert done.stderr == ""
    return json.loads(done.stdout or "null"), report


def pools(report: dict[str, Any], runtime: str) -> list[dict[str, Any]]:
    """The pools of a runtime."""
    return [pool for pool in report["pools"] if pool["runtime"] == runtime]


def codes(report: dict[str, Any]) -> set[str]:
    """The codes of the findings that are more than notes."""
    findings = report["doctor"]["findings"]
    return {finding["code"] for finding in findings if finding["severity"] != "note"}
