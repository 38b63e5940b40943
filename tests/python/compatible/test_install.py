"""`install()`: from then on, threadpoolctl is ours, wherever it is held already."""

from __future__ import annotations

import ctypes
import importlib.machinery
import sys
from typing import Any

import pytest
from isolated import in_own_process
from scenario import Worker, fake, in_child, load

from compatible import stacks

pytestmark = pytest.mark.usefixtures("lab")


def _held_of_theirs() -> list[str]:
    """Return the names by which modules hold something of the real threadpoolctl."""
    return [
        f"{module_name}.{name}"
        for module_name, module in list(sys.modules.items())
        if module is not None and module.__dict__.get("__file__") != _their_file()
        for name, value in list(vars(module).items())
        if _is_theirs(value)
    ]


def _their_file() -> str:
    """Return where the real one is, whether it is imported or not."""
    found = importlib.machinery.PathFinder.find_spec("threadpoolctl")
    assert found is not None
    return str(found.origin)


def _is_theirs(value: Any) -> bool:
    if getattr(value, "__file__", None) == _their_file():
        return True
    kind = value if isinstance(value, type) else type(value)
    function_of = getattr(value, "__module__", None) if callable(value) else None
    return "threadpoolctl" in (kind.__module__, function_of)


@in_own_process
def test_twice() -> None:
    import poolkeeper.threadpoolctl as ours

    ours.install()
    ours.install()
    import threadpoolctl
    from threadpoolctl import threadpool_limits

    assert threadpoolctl is ours
    assert threadpool_limits is ours.threadpool_limits
    assert _held_of_theirs() == []


@in_own_process
def test_after_the_real_one_was_imported() -> None:
    import threadpoolctl as theirs
    from threadpoolctl import ThreadpoolController

    fake()
    own = vars(sys.modules[__name__])
    own["held_class"], own["held_module"] = ThreadpoolController, theirs
    own["held_controller"] = ThreadpoolController()
    own["held_function"] = theirs.threadpool_info
    assert len(_held_of_theirs()) >= 4
    import poolkeeper.threadpoolctl as ours

    ours.install()
    ours.install()
    import threadpoolctl as again

    assert again is ours
    assert own["held_module"] is ours
    assert own["held_class"] is ours.ThreadpoolController
    assert own["held_function"] is ours.threadpool_info
    assert own["held_controller"].info() == ours.threadpool_info()
    assert isinstance(own["held_controller"], ours.ThreadpoolController)
    # Who held the module in a local name gets ours from it too.
    assert theirs.threadpool_limits is ours.threadpool_limits
    assert _held_of_theirs() == []


@in_own_process
def test_a_live_limit_of_the_real_one_ends_as_it_would() -> None:
    import threadpoolctl as theirs

    library = fake()
    wrapped = theirs.threadpool_limits.wrap(3)(library.openblas_get_num_threads)
    with theirs.threadpool_limits(2):
        from poolkeeper import threadpoolctl as ours

        ours.install()
        assert library.openblas_get_num_threads() == 2
        with theirs.threadpool_limits(1):
            assert library.openblas_get_num_threads() == 1
        assert wrapped() == 3
        assert library.openblas_get_num_threads() == 2
    assert library.openblas_get_num_threads() == 8


KMEANS = """
import sklearn.cluster._kmeans as module
from sklearn.datasets import make_blobs
import threadpoolctl

def blas():
    infos = threadpoolctl.threadpool_info()
    return {info["num_threads"] for info in infos if info["user_api"] == "blas"}

seen = []
original = module.lloyd_iter_chunked_dense

def recording(*arguments, **named):
    seen.append(blas())
    return original(*arguments, **named)

module.lloyd_iter_chunked_dense = recording
X, _ = make_blobs(n_samples=600, centers=3, random_state=0)
fitted = module.KMeans(3, n_init=1, random_state=0).fit(X)
assert len(set(fitted.labels_)) == 3
assert seen and all(each == {1} for each in seen), seen
after = blas()
"""


