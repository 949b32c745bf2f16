"""Adaptive decisions and integers against their twin."""

from __future__ import annotations

import naive_context as naive
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sofc.entropy.adaptive import BYPASS, code_adaptive, code_integer
from sofc.entropy.binary import BROKEN, EVEN, Reader, Writer


@given(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 1 << 30)), min_size=1, max_size=30))
def test_integers(values):
    writer = Writer(4096)
    slots = np.full(40, EVEN, np.int32)
    twin = naive.Adaptive(naive.Writer())
    for value in values:
        assert code_integer(True, value, 9, slots, writer.stream) == value == twin.integer(value, "size")
    data = writer.written()
    assert data == twin.coder.finish()
    assert (slots[:9] == EVEN).all()
    slots[:] = EVEN
    reader = Reader(data)
    assert [code_integer(False, 0, 9, slots, reader.stream) for _ in values] == values


def test_integers_that_never_end():
    """A stream of ones asks for a length that no integer has."""
    assert code_integer(False, 0, 0, np.full(31, EVEN, np.int32), Reader(bytes(64)).stream) == BROKEN


def test_bypass_does_not_adapt():
    slots = np.full(2, EVEN, np.int32)
    writer = Writer(64)
    for bit in (1, 0, 1, 1):
        assert code_adaptive(True, bit, BYPASS, slots, writer.stream) == bit
    assert (slots == EVEN).all()
    assert code_adaptive(True, 1, 1, slots, writer.stream) == 1
    assert slots[1] > EVEN == slots[0]
