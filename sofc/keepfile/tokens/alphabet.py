"""The alphabets of deflate data (RFC 1951), and tokens as one integer each.

A token is 0 for a literal, otherwise ``length << 15 | distance - 1``. Length 258 has two codes: ``LONG_WAY`` stands for
the one with extra bits, which no usual encoder writes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STORED, FIXED, DYNAMIC = range(3)
"""Types of blocks."""
WINDOW = 1 << 15
SHORTEST, LONGEST, LONG_WAY = 3, 258, 259
LITERALS, END = 256, 256
LENGTH_CODES, DISTANCE_CODES, RUN_CODES = 286, 30, 19
"""Symbols of literals, end of block and lengths; of distances; of code lengths."""
FIXED_CODES = 288
MOST_BITS = 15
"""Bits of the longest code."""
COPY, SHORT_ZEROS, LONG_ZEROS = 16, 17, 18
"""The symbols that stand for runs of code lengths; those before are code lengths."""

Integers = npt.NDArray[np.int32]


def _bases(extra: list[int], first: int) -> Integers:
    """The least number of each symbol, from how many extra bits each has."""
    sizes = np.left_shift(1, extra)
    return (first + np.cumsum(sizes) - sizes).astype(np.int32)


_LENGTH_EXTRA = [max(0, (code - 4) // 4) for code in range(28)]
_DISTANCE_EXTRA = [max(0, (code - 2) // 2) for code in range(DISTANCE_CODES)]
LENGTH_EXTRA: Integers = np.array([*_LENGTH_EXTRA, 0], np.int32)
LENGTH_BASE: Integers = np.append(_bases(_LENGTH_EXTRA, SHORTEST), LONGEST).astype(np.int32)
DISTANCE_EXTRA: Integers = np.array(_DISTANCE_EXTRA, np.int32)
DISTANCE_BASE: Integers = _bases(_DISTANCE_EXTRA, 1)
LENGTH_CODE: Integers = np.repeat(np.arange(29), [*np.left_shift(1, _LENGTH_EXTRA[:-1]), 31, 1]).astype(np.int32)
"""The code of a length, less 257, by length - SHORTEST."""
LENGTH_CODE = np.append(LENGTH_CODE, 27).astype(np.int32)  # LONG_WAY
_BY_DISTANCE = np.repeat(np.arange(DISTANCE_CODES), np.left_shift(1, _DISTANCE_EXTRA))
NEAR = 256
DISTANCE_CODE: Integers = np.concatenate([_BY_DISTANCE[:NEAR], _BY_DISTANCE[::128]]).astype(np.int32)
"""The code of a distance: entry distance - 1 below NEAR, else NEAR + (distance - 1 >> 7)."""
RUN_ORDER: Integers = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int32)
"""The symbols of code lengths in the order in which their own lengths are written."""
RUN_EXTRA: Integers = np.array([2, 3, 7], np.int32)
RUN_LEAST: Integers = np.array([3, 3, 11], np.int32)
"""Extra bits and shortest run of COPY, SHORT_ZEROS and LONG_ZEROS."""
FIXED_LENGTHS: npt.NDArray[np.uint8] = np.repeat([8, 9, 7, 8], [144, 112, 24, 8]).astype(np.uint8)
