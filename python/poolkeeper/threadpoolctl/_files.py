"""Loaded libraries as ctypes sees them: for controllers that users write."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import ctypes

_T = TypeVar("_T")
_MISSING = object()


#: A path with its symbolic links resolved, remembered.
realpath: Callable[[str], str] = functools.lru_cache(maxsize=10_000)(os.path.realpath)


class CDLLCache:
    """Handles of loaded libraries, and what was read from them once and for all."""

    def __init__(self) -> None:
        self._handles: dict[str, ctypes.CDLL] = {}
        self._results: dict[tuple[type, str, ctypes.CDLL], object] = {}

    def get_cdll(self, filepath: str) -> ctypes.CDLL:
        """Return the handle of a library that is already loaded.

        Raises
        ------
        OSError
            If no library of that path is loaded.
        """
        handle = self._handles.get(filepath)
        if handle is None:
            # Imported here: most programs never need a handle.
            import ctypes

            handle = ctypes.CDLL(filepath, mode=os.RTLD_NOLOAD)
            self._handles[filepath] = handle
        return handle

    def cache_method_on_dynlib(self, method: Callable[[Any], _T]) -> Callable[[Any], _T]:
        """Decorate a controller's method whose answer never changes for a library."""

        @functools.wraps(method)
        def cached(controller: Any) -> Any:
            key = (controller.__class__, method.__name__, controller.dynlib)
            result = self._results.get(key, _MISSING)
            if result is _MISSING:
                result = self._results[key] = method(controller)
            return result

        return cached


CDLL_CACHE = CDLLCache()
