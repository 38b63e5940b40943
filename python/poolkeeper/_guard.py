"""``poolkeeper.guard()``: OpenMP uses no more threads than are safe."""

from __future__ import annotations

import functools
import importlib.machinery
import logging
import os
import threading
import types
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from ._doctor import host_facts
from ._native import (
    ForkSafety,
    Pool,
    Scope,
    _pool_ids,
    _safe_threads,
    _uncounted_pools,
    limit,
    set_limit,
)

_log = logging.getLogger("poolkeeper.guard")


class Guard:
    """Keeps OpenMP pools at safe numbers of threads; what :func:`guard` returns.

    Attributes
    ----------
    actions : list of str
        A sentence for each pool that was lowered, in the order of time.
    """

    actions: list[str]

    def __init__(self) -> None:
        self.actions = []
        self._owner = threading.get_ident()
        # Of one thread's own: a log handler may import what is looked at in turn.
        self._lock = threading.RLock()
        self._ids: list[int] | None = None
        self._bounds: dict[str, tuple[int, str]] = {}
        self._scopes: list[Scope] = []
        self._is_live = True
        self._forks = ForkSafety()
        self._look()
        _hooks.add(self)

    def release(self) -> None:
        """End the guard; a second call does nothing.

        Pools of the thread that called :func:`guard` get the numbers that they had
        before. Other threads keep their lowered numbers until they end.
        """
        if not self._is_live:
            return
        self._is_live = False
        _hooks.remove(self)
        self._forks.release()
        for scope in reversed(self._scopes):
            scope.release()

    def _look(self) -> None:
        """Judge the loaded pools, if they have changed, and lower the calling thread's."""
        with self._lock:
            # Most libraries that are loaded are no pools, and change nothing.
            ids = _pool_ids()
            if ids != self._ids:
                self._bounds = {
                    file: (most, f"{reason} ({code})")
                    for file, most, code, reason in _safe_threads(host_facts())
                }
                self._ids = ids
            self._lower_here()

    def _lower_here(self) -> None:
        # A file may have several pools; its bound is for each of them.
        listed: Iterable[Pool] = _uncounted_pools() if self._bounds else ()
        widest = sorted(listed, key=lambda pool: pool.num_threads or 0)
        found = {pool.filepath: pool for pool in widest}
        for file, (most, reason) in self._bounds.items():
            threads = found[file].num_threads if file in found else None
            if threads is None or threads <= most:
                continue
            if threading.get_ident() == self._owner:
                self._scopes.append(limit({file: most}))
            else:
                # Nobody could end a scope of this thread from elsewhere.
                set_limit({file: most})
            action = f"{found[file].name}: {threads} threads lowered to {most}: {reason}"
            self.actions.append(action)
            _log.warning("%s", action)

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        state = "live" if self._is_live else "released"
        lines = [f"<Guard {state}: {len(self.actions)} lowered>", *self.actions]
        return "\n  ".join(lines)