@pytest.mark.parametrize("order", ["before", "between", "after a fit"])
@in_own_process(env={"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"})
def test_scikit_learn(order: str) -> None:
    import warnings

    from poolkeeper import threadpoolctl as ours

    warnings.simplefilter("ignore")
    if order == "before":
        ours.install()
    import sklearn.cluster
    import sklearn.utils.parallel as parallel

    if order == "after a fit":
        exec(KMEANS, {})
        assert _held_of_theirs() != []
    ours.install()
    names: dict[str, Any] = {}
    exec(KMEANS, names)
    assert names["after"] == {2}
    assert names["threadpoolctl"] is ours
    assert parallel.ThreadpoolController is ours.ThreadpoolController
    controller = parallel._get_threadpool_controller()
    assert isinstance(controller, ours.ThreadpoolController)
    assert sorted(lib.filepath for lib in controller.lib_controllers) == sorted(
        info["filepath"] for info in ours.threadpool_info()
    )
    assert _held_of_theirs() == []
    assert sklearn.cluster is not None


@pytest.mark.parametrize("order", ["before", "after"])
@in_own_process
def test_scipys_controller_is_adopted(order: str) -> None:
    from poolkeeper import threadpoolctl as ours

    if order == "before":
        ours.install()
    from scipy.io import _fast_matrix_market as market
    from scipy.io._fast_matrix_market import _fmm_core  # noqa: F401

    ours.install()
    import threadpoolctl

    with threadpoolctl.threadpool_limits(limits=4):
        assert market.PARALLELISM == 4
        with threadpoolctl.threadpool_limits(limits=2, user_api="scipy"):
            assert market.PARALLELISM == 2
        assert market.PARALLELISM == 4
    assert market.PARALLELISM == 0
    (info,) = ours.ThreadpoolController().select(internal_api="scipy_mmio").info()
    assert (info["user_api"], info["prefix"]) == ("scipy", "_fmm_core")


@in_own_process
def test_registered_controllers_are_adopted_once(toy: str) -> None:
    import threadpoolctl as theirs
    from poolkeeper import threadpoolctl as ours

    library = ctypes.CDLL(toy)
    theirs.register(stacks.toy_controller(theirs))
    (before,) = theirs.threadpool_info()
    ours.install()
    ours.install()
    assert theirs.threadpool_info() == ours.threadpool_info() == [before]
    with Worker() as a, Worker() as b:
        first, second = a(theirs.threadpool_limits, 1), b(theirs.threadpool_limits, 1)
        a(first.restore_original_limits)
        assert library.toy_get_num_threads() == 1
        b(second.restore_original_limits)
    assert library.toy_get_num_threads() == 6
    assert ours._ALL_USER_APIS.count("toy") == 1
    theirs.register(stacks.toy_controller(ours, user_api="late", filename_prefixes=("libfake",)))
    assert ours._ALL_USER_APIS.count("late") == 1


@in_own_process
def test_a_forked_child_has_ours_too() -> None:
    from poolkeeper import threadpoolctl as ours

    library = fake()
    ours.install()

    def child() -> list[Any]:
        import threadpoolctl

        with threadpoolctl.threadpool_limits(3):
            inside = library.openblas_get_num_threads()
        return [threadpoolctl.__name__, inside, library.openblas_get_num_threads()]

    with ours.threadpool_limits(5):
        assert in_child(child) == ["poolkeeper.threadpoolctl", 3, 5]
    assert library.openblas_get_num_threads() == 8


@in_own_process
def test_a_library_loaded_later_is_found_through_the_old_name() -> None:
    import threadpoolctl as theirs
    from poolkeeper import threadpoolctl as ours

    theirs.get_cached_controller()
    ours.install()
    library = load("openblas-fake-gnu")
    with theirs.get_cached_controller().limit(limits=2):
        assert library.openblas_get_num_threads() == 2
