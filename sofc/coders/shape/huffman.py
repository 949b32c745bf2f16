"""Canonical Huffman codes of at most MAX_CODE_BITS bits, kept as lengths alone."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.shape.kernel_bits import MAX_CODE_BITS
from sofc.errors import FormatError

Lengths = npt.NDArray[np.int64]


def code_lengths(counts: npt.NDArray[np.int64]) -> Lengths:
    """Lengths (1 .. MAX_CODE_BITS) of a Huffman code for symbols with these counts; counts below 1 are taken as 1.

    Where the code would be too deep, all counts are halved (rounded up) until it is not.
    """
    weights = [max(1, int(count)) for count in counts]
    if len(weights) == 1:
        return np.ones(1, np.int64)
    while True:
        lengths = _depths(weights)
        if max(lengths) <= MAX_CODE_BITS:
            return np.array(lengths, np.int64)
        weights = [(weight + 1) >> 1 for weight in weights]


def _depths(weights: list[int]) -> list[int]:
    symbols = len(weights)
    heap = [(weight, symbol) for symbol, weight in enumerate(weights)]
    heapq.heapify(heap)
    parents = [0] * (2 * symbols - 1)
    for node in range(symbols, 2 * symbols - 1):
        first_weight, first = heapq.heappop(heap)
        second_weight, second = heap[0]
        parents[first] = parents[second] = node
        heapq.heapreplace(heap, (first_weight + second_weight, node))
    depths = [0] * (2 * symbols - 1)
    for node in range(2 * symbols - 3, -1, -1):
        depths[node] = depths[parents[node]] + 1
    return depths[:symbols]


@dataclass(frozen=True, eq=False)
class HuffmanCode:
    """Codewords in order of length, then symbol number. ``first_codes`` and ``first_ranks`` are indexed by length."""

    lengths: Lengths
    codes: npt.NDArray[np.int64]
    first_codes: npt.NDArray[np.int64]
    first_ranks: npt.NDArray[np.int64]
    symbols: npt.NDArray[np.int64]

    @classmethod
    def from_lengths(cls, lengths: Lengths) -> HuffmanCode:
        """Raises FormatError where a length is not 1 .. MAX_CODE_BITS or there are more codewords than exist."""
        if lengths.size == 0 or int(lengths.min()) < 1 or int(lengths.max()) > MAX_CODE_BITS:
            raise FormatError(f"codeword lengths must be 1 to {MAX_CODE_BITS} bits")
        per_length = np.bincount(lengths, minlength=MAX_CODE_BITS + 2)
        first_codes = np.zeros(MAX_CODE_BITS + 2, np.int64)
        first_ranks = np.zeros(MAX_CODE_BITS + 2, np.int64)
        for length in range(1, MAX_CODE_BITS + 2):
            first_codes[length] = 2 * (first_codes[length - 1] + per_length[length - 1])
            first_ranks[length] = first_ranks[length - 1] + per_length[length - 1]
            if first_codes[length] + per_length[length] > 1 << length:
                raise FormatError("codeword lengths break Kraft's inequality")
        symbols = np.argsort(lengths, kind="stable").astype(np.int64)
        ordered = lengths[symbols]
        codes = np.empty(lengths.size, np.int64)
        codes[symbols] = first_codes[ordered] + np.arange(lengths.size) - first_ranks[ordered]
        return cls(lengths, codes, first_codes, first_ranks, symbols)
