"""The shape coder without a codebook: parameters that follow from one number in front of each stream."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sofc.coders.base import PlaneCoder
from sofc.coders.partition import ideal_bits
from sofc.coders.shape.details import ContextModel, DetailModel
from sofc.coders.shape.kernel_predict import GAP, MED, NONE, Prediction, to_residuals
from sofc.coders.shape.parameters import PlaneParameters, ShapeModel, ShapeSet
from sofc.coders.shape.plane import decode_plane, encode_zigzag
from sofc.entropy.bit_models import EVIDENCES, Symbols
from sofc.entropy.mixture import PROBABILITIES
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

SPLITS = 11
"""Neutral parameters have a split of 1 to SPLITS bits."""

SHIFTS = 9
"""Variants with GAP prediction: a shift of 0 to SHIFTS - 1."""

VARIANTS = SHIFTS + 2

# Of west, north, northwest, northeast, second west, second north, in 128ths.
WEIGHTS = (40, 40, 16, 16, 8, 8)

EVIDENCE = 1
"""Bit models start as if they had seen so many bits: number EVIDENCE of ``TRAINED.seen``."""

LEAST = 20000
"""Probability, in 1/65536, that none starts below: edges in quiet places are far larger than residuals there are
usually. Without it Fashion-MNIST's images, one by one, take 9 % more; all models neutral, 7 %."""

HALF_OCTAVE = 1024
"""Activity of half an octave: 8 sixteenths of an octave times 128."""


@lru_cache(maxsize=VARIANTS * SPLITS)
def neutral_parameters(number: int) -> PlaneParameters:
    """Neutral parameters ``number`` = variant * SPLITS + split - 1; a FormatError where there are none.

    Variant 0 is MED, 1 to SHIFTS GAP with a shift of variant - 1, the last no prediction. Levels are half an octave of
    expected residual, one octave from 8 bits on; low parts of a level are to fall geometrically from a mean of
    2**octaves - 1.
    """
    variant, split = divmod(number, SPLITS)
    split += 1
    if not 0 <= variant < VARIANTS:
        raise FormatError(f"there are no neutral shape parameters {number}")
    mode = MED if variant == 0 else GAP if variant <= SHIFTS else NONE
    shift = variant - 1 if mode == GAP else 0
    step = 1 if split < 8 else 2
    thresholds = HALF_OCTAVE * np.arange(0, 2 * split + 2, step) + HALF_OCTAVE * step // 2
    contexts = ContextModel(True, np.array(WEIGHTS, np.int32), thresholds.astype(np.int32))
    # Means in 256ths; between two octaves on a straight line, and an eighth for the quietest level.
    means = [32] + [((2 + level % 2) << (7 + level // 2)) - 256 for level in range(step, 2 * split + 2 + step, step)]
    symbols = np.concatenate([_falling(mean, split) for mean in [*means, 256 << split]])
    detail = DetailModel(split, contexts, symbols)
    return PlaneParameters(Prediction(mode, shift), ShapeModel(ShapeSet.of([]), np.ones(1, np.int64), 0), detail)


def _falling(mean: int, split: int) -> Symbols:
    """What the bit models of low parts (2**split,) start with that fall by the factor mean / (mean + 256)."""
    # Of any low part it is as probable that there is 1 more, 2 more, 4 more.
    more = [65536 * mean // (mean + 256)]
    for _ in range(split - 1):
        more.append(more[-1] ** 2 >> 16)
    p = np.full(1 << split, more[0], np.int64)
    for place, probability in enumerate(more[: split - 1]):
        p[1 << place] = probability
        for digits in range(place + 2, split + 1):
            node = 1 << (digits - 2 - place)
            highest = 1 << (digits - 1)
            p[highest + node : highest + 2 * node] = 65536 * probability // (65536 + probability)
    p = np.maximum(p, LEAST)
    nearest = np.searchsorted(PROBABILITIES[1:] + PROBABILITIES[:-1], 2 * p, side="right")
    return (1 + EVIDENCES * nearest + EVIDENCE).astype(np.uint8)


class Chosen(NamedTuple):
    """Neutral parameters, and what a plane is under their prediction."""

    number: int
    zigzag: Plane


def choose_number(plane: Plane, span: PlaneRange, image_rows: int) -> Chosen:
    """The neutral parameters that should suit a plane: the encoder's guess from histograms."""
    if span.high - span.low == 1:
        return Chosen((VARIANTS - 1) * SPLITS, to_residuals(plane, span, Prediction(NONE, 0), image_rows))
    plain = to_residuals(plane, span, Prediction(MED, 0), image_rows)
    shift = min(SHIFTS - 1, max(0, int(plain.mean()).bit_length() - 3))
    predicted = to_residuals(plane, span, Prediction(GAP, shift), image_rows)
    counts, others = np.bincount(plain.ravel()), np.bincount(predicted.ravel())
    variant, zigzag = 0, plain
    if ideal_bits(others) < ideal_bits(counts):
        variant, zigzag, counts = 1 + shift, predicted, others
    # A sample in the shape layer costs some 16 bits: keep them below one in a thousand.
    ordinary = int(np.searchsorted(np.cumsum(counts), int(0.999 * (zigzag.size - 1)), side="right"))
    return Chosen(variant * SPLITS + min(SPLITS, max(1, ordinary.bit_length())) - 1, zigzag)


class NeutralShapeCoder(PlaneCoder):
    """Any planes of any range, each coded by itself: a byte with the number of its parameters, then the stream."""

    def encode_plane(self, plane: Plane, span: PlaneRange, image_rows: int) -> bytes:
        """The stream of a plane."""
        number, zigzag = choose_number(plane, span, image_rows)
        stream = encode_zigzag(zigzag, neutral_parameters(number), [], image_rows).stream
        return (bytes([number]) + stream).rstrip(b"\0")

    def decode_plane(self, stream: bytes, span: PlaneRange, shape: tuple[int, int], image_rows: int) -> Plane:
        """The plane again. Raises FormatError where its stream breaks the rules."""
        parameters = neutral_parameters(stream[0] if stream else 0)
        return decode_plane(stream[1:], span, parameters, [], shape, image_rows)[0]
