"""Collections of controllers, and what they know."""

from __future__ import annotations

import os
import threading
import warnings
from typing import Any

from .. import _native
from ._files import CDLL_CACHE, realpath
from ._libraries import NATIVE_CONTROLLERS, LibController, native_controllers
from ._registered import ALL_CONTROLLERS, users_controllers

#: Its first words are what programs filter threadpoolctl's warning by.
INCOMPATIBLE_OPENMP = """
Found Intel OpenMP ('libiomp') and LLVM OpenMP ('libomp') loaded at
the same time. On Linux the two are known to crash or to deadlock in one process:
see https://github.com/joblib/threadpoolctl/blob/master/multiple_openmp.md.
Load only one of them: find out with `python -m poolkeeper info -i MODULE` which
module brings which, and install builds that share one OpenMP runtime.
"""


class ThreadpoolController:
    """The controllers of the libraries that are loaded when it is made.

    Attributes
    ----------
    lib_controllers : list of LibController

    Examples
    --------
    >>> controller = ThreadpoolController()
    >>> with controller.limit(limits=1, user_api="blas"):
    ...     pass
    >>> controller.info() == threadpool_info()
    True
    """

    def __init__(self) -> None:
        self.lib_controllers: list[LibController] = []
        self._load_libraries()
        self._warn_if_incompatible_openmp()

    @classmethod
    def _from_controllers(cls, lib_controllers: list[LibController]) -> ThreadpoolController:
        controller = cls.__new__(cls)
        controller.lib_controllers = lib_controllers
        return controller

    def __len__(self) -> int:
        return len(self.lib_controllers)

    def info(self, debugging_info: bool = False) -> list[dict[str, Any]]:
        """Return the controllers' infos, a list of dicts; see :func:`threadpool_info`."""
        return [lib.info(debugging_info=debugging_info) for lib in self.lib_controllers]

    def select(self, **kwargs: Any) -> ThreadpoolController:
        """Return a controller of the libraries that match any of the pairs.

        Parameters
        ----------
        **kwargs
            Names of entries of the info dicts (``user_api``, ``internal_api``,
            ``prefix``, ...) with a value, or a list of accepted values.

        Examples
        --------
        >>> chosen = ThreadpoolController().select(user_api="openmp")
        >>> {lib.internal_api for lib in chosen.lib_controllers} <= {"openmp"}
        True
        """
        accepted = {
            key: value if isinstance(value, list) else [value] for key, value in kwargs.items()
        }
        return self._from_controllers(
            [
                lib
                for lib in self.lib_controllers
                if any(getattr(lib, key, None) in values for key, values in accepted.items())
            ]
        )

    def limit(self, *, limits: Any = None, user_api: str | None = None) -> Any:
        """Limit the threads of these libraries: see :class:`threadpool_limits`."""
        from ._limits import ThreadpoolLimiter

        return ThreadpoolLimiter(self, limits=limits, user_api=user_api)

    def wrap(self, *, limits: Any = None, user_api: str | None = None) -> Any:
        """Return a decorator that limits these libraries during each call."""
        from ._limits import ThreadpoolLimiter

        return ThreadpoolLimiter.wrap(self, limits=limits, user_api=user_api)

    def _load_libraries(self) -> None:
        """Add a controller for each library that has none yet."""
        native = native_controllers(self)
        if self.lib_controllers:
            known = {lib.filepath for lib in self.lib_controllers}
            self.lib_controllers += [lib for lib in native if lib.filepath not in known]
        else:
            self.lib_controllers = native
        matches = _USERS.find()
        if matches:
            self._add_users(matches)

    def _add_users(self, matches: list[tuple[type[LibController], str, str]]) -> None:
        known = {lib.filepath: lib for lib in self.lib_controllers}
        for users, filepath, prefix in matches:
            found = known.get(filepath)
            if found is not None and not _is_found_by_symbols_alone(found):
                continue
            lib = _users_controller(users, filepath, prefix, self)
            if lib is None:
                continue
            if found is not None:
                self.lib_controllers.remove(found)
            known[filepath] = lib
            self.lib_controllers.append(lib)

    def _warn_if_incompatible_openmp(self) -> None:
        prefixes = {lib.prefix for lib in self.lib_controllers}
        if {"libomp", "libiomp"} <= prefixes:
            warnings.warn(INCOMPATIBLE_OPENMP, RuntimeWarning, stacklevel=2)

    def _get_params_for_sequential_blas_under_openmp(self) -> dict[str, Any]:
        """Return ``limit``'s arguments for BLAS calls inside OpenMP regions."""
        on_openmp = self.select(internal_api="openblas").select(threading_layer="openmp")
        if len(on_openmp):
            # It runs on one thread there by itself; a limit would reach the
            # OpenMP regions of the caller.
            return {"limits": None, "user_api": None}
        return {"limits": 1, "user_api": "blas"}


