"""The binary range coder against its twin."""

from __future__ import annotations

import naive_context as naive
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sofc.entropy.binary import EVEN, Reader, Stream, Writer, code_bit
from sofc.entropy.bit_models import INTEGER_MODELS, NEUTRAL, code_integer, code_symbols
from sofc.entropy.sparse import code_sparse
from sofc.entropy.tables import code_table

PROBABILITIES = st.integers(4, 65532)
BITS = st.integers(0, 1)


@given(st.lists(st.tuples(BITS, PROBABILITIES), max_size=200))
def test_bits(decisions):
    """The same bytes as the twin, the same decisions back, and none of the bytes can be left out."""
    writer = Writer(1024)
    twin = naive.Writer()
    for bit, p in decisions:
        assert code_bit(True, bit, p, writer.stream) == bit
        twin.decide(bit, p)
    data = writer.written()
    assert data == twin.finish()
    bits = [bit for bit, _ in decisions]
    reader = Reader(data)
    assert [code_bit(False, 0, p, reader.stream) for _, p in decisions] == bits
    reader = naive.Reader(data)
    assert [reader.decide(0, p) for _, p in decisions] == bits
    if data:
        reader = naive.Reader(data[:-1])
        assert [reader.decide(0, p) for _, p in decisions] != bits


@given(st.binary(max_size=40), st.lists(PROBABILITIES, max_size=200))
def test_bits_of_anything(data, probabilities):
    reader, twin = Reader(data), naive.Reader(data)
    for p in probabilities:
        assert code_bit(False, 0, p, reader.stream) == twin.decide(0, p)


def neutral(shape):
    return np.full(shape, NEUTRAL, np.uint32)


def test_full_buffer():
    """No kernel writes past a buffer that is too short: its writer sees in the end that it was."""
    long = np.zeros(64, np.uint8)
    table = np.arange(64, dtype=np.int32).reshape(8, 8) ** 3
    calls = [
        lambda s: code_integer(True, 1 << 29, 0, neutral(INTEGER_MODELS), s),
        lambda s: code_table(True, table, neutral((8, 2 + INTEGER_MODELS)), s),
        lambda s: code_sparse(True, table.copy(), neutral(16 + 3 * INTEGER_MODELS), s),
        lambda s: code_symbols(True, np.arange(64).astype(np.uint8), 8, neutral((9, 129)), s),
    ]
    for call in calls:
        for size in range(3):
            writer = Writer(0)
            writer.stream = Stream(writer.stream.coder, long[:size])
            call(writer.stream)
            assert writer.finish() is None
    assert not long[2:].any()
    writer = Writer(2)
    for bit in (1, 0, 1, 0, 0):
        code_bit(True, bit, EVEN, writer.stream)
    assert writer.finish() is None
