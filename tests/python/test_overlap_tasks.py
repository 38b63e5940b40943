"""Scopes in tasks and generators, which begin and end when the loop pleases."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from isolated import in_own_process
from scenario import Worker, counts, fake, load

pytestmark = pytest.mark.usefixtures("lab")


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("name", ["openblas", "libomp"])
@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_overlapping_tasks(name: str, first: str) -> None:
    import poolkeeper

    fake() if name == "openblas" else load("libomp")
    seen: list[int] = []

    async def hold(threads: int, inside: asyncio.Event, leave: asyncio.Event) -> None:
        with poolkeeper.limit(threads):
            inside.set()
            await leave.wait()

    async def main() -> None:
        limits = {"a": 2, "b": 5}
        inside = {who: asyncio.Event() for who in limits}
        leave = {who: asyncio.Event() for who in limits}
        tasks = {
            who: asyncio.create_task(hold(limits[who], inside[who], leave[who])) for who in limits
        }
        for event in inside.values():
            await event.wait()
        seen.append(counts()[name])
        for who in sorted(tasks, key=lambda who: who != first):
            leave[who].set()
            await tasks[who]
            seen.append(counts()[name])

    asyncio.run(main())
    assert seen == [2, 5 if first == "a" else 2, 8]


@in_own_process
def test_a_cancelled_task_ends_its_scope() -> None:
    import poolkeeper

    fake()

    async def hold(inside: asyncio.Event) -> None:
        with poolkeeper.limit(2):
            inside.set()
            await asyncio.Event().wait()

    async def main() -> None:
        inside = asyncio.Event()
        task = asyncio.create_task(hold(inside))
        await inside.wait()
        assert counts() == {"openblas": 2}
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert counts() == {"openblas": 8}

    asyncio.run(main())


@in_own_process
def test_many_tasks_hold_at_the_smallest() -> None:
    import poolkeeper

    library = fake()
    live: list[int] = []

    async def hold(threads: int) -> None:
        with poolkeeper.limit(threads):
            live.append(threads)
            for _ in range(threads):
                await asyncio.sleep(0)  # lets the others go on
                assert library.openblas_get_num_threads() == min([8, *live])  # 8: as before
            live.remove(threads)

    async def main() -> None:
        await asyncio.gather(*(hold(threads) for threads in range(1, 17)))

    asyncio.run(main())
    assert counts() == {"openblas": 8}


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_work_sent_to_a_thread_from_a_task() -> None:
    import poolkeeper

    fake(), load("libomp")

    async def main() -> None:
        with poolkeeper.limit(2):
            assert await asyncio.to_thread(counts) == {"openblas": 2, "libomp": 8}

    asyncio.run(main())


# --- generators


def _limited(threads: int) -> object:
    import poolkeeper

    with poolkeeper.limit(threads):
        yield counts()
        yield counts()


@in_own_process
def test_generators_interleaved() -> None:
    fake()
    a, b = _limited(2), _limited(5)
    assert next(a) == {"openblas": 2}
    assert next(b) == {"openblas": 2}
    a.close()
    assert next(b) == {"openblas": 5}
    b.close()
    assert counts() == {"openblas": 8}


@in_own_process
def test_a_generator_that_is_dropped_ends_its_scope() -> None:
    fake()
    generator = _limited(2)
    next(generator)
    del generator
    assert counts() == {"openblas": 8}


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_a_generator_closed_in_another_thread() -> None:
    import poolkeeper

    library = load("libomp")
    fake()
    with Worker() as owner:
        generator = _limited(2)
        assert owner(next, generator) == {"openblas": 2, "libomp": 2}
        with pytest.warns(poolkeeper.LimitWarning, match="began on another thread"):
            generator.close()
        assert counts() == {"openblas": 8, "libomp": 8}
        assert owner(library.omp_get_max_threads) == 2
        assert owner(counts) == {"openblas": 8, "libomp": 8}


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_a_generator_finished_in_another_thread_cannot_lower_that_thread() -> None:
    import poolkeeper

    load("libomp")
    with Worker() as owner, Worker() as other:
        generator = _limited(2)
        owner(next, generator)
        assert other(next, generator) == {"libomp": 8}
        with pytest.warns(poolkeeper.LimitWarning):
            assert other(next, generator, None) is None
        assert other(counts) == owner(counts) == {"libomp": 8}


@in_own_process
def test_async_generators_interleaved_and_closed_by_the_loop() -> None:
    import poolkeeper

    fake()

    async def limited(threads: int) -> object:
        with poolkeeper.limit(threads):
            for _ in itertools.repeat(None):
                yield counts()["openblas"]

    async def main() -> None:
        a, b = limited(2), limited(5)
        assert [await anext(a), await anext(b)] == [2, 2]
        await a.aclose()
        assert await anext(b) == 5
        # b is left to the loop

    asyncio.run(main())
    assert counts() == {"openblas": 8}
