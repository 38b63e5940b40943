#!/usr/bin/env python3
"""Run the examples of README.md and docs/: every python, console and rust block.

- python: each block runs alone, as it would be pasted, in a fresh process. A
  block goes on from the one before where its first line is `# continues`. Blocks
  with `>>>` prompts are doctests, and one session a file: the page says so.
- ipython: the blocks of a file are the cells of one notebook, run by a kernel;
  the page says so.
- What a block imports, the page names outside of its code, or the reader would not
  know what to install.
- console (also bash, sh): each command (`$ `) that begins with poolkeeper,
  python or `make help` runs in a folder that shows the repository, and must
  end with exit code 0. Others (cloning, installing) are not run.
- rust: a documentation test against the crate.

`<!-- not run: reason -->` on the line before a block takes it out; the reason is
for the reader. Usage: doc_examples.py [FILE ...]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "python"))
FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>```+|~~~+)\s*\{?\.?(?P<language>[\w-]*)(?P<rest>.*)")
NOT_RUN = re.compile(r"<!--\s*not run:\s*\S.*-->")
CELLS = ("ipython",)
PYTHON, CONSOLE, RUST = ("python", "py", "pycon"), ("console", "bash", "sh", "shell"), ("rust",)
RUNNABLE = ("poolkeeper", "python", "python3", "make help")
RUN_WITH_VARIABLE = re.compile(r"([A-Z_]+=\S* )+(poolkeeper|python) ")
#: What rustdoc may be told about a block; `ignore` is not among them.
RUST_ATTRIBUTES = ("no_run", "should_panic", "compile_fail")
TIMEOUT = 300


@dataclass(frozen=True)
class Block:
    """One fenced block: where it is, its language, what follows that, its text unindented."""

    path: Path
    line: int
    language: str
    rest: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="default: README.md and docs/**/*.md")
    files = parser.parse_args().files
    paths = [path.resolve() for path in files] or [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="poolkeeper-docs-") as folder:
        workplace = make_workplace(Path(folder))
        for name, error in (result for path in paths for result in run_file(path, workplace)):
            passed, failed = passed + (error is None), failed + (error is not None)
            if error is not None:
                print(f"{name}\n{textwrap.indent(error.strip(), '    ')}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def make_workplace(folder: Path) -> Path:
    """A folder that shows all of the repository, and keeps what examples write out of it."""
    for entry in ROOT.iterdir():
        if entry.name != ".git":
            (folder / entry.name).symlink_to(entry)
    # The notebook that examples write settings into.
    empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "analysis.ipynb").write_text(json.dumps(empty))
    return folder


def run_file(path: Path, workplace: Path) -> Iterator[tuple[str, str | None]]:
    """Run a file's blocks; for each, its name, and what went wrong or None."""
    found = list(blocks(path))
    yield from check_names(path, found)
    for together in alone([block for block in found if block.language in PYTHON]):
        yield from run_python(together, workplace)
    yield from run_cells([block for block in found if block.language in CELLS], workplace)
    for block in found:
        if block.language in CONSOLE:
            yield from run_console(block, workplace)
        elif block.language in RUST:
            yield block.place, run_rust(block, workplace)


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a file that are to run."""
    lines = path.read_text().splitlines()
    number = 0
    while number < len(lines):
        begin, opening = number, FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        while number < len(lines) and not lines[number].strip().startswith(opening["fence"]):
            number += 1
        text = textwrap.dedent("\n".join(lines[begin + 1 : number]))
        number += 1
        before = next((line for line in reversed(lines[:begin]) if line.strip()), "")
        if not NOT_RUN.search(before):
            yield Block(path, begin + 1, opening["language"].lower(), opening["rest"], text)


# --- what a page names

#: Modules by the name that people know, where that is another one.
KNOWN_AS = {"sklearn": "scikit-learn", "PIL": "pillow", "joblib": "joblib", "distributed": "dask"}
IMPORT_OPTION = re.compile(r"\s-i((?: [A-Za-z_][\w.]*)+)")


def check_names(path: Path, found: list[Block]) -> Iterator[tuple[str, str | None]]:
    """Require that the page's sentences name what its examples import."""
    prose = re.sub(r"^(`{3,}|~{3,}).*?^\1", "", path.read_text(), flags=re.M | re.S).lower()
    for block in found:
        missing = sorted(name for name in imports(block) if name.lower() not in prose)
        if missing:
            yield block.place, f"the page does not name what this needs: {', '.join(missing)}"


