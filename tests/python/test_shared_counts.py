"""One thread count under several names: whoever sets it, the rules hold."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from isolated import in_own_process, run_python
from scenario import by_name, counts, flexiblas, load, path_of

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process(env={"OMP_NUM_THREADS": "4"})
def test_flexiblas_over_an_openblas_on_openmp_has_one_count() -> None:
    import poolkeeper

    load("openblas-openmp")
    flexiblas()
    poolkeeper.switch_backend(path_of("flexiblas"), str(path_of("openblas-openmp")))
    everybody = lambda threads: dict.fromkeys(("flexiblas", "openblas", "libgomp"), threads)  # noqa: E731
    assert counts() == everybody(4)
    with poolkeeper.limit(libgomp=1), poolkeeper.limit(flexiblas=4) as inner:
        assert counts() == everybody(1)
        assert by_name(inner.outcomes) == {"flexiblas": "shared"}
    outer = poolkeeper.limit(libgomp=1)
    inner = poolkeeper.limit(flexiblas=1)
    outer.release()
    assert counts() == everybody(1)
    inner.release()
    assert counts() == everybody(4)


PRELOADED = """
import os
from scenario import load
import poolkeeper
load("openblas-openmp")
(blas,) = [pool for pool in poolkeeper.pools() if pool.runtime == "openblas"]
print(blas.runs_on)
"""


def test_a_preloaded_openmp_runtime_is_the_one_that_is_limited() -> None:
    other = os.fspath(path_of("libomp"))
    done = run_python(PRELOADED, env={"LD_PRELOAD": other})
    assert Path(done.stdout.strip()) == Path(other).resolve()
    alone = run_python(PRELOADED)
    assert "libgomp" in Path(alone.stdout.strip()).name


@in_own_process(env={"BLIS_IC_NT": "4", "BLIS_JC_NT": "1"})
def test_a_baseline_set_under_a_scope_holds_for_a_blis_with_loops() -> None:
    import poolkeeper

    load("blis-pthread")
    assert counts() == {"blis": 4}
    with poolkeeper.limit(1):
        poolkeeper.set_limit(3)
        assert counts() == {"blis": 1}
    assert counts() == {"blis": 3}


@in_own_process(env={"OMP_NUM_THREADS": "4"})
def test_ending_a_scope_settles_what_another_thread_ended() -> None:
    import poolkeeper

    openmp = load("libomp")
    with ThreadPoolExecutor(1) as worker:

        def there(function: object, *arguments: object) -> object:
            return worker.submit(function, *arguments).result()

        ended_here = there(lambda: poolkeeper.limit(libomp=1))
        ended_there = there(lambda: poolkeeper.limit(libomp=2))
        with pytest.warns(poolkeeper.LimitWarning, match="another thread"):
            ended_here.release()
        assert there(openmp.omp_get_max_threads) == 1
        there(ended_there.release)
        assert there(openmp.omp_get_max_threads) == 4
