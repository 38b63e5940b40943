"""Limits with threadpoolctl's interface and poolkeeper's bookkeeping."""

from __future__ import annotations

import itertools
import sys
import threading
import warnings
import weakref
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any

from .. import _native
from ._c_int import c_int
from ._controller import ThreadpoolController, get_cached_controller
from ._libraries import LibController, pool_id_of
from ._registered import ALL_USER_APIS
from ._users_pools import UsersClaim

_MISSING = object()


def check_limiter_params(
    controller: ThreadpoolController, limits: Any, user_api: str | None
) -> tuple[dict[Any, Any] | None, list[str]]:
    """Return ``limits`` as a dict by key (or None), and the user APIs concerned.

    Raises
    ------
    ValueError
        If ``user_api`` is unknown.
    TypeError
        If ``limits`` is of a kind that means nothing.
    """
    if isinstance(limits, str) and limits == "sequential_blas_under_openmp":
        chosen = controller._get_params_for_sequential_blas_under_openmp()
        limits, user_api = chosen["limits"], chosen["user_api"]
    if limits is None or isinstance(limits, int):
        apis = _user_apis(user_api)
        return (None if limits is None else dict.fromkeys(apis, limits)), apis
    if isinstance(limits, list):
        limits = {_key(info): info["num_threads"] for info in limits}
    elif isinstance(limits, ThreadpoolController):
        limits = {lib.filepath: lib.num_threads for lib in limits.lib_controllers}
    if not isinstance(limits, dict):
        raise TypeError(
            "limits must either be an int, a list, a dict, or "
            f"'sequential_blas_under_openmp'. Got {type(limits)} instead"
        )
    return limits, [api for api in limits if api in ALL_USER_APIS]


def _user_apis(user_api: str | None) -> list[str]:
    if user_api is None:
        return ALL_USER_APIS
    if user_api in ALL_USER_APIS:
        return [user_api]
    raise ValueError(f"user_api must be either in {ALL_USER_APIS} or None. Got {user_api} instead.")


def _key(info: dict[str, Any]) -> Any:
    filepath = info.get("filepath", _MISSING)
    return info["prefix"] if filepath is _MISSING else filepath


_numbers = itertools.count(1)


class _Thread(threading.local):
    """A number for each thread that is never used again, as idents are."""

    def __init__(self) -> None:
        self.number = next(_numbers)


