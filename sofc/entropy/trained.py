"""Trained counters in sections: at what probability each starts, and as if it had seen how many bits."""

from __future__ import annotations

import itertools
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.entropy import binary
from sofc.entropy.binary import EVEN, Integers
from sofc.errors import FormatError

NEUTRAL_COUNTER = (1 << 21) << 10
"""A counter that has seen nothing: 22 bits of probability above 10 bits of how many bits it has seen."""
CHANCES, AGES = 32, 4
"""So many chances, and numbers of bits seen, a trained counter may start with."""
SEEN: Integers = np.array([2, 6, 20, 60], np.int64)
"""How many bits a trained counter may start as if it had seen, where a coder does not say otherwise."""
_STATES = 2 + CHANCES + CHANCES * AGES

Symbols = npt.NDArray[np.uint8]
"""What counters start with: 0 for a neutral one, else 1 + AGES * the number of its chance + that of what it has
seen."""


class TrainedCounters:
    """What the counters of a coder may start with.

    ``chances`` (CHANCES,): rising probabilities in 1/65536. ``nodes``: counters come in blocks of so many, each of
    another kind of decision. ``seen`` (AGES,): rising numbers of bits seen.
    """

    def __init__(self, chances: Integers, nodes: int, seen: Integers = SEEN) -> None:
        self.chances = chances
        self.nodes = nodes
        self.seen = seen

    @cached_property
    def states(self) -> npt.NDArray[np.uint32]:
        """The counter that each symbol stands for."""
        trained = [(int(chance) << 6 << 10) | int(seen) for chance in self.chances for seen in self.seen]
        return np.array([NEUTRAL_COUNTER, *trained], np.uint32)

    def nearest(self, shares: npt.NDArray[np.floating]) -> Integers:
        """Numbers of the chances nearest to these shares of ones, when both are stretched."""
        return np.searchsorted(self._borders, shares)

    @cached_property
    def _borders(self) -> npt.NDArray[np.float64]:
        odds = np.log(self.chances / (65536 - self.chances))
        borders: npt.NDArray[np.float64] = 1 / (1 + np.exp(-(odds[:-1] + odds[1:]) / 2))
        return borders

    def pack(self, symbols: Symbols, places: Integers) -> bytes:
        """For each context the length of its table (4 bytes), then the tables.

        ``symbols`` (counters,); ``places`` (contexts + 1,): where each context's begin.
        """
        tables = [self._code(symbols[start:end]) for start, end in itertools.pairwise(places)]
        return b"".join(len(table).to_bytes(4, "little") for table in tables) + b"".join(tables)

    def unpack(self, data: bytes, places: Integers, used: int) -> npt.NDArray[np.uint32]:
        """The counters of the first ``used`` contexts. Raises FormatError."""
        contexts = len(places) - 1
        sizes = [int.from_bytes(data[4 * k : 4 * k + 4], "little") for k in range(contexts)]
        if len(data) != 4 * contexts + sum(sizes):
            raise FormatError("the counters of a model have another length than they say")
        result = np.full(int(places[used]), NEUTRAL_COUNTER, np.uint32)
        start = 4 * contexts
        for k in range(used):
            symbols = np.zeros(int(places[k + 1] - places[k]), np.uint8)
            buffer = np.frombuffer(bytearray(data[start : start + sizes[k]]), np.uint8)
            coder = binary.start_decoding(buffer)
            binary.code_counters(False, symbols, self.nodes, self._direct(), coder, buffer)
            touched = np.flatnonzero(symbols)
            result[places[k] + touched] = self.states[symbols[touched]]
            start += sizes[k]
        return result

    def _code(self, symbols: Symbols) -> bytes:
        buffer = np.zeros(2 * symbols.size + 64, np.uint8)
        coder = binary.start_encoding()
        binary.code_counters(True, symbols, self.nodes, self._direct(), coder, buffer)
        return buffer[: binary.finish_encoding(coder, buffer)].tobytes()

    def _direct(self) -> npt.NDArray[np.int32]:
        return np.full((self.nodes + 1, _STATES), EVEN, np.int32)
