"""``poolkeeper record -o FILE.svg``: the picture alone, with the verdict and the owners."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import poolkeeper
from isolated import run
from recorded import RECORD

SVG = "{http://www.w3.org/2000/svg}"
MANY = 4 * int(poolkeeper.cpus())
CROWD = f"""
import numpy, poolkeeper, time
poolkeeper.set_limit(blas={MANY})
a = numpy.random.default_rng(0).random((1200, 1200))
begin = time.process_time()
while time.process_time() - begin < 3:
    a @ a
"""


def picture(folder: Path, *command: str) -> ElementTree.Element:
    path = folder / "x.svg"
    done = run([*RECORD, "-o", str(path), "--", *command])
    assert done.returncode == 0, done.stderr
    return ElementTree.fromstring(path.read_text())


def test_the_picture_has_the_verdict_and_the_owners(tmp_path: Path) -> None:
    svg = picture(tmp_path, sys.executable, "-c", CROWD)
    assert svg.tag == f"{SVG}svg"
    texts = [" ".join("".join(text.itertext()).split()) for text in svg.iter(f"{SVG}text")]
    said = " ".join(texts)
    assert "poolkeeper record: " in texts[0]
    assert "of the time" in said
    assert f"{MANY - 1} of them are openblas's" in said or "openblas's" in said
    # The legend has every colour of the picture.
    colours = {path.get("fill") for path in svg.iter(f"{SVG}path") if path.get("class") == "worked"}
    swatches = {rect.get("fill") for rect in svg.findall(f"{SVG}rect")}
    assert colours
    assert colours <= swatches
    assert {"openblas", "main thread"} <= set(texts)
    # Nothing is outside of it.
    (inner,) = svg.findall(f"{SVG}svg")
    high = float(svg.get("height", "0"))
    assert float(inner.get("y", "0")) + float(inner.get("height", "0")) < high
    assert all(float(text.get("y", "0")) < high for text in svg.findall(f"{SVG}text"))


def test_it_needs_nothing_else_and_its_words_are_no_markup(tmp_path: Path) -> None:
    svg = picture(tmp_path, "true", "<script>&\x1b")
    whole = (tmp_path / "x.svg").read_text()
    assert not re.findall(r"(?:href|src)=|@import|<script|<image", whole)
    assert re.findall(r"https?://[^\"]+", whole) == ["http://www.w3.org/2000/svg"]
    assert set(re.findall(r"url\(([^)]*)\)", whole)) <= {f"#wait{place}" for place in range(20)}
    assert "<script>&" in "".join(svg.itertext())


def test_numbers_and_a_picture_are_two_things(tmp_path: Path) -> None:
    done = run([*RECORD, "--json", "-o", str(tmp_path / "x.svg"), "--", "true"])
    assert done.returncode == 2
    assert "-o names a file that ends in .json" in " ".join(done.stderr.split())
    assert not (tmp_path / "x.svg").exists()
