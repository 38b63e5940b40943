"""``poolkeeper demo``: its arguments, what it prints, and one real run.

The real runs are processes of their own: native pools are global state.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import poolkeeper
import pytest
from poolkeeper.demo import contestants, libraries, main, photo, report, runs
from poolkeeper.demo.meter import Usage
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
    done = _demo(folder, "--colors", "64", "--openmp", "1", "--blas", "1", "--json")
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
    assert found["colors"] == 64
    assert found["same_result"] is True
    for run in found["runs"]:
        assert run["cpu_wall_ratio"] == run["cpu_seconds"] / run["wall_seconds"]
        assert run["inertia"] > 0
        assert run["iterations"] > 0
        assert len(run["repeats"]) == 1
    assert found["runs"][0]["outcomes"] == []
    assert len(found["runs"][1]["outcomes"]) >= 2
    assert Path(found["picture"]).name == "china-64-colors.png"
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
