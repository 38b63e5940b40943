"""A Jupyter kernel that starts under ``poolkeeper run``."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

#: What the command and the kernel's start have in common.
NAME, DISPLAY_NAME = "poolkeeper", "Python 3 (within its CPUs)"
#: What Jupyter accepts (jupyter_client.kernelspec).
NAME_PATTERN = re.compile(r"[a-z0-9_.-]+", re.IGNORECASE)


class CannotInstall(Exception):
    """The kernel can't be installed; the message says why, and what to do."""


def argv(python: str = sys.executable) -> list[str]:
    """Return the command that starts the kernel.

    ``poolkeeper run`` finds the budget when the kernel starts, sets the variables of
    every runtime, and becomes the kernel: signals are the kernel's own. The kernel
    loads the extension.

    Examples
    --------
    >>> argv("python3")[:5]
    ['python3', '-P', '-m', 'poolkeeper', 'run']
    """
    # Not a poolkeeper.py beside the notebook. The kernel itself, started as ever,
    # takes its folder off the path until it has loaded, and without -P gives it back
    # to the notebook's own imports.
    run = [python, "-P", "-m", "poolkeeper", "run", "--quiet", "--"]
    kernel = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return [*run, *kernel, "--ext", "poolkeeper"]


def install(name: str = NAME, display_name: str = DISPLAY_NAME, prefix: Path | None = None) -> Path:
    """Install the kernel's description; return its folder.

    Parameters
    ----------
    name : str
        The folder's name, by which programs choose the kernel.
    display_name : str
        What people choose.
    prefix : Path, optional
        The installation that gets it, below ``share/jupyter/kernels``. Default: the
        user's own folder.

    Raises
    ------
    CannotInstall
        If the name is none, ipykernel is missing, or the folder can't be written.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise CannotInstall(
            f"{name!r} is no name for a kernel: letters, digits, '_', '-' and '.', as in {NAME!r}"
        )
    try:
        from ipykernel.kernelspec import write_kernel_spec
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError as error:
        raise CannotInstall(f"{error}; type: {sys.executable} -m pip install ipykernel") from None
    overrides = {"argv": argv(), "display_name": display_name}
    with tempfile.TemporaryDirectory() as folder:
        try:
            written = write_kernel_spec(str(Path(folder) / name), overrides=overrides)
            installed = KernelSpecManager().install_kernel_spec(
                written,
                name,
                user=prefix is None,
                prefix=None if prefix is None else str(prefix),
            )
        except OSError as error:
            raise CannotInstall(f"{error}; choose a folder of yours with --prefix") from None
    return Path(installed)
