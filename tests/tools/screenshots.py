#!/usr/bin/env python3
"""Take the docs' pictures of a notebook in JupyterLab: docs/img/notebook-*.png.

The same cells in the light and in the dark theme, in a headless Chromium. Look at
them before you commit them: no test does.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

import nbformat  # noqa: E402
from notebooks import browser_page, jupyterlab, notebook, run_in_lab  # noqa: E402

IMPORTS = """\
%load_ext poolkeeper
import numpy, scipy.linalg, sklearn.cluster
%pools"""
WATCHED = """\
%%pools --watch
data = numpy.random.default_rng(0).random((60_000, 16))
sklearn.cluster.KMeans(32, n_init=1, max_iter=40, init="random").fit(data)  # OpenMP
square = data[:1500] @ data[:1500].T
for _ in range(12):
    square @ square  # BLAS"""
PICTURES = {
    "notebook-light": ("JupyterLab Light", (IMPORTS, WATCHED)),
    "notebook-dark": (
        "JupyterLab Dark",
        (IMPORTS, "%limit openmp=8 blas=1", "%pools"),
    ),
}


def main() -> int:
    for name, (theme, cells) in PICTURES.items():
        target = ROOT / "docs" / "img" / f"{name}.png"
        take(target, theme, cells)
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KB")
    return 0


def take(target: Path, theme: str, cells: tuple[str, ...]) -> None:
    """Run the cells, and keep what the notebook shows."""
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(notebook(*cells), Path(folder) / "analysis.ipynb")
        with (
            jupyterlab(Path(folder), theme) as address,
            browser_page(viewport={"width": 1250, "height": 900}) as page,
        ):
            pictures = sum(
                cell.count("%pools") + cell.count("%limit") + cell.count("%cpus") for cell in cells
            )
            run_in_lab(page, address, "analysis.ipynb", pictures)
            page.wait_for_timeout(1000)  # for the picture alone: fonts, and the scroll bar
            inner = page.locator(".jp-WindowedPanel-inner, .jp-Notebook").first
            inner.screenshot(path=target)


if __name__ == "__main__":
    sys.exit(main())
