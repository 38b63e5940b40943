"""A scope as a decorator: the function's body runs as if in a ``with`` block.

Imported when the first function is decorated, to keep ``import poolkeeper``
short.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ._native import Scope


def decorate(scope: Scope, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` wrapped so that each call runs under a new scope.

    A coroutine's or generator's scope begins with its first step and ends with
    its last, as a ``with`` block around its body would.

    Raises
    ------
    TypeError
        If ``function`` can't be called.
    """
    if isinstance(function, (classmethod, staticmethod)) or inspect.isclass(function):
        raise TypeError(
            f"a scope decorates a function, not {function!r}: put the decorator "
            "below @classmethod or @staticmethod, and on methods instead of a class"
        )
    if not callable(function):
        raise TypeError(
            f"a scope decorates a function, not {function!r}; "
            "for a block of code use 'with poolkeeper.limit(...):'"
        )
    begin = scope._again
    # An object with `async def __call__` is a coroutine function too.
    runs = (function, type(function).__call__)
    if any(map(inspect.isasyncgenfunction, runs)):
        return _around_async_generator(begin, function)
    if any(map(inspect.iscoroutinefunction, runs)):
        return _around_coroutine(begin, function)
    if any(map(inspect.isgeneratorfunction, runs)):
        return _around_generator(begin, function)
    return _around_function(begin, function)


_Begin = Callable[[], Scope]


def _around_function(begin: _Begin, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:
        with begin():
            return function(*args, **kwargs)

    return limited


def _around_coroutine(begin: _Begin, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def limited(*args: Any, **kwargs: Any) -> Any:
        with begin():
            return await function(*args, **kwargs)

    return limited


def _around_generator(begin: _Begin, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:
        with begin():
            return (yield from function(*args, **kwargs))

    return limited


def _around_async_generator(begin: _Begin, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def limited(*args: Any, **kwargs: Any) -> Any:
        inner = function(*args, **kwargs)
        with begin():
            try:
                step = inner.asend(None)
                while True:
                    try:
                        value = await step
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield value
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = inner.athrow(error)
                    else:
                        step = inner.asend(sent)
            finally:
                await inner.aclose()

    return limited
