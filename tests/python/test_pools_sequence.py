"""Pools and Pool as Python objects: table, sequence, dict, equality, JSON."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import tempfile

import pytest
from isolated import in_own_process
from scenario import FAKE, fake, flexiblas, load, path_of, the_pool
from test_pools import FIELDS

pytestmark = pytest.mark.usefixtures("lab")


@in_own_process
def test_repr_is_a_table_of_at_most_80_columns() -> None:
    import numpy  # noqa: F401
    import poolkeeper

    load("openblas-openmp"), load("mkl_rt"), load("blis-pypi"), load("flexiblas")
    with tempfile.TemporaryDirectory(prefix="x" * 90) as folder:
        long = f"{folder}/{'y' * 120}.so"
        shutil.copy(path_of(FAKE), long)
        ctypes.CDLL(long)
        pools = poolkeeper.pools()
        lines = repr(pools).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == [
        "pool", "level", "threads", "max", "capacity", "reach", "version", "layer",
    ]  # fmt: skip
    for number, pool in enumerate(pools):
        facts, file = lines[1 + 2 * number : 3 + 2 * number]
        assert facts.split()[:3] == [pool.runtime, pool.level, str(pool.num_threads)]
        assert pool.filepath.endswith(file.strip().removeprefix("..."))
    assert lines[-1] == "? = not known"
    assert "\x1b" not in repr(pools)


@in_own_process
def test_no_pools_say_so() -> None:
    import poolkeeper

    assert repr(poolkeeper.pools()).startswith("No native thread pools are loaded.")
    assert len(poolkeeper.pools()) == 0
    assert list(poolkeeper.pools()) == []
    assert poolkeeper.pools().to_dict() == []


@in_own_process
def test_pools_are_a_sequence() -> None:
    import poolkeeper

    fake(), load("openblas-fake-_64"), load("mkl-static")
    pools = poolkeeper.pools()
    items = list(pools)
    assert len(pools) == len(items) == 3
    assert [pools[i] for i in range(-3, 3)] == items * 2
    assert pools[1:] == items[1:]
    assert pools[::-1] == items[::-1]
    assert pools[5:] == []
    assert items[0] in pools
    assert "openblas" not in pools
    for index in (3, -4, 2**40, -(2**70), 2**70):
        with pytest.raises(IndexError):
            pools[index]
    for index in ("openblas", 1.0, None):
        with pytest.raises(TypeError):
            pools[index]


@in_own_process
def test_equality_is_by_value() -> None:
    import poolkeeper

    library = fake()
    before = poolkeeper.pools()
    assert before == poolkeeper.pools()
    assert before[0] == poolkeeper.pools()[0]
    assert (before != poolkeeper.pools()) is False
    library.openblas_set_num_threads(3)
    assert before != poolkeeper.pools()
    assert before[0] != poolkeeper.pools()[0]
    assert before[0].num_threads == 8  # a picture of that moment
    assert before != [before[0]]
    assert before[0] != "openblas"


@in_own_process
def test_to_dict_has_every_field_and_is_json() -> None:
    import poolkeeper

    flexiblas(), fake(), load("openblas-serial")
    dicts = poolkeeper.pools().to_dict()
    assert [list(found) for found in dicts] == [FIELDS] * 3
    assert json.loads(json.dumps(dicts)) == dicts
    for pool, found in zip(poolkeeper.pools(), dicts, strict=True):
        assert found == pool.to_dict() == {field: getattr(pool, field) for field in FIELDS}


@in_own_process
def test_pools_cannot_be_made_or_changed() -> None:
    import poolkeeper

    fake()
    pool = poolkeeper.pools()[0]
    with pytest.raises(AttributeError):
        pool.num_threads = 3
    assert pool.num_threads == 8
    for kind in (poolkeeper.Pool, poolkeeper.Pools, poolkeeper.Scope):
        with pytest.raises(TypeError):
            kind()


@in_own_process
def test_repr_of_one_pool_names_what_matters() -> None:
    fake()
    text = repr(the_pool("openblas"))
    assert text.startswith("<Pool openblas: 8 threads at most, level blas, reach process, /")


@in_own_process
def test_a_path_that_is_not_utf_8_survives() -> None:
    import poolkeeper

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/lib\udcff.so"
        shutil.copy(path_of(FAKE), path)
        ctypes.CDLL(path)
        pool = the_pool("openblas")
        assert pool.filepath == path
        assert os.path.exists(pool.filepath)
        repr(poolkeeper.pools()).encode()
        with poolkeeper.limit({pool.filepath: 1}):
            assert the_pool("openblas").num_threads == 1
