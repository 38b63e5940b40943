"""What threadpoolctl's README shows to do, done with ours (and with theirs).

The order is the README's of 3.8; each test names the section that it follows.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from isolated import in_own_process, run
from scenario import FAKE, fake, flexiblas, load, path_of

from compatible import stacks

pytestmark = pytest.mark.usefixtures("lab")
TWO = {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}


def _blas(module: Any) -> list[int]:
    return [i["num_threads"] for i in module.threadpool_info() if i["user_api"] == "blas"]


def test_command_line_interface(impl: str) -> None:
    module = stacks.BOTH[impl]
    done = run([sys.executable, "-m", module, "-i", "numpy", "no_such_package"], TWO)
    (info,) = json.loads(done.stdout)
    assert {"filepath", "prefix", "user_api", "internal_api", "version", "num_threads"} <= set(info)
    assert info["thread_limit_scope"] == "process"
    assert "no_such_package" in done.stderr


@in_own_process
def test_introspection_grows_with_imports(impl: str) -> None:
    module = stacks.implementation(impl)
    assert module.threadpool_info() == []
    import numpy  # noqa: F401

    (numpys,) = module.threadpool_info()
    assert (numpys["user_api"], numpys["internal_api"]) == ("blas", "openblas")
    load("libomp")
    assert len(module.threadpool_info()) == 2
    controller = module.ThreadpoolController()
    assert sorted(map(str, controller.info())) == sorted(map(str, module.threadpool_info()))


@in_own_process(env=TWO)
def test_maximum_size_of_pools(impl: str) -> None:
    import numpy as np

    module = stacks.implementation(impl)
    a = np.random.default_rng(0).standard_normal((200, 200))
    with module.threadpool_limits(limits=1, user_api="blas"):
        squared = a @ a
        assert _blas(module) == [1]
    assert _blas(module) == [2]
    controller = module.ThreadpoolController()
    with controller.limit(limits=1, user_api="blas"):
        assert np.allclose(a @ a, squared)
        assert _blas(module) == [1]
        load("libomp")  # after the controller was made: it does not act on it
    assert len(controller) == 1
    with module.get_cached_controller().limit(limits=1, user_api="blas"):
        assert _blas(module) == [1]
    assert _blas(module) == [2]


@in_own_process
def test_the_cached_controller_and_imports(impl: str) -> None:
    module = stacks.implementation(impl)
    controller = module.get_cached_controller()
    assert module.get_cached_controller() is controller
    import numpy  # noqa: F401

    assert module.get_cached_controller() is not controller
    newer = module.get_cached_controller()
    assert len(newer) == 1
    module.reset_cached_controller()
    assert module.get_cached_controller() is not newer


@in_own_process(env=TWO)
def test_the_scope_of_a_function(impl: str) -> None:
    import numpy as np

    module = stacks.implementation(impl)
    controller = module.ThreadpoolController()

    def function(exponent: int, *, scale: float = 1.0) -> tuple[float, list[int]]:
        """Square."""
        a = np.ones((50, 50)) * scale
        return float((a @ a)[0, 0]) ** exponent, _blas(module)

    for decorate in (
        controller.wrap(limits=1, user_api="blas"),
        module.threadpool_limits.wrap(limits=1, user_api="blas"),
    ):
        decorated = decorate(function)
        assert decorated(1, scale=2.0) == (200.0, [1])
        assert (decorated.__name__, decorated.__doc__) == ("function", "Square.")
        assert function(2) == (2500.0, [2])


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_a_pool_of_python_threads(impl: str) -> None:
    blas, omp = fake(), load("libomp")
    module = stacks.implementation(impl)

    def work(_: int) -> tuple[int, int]:
        return blas.openblas_get_num_threads(), omp.omp_get_max_threads()

    for threads in (1, 2):
        controller = module.ThreadpoolController()
        with (
            controller.limit(limits=threads),
            ThreadPoolExecutor(
                4, initializer=lambda c=controller, n=threads: c.limit(limits=n)
            ) as pool,
        ):
            assert set(pool.map(work, range(20))) == {(threads, threads)}
        assert work(0) == (8, 8)


@in_own_process(env={"OMP_NUM_THREADS": "8"})
def test_a_pool_of_python_threads_without_a_block(impl: str) -> None:
    blas, omp = fake(), load("libomp")
    controller = stacks.implementation(impl).ThreadpoolController()

    def work(_: int) -> tuple[int, int]:
        return blas.openblas_get_num_threads(), omp.omp_get_max_threads()

    limiter = controller.limit(limits=1)
    try:
        with ThreadPoolExecutor(4, initializer=lambda: controller.limit(limits=1)) as pool:
            assert set(pool.map(work, range(20))) == {(1, 1)}
    finally:
        limiter.restore_original_limits()
    assert work(0) == (8, 8)


@in_own_process(env={"OMP_NUM_THREADS": "4"})
def test_back_and_forth_between_the_main_thread_and_others(impl: str) -> None:
    omp, blas = load("libomp"), fake()
    controller = stacks.implementation(impl).ThreadpoolController()

    def limit_then_work(threads: int) -> tuple[int, int]:
        controller.limit(limits=threads)
        return omp.omp_get_max_threads(), blas.openblas_get_num_threads()

    with ThreadPoolExecutor(4) as pool:
        with controller.limit(limits=1):
            assert set(pool.map(limit_then_work, [1] * 12)) == {(1, 1)}
        with controller.limit(limits=4):
            assert (omp.omp_get_max_threads(), blas.openblas_get_num_threads()) == (4, 4)
        with controller.limit(limits=2):
            assert set(pool.map(limit_then_work, [2] * 12)) == {(2, 2)}
    assert (omp.omp_get_max_threads(), blas.openblas_get_num_threads()) == (4, 8)


@in_own_process
def test_the_controlling_thread(impl: str) -> None:
    # Ours needs no such thread: asking to clear it does nothing, and no harm.
    library, module = fake(), stacks.implementation(impl)
    module.threadpool_limits(4)
    module.OpenBLASController.clear_controlling_thread()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(module.threadpool_limits, 2).result()
        assert library.openblas_get_num_threads() == 2
        module.OpenBLASController.clear_controlling_thread(force=True)
    module.threadpool_limits(3)
    assert library.openblas_get_num_threads() == 3


@in_own_process
def test_switching_the_flexiblas_backend(impl: str) -> None:
    flexiblas()
    controller = stacks.implementation(impl).ThreadpoolController()
    (info,) = controller.info()
    assert list(info) == [
        "user_api", "internal_api", "num_threads", "prefix", "filepath", "version",
        "available_backends", "loaded_backends", "current_backend",
    ]  # fmt: skip
    own = controller.select(internal_api="flexiblas").lib_controllers[0]
    own.switch_backend(str(path_of(FAKE)))
    assert [i["internal_api"] for i in controller.info()] == ["flexiblas", "openblas"]
    assert own.loaded_backends[-1] == str(path_of(FAKE))


@in_own_process
def test_a_custom_controller(impl: str, toy: str) -> None:
    import ctypes

    library, module = ctypes.CDLL(toy), stacks.implementation(impl)

    class ToyController(module.LibController):  # type: ignore[name-defined]
        user_api = "my_threadpool_api"
        internal_api = "my_lib"
        filename_prefixes = ("libtoy",)

        def get_num_threads(self) -> int:
            return int(self.dynlib.toy_get_num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.toy_set_num_threads(num_threads)

        def get_version(self) -> str:
            function = self.dynlib.toy_version
            function.restype = ctypes.c_char_p
            return str(function().decode())

        def set_additional_attributes(self) -> None:
            self.extra = "information"

    module.register(ToyController)
    (info,) = module.threadpool_info()
    assert (info["version"], info["extra"]) == ("1.5", "information")
    with module.threadpool_limits(limits={"my_threadpool_api": 2}):
        assert library.toy_get_num_threads() == 2
    assert library.toy_get_num_threads() == 6


@pytest.mark.parametrize(("name", "limited"), [("openblas-openmp", 4), ("openblas-pthread", 1)])
@in_own_process(env={"OMP_NUM_THREADS": "4"})
def test_sequential_blas_within_openmp(impl: str, name: str, limited: int) -> None:
    load(name)
    module = stacks.implementation(impl)
    controller = module.ThreadpoolController()
    with controller.limit(limits="sequential_blas_under_openmp"):
        assert _blas(module) == [limited]


@in_own_process(env={"OMP_NUM_THREADS": "4"})
def test_scopes_of_limits(impl: str) -> None:
    fake(), load("libomp")
    found = {
        info["internal_api"]: info["thread_limit_scope"]
        for info in stacks.implementation(impl).threadpool_info(debugging_info=True)
    }
    assert found == {"openblas": "process", "openmp": "current_thread"}
