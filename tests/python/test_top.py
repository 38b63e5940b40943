"""``poolkeeper top``: processes and their pools, live, on a real terminal in tmux."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from isolated import environment, run
from scenario import libraries

pytestmark = pytest.mark.usefixtures("lab")

TOP = [sys.executable, "-m", "poolkeeper", "top"]
PATIENCE = 40  # seconds until what a test waits for must be there

#: Three hundred threads that wait, three that work, and one pool that is limited.
MANY = """
import threading, numpy, poolkeeper, time
poolkeeper.set_limit(blas=3)
wait = threading.Event()
for _ in range(300):
    threading.Thread(target=wait.wait, daemon=True).start()
a = numpy.ones((700, 700))
print("ready", flush=True)
while True:
    a @ a
"""
CHILD = "import time\nwhile True: time.process_time()"


@contextmanager
def program(code: str) -> Iterator[subprocess.Popen[str]]:
    """Python code that runs until the test ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        assert process.stdout is not None
        if "ready" in code:
            assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


class Terminal:
    """A terminal of so many columns and rows, with a command in it."""

    def __init__(self, folder: Path, command: list[str], size: tuple[int, int]) -> None:
        self.program, folders = libraries.tmux()
        self.environment = environment(
            LD_LIBRARY_PATH=folders, LC_ALL="C.UTF-8", TMUX_TMPDIR=str(folder), TERM="screen"
        )
        self.environment.pop("TMUX", None)
        quoted = " ".join(f"'{word}'" for word in command)
        # The libraries are tmux's own; the code of the command stays on the screen.
        line = f'unset LD_LIBRARY_PATH; {quoted}; echo "ended with $?"; exec sleep 600'
        columns, rows = size
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), line)

    def tmux(self, *words: str) -> str:
        done = subprocess.run(
            [self.program, "-u", "-S", f"{self.environment['TMUX_TMPDIR']}/socket", *words],
            env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def screen(self) -> list[str]:
        return self.tmux("capture-pane", "-p").splitlines()

    def until(self, is_right: Callable[[str], object]) -> list[str]:
        """The screen as soon as it is right."""
        end = time.monotonic() + PATIENCE
        while True:
            lines = self.screen()
            if is_right("\n".join(lines)):
                return lines
            assert time.monotonic() < end, "\n".join(lines)
            time.sleep(0.1)


@contextmanager
def terminal(folder: Path, *arguments: str, size: tuple[int, int] = (80, 24)) -> Iterator[Terminal]:
    started = Terminal(folder, [*TOP, *arguments], size)
    try:
        yield started
    finally:
        started.tmux("kill-server")


def row(lines: list[str], name: str) -> list[str]:
    """The words of a row after its name."""
    line = next(line for line in lines if f" {name} " in line)
    return line.split(f" {name} ", 1)[1].split()


def looked(*arguments: str, code: int = 0) -> dict[str, Any]:
    done = run([*TOP, *arguments, "--json"])
    assert done.returncode == code, done.stderr
    view: dict[str, Any] = json.loads(done.stdout)
    return view


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_a_program_with_300_threads_is_shown_pool_by_pool(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with program(MANY) as busy, terminal(tmp_path, str(busy.pid), size=size) as screen:
        lines = screen.until(lambda text: re.search(r"^ +openblas +3 +2 ", text, re.M))
        assert max(map(len, lines)) <= size[0]
        assert lines[0].startswith("poolkeeper top  ")
        assert "1 process, 30" in lines[0]
        assert lines[1].split() == [
            "PID", "PROGRAM", "LIMIT", "THREADS", "WORKING", "WAITING", "CPUS", "HISTORY",
        ]  # fmt: skip
        assert re.match(rf" *{busy.pid} - python", lines[2])
        assert row(lines, "libpython3.11.so.1.0" if size[0] > 80 else "main thread")
        assert any(re.search(r" 300 +0 ", line) for line in lines)
        # The history has grown by now, and shows work.
        screen.until(lambda text: "█" in text or "▇" in text or "▅" in text)
        screen.press("q")
        ended = screen.until(lambda text: "ended with" in text)
        # The screen from before is back.
        assert [line for line in ended if line] == ["ended with 0"]


def test_keys_fold_filter_sort_and_help(tmp_path: Path) -> None:
    with program(MANY) as busy, terminal(tmp_path, "--sort", "threads") as screen:
        screen.until(lambda text: f"{busy.pid} + python" in text)
        screen.type(f"/{busy.pid}")
        screen.until(lambda text: f"/{busy.pid}_" in text)
        screen.press("Enter")
        lines = screen.until(lambda text: f"filter: {busy.pid}" in text)
        assert sum(" + " in line for line in lines) == 1
        screen.press("Enter")
        screen.until(lambda text: f"{busy.pid} - python" in text and "openblas" in text)
        screen.press("s")
        screen.until(lambda text: "sort: PID" in text)
        screen.press("r")
        screen.until(lambda text: "(reversed)" in text)
        screen.press("?")
        screen.until(lambda text: "any key goes back" in text and "CPUs that were" not in text)
        screen.press("?")
        screen.until(lambda text: "any key goes back" not in text)
        screen.press("Escape")
        screen.until(lambda text: "filter:" not in text)
        screen.press("C-c")
        screen.until(lambda text: "ended with 0" in text)


def test_processes_come_and_go(tmp_path: Path) -> None:
    with terminal(tmp_path, str(os.getpid()), "--interval", "0.2") as screen:
        screen.until(lambda text: str(os.getpid()) in text)
        for _ in range(3):
            with program(CHILD) as child:
                screen.until(lambda text, pid=child.pid: re.search(rf"^ *{pid} - ", text, re.M))
            screen.until(lambda text, pid=child.pid: not re.search(rf"^ *{pid} - ", text, re.M))
        screen.press("q")
        screen.until(lambda text: "ended with 0" in text)


def test_the_program_may_end_and_the_window_may_change(tmp_path: Path) -> None:
    with program(CHILD) as child, terminal(tmp_path, str(child.pid)) as screen:
        screen.until(lambda text: f"{child.pid} - python" in text)
        screen.tmux("resize-window", "-x", "40", "-y", "8")
        screen.until(lambda text: "HISTORY" not in text and "PROGRAM" in text)
        screen.tmux("resize-window", "-x", "120", "-y", "30")
        screen.until(lambda text: "HISTORY" in text)
        child.kill()
        child.wait()
        screen.until(lambda text: "The process has ended" in text)
        screen.press("q")
        screen.until(lambda text: "ended with 0" in text)


def test_a_signal_puts_the_terminal_back(tmp_path: Path) -> None:
    with program(CHILD) as child, terminal(tmp_path, str(child.pid)) as screen:
        screen.until(lambda text: f"{child.pid} - python" in text)
        pane = screen.tmux("display-message", "-p", "#{pane_pid}").strip()
        (top,) = Path(f"/proc/{pane}/task/{pane}/children").read_text().split()
        os.kill(int(top), 15)
        screen.until(lambda text: "ended with 0" in text and "PROGRAM" not in text)


def test_it_ends_with_its_terminal(tmp_path: Path) -> None:
    # Without the signal of a hang-up, as where nobody controls the terminal.
    with program(CHILD) as child:
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        keys = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        top = subprocess.Popen([*TOP, str(child.pid)], **keys)
        os.close(theirs)
        drawn = b""
        while b"PROGRAM" not in drawn:
            assert select.select([ours], [], [], PATIENCE)[0], drawn
            drawn += os.read(ours, 65536)
        os.close(ours)
        assert top.wait(PATIENCE) == 0


def test_one_look_is_plain_text_or_json() -> None:
    with program(MANY) as busy:
        done = run([*TOP, str(busy.pid)])
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        lines = done.stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert re.fullmatch(r"\d+ CPUs?, \S+ busy", lines[0])
        assert row(lines, "openblas")[:2] == ["3", "2"]
        view = looked(str(busy.pid))
        (process,) = view["processes"]
        assert process["threads"] == 1 + 300 + 2
        assert 0.05 < process["ran"] <= view["machine"]["cpus"] + 0.5
        assert process["budget"] == pytest.approx(process["budget"])
        pools = {one["runtime"]: one for one in process["owners"] if one["runtime"]}
        assert (pools["openblas"]["limit"], pools["openblas"]["threads"]) == (3, 2)
        sums = [sum(one[field] for one in process["owners"]) for field in ("ran", "waited")]
        assert sums == pytest.approx([process["ran"], process["waited"]])
        everybody = looked("--all", "--interval", "0.2")["processes"]
        own = looked("--user", "--interval", "0.2")["processes"]
        assert busy.pid in {one["pid"] for one in own}
        assert {one["pid"] for one in everybody} >= {busy.pid, os.getpid()}
        text = run([*TOP, "--once", "--interval", "0.5"]).stdout
        assert str(busy.pid) in text
        assert re.search(r"^\d+ process(es)? did nothing$", text, re.M)


def test_wrong_arguments_and_nobody() -> None:
    done = run([*TOP, str(2**31 - 1)])
    assert (done.returncode, done.stdout) == (1, "")
    assert "can't look at process" in done.stderr
    for wrong in (["0"], ["x"], ["--interval", "0"], ["--interval", "nan"], ["1", "--all"]):
        done = run([*TOP, *wrong])
        assert (done.returncode, done.stdout) == (2, ""), wrong
    # A terminal that is none: there is one look.
    assert run([*TOP, "--interval", "0.1"], env={"TERM": "dumb"}).returncode == 0