_THREAD = _Thread()
_TASKS: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def _context() -> int:
    """Return a number for the running task or, outside of one, the thread."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        loop = asyncio._get_running_loop()
        task = None if loop is None else asyncio.current_task(loop)
        if task is not None:
            number = _TASKS.get(task)
            if number is None:
                number = _TASKS[task] = next(_numbers)
            return number
    return _THREAD.number


class ThreadpoolLimiter:
    """A limit on a controller's libraries, in force from its making.

    In a ``with`` block the limit ends with the block, and otherwise when
    :meth:`restore_original_limits` is called. If nobody ends it, the numbers that it
    set stay.
    """

    def __init__(
        self,
        controller: ThreadpoolController,
        *,
        limits: Any = None,
        user_api: str | None = None,
    ) -> None:
        self._controller = controller
        self._limits, self._user_api = check_limiter_params(controller, limits, user_api)
        self._libs = list(controller.lib_controllers)
        self._claim: _native.Claim | None = None
        self._users_claims: list[UsersClaim] = []
        self._set_threadpool_limits()

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.restore_original_limits()

    @classmethod
    def wrap(
        cls, controller: Any, *, limits: Any = None, user_api: str | None = None
    ) -> ThreadpoolLimiterDecorator:
        """Return a decorator that limits during each call of a function."""
        return ThreadpoolLimiterDecorator(controller, limits=limits, user_api=user_api)

    def restore_original_limits(self) -> None:
        """End the limit; a second call does nothing.

        Where other scopes are live, in this thread or in others, their limits
        hold; the last of them restores the numbers from before the first.
        """
        if self._claim is not None:
            self._claim.end()
        users = [claim for claim in self._users_claims if not claim.ended]
        if users:
            _end_all(users)

    unregister = restore_original_limits

    def get_original_num_threads(self) -> dict[str, int | None]:
        """Return the thread counts from before the limit, a dict by user API.

        A value is None where no library has that API, and the smallest count, with a
        warning, where the API's libraries had different counts.
        """
        originals: dict[str, int | None] = {}
        ambiguous = []
        for api in self._user_api:
            counts = {threads for lib, threads in self._original_threads() if lib.user_api == api}
            originals[api] = min(counts, default=None)
            if len(counts) > 1:
                ambiguous.append(api)
        if ambiguous:
            warnings.warn(
                "Multiple values possible for following user apis: "
                + ", ".join(ambiguous)
                + ". Returning the minimum.",
                stacklevel=2,
            )
        return originals

    def _original_threads(self) -> list[tuple[LibController, Any]]:
        """Return each library with its thread count from before the limit."""
        native: dict[Any, int] = {} if self._claim is None else dict(self._claim.before)
        users = {id(claim.lib): claim.original for claim in self._users_claims}
        return [
            (lib, native.get(getattr(lib, "_pool_id", None), users.get(id(lib))))
            for lib in self._libs
        ]

    def _wanted(self, lib: LibController) -> Any:
        """Return the thread count for a library; None to leave it alone."""
        limits = self._limits
        if limits is None:
            return None
        for key in (lib.filepath, lib.prefix, lib.user_api):
            if key in limits:
                return limits[key]
        return None

    def _set_threadpool_limits(self) -> None:
        """Set every library, or none if one of them fails."""
        native: dict[int, int | None] = {}
        users: list[tuple[LibController, Any]] = []
        for lib in self._libs:
            wanted = self._wanted(lib)
            pool_id = pool_id_of(lib)
            if pool_id is None:
                users.append((lib, wanted))
            else:
                native[pool_id] = None if wanted is None else c_int(wanted)
        context = _context()
        claims: list[UsersClaim] = []
        try:
            for lib, wanted in users:
                claims.append(UsersClaim(lib, wanted, context))
            if native:
                self._claim = _native.Claim(native, context)
        except BaseException:
            _end_all(claims)
            raise
        self._users_claims = claims


def _end_all(claims: list[UsersClaim]) -> None:
    """End every claim, and raise the first error only then."""
    errors = []
    for claim in reversed(claims):
        try:
            claim.end()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]


class ThreadpoolLimiterDecorator(ContextDecorator):
    """A limit for each call of a decorated function, or each ``with`` block.

    Without a controller it limits the libraries that are loaded when the call begins.
    """

    def __init__(
        self,
        controller: ThreadpoolController | None,
        *,
        limits: Any = None,
        user_api: str | None = None,
    ) -> None:
        self._controller = controller
        check_limiter_params(self._get_controller(), limits, user_api)
        self._limits = limits
        self._user_api = user_api
        self._entered = threading.local()

    def _get_controller(self) -> ThreadpoolController:
        return get_cached_controller() if self._controller is None else self._controller

    def _recreate_cm(self) -> Any:
        # A call's own limiter: calls may overlap in one thread, as coroutines do.
        return ThreadpoolLimiter(
            self._get_controller(), limits=self._limits, user_api=self._user_api
        )

    def __enter__(self) -> ThreadpoolLimiterDecorator:
        stack = self._entered.__dict__.setdefault("stack", [])
        stack.append(self._recreate_cm())
        return self

    def __exit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entered.stack.pop().restore_original_limits()


class threadpool_limits(ThreadpoolLimiter):
    """Limit the threads of all loaded libraries with thread pools.

    Works as a call that limits at once, as a ``with`` block, and through
    :meth:`wrap` as a decorator.

    Parameters
    ----------
    limits : int, dict, list, 'sequential_blas_under_openmp' or None, default None
        - int: the most threads for each library selected by ``user_api``;
        - dict: by a library's path, prefix or user API, looked up in that order;
        - list: of dicts as :func:`threadpool_info` gives them;
        - ``'sequential_blas_under_openmp'``: the limits that suit single-threaded
          BLAS calls inside OpenMP regions;
        - None: no limit.
    user_api : {"blas", "openmp"} or None, default None
        With an int, the API of the libraries to limit; None means all.

    Raises
    ------
    ValueError
        If ``user_api`` is unknown.
    TypeError
        If ``limits`` is of a kind that means nothing.

    Examples
    --------
    >>> with threadpool_limits(limits=1, user_api="blas"):
    ...     pass
    """

    def __init__(self, limits: Any = None, user_api: str | None = None) -> None:
        super().__init__(ThreadpoolController(), limits=limits, user_api=user_api)

    @classmethod
    def wrap(cls, limits: Any = None, user_api: str | None = None) -> Any:  # type: ignore[override]
        """Return a decorator that limits the libraries loaded at each call."""
        return super().wrap(None, limits=limits, user_api=user_api)
