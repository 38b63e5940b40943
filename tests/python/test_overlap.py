"""Scopes that overlap on several threads: every order, without a sleep."""

from __future__ import annotations

import itertools
import random
import threading

import pytest
from isolated import in_own_process
from scenario import Worker, by_name, counts, fake, load

pytestmark = pytest.mark.usefixtures("lab")

ORDERS = [
    order
    for order in itertools.permutations(["enter a", "enter b", "exit a", "exit b"])
    if order.index("enter a") < order.index("exit a")
    and order.index("enter b") < order.index("exit b")
]


@pytest.mark.parametrize("limits", [{"a": 1, "b": 1}, {"a": 2, "b": 5}, {"a": 5, "b": 2}])
@in_own_process
def test_every_order_of_two_threads(limits: dict) -> None:
    import poolkeeper

    fake()
    assert len(ORDERS) == 6
    with Worker() as a, Worker() as b:
        for order in ORDERS:
            live: dict[str, object] = {}
            for step in order:
                what, who = step.split()
                worker = {"a": a, "b": b}[who]
                if what == "enter":
                    live[who] = worker(poolkeeper.limit, limits[who])
                else:
                    worker(live.pop(who).release)
                expected = {"openblas": min((limits[who] for who in live), default=8)}
                assert [counts(), a(counts), b(counts)] == [expected] * 3, (order, step)


@pytest.mark.parametrize("limits", [{"a": 1, "b": 1}, {"a": 2, "b": 5}])
@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_every_order_where_each_thread_has_its_own_value(limits: dict) -> None:
    import poolkeeper

    load("libomp")
    with Worker() as a, Worker() as b:
        workers = {"a": a, "b": b}
        for order in ORDERS:
            live: dict[str, object] = {}
            for step in order:
                what, who = step.split()
                if what == "enter":
                    live[who] = workers[who](poolkeeper.limit, limits[who])
                else:
                    workers[who](live.pop(who).release)
                for name, worker in workers.items():
                    expected = limits[name] if name in live else 8
                    assert worker(counts) == {"libomp": expected}, (order, step, name)
                assert counts() == {"libomp": 8}


@in_own_process
def test_threadpoolctl_drops_the_limit_in_the_same_order() -> None:
    import poolkeeper
    from threadpoolctl import threadpool_limits

    library = fake()

    def observed(begin: object, end: object) -> list[int]:
        with Worker() as a, Worker() as b:
            first, second = a(begin), b(begin)
            a(end, first)
            seen = [library.openblas_get_num_threads()]
            b(end, second)
        return [*seen, library.openblas_get_num_threads()]

    assert observed(lambda: poolkeeper.limit(1), lambda scope: scope.release()) == [1, 8]
    wrong = observed(lambda: threadpool_limits(1), lambda limit: limit.restore_original_limits())
    assert wrong[0] == 8  # dropped while the second limit is live


@in_own_process
def test_force_on_one_thread_reaches_the_other() -> None:
    import poolkeeper

    fake()
    with Worker() as other, poolkeeper.limit(2):
        forced = other(poolkeeper.limit, 6, force=True)
        assert counts() == {"openblas": 6}
        other(forced.release)
        assert counts() == {"openblas": 2}
    assert counts() == {"openblas": 8}


# --- rule 6: ended on another thread


@in_own_process
def test_a_process_pool_is_restored_from_any_thread() -> None:
    import poolkeeper

    fake()
    scope = poolkeeper.limit(2)
    with Worker() as other:
        assert by_name(other(scope.release)) == {"openblas": "restored"}
    assert counts() == {"openblas": 8}


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_a_threads_own_value_waits_for_that_thread() -> None:
    import poolkeeper

    library = load("libomp")
    with Worker() as owner:
        scope = owner(poolkeeper.limit, 2)
        with pytest.warns(poolkeeper.LimitWarning, match="began on another thread"):
            endings = scope.release()
        assert by_name(endings) == {"libomp": "other-thread"}
        assert library.omp_get_max_threads() == 8  # this thread's own
        assert owner(library.omp_get_max_threads) == 2  # not written from here
        assert owner(counts) == {"libomp": 8}  # its next call of poolkeeper
        assert owner(library.omp_get_max_threads) == 8


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_the_next_limit_of_that_thread_begins_from_its_baseline() -> None:
    import poolkeeper

    load("libomp")
    with Worker() as owner:
        outer, scope = owner(poolkeeper.limit, 5), owner(poolkeeper.limit, 2)
        with pytest.warns(poolkeeper.LimitWarning):
            scope.release()
        inner = owner(poolkeeper.limit, 4)
        assert owner(counts) == {"libomp": 4}
        owner(inner.release)
        assert owner(counts) == {"libomp": 5}
        owner(outer.release)
        assert owner(counts) == {"libomp": 8}


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_what_that_thread_sets_itself_meanwhile_is_kept() -> None:
    import poolkeeper

    library = load("libomp")
    with Worker() as owner:
        scope = owner(poolkeeper.limit, 2)
        with pytest.warns(poolkeeper.LimitWarning):
            scope.release()
        owner(library.omp_set_num_threads, 6)
        assert owner(counts) == {"libomp": 6}


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_a_thread_that_ended_with_a_live_scope() -> None:
    import poolkeeper

    fake(), load("libomp")
    owner = Worker()
    scope = owner(poolkeeper.limit, 2)
    owner.end()
    assert counts() == {"openblas": 2, "libomp": 8}  # the scope is live
    assert by_name(scope.release()) == {"openblas": "restored", "libomp": "thread-gone"}
    assert counts() == {"openblas": 8, "libomp": 8}
    with Worker() as next_one:  # may get the old one's place
        assert next_one(counts) == {"openblas": 8, "libomp": 8}


