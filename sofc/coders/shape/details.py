"""The detail layer: the low bits of each residual, coded by adaptive tables that its neighbours choose between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import kernel_details as kernel
from sofc.coders.shape.kernel_details import Classes, Layer, Neighbourhood
from sofc.entropy.binary import OK, Coding
from sofc.entropy.bit_models import Symbols, TrainedModels
from sofc.entropy.mixture import PROBABILITIES
from sofc.errors import FormatError
from sofc.planes import Plane

OWN_PLACES = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
"""Rows down and columns right of the neighbours in the plane itself that a sample's activity is made of."""
REFERENCE_PLACES = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
"""The same in each plane coded before."""

MAX_RESIDUAL = (1 << 18) - 1
LINEAR_CAP = 4095
CLASSES = 7

TRAINED = TrainedModels(PROBABILITIES, 1)
"""What the bit models of a codebook may start with."""


@dataclass(frozen=True, eq=False)
class ContextModel:
    """Which table codes a sample's low part.

    ``weights`` (int32): of OWN_PLACES, then of REFERENCE_PLACES for each of ``references`` planes coded before, the
    nearest first; ``thresholds`` (int32, rising) cut the weighted sum of magnitudes, the activity, into levels.
    ``near`` and ``far`` bound the classes of the nearest reference's residual; ``far`` 0 means no classes.
    """

    logarithmic: bool
    weights: npt.NDArray[np.int32]
    thresholds: npt.NDArray[np.int32]
    near: int = 0
    far: int = 0
    phases: int = 1

    @property
    def references(self) -> int:
        """How many planes coded before take part."""
        return (self.weights.size - len(OWN_PLACES)) // len(REFERENCE_PLACES)

    @property
    def levels(self) -> int:
        """Levels of activity."""
        return self.thresholds.size + 1

    @property
    def classes(self) -> int:
        """Classes of the nearest reference's residual."""
        return CLASSES if self.far else 1

    @property
    def tables(self) -> int:
        """Number of tables of bit models, with the one for samples whose high part is not zero."""
        return self.levels * self.classes * self.phases + 1


@dataclass(frozen=True, eq=False)
class DetailModel:
    """The low ``split`` bits of each residual; ``symbols``: what their bit models start with, 2**split for each
    table, as ``TRAINED`` numbers it."""

    split: int
    contexts: ContextModel
    symbols: Symbols


@cache
def magnitude_scale(logarithmic: bool) -> npt.NDArray[np.int32]:
    """The magnitude of each residual in zigzag order up to MAX_RESIDUAL.

    Linear: the residual, at most LINEAR_CAP. Logarithmic: 16 log2(1 + residual), straight between powers of two.
    """
    values = np.arange(MAX_RESIDUAL + 1)
    if not logarithmic:
        return np.minimum(values, LINEAR_CAP).astype(np.int32)
    octaves = np.frexp(values + 1.0)[1] - 1
    scale = 16 * octaves + ((16 * (values + 1 - (1 << octaves))) >> octaves)
    return np.asarray(scale, np.int32)


def magnitudes_of(zigzag: Plane, logarithmic: bool) -> Plane:
    """Magnitudes of a plane's residuals with zeros around."""
    rows, width = zigzag.shape
    magnitudes = np.zeros((rows + kernel.TOP + kernel.BOTTOM, width + 2 * kernel.SIDE), np.int32)
    kernel.fill_magnitudes(zigzag, magnitude_scale(logarithmic), magnitudes)
    return magnitudes


def moved(magnitudes: Plane, down: int, right: int) -> Plane:
    """The magnitude so far down and to the right of each sample."""
    rows, width = magnitudes.shape[0] - kernel.TOP - kernel.BOTTOM, magnitudes.shape[1] - 2 * kernel.SIDE
    top, left = kernel.TOP + down, kernel.SIDE + right
    return magnitudes[top : top + rows, left : left + width]


def neighbourhood_of(zigzag: Plane, contexts: ContextModel, references: Sequence[Plane]) -> Neighbourhood:
    """What levels follow from; ``references`` are residuals of planes coded before, the nearest first."""
    own, others = contexts.weights[: len(OWN_PLACES)], contexts.weights[len(OWN_PLACES) :]
    activity = np.zeros(zigzag.shape, np.int32)
    parts = others.reshape(-1, len(REFERENCE_PLACES))
    for weights, reference in zip(parts, references[: contexts.references], strict=True):
        magnitudes = magnitudes_of(reference, contexts.logarithmic)
        for weight, place in zip(weights, REFERENCE_PLACES, strict=True):
            activity += weight * moved(magnitudes, *place)
    own = np.ascontiguousarray(own)
    return Neighbourhood(magnitudes_of(zigzag, contexts.logarithmic), own, activity, contexts.thresholds)


def classes_of(contexts: ContextModel, references: Sequence[Plane]) -> Classes:
    """What classes follow from, and phases."""
    reference = references[0] if contexts.classes > 1 else np.zeros((0, 0), np.int32)
    return Classes(reference, contexts.near, contexts.far, contexts.classes, contexts.phases)


def tables_of(zigzag: Plane, contexts: ContextModel, references: Sequence[Plane]) -> Plane:
    """The table of each sample, as if all high parts were zero."""
    numbers = np.empty(zigzag.shape, np.int32)
    kernel.fill_tables(neighbourhood_of(zigzag, contexts, references), classes_of(contexts, references), numbers)
    return numbers


def code_details(coding: Coding, zigzag: Plane, detail: DetailModel, references: Sequence[Plane]) -> None:
    """Write the low parts, or add them to ``zigzag``, which then holds the high parts in their place. Raises
    FormatError."""
    contexts = detail.contexts
    layer = Layer(
        neighbourhood_of(zigzag, contexts, references),
        magnitude_scale(contexts.logarithmic),
        classes_of(contexts, references),
        detail.split,
        TRAINED.states[detail.symbols],
    )
    if kernel.code_details(coding.encodes, zigzag, layer, coding.stream) != OK:
        raise FormatError("the detail layer of a shape stream is damaged")
