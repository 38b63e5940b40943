"""FlexiBLAS's backends through the controller, on a library that poses as one."""

from __future__ import annotations

from typing import Any

import pytest
from isolated import in_own_process
from scenario import FAKE, flexiblas, load, path_of

from compatible import stacks

pytestmark = pytest.mark.usefixtures("lab")


def _controller(impl: str) -> tuple[Any, Any]:
    """Return a controller of everything loaded, and FlexiBLAS's own in it."""
    flexiblas()
    controller = stacks.implementation(impl).ThreadpoolController()
    (own,) = controller.select(internal_api="flexiblas").lib_controllers
    return controller, own


@in_own_process
def test_switching_to_another_library(impl: str) -> None:
    controller, own = _controller(impl)
    start = {"available_backends": ["NETLIB", "OPENBLASPTHREAD"], "num_threads": 1,
             "loaded_backends": ["NETLIB"], "current_backend": "NETLIB"}  # fmt: skip
    assert own.info().items() >= start.items()
    other = str(path_of("openblas-pthread"))
    load("openblas-pthread")  # with what it needs
    own.switch_backend("NETLIB")
    assert own.info().items() >= start.items()
    own.dynlib.flexiblas_load_backend_library(other.encode())
    assert own.loaded_backends == ["NETLIB", other]
    assert own.info()["available_backends"] == ["NETLIB", "OPENBLASPTHREAD"]
    assert len(controller) == 1


@in_own_process
def test_the_new_backends_library_joins_the_controller(impl: str) -> None:
    controller, own = _controller(impl)
    module = stacks.implementation(impl)
    cached = module.get_cached_controller()
    own.switch_backend("OPENBLASPTHREAD")
    assert own.loaded_backends == ["NETLIB", "OPENBLASPTHREAD"]
    assert [lib.filepath for lib in controller.lib_controllers] == [
        own.filepath, str(path_of(FAKE)),
    ]  # fmt: skip
    assert [lib.parent for lib in controller.lib_controllers] == [controller, controller]
    assert module.get_cached_controller() is not cached
    assert len(module.get_cached_controller()) == 2


@in_own_process
def test_theirs_counts_past_a_name_that_it_hides(impl: str) -> None:
    # "__FALLBACK__" is in FlexiBLAS's list; theirs leaves it out, and counts without it.
    _, own = _controller(impl)
    own.switch_backend("OPENBLASPTHREAD")
    theirs = impl == "threadpoolctl"
    assert own.current_backend == ("__FALLBACK__" if theirs else "OPENBLASPTHREAD")
    assert own.num_threads == (1 if theirs else 8)


@in_own_process
def test_a_path_as_a_backend() -> None:
    controller, own = _controller("poolkeeper")
    path = str(path_of(FAKE))
    own.switch_backend(path)
    assert (own.current_backend, own.num_threads) == (path, 8)
    assert own.loaded_backends == ["NETLIB", path]
    with controller.limit(limits=2):
        assert [lib.num_threads for lib in controller.lib_controllers] == [2, 2]
    assert [lib.num_threads for lib in controller.lib_controllers] == [8, 8]
    own.switch_backend("NETLIB")
    assert (own.current_backend, own.num_threads) == ("NETLIB", 1)
    assert len(controller) == 2  # the library stays loaded


@pytest.mark.parametrize("backend", ["OPENBLAS", "/no/such/library.so", "", "netlib "])
@in_own_process
def test_a_backend_that_cannot_be_loaded(backend: str) -> None:
    said = []
    for impl in stacks.IMPLEMENTATIONS:
        controller, own = _controller(impl)
        with pytest.raises(RuntimeError) as caught:
            own.switch_backend(backend)
        said.append(str(caught.value))
        assert (own.current_backend, len(controller)) == ("NETLIB", 1)
    assert said[0] == said[1]
    assert repr(backend) in said[1]
    assert "NETLIB" in said[1]


@in_own_process
def test_a_wrong_kind_of_backend(impl: str) -> None:
    _, own = _controller(impl)
    for backend in (None, 1):
        with pytest.raises((RuntimeError, TypeError)):
            own.switch_backend(backend)
        assert own.current_backend == "NETLIB"


@in_own_process
def test_a_selection_is_not_what_grows(impl: str) -> None:
    flexiblas()
    module = stacks.implementation(impl)
    everything = module.ThreadpoolController()
    chosen = everything.select(internal_api="flexiblas")
    chosen.lib_controllers[0].switch_backend("OPENBLASPTHREAD")
    assert (len(chosen), len(everything)) == (1, 2)