def imports(block: Block) -> set[str]:
    """The packages of others that a block imports, by the names that people know."""
    modules: list[str] = []
    if block.language in PYTHON:
        modules = re.findall(r"^[>. ]*(?:from|import) +([A-Za-z_][\w., ]*)", block.text, re.M)
        words = (word for line in modules for word in line.split(" import")[0].split(","))
        modules = [word.split(" as ")[0].strip() for word in words]
    elif block.language in CONSOLE:
        named = IMPORT_OPTION.findall(block.text)
        modules = [module for words in named for module in words.split()]
    tops = {module.partition(".")[0] for module in modules if module}
    own = {"poolkeeper", "threadpoolctl", "nosuchmodule"}
    return {KNOWN_AS.get(top, top) for top in tops - own if top not in sys.stdlib_module_names}


# --- python


def alone(found: list[Block]) -> list[list[Block]]:
    """The blocks in groups that run in one process: most are alone in theirs."""
    groups: list[list[Block]] = []
    session: list[Block] = []
    for block in found:
        if block.text.lstrip().startswith(">>>"):
            if not session:
                groups.append(session)
            session.append(block)
        elif block.text.startswith("# continues") and groups:
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


#: Runs the blocks it reads from stdin; names the one that failed.
RUNNER = """
import doctest, json, sys, traceback
names = {"__name__": "__main__"}
for place, text in json.load(sys.stdin):
    try:
        if text.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(text, names, place, place, 0)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            if runner.run(test, clear_globs=False).failed:
                raise SystemExit("failed: " + place)
            names.update(test.globs)
        else:
            exec(compile(text, place, "exec"), names)
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        print("failed: " + place)
        sys.exit(1)
    print("passed: " + place, flush=True)
"""


def run_python(found: list[Block], workplace: Path) -> Iterator[tuple[str, str | None]]:
    program = json.dumps([(block.place, block.text) for block in found])
    code, output = run([sys.executable, "-P", "-c", RUNNER], workplace, program)
    for block in found:
        if f"passed: {block.place}\n" in output:
            yield block.place, None
        else:
            yield block.place, output or f"exit code {code}"
            return


# --- cells of a notebook


def run_cells(found: list[Block], workplace: Path) -> Iterator[tuple[str, str | None]]:
    if not found:
        return
    from notebooks import notebook, run_notebook

    ran = run_notebook(notebook(*(block.text for block in found)), folder=workplace)
    for block, one in zip(found, ran, strict=True):
        yield block.place, one.error or one.err or None  # a wrong magic only writes


# --- console


def run_console(block: Block, workplace: Path) -> Iterator[tuple[str, str | None]]:
    for command in commands(block.text):
        if not command.startswith(RUNNABLE) and not RUN_WITH_VARIABLE.match(command):
            continue
        code, output = run(["bash", "-c", command], workplace)
        error = f"{output}\nexit code {code}" if code else None
        yield f"{block.place}: {command}", error


def commands(text: str) -> Iterator[str]:
    """The commands of a block: the lines after `$ `, or all lines if none has it.

    A line that ends in a backslash, and lines that begin with `> `, belong together.
    """
    lines = text.splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    command = ""
    for line in lines:
        if command.endswith("\\"):
            command = f"{command}\n{line.removeprefix('> ')}"
            continue
        if command and prompted and line.startswith("> "):
            command = f"{command}\n{line[2:]}"
            continue
        if command:
            yield command
        command = line.removeprefix("$ ") if line.startswith("$ ") or not prompted else ""
    if command:
        yield command


# --- rust


def run_rust(block: Block, workplace: Path) -> str | None:
    library = target() / "debug" / "libpoolkeeper.rlib"
    if not library.exists():
        return f"{library} is missing; type: cargo build -p poolkeeper"
    source = workplace / "block.md"
    attributes = [word for word in RUST_ATTRIBUTES if word in block.rest]
    source.write_text(f"```{','.join(['rust', *attributes])}\n{block.text}\n```\n")
    command: list[str | Path] = ["rustdoc", "--test", "--edition", "2024", source, "--extern"]
    command += [f"poolkeeper={library}", "-L", f"dependency={library.parent / 'deps'}"]
    code, output = run(command, workplace)
    return output if code else None


def target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def run(command: list[str | Path], folder: Path, stdin: str = "") -> tuple[int, str]:
    """The exit code and all output of a command, with the virtual environment in PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PATH": path},
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"ended: it took more than {TIMEOUT} s"
    return result.returncode, result.stdout


if __name__ == "__main__":
    sys.exit(main())
