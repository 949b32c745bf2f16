"""Changes of sections against their twins, and against what they are changes of."""

from __future__ import annotations

import naive_context as naive
import numpy as np
import pytest
from helpers import outcome
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.entropy.binary import OK, Reader, Writer
from sofc.entropy.changes import (
    ModelChange,
    code_model_changes,
    code_table_change,
    neutral_symbol_models,
    neutral_table_models,
    pack_model_changes,
    pack_table_changes,
    unpack_model_changes,
    unpack_table_changes,
)
from sofc.entropy.mixture import TRAINED, trained_symbols
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError

SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 4))
ENTRIES = st.one_of(st.just(0), st.just(0), st.integers(-3, 3), st.integers(-65535, 65535))
SYMBOLS = st.one_of(st.just(0), st.integers(0, 128))
TABLES = st.lists(st.lists(st.tuples(SYMBOLS, SYMBOLS), min_size=1, max_size=60), min_size=1, max_size=3)


@given(npst.arrays(np.int32, SHAPES, elements=ENTRIES))
def test_tables(change):
    writer = Writer(8 * change.size + 64)
    assert code_table_change(True, change.copy(), neutral_table_models(change.shape[1]), writer.stream) == OK
    data = writer.written()
    twin = naive.Writer()
    assert naive.code_table_change(twin, change.shape, change.tolist()) == change.tolist()
    assert data == twin.finish()
    check(data, change.shape, change.tolist())


@given(st.binary(max_size=60), SHAPES)
def test_tables_of_anything(data, shape):
    check(data, shape, outcome(naive.code_table_change, naive.Reader(data), shape, None))


def check(data, shape, expected):
    found = np.zeros(shape, np.int32)
    status = code_table_change(False, found, neutral_table_models(shape[1]), Reader(data).stream)
    assert (found.tolist() if status == OK else None) == expected


@given(TABLES, st.sampled_from([1, 3, 8]))
def test_symbols(tables, block):
    symbols = [[one for one, _ in table] for table in tables]
    goals = [[other for _, other in table] for table in tables]
    data = pack_model_changes([np.array(table, np.uint8) for table in symbols], arrays(goals), block)
    expected = [[other or one for one, other in table] for table in tables]
    if not any(map(any, goals)):
        assert data == b""
        return
    twin = naive.Writer()
    assert naive.code_model_changes(twin, symbols, block, goals) == expected
    assert data == twin.finish()
    found = arrays(symbols)
    unpack_model_changes(data, found, block)
    assert [table.tolist() for table in found] == expected


@given(st.binary(min_size=1, max_size=60), TABLES)
def test_symbols_of_anything(data, tables):
    symbols = [[one for one, _ in table] for table in tables]
    found, models, stream = arrays(symbols), neutral_symbol_models(8), Reader(data).stream
    # Each status in turn: what follows a broken one is not looked at.
    changes = [ModelChange(one, np.zeros_like(one), 8) for one in found]
    fine = all(code_model_changes(False, change, models, stream) == OK for change in changes)
    expected = outcome(naive.code_model_changes, naive.Reader(data), symbols, 8, None)
    assert ([table.tolist() for table in found] if fine else None) == expected


def arrays(tables):
    return [np.array(table, np.uint8) for table in tables]


@given(st.integers(0, 2**32 - 1), st.integers(0, 15))
def test_sections_of_tables(seed, shift):
    """Each table is the one of the section and its change; without a change it stays."""
    random = np.random.default_rng(seed)
    shapes = [(12, 3), (1, 5)]
    tables = [random.integers(-99, 99, shape) for shape in shapes]
    changes = [(random.integers(-2, 3, shape), shift) for shape in shapes]
    data = code_tables(tables)
    fields = [Field(shape) for shape in shapes]
    found = decode_tables(data, fields, pack_table_changes(changes))
    for table, (change, _), one in zip(tables, changes, found, strict=True):
        np.testing.assert_array_equal(one, table + (change << shift))
    nothing = pack_table_changes([(np.zeros(shape, np.int64), 0) for shape in shapes])
    assert nothing == b""
    for table, one in zip(tables, decode_tables(data, fields, nothing), strict=True):
        np.testing.assert_array_equal(one, table)


def test_the_first_contexts_of_changed_models():
    """Who uses fewer contexts reads the beginning of the change."""
    random = np.random.default_rng(1)
    starts = np.array([0, 128, 384, 512])
    symbols = (random.integers(1, 129, 512) * (random.random(512) < 0.3)).astype(np.uint8)
    goals = (random.integers(1, 129, 512) * (random.random(512) < 0.1)).astype(np.uint8)
    split = [slice(0, 128), slice(128, 384), slice(384, 512)]
    change = pack_model_changes([symbols[one] for one in split], [goals[one] for one in split], 8)
    expected = np.where(goals > 0, goals, symbols)
    for used in (1, 2, 3):
        found = trained_symbols(TRAINED.pack(symbols, starts), starts, used, change)
        np.testing.assert_array_equal(found, expected[: starts[used]])


def test_damaged_changes():
    """Zeros are ones without end, more of them than a number has."""
    with pytest.raises(FormatError, match="damaged"):
        unpack_table_changes(bytes(40), [(40, 4)])
    with pytest.raises(FormatError, match="damaged"):
        unpack_model_changes(bytes(40), [np.full(64, 128, np.uint8)], 8)
