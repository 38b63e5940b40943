"""poolkeeper in a notebook: ``%load_ext poolkeeper``.

Where to look:

- ``show.py``, ``html.py``: what a notebook shows of each object;
- ``extension.py``: what is loaded into IPython, and what it remembers;
- ``magics.py``: ``%pools``, ``%limit``, ``%cpus``, ``%doctor``;
- ``cells.py``: what lasts until the end of a cell;
- ``imports.py``: notices libraries that a cell has just loaded;
- ``danger.py``: what can make the kernel die;
- ``watch.py``, ``timeline.py``: what a cell really used, as numbers and as a picture;
- ``options.py``, ``settings.py``: limits on a line, and in a notebook's metadata;
- ``command.py``, ``kernel.py``: ``poolkeeper notebook``.

Importing this package imports neither IPython nor Jupyter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics to a shell, and apply the limits in its notebook's metadata.

    IPython calls this for ``%load_ext poolkeeper``.
    """
    from .extension import Extension

    Extension.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics and the notebook's limit back (``%unload_ext poolkeeper``)."""
    from .extension import Extension

    Extension.unload(shell)
