"""Which files of a crate name things that other files of it define.

Not a parser of Rust: it reads `use` trees and paths that begin with `crate`, `self`,
`super`, a child module or an imported module, and follows re-exports to the file that
defines a name. What a macro writes, and methods, it does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Names = tuple[str, ...]

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
STRING = re.compile(r'b?"(?:[^"\\]|\\.)*"|r(#+)".*?"\1|\'(?:[^\'\\]|\\.)\'', re.DOTALL)
TESTS = re.compile(
    r"#\[cfg\((?:all\()?test\b[^\n]*\n(?:#\[[^\n]*\n)*\s*(?:pub(?:\([a-z]+\))? )?mod \w+ ?\{"
)
ONLY_TESTS = re.compile(r"#\[cfg\((?:all\()?test\b[^\n]*\n(?:\s*#\[[^\n]*\n)*[^\n;{]*;")
USE = re.compile(r"\buse\s+((?:::)?[\w{][^;]*);")
PATH = re.compile(r"(?<![\w:])(\w+(?:::\w+)+)")


@dataclass
class Module:
    """A file of the crate."""

    file: Path
    path: Names
    #: What `use` binds a name to; "*" has the globs.
    bound: dict[str, Names] = field(default_factory=dict)
    globs: list[Names] = field(default_factory=list)
    paths: list[Names] = field(default_factory=list)


def arrows(source: Path) -> dict[Path, set[Path]]:
    """The arrows of a crate's files; `source` is its folder `src`."""
    modules = {module.path: module for module in read(source)}
    found = {}
    for module in modules.values():
        targets = {target for path in module.paths for target in files_of(modules, module, path)}
        found[module.file] = targets - {module.file}
    return found


def read(source: Path) -> Iterator[Module]:
    """Every file of the crate that is no test."""
    for file in sorted(source.rglob("*.rs")):
        parts = file.relative_to(source).with_suffix("").parts
        is_test = "tests" in parts or parts[-1].endswith("_tests")
        if is_test or (file.name == "main.rs" and (source / "lib.rs").exists()):
            continue
        if parts[-1] in ("mod", "lib", "main"):
            parts = parts[:-1]
        yield read_file(file, parts)


def read_file(file: Path, path: Names) -> Module:
    """A file's imports and paths."""
    module = Module(file, path)
    text = without_tests(STRING.sub('""', COMMENT.sub("", file.read_text())))
    for tree in USE.findall(text):
        for words, alias in leaves("".join(tree.replace(" as ", "@").split())):
            if words[-1] == "*":
                module.globs.append(words[:-1])
            else:
                module.bound[alias] = words
            module.paths.append(words)
    rest = USE.sub("", text)
    module.paths += [tuple(words.split("::")) for words in PATH.findall(rest)]
    return module


def without_tests(text: str) -> str:
    """The text without its modules of tests."""
    while begin := TESTS.search(text):
        depth, end = 1, begin.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[: begin.start()] + text[end:]
    return ONLY_TESTS.sub("", text)


def leaves(tree: str) -> Iterator[tuple[Names, str]]:
    """The paths of a `use` tree without spaces, each with the name that it binds."""
    brace = tree.find("{")
    if brace < 0:
        path, _, alias = tree.partition("@")
        words = tuple(path.removeprefix("::").split("::"))
        if words[-1] == "self":
            words = words[:-1]
        yield words, alias or words[-1]
        return
    for part in parts(tree[brace + 1 : -1]):
        yield from leaves(tree[:brace] + part)


def parts(text: str) -> Iterator[str]:
    """The parts between commas that are in no brace."""
    depth, begin = 0, 0
    for place, letter in enumerate(text + ","):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and not depth:
            if text[begin:place]:
                yield text[begin:place]
            begin = place + 1


def files_of(modules: dict[Names, Module], module: Module, path: Names) -> Iterator[Path]:
    """The file that defines what a path in a module names, if it is the crate's."""
    first, *rest = path
    at: Names
    if first == "crate":
        at = ()
    elif first == "self":
        at = module.path
    elif first == "super":
        if not module.path:
            return
        at = module.path[:-1]
        while rest and rest[0] == "super" and at:
            at, rest = at[:-1], rest[1:]
    elif (*module.path, first) in modules:
        at = (*module.path, first)
    elif first in module.bound and module.bound[first] != path:
        yield from files_of(modules, module, (*module.bound[first], *rest))
        return
    else:
        return
    yield from descend(modules, at, rest, set())


def descend(
    modules: dict[Names, Module], at: Names, rest: list[str], seen: set[tuple[Names, str]]
) -> Iterator[Path]:
    """From a module down a path, through re-exports."""
    while rest and (*at, rest[0]) in modules:
        at, rest = (*at, rest[0]), rest[1:]
    if at not in modules or not rest:
        return  # a module itself: what is named in it makes the arrow
    module, name = modules[at], rest[0]
    if (at, name) in seen:
        return
    seen.add((at, name))
    if name in module.bound:
        bound = module.bound[name]
        start = absolute(modules, module, bound)
        if start is not None:
            yield from descend(modules, (), [*start, *rest[1:]], seen)
        return
    for glob in module.globs if name != "*" else ():
        start = absolute(modules, module, glob)
        if start is not None and defines(modules, start, name):
            yield from descend(modules, (), [*start, *rest], seen)
            return
    yield module.file


def absolute(modules: dict[Names, Module], module: Module, path: Names) -> Names | None:
    """A path of a `use` in a module, from the crate's root; `None` for other crates."""
    first, *rest = path
    if first == "crate":
        return tuple(rest)
    if first == "self":
        return (*module.path, *rest)
    if first == "super":
        at = module.path[:-1]
        while rest and rest[0] == "super":
            at, rest = at[:-1], rest[1:]
        return (*at, *rest)
    if (*module.path, first) in modules:
        return (*module.path, *path)
    return None


def defines(modules: dict[Names, Module], at: Names, name: str) -> bool:
    """Whether a module says a name that others import from it."""
    module = modules.get(at)
    if module is None:
        return False
    word = re.compile(rf"\b(?:fn|struct|enum|trait|type|const|static|union)\s+(?:mut\s+)?{name}\b")
    return name in module.bound or bool(word.search(module.file.read_text()))
