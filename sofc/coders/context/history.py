"""What trained counters start with: the bits they saw in past images, counting the more the better images agree.

A counter that starts at probability p as if it had seen s bits codes an image's bits about as a beta-binomial model
with s + 0.6 bits of prior evidence at p does (empirical Bayes). Going through the images in turn, each is coded in
thought from what those before it say, under every s that sections can keep, and from a neutral counter. A counter is
worth what its best s saves. Few images say little about a single counter, so that counters alike (same context, same
node, seen about as often) vote along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.context.section import CHANCES, SEEN
from sofc.kernels import mixing

Symbols = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

START = 0.6
"""Bits of evidence, half of them ones, that a neutral counter behaves as if it had: it moves by 1 / (seen + 1.6)."""
FOLDS = 2
ALIKE = 10.0
"""How many images of its own outweigh what counters alike say."""
AGES = 12
"""Counters are alike where what they saw has the same logarithm, below this."""
TOGETHER = 1 << 22
"""Counters that are looked at together at most: more would take more memory."""


class Starts(NamedTuple):
    """Symbols of what counters start with, 0 where neutral, as ``section.pack_counters`` takes them.

    ``symbols`` (counters,): known from all images; ``gains`` (counters,): bits that they save. ``folds``:
    the same known only from images of the other fold, to practise with.
    """

    symbols: Symbols
    gains: Floats
    folds: tuple[Symbols, ...]

    def worth(self, least: float) -> Starts:
        """Only those that save so many bits."""
        kept = self.gains >= least
        return Starts(self.symbols * kept, self.gains, tuple(fold * kept for fold in self.folds))


class _Counted(NamedTuple):
    """What counters saw that started neutral: the numbers of those that saw any, how many bits, how many ones."""

    touched: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    ones: npt.NDArray[np.int64]

    @classmethod
    def of(cls, counters: npt.NDArray[np.uint32]) -> _Counted:
        """Read off the counters."""
        touched = np.flatnonzero(counters & 1023)
        seen = (counters[touched] & 1023).astype(np.int64)
        chance = (counters[touched] >> 10) / (1 << 22)
        ones = np.clip(np.rint(chance * (seen + START) - START / 2), 0, seen).astype(np.int64)
        return cls(touched, seen, ones)


class History:
    """What the counters of a plane saw, image by image; those of even and of odd number apart."""

    def __init__(self, blocks: npt.NDArray[np.int64]) -> None:
        size = int(blocks[-1]) * mixing.BLOCK
        cells = (len(blocks) - 1) * AGES * mixing.BLOCK
        self._ends = blocks[1:] * mixing.BLOCK
        self._images = 0
        self._seen = np.zeros((FOLDS, size), np.float32)
        self._ones = np.zeros((FOLDS, size), np.float32)
        self._lengths = np.zeros((len(_EVIDENCE), size), np.float32)
        self._alike = np.zeros((len(_EVIDENCE), cells), np.float64)
        self._voters = np.zeros(cells, np.int64)

    def add(self, parts: Sequence[npt.NDArray[np.uint32]]) -> None:
        """Take in an image: for each of its parts the counters, (counters,), which started neutral."""
        counted = [_Counted.of(counters) for counters in parts]
        for touched, seen, ones in counted:
            before = self._seen[:, touched].sum(axis=0)
            foretold = _chance(self._ones[:, touched].sum(axis=0), before)
            known = before > 0
            cells = self._cells(touched, before)[known]
            self._voters += np.bincount(cells, minlength=len(self._voters))
            for start in range(len(_EVIDENCE)):
                lengths = code_lengths(np.where(known, start, 0), foretold, ones, seen)
                self._lengths[start, touched] += lengths
                self._alike[start] += np.bincount(cells, lengths[known], minlength=len(self._voters))
        fold = self._images % FOLDS
        for touched, seen, ones in counted:
            self._seen[fold, touched] += seen
            self._ones[fold, touched] += ones
        self._images += 1

    def _cells(self, touched: npt.NDArray[np.int64], seen: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """Numbers that counters alike share."""
        context = np.searchsorted(self._ends, touched, side="right")
        age = np.minimum(AGES - 1, np.log2(np.maximum(1, seen))).astype(np.int64)
        cells: npt.NDArray[np.int64] = (context * AGES + age) * mixing.BLOCK + touched % mixing.BLOCK
        return cells

    def starts(self) -> Starts:
        """What the counters of further images should start with."""
        size = self._seen.shape[1]
        symbols = np.zeros(size, np.uint8)
        gains = np.zeros(size, np.float32)
        folds = tuple(np.zeros(size, np.uint8) for _ in range(FOLDS))
        votes = ALIKE * self._alike / np.maximum(1, self._voters)
        all_touched = np.flatnonzero(self._seen.any(axis=0))
        for first in range(0, len(all_touched), TOGETHER):
            touched = all_touched[first : first + TOGETHER]
            seen, ones = self._seen[:, touched], self._ones[:, touched]
            lengths = self._lengths[:, touched] + votes[:, self._cells(touched, seen.sum(axis=0))]
            best = lengths[1:].argmin(axis=0)
            gains[touched] = lengths[0] - lengths[1:].min(axis=0)
            paid = gains[touched] > 0
            symbols[touched] = np.where(paid, _symbol(_chance(ones.sum(axis=0), seen.sum(axis=0)), best), 0)
            for fold in range(FOLDS):
                others = seen.sum(axis=0) - seen[fold]
                chance = _chance(ones.sum(axis=0) - ones[fold], others)
                folds[fold][touched] = np.where(paid & (others > 0), _symbol(chance, best), 0)
        return Starts(symbols, gains, folds)


_EVIDENCE = np.array([START, *(SEEN + START)])
"""Bits of evidence of a neutral counter, then of those that sections can keep."""


def _symbol(chance: npt.NDArray[np.int64], seen: npt.NDArray[np.int64]) -> Symbols:
    return (1 + len(SEEN) * chance + seen).astype(np.uint8)


def _chance(ones: npt.NDArray[np.float32], seen: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Which of CHANCES is nearest to the share of ones."""
    places: npt.NDArray[np.int64] = np.searchsorted(_BETWEEN, (ones + START / 2) / (seen + START))
    return places


