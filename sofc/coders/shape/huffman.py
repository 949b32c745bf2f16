"""Canonical Huffman codes of at most MAX_CODE_BITS bits, kept as lengths alone (Spec shape/codes)."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.jit.types import Vector

MAX_CODE_BITS = 24

Lengths = npt.NDArray[np.int64]


def code_lengths(counts: npt.NDArray[np.int64]) -> Lengths:
    """Lengths (1 .. MAX_CODE_BITS) of a Huffman code for symbols with these counts; counts below 1 are taken as 1.

    Where the code would be too deep, all counts are halved (rounded up) until it is not.
    """
    weights = [max(1, int(count)) for count in counts]
    while True:
        lengths = np.maximum(_depths(weights), 1)
        if int(lengths.max()) <= MAX_CODE_BITS:
            return lengths
        weights = [(weight + 1) >> 1 for weight in weights]


def _depths(weights: list[int]) -> Lengths:
    """How deep each symbol lies in the tree: nodes are numbered as they are made, parents after their children."""
    heap = [(weight, symbol) for symbol, weight in enumerate(weights)]
    heapq.heapify(heap)
    root = 2 * len(weights) - 2
    parents = [0] * root
    for node in range(len(weights), root + 1):
        first_weight, first = heapq.heappop(heap)
        second_weight, second = heap[0]
        parents[first] = parents[second] = node
        heapq.heapreplace(heap, (first_weight + second_weight, node))
    depths = np.zeros(root + 1, np.int64)
    for node in range(root - 1, -1, -1):
        depths[node] = depths[parents[node]] + 1
    return depths[: len(weights)]


class HuffmanCode(NamedTuple):
    """Codewords in order of length, then symbol."""

    lengths: Vector[np.int64]
    """Bits of each symbol's codeword, 1 to MAX_CODE_BITS."""
    codes: Vector[np.int64]
    """Each symbol's codeword."""
    first_codes: Vector[np.int64]
    first_ranks: Vector[np.int64]
    """(MAX_CODE_BITS + 2,) each: the first codeword of n bits, and its place among all; the entry n + 1 tells where
    those of n bits end."""
    symbols: Vector[np.int64]
    """The symbols in the order of their codewords."""

    @classmethod
    def from_lengths(cls, lengths: Lengths) -> HuffmanCode:
        """Raises FormatError where a length is not 1 .. MAX_CODE_BITS or there are more codewords than exist."""
        if lengths.size == 0 or int(lengths.min()) < 1 or int(lengths.max()) > MAX_CODE_BITS:
            raise FormatError(f"codeword lengths must be 1 to {MAX_CODE_BITS} bits")
        per_length = np.bincount(lengths, minlength=MAX_CODE_BITS + 2)
        first_codes = np.zeros(MAX_CODE_BITS + 2, np.int64)
        first_ranks = np.cumsum(per_length) - per_length
        for length in range(1, MAX_CODE_BITS + 2):
            first_codes[length] = 2 * (first_codes[length - 1] + per_length[length - 1])
            if first_codes[length] + per_length[length] > 1 << length:
                raise FormatError("codeword lengths break Kraft's inequality")
        symbols = np.argsort(lengths, kind="stable").astype(np.int64)
        ordered = lengths[symbols]
        codes = np.empty(lengths.size, np.int64)
        codes[symbols] = first_codes[ordered] + np.arange(lengths.size) - first_ranks[ordered]
        return cls(np.ascontiguousarray(lengths), codes, first_codes, first_ranks, symbols)
