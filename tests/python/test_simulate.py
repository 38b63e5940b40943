"""``poolkeeper simulate``: everything that counts CPUs believes in the pretended ones."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from isolated import run
from simulated import SIMULATE, pools, simulate, simulate_python

pytestmark = pytest.mark.usefixtures("lab")

CPUS = 12


@pytest.mark.parametrize(
    "count",
    [
        "os.cpu_count()",
        "len(os.sched_getaffinity(0))",
        "multiprocessing.cpu_count()",
        "os.sysconf('SC_NPROCESSORS_CONF')",
        "joblib.cpu_count()",
        "joblib.cpu_count(only_physical_cores=True)",
        "int(poolkeeper.cpus())",
        "poolkeeper.cpus().physical_cores",
        "polars.thread_pool_size()",  # Rust's available_parallelism
        "pyarrow.cpu_count()",  # C++'s hardware_concurrency
    ],
)
def test_it_counts_the_pretended_cpus(count: str) -> None:
    module = count.split(".")[0].rpartition("(")[2]
    counted, _ = simulate_python(f"import {module}; print({count})", CPUS)
    assert counted == CPUS


def test_a_worker_process_counts_them_too() -> None:
    program = (
        "import joblib, os; print(joblib.Parallel(n_jobs=2)"
        "(joblib.delayed(os.cpu_count)() for _ in range(3)))"
    )
    assert simulate_python(program)[0] == [CPUS] * 3


@pytest.mark.parametrize(
    ("library", "runtime"),
    [
        ("openblas-pthread", "openblas"),
        ("openblas-openmp", "libgomp"),
        ("libomp", "libomp"),
        ("libiomp5", "libomp"),
    ],
)
def test_a_runtime_begins_with_the_pretended_cpus(library: str, runtime: str) -> None:
    program = (
        "import json, poolkeeper, scenario\n"
        f"scenario.load({library!r})\n"
        f"print([p.num_threads for p in poolkeeper.pools() if p.runtime == {runtime!r}][0])"
    )
    counted, report = simulate_python(program)
    assert counted == CPUS
    (pool,) = pools(report, runtime)
    assert pool["num_threads"] == CPUS


def test_an_openblas_starts_its_workers_and_no_more_than_its_maximum() -> None:
    counted, report = simulate_python(
        "import numpy, poolkeeper; print(poolkeeper.pools()[0].num_threads)", cpus=128
    )
    assert counted == 64
    (pool,) = pools(report, "openblas")
    assert (pool["started"], pool["max_threads"], pool["capacity"]) == (63, 64, 64)
    (process,) = [one for one in report["processes"] if one["peak_threads"]]
    assert process["peak_threads"] == 63
    assert process["peak_resident"] < process["peak_reserved"]


AFFINITY = """
import ctypes, json, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def mask(): return sorted(os.sched_getaffinity(0))
seen = {}
os.sched_setaffinity(0, {1, 5, 11, 40})
seen["set"] = mask()
def other():
    seen["inherited"] = mask()
    os.sched_setaffinity(0, {7})
    seen["own"] = mask()
    started = threading.Thread(target=lambda: seen.update(from_thread=mask()))
    started.start(); started.join()
thread = threading.Thread(target=other)
thread.start(); thread.join()
seen["untouched"] = mask()
seen["child"] = json.loads(os.popen(
    sys.executable + " -c 'import os; print(sorted(os.sched_getaffinity(0)))'; true").read())
def refused(cpus):
    try: os.sched_setaffinity(0, cpus)
    except OSError as error: return error.errno
