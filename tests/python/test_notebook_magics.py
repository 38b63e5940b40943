"""The magics, in notebooks that a real kernel runs."""

from __future__ import annotations

import pytest
from isolated import HERE, run_python
from notebooks import run

pytestmark = [pytest.mark.usefixtures("lab"), pytest.mark.slow]

LOAD = "%load_ext poolkeeper"
FAKE = "import scenario; library = scenario.fake()"
THREADS = "library.openblas_get_num_threads()"


def _values(*cells: str, **variables: str) -> list[str]:
    """What the cells show as text, in a kernel with an OpenBLAS of 8 threads."""
    ran = run(LOAD, FAKE, *cells, **variables)[2:]
    assert [one.error for one in ran] == [None] * len(cells), ran
    return [one.value for one in ran]


def test_loading_shows_and_changes_nothing() -> None:
    loaded, _, threads = run(LOAD, FAKE, THREADS)
    assert (loaded.out, loaded.err, loaded.value) == ("", "", "")
    assert threads.value == "8"


def test_pools_and_cpus_show_objects() -> None:
    pools, cpus = run(LOAD, FAKE, "%pools", "%cpus")[2:]
    assert pools.value.startswith("pool ")
    assert "openblas" in pools.html
    assert "CPUs, says the" in cpus.value
    assert 'class="poolkeeper"' in cpus.html


def test_a_limit_of_the_notebook_holds_from_there_on() -> None:
    limit, *threads = _values(
        "%limit blas=3", THREADS, "%limit 2", THREADS, "%limit --off", THREADS
    )
    assert limit == "<Scope live: openblas: asked for 3, applied>"
    assert [threads[i] for i in (0, 2, 4)] == ["3", "2", "8"]


def test_a_limit_that_is_the_value_of_a_cell_is_shown_and_can_be_ended() -> None:
    last_line, threads, shown, ended, after, again, nothing = run(
        LOAD, FAKE, "import poolkeeper\npoolkeeper.limit(2)", THREADS, "%limit", "%limit --off",
        THREADS, "%limit --off", "%limit",
    )[2:]  # fmt: skip
    assert last_line.value == "<Scope live: openblas: asked for 2, applied>"
    assert "until %limit --off" in last_line.html
    assert threads.value == "2"
    assert shown.out == "poolkeeper: Out[3] keeps a limit; %limit --off ends it\n"
    assert "<Scope live" in shown.value
    assert ended.out == (
        "poolkeeper: ended the limit that Out[3] kept\npoolkeeper: this notebook has no limit\n"
    )
    assert after.value == "8"
    assert again.out == "poolkeeper: this notebook has no limit\n"
    assert nothing.out == "poolkeeper: this notebook has no limit; %limit blas=4 sets one\n"


def test_both_limits_are_shown_and_ended() -> None:
    *_, shown, ended, after = run(
        LOAD, FAKE, "import poolkeeper\npoolkeeper.limit(3)", "poolkeeper.limit(4)",
        "%limit blas=2", "%limit --off", THREADS,
    )[2:]  # fmt: skip
    assert [line.split()[1] for line in shown.out.splitlines()] == ["Out[3]", "Out[4]"]
    assert "Out[3] and Out[4]" in ended.out
    assert after.value == "8"


def test_notes_are_shown_where_they_are_asked_for() -> None:
    plain, notes = run(
        LOAD, "import numpy, sklearn.cluster", "%doctor", "%doctor --notes", OMP_NUM_THREADS="64"
    )[2:]
    assert "%doctor --notes" in plain.value
    assert "report.text" not in plain.value
    assert "note PK" in notes.out


def test_a_limit_of_the_notebook_covers_what_the_same_cell_loads() -> None:
    cell = (
        "import numpy\n"
        "infos = __import__('threadpoolctl').threadpool_info()\n"
        "[pool['num_threads'] for pool in infos if pool['internal_api'] == 'openblas']"
    )
    shown, numpys = run(LOAD, "%limit blas=1", cell)[1:]
    assert "ignored: not loaded" in shown.value
    assert numpys.value == "[1]"


def test_a_limit_of_a_cell_ends_with_it() -> None:
    inside, after = _values(f"%%limit blas=2\n{THREADS}", THREADS)
    assert (inside, after) == ("2", "8")


def test_a_cell_that_awaits_keeps_its_limit() -> None:
    inside, after = _values(
        f"%%limit blas=2\nimport asyncio\nawait asyncio.sleep(0.01)\n{THREADS}", THREADS
    )
    assert (inside, after) == ("2", "8")


def test_a_cell_that_fails_gives_its_limit_back() -> None:
    failed, after = run(LOAD, FAKE, "%%limit blas=2\n\n1 / 0", THREADS)[2:]
    assert failed.error == "ZeroDivisionError: division by zero"
    assert after.value == "8"


def test_a_cell_has_its_own_names_and_other_magics() -> None:
    inside, after = _values(f"%%limit blas=2\nmine = 5\n%time x = {THREADS}\nx", "mine")
    assert inside == "2"
    assert after == "5"


def test_variables_stand_for_numbers() -> None:
    assert _values("n = 4", f"%%limit blas={{n}}\n{THREADS}")[1] == "4"


def test_a_cell_is_within_the_notebooks_limit_unless_it_forces() -> None:
    held, forced = run(
        LOAD, FAKE, "%limit blas=2", f"%%limit blas=4\n{THREADS}",
        f"%%limit --force blas=4\n{THREADS}",
    )[3:]  # fmt: skip
    assert held.value == "2"
    assert held.out.startswith("poolkeeper: openblas: asked for 4, runs at 2")
    assert (forced.value, forced.out) == ("4", "")


