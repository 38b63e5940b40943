"""Import the libraries of the story, so that their native pools are loaded."""

from __future__ import annotations

from importlib import import_module

#: What to import, and the package that pip installs it from. The demo cannot
#: run without these; scikit-learn reads its photograph through pillow.
REQUIRED = {
    "numpy": "numpy",
    "scipy.linalg": "scipy",
    "sklearn.cluster": "scikit-learn",
    "PIL.Image": "pillow",
}

#: Shown in the table of pools when it is there: mdtraj brings a libgomp.
OPTIONAL = {"mdtraj": "mdtraj"}


class MissingLibrary(Exception):
    """A library that the demo cannot do without cannot be imported."""


def import_libraries() -> list[str]:
    """Import everything in ``OPTIONAL`` and ``REQUIRED``, in the story's order.

    Returns:
        One warning for each optional library that could not be imported.

    Raises:
        MissingLibrary: a required library cannot be imported. The message
            names every one of them and the pip command that installs them.

    Example:
        >>> import_libraries()  # doctest: +SKIP
        ["mdtraj is not installed: ..."]
    """
    absent = _failures(OPTIONAL)
    missing = _failures(REQUIRED)
    if missing:
        raise MissingLibrary(
            f"the demo needs {', '.join(missing)}, and could not import "
            f"{'it' if len(missing) == 1 else 'them'} ({'; '.join(missing.values())}). "
            f"Type: pip install {' '.join(missing)}"
        )
    return [
        f"{package} could not be imported ({reason}): the demo goes on without its "
        f"pools. To see them, type: pip install {package}"
        for package, reason in absent.items()
    ]


def _failures(modules: dict[str, str]) -> dict[str, str]:
    failures = {}
    for module, package in modules.items():
        try:
            import_module(module)
        except ImportError as error:
            failures[package] = str(error)
    return failures