seen["none of them"] = refused({12, 13})
words = (ctypes.c_uint64 * 2)(~0, ~0)
seen["libc"] = [libc.sched_getaffinity(0, 16, words), words[0], words[1]]
SYS_sched_getaffinity = {"x86_64": 204}.get(os.uname().machine, 123)
seen["raw"] = libc.syscall(SYS_sched_getaffinity, 0, 16, words)
seen["too small"] = [libc.sched_getaffinity(0, 1, words), ctypes.get_errno()]
libc.pthread_self.restype = ctypes.c_void_p
self = ctypes.c_void_p(libc.pthread_self())
seen["pthread"] = [libc.pthread_getaffinity_np(self, 16, words), words[0]]
seen["pthread, too small"] = libc.pthread_getaffinity_np(self, 1, words)
one = (ctypes.c_uint64 * 1)(1 << 3)
seen["pthread set"] = [libc.pthread_setaffinity_np(self, 8, one), mask()]
seen["no process"] = [libc.sched_getaffinity(2**30, 16, words), ctypes.get_errno()]
print(json.dumps(seen))
"""


def test_an_affinity_mask_is_kept_and_told() -> None:
    seen, _ = simulate_python(AFFINITY, CPUS)
    bits = (1 << 1) + (1 << 5) + (1 << 11)
    assert seen == {
        "set": [1, 5, 11],
        "inherited": [1, 5, 11],
        "own": [7],
        "from_thread": [7],
        "untouched": [1, 5, 11],
        "child": [1, 5, 11],
        "none of them": errno.EINVAL,
        "libc": [0, bits, 0],
        "raw": 8,
        "too small": [-1, errno.EINVAL],
        "pthread": [0, bits],
        "pthread, too small": errno.EINVAL,
        "pthread set": [0, [3]],
        "no process": [-1, errno.ESRCH],
    }


BOUND = """
#include <omp.h>
#include <stdio.h>
int main(void)
{
    int threads = 0;
    #pragma omp parallel
    #pragma omp single
    threads = omp_get_num_threads();
    printf("%d", threads);
    return 0;
}
"""


def test_openmp_threads_can_be_bound_to_pretended_cpus(tmp_path: Path) -> None:
    (tmp_path / "bound.c").write_text(BOUND)
    program = tmp_path / "bound"
    run(["cc", "-fopenmp", "-o", str(program), str(tmp_path / "bound.c")]).check_returncode()
    done, report = simulate(str(program), env={"OMP_PROC_BIND": "true"})
    assert (done.stdout, done.stderr) == (str(CPUS), "")
    (pool,) = pools(report, "libgomp")
    assert pool["started"] == CPUS - 1
    # libgomp binds the thread that loads it: the doctor's machine is whole all the same.
    assert report["doctor"]["cpus"] == CPUS


def test_threads_are_counted_by_who_started_them() -> None:
    program = """
import threading
def together(count):
    barrier = threading.Barrier(count + 1)
    for _ in range(count): threading.Thread(target=barrier.wait).start()
    barrier.wait()
    for thread in threading.enumerate():
        if thread is not threading.main_thread(): thread.join()
together(9); together(4)
"""
    _, report = simulate_python(program)
    (starter,) = report["others"]
    assert "python" in starter["path"]
    assert (starter["peak"], starter["made"]) == (9, 13)


def test_a_forked_process_counts_its_own_threads() -> None:
    program = """
import os, threading
def together(count):
    barrier = threading.Barrier(count + 1)
    threads = [threading.Thread(target=barrier.wait) for _ in range(count)]
    for thread in threads: thread.start()
    barrier.wait()
    for thread in threads: thread.join()
together(3)
child = os.fork()
together(5 if child == 0 else 2)
if child: os.waitpid(child, 0)
"""
    _, report = simulate_python(program)
    peaks = [starter["peak"] for one in report["processes"] for starter in one["starters"]]
    assert sorted(peaks) == [3, 5]


def test_a_library_that_cannot_be_loaded_again_is_told(
    tmp_path: Path, lab: dict[str, Path]
) -> None:
    copy = tmp_path / "libgomp_gone.so"
    program = (
        f"import ctypes, os, shutil; shutil.copy({str(lab['gomp-liar'])!r}, {str(copy)!r})\n"
        f"ctypes.CDLL({str(copy)!r}); import time; time.sleep(3); os.remove({str(copy)!r})"
    )
    _, report = simulate_python(program)
    assert report["pools"] == []
    assert any("could not load" in one and "libgomp_gone" in one for one in report["remarks"])


def test_a_thread_that_the_system_refuses_is_told() -> None:
    program = """
import _thread, resource
_thread.stack_size(64 << 20)
limit = 600 << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
lock = _thread.allocate_lock(); lock.acquire()
try:
    for _ in range(100): _thread.start_new_thread(lock.acquire, ())
