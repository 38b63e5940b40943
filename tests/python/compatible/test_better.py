"""Where threadpoolctl is wrong: its answer beside ours, each in a process of its own.

The fake OpenBLAS has one number for the process, 8 at first.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from isolated import in_own_process
from scenario import Worker, fake, load, the_pool

from compatible import stacks

pytestmark = pytest.mark.usefixtures("lab")


def _check(impl: str, seen: list[Any], *, threadpoolctl: list[Any], poolkeeper: list[Any]) -> None:
    """Require what each implementation is known to do; the two differ."""
    assert threadpoolctl != poolkeeper
    assert seen == {"threadpoolctl": threadpoolctl, "poolkeeper": poolkeeper}[impl]


def _overlap(
    module: ModuleType, read: Callable[[], int], limits: tuple[int, int], first_out: str
) -> list[int]:
    """Enter a, enter b, leave one, leave the other, each in its thread."""
    with Worker() as a, Worker() as b:
        workers = {"a": a, "b": b}
        live = {"a": a(module.threadpool_limits, limits[0])}
        a(live["a"].__enter__)
        live["b"] = b(module.threadpool_limits, limits[1])
        b(live["b"].__enter__)
        seen = [read()]
        for name in (first_out, {"a": "b", "b": "a"}[first_out]):
            workers[name](live[name].__exit__, None, None, None)
            seen.append(read())
    return seen


@in_own_process
def test_a_limit_is_dropped_while_a_thread_is_inside_and_stays_when_none_is(impl: str) -> None:
    read = fake().openblas_get_num_threads
    seen = _overlap(stacks.implementation(impl), read, (1, 1), "a")
    _check(impl, seen, threadpoolctl=[1, 8, 1], poolkeeper=[1, 1, 8])
    assert fake().openblas_get_num_threads() == seen[-1]


@in_own_process
def test_a_second_threads_lower_limit_is_ignored(impl: str) -> None:
    read = fake().openblas_get_num_threads
    seen = _overlap(stacks.implementation(impl), read, (4, 2), "b")
    _check(impl, seen, threadpoolctl=[4, 4, 8], poolkeeper=[2, 4, 8])


@in_own_process
def test_overlapping_tasks(impl: str) -> None:
    read, module = fake().openblas_get_num_threads, stacks.implementation(impl)
    seen: list[int] = []

    async def hold(threads: int, inside: asyncio.Event, leave: asyncio.Event) -> None:
        with module.threadpool_limits(threads):
            inside.set()
            await leave.wait()

    async def main() -> None:
        inside, leave = ([asyncio.Event() for _ in range(2)] for _ in range(2))
        tasks = []
        for index, threads in enumerate((2, 4)):
            tasks.append(asyncio.create_task(hold(threads, inside[index], leave[index])))
            await inside[index].wait()
        seen.append(read())
        for index in range(2):
            leave[index].set()
            await tasks[index]
            seen.append(read())

    asyncio.run(main())
    _check(impl, seen, threadpoolctl=[4, 8, 2], poolkeeper=[2, 4, 8])


@in_own_process
def test_overlapping_generators_in_one_thread(impl: str) -> None:
    read, module = fake().openblas_get_num_threads, stacks.implementation(impl)

    def work(threads: int) -> Any:
        with module.threadpool_limits(threads):
            yield read()

    first, second = work(4), work(2)
    seen = [next(first), next(second)]
    first.close()
    seen.append(read())
    second.close()
    seen.append(read())
    _check(impl, seen, threadpoolctl=[4, 2, 8, 4], poolkeeper=[4, 2, 2, 8])


@in_own_process
def test_after_a_bare_call_other_threads_cannot_limit(impl: str) -> None:
    read, module = fake().openblas_get_num_threads, stacks.implementation(impl)
    kept = module.threadpool_limits(4)

    def work() -> int:
        with module.threadpool_limits(1):
            return read()

    with Worker() as worker:
        seen = [worker(work), read()]
    kept.restore_original_limits()
    _check(impl, [*seen, read()], threadpoolctl=[4, 4, 8], poolkeeper=[1, 4, 8])


@in_own_process
def test_an_initializer_of_threads_that_end(impl: str) -> None:
    # The first of the threads controls OpenBLAS; another's scope does nothing.
    read, module = fake().openblas_get_num_threads, stacks.implementation(impl)
    with Worker() as first, Worker() as second:
        first(module.threadpool_limits, 6)
        seen = [read()]
        scope = second(module.threadpool_limits, 3)
        seen.append(read())
        second(scope.restore_original_limits)
        seen.append(read())
    _check(impl, seen, threadpoolctl=[6, 6, 6], poolkeeper=[6, 3, 6])


@in_own_process
def test_a_limit_ended_in_another_thread(impl: str) -> None:
    # A thread's own number is that thread's: nobody else can put it back.
    omp, module = load("libomp"), stacks.implementation(impl)
    omp.omp_set_num_threads(5)
    with Worker() as worker:
        worker(omp.omp_set_num_threads, 7)
        scope = worker(module.threadpool_limits, 2)
        scope.restore_original_limits()
        seen = [omp.omp_get_max_threads()]
    _check(impl, seen, threadpoolctl=[7], poolkeeper=[5])


@in_own_process
def test_mkl_keeps_an_override(impl: str) -> None:
    mkl, module = load("mkl-static"), stacks.implementation("poolkeeper")
    # threadpoolctl does not find a static MKL: its way of restoring, by hand.
    before = mkl.mkl_serv_get_max_threads()
    if impl == "threadpoolctl":
        mkl.mkl_serv_set_num_threads_local(1)
        mkl.mkl_serv_set_num_threads_local(before)
    else:
        with module.threadpool_limits(1):
            assert mkl.mkl_serv_get_max_threads() == 1
    mkl.mkl_serv_set_num_threads(2)
    _check(impl, [mkl.mkl_serv_get_max_threads()], threadpoolctl=[4], poolkeeper=[2])


@in_own_process
def test_the_real_mkl_keeps_an_override(impl: str) -> None:
    mkl, module = load("mkl_rt"), stacks.implementation(impl)
    mkl.MKL_Get_Max_Threads()
    with module.threadpool_limits(1, "blas"):
        assert mkl.MKL_Get_Max_Threads() == 1
    # The override itself: what a call returns is the one from before; 0: none.
    left = mkl.MKL_Set_Num_Threads_Local(0)
    _check(impl, [left > 0], threadpoolctl=[True], poolkeeper=[False])


@pytest.mark.parametrize("name", ["blis-openmp", "blis-pthread"])
@in_own_process
def test_blis_is_unset_again(impl: str, name: str) -> None:
    blis, module = load(name), stacks.implementation(impl)
    assert blis.bli_thread_get_num_threads() == -1
    with module.threadpool_limits(3, "blas"):
        assert blis.bli_thread_get_num_threads() == 3
    _check(impl, [blis.bli_thread_get_num_threads()], threadpoolctl=[1], poolkeeper=[-1])


@in_own_process
def test_a_library_that_ctypes_opens_after_the_controller_was_cached(impl: str) -> None:
    module = stacks.implementation(impl)
    module.get_cached_controller()
    library = fake()
    seen = [len(module.get_cached_controller())]
    with module.get_cached_controller().limit(limits=1):
        seen.append(library.openblas_get_num_threads())
    seen.append(module.threadpool_limits.wrap(1)(library.openblas_get_num_threads)())
    _check(impl, seen, threadpoolctl=[0, 8, 8], poolkeeper=[1, 1, 1])
    module.reset_cached_controller()
    assert len(module.get_cached_controller()) == 1


@in_own_process
def test_a_second_restore_undoes_what_the_program_set_meanwhile(impl: str) -> None:
    library, module = fake(), stacks.implementation(impl)
    scope = module.threadpool_limits(2)
    scope.restore_original_limits()
    library.openblas_set_num_threads(5)
    scope.restore_original_limits()
    seen = [library.openblas_get_num_threads()]
    _check(impl, seen, threadpoolctl=[8], poolkeeper=[5])


@in_own_process(env={"OMP_NUM_THREADS": "7"})
def test_a_limit_on_blas_writes_to_openmp_when_it_ends(impl: str) -> None:
    library, omp, module = fake(), load("libomp"), stacks.implementation(impl)
    with module.threadpool_limits(2, user_api="blas"):
        omp.omp_set_num_threads(5)
        library.openblas_set_num_threads(3)
    seen = [library.openblas_get_num_threads(), omp.omp_get_max_threads()]
    _check(impl, seen, threadpoolctl=[8, 7], poolkeeper=[3, 5])


@in_own_process
def test_a_scope_of_poolkeepers_own_is_not_raised(impl: str) -> None:
    import poolkeeper

    library, module = fake(), stacks.implementation(impl)
    with poolkeeper.limit(2):
        with module.threadpool_limits(6):
            seen = [library.openblas_get_num_threads()]
        with module.threadpool_limits(1):
            seen.append(library.openblas_get_num_threads())
        seen.append(library.openblas_get_num_threads())
    _check(impl, seen, threadpoolctl=[6, 1, 2], poolkeeper=[2, 1, 2])


@pytest.mark.parametrize("name", ["mkl-static", "blis-pypi"])
@in_own_process
def test_a_library_under_another_name(impl: str, name: str) -> None:
    load(name)
    found = len(stacks.implementation(impl).threadpool_info())
    _check(impl, [found], threadpoolctl=[0], poolkeeper=[1])
    assert the_pool(name.split("-")[0]).level == "blas"


@in_own_process
def test_eight_threads_at_once_leave_nothing() -> None:
    library, module = fake(), stacks.implementation("poolkeeper")
    controller, barrier = module.ThreadpoolController(), threading.Barrier(8)
    wrong: list[int] = []

    def work(threads: int) -> None:
        barrier.wait()
        for _ in range(300):
            with controller.limit(limits=threads):
                if library.openblas_get_num_threads() > threads:
                    wrong.append(threads)

    workers = [threading.Thread(target=work, args=(1 + index % 4,)) for index in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (wrong, library.openblas_get_num_threads()) == ([], 8)