def test_cells_may_run_cells() -> None:
    inner = f"get_ipython().run_cell('%%limit blas=1\\ninner = {THREADS}')"
    assert _values(f"%%limit blas=2\n{inner}\n(inner, {THREADS})", THREADS) == ["(1, 2)", "8"]
    by_program = f"get_ipython().run_cell_magic('limit', 'blas=3', 'inner = {THREADS}')"
    assert _values(f"{by_program}\n(inner, {THREADS})")[0] == "(3, 8)"


#: A line, and what is said of it.
WRONG = (
    ("%limit blass=1", 'unknown pool "blass"; did you mean "blas"?'),
    ("%limit blas=0", "a limit must be a whole number from 1 to 8192, not 0"),
    ("%limit blas=many", "'blas=many' is no limit: write a number for every pool"),
    ("%limit blas=-1", "'blas=-1' is no limit"),
    ("%limit =1", "no name in '=1'"),
    ("%limit blas=1 blas=2", "a name twice in 'blas=2'"),
    ("%limit 1 blas=2", "1 is for every pool already"),
    ("%limit --nothing", "unrecognized arguments: --nothing"),
    ("%limit --notebook none.ipynb", "No such file"),
    ("%limit 'blas=1", "No closing quotation"),
    ("%%limit", "which pools?"),
    ("%pools --watch", "--watch is for a cell"),
    ("%pools all", "unrecognized arguments: all"),
    ("%cpus 1", "%cpus takes no arguments, not '1'"),
    ("%doctor --cpus 0", "must be a positive number of CPUs"),
    ("%doctor --cpus many", "invalid int value: 'many'"),
)


def test_wrong_input_is_told_and_nothing_runs() -> None:
    cells = [f"{line}\nran = True" for line, _ in WRONG]
    *wrong, after = run(LOAD, FAKE, *cells, f"'ran' in globals(), {THREADS}")[2:]
    for (line, told), one in zip(WRONG, wrong, strict=True):
        assert told in one.err, line
        assert "Traceback" not in one.err, line
    assert after.value == "(False, 8)"


def test_a_wrong_limit_leaves_the_old_one() -> None:
    ran = run(LOAD, FAKE, "%limit blas=3", "%limit blass=1", THREADS, "%limit")
    assert ran[-2].value == "3"
    assert "asked for 3" in ran[-1].value


def test_loading_twice_and_unloading() -> None:
    ran = run(
        LOAD, FAKE, "%limit blas=3", "%reload_ext poolkeeper", THREADS, "%limit blas=2",
        "%unload_ext poolkeeper", THREADS, "%limit", "import json; 1",
    )  # fmt: skip
    assert [ran[i].value for i in (4, 7, 9)] == ["8", "8", "1"]
    assert "`%limit` not found" in ran[8].err


def test_pools_of_a_cell_are_shown_after_it() -> None:
    shown = run(LOAD, f"%%pools\n{FAKE}\n1 + 1")[1]
    assert shown.value.startswith("2\npool ")
    assert "openblas" in shown.html


def test_functions_keep_the_code_that_was_written() -> None:
    code = (
        "def f():\n    import json\n    return json\n"
        "if True:\n    import ast\n"
        "import inspect\n(inspect.getsource(f), len(f.__code__.co_names))"
    )
    assert run(LOAD, code)[1].value.startswith(
        "('def f():\\n    import json\\n    return json\\n', 1"
    )


def test_a_future_import_stays_first() -> None:
    cell = "from __future__ import annotations\nfrom __future__ import division\n1"
    assert run(LOAD, cell)[1].value == "1"


def test_looking_for_libraries_loads_none() -> None:
    done = run_python(
        "from poolkeeper.notebook import imports\n"
        "told = []\n"
        "imports.watch(imports.Loaded(lambda: told.append(1)))\n"
        "imports.after_import(); imports.after_import(); print(len(told))\n"
        "import scenario; scenario.fake()\n"
        "imports.after_import(); imports.after_import(); print(len(told))\n"
        "imports.watch(None); imports.after_import()",
        env={"PYTHONPATH": str(HERE)},
    )
    assert done.stdout.split() == ["0", "1"]


# --- danger

DANGEROUS = {"OMP_NUM_THREADS": "300", "OPENBLAS_NUM_THREADS": "2"}


def test_the_cell_that_loads_the_danger_says_so_before_its_next_line() -> None:
    cell = "print('before')\nimport numpy, sklearn.cluster\nprint('after')"
    _, ran = run(LOAD, cell, **DANGEROUS)
    assert ran.order == ["stdout: before", "danger PK101", "stdout: after"]
    assert "300 OpenMP threads may call OpenBLAS" in ran.value
    assert "type: import poolkeeper; poolkeeper.set_limit(openmp=" in ran.value
    assert "poolkeeper.set_limit(openmp=" in ran.html


def test_a_danger_is_said_once_and_shown_where_one_looks() -> None:
    cells = ("import numpy, sklearn.cluster", "import scipy.linalg", "%pools", "%doctor")
    again, pools, doctor = run(LOAD, *cells, **DANGEROUS)[2:]
    assert again.order == []
    assert "error PK101" in pools.html
    assert "error PK101" in doctor.html
    assert "PK101" in doctor.value


def test_a_limit_that_is_dangerous_is_told_and_one_against_it_helps() -> None:
    cells = (
        "import numpy, sklearn.cluster",
        "%limit --force openmp=300",
        "%limit openmp=2",
        "%pools",
    )
    loaded, limited, against, pools = run(LOAD, *cells, OPENBLAS_NUM_THREADS="2")[1:]
    assert loaded.order == against.order[1:] == []
    assert limited.order[0] == "danger PK101"
    assert "PK101" not in pools.html
