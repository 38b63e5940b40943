"""Controllers: one object for each loaded library.

The built-in ones read and set their pools through poolkeeper; classes that
users derive from :class:`LibController` go through ctypes, as in threadpoolctl.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, final

from .. import _native
from ._c_int import c_int
from ._files import CDLL_CACHE

if TYPE_CHECKING:
    import ctypes

    from .._native import Pool

#: Attributes that :meth:`LibController.info` does not show.
_HIDDEN = frozenset(("dynlib", "parent", "_symbol_prefix", "_symbol_suffix", "_pool_id"))


class LibController(ABC):
    """Base class of library controllers, also of those that users write.

    A subclass has the class attributes ``user_api`` (the standard that the
    library implements, or its own name), ``internal_api`` (the implementation)
    and ``filename_prefixes`` (a tuple: what its file's name may begin with), and
    the methods :meth:`get_num_threads`, :meth:`set_num_threads` and
    :meth:`get_version`. Where it also has ``check_symbols``, a library counts
    only if it has one of these symbols. :func:`register` makes the subclass known.

    ``dynlib`` is the library as a ``ctypes.CDLL``.

    Examples
    --------
    >>> class MyController(LibController):
    ...     user_api = internal_api = "mylib"
    ...     filename_prefixes = ("libmylib",)
    ...     def get_num_threads(self):
    ...         return self.dynlib.mylib_get_num_threads()
    ...     def set_num_threads(self, num_threads):
    ...         self.dynlib.mylib_set_num_threads(num_threads)
    ...     def get_version(self):
    ...         return None

    Source: threadpoolctl 3.8, "Writing a custom library controller".
    """

    user_api: str
    internal_api: str
    filename_prefixes: tuple[str, ...]
    #: The id of a pool that poolkeeper has found; None for users' libraries.
    _pool_id: int | None = None

    @final
    def __init__(
        self, *, filepath: Any = None, prefix: str | None = None, parent: Any = None
    ) -> None:
        """Make the controller of a library.

        Override :meth:`set_additional_attributes` instead of this method.
        """
        self.parent = parent
        self.prefix = prefix
        self.filepath = filepath
        self.dynlib: ctypes.CDLL = CDLL_CACHE.get_cdll(filepath)
        self._pool_id = None
        self._symbol_prefix, self._symbol_suffix = self._find_affixes()
        self.version = self.get_version()
        self.set_additional_attributes()

    def __getattr__(self, name: str) -> Any:
        # Built-in controllers open their handle when somebody asks for it.
        if name == "dynlib" and self.__dict__.get("filepath") is not None:
            self.dynlib = CDLL_CACHE.get_cdll(self.filepath)
            return self.dynlib
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def info(self, debugging_info: bool = False) -> dict[str, Any]:
        """Return what is known of the library, as a dict.

        Parameters
        ----------
        debugging_info : bool, default False
            Add ``thread_limit_scope``: what a limit affects, ``"process"``,
            ``"current_thread"`` or ``"unknown"``.
        """
        result = {
            "user_api": self.user_api,
            "internal_api": self.internal_api,
            "num_threads": self.num_threads,
            **{key: value for key, value in vars(self).items() if key not in _HIDDEN},
        }
        if debugging_info:
            result["thread_limit_scope"] = self._thread_limit_scope()
        return result

    def set_additional_attributes(self) -> None:  # noqa: B027
        """Set attributes that :meth:`info` shows; subclasses override this."""

    @property
    def num_threads(self) -> Any:
        """The present thread limit."""
        return self.get_num_threads()

    @abstractmethod
    def get_num_threads(self) -> Any:
        """Return the most threads that the library would use."""

    @abstractmethod
    def set_num_threads(self, num_threads: Any) -> Any:
        """Set the most threads that the library may use."""

    @abstractmethod
    def get_version(self) -> Any:
        """Return the library's version, if it can be known."""

    def _find_affixes(self) -> tuple[str, str]:
        """Return what is put before and after each function's name."""
        return "", ""

    def _get_symbol(self, name: str) -> Any:
        """Return a function of the library, affixes added; None if it has none."""
        return getattr(self.dynlib, f"{self._symbol_prefix}{name}{self._symbol_suffix}", None)

    def _thread_limit_scope(self) -> str:
        from ._scope_of_limit import observe

        return observe(self.get_num_threads, self.set_num_threads)


class _NativeController(LibController):
    """A controller whose pool poolkeeper has found."""

    @classmethod
    def _attributes(cls, pool: Pool) -> dict[str, Any]:
        """Return the fields of a pool that never change, in the order of info()."""
        return {
            "prefix": pool.prefix,
            "filepath": pool.filepath,
            "_pool_id": pool.id,
            "_symbol_prefix": pool.symbol_prefix,
            "_symbol_suffix": pool.symbol_suffix,
            "version": pool.version,
        }

    def __getstate__(self) -> dict[str, Any]:
        # Handles and ids are this process's own; the path finds both again.
        kept = (item for item in vars(self).items() if item[0] not in ("dynlib", "_pool_id"))
        return dict(kept)

    def _loaded(self) -> Pool:
        """Return the pool as it is now.

        Raises
        ------
        RuntimeError
            If no pool is loaded from the controller's file (any more).
        """
        for pool in _native._uncounted_pools():
            if pool.filepath == self.filepath:
                return pool
        raise RuntimeError(f"no thread pool is loaded from {self.filepath}")

    def _id(self) -> int:
        if self._pool_id is None:
            # Made by hand, and not by a ThreadpoolController.
            self._pool_id = self._loaded().id
        return self._pool_id

    def get_num_threads(self) -> Any:
        return _native._threads(self._id())

    def set_num_threads(self, num_threads: Any) -> Any:
        _native._set_threads(self._id(), c_int(num_threads))

    def get_version(self) -> Any:
        return self._loaded().version


class _BLASController(_NativeController):
    """A BLAS that says what its threads are made with and for."""

    threading_layer: str | None
    architecture: str | None

    @classmethod
    def _attributes(cls, pool: Pool) -> dict[str, Any]:
        layers = {"threading_layer": pool.threading_layer, "architecture": pool.architecture}
        return super()._attributes(pool) | layers

    def set_additional_attributes(self) -> None:
        self.threading_layer = self._loaded().threading_layer
        self.architecture = self._loaded().architecture


class OpenBLASController(_BLASController):
    """OpenBLAS."""

    user_api = "blas"
    internal_api = "openblas"
    filename_prefixes = ("libopenblas", "libblas", "libscipy_openblas", "openblas")

    _symbol_prefixes = ("", "scipy_")
    _symbol_suffixes = ("", "64_", "_64")
    check_symbols = tuple(
        f"{prefix}openblas_get_num_threads{suffix}"
        for prefix in ("", "scipy_")
        for suffix in ("", "64_", "_64")
    )

    def _find_affixes(self) -> tuple[str, str]:
        pool = self._loaded()
        return pool.symbol_prefix, pool.symbol_suffix

    @classmethod
    def clear_controlling_thread(cls, force: bool = False) -> None:
        """Do nothing: no thread controls OpenBLAS here, every thread's limits hold."""


class BLISController(_BLASController):
    """BLIS."""

    user_api = "blas"
    internal_api = "blis"
    filename_prefixes = ("libblis", "libblas")
    check_symbols = (
        "bli_thread_get_num_threads",
        "bli_thread_set_num_threads",
        "bli_info_get_version_str",
        "bli_info_get_enable_openmp",
        "bli_info_get_enable_pthreads",
        "bli_arch_query_id",
        "bli_arch_string",
    )


class FlexiBLASController(_NativeController):
    """FlexiBLAS, whose backend can be switched."""

    user_api = "blas"
    internal_api = "flexiblas"
    filename_prefixes = ("libflexiblas",)
    check_symbols = (
        "flexiblas_get_num_threads",
        "flexiblas_set_num_threads",
        "flexiblas_get_version",
        "flexiblas_list",
        "flexiblas_list_loaded",
        "flexiblas_current_backend",
    )
    available_backends: list[str]

    @classmethod
    def _attributes(cls, pool: Pool) -> dict[str, Any]:
        backends = {"available_backends": (pool.backends or {}).get("available", [])}
        return super()._attributes(pool) | backends

    def set_additional_attributes(self) -> None:
        self.available_backends = self._backends()["available"]

    def _backends(self) -> dict[str, Any]:
        """Return the backends as FlexiBLAS lists them now."""
        return self._loaded().backends or {"available": [], "loaded": [], "current": None}

    @property
    def loaded_backends(self) -> list[str]:
        """Names of the backends that are loaded."""
        return list(self._backends()["loaded"])

    @property
    def current_backend(self) -> str | None:
        """Name of the backend that calls go to."""
        backend: str | None = self._backends()["current"]
        return backend

    def info(self, debugging_info: bool = False) -> dict[str, Any]:
        result = super().info(debugging_info=debugging_info)
        result["loaded_backends"] = self.loaded_backends
        result["current_backend"] = self.current_backend
        return result

    def switch_backend(self, backend: str) -> None:
        """Pass calls on to another backend.

        Parameters
        ----------
        backend : str
            Its name in FlexiBLAS's configuration, or the path of a library. It
            is loaded when needed.

        Raises
        ------
        RuntimeError
            If FlexiBLAS can't load it or switch to it.
        """
        is_loaded = backend in self.loaded_backends
        try:
            _native.switch_backend(self.filepath, backend)
        except _native.LimitError as error:
            raise RuntimeError(
                f"Failed to switch to backend {backend!r}."
                if is_loaded
                else f"Failed to load backend {backend!r}. It must either be the name of a "
                f"backend available in the FlexiBLAS configuration {self.available_backends} "
                "or the path to a valid shared library."
            ) from error
        if not is_loaded:
            # The backend is a library of its own, with a controller of its own.
            self.parent._load_libraries()


class MKLController(_NativeController):
    """MKL."""

    user_api = "blas"
    internal_api = "mkl"
    filename_prefixes = ("libmkl_rt", "mkl_rt", "libblas")
    check_symbols = (
        "MKL_Get_Max_Threads",
        "MKL_Set_Num_Threads_Local",
        "MKL_Get_Version_String",
        "MKL_Set_Threading_Layer",
    )
    threading_layer: str | None

    @classmethod
    def _attributes(cls, pool: Pool) -> dict[str, Any]:
        return super()._attributes(pool) | {"threading_layer": pool.threading_layer}

    def set_additional_attributes(self) -> None:
        self.threading_layer = self._loaded().threading_layer


class OpenMPController(_NativeController):
    """An OpenMP runtime."""

    user_api = "openmp"
    internal_api = "openmp"
    filename_prefixes = ("libiomp", "libgomp", "libomp", "vcomp")
    check_symbols = ("omp_get_max_threads", "omp_get_num_threads")


NATIVE_CONTROLLERS: tuple[type[_NativeController], ...] = (
    OpenBLASController,
    BLISController,
    MKLController,
    OpenMPController,
    FlexiBLASController,
)

_BY_INTERNAL_API = {controller.internal_api: controller for controller in NATIVE_CONTROLLERS}

#: Class and attributes of each pool seen so far, by its id: they never change.
_TEMPLATES: dict[int, tuple[type[_NativeController], dict[str, Any]] | None] = {}


def native_controllers(parent: Any) -> list[LibController]:
    """Return a controller for each pool that is loaded."""
    ids = _native._pool_ids()
    if not all(pool_id in _TEMPLATES for pool_id in ids):
        for gone in _TEMPLATES.keys() - set(ids):
            del _TEMPLATES[gone]
        for pool in _native._uncounted_pools():
            # A kind of pool that threadpoolctl has no name for is not listed.
            kind = _BY_INTERNAL_API.get(pool.internal_api)
            _TEMPLATES[pool.id] = None if kind is None else (kind, kind._attributes(pool))
    controllers: list[LibController] = []
    for pool_id in ids:
        template = _TEMPLATES.get(pool_id)
        if template is not None:
            kind, attributes = template
            controller = kind.__new__(kind)
            controller.__dict__.update(attributes, parent=parent)
            controllers.append(controller)
    return controllers


def pool_id_of(lib: LibController) -> int | None:
    """Return the id of a built-in controller's pool; None for a user's library."""
    pool_id: int | None = getattr(lib, "_pool_id", None)
    if pool_id is None and isinstance(lib, _NativeController) and type(lib) in NATIVE_CONTROLLERS:
        pool_id = lib._id()
    return pool_id
