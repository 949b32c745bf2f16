"""Trained bit models in sections, against their twin."""

from __future__ import annotations

import naive_context as naive
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sofc.entropy.binary import BROKEN, OK, Reader, Writer
from sofc.entropy.bit_models import INTEGER_MODELS, MOST_SEEN, NEUTRAL, RATE, code_integer, code_symbols, learned
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixing import SQUASH
from sofc.entropy.mixture import TRAINED

SEEDS = st.integers(0, 2**32 - 1)


def neutral(block):
    return np.full((block + 1, 129), NEUTRAL, np.uint32)


@given(
    st.lists(st.one_of(st.integers(0, 1), st.just(0), st.integers(0, 128)), max_size=150), st.sampled_from([1, 3, 8])
)
def test_symbols(symbols, block):
    writer = Writer(16 * len(symbols) + 64)
    assert code_symbols(True, np.array(symbols, np.uint8), block, neutral(block), writer.stream) == OK
    data = writer.written()
    twin = naive.Writer()
    assert naive.code_counters(twin, len(symbols), block, symbols) == symbols
    assert data == twin.finish()
    assert symbols_of(data, len(symbols), block) == symbols


def test_the_lowest_symbol():
    """A block is trained where any symbol of it is not zero."""
    symbols = [0] * 8 + [1] + [0] * 15 + [0] * 7 + [1]
    writer = Writer(64)
    assert code_symbols(True, np.array(symbols, np.uint8), 8, neutral(8), writer.stream) == OK
    assert symbols_of(writer.written(), len(symbols), 8) == symbols


@given(st.binary(max_size=60), st.integers(0, 150))
def test_symbols_of_anything(data, count):
    assert symbols_of(data, count, 8) == naive.code_counters(naive.Reader(data), count, 8, None)


def symbols_of(data, count, block):
    found = np.zeros(count, np.uint8)
    assert code_symbols(False, found, block, neutral(block), Reader(data).stream) == OK
    return found.tolist()


@given(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 1 << 30)), min_size=1, max_size=30))
def test_integers(values):
    writer = Writer(4096)
    models = np.full(9 + INTEGER_MODELS, NEUTRAL, np.uint32)
    twin = naive.Counting(naive.Writer())
    for value in values:
        assert code_integer(True, value, 9, models, writer.stream) == value == twin.integer(value, "size")
    data = writer.written()
    assert data == twin.coder.finish()
    assert (models[:9] == NEUTRAL).all()
    models[:] = NEUTRAL
    reader = Reader(data)
    assert [code_integer(False, 0, 9, models, reader.stream) for _ in values] == values


def test_integers_that_never_end():
    """A stream of ones asks for a length that no integer has."""
    models = np.full(INTEGER_MODELS, NEUTRAL, np.uint32)
    assert code_integer(False, 0, 0, models, Reader(bytes(64)).stream) == BROKEN


@given(SEEDS, st.integers(1, 3), st.sampled_from([0, 0.1, 0.9]))
def test_trained_models_come_back(seed, contexts, density):
    """Symbols stand for their probability and for how much was seen, 0 for neutral; fewer contexts are the first."""
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(1 << rng.integers(4, 7, contexts))]) * BLOCK
    size = int(starts[-1])
    symbols = (rng.integers(1, 129, size) * (rng.random(size) < density)).astype(np.uint8)
    again = TRAINED.states[TRAINED.symbols(TRAINED.pack(symbols, starts), starts, contexts)]
    for symbol, model in zip(symbols.tolist(), again.tolist(), strict=True):
        p = int(SQUASH[124 * ((symbol - 1) >> 2) - 1922 + 2815])
        assert model == ((p << 16) + (2, 6, 20, 60)[(symbol - 1) & 3] if symbol else 1 << 31)
    for used in range(1, contexts + 1):
        first = TRAINED.states[TRAINED.symbols(TRAINED.pack(symbols, starts), starts, used)]
        np.testing.assert_array_equal(first, again[: starts[used]])


@given(st.lists(st.integers(0, 1), max_size=300))
def test_models_follow_the_share_of_ones(bits):
    """What a model has learnt is nearly the share of ones, with 0.6 bits of evidence for one half."""
    word = 1 << 31
    for bit in bits:
        word = learned(word, bit)
    assert word & 1023 == min(len(bits), MOST_SEEN)
    if len(bits) <= MOST_SEEN:
        assert abs((word >> 10) / (1 << 22) - (sum(bits) + 0.3) / (len(bits) + 0.6)) < 0.01
    assert RATE[0] == 81920 // 2 == 2 * 65536 * 5 // 16
