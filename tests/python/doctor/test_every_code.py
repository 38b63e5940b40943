"""Every code has a page, a test in which it is found, and one in which it isn't."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from doctor.findings import command

PAGES = json.loads(command("--explain", "all", "--json").stdout)
CODES = [page["code"] for page in PAGES]


def _codes_of(function: str) -> Iterator[str]:
    """The codes that the tests here give to a function."""
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if is_call and node.func.id == function:
                yield ast.literal_eval(node.args[0])


@pytest.mark.parametrize("function", ["found", "not_found"])
def test_every_code_is_tested_both_ways(function: str) -> None:
    assert sorted(set(_codes_of(function))) == CODES


def test_codes_are_in_order_and_each_has_one_page() -> None:
    assert sorted(set(CODES)) == CODES
    assert all(re.fullmatch(r"PK[1-6]\d\d", code) for code in CODES)


@pytest.mark.parametrize("page", PAGES, ids=CODES)
def test_a_page_says_all_there_is_to_say(page: dict[str, object]) -> None:
    assert page["severity"] in ("error", "warning", "note")
    for field in ("title", "found_when", "why", "fix"):
        assert page[field]
    assert page["references"]


def test_pages_as_text_fit_80_columns() -> None:
    text = command("--explain", "all").stdout
    for page in PAGES:
        assert f"{page['code']} ({page['severity']}): " in text
    assert [line for line in text.splitlines() if len(line) > 80 and "https://" not in line] == []
    first, _, _ = text.partition("\nPK102 ")
    assert command("--explain", "pk101").stdout == first