class _UsersFiles:
    """Which loaded files the users' controllers match, remembered until the
    loader's list or the list of controllers changes."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._found: list[tuple[type[LibController], str, str]] = []

    def find(self) -> list[tuple[type[LibController], str, str]]:
        """Return class, path and prefix of each match, in the loader's order."""
        users = users_controllers()
        if not users:
            return []
        key = (_native._loader_version(), *users)
        if key != self._key:
            version, files = _native._loaded_files()
            matches = (_match(users, realpath(file)) for file in files)
            self._found = [match for match in matches if match is not None]
            self._key = (version, *users)
        return self._found


_USERS = _UsersFiles()


def _match(
    users: list[type[LibController]], filepath: str
) -> tuple[type[LibController], str, str] | None:
    name = os.path.basename(filepath).lower()
    for controller in users:
        for prefix in controller.filename_prefixes:
            if name.startswith(prefix) and _has_symbols(controller, filepath):
                return controller, filepath, prefix
    return None


def _has_symbols(controller: type[LibController], filepath: str) -> bool:
    wanted = getattr(controller, "check_symbols", None)
    if wanted is None:
        return True
    try:
        handle = CDLL_CACHE.get_cdll(filepath)
    except OSError:
        return False
    return any(hasattr(handle, symbol) for symbol in wanted)


def _is_found_by_symbols_alone(lib: LibController) -> bool:
    """Say whether threadpoolctl would leave the file to users' controllers."""
    return isinstance(lib, NATIVE_CONTROLLERS) and lib.prefix not in lib.filename_prefixes


def _users_controller(
    users: type[LibController], filepath: str, prefix: str, parent: ThreadpoolController
) -> LibController | None:
    try:
        return users(filepath=filepath, prefix=prefix, parent=parent)
    except OSError:
        # Mapped, but not as a library that can be opened.
        return None


def threadpool_info(debugging_info: bool = False) -> list[dict[str, Any]]:
    """Return a dict for each loaded library with a thread pool.

    Parameters
    ----------
    debugging_info : bool, default False
        Add ``thread_limit_scope``: what a limit affects, ``"process"``,
        ``"current_thread"`` or ``"unknown"``. The function finds it by trying.

    Returns
    -------
    list of dict
        With ``user_api``, ``internal_api``, ``prefix``, ``filepath``,
        ``version``, ``num_threads``, and more for some libraries.

    Examples
    --------
    >>> all(pool["num_threads"] >= 1 for pool in threadpool_info())
    True
    """
    return ThreadpoolController().info(debugging_info)


_CACHE_LOCK = threading.Lock()
#: What the loader and the users had when the controller was made, and it.
_cached: tuple[tuple[int, int], ThreadpoolController] | None = None


def _present_key() -> tuple[int, int]:
    return _native._loader_version(), len(ALL_CONTROLLERS)


def get_cached_controller() -> ThreadpoolController:
    """Return a controller that is made anew only when libraries were loaded.

    Unlike threadpoolctl's, which looks at the number of imported modules, it
    also notices a library that was opened with ctypes.

    Examples
    --------
    >>> get_cached_controller() is get_cached_controller()
    True
    """
    global _cached
    key = _present_key()
    cached = _cached
    if cached is not None and cached[0] == key:
        return cached[1]
    with _CACHE_LOCK:
        while True:
            controller = ThreadpoolController()
            # Making it may have loaded a library: MKL's first use does.
            before, key = key, _present_key()
            if before == key:
                _cached = key, controller
                return controller


def reset_cached_controller() -> None:
    """Make the next :func:`get_cached_controller` return a new controller."""
    global _cached
    with _CACHE_LOCK:
        _cached = None
