"""examples/limiting_parallelism.ipynb: the story's three steps, executed."""

from __future__ import annotations

import ast
import re

import nbformat
import pytest
from isolated import ROOT
from notebooks import Ran, run_notebook

pytestmark = pytest.mark.slow

PATH = ROOT / "examples" / "limiting_parallelism.ipynb"


@pytest.fixture(scope="module")
def made() -> nbformat.NotebookNode:
    return nbformat.read(PATH, as_version=4)


@pytest.fixture(scope="module")
def ran(made: nbformat.NotebookNode) -> dict[str, Ran]:
    """What each cell put out, by the beginning of its last line."""
    outputs = run_notebook(made, OMP_NUM_THREADS="4")
    sources = [cell.source for cell in made.cells if cell.cell_type == "code"]
    return {source.splitlines()[-1]: out for source, out in zip(sources, outputs, strict=True)}


def test_it_is_committed_without_outputs_and_is_valid() -> None:
    committed = nbformat.read(PATH, as_version=4)
    nbformat.validate(committed)
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_it_is_read_in_five_minutes() -> None:
    text = " ".join(cell.source for cell in nbformat.read(PATH, as_version=4).cells)
    assert len(text.split()) < 5 * 150  # words a minute, of text with code


def test_every_cell_runs(ran: dict[str, Ran]) -> None:
    assert {line: one.error for line, one in ran.items() if one.error or one.err} == {}


def test_the_pools_are_discovered(ran: dict[str, Ran]) -> None:
    for name in ("openblas", "libgomp", "numpy.libs", "scipy.libs"):
        assert name in ran["%pools"].value


def test_both_limits_are_applied(ran: dict[str, Ran]) -> None:
    # On a machine with fewer CPUs a pool has fewer threads, and keeps them.
    said = re.findall(r"asked for 4, (applied|has [1-3]: kept)", ran["inner"].value)
    assert len(said) == 2


def test_every_fit_finds_the_shapes(ran: dict[str, Ran]) -> None:
    (line,) = (line for line in ran if line.startswith("[adjusted_rand_score"))
    assert ast.literal_eval(ran[line].value) == pytest.approx([1.0, 1.0, 1.0])


def test_the_watch_tells_who_worked(ran: dict[str, Ran]) -> None:
    (line,) = (line for line in ran if line.startswith("KMeans(100"))
    assert "libgomp: " in ran[line].value
    assert "kmeans: " in ran[line].value
    assert "<svg" in ran[line].html


def test_the_limit_of_the_notebook_begins_and_ends(ran: dict[str, Ran]) -> None:
    assert "libgomp: asked for 2, applied" in ran["%limit openmp=2 blas=1"].value
    assert ran["%limit --off"].out == "poolkeeper: this notebook has no limit\n"
