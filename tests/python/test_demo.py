"""``poolkeeper demo``: its arguments, its thread meter, and one real run.

The real runs are processes of their own: native pools are global state.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import poolkeeper
import pytest
from poolkeeper.demo import contestants, libraries, main, meter, photo, report, runs
from poolkeeper.demo.meter import ThreadMeter, Usage, wait_until_quiet
from poolkeeper.demo.os_threads import read_threads
from poolkeeper.demo.progress import Progress

ESCAPE = "\x1b"


# --- arguments


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--openmp", "0"], "--openmp: '0' is not a whole number of 1 or more"),
        (["--blas", "-3"], "--blas: '-3' is not a whole number of 1 or more"),
        (["--repeat", "two"], "--repeat: 'two' is not a whole number of 1 or more"),
        (["--colors", "0"], "--colors: '0' is not a whole number of 1 or more"),
        (["--colors", "257"], "--colors: '257' is more than 256"),
        (["--output", "picture.jpg"], "'picture.jpg' does not end in .png"),
        (["--output", "no/such/picture.png"], "there is no folder 'no/such'"),
        (["--output", "folder.png"], "'folder.png' is a folder"),
        (["--opnemp", "1"], "--opnemp"),
        (["--open", "1"], "--open"),  # no abbreviations: they break when options are added
    ],
)
def test_wrong_arguments_exit_with_2_and_say_why(
    arguments: list[str], named: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    assert main(arguments) == 2
    assert named in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: poolkeeper demo ")
    assert "examples:\n  poolkeeper demo " in out


# --- libraries


def _break_imports(monkeypatch: pytest.MonkeyPatch, *broken: str) -> None:
    def import_module(name: str) -> None:
        if name in broken:
            raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(libraries, "import_module", import_module)


def test_only_required_libraries_end_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _break_imports(monkeypatch, "numpy", "sklearn.cluster")
    assert main([]) == 1
    assert "Type: pip install numpy scikit-learn\n" in capsys.readouterr().err
    _break_imports(monkeypatch, "mdtraj")
    (warning,) = libraries.import_libraries()
    assert "pip install mdtraj" in warning


# --- the thread meter


def burn(seconds: float = 0.05) -> None:
    """Use that much CPU time in this thread; hashlib lets go of the GIL."""
    data = bytes(1 << 18)
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        hashlib.sha256(data).digest()


def work(pool: ThreadPoolExecutor, threads: int) -> set[int]:
    """Burn CPU time in that many different threads of ``pool``; return their ids."""
    everyone_is_here = threading.Barrier(threads)

    def one() -> int:
        everyone_is_here.wait(timeout=60)
        burn()
        return threading.get_native_id()

    futures = [pool.submit(one) for _ in range(threads)]
    return {future.result() for future in futures}


def test_meter_counts_threads_that_work_now_and_not_those_that_worked_before() -> None:
    with ThreadPoolExecutor(5) as pool:
        work(pool, 5)
        assert wait_until_quiet(timeout=60)
        with ThreadMeter() as measured:
            work(pool, 3)
    assert measured.usage.threads_used == 3
    assert measured.usage.cpu_seconds >= 3 * 0.05
    # The three, and this thread before it waits; the two idle ones never.
    assert measured.usage.peak_runnable in (1, 2, 3, 4)


def test_meter_counts_threads_that_begin_inside_the_block() -> None:
    with ThreadPoolExecutor(2) as pool, ThreadMeter() as measured:
        work(pool, 2)
    assert measured.usage.threads_used == 2


def test_meter_counts_the_calling_thread_and_not_the_ignored_ones() -> None:
    with ThreadPoolExecutor(3) as pool:
        ignored = work(pool, 3)
        with ThreadMeter(ignore=ignored) as measured:
            work(pool, 3)
            burn(0.01)
    assert measured.usage.threads_used == 1
    assert measured.usage.cpu_seconds < 3 * 0.05


def test_meter_says_unknown_where_nothing_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "read_threads", lambda: None)
    with ThreadMeter() as measured:
        pass
    assert measured.usage.threads_used is None
    assert measured.usage.peak_runnable is None
    assert wait_until_quiet() is False


def test_meter_ends_and_passes_errors_on() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="from the work"), ThreadMeter():
        raise ValueError("from the work")
    assert threading.active_count() == before


def test_a_spinning_thread_is_not_quiet() -> None:
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            burn(0.01)

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        assert wait_until_quiet(timeout=0.2) is False
        assert wait_until_quiet(ignore={spinner.native_id or 0}, timeout=10) is True
    finally:
        stop.set()
        spinner.join()


# --- what the operating system says


def _task(folder: Path, thread_id: int, stat: str, schedstat: str | None) -> None:
    task = folder / str(thread_id)
    task.mkdir()
    (task / "stat").write_text(stat)
    if schedstat is not None:
        (task / "schedstat").write_text(schedstat)


def _stat(thread_id: int, name: str, state: str, utime: int, stime: int, start: int) -> str:
    before, between = "1 1 1 0 -1 64 9 0 0 0", "0 0 20 0 3 0"
    return f"{thread_id} ({name}) {state} {before} {utime} {stime} {between} {start} 7\n"


def test_threads_are_read_from_well_formed_and_malformed_files(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    _task(tmp_path, 11, _stat(11, "python", "R", 0, 0, 500), "1500000000 7 3\n")
    _task(tmp_path, 12, _stat(12, "a) S (b", "R", 2 * ticks, ticks, 501), None)
    _task(tmp_path, 13, _stat(13, "idle", "S", ticks, 0, 502), "not a number\n")
    _task(tmp_path, 14, "14 (cut short) R 1", None)
    _task(tmp_path, 15, "", None)
    (tmp_path / "16").mkdir()  # ended between the listing and the reading
    (tmp_path / "README").write_text("not a thread")

    readings = read_threads(str(tmp_path))

    assert readings is not None
    expected = [(11, 500, 1.5, True), (12, 501, 3.0, True), (13, 502, 1.0, False)]
    assert sorted(readings) == expected
    assert read_threads(str(tmp_path / "absent")) is None  # unknown


# --- runs and report


def _clustering(inertia: float) -> contestants.Clustering:
    return contestants.Clustering(labels=None, centers=None, inertia=inertia, iterations=3)  # type: ignore[arg-type]


def _run(name: str, inertia: float, walls: list[float], threads: int | None = 1) -> runs.Run:
    contestant = contestants.Contestant(name, lambda pixels, start: _clustering(inertia))
    usages = [Usage(wall, 2 * wall, threads, threads) for wall in walls]
    return runs.Run(contestant, runs.Setting(), [], usages, _clustering(inertia))


def test_openmp_limit_is_outside_the_blas_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[dict[str, int]] = []
    seen: list[list[dict[str, int]]] = []

    @contextmanager
    def limit(**levels: int) -> Iterator[SimpleNamespace]:
        alive.append(levels)
        yield SimpleNamespace(outcomes=[f"applied {levels}"])
        assert alive.pop() == levels

    def cluster(pixels: Any, start: Any) -> contestants.Clustering:
        seen.append(list(alive))
        return _clustering(1.0)

    monkeypatch.setattr(poolkeeper, "limit", limit)
    settings = [runs.Setting(), runs.Setting(openmp=3, blas=2)]
    contestant = contestants.Contestant("fake", cluster)
    with Progress(io.StringIO()) as progress:
        made = runs.run_all([contestant], settings, [], [], 2, progress)  # type: ignore[arg-type]

    limited = [{"openmp": 3}, {"blas": 2}]
    assert seen == [[], limited, [], limited]  # the repeats take turns
    assert alive == []
    assert [len(run.usages) for run in made] == [2, 2]
    assert made[0].outcomes == []
    assert made[1].outcomes == ["applied {'openmp': 3}", "applied {'blas': 2}"]


def test_the_median_repeat_is_shown() -> None:
    assert _run("a", 1.0, [9.0, 1.0, 3.0]).usage.wall_seconds == 3.0


@pytest.mark.parametrize(
    ("inertias", "verdict"),
    [
        ([470.5, 470.5], "yes (inertia equal"),
        ([470.5, 470.5 + 1e-9], "yes (inertia differs by 2e-12"),
        ([470.5, 471.5], "no (inertia differs by 2.1e-03"),
    ],
)
def test_all_runs_are_compared_with_the_first(inertias: list[float], verdict: str) -> None:
    out = io.StringIO()
    names = ("a", "b")  # implementations differ no more than runs of one
    made = [_run(name, inertia, [1.0]) for name, inertia in zip(names, inertias, strict=True)]
    report.print_runs(made, out)
    assert f"same result: {verdict}" in out.getvalue()


def test_unknown_thread_counts_are_not_shown_as_0() -> None:
    out = io.StringIO()
    report.print_runs([_run("a", 5.0, [1.0], threads=None)], out)
    row = out.getvalue().splitlines()[1]
    assert row.split()[3:5] == ["unknown", "unknown"]


# --- progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _progress_of_one_step(stream: io.StringIO) -> str:
    with Progress(stream) as progress:
        with progress.step("thinking"):
            pass
        progress.warn("careful")
    return stream.getvalue()


def test_progress_in_a_file_is_one_plain_line_a_step() -> None:
    text = _progress_of_one_step(io.StringIO())
    assert text == "poolkeeper demo: thinking\npoolkeeper demo: warning: careful\n"


def test_progress_on_a_terminal_heeds_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert f"{ESCAPE}[32mdone{ESCAPE}[0m  thinking" in _progress_of_one_step(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    plain = _progress_of_one_step(Terminal())
    assert "done  thinking" in plain
    assert f"{ESCAPE}[32m" not in plain
    assert f"{ESCAPE}[33m" not in plain
    monkeypatch.setenv("TERM", "dumb")
    assert ESCAPE not in _progress_of_one_step(Terminal())


# --- the whole demo


def _demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # More OpenMP threads than the limit, so that a limit that does nothing shows.
    environment = {**os.environ, "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}
    return subprocess.run(
        [sys.executable, "-m", "poolkeeper.demo", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("json")
    done = _demo(folder, "--colors", "16", "--openmp", "1", "--blas", "1", "--json")
    return json.loads(done.stdout)


def test_the_limited_run_uses_no_more_threads_than_it_may(found: Any) -> None:
    for free, limited in zip(found["runs"][::2], found["runs"][1::2], strict=True):
        assert limited["threads_used"] == limited["peak_runnable"] == 1
        if len(os.sched_getaffinity(0)) > 1:
            assert free["threads_used"] > 1


def test_both_implementations_run_without_and_with_limits(found: Any) -> None:
    both = [(run["contestant"], run["limits"]) for run in found["runs"]]
    limits: list[dict[str, int]] = [{}, {"openmp": 1, "blas": 1}]
    assert both == [(name, limit) for name in ("scikit-learn", "poolkeeper") for limit in limits]


def test_json_has_every_field_and_names_the_picture(found: Any) -> None:
    from PIL import Image

    assert list(found) == [
        "schema", "pools", "photo", "colors", "runs", "same_result", "inertia_difference",
        "picture",
    ]  # fmt: skip
    assert {"blas", "openmp"} <= {pool["user_api"] for pool in found["pools"]}
    assert found["photo"] == {"width": 640, "height": 427}
    assert found["colors"] == 16
    assert found["same_result"] is True
    for run in found["runs"]:
        assert run["cpu_wall_ratio"] == run["cpu_seconds"] / run["wall_seconds"]
        assert run["inertia"] > 0
        assert run["iterations"] > 0
        assert len(run["repeats"]) == 1
    assert found["runs"][0]["outcomes"] == []
    assert len(found["runs"][1]["outcomes"]) >= 2
    assert Path(found["picture"]).name == "china-16-colors.png"
    with Image.open(found["picture"]) as image:
        assert image.size == (2 * 640 + photo.GAP, 427)


def test_text_output_is_plain_and_complete(tmp_path: Path) -> None:
    done = _demo(tmp_path, "--quick", "--colors", "8", "--openmp", "2", "--output", "small.png")
    assert ESCAPE not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    for expected in (
        "Native thread pools in this process\n",
        "scikit-learn (no limit) ",
        "scikit-learn (openmp=2, blas=1) ",
        "poolkeeper (no limit) ",
        "poolkeeper (openmp=2, blas=1) ",
        "threads used: OS threads that ran 5 ms or more;",
        "same result: yes",
        f"small.png ({2 * 160 + photo.GAP} x 107 pixels)",
    ):
        assert expected in done.stdout
    assert (tmp_path / "small.png").is_file()
    assert "poolkeeper demo: k-means by scikit-learn (no limit)\n" in done.stderr
