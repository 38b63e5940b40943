#!/usr/bin/env python3
"""Build poolkeeper for arm64 Linux and test it in a translator: `make test-arm64`.

    run.py                every step
    run.py WORD ...       the steps whose names have one of these words

The processor is the Neoverse N1 of the project's story, translated by qemu. What a
translator can't run is in `not_run.txt`, with the reason. Times mean nothing here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import counts  # noqa: E402
import fetch  # noqa: E402
import steps  # noqa: E402
import toolchain  # noqa: E402
from counts import Count  # noqa: E402

LOGS = ROOT / "target" / "arm64" / "logs"
TREE = fetch.DEST / "tree"
CRATES = ("poolkeeper", "poolkeeper-cli", "poolkeeper-simulate")
#: The files of tests/python that are run: what differs by processor, or by its libraries.
PYTHON_TESTS = (
    "test_overlap.py",
    "test_limit_runtimes.py",
)
TIMEOUT = 40 * 60


def main() -> int:
    words = [word.lower() for word in sys.argv[1:]]
    if fetched := subprocess.run([sys.executable, HERE / "fetch.py"]).returncode:
        return fetched
    total = Count()
    for name, step in STEPS.items():
        if not words or any(word in name for word in words):
            total += step(name)
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 0 if total.passed and not total.failed else 1


def finish(
    name: str,
    command: Sequence[str | Path],
    count: Callable[[steps.Finished], Count] = counts.of_step,
    environment: dict[str, str] | None = None,
) -> Count:
    """Run one step and print its line."""
    log = LOGS / f"{name.replace(' ', '-')}.log"
    steps.announce(name)
    done = steps.run(command, log, environment or toolchain.running(), TIMEOUT)
    counted = count(done)
    remark = f"{counted.passed} passed, {counted.failed} failed"
    steps.conclude("FAIL" if counted.failed else "ok", name, done.seconds, remark)
    if counted.failed:
        steps.show(done.output, log)
        for problem in counted.problems:
            print(f"      {problem}")
    return counted


def not_run(kind: str) -> list[str]:
    """The tests of this kind that `not_run.txt` lists."""
    lines = (HERE / "not_run.txt").read_text().splitlines()
    words = [line.split() for line in lines if line and not line.startswith(("#", " "))]
    return [name for found, name in words if found == kind]


def rust_tests(name: str) -> Count:
    """The Rust tests, the ones of the command and of `simulate` too."""
    crates = [word for crate in CRATES for word in ("-p", crate)]
    kinds = ("--lib", "--bins", "--tests")
    cargo = ["cargo", "test", "--locked", "--no-fail-fast", *crates, *kinds, "--"]
    skips = [word for test in not_run("rust") for word in ("--skip", test)]
    # Random cases are drawn on x86-64 by the hundred; a few show that they work here.
    few = {**toolchain.running(), "PROPTEST_CASES": "4"}
    return finish(name, toolchain.translated(*cargo, *skips), counts.of_cargo, few)


def wheel(name: str) -> Count:
    """The wheel, installed beside arm64's numpy."""
    wheels = toolchain.CARGO_TARGET / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    maturin = [
        *(sys.executable, "-m", "maturin", "build", "--quiet", "--locked"),
        *("--compatibility", "linux", "--target", toolchain.TARGET, "--out", wheels),
    ]
    built = finish(name, maturin, environment=toolchain.building())
    if built.failed:
        return built
    (found,) = wheels.glob("*.whl")
    for old in fetch.SITE.glob("poolkeeper*"):
        shutil.rmtree(old)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    where = ["--platform=linux_aarch64", "--only-binary=:all:", f"--target={fetch.SITE}"]
    return built + finish(
        "installed wheel", [*pip, "--no-deps", "--no-index", "--upgrade", *where, found]
    )


def story(name: str) -> Count:
    """The story's pools and steps, and k-means against this machine's own bits."""
    plain = [sys.executable, "-P", str(HERE / "kmeans_bits.py")]
    here = subprocess.run(plain, capture_output=True, text=True, check=True)
    environment = {**toolchain.running(), "POOLKEEPER_BITS_OF_X86_64": here.stdout}
    return pytest(name, [HERE / "test_arm64.py"], environment)


def python_tests(name: str) -> Count:
    """The chosen files of tests/python, in a copy that has arm64's libraries for its lab."""
    lay_out_tree()
    files = [TREE / "tests" / "python" / file for file in PYTHON_TESTS]
    skips = [f"--deselect=tests/python/{test}" for test in not_run("python")]
    slow = {**toolchain.running(), "POOLKEEPER_TEST_TIMEOUT": "600"}
    return pytest(name, [*files, *skips], slow, TREE)


def lay_out_tree() -> None:
    """Copy what the tests need, with a lab of arm64's libraries."""
    shutil.rmtree(TREE, ignore_errors=True)
    shutil.copytree(ROOT / "tests", TREE / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", TREE)
    lab = TREE / ".lab"
    lab.mkdir()
    (lab / "debian").symlink_to(fetch.DEST / "lab")
    shutil.copy(HERE / "lacks.txt", lab)
    environment = {**toolchain.running(), "CC": str(toolchain.write_compilers() / "cc")}
    build = [sys.executable, TREE / "tests" / "native" / "build.py"]
    subprocess.run(build, env=environment, check=True, stdout=subprocess.DEVNULL)
    # As arm64's Python asks for it: the stamp names the processor.
    code = "import fetch; print(fetch.inputs_hash(), end='')"
    asked = toolchain.translated(str(toolchain.PYTHON), "-c", code)
    stamp = subprocess.run(
        asked, cwd=TREE / "tests" / "lab", env=environment, check=True, capture_output=True
    )
    (lab / "stamp").write_bytes(stamp.stdout)


def pytest(
    name: str, arguments: list, environment: dict[str, str], folder: Path | None = None
) -> Count:
    """Run pytest in arm64's Python; its report is counted."""
    report = LOGS / f"{name.replace(' ', '-')}.xml"
    report.unlink(missing_ok=True)
    root = folder or ROOT
    command = toolchain.translated(
        *(str(toolchain.PYTHON), "-P", "-m", "pytest", "-q", "--timeout=600"),
        *("-p", "no:cacheprovider", f"--rootdir={root}", f"--junit-xml={report}"),
        *map(str, arguments),
    )
    clean = {key: value for key, value in environment.items() if not key.startswith("OMP_")}
    return finish(name, command, lambda done: counts.of_junit(done, report), clean)


STEPS: dict[str, Callable[[str], Count]] = {
    "rust tests": rust_tests,
    "wheel": wheel,
    "story": story,
    "python tests": python_tests,
}

if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
