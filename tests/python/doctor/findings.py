"""What the tests of the doctor ask of a report.

When poolkeeper is imported matters to a rule: the tests do so, not this module.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

#: As many as a library starts by itself here: one for each CPU.
THREADS = len(os.sched_getaffinity(0))


def found(code: str, severity: str, **options: Any) -> Any:
    """Return the finding of that code; it must be there, once, and that severe."""
    import poolkeeper

    report = poolkeeper.doctor(**options)
    (finding,) = [finding for finding in report.findings if finding.code == code]
    assert finding.severity == severity, finding
    assert finding.summary.endswith("."), finding
    assert finding.evidence, finding
    assert finding.why, finding
    assert finding.references, finding
    assert any(finding.fix.values()), finding
    assert report.is_healthy == all(other.severity == "note" for other in report.findings)
    return finding


def not_found(code: str, **options: Any) -> None:
    """Require that the doctor has nothing to say of that code."""
    import poolkeeper

    report = poolkeeper.doctor(**options)
    assert [finding for finding in report.findings if finding.code == code] == []


def start_openmp() -> None:
    """Run a parallel loop of scikit-learn's, and so start libgomp's threads."""
    import numpy
    from sklearn.cluster import KMeans

    KMeans(2, n_init=1).fit(numpy.random.default_rng(0).normal(size=(2000, 4)))


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``poolkeeper doctor`` with these arguments."""
    from isolated import run

    return run([sys.executable, "-m", "poolkeeper", "doctor", *arguments], **options)
