"""Two interleaved rANS states: round trips, damage, and a plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sofc.entropy import rans
from sofc.errors import FormatError
from sofc.jit.decorators import kernel

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


class NaiveReader:
    """Spec static/stream, from the text."""

    def __init__(self, stream):
        self.stream = list(stream)
        self.state, self.other = (sum(self._byte() << (8 * i) for i in range(4)) for _ in range(2))

    def _byte(self):
        return self.stream.pop(0) if self.stream else 0

    def _refill(self):
        if self.state < 1 << 15:
            self.state = (self.state << 16) + self._byte() + 256 * self._byte()
        self.state, self.other = self.other, self.state

    def bits(self, count):
        value = self.state % 2**count
        self.state //= 2**count
        self._refill()
        return value

    def symbol(self, frequencies):
        slot = self.state % 4096
        symbol, start = 0, 0
        while start + frequencies[symbol] <= slot:
            start += frequencies[symbol]
            symbol += 1
        self.state = frequencies[symbol] * (self.state // 4096) + slot - start
        self._refill()
        return symbol


@kernel
def take(words, states, number, slots, codes):
    """The next symbol of a distribution, or as many plain bits as a negative number says."""
    now = rans.States(states[0], states[1], states[2])
    if number < 0:
        taken = rans.take_bits(words, now, -1 - number)
        value = taken.value
    else:
        taken_symbol = rans.take_symbol(words, now, slots, codes, number)
        value, taken = np.int64(taken_symbol.value), rans.Taken(0, taken_symbol.states)
    states[0], states[1], states[2] = taken.states.state, taken.states.other, taken.states.position
    return value


def distributions(rng, count):
    """Frequencies of 256 symbols that add up to 4096; one distribution has one symbol alone."""
    result = np.array([rng.multinomial(4096, rng.dirichlet(np.full(256, 0.05))) for _ in range(count)])
    result[0] = 0
    result[0, int(rng.integers(0, 256))] = 4096
    return result


def symbols_of(rng, frequencies, count):
    """Symbols (distribution, value), or plain bits (-bits, value), and their codes."""
    codes = rans.codes_of(frequencies)
    symbols, listed = [], []
    for _ in range(count):
        if rng.integers(0, 3) == 0:
            bits = int(rng.integers(0, rans.MOST_BITS + 1))
            value = int(rng.integers(0, 1 << bits))
            symbols.append((-1 - bits, value))
            listed.append(int(value) + (1 << 12) + (bits << 25))
        else:
            number = int(rng.integers(0, len(frequencies)))
            value = int(rng.choice(256, p=frequencies[number] / 4096))
            symbols.append((number, value))
            listed.append(codes[number * 256 + value])
    return symbols, np.array(listed, np.int32)


@given(st.integers(0, 2**32 - 1), st.integers(0, 80))
def test_round_trip_and_twin(seed, count):
    rng = np.random.default_rng(seed)
    frequencies = distributions(rng, int(rng.integers(1, 4)))
    codes, slots = rans.codes_of(frequencies), rans.slots_of(frequencies)
    symbols, listed = symbols_of(rng, frequencies, count)
    stream = rans.pack_symbols(listed)
    assert not stream.endswith(b"\0")
    reader, naive = rans.SymbolReader(stream), NaiveReader(stream)
    for number, value in symbols:
        again = naive.bits(-1 - number) if number < 0 else naive.symbol(frequencies[number])
        assert take(reader.words, reader.states, number, slots, codes) == again == value
        assert reader.states[:2].tolist() == [naive.state, naive.other]
    reader.finish()


def test_a_certain_symbol_costs_nothing():
    frequencies = np.zeros((1, 256), np.int64)
    frequencies[0, 7] = 4096
    code = rans.codes_of(frequencies)[7]
    assert rans.pack_symbols(np.full(1000, code, np.int32)) == rans.pack_symbols(np.zeros(0, np.int32))


@pytest.mark.parametrize("state", [0, (1 << 15) - 1, 1 << 31, (1 << 32) - 1])
def test_states_out_of_range(state):
    with pytest.raises(FormatError, match="out of range"):
        rans.SymbolReader((1 << 15).to_bytes(4, "little") + state.to_bytes(4, "little"))


@pytest.mark.parametrize("tail", [b"\1\1", b"\0\0\1"])
def test_words_left_over(tail):
    reader = rans.SymbolReader(2 * (1 << 15).to_bytes(4, "little") + tail)
    with pytest.raises(FormatError, match="end"):
        reader.finish()


def test_states_that_did_not_come_back():
    reader = rans.SymbolReader(2 * (1 << 16).to_bytes(4, "little"))
    with pytest.raises(FormatError, match="end"):
        reader.finish()
