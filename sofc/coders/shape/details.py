"""The detail layer: the low bits of each residual, coded by adaptive tables that its neighbours choose between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import kernel_details as kernel
from sofc.entropy.binary import Coding
from sofc.planes import Plane

OWN_PLACES = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
"""Rows down and columns right of the neighbours in the plane itself that a sample's activity is made of."""
REFERENCE_PLACES = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
"""The same in each plane coded before."""

MAX_RESIDUAL = (1 << 18) - 1
MAX_SPLIT, MAX_WEIGHT = 11, 1 << 10
HALF_OCTAVE_BITS = 10
"""Of the activity of half an octave: 8 sixteenths of an octave times 128."""
LEAST, SEEN = 20000, 6
"""Bit models start as if they had seen SEEN bits, at a probability of at least LEAST, in 1/65536: edges in quiet places
are far larger than residuals there are usually. Fashion-MNIST's images, one by one, take 6 % more with all neutral."""
IN_SHAPE_LAYER = 0.001
"""Samples that are left to the shape layer, at most: there one costs some 16 bits."""


@dataclass(frozen=True, eq=False)
class DetailModel:
    """How the low ``split`` bits of each residual are coded.

    ``weights`` (int32): of OWN_PLACES, then of REFERENCE_PLACES for each of ``references`` planes coded before, the
    nearest first, in 1/128: the weighted sum of magnitudes is the activity.
    """

    split: int
    weights: npt.NDArray[np.int32]

    @property
    def references(self) -> int:
        """How many planes coded before take part."""
        return (self.weights.size - len(OWN_PLACES)) // len(REFERENCE_PLACES)


def half_octaves(split: int) -> int:
    """How many half octaves of residuals a level is."""
    return 1 if split < 8 else 2


def levels_of(split: int) -> int:
    """How many levels there are above the first."""
    return (2 * split + 2) // half_octaves(split)


@cache
def starts_of(split: int) -> npt.NDArray[np.uint32]:
    """What the bit models of all tables start with, 2**split each: low parts are to fall geometrically, of a level from
    what it is to expect."""
    step = half_octaves(split)
    # Means in 256ths; between two octaves on a straight line, and an eighth for the quietest level.
    means = [((2 + level % 2) << (7 + level // 2)) - 256 for level in range(step, 2 * split + 2 + step, step)]
    chances = np.concatenate([_falling(mean, split) for mean in [32, *means, 256 << split]])
    return np.asarray(np.maximum(chances, LEAST) << 16 | SEEN, np.uint32)


def _falling(mean: int, split: int) -> npt.NDArray[np.int64]:
    """The probabilities of low parts' bit models (2**split,) that fall by the factor mean / (mean + 256)."""
    # Of any low part it is as probable that there is 1 more, 2 more, 4 more.
    more = [65536 * mean // (mean + 256)]
    for _ in range(split - 1):
        more.append(more[-1] ** 2 >> 16)
    p = np.full(1 << split, more[0], np.int64)
    for place, probability in enumerate(more[: split - 1]):
        p[1 << place] = probability
        for digits in range(place + 2, split + 1):
            node, highest = 1 << (digits - 2 - place), 1 << (digits - 1)
            p[highest + node : highest + 2 * node] = 65536 * probability // (65536 + probability)
    return p


def split_for(sizes: npt.NDArray[np.int64]) -> int:
    """The split that leaves few samples to the shape layer, where so many residuals have no bits, one bit and so on."""
    ordinary = np.searchsorted(np.cumsum(sizes), (1 - IN_SHAPE_LAYER) * int(sizes.sum()))
    return min(MAX_SPLIT, max(1, int(ordinary)))


def sizes_of(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many residuals have no bits, one bit and so on, (32,), where each of them occurs so often."""
    sizes = np.zeros(32, np.int64)
    starts = [0, *(1 << bits for bits in range((counts.size - 1).bit_length()))]
    sizes[: len(starts)] = np.add.reduceat(counts, starts)
    return sizes


@cache
def magnitude_scale() -> npt.NDArray[np.int32]:
    """The magnitude of each residual in zigzag order up to MAX_RESIDUAL: 16 log2(1 + residual), straight between powers
    of two."""
    values = np.arange(MAX_RESIDUAL + 1)
    octaves = np.frexp(values + 1.0)[1] - 1
    return np.asarray(16 * octaves + ((16 * (values + 1 - (1 << octaves))) >> octaves), np.int32)


def magnitudes_of(zigzag: Plane) -> Plane:
    """Magnitudes of a plane's residuals with zeros around."""
    return np.pad(magnitude_scale()[zigzag], ((kernel.TOP, kernel.BOTTOM), (kernel.SIDE, kernel.SIDE)))


def moved(magnitudes: Plane, down: int, right: int) -> Plane:
    """The magnitude so far down and to the right of each sample."""
    rows, width = magnitudes.shape[0] - kernel.TOP - kernel.BOTTOM, magnitudes.shape[1] - 2 * kernel.SIDE
    top, left = kernel.TOP + down, kernel.SIDE + right
    return magnitudes[top : top + rows, left : left + width]


def code_details(coding: Coding, zigzag: Plane, detail: DetailModel, references: Sequence[Plane]) -> Plane:
    """Write the low parts, or add them to ``zigzag``, which then holds the high parts in their place. Returns the
    plane's padded magnitudes; ``references``: those of planes coded before, the nearest first."""
    activity = np.zeros(zigzag.shape, np.int32)
    others = detail.weights[len(OWN_PLACES) :].reshape(-1, len(REFERENCE_PLACES))
    for weights, reference in zip(others, references[: detail.references], strict=True):
        for weight, place in zip(weights, REFERENCE_PLACES, strict=True):
            activity += weight * moved(reference, *place)
    magnitudes = np.zeros((len(zigzag) + kernel.TOP + kernel.BOTTOM, zigzag.shape[1] + 2 * kernel.SIDE), np.int32)
    level_bits = HALF_OCTAVE_BITS + half_octaves(detail.split) - 1
    around = kernel.Neighbourhood(magnitudes, detail.weights, activity, level_bits, levels_of(detail.split))
    layer = kernel.Layer(around, magnitude_scale(), detail.split, starts_of(detail.split).copy())
    kernel.code_details(coding.encodes, zigzag, layer, coding.stream)
    return magnitudes
