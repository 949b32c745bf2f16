"""What training the static coder counts, pass by pass, once its banks are known; each task runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.bank_training import BankCoder, Found, detect_grid, shifted
from sofc.coders.static import kernel
from sofc.coders.static.coder import trace_image
from sofc.coders.static.model import Prediction, levels_of, taps
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank

Integers = npt.NDArray[np.int64]

SIZES = 28
"""Columns of the survey: magnitudes 0 to 7, then 4 + their bits."""
WIDEST = 300
"""Magnitudes up to this are counted one by one."""


class StaticBank(BankCoder[Prediction]):
    """The bank as it is trained."""

    prior = 1e-5
    # At 1e-4, as context has it, files of DRIVE, BCCD and CT heads took 0.03 to 0.5 % more.
    first_row = False

    def taps(self, references: int) -> Integers:
        """Those of TAPS_OF_BANK, and the constant."""
        return np.append(kernel.TAPS_OF_BANK[: taps(references) - 1], bank.taps(references) - 1)

    def tied(self, references: int) -> list[tuple[int, int]]:
        """Own taps and those of each reference."""
        groups = [(0, kernel.P), (kernel.P, kernel.Q), (kernel.Q, kernel.Q + kernel.SECOND_TAPS)]
        return groups[: 1 + references]

    def activities(self, plane: Plane) -> Integers:
        """Activities in the two rows above, but for borders."""
        plane = plane.astype(np.int64)
        n, nw, ne = plane[1:-1, 1:-1], plane[1:-1, :-2], plane[1:-1, 2:]
        nn, nnw = plane[:-2, 1:-1], plane[:-2, :-2]
        result: Integers = np.abs(n - nw) + np.abs(n - ne) + np.abs(n - nn) + np.abs(nw - nnw)
        return result

    def trace(
        self, planes: Sequence[Plane], predictions: Sequence[Prediction], ranges: Sequence[PlaneRange], grid: int
    ) -> list[Found]:
        """Predict all samples of an image's planes, which start at zero."""
        return trace_image(planes, predictions, ranges, grid)


@dataclass(frozen=True)
class Survey:
    """Sixth pass: how large residuals are by expected error and fraction."""

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram (EXPECTED, FRACTIONS, SIZES)."""
        result = [np.zeros((bank.EXPECTED, kernel.FRACTIONS, SIZES), np.int64) for _ in self.ranges]
        for planes in shifted(images, self.ranges):
            traced = trace_image(planes, self.predictions, self.ranges, detect_grid(planes[0]))
            for histogram, found in zip(result, traced, strict=True):
                cells, residuals, _ = _rounded(*found)
                sizes = np.minimum(np.abs(residuals), 7)
                large = np.abs(residuals) >= 8
                sizes[large] = 4 + np.floor(np.log2(np.abs(residuals[large]))).astype(np.int64) + 1
                _count(histogram, cells * SIZES + sizes)
        return result


@dataclass(frozen=True)
class Count:
    """Last pass: magnitudes by cell, low bits taken off; the largest and smallest column are for those beyond.

    ``edges`` (levels - 1,) and ``low_bits`` (levels,) say for each plane where levels start and their low bits.
    """

    ranges: tuple[PlaneRange, ...]
    predictions: tuple[Prediction, ...]
    edges: tuple[Integers, ...]
    low_bits: tuple[Integers, ...]

    def collect(self, images: Iterator[list[Plane]]) -> list[Integers]:
        """For each plane a histogram (levels * CELLS, 2 * WIDEST + 1)."""
        result = [np.zeros((len(low_bits) * kernel.CELLS, 2 * WIDEST + 1), np.int64) for low_bits in self.low_bits]
        for planes in shifted(images, self.ranges):
            traced = trace_image(planes, self.predictions, self.ranges, detect_grid(planes[0]))
            for histogram, edges, low_bits, found in zip(result, self.edges, self.low_bits, traced, strict=True):
                cells, residuals, sides = _rounded(*found)
                levels = levels_of(edges)[cells // kernel.FRACTIONS]
                high = np.clip(residuals >> low_bits[levels], -WIDEST, WIDEST) + WIDEST
                cells = (levels * kernel.FRACTIONS + cells % kernel.FRACTIONS) * kernel.SIDES + sides
                _count(histogram, cells * histogram.shape[1] + high)
        return result


def _count(histogram: Integers, cells: Integers) -> None:
    histogram += np.bincount(cells, minlength=histogram.size).reshape(histogram.shape)


def _rounded(around: bank.Neighbourhood, traced: bank.Traced) -> tuple[Integers, Integers, Integers]:
    """Of each sample expected error * FRACTIONS + fraction, the mirrored residual, and on which sides of the rounded
    prediction W and N stand, as the kernels see it."""
    own, fine, pad = around.plane.astype(np.int64), traced.fine.astype(np.int64), bank.PAD
    own[pad - 1] = own[pad, 0]  # before the first row was known, the middle stood above it as it does to its left
    mu = (fine + (1 << (bank.FRACTION_BITS - 1))) >> bank.FRACTION_BITS
    offset = fine - (mu << bank.FRACTION_BITS)
    residuals = bank.inside(own) - mu
    cells = traced.expected * np.int64(kernel.FRACTIONS) + np.where(offset < 0, -1 - offset, offset)
    side = 3 * np.sign(own[pad:-pad, pad - 1 : -pad - 1] - mu) + np.sign(own[pad - 1 : -pad - 1, pad:-pad] - mu)
    mirror = np.where(offset < 0, -1, 1)
    return cells.ravel(), (mirror * residuals).ravel(), (4 + mirror * side).ravel()
