"""Scopes as decorators of every kind of function."""

from __future__ import annotations

import asyncio
import functools
import inspect

import pytest
from isolated import in_own_process
from scenario import counts, fake

pytestmark = pytest.mark.usefixtures("lab")


def _threads() -> int:
    threads = counts()["openblas"]
    assert threads is not None
    return threads


@in_own_process
def test_a_function() -> None:
    import poolkeeper

    fake()

    @poolkeeper.limit(2)
    def work(a: int, *rest: int, key: str = "k") -> tuple:
        """Say what came."""
        return a, rest, key, _threads()

    assert _threads() == 8  # the decorator itself limits nothing
    assert work(1, 2, 3, key="x") == (1, (2, 3), "x", 2)
    assert _threads() == 8
    assert (work.__name__, work.__doc__) == ("work", "Say what came.")
    assert work.__module__ == __name__
    assert work.__qualname__.endswith(".work")
    assert work.__annotations__ == work.__wrapped__.__annotations__
    assert str(inspect.signature(work)).startswith("(a: 'int', *rest: 'int', key: 'str' = 'k')")


@in_own_process
def test_an_exception_of_a_function() -> None:
    import poolkeeper

    fake()

    @poolkeeper.limit(2)
    def fail() -> None:
        raise KeyError(_threads())

    with pytest.raises(KeyError) as caught:
        fail()
    assert caught.value.args == (2,)
    assert _threads() == 8


@in_own_process
def test_recursion_and_reuse() -> None:
    import poolkeeper

    fake()
    scope = poolkeeper.limit(2)

    @scope
    def down(depth: int) -> list[int]:
        return [_threads(), *(down(depth - 1) if depth else [])]

    @scope
    @poolkeeper.limit(5)
    def both() -> int:
        return _threads()

    assert down(20) == [2] * 21
    assert both() == 2
    assert _threads() == 8
    assert not scope.live


@in_own_process
def test_force_and_late_count_in_decorators() -> None:
    import poolkeeper

    @poolkeeper.limit(6, force=True)
    def forced() -> int:
        return _threads()

    @poolkeeper.limit(3, late=True)
    def late() -> int:
        fake()
        return _threads()

    assert late() == 3
    with poolkeeper.limit(2):
        assert forced() == 6
    assert _threads() == 8


@in_own_process
def test_methods() -> None:
    import poolkeeper

    fake()

    class Thing:
        @poolkeeper.limit(2)
        def method(self) -> tuple:
            return type(self).__name__, _threads()

        @classmethod
        @poolkeeper.limit(3)
        def of_class(cls) -> tuple:
            return cls.__name__, _threads()

        @staticmethod
        @poolkeeper.limit(4)
        def static() -> int:
            return _threads()

        @property
        @poolkeeper.limit(5)
        def value(self) -> int:
            return _threads()

    thing = Thing()
    assert (thing.method(), Thing.of_class()) == (("Thing", 2), ("Thing", 3))
    assert (thing.static(), thing.value) == (4, 5)
    assert poolkeeper.limit(1)(thing.method)() == ("Thing", 1)
    assert poolkeeper.limit(1)(functools.partial(thing.static))() == 1
    assert _threads() == 8


@in_own_process
def test_a_coroutine_function() -> None:
    import poolkeeper

    fake()

    @poolkeeper.limit(2)
    async def work(what: str) -> tuple:
        before = _threads()
        await asyncio.sleep(0)
        return what, before, _threads()

    assert inspect.iscoroutinefunction(work)
    coroutine = work("x")
    assert _threads() == 8  # nothing runs before the first step
    assert asyncio.run(coroutine) == ("x", 2, 2)
    assert _threads() == 8
    work("never awaited").close()
    assert _threads() == 8


@in_own_process
def test_an_object_whose_call_is_a_coroutine() -> None:
    import poolkeeper

    fake()

    class Job:
        async def __call__(self) -> int:
            await asyncio.sleep(0)
            return _threads()

    assert asyncio.run(poolkeeper.limit(2)(Job())()) == 2
    assert _threads() == 8


@in_own_process
def test_a_generator_function() -> None:
    import poolkeeper

    fake()

    @poolkeeper.limit(2)
    def work() -> object:
        got = yield _threads()
        try:
            yield got
        except KeyError as error:
            yield f"caught {error.args[0]}, {_threads()}"
        return "the end"

    assert inspect.isgeneratorfunction(work)
    generator = work()
    assert _threads() == 8
    assert next(generator) == 2
    assert generator.send("sent") == "sent"
    assert generator.throw(KeyError("thrown")) == "caught thrown, 2"
    with pytest.raises(StopIteration) as caught:
        next(generator)
    assert caught.value.value == "the end"
    assert _threads() == 8


@in_own_process
def test_a_generator_closed_early_or_failing() -> None:
    import poolkeeper

    fake()
    steps: list[object] = []

    @poolkeeper.limit(2)
    def work() -> object:
        try:
            yield _threads()
            raise OSError("from the body")
        finally:
            steps.append(_threads())

    generator = work()
    next(generator)
    generator.close()
    assert (steps, _threads()) == ([2], 8)
    with pytest.raises(OSError, match="from the body"):
        list(work())
    assert (steps, _threads()) == ([2, 2], 8)


@in_own_process
def test_an_async_generator_function() -> None:
    import poolkeeper

    fake()

    @poolkeeper.limit(2)
    async def work() -> object:
        got = yield _threads()
        await asyncio.sleep(0)
        try:
            yield got
        except KeyError as error:
            yield f"caught {error.args[0]}, {_threads()}"

    async def main() -> None:
        generator = work()
        assert _threads() == 8
        assert await anext(generator) == 2
        assert await generator.asend("sent") == "sent"
        assert await generator.athrow(KeyError("thrown")) == "caught thrown, 2"
        with pytest.raises(StopAsyncIteration):
            await anext(generator)
        assert _threads() == 8
        assert [step async for step in work()] == [2, None]

    assert inspect.isasyncgenfunction(work)
    asyncio.run(main())
    assert _threads() == 8


@in_own_process
def test_an_async_generator_closed_early_or_failing() -> None:
    import poolkeeper

    fake()
    steps: list[object] = []

    @poolkeeper.limit(2)
    async def work() -> object:
        try:
            yield _threads()
            raise OSError("from the body")
        except GeneratorExit:
            steps.append("closed")
            raise
        finally:
            await asyncio.sleep(0)
            steps.append(_threads())

    async def main() -> None:
        generator = work()
        await anext(generator)
        await generator.aclose()
        assert (steps, _threads()) == (["closed", 2], 8)
        with pytest.raises(OSError, match="from the body"):
            [step async for step in work()]
        assert (steps, _threads()) == (["closed", 2, 2], 8)
        generator = work()
        await anext(generator)
        with pytest.raises(KeyError):
            await generator.athrow(KeyError("not caught inside"))
        assert _threads() == 8
        await work().aclose()  # never begun
        assert len(steps) == 4

    asyncio.run(main())


@in_own_process
def test_a_decorator_at_import_time_names_pools_that_come_later() -> None:
    import poolkeeper

    @poolkeeper.limit(openblas=2)
    def work() -> int:
        return _threads()

    fake()
    assert work() == 2
    assert _threads() == 8
