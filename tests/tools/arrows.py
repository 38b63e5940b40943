#!/usr/bin/env python3
"""Check that files depend on each other one way: no circle, and as CONTRIBUTING says.

An arrow leads from a file to each file that defines something which it names, through
whatever re-exports it. Files that lead back to themselves are a circle. Circles that
were there when this check began are listed in `circles.txt` beside it; the list may
only shrink. Tests are left out: they may look at everything.

    python tests/tools/arrows.py                  # the check
    python tests/tools/arrows.py FILE             # a file's arrows
    python tests/tools/arrows.py --table          # numbers for each crate and package
    python tests/tools/arrows.py --shrink         # writes what has become of the list
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import python_imports
import rust_paths

ROOT = Path(__file__).resolve().parents[2]
DEBTS = Path(__file__).with_name("circles.txt")
LIBRARY = "crates/poolkeeper/src/"
TABLE = "Inside the library"

Arrows = dict[str, set[str]]


def main() -> int:
    graphs = dict(all_graphs())
    if sys.argv[1:] == ["--table"]:
        print_table(graphs)
        return 0
    if sys.argv[1:] and not sys.argv[1].startswith("--"):
        return print_arrows(graphs, sys.argv[1])
    found = [circle for arrows in graphs.values() for circle in circles(arrows)]
    if sys.argv[1:] == ["--shrink"]:
        return shrink(found)
    wrong = [*check_debts(found), *check_order(graphs[LIBRARY])]
    for line in wrong:
        print(line)
    print_table(graphs)
    print(f"{0 if wrong else 1} passed, {len(wrong)} failed")
    return 1 if wrong else 0


def all_graphs() -> Iterator[tuple[str, Arrows]]:
    """The arrows within each crate, and within the Python package."""
    for source in sorted(ROOT.glob("crates/*/src")):
        name = f"{source.relative_to(ROOT)}/"
        yield name, named(rust_paths.arrows(source))
    yield "python/poolkeeper/", named(python_imports.arrows(ROOT / "python" / "poolkeeper"))


def named(arrows: dict[Path, set[Path]]) -> Arrows:
    """The same with names relative to the repository."""
    return {
        str(file.relative_to(ROOT)): {str(target.relative_to(ROOT)) for target in targets}
        for file, targets in arrows.items()
    }


def print_arrows(graphs: dict[str, Arrows], file: str) -> int:
    for arrows in graphs.values():
        if file in arrows:
            print("\n".join(sorted(arrows[file])))
            return 0
    print(f"{file} is no file of the crates or the package, as seen from the repository's root")
    return 2


def print_table(graphs: dict[str, Arrows]) -> None:
    for name, arrows in graphs.items():
        of = list(circles(arrows))
        count = sum(len(targets) for targets in arrows.values())
        inside = sum(len(circle) for circle in of)
        print(f"{name}: {len(arrows)} files, {count} arrows, {len(of)} circles of {inside} files")


def circles(arrows: Arrows) -> Iterator[frozenset[str]]:
    """Groups of files of which each leads to each other (Tarjan's components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[frozenset[str]] = []

    def visit(file: str) -> None:
        index[file] = low[file] = len(index)
        stack.append(file)
        for target in sorted(arrows.get(file, ())):
            if target not in index:
                visit(target)
                low[file] = min(low[file], low[target])
            elif target in stack:
                low[file] = min(low[file], index[target])
        if low[file] == index[file]:
            place = stack.index(file)
            group = frozenset(stack[place:])
            del stack[place:]
            if len(group) > 1:
                found.append(group)

    for file in sorted(arrows):
        if file not in index:
            visit(file)
    return iter(found)


def check_debts(found: list[frozenset[str]]) -> Iterator[str]:
    """Circles that are not listed, and lists that are longer than what is there."""
    debts = listed(DEBTS.read_text())
    for circle in found:
        covering = [debt for debt in debts if covers(debt, circle)]
        if not covering:
            yield f"a circle is new: {' '.join(sorted(circle))}"
        elif not any(debt == circle or has_folder(debt) for debt in covering):
            yield f"a circle has shrunk: shorten it in circles.txt to {' '.join(sorted(circle))}"
    for debt in debts:
        if not any(covers(debt, circle) for circle in found):
            yield f"a circle is gone: take it from circles.txt: {' '.join(sorted(debt))}"


def covers(debt: frozenset[str], circle: frozenset[str]) -> bool:
    """Whether each file of a circle is listed, or in a listed folder."""
    folders = tuple(name for name in debt if name.endswith("/"))
    return all(file in debt or file.startswith(folders) for file in circle)


def has_folder(debt: frozenset[str]) -> bool:
    return any(name.endswith("/") for name in debt)


def shrink(found: list[frozenset[str]]) -> int:
    """Write the circles that are there to the list, if all of them are within listed ones."""
    text = DEBTS.read_text()
    debts = listed(text)
    left = set()
    for circle in found:
        covering = [debt for debt in debts if covers(debt, circle)]
        if not covering:
            print(f"a circle is new, and is not written: {' '.join(sorted(circle))}")
            return 1
        left.add(next((debt for debt in covering if has_folder(debt)), circle))
    remark = text.split("\n\n", 1)[0]
    paragraphs = ["\n".join(sorted(circle)) for circle in sorted(left, key=sorted)]
    DEBTS.write_text("\n\n".join([remark, *paragraphs]) + "\n")
    return 0


def listed(text: str) -> list[frozenset[str]]:
    """The circles of the list: a paragraph each, a file or a folder a line; "#" is a remark."""
    paragraphs = text.split("\n\n")
    lines = [[line for line in p.splitlines() if not line.startswith("#")] for p in paragraphs]
    return [frozenset(files) for files in lines if files]


def check_order(arrows: Arrows) -> Iterator[str]:
    """Arrows that lead upwards in CONTRIBUTING's table, and files that it leaves out."""
    rows = list(table_rows((ROOT / "CONTRIBUTING.md").read_text()))

    def row_of(file: str) -> int | None:
        inner = file.removeprefix(LIBRARY)
        for number, names in enumerate(rows):
            if any(
                inner == name or (name.endswith("/") and inner.startswith(name)) for name in names
            ):
                return number
        return None

    for file, targets in sorted(arrows.items()):
        row = row_of(file)
        if row is None:
            yield f'{file}: not in CONTRIBUTING\'s table "{TABLE}"'
            continue
        for target in sorted(targets):
            below = row_of(target)
            if below is not None and below < row:
                yield f"{file} uses {target}, which CONTRIBUTING's table has above it"


def table_rows(text: str) -> Iterable[list[str]]:
    """The first column of the table after the words `TABLE`: names of files and folders."""
    after = text.split(TABLE, 1)[1]
    lines = after.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| ---"))
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            return
        first = line.split("|")[1]
        yield first.split("`")[1::2]


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    sys.exit(main())
