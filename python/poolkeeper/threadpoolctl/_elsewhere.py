"""Systems on which poolkeeper sees no pools: threadpoolctl, if installed, serves there."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

from .. import _native

_NAME = "threadpoolctl"
_SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_shim")

_theirs: ModuleType | None = None


def handed_over_to() -> ModuleType | None:
    """Return the real threadpoolctl, where it serves instead of this package."""
    return _theirs


def hand_over(names: dict[str, Any]) -> None:
    """Replace this package's names by the real threadpoolctl's, where that should serve.

    Parameters
    ----------
    names : dict
        The package's globals. ``install`` stays, and what Python itself sets.
    """
    global _theirs
    if not _native._is_unsupported():
        return
    _theirs = _real_one()
    if _theirs is not None:
        kept = {name for name in names if name.startswith("__")} - {"__all__", "__version__"}
        taken = {name: value for name, value in vars(_theirs).items() if name not in kept}
        names.update(taken)


def _real_one() -> ModuleType | None:
    """Return threadpoolctl as it is installed, imported if it isn't yet; None without it.

    Our own ``threadpoolctl.py`` may come first in ``sys.path``, or be what imports this
    package just now: it is passed over, and what is found takes its place.
    """
    loaded = sys.modules.get(_NAME)
    if loaded is not None and hasattr(loaded, "ThreadpoolController"):
        return loaded
    elsewhere = [folder for folder in sys.path if os.path.abspath(folder) != _SHIM]
    spec = PathFinder.find_spec(_NAME, elsewhere)
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)
    return module
