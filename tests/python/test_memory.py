"""A million scopes and thousands of threads leave nothing behind."""

from __future__ import annotations

import contextlib
import threading

import pytest
from growth import ALLOWED, growth
from isolated import in_own_process
from scenario import counts, fake, load

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_a_million_scopes() -> None:
    import poolkeeper

    fake(), load("libomp"), load("mkl-static")
    limit, baseline = poolkeeper.limit, counts()

    def repeat(times: int) -> None:
        for _ in range(times):
            with limit(1):
                pass

    assert growth(repeat, 50_000, 1_000_000) < ALLOWED
    assert counts() == baseline


@in_own_process
def test_scopes_by_name_and_path_with_their_outcomes() -> None:
    import poolkeeper

    fake()
    path = poolkeeper.pools()[0].filepath

    def repeat(times: int) -> None:
        for _ in range(times):
            scope = poolkeeper.limit({path: 2}, mkl=3, late=True)
            assert len(scope.outcomes) == 2
            scope.release()

    assert growth(repeat, 5_000, 50_000) < ALLOWED


@in_own_process
def test_limits_that_are_refused() -> None:
    import poolkeeper

    wrong = [((1.5,), {}), ((), {"blas": "two"}), ((0,), {}), (({1: 1},), {}), ((), {"late": 3})]

    def repeat(times: int) -> None:
        for _ in range(times):
            for arguments, named in wrong:
                with contextlib.suppress(TypeError, ValueError):
                    poolkeeper.limit(*arguments, **named)

    assert growth(repeat, 5_000, 50_000) < ALLOWED


@in_own_process
def test_ten_thousand_threads_with_a_scope_each() -> None:
    import poolkeeper

    fake(), load("mkl-static")
    baseline = counts()

    def work() -> None:
        with poolkeeper.limit(1):
            pass

    def repeat(times: int) -> None:
        for _ in range(times):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    assert growth(repeat, 1_000, 10_000) < ALLOWED
    assert counts() == baseline


@in_own_process
def test_threads_that_never_end_their_scopes() -> None:
    import poolkeeper

    fake(), load("mkl-static")
    baseline = counts()
    scopes: list[poolkeeper.Scope] = []

    def repeat(times: int) -> None:
        for _ in range(times):
            thread = threading.Thread(target=lambda: scopes.append(poolkeeper.limit(1)))
            thread.start()
            thread.join()
            if len(scopes) == 10:
                while scopes:
                    _release(scopes.pop())

    assert growth(repeat, 500, 3_000) < ALLOWED
    assert counts() == baseline


def _release(scope: object) -> None:
    import warnings

    import poolkeeper

    with warnings.catch_warnings():
        # Python's join doesn't wait for the last of the thread.
        warnings.simplefilter("ignore", poolkeeper.LimitWarning)
        scope.release()


@in_own_process
def test_a_hundred_thousand_decorated_calls() -> None:
    import poolkeeper

    fake()

    @poolkeeper.limit(2)
    def function() -> None:
        pass

    @poolkeeper.limit(3)
    def generator() -> object:
        yield

    def repeat(times: int) -> None:
        for _ in range(times):
            function()
            list(generator())

    assert growth(repeat, 10_000, 100_000) < ALLOWED
    assert counts() == {"openblas": 8}


@in_own_process
def test_lists_of_pools_and_refused_requests() -> None:
    import poolkeeper

    fake(), load("flexiblas")

    def repeat(times: int) -> None:
        for _ in range(times):
            repr(poolkeeper.pools()), poolkeeper.pools().to_dict()
            for wrong in (0, "x"):
                with contextlib.suppress(poolkeeper.LimitError, TypeError):
                    poolkeeper.limit(blas=wrong)

    assert growth(repeat, 2_000, 10_000) < ALLOWED


@in_own_process
def test_a_library_that_comes_and_goes_thousands_of_times() -> None:
    import _ctypes

    import poolkeeper

    def repeat(times: int) -> None:
        for _ in range(times):
            library = fake()
            with poolkeeper.limit(2):
                pass
            _ctypes.dlclose(library._handle)
            assert len(poolkeeper.pools()) == 0

    assert growth(repeat, 1_000, 5_000) < ALLOWED
