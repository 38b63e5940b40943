"""``poolkeeper run`` and ``poolkeeper env``: a command within the budget."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import poolkeeper
import pytest
from isolated import environment, run
from test_command import MODULE, _command

# One figure from each of what listens: numbers that differ where it doesn't.
SHOW = """
import json, numpy, sklearn.cluster, joblib, polars, pyarrow, poolkeeper
found = {pool.runtime: pool.num_threads for pool in poolkeeper.pools()}
found |= {"joblib": joblib.cpu_count(), "polars": polars.thread_pool_size()}
found |= {"arrow": pyarrow.cpu_count(), "arrow_io": pyarrow.io_thread_count()}
found |= {"budget": int(poolkeeper.cpus())}
print(json.dumps(found))
"""


def _run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return run([*MODULE, "run", *arguments], env)


def test_every_library_follows() -> None:
    done = _run("--cpus", "1", "--", sys.executable, "-c", SHOW)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert set(found) >= {"openblas", "libgomp", "joblib", "polars", "arrow", "arrow_io", "budget"}
    assert found.pop("arrow_io") == 4  # with fewer it can hang
    assert set(found.values()) == {1}


def test_what_the_user_set_stays_and_a_line_says_so() -> None:
    code = "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    command = ["--cpus", "1", "--", sys.executable, "-c", code]
    done = _run(*command, env={"OMP_NUM_THREADS": "3"})
    assert done.stdout.split() == ["3", "1"]
    assert "kept what you had set: OMP_NUM_THREADS=3 (not 1)" in done.stderr
    assert _run("--quiet", *command, env={"OMP_NUM_THREADS": "3"}).stderr == ""
    forced = _run("--force", *command, env={"OMP_NUM_THREADS": "3"})
    assert (forced.stdout.split(), forced.stderr) == (["1", "1"], "")


def test_a_run_inside_a_run_has_the_share() -> None:
    code = "import os; print(os.environ['OMP_NUM_THREADS'])"
    inner = [*MODULE, "run", "--cpus", "1", "--", sys.executable, "-c", code]
    done = _run("--", *inner)
    assert (done.stdout.split(), done.stderr) == (["1"], "")
    asked = [*MODULE, "run", "--cpus", "2", "--", sys.executable, "-c", code]
    done = _run("--cpus", "1", "--", *asked)
    assert done.stdout.split() == ["1"]
    assert "--cpus 2 is more than the budget of 1" in done.stderr


def test_the_exit_code_is_the_commands() -> None:
    assert _run("--", "sh", "-c", "exit 37").returncode == 37
    missing = _run("--", "no-such-command")
    assert missing.returncode == 127
    assert "no-such-command" in missing.stderr
    assert _run("--", "/").returncode == 126


@pytest.mark.parametrize("arguments", [[], ["--cpus", "0", "--", "true"], ["--pinn", "--", "true"]])
def test_wrong_arguments(arguments: list[str]) -> None:
    done = _run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error:" in done.stderr


def test_signals_are_the_commands_own() -> None:
    with subprocess.Popen(
        [*MODULE, "run", "--", sys.executable, "-c",
         "import signal, sys; signal.signal(signal.SIGTERM, lambda *a: sys.exit(5));"
         "print(flush=True); signal.pause()"],
        env=environment(), stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 5
    # Python ignores SIGPIPE; a command must not inherit that.
    done = _run("--", "sh", "-c", "grep SigIgn /proc/self/status")
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1)), done.stdout


@pytest.mark.parametrize("program", ["python", "binary"])
def test_a_signal_that_the_user_has_ignored_stays_ignored(program: str) -> None:
    command = " ".join(MODULE if program == "python" else [str(_binary())])
    look = f"{command} run -- grep SigIgn /proc/self/status; true"
    for trap, expected in (("trap '' PIPE; ", True), ("", False)):
        shell = ["sh", "-c", trap + look]
        done = subprocess.run(
            shell, env=environment(), capture_output=True, text=True, check=True, timeout=60
        )
        ignored = int(done.stdout.split()[1], 16)
        assert bool(ignored & (1 << (signal.SIGPIPE - 1))) == expected, done


def test_it_replaces_itself() -> None:
    with subprocess.Popen(
        [*MODULE, "run", "--", "sh", "-c", "echo $$"],
        env=environment(), stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid


def test_pin_binds_the_command() -> None:
    code = "import os; print(len(os.sched_getaffinity(0)))"
    assert _run("--cpus", "1", "--pin", "--", sys.executable, "-c", code).stdout.split() == ["1"]
    before = len(os.sched_getaffinity(0))
    assert _run("--cpus", "1", "--", sys.executable, "-c", code).stdout.split() == [str(before)]


def test_a_dry_run_is_for_a_shell(tmp_path: Path) -> None:
    done = _run("--dry-run", "--cpus", "1", env={"OMP_NUM_THREADS": "a'b $(touch x)"})
    assert done.returncode == 0
    script = tmp_path / "variables.sh"
    script.write_text(done.stdout + 'echo "$OPENBLAS_NUM_THREADS $OMP_NUM_THREADS"\n')
    shell = run(["sh", str(script)], {"OMP_NUM_THREADS": "a'b $(touch x)"}, cwd=tmp_path)
    assert shell.stdout == "1 1\n", shell
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("form", ["sh", "docker", "env-file", "slurm", "jupyter", "json"])
def test_env_in_every_form(form: str, tmp_path: Path) -> None:
    text = _command("env", "--cpus", "6", "--openmp", "3", "--format", form).stdout
    if form == "jupyter":
        values = json.loads(text)["env"]
        assert all(isinstance(value, str) for value in values.values())
    elif form == "json":
        values = json.loads(text)
    else:
        pairs = [line.removeprefix("export ").removeprefix("ENV ") for line in text.splitlines()]
        values = dict(pair.split("=", 1) for pair in pairs if not pair.startswith("#"))
    assert {name: str(value) for name, value in values.items() if name == "OMP_NUM_THREADS"} == {
        "OMP_NUM_THREADS": "3"
    }
    expected = set(poolkeeper.split(openmp=3, cpus=6).env()) - {"POOLKEEPER_SET"}
    assert set(values) == expected
    if form == "slurm":
        assert text.startswith("#SBATCH --cpus-per-task=6\n")
        script = tmp_path / "job.sh"
        script.write_text(text + 'echo "$LOKY_MAX_CPU_COUNT $OMP_NUM_THREADS"\n')
        assert run(["sh", str(script)], {"SLURM_CPUS_PER_TASK": "4"}).stdout == "4 3\n"
        assert run(["sh", str(script)]).stdout == "6 3\n"


def _binary() -> Path:
    binary = Path(__file__).resolve().parents[2] / "target" / "debug" / "poolkeeper"
    built = subprocess.run(
        ["cargo", "build", "--quiet", "--locked", "-p", "poolkeeper-cli"],
        cwd=binary.parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return binary


def test_the_plain_binary_starts_no_python(tmp_path: Path) -> None:
    binary = _binary()
    done = run([str(binary), "run", "--cpus", "1", "--", "sh", "-c", "echo $OMP_NUM_THREADS"])
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)
    linked = run(["ldd", str(binary)]).stdout
    assert "libpython" not in linked
