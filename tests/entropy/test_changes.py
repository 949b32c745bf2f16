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
    code_table_change,
    neutral_table_models,
    pack_table_changes,
    unpack_table_changes,
)
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError

SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 4))
ENTRIES = st.one_of(st.just(0), st.just(0), st.integers(-3, 3), st.integers(-65535, 65535))


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


def test_damaged_changes():
    """Zeros are ones without end, more of them than a number has."""
    with pytest.raises(FormatError, match="damaged"):
        unpack_table_changes(bytes(40), [(40, 4)])