@in_own_process
def test_scopes_of_ended_threads_still_hold_against_each_other() -> None:
    import poolkeeper

    fake()
    scopes = []
    for threads in (3, 2, 5):
        worker = Worker()
        scopes.append(worker(poolkeeper.limit, threads))
        worker.end()
    for scope, expected in zip(scopes, (2, 5, 8), strict=True):
        scope.release()
        assert counts() == {"openblas": expected}


@in_own_process
def test_set_limit_of_one_thread_waits_for_the_scope_of_another() -> None:
    import poolkeeper

    fake()
    with Worker() as other:
        scope = other(poolkeeper.limit, 2)
        (outcome,) = poolkeeper.set_limit(6)
        assert outcome.status == "shared"
        assert counts() == {"openblas": 2}
        other(scope.release)
    assert counts() == {"openblas": 6}


# --- many at once


@in_own_process
def test_a_limit_of_1_is_never_lost_while_others_come_and_go() -> None:
    import poolkeeper

    library = fake()
    keeper = poolkeeper.limit(1)
    begin = threading.Barrier(8)
    highest: list[int] = []

    def come_and_go(seed: int) -> None:
        choose, most = random.Random(seed), 0
        begin.wait(timeout=60)
        for _ in range(3000):
            with poolkeeper.limit(choose.randint(1, 8)):
                most = max(most, library.openblas_get_num_threads())
        highest.append(most)

    threads = [threading.Thread(target=come_and_go, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert highest == [1] * 8
    keeper.release()
    assert counts() == {"openblas": 8}


@in_own_process
def test_a_limit_of_1_holds_while_each_has_its_own_turn_at_holding_it() -> None:
    import poolkeeper

    library = fake()
    begin = threading.Barrier(4)
    highest: list[int] = []

    def hold(seed: int) -> None:
        most = 0
        begin.wait(timeout=60)
        for _ in range(3000):
            with poolkeeper.limit(1):
                most = max(most, library.openblas_get_num_threads())
            with poolkeeper.limit(5 + seed):
                pass
        highest.append(most)

    threads = [threading.Thread(target=hold, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert highest == [1] * 4
    assert counts() == {"openblas": 8}


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_random_scopes_on_8_threads_end_where_they_began() -> None:
    import poolkeeper

    fake(), load("libomp"), load("mkl-static")
    baseline = {"openblas": 8, "libomp": 8, "mkl": 4}
    begin = threading.Barrier(8)
    wrong: list[object] = []

    def work(seed: int) -> None:
        choose, live = random.Random(seed), []
        begin.wait(timeout=60)
        for _ in range(500):
            if live and choose.random() < 0.5:
                live.pop(choose.randrange(len(live)))[1].release()
            else:
                threads = choose.randint(1, 8)
                live.append((threads, poolkeeper.limit(threads)))
            own = min((threads for threads, _ in live), default=8)
            pools = counts()
            if pools["libomp"] != own or pools["openblas"] > own:
                wrong.append((seed, own, pools))
        while live:
            live.pop()[1].release()
        if counts()["libomp"] != 8 or counts()["mkl"] != 4:
            wrong.append((seed, counts()))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert counts() == baseline


@in_own_process
def test_one_scope_object_used_by_many_threads_ends_once() -> None:
    import poolkeeper

    fake()
    for _ in range(200):
        scope = poolkeeper.limit(2)
        begin = threading.Barrier(4)

        def end(scope: object = scope, begin: threading.Barrier = begin) -> None:
            begin.wait(timeout=60)
            scope.release()

        threads = [threading.Thread(target=end) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts() == {"openblas": 8}
