"""A program for each finding, from a real cause: its lines, and its environment.

Each is a whole script, which ends where the finding would be shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from doctor.findings import THREADS


@dataclass(frozen=True)
class Situation:
    """A program in which a finding is shown.

    Attributes
    ----------
    code : str
        Of the finding.
    program : str
        Python.
    environment : dict of str
        What it is started with.
    offers : frozenset of str
        What can be typed: "python", "shell", both or nothing but advice.
    severity : str
        Of the finding that goes away; a note may stay in its place.
    """

    code: str
    program: str
    environment: dict[str, str] = field(default_factory=dict)
    offers: frozenset[str] = frozenset({"python", "shell"})
    severity: str = "warning"


STACK = "import numpy, scipy.linalg, sklearn.cluster\n"
LAB = "import sys; sys.path.insert(0, TESTS); import scenario\n"
FIT = STACK + (
    "sklearn.cluster.KMeans(2, n_init=1).fit(numpy.random.default_rng(0).normal(size=(2000, 4)))\n"
)
FORK = "import os\nif not (child := os.fork()): os._exit(0)\nos.waitpid(child, 0)\n"
WORKERS = (
    "import atexit, multiprocessing, time, numpy\n"
    "context = multiprocessing.get_context('fork')\n"
    f"workers = [context.Process(target=time.sleep, args=(60,)) for _ in range({THREADS})]\n"
    "for worker in workers: worker.start()\n"
    "atexit.register(lambda: [worker.kill() for worker in workers])\n"
)
NUMBA = (
    "import os, sys, types\n"
    "numba = sys.modules['numba'] = types.ModuleType('numba')\n"
    "numba.threading_layer = lambda: os.environ.get('NUMBA_THREADING_LAYER', 'omp')\n"
    "import multiprocessing; multiprocessing.set_start_method('fork')\n"
)
#: As another user: the limit on processes does not hold for root.
FEW_PROCESSES = (
    "import os, resource, sklearn.cluster, poolkeeper._doctor, poolkeeper._auto\n"
    "hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]\n"
    "resource.setrlimit(resource.RLIMIT_NPROC, (1, hard))\n"
    "os.geteuid() or os.setresuid(65534, 65534, 65534)\n"
)
LITTLE_MEMORY = (
    "import resource, sklearn.cluster, poolkeeper._doctor\n"
    "size = next(int(l.split()[1]) for l in open('/proc/self/status') if 'VmSize' in l)\n"
    "def lower(limit, value): resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))\n"
    "lower(resource.RLIMIT_STACK, 8 << 20)\n"
    "lower(resource.RLIMIT_AS, (size << 10) + (256 << 20))\n"
)

ELSEWHERE = (
    "import os, threading\n"
    "first, *_, last = sorted(os.sched_getaffinity(0))\n"
    "os.sched_setaffinity(0, {first})\n"
    "import poolkeeper\n"
    "bound = threading.Event()\n"
    "def stay():\n"
    "    os.sched_setaffinity(0, {last}); bound.set(); threading.Event().wait()\n"
    "threading.Thread(target=stay, daemon=True).start(); bound.wait()\n"
)

QUERY = "import polars\npolars.DataFrame({'a': [3, 1]}).lazy().select('a').collect()\n"

PYTHON, SHELL, ADVICE = frozenset({"python"}), frozenset({"shell"}), frozenset[str]()

SITUATIONS = (
    Situation("PK101", STACK, {"OMP_NUM_THREADS": "300"}, severity="error"),
    Situation("PK102", LAB + "scenario.load('libomp'); scenario.load('libiomp5')\n",
              {"KMP_DUPLICATE_LIB_OK": "TRUE"}, ADVICE, "error"),
    Situation("PK103", LAB + "scenario.load('libomp')\n", {"KMP_DUPLICATE_LIB_OK": "TRUE"},
              severity="note"),
    Situation("PK103", LAB + "scenario.load('libomp'); import threadpoolctl\n", {}, PYTHON, "note"),
    Situation("PK104", FIT + "import multiprocessing, poolkeeper\n" + FORK, {}, PYTHON, "error"),
    Situation("PK104", FIT + "import multiprocessing\n", {}, PYTHON, "note"),
    Situation("PK105", "import poolkeeper\n" + NUMBA + FORK, severity="error"),
    Situation("PK106", LAB + "scenario.load('openblas-openmp')\n",
              {"OMP_NUM_THREADS": "6", "OMP_THREAD_LIMIT": "2"}, severity="error"),
    Situation("PK107", QUERY + "import poolkeeper\n" + FORK, {}, PYTHON, "error"),
    Situation("PK201", STACK, {"OMP_NUM_THREADS": "64"}),
    Situation("PK201", STACK + "import poolkeeper; poolkeeper.set_limit(openmp=64)\n", {}, PYTHON),
    Situation("PK202", STACK, {"POOLKEEPER_CPUS": "1"}),
    Situation("PK202", STACK, {"POOLKEEPER_CPUS": "1", "OMP_NUM_THREADS": str(THREADS)}),
    Situation("PK202", "import numpy, os, poolkeeper; os.sched_setaffinity(0, {0})\n", {}, PYTHON),
    Situation("PK203", STACK, severity="note"),
    Situation("PK204", WORKERS),
    Situation("PK205", STACK, severity="note"),
    Situation("PK205", STACK, {"OMP_WAIT_POLICY": "active"}),
    Situation("PK206", STACK, {"GOMP_SPINCOUNT": "1"}, SHELL),
    Situation("PK206", "import os; os.environ['GOMP_SPINCOUNT'] = '1'\n" + STACK, {}, ADVICE),
    Situation("PK301", STACK, {}, ADVICE, "note"),
    Situation("PK302", STACK + LAB + "scenario.load('libomp')\n", {"OMP_PROC_BIND": "true"}, SHELL),
    Situation("PK303", "import poolkeeper\n" + STACK,
              {"OMP_PROC_BIND": "true", "OMP_PLACES": "{0}"}),
    Situation("PK304", ELSEWHERE, {}, ADVICE),
    Situation("PK401", STACK + "import os; os.environ['OPENBLAS_NUM_THREADS'] = '1'\n"),
    Situation("PK402", LAB + "scenario.load('openblas-openmp')\n", {"OPENBLAS_NUM_THREADS": "1"}),
    Situation("PK402", LAB + "scenario.load('openblas-serial')\n", {"OPENBLAS_NUM_THREADS": "2"}),
    Situation("PK403", STACK, {"OPENBLAS_NUM_THREADS": "1e1"}),
    Situation("PK404", "import polars\npolars.DataFrame({'a': [1]}).lazy().select('a').collect()\n",
              {"POLARS_MAX_THREADS": "64"}, SHELL),
    Situation("PK404", LAB + "scenario.load('openblas-serial')\n", {}, ADVICE, "note"),
    Situation("PK405", LAB + "scenario.load('duckdb-fake')\n", {}, ADVICE, "note"),
    Situation("PK501", LAB + "scenario.load('openblas-openmp')\n", {}, ADVICE),
    Situation("PK502", LAB + "scenario.load('openblas-fake-0.3.2')\n", {}, ADVICE, "error"),
    Situation("PK502", LAB + "scenario.load('openblas-fake-0.2.19')\n", {}, severity="error"),
    Situation("PK601", FEW_PROCESSES, severity="error"),
    Situation("PK602", LITTLE_MEMORY, {"OMP_NUM_THREADS": "65"}, severity="error"),
)  # fmt: skip
