"""Which files of a Python package import what other files of it define, when it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

Names = tuple[str, ...]


def arrows(package: Path) -> dict[Path, set[Path]]:
    """The arrows of a package's files, imports within functions among them."""
    files = {module_of(package, file): file for file in sorted(package.rglob("*.py"))}
    trees = {name: ast.parse(file.read_text()) for name, file in files.items()}
    found: dict[Path, set[Path]] = {}
    for name, file in files.items():
        targets = set()
        for module, imported in imports(trees[name], name, is_package(file)):
            target = follow(files, trees, module, imported)
            if target is not None:
                targets.add(target)
        found[file] = targets - {file}
    return found


def module_of(package: Path, file: Path) -> Names:
    """("poolkeeper", "cluster", "_kmeans") for that file."""
    parts = (package.name, *file.relative_to(package).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def is_package(file: Path) -> bool:
    return file.name == "__init__.py"


def imports(tree: ast.Module, name: Names, package: bool) -> Iterator[tuple[Names, str]]:
    """The modules that are imported, each with the name that is taken from it, or ""."""
    for node in walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split(".")), ""
        elif isinstance(node, ast.ImportFrom):
            up = len(name) - node.level + package if node.level else 0
            base = (*name[:up], *(node.module or "").split("."))
            module = tuple(word for word in base if word)
            for alias in node.names:
                yield module, alias.name


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not is_for_types:
            yield node
            yield from walk(node)


def follow(
    files: dict[Names, Path], trees: dict[Names, ast.Module], module: Names, name: str
) -> Path | None:
    """The file that defines what is imported, through packages that pass it on."""
    for _ in range(8):
        if name and (*module, name) in files:
            return files[(*module, name)]
        if module not in files:
            return None
        passed_on = [
            source
            for source, taken in imports(trees[module], module, is_package(files[module]))
            if taken == name and name
        ]
        if not passed_on or not is_package(files[module]):
            return files[module]
        module = passed_on[0]
    return None
