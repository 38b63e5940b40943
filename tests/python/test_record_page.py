"""The page of ``poolkeeper record``: read by a parser, and shown in a browser."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import poolkeeper
import pytest
from isolated import run
from notebooks import browser_page
from recorded import RECORD, Element, Page, points, seconds, surface, table

CPUS = int(poolkeeper.cpus())

#: More threads than CPUs, named by a tag; and a child process.
PROGRAM = f"""
import numpy, os, poolkeeper, time
poolkeeper.set_limit(blas={3 * CPUS})
child = os.fork()
a = numpy.random.default_rng(0).random((800, 800))
begin = time.process_time()
while time.process_time() - begin < {CPUS}:
    a @ a
if child:
    os.waitpid(child, 0)
else:
    os._exit(0)
"""
TAG = "<b>&'\"<script>alert(1)</script>"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a program whose command has markup in it."""
    folder = tmp_path_factory.mktemp("record")
    done = run([*RECORD, "-o", "page.html", "--", sys.executable, "-c", PROGRAM, TAG], cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "page.html"


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    return Page(path.read_text())


def test_it_needs_nothing_else(path: Path, page: Page) -> None:
    assert path.read_text().startswith("<!doctype html>")
    assert page.root.all("script") == page.root.all("img") == page.root.all("link") == []
    assert not re.search(r"https?:|@import|url\((?!#wait)", path.read_text())
    elements = page.root.all("html")[0]
    assert elements.attributes["lang"] == "en"
    names = {name for element in _all(elements) for name in element.attributes}
    assert not {name for name in names if name.startswith("on") or name in {"src", "href"}}


def _all(element: Element) -> Iterator[Element]:
    for child in element.children:
        yield child
        yield from _all(child)


def test_a_commands_markup_is_text(path: Path, page: Page) -> None:
    assert page.root.all("b") == []
    (title,) = page.root.all("h1")
    assert "python" in title.text
    assert "-c ..." in title.text
    assert "<script>" not in path.read_text()


def test_the_verdict_stands_on_top(page: Page) -> None:
    body = page.root.all("body")[0]
    names = [(child.name, child.attributes.get("class")) for child in body.children[:2]]
    assert names == [("h1", None), ("div", "verdict")]
    said = [line.text for line in body.all("p") if " shared " in line.text]
    assert len(said) == 1
    assert re.match(r"\d+ % of the time \d+ threads on average", said[0])
    assert f"shared {CPUS} CPU" in said[0]
    assert "openblas's" in said[0]
    lines = [code.text for code in body.all("div", class_="verdict")[0].all("code")]
    assert lines
    assert lines[0].startswith("poolkeeper run --processes 2 -- ")


def test_the_picture_holds_what_the_table_says(page: Page) -> None:
    (svg,) = page.root.all("svg")
    _, _, width, height = (float(number) for number in svg.attributes["viewbox"].split())
    drawn = {}
    for verb in ("worked", "waited"):
        paths = svg.all("path", class_=verb)
        assert paths
        for one in paths:
            for x, y in points(one.attributes["d"]):
                assert 0 <= x <= width
                assert 0 <= y <= height
        drawn[verb] = sum(surface(points(one.attributes["d"])) for one in paths)
    (budget,) = svg.all("path", class_="budget")
    line = points(budget.attributes["d"])
    assert len({y for _, y in line}) == 1
    assert line[0][0] < 60
    assert line[-1][0] > width - 20
    # A CPU for all of the time is the area under the budget, divided by the CPUs.
    base = max(
        y for one in svg.all("path", class_="worked") for _, y in points(one.attributes["d"])
    )
    whole = (line[-1][0] - line[0][0]) * (base - line[0][1]) / CPUS
    (clock,) = [text for text in page.root.all("p", class_="soft") if "on the clock" in text.text]
    wall = seconds(clock.text.split(" on the clock")[0])
    rows = table(page, "owners")
    for verb, column in (("worked", 2), ("waited", 3)):
        said = sum(seconds(row[column]) for row in rows)
        assert drawn[verb] / whole * wall == pytest.approx(said, rel=0.1, abs=0.1)


def test_each_owner_has_the_colour_of_its_part(page: Page) -> None:
    (svg,) = page.root.all("svg")
    fills = {one.attributes["fill"] for one in svg.all("path", class_="worked")}
    (owners,) = page.root.all("table", id="owners")
    swatches = {one.attributes["style"].removeprefix("background:")
                for one in owners.all("span", class_="swatch")}  # fmt: skip
    assert fills <= swatches
    assert len(fills) == len(svg.all("path", class_="worked"))
    patterns = {one.attributes["id"] for one in svg.all("pattern")}
    stripes = {one.attributes["fill"] for one in svg.all("path", class_="waited")}
    assert stripes <= {f"url(#{name})" for name in patterns}


def test_each_process_has_a_row(page: Page) -> None:
    rows = table(page, "processes")
    assert len(rows) == 2
    for row in rows:
        assert "python" in row[0]
        assert int(row[3]) >= 3 * CPUS
        assert seconds(row[4]) >= CPUS * 0.8


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it(path: Path, scheme: str) -> None:
    with browser_page(color_scheme=scheme, viewport={"width": 900, "height": 900}) as shown:
        asked: list[str] = []
        said: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: said.append(message.text))
        shown.goto(path.as_uri())
        assert asked == [path.as_uri()]
        assert said == []
        box = shown.locator("svg").bounding_box()
        assert box["width"] > 700
        assert box["height"] > 200
        # Nothing is wider than the window.
        assert shown.evaluate("document.documentElement.scrollWidth") <= 900
        style = "getComputedStyle(document.body)"
        light = [shown.evaluate(f"{style}.{what}") for what in ("color", "backgroundColor")]
        text, ground = (sum(int(part) for part in re.findall(r"\d+", one)[:3]) for one in light)
        assert (text < 200 < 560 < ground) if scheme == "light" else (ground < 200 < 560 < text)
        parts = shown.locator("svg path.worked").all()
        assert parts
        assert any(part.bounding_box()["height"] > 5 for part in parts)
