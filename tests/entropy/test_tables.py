"""Tables of sections against their twin."""

from __future__ import annotations

import naive_context as naive
import numpy as np
from helpers import outcome
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.entropy.binary import OK, Reader, Writer
from sofc.entropy.bit_models import INTEGER_MODELS, NEUTRAL
from sofc.entropy.tables import code_table

SHAPES = st.tuples(st.integers(1, 8), st.integers(1, 4))
ENTRIES = st.one_of(st.integers(-3, 3), st.integers(-(1 << 29), 1 << 29))


def neutral(columns):
    return np.full((columns, 2 + INTEGER_MODELS), NEUTRAL, np.uint32)


@given(npst.arrays(np.int32, SHAPES, elements=ENTRIES))
def test_tables(table):
    writer = Writer(64 * table.size + 64)
    assert code_table(True, table, neutral(table.shape[1]), writer.stream) == OK
    data = writer.written()
    twin = naive.Writer()
    naive.code_table(twin, table.shape, table.tolist())
    assert data == twin.finish()
    check(data, table.shape, table.tolist())


@given(st.binary(max_size=60), SHAPES)
def test_tables_of_anything(data, shape):
    check(data, shape, outcome(naive.code_table, naive.Reader(data), shape, None))


def check(data, shape, expected):
    found = np.zeros(shape, np.int32)
    status = code_table(False, found, neutral(shape[1]), Reader(data).stream)
    assert (found.tolist() if status == OK else None) == expected
