"""Every name of threadpoolctl is here, with its signature, or it says why not."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import poolkeeper.threadpoolctl as ours
import pytest
import threadpoolctl as theirs
from isolated import in_own_process

#: Names of threadpoolctl 3.8 that are left out on purpose.
ABSENT = {
    "CONTROLLING_THREAD_OWNERSHIP": "no thread controls OpenBLAS here",
    "_ControllingThreadOwnership": "no thread controls OpenBLAS here",
    "_CACHED_CONTROLLER": "the cache's state: reset_cached_controller() empties it",
    "_CACHED_SYS_MODULES_LEN": "the cache follows the loader, not sys.modules",
    "_CACHE_LOCK": "the cache's state",
    "_CDLLCache": "the class of _CDLL_CACHE, which is here",
    "_HAS_PROCFS": "discovery is native",
    "_dl_phdr_info": "discovery is native",
    "_SYSTEM_UINT": "discovery is native",
    "_SYSTEM_UINT_HALF": "discovery is native",
    "_WINDOWS_MAX_LIBRARY_PATH_LENGTH": "discovery is native",
    "dllist": "discovery is native",
    "_RTLD_NOLOAD": "os.RTLD_NOLOAD",
    "_MISSING": "a marker of its own",
    "_missing": "a marker of its own",
    "_T": "a type variable of its own",
    "_ThreadLimitScope": "a type of its own",
    "_format_docstring": "formats its own docstrings",
}

#: Members of threadpoolctl's classes that are left out on purpose.
DISCOVERY = "discovery is native"
ABSENT_MEMBERS = {
    "ThreadpoolController": {
        "_PATH_RE": DISCOVERY,
        "_find_libraries_on_windows": DISCOVERY,
        "_find_libraries_pyodide": DISCOVERY,
        "_find_libraries_with_dl_iterate_phdr": DISCOVERY,
        "_find_libraries_with_dyld": DISCOVERY,
        "_find_libraries_with_enum_process_modules_ex": DISCOVERY,
        "_find_libraries_with_linux": DISCOVERY,
        "_find_libraries_with_python": DISCOVERY,
        "_get_libc": DISCOVERY,
        "_get_windll": DISCOVERY,
        "_make_controller_from_path": DISCOVERY,
        "_resolve_module_filepath": DISCOVERY,
        "_setup_windows_module_apis": DISCOVERY,
        "_snapshot_loaded_modules": DISCOVERY,
        "_system_libraries": DISCOVERY,
    },
    "OpenBLASController": {
        "_SHARED_STATE": "no thread controls OpenBLAS here",
        "_real_set_num_threads": "there is no other way to set it",
        "_get_architecture": "the attribute `architecture` has it",
        "_get_threading_layer": "the attribute `threading_layer` has it",
    },
    "BLISController": {
        "_get_architecture": "the attribute `architecture` has it",
        "_get_threading_layer": "the attribute `threading_layer` has it",
    },
    "MKLController": {"_get_threading_layer": "the attribute `threading_layer` has it"},
    "FlexiBLASController": {
        "_get_backend_list": "`available_backends` and `loaded_backends` have it",
        "_get_current_backend": "`current_backend` has it",
    },
}


def _own_names(module: ModuleType) -> list[str]:
    """Return a module's names but those it imports."""
    return [
        name
        for name, value in vars(module).items()
        if not (name.startswith("__") and name.endswith("__"))
        and not inspect.ismodule(value)
        and name != "annotations"
        and getattr(value, "__module__", module.__name__) in (module.__name__, "typing")
        and name not in ("Callable", "Literal", "TypeVar", "final")
    ]


NAMES = _own_names(theirs)
SHARED = [name for name in NAMES if name not in ABSENT]
CLASSES = [name for name in SHARED if inspect.isclass(getattr(theirs, name))]
FUNCTIONS = [name for name in SHARED if inspect.isfunction(getattr(theirs, name))]


