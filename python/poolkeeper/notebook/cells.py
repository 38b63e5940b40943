"""What lasts until a cell ends: ``%%limit``, ``%%pools``.

A real cell magic gets its cell as text, and can't await in it. So ``%%limit`` and
``%%pools`` are no cell magics: the first line ``%%limit blas=1`` becomes the line magic
``%limit --cell blas=1``. The rest of the cell stays as it is (``await``, other magics,
line numbers in errors, the value of the last line), and the limit ends with the cell.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack

#: The line magics that can last for a cell.
NAMES = ("limit", "pools")


def as_line_magic(lines: list[str]) -> list[str]:
    """Turn the first line ``%%limit ...`` of a cell into ``%limit --cell ...``.

    Examples
    --------
    >>> as_line_magic(["%%limit blas=1\\n", "await work()\\n"])
    ['%limit --cell blas=1\\n', 'await work()\\n']
    >>> as_line_magic(["%%time\\n"])
    ['%%time\\n']
    """
    if not lines or not lines[0].startswith("%%"):
        return lines
    name, space, rest = lines[0][2:].rstrip("\n").partition(" ")
    if name not in NAMES:
        return lines
    return [f"%{name} --cell{space}{rest}\n", *lines[1:]]


# IPython's word for: not while somebody types. In a terminal a cell that begins
# with %% ends with an empty line, and would otherwise end with its first one.
as_line_magic.has_side_effects = True  # type: ignore[attr-defined]


class Cells:
    """What each running cell has begun: a stack, since a cell may run other cells."""

    def __init__(self) -> None:
        self._running: list[ExitStack] = []

    def begin(self) -> None:
        """Note that a cell begins."""
        self._running.append(ExitStack())

    def enter(self, manager: AbstractContextManager[object]) -> None:
        """Enter a context manager, and leave it when the cell that runs now ends."""
        if not self._running:
            # The cell that loads the extension began before it was here.
            self.begin()
        self._running[-1].enter_context(manager)

    def end(self) -> None:
        """Leave what the cell has entered, the latest first."""
        if self._running:
            self._running.pop().close()
