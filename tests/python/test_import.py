"""Importing changes nothing, and the package is what it says it is."""

from __future__ import annotations

import copy
import importlib.metadata
import importlib.resources
import pickle
import sys
import textwrap
from pathlib import Path

import pytest
from isolated import in_own_process, run, run_python
from scenario import fake, load

pytestmark = pytest.mark.usefixtures("lab")

WATCH = """
import ctypes, os, sys, scenario
blas, omp, mkl = scenario.fake(), scenario.load("libiomp5"), scenario.load("mkl_rt")
blis = scenario.load("blis-pthread")

def state():
    own = mkl.MKL_Set_Num_Threads_Local(0)
    mkl.MKL_Set_Num_Threads_Local(own)
    return (
        blas.openblas_get_num_threads(), omp.omp_get_max_threads(), mkl.MKL_Get_Max_Threads(), own,
        blis.bli_thread_get_num_threads(), omp.omp_get_dynamic(), omp.omp_get_max_active_levels(),
        os.sched_getaffinity(0), len(os.listdir("/proc/self/task")),
    )

getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p

def c_environment():
    return [getenv(name.encode()) for name in names]

names = [*os.environ, "KMP_DUPLICATE_LIB_OK", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
before = dict(os.environ), state(), c_environment(), list(sys.warnoptions)
{body}
assert (dict(os.environ), state(), c_environment(), list(sys.warnoptions)) == before
"""


@pytest.mark.parametrize(
    "body", ["import poolkeeper", "import poolkeeper; poolkeeper.pools()"], ids=["import", "pools"]
)
def test_no_variable_and_no_pool_changes(body: str) -> None:
    env = {"OMP_NUM_THREADS": "7", "MKL_DYNAMIC": "FALSE"}
    run_python(WATCH.replace("{body}", body), env=env)


def test_this_check_sees_what_threadpoolctl_sets() -> None:
    with pytest.raises(AssertionError, match="exit code 1"):
        run_python(WATCH.replace("{body}", "import threadpoolctl"))


def test_it_loads_no_module_that_it_does_not_need() -> None:
    loaded = run_python(
        "import sys; before = {*sys.modules}; import poolkeeper; print(*{*sys.modules} - before)"
    ).stdout.split()
    assert set(loaded) <= {"poolkeeper", "poolkeeper._native"}


def test_it_loads_no_pool() -> None:
    assert run_python("import poolkeeper; print(len(poolkeeper.pools()))").stdout == "0\n"


@pytest.mark.parametrize(
    "flags", [("-W", "error"), ("-W", "error", "-X", "dev"), ("-OO",), ("-I",)]
)
def test_it_imports_silently(flags: tuple[str, ...]) -> None:
    done = run_python("import poolkeeper", *flags)
    assert (done.stdout, done.stderr) == ("", "")


SUBINTERPRETER = """
import scenario, poolkeeper
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
library = scenario.fake()
outer = poolkeeper.limit(5)
other = interpreters.create()
interpreters.run_string(other, {inner!r})
interpreters.destroy(other)
print(library.openblas_get_num_threads(), len(outer.outcomes))
outer.release()
assert library.openblas_get_num_threads() == 8
"""


def _in_another_interpreter(inner: str) -> list[str]:
    """Run code in another interpreter of a process with a limit of 5; return what it said."""
    done = run_python(
        SUBINTERPRETER.format(inner=textwrap.dedent(inner)), "-W", "error", timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_another_interpreter_is_refused_clearly() -> None:
    told = _in_another_interpreter("""
        try:
            import poolkeeper
        except ImportError as error:
            print(error)
    """)
    assert "does not support subinterpreters" in told[0]
    assert told[1:] == ["5 1"]


def test_a_scope_that_lives_until_the_interpreter_ends() -> None:
    code = "import scenario; scenario.fake(); import poolkeeper; scope = poolkeeper.limit(1)"
    assert run_python(code).stderr == ""


@in_own_process
def test_a_scope_cannot_be_copied() -> None:
    import poolkeeper

    fake()
    with poolkeeper.limit(2) as scope:
        for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="Scope"):
                duplicate(scope)


def test_help_is_for_people_and_pytest_is_told_all_the_same(tmp_path: Path) -> None:
    import inspect
    import pydoc

    import poolkeeper

    shown = pydoc.render_doc(poolkeeper, renderer=pydoc.plaintext)
    assert "pytest" not in (inspect.getdoc(poolkeeper) or "")
    assert "DONT_REWRITE" not in shown
    # pytest would warn of a package with a plugin that it can't rewrite any more.
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n")
    code = (
        "import sys, poolkeeper, pytest\n"
        "sys.exit(pytest.main(['-q', '-W', 'error', '-p', 'no:cacheprovider', '-c', '/dev/null', "
        f"{str(tmp_path)!r}]))"
    )
    assert "warning" not in run_python(code).stdout


@in_own_process
def test_public_names() -> None:
    import poolkeeper

    assert set(poolkeeper.__all__) <= set(dir(poolkeeper))
    for name in poolkeeper.__all__:
        thing = getattr(poolkeeper, name)
        if name != "MAX_LIMIT" and not name.startswith("__"):
            assert thing.__doc__, name
            assert thing.__name__ == name
        if isinstance(thing, type):
            assert thing.__module__ == "poolkeeper", name
            for field, member in vars(thing).items():
                assert field.startswith("_") or member.__doc__, (name, field)
    assert poolkeeper.MAX_LIMIT == 8192
    assert issubclass(poolkeeper.LimitError, ValueError)
    assert issubclass(poolkeeper.LimitWarning, RuntimeWarning)


def test_version_is_the_packages() -> None:
    import poolkeeper

    assert poolkeeper.__version__ == importlib.metadata.version("poolkeeper")


def test_types_are_shipped() -> None:
    package = importlib.resources.files("poolkeeper")
    assert package.joinpath("py.typed").is_file()
    assert package.joinpath("_native.pyi").is_file()


def test_types_match_the_extension() -> None:
    done = run([sys.executable, "-m", "mypy.stubtest", "poolkeeper._native"], timeout=300)
    assert done.returncode == 0, done.stdout


@in_own_process
def test_mkl_is_not_called_before_it_is_used() -> None:
    import poolkeeper  # noqa: F401

    load("mkl_rt")
    with open("/proc/self/maps") as maps:
        assert "libmkl_core" not in maps.read()