def test_what_is_compared_is_not_empty() -> None:
    assert theirs.__version__ == ours.__version__ == "3.8.0"
    assert set(theirs.__all__) <= set(NAMES)
    assert len(CLASSES) == 10
    assert len(FUNCTIONS) >= 5


def test_the_public_names_are_the_same() -> None:
    assert sorted(ours.__all__) == sorted(theirs.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_here_or_says_why_not(name: str) -> None:
    assert hasattr(ours, name) != (name in ABSENT)


def test_the_reasons_are_of_names_that_exist() -> None:
    assert set(ABSENT) <= set(dir(theirs))
    # "@py_builtins" and the like are pytest's, which rewrites what has a plugin.
    public = {name for name in dir(ours) if not name.startswith(("_", "@"))}
    assert public - set(dir(theirs)) == {"install"}


def _parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """Return name, kind and default of each parameter; types are for readers."""
    signature = inspect.signature(function)
    return [(each.name, each.kind, each.default) for each in signature.parameters.values()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_the_same_signature(name: str) -> None:
    assert _parameters(getattr(ours, name)) == _parameters(getattr(theirs, name))


def _own_members(kind: type) -> list[str]:
    ignored = ("__module__", "__doc__", "__dict__", "__weakref__", "__abstractmethods__",
               "_abc_impl", "__annotations__", "__init_subclass__", "__subclasshook__")  # fmt: skip
    object_names = set(dir(object)) - {"__init__"}
    return [name for name in dir(kind) if name not in object_names and name not in ignored]


MEMBERS = [(name, member) for name in CLASSES for member in _own_members(getattr(theirs, name))]


@pytest.mark.parametrize(("name", "member"), MEMBERS)
def test_every_member_is_here_and_is_called_alike(name: str, member: str) -> None:
    if member in ABSENT_MEMBERS.get(name, {}):
        assert not hasattr(getattr(ours, name), member)
        return
    their_kind, our_kind = getattr(theirs, name), getattr(ours, name)
    their_member, our_member = getattr(their_kind, member), getattr(our_kind, member)
    if inspect.isroutine(their_member):
        assert _parameters(our_member) == _parameters(their_member)
    elif isinstance(their_member, property):
        assert isinstance(our_member, property)
    elif isinstance(their_member, tuple):
        assert set(our_member) == set(their_member)
    else:
        assert our_member == their_member


@pytest.mark.parametrize("name", CLASSES)
def test_classes_derive_alike(name: str) -> None:
    def bases(module: ModuleType) -> set[str]:
        kind = getattr(module, name)
        return {other for other in CLASSES if issubclass(kind, getattr(module, other))}

    assert bases(ours) == bases(theirs)
    builtin = {kind for kind in getattr(theirs, name).__mro__ if kind.__module__ != "threadpoolctl"}
    assert builtin <= set(getattr(ours, name).__mro__)
    assert inspect.isabstract(getattr(ours, name)) == inspect.isabstract(getattr(theirs, name))


# On its own: scipy, where another test imports it, adds a controller to theirs.
@pytest.mark.parametrize("name", [name for name in SHARED if name.startswith("_ALL")])
@in_own_process
def test_the_lists_of_what_is_known_are_the_same(name: str) -> None:
    def plain(module: ModuleType) -> set[str]:
        return {getattr(each, "__name__", each) for each in getattr(module, name)}

    assert plain(ours) == plain(theirs)
    assert type(getattr(ours, name)) is type(getattr(theirs, name))


@pytest.mark.parametrize("name", [name for name in SHARED if name.endswith("Controller")])
def test_everything_public_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(getattr(ours, name))


def test_importing_ours_sets_no_environment_variable() -> None:
    from isolated import run_python

    code = "import os; before = dict(os.environ); import {}; print(dict(os.environ) == before)"
    assert run_python(code.format("threadpoolctl")).stdout == "False\n"  # KMP_DUPLICATE_LIB_OK
    assert run_python(code.format("poolkeeper.threadpoolctl")).stdout == "True\n"
