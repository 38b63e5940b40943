"""The pool of KMeans: listed, limited, shared, forked, stopped."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from isolated import in_own_process, run_python
from scenario import in_child

#: One iteration is enough for more than one thread.
LARGE = np.random.default_rng(0).random((20_000, 8), dtype=np.float32)
SMALL = LARGE[:100]


def workers() -> int:
    """Threads of the pool that are alive, without the ones that call it."""
    names = (path.read_text() for path in Path("/proc/self/task").glob("*/comm"))
    return sum(name == "poolkeeper-km\n" for name in names)


class Watching:
    """Takes the place of what shows progress: calls `look` after the first iteration."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self._look = look
        self.found: Any = None

    def __call__(self, init: int, iteration: int, *_: Any) -> None:
        if iteration == 1:
            self.found = self._look()

    def close(self, *_: Any) -> None:
        pass


def during_a_fit(look: Callable[[], Any], X: Any = LARGE, **params: Any) -> Any:
    """Return what `look` sees in the middle of a fit."""
    from poolkeeper.cluster import KMeans, _kmeans

    watching, before = Watching(look), _kmeans.shown
    _kmeans.shown = lambda *_: watching  # type: ignore[assignment]
    try:
        KMeans(16, random_state=0, max_iter=2, tol=1e9, **params).fit(X)
    finally:
        _kmeans.shown = before
    return watching.found


def the_count() -> int:
    import poolkeeper

    (pool,) = (pool for pool in poolkeeper.pools() if pool.runtime == "kmeans")
    assert (pool.level, pool.reach) == ("openmp", "process")
    return int(pool.num_threads)


@in_own_process
def test_it_is_listed_once_the_module_is_imported() -> None:
    import poolkeeper

    assert "kmeans" not in {pool.runtime for pool in poolkeeper.pools()}
    import poolkeeper.cluster

    assert the_count() == int(poolkeeper.cpus())
    assert workers() == 0


@pytest.mark.parametrize("environment", [{"POOLKEEPER_CPUS": "1"}, {"OMP_NUM_THREADS": "1,8"}])
def test_the_environment_lowers_the_usual_number(environment: dict[str, str]) -> None:
    code = "import test_cluster_pool as t; print(t.during_a_fit(t.workers), t.the_count())"
    assert run_python(code, env=environment).stdout.split() == ["0", "1"]


@in_own_process(env={"OMP_NUM_THREADS": "1"})
def test_minus_one_is_the_whole_budget() -> None:
    import poolkeeper

    assert during_a_fit(workers) == 0
    assert during_a_fit(workers, n_jobs=-1) == int(poolkeeper.cpus()) - 1


@in_own_process
def test_n_jobs_threads_run_and_none_stays() -> None:
    assert [during_a_fit(workers, n_jobs=n) for n in (1, 2, 4)] == [0, 1, 3]
    assert workers() == 0


@in_own_process
def test_a_live_limit_holds_and_what_was_before_comes_back() -> None:
    import poolkeeper
    import poolkeeper.cluster

    before = the_count()
    for name in ("kmeans", "openmp"):
        with poolkeeper.limit({name: 2}):
            assert the_count() == 2
            assert during_a_fit(workers) == 1
            assert during_a_fit(workers, n_jobs=8) == 1, "no more than the caller's limit"
            assert during_a_fit(workers, n_jobs=-1) <= 1
        assert the_count() == before
    with poolkeeper.limit(1) as scope:
        assert {o.status for o in scope.outcomes if o.name != "arrow_io"} == {"applied"}
        assert during_a_fit(workers, n_jobs=4) == 0
    poolkeeper.set_limit(kmeans=3)
    assert the_count() == 3
    assert during_a_fit(workers) == 2


@in_own_process
def test_a_limit_of_another_thread_reaches_a_fit_that_runs() -> None:
    import poolkeeper
    from poolkeeper.cluster import KMeans, _kmeans

    counts: list[int] = []

    class Limiting(Watching):
        def __call__(self, init: int, iteration: int, *_: Any) -> None:
            counts.append(the_count())
            if iteration == 1:
                limiting = threading.Thread(target=poolkeeper.set_limit, kwargs={"kmeans": 1})
                limiting.start(), limiting.join()

    _kmeans.shown = lambda *_: Limiting(lambda: None)  # type: ignore[assignment]
    KMeans(16, random_state=0, max_iter=3, tol=0, n_jobs=3).fit(LARGE)
    assert counts[1:] == [1, 1]


@in_own_process
def test_small_samples_wake_nobody() -> None:
    assert during_a_fit(workers, X=SMALL, n_jobs=4) == 0


@in_own_process
def test_python_threads_that_fit_at_once_share() -> None:
    import poolkeeper

    def another() -> int:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(during_a_fit(workers)))
        thread.start(), thread.join()
        return found[0]

    with poolkeeper.limit(kmeans=2):
        # The first fit's own worker is there, and the second fit's is not.
        assert during_a_fit(another) == 1
        assert during_a_fit(workers) == 1
    with poolkeeper.limit(kmeans=4, force=True):
        assert during_a_fit(another) == 3 + 1


@in_own_process
def test_a_forked_child_can_fit() -> None:
    from poolkeeper.cluster import KMeans

    def fit() -> list[float]:
        found = KMeans(16, random_state=0, max_iter=5, n_jobs=3).fit(LARGE)
        return [found.inertia_, float(workers())]

    parents = fit()
    assert in_child(fit) == parents
    # Also one that is made while another thread fits, which it doesn't have.
    made = during_a_fit(lambda: in_child(lambda: [during_a_fit(workers, n_jobs=3)]), n_jobs=3)
    assert made == [2]


@in_own_process
def test_ctrl_c_stops_it_and_leaves_no_thread() -> None:
    from poolkeeper.cluster import KMeans

    def interrupt() -> None:
        while workers() == 0:
            pass
        os.kill(os.getpid(), signal.SIGINT)

    X = np.random.default_rng(0).random((200_000, 32), dtype=np.float32)
    threading.Thread(target=interrupt).start()
    estimator = KMeans(2000, init="random", n_init=1, max_iter=10_000, tol=0, n_jobs=2)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    assert workers() == 0
    assert not hasattr(estimator, "labels_")
    assert KMeans(4, n_init=1).fit(X[:100]).labels_.shape == (100,)


@in_own_process
def test_an_error_in_what_shows_progress_ends_the_fit() -> None:
    def fail() -> None:
        raise OSError("the terminal is gone")

    with pytest.raises(OSError, match="the terminal is gone"):
        during_a_fit(fail, n_jobs=2)
    assert workers() == 0


@in_own_process
def test_other_python_threads_run_during_a_fit() -> None:
    from poolkeeper.cluster import KMeans

    done, laps = threading.Event(), 0

    def fit() -> None:
        KMeans(500, init="random", n_init=1, max_iter=30, tol=0, n_jobs=1).fit(LARGE)
        done.set()

    thread = threading.Thread(target=fit)
    thread.start()
    while not done.is_set():
        laps += 1
    thread.join()
    assert laps > 1000, "the interpreter was held"
