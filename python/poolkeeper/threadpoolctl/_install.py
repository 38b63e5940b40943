"""Making ``import threadpoolctl`` import this package."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ._elsewhere import handed_over_to

_NAME = "threadpoolctl"


def install() -> None:
    """Make ``import threadpoolctl`` mean ``poolkeeper.threadpoolctl``.

    The replacement lasts for the rest of the process. If the real threadpoolctl has
    been imported before, by scikit-learn say, its functions, classes and controllers
    are replaced wherever modules hold them as globals, and controllers that were
    registered with it are registered here. A second call does nothing.

    Examples
    --------
    >>> import poolkeeper.threadpoolctl
    >>> poolkeeper.threadpoolctl.install()
    >>> import threadpoolctl
    >>> threadpoolctl is poolkeeper.threadpoolctl
    True
    """
    if handed_over_to() is not None:
        return  # that is what `import threadpoolctl` means already
    ours = sys.modules[__name__.rpartition(".")[0]]
    theirs = sys.modules.get(_NAME)
    if theirs is ours:
        return
    sys.modules[_NAME] = ours
    if theirs is not None and hasattr(theirs, "threadpool_limits"):
        _adopt_controllers(theirs)
        _replace_everywhere(theirs, ours)


def _adopt_controllers(theirs: ModuleType) -> None:
    """Register what users have registered with the real threadpoolctl."""
    from ._registered import ALL_CONTROLLERS, register

    built_in = {
        value
        for value in vars(theirs).values()
        if isinstance(value, type) and value.__module__ == theirs.__name__
    }
    for controller in getattr(theirs, "_ALL_CONTROLLERS", []):
        if controller not in built_in and controller not in ALL_CONTROLLERS:
            register(controller)


def _replace_everywhere(theirs: ModuleType, ours: ModuleType) -> None:
    """Swap the real objects for ours in the globals of every loaded module."""
    names = [name for name in vars(ours) if not name.startswith("__") and hasattr(theirs, name)]
    swaps: dict[int, Any] = {id(theirs): ours}
    for name in names:
        theirs_object = getattr(theirs, name)
        if callable(theirs_object):
            swaps[id(theirs_object)] = getattr(ours, name)
    controller_class = theirs.ThreadpoolController
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType) or module is theirs:
            continue
        for name, value in list(vars(module).items()):
            if id(value) in swaps:
                setattr(module, name, swaps[id(value)])
            # Not isinstance: it would have lazy objects evaluate themselves.
            elif issubclass(type(value), controller_class):
                setattr(module, name, _same_libraries(value, ours))
    for name in names:
        if id(getattr(theirs, name)) in swaps:
            setattr(theirs, name, getattr(ours, name))


def _same_libraries(controller: Any, ours: Any) -> Any:
    """Return poolkeeper's controller for the libraries of a real one's."""
    paths = [lib.filepath for lib in controller.lib_controllers]
    return ours.ThreadpoolController().select(filepath=paths)
