"""What trained models start with: the bits they saw in past images, counting the more the better images agree.

A model that starts at probability p as if it had seen s bits codes an image's bits about as a beta-binomial model
with s + 0.6 bits of prior evidence at p does (empirical Bayes). Going through the images in turn, each is coded in
thought from what those before it say, under every s that sections can keep, and from a neutral model. A model is
worth what its best s saves. Few images say little about a single model, so that models alike (same context, same
node, seen about as often) vote along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.bit_models import EVIDENCES, MOST_SEEN, SEEN_BITS, SEEN_MASK, Integers, Symbols, TrainedModels

Floats = npt.NDArray[np.float32]

START = 0.6
"""Bits of evidence, half of them ones, that a neutral model behaves as if it had: it moves by 1 / (seen + 1.6)."""
FOLDS = 2
ALIKE = 10.0
"""How many images of its own outweigh what models alike say."""
ORDERS = 12
"""Models are alike where what they saw has the same logarithm, below this."""
TOGETHER = 1 << 22
"""Models that are looked at together at most: more would take more memory."""


class Starts(NamedTuple):
    """Symbols of what models start with, 0 where neutral, as ``TrainedModels.pack`` takes them.

    ``symbols`` (models,): known from all images; ``gains`` (models,): bits that they save. ``folds``:
    the same known only from images of the other fold, to practise with.
    """

    symbols: Symbols
    gains: Floats
    folds: tuple[Symbols, ...]

    def worth(self, least: float) -> Starts:
        """Only those that save so many bits."""
        kept = self.gains >= least
        return Starts(self.symbols * kept, self.gains, tuple(fold * kept for fold in self.folds))

    def at_most(self, evidence: int) -> Starts:
        """The same, but as if none had seen more bits than number ``evidence`` of ``TrainedModels.seen``."""
        known = self.symbols, *self.folds
        symbols, *folds = (np.where(one > 0, _surest(one, evidence), one) for one in known)
        return Starts(symbols, self.gains, tuple(folds))


LEAST_GAINS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512)
"""Bits that a trained model must save to be kept: the first of these that stays within the budget."""


def least_gain(planes: Sequence[Starts], pack: Callable[[int, Symbols], bytes], budget: int) -> tuple[int, list[bytes]]:
    """The first of LEAST_GAINS by which all planes' models take no more than ``budget`` bytes, else the last; packed.

    ``pack``: packs the symbols of the plane of a number.
    """
    for least in LEAST_GAINS:
        packed = [pack(number, starts.worth(least).symbols) for number, starts in enumerate(planes)]
        if sum(map(len, packed)) <= budget:
            break
    return least, packed


class _Counted(NamedTuple):
    """What models saw that started neutral: the numbers of those that saw any, how many bits, how many ones."""

    touched: Integers
    seen: Integers
    ones: Integers

    @classmethod
    def of(cls, models: npt.NDArray[np.uint32]) -> _Counted:
        """Read off the models."""
        touched = np.flatnonzero(models & SEEN_MASK)
        seen = (models[touched] & SEEN_MASK).astype(np.int64)
        probability = (models[touched] >> SEEN_BITS) / (1 << 22)
        ones = np.clip(np.rint(probability * (seen + START) - START / 2), 0, seen).astype(np.int64)
        return cls(touched, seen, ones)


class History:
    """What the models of a plane saw, image by image; every FOLDS-th, from each of the first, make a fold.

    ``starts`` (contexts + 1,): where each context's models begin, and where the last one's end.
    """

    def __init__(self, starts: Integers, models: TrainedModels) -> None:
        size = int(starts[-1])
        cells = (len(starts) - 1) * ORDERS * models.block
        self._models = models
        self._code_lengths = CodeLengths(models)
        self._ends = starts[1:]
        self._images = 0
        self._seen = np.zeros((FOLDS, size), np.float32)
        self._ones = np.zeros((FOLDS, size), np.float32)
        self._lengths = np.zeros((1 + EVIDENCES, size), np.float32)
        self._alike = np.zeros((1 + EVIDENCES, cells), np.float64)
        self._voters = np.zeros(cells, np.int64)

    def add(self, parts: Sequence[npt.NDArray[np.uint32]]) -> None:
        """Take in an image: for each of its parts the models, (models,), which started neutral."""
        counted = [_Counted.of(models) for models in parts]
        for touched, seen, ones in counted:
            before = self._seen[:, touched].sum(axis=0)
            predicted = self._probability(self._ones[:, touched].sum(axis=0), before)
            known = before > 0
            cells = self._cells(touched, before)[known]
            self._voters += np.bincount(cells, minlength=len(self._voters))
            for start in range(1 + EVIDENCES):
                lengths = self._code_lengths(np.where(known, start, 0), predicted, ones, seen)
                self._lengths[start, touched] += lengths
                self._alike[start] += np.bincount(cells, lengths[known], minlength=len(self._voters))
        fold = self._images % FOLDS
        for touched, seen, ones in counted:
            self._seen[fold, touched] += seen
            self._ones[fold, touched] += ones
        self._images += 1

    def _cells(self, touched: Integers, seen: Floats) -> Integers:
        """Numbers that models alike share."""
        context = np.searchsorted(self._ends, touched, side="right")
        order = np.minimum(ORDERS - 1, np.log2(np.maximum(1, seen))).astype(np.int64)
        bins = self._models.block
        cells: Integers = (context * ORDERS + order) * bins + touched % bins
        return cells

    def _probability(self, ones: Floats, seen: Floats) -> Integers:
        """The numbers of the probabilities nearest to the shares of ones, START bits of evidence among them."""
        return self._models.nearest((ones + START / 2) / (seen + START))

    def starts(self) -> Starts:
        """What the models of further images should start with."""
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
            probability = self._probability(ones.sum(axis=0), seen.sum(axis=0))
            symbols[touched] = np.where(paid, _symbol(probability, best), 0)
            for fold in range(FOLDS):
                others = seen.sum(axis=0) - seen[fold]
                probability = self._probability(ones.sum(axis=0) - ones[fold], others)
                folds[fold][touched] = np.where(paid & (others > 0), _symbol(probability, best), 0)
        return Starts(symbols, gains, folds)


def _symbol(probability: Integers, evidence: Integers) -> Symbols:
    return (1 + EVIDENCES * probability + evidence).astype(np.uint8)


def _surest(symbols: Symbols, evidence: int) -> Symbols:
    """Symbols of trained models with at most this age."""
    evidences = (symbols - 1) % EVIDENCES
    return (symbols - evidences + np.minimum(evidences, evidence)).astype(np.uint8)


class CodeLengths:
    """Bits that an image's bits take, ``ones`` of ``seen`` of them 1, if a model starts at a probability of a number.

    ``start``: 0 for a neutral model, whatever its probability, then one more than the number of what it has seen.
    """

    def __init__(self, models: TrainedModels) -> None:
        shares = np.tile(models.probabilities / 65536, (1 + EVIDENCES, 1))
        shares[0] = 0.5
        evidence = np.array([START, *(models.seen + START)])
        self._ones = _rising(evidence[:, np.newaxis] * shares)
        self._zeros = _rising(evidence[:, np.newaxis] * (1 - shares))
        self._bits = _rising(evidence)

    def __call__(self, start: Integers, p: Integers, ones: Integers, seen: Integers) -> npt.NDArray[np.float64]:
        """All of one shape; ``p``: numbers of probabilities."""
        zeros = self._zeros[start, p, seen - ones]
        lengths: npt.NDArray[np.float64] = self._bits[start, seen] - self._ones[start, p, ones] - zeros
        return lengths


def _rising(first: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logarithms of rising factorials: [..., n] is log2(first (first + 1) .. (first + n - 1))."""
    factors = first[..., np.newaxis] + np.arange(MOST_SEEN)
    zero = np.zeros((*first.shape, 1))
    return np.concatenate([zero, np.cumsum(np.log2(factors), axis=-1)], axis=-1)
