"""A wheel built as for a system that poolkeeper doesn't support.

`tests/tools/unsupported.py` builds it and runs this. A library may call poolkeeper on
every system: nothing fails, and what can't be done is said.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest

REASON = "poolkeeper does not support linux yet"


def python(code: str, *options: str) -> str:
    """Run code in an interpreter of its own, warnings being errors; its output."""
    command = [sys.executable, "-P", "-W", "error", *options, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    words = [sys.executable, "-P", "-m", "poolkeeper", *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_this_is_the_wheel_that_was_built_for_it() -> None:
    import poolkeeper

    site = Path(os.environ["PYTHONPATH"])
    assert Path(poolkeeper.__file__).is_relative_to(site)
    assert poolkeeper.pools().unsupported.startswith(REASON)


def test_pools_is_empty_and_says_why_though_numpy_brings_one() -> None:
    import numpy as np
    import poolkeeper

    assert np.ones((2, 2)).dot(np.ones((2, 2)))[0, 0] == 2.0
    found = poolkeeper.pools()
    assert len(found) == 0
    assert list(found) == found.to_dict() == []
    assert REASON in repr(found)
    assert REASON in found._repr_html_()


@pytest.mark.parametrize(
    ("limits", "names"),
    [
        ({"limits": 2}, ["all pools"]),
        ({"blas": 1}, ["blas"]),
        ({"openmp": 8, "blas": 1}, ["openmp", "blas"]),
        ({"limits": {"openblas": 3}}, ["openblas"]),
    ],
)
def test_a_limit_says_of_each_name_that_it_is_ignored(limits: dict, names: list[str]) -> None:
    import poolkeeper

    limits = dict(limits)
    positional = [limits.pop("limits")] if "limits" in limits else []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with poolkeeper.limit(*positional, **limits) as scope:
            outcomes = scope.outcomes
        assert scope.release() == []
    assert [outcome.name for outcome in outcomes] == names
    assert [outcome.status for outcome in outcomes] == ["ignored"] * len(names)
    assert all(outcome.reason.startswith(REASON) for outcome in outcomes)
    assert all(outcome.observed is None for outcome in outcomes)
    assert [o.status for o in poolkeeper.set_limit(*positional, **limits)] == ["ignored"] * len(
        names
    )


def test_what_is_wrong_on_every_system_is_wrong_here() -> None:
    import poolkeeper

    with pytest.raises(poolkeeper.LimitError, match="from 1 to"):
        poolkeeper.limit(0)
    with pytest.raises(poolkeeper.LimitError, match='did you mean "blas"'):
        poolkeeper.limit(blass=1)


def test_a_decorated_function_runs() -> None:
    import poolkeeper

    @poolkeeper.limit(blas=1)
    def double(number: int) -> int:
        return 2 * number

    assert double(4) == 8


def test_the_budget_is_what_the_standard_library_counts() -> None:
    import poolkeeper

    budget = poolkeeper.cpus()
    assert 1 <= int(budget) <= len(os.sched_getaffinity(0))
    assert "available_parallelism" in {source.place for source in budget.sources}
    plan = poolkeeper.split()
    assert plan.processes * plan.openmp * plan.blas <= int(budget)


def test_what_keeps_a_program_within_its_budget_runs_without_pools() -> None:
    import poolkeeper

    with poolkeeper.guard() as guarding:
        assert guarding.actions == []
    automatic = poolkeeper.auto()
    assert {outcome.status for outcome in automatic.outcomes} == {"ignored"}
    automatic.release()
    poolkeeper.trim()
    poolkeeper.fork_safe()
    with poolkeeper.ThreadPoolExecutor(max_workers=2) as executor:
        assert list(executor.map(abs, [-1, -2])) == [1, 2]


def test_what_binds_or_watches_threads_names_linux() -> None:
    import poolkeeper
    from poolkeeper.notebook.watch import Watch

    poolkeeper.spread(2)()
    with pytest.raises(OSError, match=REASON):
        poolkeeper._native._pin(1)
    with pytest.raises(OSError, match=REASON), Watch():
        pass


def test_processes_start_and_keep_their_share_of_variables() -> None:
    code = (
        "import poolkeeper, os\n"
        "if __name__ == '__main__':\n"
        "    with poolkeeper.ProcessPoolExecutor(max_workers=2) as pool:\n"
        "        print(list(pool.map(os.getenv, ['OMP_NUM_THREADS'] * 2)))"
    )
    values = json.loads(python(code).replace("'", '"'))
    assert len(values) == 2
    assert all(int(value) >= 1 for value in values)


def test_the_doctor_says_that_it_could_not_see_the_pools() -> None:
    import poolkeeper

    report = poolkeeper.doctor()
    assert not report.is_healthy
    assert any(REASON in unseen for unseen in report.unseen)


def test_k_means_computes() -> None:
    import numpy as np
    from poolkeeper.cluster import KMeans

    rows = np.concatenate([np.zeros((50, 2)), np.full((50, 2), 9.0)])
    fitted = KMeans(n_clusters=2, random_state=0).fit(rows)
    assert sorted(fitted.cluster_centers_[:, 0]) == [0.0, 9.0]


# --- threadpoolctl's interface


def test_the_layer_is_threadpoolctl_where_that_is_installed() -> None:
    out = python(
        "import poolkeeper.threadpoolctl as ours, threadpoolctl as theirs, numpy\n"
        "assert ours.threadpool_limits is theirs.threadpool_limits\n"
        "assert ours.ThreadpoolController is theirs.ThreadpoolController\n"
        "assert ours.__version__ == theirs.__version__\n"
        "assert set(ours.__all__) == set(theirs.__all__)\n"
        "assert ours.__name__ == 'poolkeeper.threadpoolctl'\n"
        "assert all(hasattr(ours, name) for name in theirs.__all__)\n"
        "with ours.threadpool_limits(1, user_api='blas'):\n"
        "    print([pool['num_threads'] for pool in ours.threadpool_info()])\n"
    )
    assert out == "[1]"


def test_install_leaves_the_real_one_in_its_place() -> None:
    python(
        "import poolkeeper.threadpoolctl as ours\n"
        "ours.install()\n"
        "import threadpoolctl\n"
        "assert threadpoolctl is not ours\n"
        "assert threadpoolctl.threadpool_limits is ours.threadpool_limits\n"
        "import sklearn.cluster\n"
        "assert threadpoolctl.threadpool_info()\n"
    )


def test_a_child_that_finds_our_shim_first_gets_the_real_one() -> None:
    code = "import threadpoolctl, numpy; print(len(threadpoolctl.threadpool_info()))"
    run = [sys.executable, "-P", "-m", "poolkeeper.threadpoolctl", "run"]
    probe = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    script = Path(os.environ["PYTHONPATH"]) / "child.py"
    script.write_text(probe)
    done = subprocess.run([*run, str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1", "")


def test_the_layer_without_threadpoolctl_lists_nothing_and_limits_nothing() -> None:
    # -S: no site-packages, so neither threadpoolctl nor numpy.
    out = python(
        "import poolkeeper.threadpoolctl as ours\n"
        "ours.install()\n"
        "import threadpoolctl\n"
        "assert threadpoolctl is ours\n"
        "assert ours.threadpool_info() == []\n"
        "with ours.threadpool_limits(1) as limiter:\n"
        "    assert limiter.get_original_num_threads() == {'blas': None, 'openmp': None}\n"
        "assert len(ours.ThreadpoolController()) == 0\n"
        "print(ours.__version__)\n",
        "-S",
    )
    assert out == "3.8.0"


# --- the command


def test_info_says_why_it_lists_nothing() -> None:
    text = command("info", "-i", "numpy")
    assert text.returncode == 0
    assert REASON in text.stdout
    listed = command("info", "-i", "numpy", "--json")
    assert (listed.returncode, json.loads(listed.stdout)) == (0, [])
    assert REASON in listed.stderr


def test_run_runs_a_command_with_its_variables_and_gives_its_code() -> None:
    code = "import os, sys; print(os.environ['OMP_NUM_THREADS']); sys.exit(7)"
    done = command("run", "--cpus", "1", "--", sys.executable, "-c", code)
    assert (done.returncode, done.stdout.strip()) == (7, "1")


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        (("simulate", "--cpus", "8"), "on Linux with glibc only"),
        (("record",), REASON),
    ],
)
def test_what_needs_linux_says_so(verb: tuple[str, ...], said: str) -> None:
    done = command(*verb, "--", sys.executable, "-c", "print('ran')")
    assert done.returncode != 0
    assert said in done.stderr
    assert "ran" not in done.stdout
    assert "Traceback" not in done.stderr
    assert "panicked" not in done.stderr


def test_this_interpreter_has_the_packages_that_the_tests_name() -> None:
    # What is not found would be found "empty", too.
    purelib = Path(sysconfig.get_path("purelib"))
    assert (purelib / "threadpoolctl.py").exists()
