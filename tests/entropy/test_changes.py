"""Changes of sections against what they are changes of."""

from __future__ import annotations

import naive_context as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.entropy.changes import pack_table_changes, unpack_table_changes
from sofc.entropy.tables import Field, code_tables, decode_tables
from sofc.errors import FormatError

SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 4))
ENTRIES = st.one_of(st.just(0), st.just(0), st.integers(-3, 3), st.integers(-65535, 65535))
MIDDLE = (511**3 + 1) // 2


@given(npst.arrays(np.int64, SHAPES, elements=ENTRIES), st.integers(0, 15))
def test_tables(change, shift):
    """The twin of planes of corrections reads them, behind the digits of their shift."""
    twin = naive.Reader(data := pack_table_changes([(change, shift)]))
    (found,) = unpack_table_changes(data, [change.shape])
    np.testing.assert_array_equal(found, change << shift)
    if data:
        assert [twin.decide(0, 1 << 15) for _ in range(4)] == [shift >> place & 1 for place in (3, 2, 1, 0)]
        plane = naive.code_sparse(twin, *change.shape, None)
        assert [[value and value - MIDDLE for value in row] for row in plane] == change.tolist()


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
    with pytest.raises(FormatError, match="out of range"):
        unpack_table_changes(pack_table_changes([(np.full((3, 2), -(1 << 16)), 0)]), [(3, 2)])
