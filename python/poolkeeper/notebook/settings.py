"""The limits that a notebook keeps in its metadata.

In the file they are ``metadata.poolkeeper.limits``: an object of numbers by name, or
one number for every pool.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .options import Limits, check_limits

#: The object in the notebook's metadata, and the one value that it may hold.
SECTION, LIMITS = "poolkeeper", "limits"


def notebook_of(names: Mapping[str, Any]) -> Path | None:
    """Return the notebook file that this kernel belongs to, where one can tell.

    Jupyter's server sets the variable ``JPY_SESSION_NAME``; VS Code a name in the
    notebook. What runs a notebook without a server (nbclient) tells nothing.

    Parameters
    ----------
    names : mapping
        The names of the notebook.
    """
    told = names.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    if not isinstance(told, str) or not told.endswith(".ipynb"):
        return None
    path = Path(told)
    return path if path.is_file() else None


def read(path: Path) -> Limits | None:
    """Return the limits of a notebook; ``None`` if it has none.

    Raises
    ------
    ValueError
        If the file is no notebook, or its limits are wrong.
    OSError
        If it can't be read.
    """
    metadata = _metadata(_notebook(path), path)
    section = metadata.get(SECTION)
    if section is None:
        return None
    if not isinstance(section, dict) or LIMITS not in section:
        raise ValueError(f"metadata.{SECTION} in {path.name} is {section!r}, without {LIMITS!r}")
    return check_limits(section[LIMITS])


def write(path: Path, limits: Limits | None) -> None:
    """Put limits into a notebook, or take them out (``None``); the rest stays.

    Raises
    ------
    ValueError
        If the file is no notebook, or the limits are wrong.
    OSError
        If it can't be read or written.
    """
    if limits is not None:
        check_limits(limits)
    path = path.resolve()  # a symbolic link stays one
    notebook = _notebook(path)
    metadata = _metadata(notebook, path)
    if limits is None:
        metadata.pop(SECTION, None)
    else:
        metadata[SECTION] = {LIMITS: limits}
    # As nbformat writes them, so that a version control system shows one change.
    _replace(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _notebook(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # the latter: too deeply nested
        raise ValueError(f"{path.name} is no notebook: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
        raise ValueError(f"{path.name} is no notebook of format 4: it has no list of cells")
    return found


def _metadata(notebook: dict[str, Any], path: Path) -> dict[str, Any]:
    metadata = notebook.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise ValueError(f"{path.name} is no notebook: its metadata is {metadata!r}")
    return metadata


def _replace(path: Path, text: str) -> None:
    """Write a file in one step: a notebook is never half there."""
    mode = path.stat().st_mode & 0o777
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def in_words(limits: Limits | None) -> str:
    """Return limits as a person would write them.

    Examples
    --------
    >>> in_words({"blas": 4, "openmp": 8})
    'limit blas=4 openmp=8'
    >>> in_words(2)
    'limit 2'
    >>> in_words(None)
    'no limit'
    """
    if limits is None:
        return "no limit"
    if isinstance(limits, int):
        return f"limit {limits}"
    return "limit " + " ".join(f"{name}={threads}" for name, threads in limits.items())
