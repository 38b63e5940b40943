"""More callers than an OpenBLAS has buffers: the program of ``callers.c``, built and run.

hold(library)           # its buffers, taken one by one: no thread, no chance
call(library, 300)      # 300 threads that multiply at once: what really happens
call(library, 1, 639)   # one, when so many buffers are taken: no chance either
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import build

SOURCE = Path(__file__).resolve().with_suffix(".c")
#: What OpenBLAS allocates, once, when its buffers are taken (memory.c, NEW_BUFFERS).
AUXILIARY = 512
TIMEOUT = 120
WARNING = "OpenBLAS warning: precompiled NUM_THREADS exceeded"
#: Kernels are chosen by the library itself: the environment's choice is not the user's.
CHOSEN_FOR_US = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


@dataclass(frozen=True)
class Held:
    """What taking every buffer of an OpenBLAS told.

    Attributes:
        version: OpenBLAS's own.
        max_threads: its MAX_THREADS.
        threads: what it started with: workers and the calling thread.
        safe: buffers that could be taken before it warned.
        survived: buffers that could be taken before it refused.
    """

    version: str
    max_threads: int
    threads: int
    safe: int
    survived: int

    @property
    def predicted_safe(self) -> int:
        """2 x MAX_THREADS buffers; its workers keep one each, and newer ones one more."""
        return 2 * self.max_threads - self.threads

    @property
    def predicted_survived(self) -> int:
        """The auxiliary buffers come on top."""
        return self.predicted_safe + AUXILIARY


@dataclass(frozen=True)
class Called:
    """What simultaneous callers did to an OpenBLAS.

    Attributes:
        warned: it said that its buffers are taken.
        signal: what killed the process; 0 if it ended by itself.
        output: all that it printed.
    """

    warned: bool
    signal: int
    output: str


def program(dest: Path = build.DEFAULT_DEST) -> Path:
    """Build ``callers.c``, unless it is built, and return the program's path.

    Raises:
        build.BuildError: no compiler, or it rejects the source.
    """
    dest.mkdir(parents=True, exist_ok=True)
    target = dest / "callers"
    if target.exists() and target.stat().st_mtime >= SOURCE.stat().st_mtime:
        return target
    unfinished = dest / f".callers.{os.getpid()}"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-o", str(unfinished)]
    command = [*compiler, *flags, str(SOURCE), "-ldl", "-pthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise build.BuildError(f"callers.c does not compile:\n{done.stderr}")
    unfinished.replace(target)
    return target


def wheels_openblas(module: ModuleType) -> list[Path]:
    """The OpenBLAS that the wheel of an imported package brings."""
    package = Path(str(module.__file__)).parent
    return sorted(package.with_name(f"{package.name}.libs").glob("lib*openblas*"))


def environment(library: Path, threads: int | None) -> dict[str, str]:
    """The variables for a run: `threads` in the OpenBLAS; None leaves it the choice."""
    kept = {name: value for name, value in os.environ.items() if name not in CHOSEN_FOR_US}
    # A wheel's libraries find each other where they are.
    kept["LD_LIBRARY_PATH"] = str(library.parent)
    if threads is not None:
        kept["OPENBLAS_NUM_THREADS"] = str(threads)
    return kept


def hold(library: Path, threads: int | None = 1, before: tuple[str, ...] = ()) -> Held:
    """Take an OpenBLAS's buffers until it refuses; `before` is put before the command.

    Raises:
        ValueError: the library did not warn, or not refuse.
    """
    output = _run([*before, str(program()), "hold", str(library)], library, threads)[1]
    config = re.search(r"^OpenBLAS (\S+) .*MAX_THREADS=(\d+)", output, re.M)
    started = re.search(r"^threads=(\d+)", output, re.M)
    if config is None or started is None or WARNING not in output or "refused" not in output:
        raise ValueError(f"{library} did not warn and refuse:\n{output}")
    takes = re.compile(r"^take$", re.M)
    # "take" comes before each: the last one is what it warned at, or refused.
    safe = len(takes.findall(output[: output.index(WARNING)])) - 1
    return Held(
        version=config[1],
        max_threads=int(config[2]),
        threads=int(started[1]),
        safe=safe,
        survived=len(takes.findall(output)) - 1,
    )


def call(library: Path, callers: int, taken: int = 0, threads: int | None = 1) -> Called:
    """Have so many threads multiply matrices at the same time, when so many buffers are taken."""
    numbers = [str(callers), str(taken)]
    command = [str(program()), "call", str(library), *numbers]
    code, output = _run(command, library, threads)
    if code > 0:
        raise ValueError(f"{command} failed:\n{output}")
    return Called(WARNING in output, max(0, -code), output)


def _run(command: list[str], library: Path, threads: int | None) -> tuple[int, str]:
    done = subprocess.run(
        command,
        env=environment(library, threads),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout
