"""Notebooks in JupyterLab, in a headless Chromium, in both of its themes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebooks import browser_page, jupyterlab, notebook, run_in_lab

pytestmark = [pytest.mark.usefixtures("lab"), pytest.mark.slow]

IMPORTS = "%load_ext poolkeeper\nimport numpy, sklearn.cluster\n%pools"
WATCHED = "%%pools --watch\nnumpy.ones((500, 500)) @ numpy.ones((500, 500));"
LIMITED = "%limit blas=1 openmp=8"
JUDGED = "%doctor"

#: The text color of what is drawn, how opaque it is, and the color behind it, as the
#: browser computed them.
COLORS = """
() => [...document.querySelectorAll(
  '.poolkeeper :is(b, td, th, p, li, code, text, .faint)'
)].map(element => {
  const style = getComputedStyle(element);
  let behind = element;
  while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)')
    behind = behind.parentElement;
  let opacity = 1;
  for (let outer = element; outer !== behind; outer = outer.parentElement)
    opacity *= getComputedStyle(outer).opacity;
  const text = element.tagName === 'text' ? style.fill : style.color;
  return [text, opacity, getComputedStyle(behind).backgroundColor];
})
"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_pictures_read_well_in_both_themes(tmp_path: Path, theme: str) -> None:
    nbformat.write(notebook(IMPORTS, WATCHED, LIMITED, JUDGED), tmp_path / "analysis.ipynb")
    elsewhere: list[str] = []
    with jupyterlab(tmp_path, theme) as address, browser_page() as page:
        page.on("request", lambda request: elsewhere.append(request.url))
        run_in_lab(page, address, "analysis.ipynb", pictures=4)
        colors = page.evaluate(COLORS)
        sizes = page.locator(".poolkeeper svg polygon").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().height)"
        )
    # JupyterLab's own requests go to its server; nothing goes to another host.
    other = {url for url in elsewhere if not url.startswith((address, "data:", "blob:"))}
    assert {url for url in other if not url.startswith(address.replace("http", "ws"))} == set()
    assert len(colors) > 20
    assert min(_contrast(*pair) for pair in colors) > 4.5
    assert max(sizes) > 10


def _contrast(text: str, opacity: float, behind: str) -> float:
    """The contrast of two colors, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    *front, alpha = _channels(text)
    *back, _ = _channels(behind)
    alpha *= opacity
    seen = [alpha * f + (1 - alpha) * b for f, b in zip(front, back, strict=True)]
    lighter, darker = sorted((_luminance(seen), _luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _channels(color: str) -> list[float]:
    """Red, green and blue from 0 to 1, and the alpha: of "rgb(0, 0, 0)", "rgba(0, 0, 0, 0.87)"."""
    parts = [float(part) for part in color[color.index("(") + 1 : color.index(")")].split(",")]
    return [*(part / 255 for part in parts[:3]), parts[3] if len(parts) > 3 else 1.0]


def _luminance(channels: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_notebooks_limit_survives_a_restart(tmp_path: Path) -> None:
    made = notebook(
        "%load_ext poolkeeper\nimport numpy, poolkeeper",
        "print('threads', [pool.num_threads for pool in poolkeeper.pools()])\n%pools",
        poolkeeper={"limits": {"blas": 1}},
    )
    nbformat.write(made, tmp_path / "analysis.ipynb")
    with jupyterlab(tmp_path) as address, browser_page() as page:
        run_in_lab(page, address, "analysis.ipynb", pictures=1)
        first = _outputs(page)
        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        page.get_by_text("Restart Kernel and Run All Cells…", exact=True).click()
        page.get_by_role("button", name="Confirm Kernel Restart").click()
        page.wait_for_function("document.querySelectorAll('.poolkeeper').length === 0")
        page.wait_for_function("document.querySelectorAll('.poolkeeper').length === 1")
        second = _outputs(page)
    for shown in (first, second):
        assert "poolkeeper: limit blas=1, says analysis.ipynb" in shown
        assert "threads [1]" in shown


def _outputs(page: Any) -> str:
    return "\n".join(page.locator(".jp-OutputArea-output").all_inner_texts())