class _Hooks:
    """Tells live guards of loaded libraries and of new threads.

    Python programs load libraries by importing an extension module, and OpenMP gives
    a thread the process's number when the thread starts. There is no event for
    either, so the two functions are wrapped while a guard is live.
    """

    def __init__(self) -> None:
        self._guards: list[Guard] = []
        self._lock = threading.Lock()
        self._wraps: list[_Wrap] = []

    def add(self, guard: Guard) -> None:
        with self._lock:
            if not self._guards:
                loader = importlib.machinery.ExtensionFileLoader
                self._wraps = [
                    _Wrap(loader, "exec_module", self._load),
                    _Wrap(threading.Thread, "start", self._start),
                ]
            self._guards.append(guard)

    def remove(self, guard: Guard) -> None:
        with self._lock:
            self._guards.remove(guard)
            if not self._guards:
                for wrap in self._wraps:
                    wrap.end()
                self._wraps = []

    def _load(self, original: Callable[..., None], loader: Any, module: Any) -> None:
        # The library is mapped by now; the module's code may run it.
        self.look()
        original(loader, module)
        self.look()

    def _start(self, original: Callable[..., None], thread: threading.Thread) -> None:
        """Start a thread in which the guards look at the pools before its work runs.

        The guards look where `run` begins, and not earlier: until then `start` waits
        for the new thread, and may do so under a lock that looking needs.
        """
        if thread.ident is not None:
            original(thread)  # which says that a thread starts only once
            return
        own, run = vars(thread), thread.run
        before = own.get("run", _MISSING)

        def look_and_run(_thread: threading.Thread) -> None:
            put_back()
            self.look()
            run()

        # A method, because others wrap `run` too, and look for its function.
        guarded = types.MethodType(look_and_run, thread)

        def put_back() -> None:
            # Unless somebody has wrapped it once more: then that one is theirs.
            if own.get("run") is guarded:
                if before is _MISSING:
                    del own["run"]
                else:
                    own["run"] = before

        own["run"] = guarded
        if thread.run is not guarded:
            # Its class has a `run` of a kind that hides what a thread has.
            del own["run"]
            _log.warning(
                "a thread of class %s keeps its run to itself: the guard looks after it "
                "only at the next import or thread",
                type(thread).__qualname__,
            )
            original(thread)
            return
        try:
            original(thread)
        except BaseException:
            put_back()
            raise

    def look(self) -> None:
        for guard in list(self._guards):
            try:
                guard._look()
            except Exception:  # the import, or the thread, is not to fail for it
                _log.exception("the guard can't look")

    def after_fork(self) -> None:
        """In a forked child: the threads that may have held the locks are not here."""
        self._lock = threading.Lock()
        for guard in self._guards:
            guard._lock = threading.RLock()


_MISSING = object()


class _Wrap:
    """A function of a class, wrapped until the last guard ends.

    Parameters
    ----------
    owner : type
        The class.
    name : str
        The function's name.
    instead : callable
        What is called instead, with the wrapped function before its arguments.
    """

    def __init__(self, owner: Any, name: str, instead: Callable[..., None]) -> None:
        self._owner, self._name = owner, name
        self._original = original = getattr(owner, name)
        self._is_live = True

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            if self._is_live:
                instead(original, *args, **kwargs)
            else:
                original(*args, **kwargs)

        self._wrapper = wrapper
        setattr(owner, name, wrapper)

    def end(self) -> None:
        """Do nothing from now on; unwrap, unless other code has wrapped the wrapper."""
        self._is_live = False
        if vars(self._owner).get(self._name) is self._wrapper:
            setattr(self._owner, self._name, self._original)


_hooks = _Hooks()
if hasattr(os, "register_at_fork"):  # not where there is no fork
    os.register_at_fork(after_in_child=_hooks.after_fork)


def guard() -> Guard:
    """Prevent the findings that can crash a program, from now on.

    The guard lowers OpenMP pools to a safe number of threads: no more than every
    loaded BLAS survives as callers (``PK101``), and no more than the system lets
    the process start (``PK601``, ``PK602``). It does so at once, again after each
    import that loads a pool, and in each Python thread that starts, since OpenMP has
    a number for each thread. It leaves alone what is safe already.

    It also ends idle OpenMP workers before each fork, so that a forked child doesn't
    wait for them (``PK104``), as :func:`fork_safe` does.

    Each action is logged as a warning of the logger ``poolkeeper.guard``. The guard
    costs milliseconds for an import that loads a pool, and microseconds for other
    imports of extension modules and for each thread that starts.

    Returns
    -------
    Guard
        ``actions`` lists what it did. ``release()`` ends it, as does the end of a
        ``with`` block. You need not keep it.

    Raises
    ------
    LimitError
        If ``POOLKEEPER_CPUS`` is no positive number.

    Notes
    -----
    The guard does not reach threads that run already, and threads that C code starts.
    It reaches a library that is opened without an import (by ctypes, say) at the next
    import or thread start. It does not hold back code that sets the runtime's number
    itself, as ``omp_set_num_threads`` does.

    Examples
    --------
    >>> import poolkeeper
    >>> with poolkeeper.guard() as guarding:
    ...     pass  # import and run what you like
    >>> guarding.actions
    []
    """
    return Guard()
