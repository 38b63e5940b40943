"""Say on stderr what is going on, and for how long.

On a terminal: one live line with a spinner and the elapsed time. Elsewhere (a
file, a pipe, a log): one plain line for each step.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

CLEAR_LINE = "\r\x1b[K"
BOLD, DIM, GREEN, YELLOW, RED, RESET = (f"\x1b[{n}m" for n in (1, 2, 32, 33, 31, 0))


def is_terminal(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: TextIO) -> str:
    """Colour ``text`` if ``stream`` is a terminal and NO_COLOR is not set.

    See https://no-color.org: any value but the empty one turns colour off.
    """
    if not is_terminal(stream) or os.environ.get("NO_COLOR"):
        return text
    return f"{colour}{text}{RESET}"


class Progress:
    """Show steps on ``stream``, as a context manager.

    Args:
        stream: where to write: ``sys.stderr``.

    Example:
        >>> import io
        >>> out = io.StringIO()
        >>> with Progress(out) as progress:
        ...     with progress.step("reading"):
        ...         pass
        >>> out.getvalue()
        'poolkeeper demo: reading\\n'
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = is_terminal(stream)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._text: str | None = None
        self._began = 0.0
        self._ticker = threading.Thread(target=self._tick, name="demo-progress", daemon=True)

    def __enter__(self) -> Progress:
        if self._live:
            self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._ticker.is_alive():
            self._ticker.join()

    @property
    def thread_ids(self) -> set[int]:
        """The display's own threads, which are no part of what is measured."""
        return {self._ticker.native_id} if self._ticker.native_id is not None else set()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announce a step; on a terminal keep its line alive until it is done."""
        if not self._live:
            self._write(f"poolkeeper demo: {text}\n")
            yield
            return
        with self._lock:
            self._text, self._began = text, time.perf_counter()
        done = False
        try:
            yield
            done = True
        finally:
            with self._lock:
                self._text = None
                seconds = time.perf_counter() - self._began
                self._write(CLEAR_LINE)
                if done:
                    mark = paint("done", GREEN, self._stream)
                    self._write(f"{mark}  {text}  {seconds:.1f} s\n")

    def warn(self, text: str) -> None:
        """Write a warning, between two steps."""
        label = paint("warning", YELLOW, self._stream)
        self._write(f"poolkeeper demo: {label}: {text}\n")

    def fail(self, text: str) -> None:
        """Write an error, between two steps."""
        label = paint("error", RED, self._stream)
        self._write(f"poolkeeper demo: {label}: {text}\n")

    def _tick(self) -> None:
        turn = 0
        while not self._stop.wait(0.1):
            with self._lock:
                if self._text is not None:
                    seconds = time.perf_counter() - self._began
                    spinner = "|/-\\"[turn % 4]
                    self._write(f"{CLEAR_LINE}{spinner}     {self._text}  {seconds:.1f} s")
            turn += 1

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
