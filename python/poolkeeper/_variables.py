"""``os.environ`` within a share, and as it was before."""

from __future__ import annotations

import os
from collections.abc import Mapping

from . import _numba
from ._native import Changes, Share, _environment_changes


class Variables:
    """Variables that are set in ``os.environ`` until they are put back.

    numba's variable is not touched once numba has started its threads, because numba
    then treats another value as an error whenever it compiles. Where the variables are
    set `briefly`, numba's is not touched once numba is loaded.

    Attributes
    ----------
    set : dict of str
        What was set.
    """

    set: dict[str, str]

    def __init__(self, changes: Mapping[str, str], *, briefly: bool = False) -> None:
        self.set = dict(changes)
        if _numba.is_started() or (briefly and _numba.is_loaded()):
            self.set.pop(_numba.VARIABLE, None)
        self._before = {name: os.environ.get(name) for name in self.set}
        os.environ.update(self.set)
        _numba.read_variable()

    def restore(self) -> None:
        """Put back what still has the value that was set."""
        for name, value in self._taken_back().items():
            if name == _numba.VARIABLE and _numba.is_started():
                continue
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        _numba.read_variable()

    def without(self) -> dict[str, str]:
        """Return the environment as if it had been put back."""
        rest = dict(os.environ)
        for name, value in self._taken_back().items():
            if value is None:
                del rest[name]
            else:
                rest[name] = value
        return rest

    def _taken_back(self) -> dict[str, str | None]:
        before = self._before.items()
        return {name: value for name, value in before if os.environ.get(name) == self.set[name]}


#: What the live ``auto()`` of this program has set. Its numbers are no choice of the
#: user's, who may ask for other numbers of workers than ``auto()`` did.
of_auto: Variables | None = None


def keeping(share: Share, force: bool = False) -> Changes:
    """Return what keeps `share` in this program's environment, as the user left it."""
    environment = os.environ if of_auto is None else of_auto.without()
    return _environment_changes(share, environment, force)