except RuntimeError: pass
else: raise SystemExit("none was refused")
import os; os._exit(0)
"""
    _, report = simulate_python(program, cpus=2)
    (process,) = report["processes"]
    assert process["refused_threads"] == 1
    assert 0 < process["peak_threads"] < 100


def test_threads_that_leave_by_pthread_exit_are_counted_out() -> None:
    program = """
import ctypes, time
libc = ctypes.CDLL(None)
start = ctypes.cast(libc.pthread_exit, ctypes.c_void_p)
for _ in range(5):
    thread = ctypes.c_void_p()
    assert libc.pthread_create(ctypes.byref(thread), None, start, None) == 0
    assert libc.pthread_join(thread, None) == 0
"""
    _, report = simulate_python(program)
    (starter,) = report["others"]
    assert (starter["peak"], starter["made"]) == (1, 5)


def test_threads_of_cpp_are_of_the_library_that_made_them() -> None:
    program = """
import io, pyarrow.csv
table = io.BytesIO(b"a,b" + b"\\n1,2" * 300_000)
pyarrow.csv.read_csv(table, read_options=pyarrow.csv.ReadOptions(block_size=1 << 16))
"""
    _, report = simulate_python(program)
    arrow, arrow_io = (
        pool for pool in report["pools"] if Path(pool["filepath"]).name.startswith("libarrow.")
    )
    assert (arrow["runtime"], arrow_io["runtime"]) == ("arrow", "arrow_io")
    assert arrow["started"] == arrow_io["started"] > 0
    assert "PK201" not in [finding["code"] for finding in report["doctor"]["findings"]]
    _, report = simulate_python("import scipy.fft; scipy.fft.fft2([[1.0] * 512] * 512, workers=3)")
    files = [Path(starter["path"]).name for starter in report["others"]]
    assert any("fft" in name for name in files), files
    assert not any(name.startswith("libstdc++") for name in files), files
    assert all(starter["made"] > 0 for starter in report["others"])


def test_the_report_is_for_people() -> None:
    done = run(
        [*SIMULATE, "--cpus", "12", "--sockets", "2", "--", sys.executable, "-c", "import numpy"]
    )
    assert done.stdout == ""
    assert done.stderr.startswith("poolkeeper simulate: 12 CPUs in 2 sockets\n")
    for said in ("ended    by itself, exit code 0", "Times in this run mean nothing"):
        assert said in done.stderr
    assert all(len(line) <= 80 for line in done.stderr.splitlines())


def test_the_json_says_all_that_the_text_does() -> None:
    done, report = simulate("sh", "-c", "exit 3", code=3)
    assert done.stdout == done.stderr == ""
    assert report["machine"] == {"cpus": 12, "sockets": 1}
    assert report["command"] == ["sh", "-c", "exit 3"]
    assert report["end"] == {"how": "exited", "code": 3}
    assert json.dumps(report["doctor"]["findings"]) == "[]"


def test_nothing_of_the_working_directory_is_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "poolkeeper.py").write_text(f"open({str(ran)!r}, 'w')")
    report = tmp_path / "report.json"
    command = Path(sys.executable).with_name("poolkeeper")
    options = ["--cpus", str(CPUS), "--json", "--output", str(report)]
    done = run([str(command), "simulate", *options, "--", "sh", "-c", "exit 7"], cwd=tmp_path)
    assert done.returncode == 7, done.stderr
    assert json.loads(report.read_text())["doctor"] is not None
    assert not ran.exists()


def test_a_library_that_prints_as_it_is_loaded_is_not_in_the_report(tmp_path: Path) -> None:
    source, library = tmp_path / "loud.c", tmp_path / "libopenblas-loud.so"
    code = '#include <stdio.h>\n__attribute__((constructor)) void f(void) { puts("loud"); }'
    source.write_text(code)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    done, report = simulate(sys.executable, "-c", f"import ctypes; ctypes.CDLL({str(library)!r})")
    assert done.stdout == "loud\n"
    assert report["libraries"] == [str(library)]
    assert report["doctor"] is not None
