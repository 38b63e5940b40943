"""Programs under ``poolkeeper record``, and its page as a parser sees it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from isolated import run

RECORD = [sys.executable, "-m", "poolkeeper", "record"]
#: Elements that have no end.
VOID = {"meta", "br", "link", "img", "hr"}


def record(
    *command: str, code: int = 0, options: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Record a command; what it printed, and the numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recording.json")
        done = run([*RECORD, "-o", str(path), *options, "--", *command], env=env)
        assert done.returncode == code, f"{done.stdout}{done.stderr}"
        numbers: dict[str, Any] = json.loads(path.read_text())
    return done, numbers


def record_python(
    program: str, **options: Any
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """The same for Python code."""
    return record(sys.executable, "-c", program, **options)


def causes(numbers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the verdict says was wrong."""
    return {cause["cause"]: cause for cause in numbers["verdict"]["causes"]}


@dataclass
class Element:
    """An element, its attributes, and the text in it, that of its elements included."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, name: str, **attributes: str) -> list[Element]:
        """The elements of a name in it that have these attributes."""
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        found = []
        for child in self.children:
            if child.name == name and wanted.items() <= child.attributes.items():
                found.append(child)
            found += child.all(name, **attributes)
        return found


class Page(HTMLParser):
    """A page whose every element must end where it should."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(text)
        self.close()
        assert self.open == [self.root], f"not ended: {self.open[-1].name}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag, f"</{tag}> ends nothing"

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def table(page: Page, name: str) -> list[list[str]]:
    """The cells of a table's rows, without its headings."""
    (found,) = page.root.all("table", id=name)
    rows = [[cell.text for cell in row.all("td")] for row in found.all("tr")]
    return [row for row in rows if row]


def points(path: str) -> list[tuple[float, float]]:
    """The corners of an SVG path of M, L, H and Z."""
    corners: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MLHZ])([^MLHZ]*)", path):
        values = [float(number) for number in numbers.split()]
        if command == "H":
            corners.append((values[0], corners[-1][1]))
        elif command != "Z":
            corners.append((values[0], values[1]))
    return corners


def surface(corners: list[tuple[float, float]]) -> float:
    """The area that a path encloses."""
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def seconds(shown: str) -> float:
    """A time as the page writes it."""
    number, unit = shown.removeprefix("<").split()
    return float(number) * {"s": 1, "min": 60}[unit]