def _between() -> npt.NDArray[np.float64]:
    """The borders between CHANCES, as shares: halfway where stretched."""
    odds = np.log(CHANCES / (65536 - CHANCES))
    return 1 / (1 + np.exp(-(odds[:-1] + odds[1:]) / 2))


_BETWEEN = _between()


def _rising(first: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logarithms of rising factorials: [..., n] is log2(first (first + 1) .. (first + n - 1))."""
    factors = first[..., np.newaxis] + np.arange(mixing.COUNT_LIMIT)
    zero = np.zeros((*first.shape, 1))
    return np.concatenate([zero, np.cumsum(np.log2(factors), axis=-1)], axis=-1)


def _tables() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    shares = np.tile(CHANCES / 65536, (len(_EVIDENCE), 1))
    shares[0] = 0.5
    evidence = _EVIDENCE[:, np.newaxis]
    return _rising(evidence * shares), _rising(evidence * (1 - shares)), _rising(_EVIDENCE)


_ONES, _ZEROS, _BITS = _tables()


def code_lengths(
    start: npt.NDArray[np.int64],
    chance: npt.NDArray[np.int64],
    ones: npt.NDArray[np.int64],
    seen: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Bits that an image's bits take, ``ones`` of ``seen`` of them 1, if the counter starts at CHANCES[chance].

    ``start``: 0 for a neutral counter, whatever its chance, then one more than the number of what it has seen in SEEN.
    """
    lengths: npt.NDArray[np.float64] = (
        _BITS[start, seen] - _ONES[start, chance, ones] - _ZEROS[start, chance, seen - ones]
    )
    return lengths
