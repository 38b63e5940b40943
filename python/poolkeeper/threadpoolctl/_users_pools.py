"""Overlapping limits on libraries that only a user's controller can reach."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from .. import _native
from ._libraries import LibController


class _UsersPool:
    """What the controllers of one library share."""

    def __init__(self) -> None:
        self.overlap = _native.Overlap()
        # Held while a value is read, decided and set; a controller's code may
        # limit pools itself.
        self.lock = threading.RLock()


_POOLS: dict[tuple[type, Any], _UsersPool] = {}


def _pool_of(lib: LibController) -> _UsersPool:
    return _POOLS.setdefault((type(lib), lib.filepath), _UsersPool())


class UsersClaim:
    """One limit's hold on one library; in force from its making.

    Parameters
    ----------
    lib : LibController
        The library's controller.
    threads : int or None
        The number to set; None to set none, and only see to it that what is set
        meanwhile is undone at the end.
    context : int
        What tells tasks and threads apart.

    Raises
    ------
    Exception
        Whatever the controller raises; nothing is in force then.
    """

    def __init__(self, lib: LibController, threads: Any, context: int) -> None:
        self.lib = lib
        self._pool = _pool_of(lib)
        self.ended = False
        self._ticket: int | None = None
        with self._pool.lock:
            self.original = lib.num_threads
            self._is_counted = _is_count(self.original) and (threads is None or _is_count(threads))
            if not self._is_counted:
                # Not a number: there is nothing to compare, only to put back.
                if threads is not None:
                    lib.set_num_threads(threads)
                return
            self._ticket, target = self._pool.overlap.join(self.original, threads, context)
            if target != self.original:
                self._set_first(target)

    def _set_first(self, target: int) -> None:
        try:
            self.lib.set_num_threads(target)
            observed = self.lib.num_threads
        except BaseException:
            # What can be put back is; the first error is the one to tell.
            with contextlib.suppress(Exception):
                self._let_go(None)
            raise
        if _is_count(observed):
            self._pool.overlap.note(observed)

    def end(self) -> None:
        """End the hold, and restore what is due."""
        with self._pool.lock:
            self.ended = True
            if not self._is_counted:
                self.lib.set_num_threads(self.original)
                return
            error = None
            found = None
            try:
                found = self.lib.num_threads
            except Exception as raised:
                error = raised
            self._let_go(found)
            if error is not None:
                raise error

    def _let_go(self, found: Any) -> None:
        """End the claim, also where the present value can't be read."""
        ticket, self._ticket = self._ticket, None
        if ticket is None:
            return
        target = self._pool.overlap.leave(ticket, found if _is_count(found) else None)
        if target is not None:
            self.lib.set_num_threads(target)

    def __del__(self) -> None:
        # Nobody ended it: what it set stays, as in threadpoolctl.
        ticket = self.__dict__.get("_ticket")
        if ticket is not None:
            self._pool.overlap.keep(ticket)


def _is_count(value: Any) -> bool:
    """Say whether overlapping values of this kind can be compared: C's ints can."""
    return isinstance(value, int) and -(2**31) < value < 2**31
