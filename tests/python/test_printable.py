"""What names of files and values hold can't steer the terminal that shows them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from isolated import in_own_process
from scenario import FAKE, path_of

pytestmark = pytest.mark.usefixtures("lab")

#: Clears the screen, begins another line, turns the order of writing.
NASTY = "\x1b[2J\n\u202egpj"


@in_own_process
def test_reprs_and_texts_escape_what_a_path_holds() -> None:
    import ctypes
    import tempfile

    import poolkeeper

    folder = Path(tempfile.mkdtemp()) / NASTY
    folder.mkdir()
    library = str(shutil.copy(path_of(FAKE), folder / "libopenblas.so"))
    ctypes.CDLL(library)
    (pool,) = poolkeeper.pools()
    assert pool.filepath == library
    with poolkeeper.limit(1) as scope:
        shown = [repr(pool), repr(poolkeeper.pools()), repr(scope), str(scope.outcomes[0])]
        shown += [repr(one) for one in scope.outcomes]
    shown += [str(one) for one in scope.endings] + [repr(one) for one in scope.endings]
    report = poolkeeper.doctor(cpus=128)
    shutil.rmtree(folder.parent)
    shown += [report.text(), *map(repr, report.findings), *map(str, report.findings)]
    for text in shown:
        assert "\x1b" not in text, text
        assert "\u202e" not in text, text
    assert r"\u{1b}[2J\n\u{202e}gpj" in repr(pool)


@pytest.mark.parametrize(
    "call", ["limit({NASTY: 1})", "limit({'/no/' + NASTY: 1})", "set_limit({NASTY: 1})",
             "switch_backend('/no/' + NASTY, 'NETLIB')", "limit(**{NASTY: 1})"],
)  # fmt: skip
@in_own_process
def test_errors_escape_what_was_asked_for(call: str) -> None:
    import poolkeeper
    import pytest

    with pytest.raises(poolkeeper.LimitError) as error:
        eval(f"poolkeeper.{call}", {"poolkeeper": poolkeeper, "NASTY": NASTY})
    assert str(error.value).isprintable(), repr(str(error.value))


@in_own_process(env={"POOLKEEPER_CPUS": "2\x1b[2J"})
def test_an_error_about_a_variable_escapes_its_value() -> None:
    import poolkeeper
    import pytest

    with pytest.raises(poolkeeper.LimitError) as error:
        poolkeeper.cpus()
    assert str(error.value).isprintable()
    assert "[2J" in str(error.value)
