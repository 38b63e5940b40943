"""``poolkeeper.guard()`` beside other code that changes how threads start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from isolated import in_own_process


def _wrap_start(seen: list[str], name: str) -> None:
    """Wrap `Thread.start` for good, as programs that trace threads do."""
    original = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        seen.append(name)
        original(thread)

    threading.Thread.start = start  # type: ignore[method-assign]


def _wrap_run_too() -> None:
    """Wrap `start` and `run`, as sentry_sdk's integration of threading does."""
    original = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        old = getattr(thread.run, "__func__", thread.run)

        def run(*arguments: Any) -> Any:
            return old(threading.current_thread(), *arguments[1:])

        thread.run = run  # type: ignore[method-assign]
        original(thread)

    threading.Thread.start = start  # type: ignore[method-assign]


def _run(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return thread


def _count_looks() -> list[str]:
    """Count how often guards look in new threads."""
    from poolkeeper import _guard

    looks: list[str] = []
    look = _guard._hooks.look

    def counted() -> None:
        looks.append(threading.current_thread().name)
        look()

    _guard._hooks.look = counted  # type: ignore[method-assign]
    return looks


@in_own_process
def test_who_wraps_start_between_two_guards_loses_no_thread() -> None:
    import poolkeeper

    looks, starts, done = _count_looks(), list[str](), list[int]()
    first = poolkeeper.guard()
    _wrap_start(starts, "theirs")
    first.release()
    for _ in range(3):
        with poolkeeper.guard():
            thread = _run(lambda: done.append(1))
            assert "run" not in vars(thread)
    _run(lambda: done.append(2))
    assert done == [1, 1, 1, 2]
    assert starts == ["theirs"] * 4
    assert len(looks) == 3, "once in each thread, while a guard is live"


@in_own_process
def test_who_wraps_run_as_well_loses_no_thread() -> None:
    import poolkeeper

    looks, done = _count_looks(), list[int]()
    for wraps_before in (True, False):
        if wraps_before:
            _wrap_run_too()
        with poolkeeper.guard():
            if not wraps_before:
                _wrap_run_too()
            _run(lambda: done.append(1))
    _run(lambda: done.append(2))
    assert done == [1, 1, 2]
    assert len(looks) == 2


@in_own_process
def test_a_run_that_a_thread_was_given_stays_its_run() -> None:
    import poolkeeper

    done: list[int] = []

    def run() -> None:
        done.append(1)

    with poolkeeper.guard():
        thread = threading.Thread(target=lambda: done.append(2))
        thread.run = run  # type: ignore[method-assign]
        thread.start()
        thread.join()
        assert thread.run is run
    assert done == [1]


@in_own_process
def test_a_thread_started_twice_runs_once_and_is_looked_after() -> None:
    import poolkeeper
    import pytest

    looks, done = _count_looks(), list[int]()
    go = threading.Event()

    class Slow(threading.Thread):
        def run(self) -> None:
            go.wait()
            done.append(1)

    with poolkeeper.guard():
        for _ in range(50):
            go.clear()
            thread = Slow()
            thread.start()
            with pytest.raises(RuntimeError, match="threads can only be started once"):
                thread.start()
            go.set()
            thread.join()
            assert "run" not in vars(thread)
    assert len(done) == len(looks) == 50


@in_own_process
def test_a_thread_class_with_a_read_only_run_starts() -> None:
    import logging

    import poolkeeper

    done: list[int] = []
    messages: list[str] = []

    class Property(threading.Thread):
        @property
        def run(self) -> Any:  # type: ignore[override]
            return lambda: done.append(1)

    class Frozen(threading.Thread):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "run":
                raise AttributeError("can't set attribute")
            super().__setattr__(name, value)

        def run(self) -> None:
            done.append(2)

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logging.getLogger("poolkeeper.guard").addHandler(Listener())
    logging.getLogger("poolkeeper.guard").propagate = False
    with poolkeeper.guard():
        for kind in (Property, Frozen):
            thread = kind()
            thread.start()
            thread.join()
    assert done == [1, 2]
    (message,) = messages
    assert "Property keeps its run to itself" in message


@in_own_process
def test_a_thread_that_the_system_refuses_can_be_started_later() -> None:
    import poolkeeper
    import pytest

    done: list[int] = []
    refused: Any = RuntimeError("can't start new thread")
    name = "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else ""
    name = name or "_start_new_thread"
    original = getattr(threading, name)

    def refuse(*arguments: object, **keywords: object) -> None:
        raise refused

    with poolkeeper.guard():
        thread = threading.Thread(target=lambda: done.append(1))
        setattr(threading, name, refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            thread.start()
        assert "run" not in vars(thread)
        setattr(threading, name, original)
        thread.start()
        thread.join()
    assert done == [1]
