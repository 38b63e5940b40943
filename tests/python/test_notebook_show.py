"""What a notebook shows of each object: safe HTML with the same facts as the text."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from isolated import in_own_process, run_python
from scenario import FAKE, fake, path_of

pytestmark = pytest.mark.usefixtures("lab")

#: What would need a script, or ask another host for something.
ACTIVE = ("script", "iframe", "object", "embed", "link", "img", "form", "a")
HOSTILE = "<img src=x onerror='alert(1)'>&\""


class Page(HTMLParser):
    """Reads a picture: its tags, its attributes, the text that a person sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.pieces: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.pieces.append(data)

    @property
    def words(self) -> list[str]:
        return " ".join(self.pieces).split()


def _page(thing: object) -> Page:
    """The picture of an object, which needs no script and no network."""
    text = thing._repr_html_()  # type: ignore[attr-defined]
    page = Page(text)
    assert not {*page.tags} & {*ACTIVE}
    for name, value in page.attributes:
        assert not name.startswith("on"), (name, value)
        assert "://" not in (value or ""), (name, value)
    assert "://" not in text
    assert "url(" not in text
    assert "@import" not in text
    return page


@in_own_process
def test_pools_have_their_facts_by_level() -> None:
    import poolkeeper

    fake()
    words = _page(poolkeeper.pools()).words
    assert "openblas 8 16" in " ".join(words)
    assert "BLAS:" in words
    assert "OpenMP:" not in words
    assert f"Budget: {poolkeeper.cpus()} CPUs" in " ".join(words)


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_what_is_wrong_stands_under_the_pools() -> None:
    import poolkeeper

    fake()
    (finding,) = (one for one in poolkeeper.doctor().findings if one.severity == "warning")
    text = " ".join(_page(poolkeeper.pools()).words)
    for page in (text, " ".join(_page(poolkeeper.doctor()).words), " ".join(_page(finding).words)):
        assert f"warning {finding.code} : {finding.summary}" in page
        assert finding.fix["python"] in page
    report = " ".join(_page(poolkeeper.doctor()).words)
    assert report.startswith("1 finding. Judged for 1 CPU.")
    with poolkeeper.limit(1):
        assert finding.code not in poolkeeper.pools()._repr_html_()
        assert "Nothing is wrong." in " ".join(_page(poolkeeper.doctor()).words)


@in_own_process
def test_no_pool_says_what_to_do() -> None:
    import poolkeeper

    assert "Import the libraries first" in " ".join(_page(poolkeeper.pools()).words)


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_threads_beyond_the_budget_have_another_color() -> None:
    import poolkeeper

    fake()
    bars = re.findall(r'class="(\w+)" style="width:([\d.]+)%"', poolkeeper.pools()._repr_html_())
    assert bars == [("within", "12.5"), ("beyond", "87.5")]
    poolkeeper.set_limit(1)
    bars = re.findall(r'class="(\w+)" style="width:([\d.]+)%"', poolkeeper.pools()._repr_html_())
    assert bars == [("within", "100")]
    poolkeeper.set_limit(8)


@in_own_process(env={"POOLKEEPER_CPUS": "many"})
def test_a_budget_that_is_not_known_is_said() -> None:
    import poolkeeper

    fake()
    page = _page(poolkeeper.pools())
    assert "The budget is not known" in " ".join(page.words)
    assert 'class="bar"' not in poolkeeper.pools()._repr_html_()


@in_own_process
def test_every_source_of_the_budget_is_shown() -> None:
    import poolkeeper

    budget = poolkeeper.cpus()
    words = _page(budget).words
    for source in budget.sources:
        assert source.place in words
    assert words.count("➤") == 1


@in_own_process
def test_splits_and_shares() -> None:
    import poolkeeper

    plan = poolkeeper.split(processes=4, cpus=10)
    text = " ".join(_page(plan).words)
    assert " ".join(str(plan).split()) in text
    assert "0 to 1 3 3 1 2 to 3 2 2 1" in text
    assert "0 3 3 1" in " ".join(_page(plan.worker(0)).words)


@in_own_process
def test_scopes_and_outcomes() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(blas=99, openmp=1, force=True) as scope:
        text = " ".join(_page(scope).words)
        assert "Live limit" in text
        assert "openblas 99 8 16 clamped" in text
        assert "openmp 1 - - ignored not loaded" in text
        assert "openblas 99 8 16 clamped" in " ".join(_page(scope.outcomes[0]).words)
    assert "Ended limit" in " ".join(_page(scope).words)


@in_own_process
def test_what_auto_did() -> None:
    import poolkeeper

    fake()
    os.environ["OMP_NUM_THREADS"] = HOSTILE
    with poolkeeper.auto() as done:
        page = _page(done)
        assert "OMP_NUM_THREADS='<img src=x" in " ".join(page.words)
        assert "openblas" in page.words


@in_own_process(env={"SLURM_CPUS_PER_TASK": HOSTILE})
def test_a_value_from_outside_is_escaped() -> None:
    import poolkeeper

    assert HOSTILE in " ".join(_page(poolkeeper.cpus()).pieces)


@in_own_process
def test_a_file_name_is_escaped() -> None:
    import ctypes

    import poolkeeper

    with tempfile.TemporaryDirectory() as folder:
        name = f"libopenblas{HOSTILE}.so"
        ctypes.CDLL(shutil.copy(path_of(FAKE), Path(folder) / name))
        page = _page(poolkeeper.pools())
        assert any(name in piece for piece in page.pieces)


def test_pictures_load_no_notebook_software() -> None:
    code = (
        "import sys, poolkeeper\n"
        "poolkeeper.pools()._repr_html_(), poolkeeper.cpus()._repr_html_()\n"
        "poolkeeper.split()._repr_html_(), poolkeeper.load_ipython_extension\n"
        "print(*(m for m in sys.modules if m.split('.')[0] in ('IPython', 'jupyter_client')))"
    )
    assert run_python(code).stdout.strip() == ""


TERMINAL = """
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance(colors="nocolor")
for cell in ("%load_ext poolkeeper", "%pools", "%cpus", "%limit blas=1", "%%limit blas=1\\n1 + 1"):
    print(shell.check_complete(cell)[0])
    shell.run_cell(cell, store_history=True)
"""


def test_in_a_terminal_everything_is_text() -> None:
    with tempfile.TemporaryDirectory() as folder:
        shown = run_python(TERMINAL, env={"IPYTHONDIR": folder}).stdout
    assert "CPUs, says the" in shown
    assert "<Scope live: blas: asked for 1, ignored: not loaded>" in shown
    # The cell goes on until an empty line; what is not as asked for is said.
    assert shown.endswith(
        "incomplete\npoolkeeper: blas: asked for 1, ignored: not loaded\nOut[5]: 2\n"
    )
    assert "<div" not in shown
