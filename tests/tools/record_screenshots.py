#!/usr/bin/env python3
"""Take the docs' pictures of a recording's page: docs/img/record-*.png.

scikit-learn's histogram gradient boosting with more threads than CPUs, recorded,
and the page's top in a headless Chromium, in light and in dark. Best on a machine
that does nothing else. Look at them before you commit them: no test does.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

from isolated import environment  # noqa: E402
from notebooks import browser_page  # noqa: E402

TRAIN = """\
import numpy
from sklearn.ensemble import HistGradientBoostingRegressor
data = numpy.random.default_rng(0).random((100_000, 20))
HistGradientBoostingRegressor(max_iter=40).fit(data, data[:, 0])
"""
WIDTH = 860


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "train.py").write_text(TRAIN)
        command = [sys.executable, "-m", "poolkeeper", "record", "--", "python", "train.py"]
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        variables = environment(OMP_NUM_THREADS="16", PATH=path)
        subprocess.run(command, cwd=folder, env=variables, check=True)
        for scheme in ("light", "dark"):
            target = ROOT / "docs" / "img" / f"record-{scheme}.png"
            take(Path(folder, "recording.html"), scheme, target)
            print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KB")
    return 0


def take(recording: Path, scheme: str, target: Path) -> None:
    """Keep what the page shows down to the end of its picture."""
    size = {"width": WIDTH, "height": 1200}
    with browser_page(color_scheme=scheme, viewport=size) as page:
        page.goto(recording.as_uri())
        box = page.locator("svg").bounding_box()
        height = box["y"] + box["height"] + 12
        page.screenshot(path=target, clip={"x": 0, "y": 24, "width": WIDTH, "height": height - 24})


if __name__ == "__main__":
    sys.exit(main())
