"""Notebooks run for real: by nbclient, and in JupyterLab in a headless browser."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbclient
import nbformat
from isolated import environment

#: No window, no GPU, and no request of its own to another host.
CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(*cells: str, **metadata: Any) -> nbformat.NotebookNode:
    """Return a notebook of code cells."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata.update(kernelspec=KERNEL, **metadata)
    return made


@dataclass(frozen=True)
class Ran:
    """What a cell put out by kind, and the kinds in their order."""

    out: str
    err: str
    html: str
    value: str
    error: str | None
    order: list[str]


def run(*cells: str, **variables: str) -> list[Ran]:
    """Run cells in a kernel of their own, with these environment variables."""
    return run_notebook(notebook(*cells), **variables)


def run_notebook(
    made: nbformat.NotebookNode, folder: Path | None = None, **variables: str
) -> list[Ran]:
    """Run a notebook in a kernel of its own, in a folder; its outputs stay in it."""
    with tempfile.TemporaryDirectory() as empty:
        where = {"metadata": {"path": str(folder or empty)}}
        client = nbclient.NotebookClient(made, timeout=120, allow_errors=True, resources=where)
        with _quietly():
            client.execute(env=environment(**variables))
    return [_ran(cell.outputs) for cell in made.cells if cell.cell_type == "code"]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Take what the kernel's start writes: it tells of TCP, which is this machine's."""
    with tempfile.TemporaryFile() as sink:
        before = os.dup(2)
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)


def _ran(outputs: list[nbformat.NotebookNode]) -> Ran:
    def streams(name: str) -> str:
        return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == name)

    def data(kind: str) -> str:
        return "\n".join(o.data[kind] for o in outputs if kind in o.get("data", {}))

    errors = [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"]
    return Ran(
        out=streams("stdout"), err=streams("stderr"), html=data("text/html"),
        value=data("text/plain"), error=errors[0] if errors else None,
        order=[_in_short(output) for output in outputs],
    )  # fmt: skip


def _in_short(output: nbformat.NotebookNode) -> str:
    if output.output_type == "stream":
        return f"{output.name}: {output.text.strip()}"
    shown = output.get("data", {}).get("text/plain", "")
    found = re.match(r"poolkeeper: error (PK\d+)", shown)
    return f"danger {found[1]}" if found else str(output.output_type)


# --- JupyterLab


@contextlib.contextmanager
def jupyterlab(folder: Path, theme: str = "JupyterLab Light") -> Iterator[str]:
    """Serve a folder of notebooks; the server's address, with its token as `{token}`."""
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    variables = {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("config", "data")}
    runtime = folder / "runtime"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--ServerApp.port=0", f"--ServerApp.root_dir={folder}", "--ServerApp.token=tests",
    ]  # fmt: skip
    env = environment(**variables, JUPYTER_RUNTIME_DIR=str(runtime), HOME=str(folder))
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            yield _address(runtime, server, folder / "server.log")
        finally:
            server.terminate()
            server.wait(60)


def _address(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    """The address that the server writes when it listens."""
    end = time.monotonic() + 90
    while time.monotonic() < end and server.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):  # it is being written
                return str(json.loads(file.read_text())["url"])
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab does not listen:\n{log.read_text()}")


@contextlib.contextmanager
def browser_page(**options: Any) -> Iterator[Any]:
    """A page of a headless Chromium; what it asked other hosts for is in `page.elsewhere`."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    assert program, "chromium is missing; type: python tests/lab/browser.py"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*CHROMIUM_FLAGS])
        try:
            yield browser.new_page(**options)
        finally:
            browser.close()


def run_in_lab(page: Any, address: str, name: str, pictures: int) -> None:
    """Open a notebook, run all of its cells, and wait for so many pictures."""
    page.goto(f"{address}lab/tree/{name}?token=tests")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    # Before its kernel is there, running a cell would ask which one.
    page.get_by_text(f"{KERNEL['display_name']} (ipykernel) | Idle").wait_for(timeout=90_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(
        f"document.querySelectorAll('.jp-OutputArea-output .poolkeeper').length >= {pictures}",
        timeout=120_000,
    )
