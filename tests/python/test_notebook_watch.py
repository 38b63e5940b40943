"""What a stretch of code used: the sampler, its report, its picture."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from isolated import in_own_process, run_python
from test_notebook_show import _page

pytestmark = pytest.mark.usefixtures("lab")


def _spin(cpu_seconds: float) -> None:
    """Use CPU time in this thread."""
    end = time.thread_time() + cpu_seconds
    while time.thread_time() < end:
        pass


@in_own_process
def test_work_of_a_pool_is_the_pools() -> None:
    import numpy
    import poolkeeper
    from poolkeeper.notebook.watch import Watch

    poolkeeper.set_limit(blas=2)
    square = numpy.ones((600, 600))
    square @ square  # the workers begin before the watch
    with Watch() as watch:
        end = time.process_time() + 1
        while time.process_time() < end:
            square @ square
    usage = watch.usage
    groups = {group.label.split(":")[0]: group for group in usage.groups}
    (main,) = (group for label, group in groups.items() if label.startswith("the main thread"))
    # One worker beside the thread that calls: each did about half.
    assert groups["openblas"].worked == 1
    assert groups["openblas"].peak == 1
    assert groups["openblas"].cpu_seconds > 0.05
    assert main.worked == 1
    assert main.cpu_seconds > 0.05
    assert usage.cpu_seconds > 0.8  # without the sampler's
    assert sum(group.cpu_seconds for group in usage.groups) <= usage.cpu_seconds + 0.05
    assert usage.involuntary_switches + usage.voluntary_switches > 0


@in_own_process
def test_threads_that_begin_and_end_meanwhile_are_counted() -> None:
    import threading

    from poolkeeper.notebook.watch import Watch

    def work() -> None:
        _spin(0.05)
        time.sleep(1)  # so that a sample is taken, however late its thread gets a CPU

    with Watch() as watch:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (python,) = (group for group in watch.usage.groups if group.label.startswith("Python threads"))
    assert python.worked == 3
    assert 0.05 <= python.cpu_seconds <= watch.usage.cpu_seconds


@in_own_process
def test_time_before_does_not_count_nor_does_the_sampler() -> None:
    from poolkeeper.notebook.watch import Watch

    _spin(0.5)
    with Watch() as watch:
        _spin(0.2)
    usage = watch.usage
    assert 0.2 <= usage.cpu_seconds < 0.4
    assert usage.samples > 1
    assert not any("_native" in group.label for group in usage.groups)


@in_own_process
def test_text_and_picture_have_the_same_facts() -> None:
    from poolkeeper.notebook.watch import Watch

    with Watch() as watch:
        _spin(0.1)
    page, text = _page(watch.usage), repr(watch.usage)
    shown = " ".join(page.words)
    for fact in text.split("\n\n")[0].splitlines():
        assert fact in shown
    for group in watch.usage.groups:
        assert group.label in shown
    assert "svg" in page.tags
    assert "polygon" in page.tags


@in_own_process(env={"POOLKEEPER_CPUS": "1"})
def test_more_threads_than_the_budget_is_said() -> None:
    import numpy
    import poolkeeper
    from poolkeeper.notebook.watch import Watch

    poolkeeper.set_limit(blas=4)
    square = numpy.ones((600, 600))
    with Watch() as watch:
        end = time.process_time() + 1
        while time.process_time() < end:
            square @ square
    usage = watch.usage
    assert (usage.budget, usage.peak > 1, usage.crowded > 0.1) == (1, True, True)
    assert "more than 1 threads wanted to run" in " ".join(_page(usage).words)
    assert f"{usage.crowded:.0%} of {usage.samples} samples" in repr(usage)


@in_own_process
def test_a_forked_child_does_not_wait_for_a_thread_that_it_has_not() -> None:
    from poolkeeper._native import Sampler

    sampler = Sampler()
    child = os.fork()
    if child == 0:
        found = sampler.stop()
        os._exit(0 if found is not None and found["groups"] == [] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert sampler.stop() is not None
    assert sampler.stop() is None


def test_the_budget_is_a_line_at_its_height() -> None:
    from poolkeeper.notebook.timeline import HEIGHT, timeline

    drawn = timeline([(0.0, (1, 0)), (0.5, (1, 3))], 1.0, 2)
    base = float(re.search(r'y1="([\d.]+)"[^>]*currentColor', drawn)[1])  # type: ignore[index]
    budget = float(re.search(r'y1="([\d.]+)"[^>]*dasharray', drawn)[1])  # type: ignore[index]
    polygons = re.findall(r'points="([^"]+)"', drawn)
    heights = [[float(point.split(",")[1]) for point in points.split()] for points in polygons]
    unit = (base - budget) / 2
    assert 0 < unit < HEIGHT
    # The first group: one thread. The second, on top: up to four in all.
    assert min(heights[0]) == pytest.approx(base - unit, abs=0.2)
    assert min(heights[1]) == pytest.approx(base - 4 * unit, abs=0.2)


def test_a_picture_of_nothing() -> None:
    from poolkeeper.notebook.timeline import timeline

    assert timeline([], 0.0, 1).startswith("<svg ")


# --- a quota

GROUPS = Path("/sys/fs/cgroup/cpu")  # version 1
LEAVE_OUT = "POOLKEEPER_TEST_CGROUP"

THROTTLED = """
import os, time
from poolkeeper.notebook.watch import Watch
open("{group}/cgroup.procs", "w").write(str(os.getpid()))
with Watch() as watch:
    while time.process_time() < 0.3:
        pass
open("{groups}/cgroup.procs", "w").write(str(os.getpid()))
found = watch.usage.throttling
assert found.group == "{group}", found
assert 0 < found.throttled <= found.periods, found
assert found.seconds > 0, found
print(watch.usage)
"""


@pytest.fixture
def group() -> Iterator[Path | None]:
    """A group with a quota of a fifth of a CPU; None where these tests are left out."""
    if os.environ.get(LEAVE_OUT) == "no":
        yield None
        return
    folder = GROUPS / f"poolkeeper-test-watch-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        raise AssertionError(
            f"{error}: needs root, and cgroup version 1's cpu controller. "
            f"To leave it out: {LEAVE_OUT}=no"
        ) from error
    try:
        (folder / "cpu.cfs_quota_us").write_text("20000")
        yield folder
    finally:
        for process in (folder / "cgroup.procs").read_text().split():
            (GROUPS / "cgroup.procs").write_text(process)
        folder.rmdir()


def test_time_stopped_for_a_real_quota(group: Path | None) -> None:
    if group is None:
        return  # by decision of who runs the tests
    shown = run_python(THROTTLED.format(group=group, groups=GROUPS)).stdout
    assert re.search(r"stopped for a CPU quota: [\d.]+ s, in \d+ of \d+ periods", shown)
