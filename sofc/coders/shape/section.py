"""A plane's section of a codebook: bytes and back (Spec shape/section).

All numbers of a section are one stream: those of HEAD; sizes of shapes, their samples, how often each was placed; with
a detail layer its weights.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.shape.details import (
    MAX_RESIDUAL,
    MAX_SPLIT,
    MAX_WEIGHT,
    OWN_PLACES,
    REFERENCE_PLACES,
    DetailModel,
)
from sofc.coders.shape.kernel_numbers import Integers, coded
from sofc.coders.shape.kernel_windows import MAX_SIDE
from sofc.coders.shape.parameters import MAX_COUNT, PlaneParameters, ShapeModel, ShapeSet
from sofc.entropy.binary import Reader, Writer
from sofc.errors import FormatError, LimitError

PARAMETERS = 0
"""Kind of these sections."""

MAX_SAMPLES = 1 << 22
"""Of all shapes of a section: some bytes could claim gigabytes."""
MAX_WORTH = 1 << 16

HEAD = {
    "number of shapes": (0, 1 << 16),
    "worth": (0, MAX_WORTH),
    "split": (0, MAX_SPLIT),  # 0: no detail layer
    "references": (0, 2),
}


def _zigzag(values: npt.NDArray[np.integer]) -> Integers:
    wide = values.astype(np.int64)
    return np.where(wide >= 0, 2 * wide, -2 * wide - 1)


def _unzigzag(numbers: Integers) -> Integers:
    return np.where(numbers & 1, -((numbers + 1) >> 1), numbers >> 1)


def _before(count: int, distance: int = 1) -> Integers:
    return np.maximum(np.arange(count) - distance, -1)


def _above_in_shapes(heights: Integers, widths: Integers) -> Integers:
    """Index of the sample above each shape sample, -1 in first rows."""
    sizes = heights * widths
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    columns = np.repeat(widths, sizes)
    index = np.arange(starts.size)
    return np.where(index - starts >= columns, index - columns, -1)


def build_section(parameters: PlaneParameters) -> bytes:
    """The bytes of a plane's parameters."""
    model, detail = parameters.shapes, parameters.detail
    shapes = model.shapes
    writer = Writer(16 * (4 * len(shapes) + shapes.pool.size) + 4096)
    coded(writer, np.array([len(shapes), model.worth, parameters.split, detail.references if detail else 0]))
    sizes = np.stack([shapes.heights, shapes.widths], axis=1).ravel()
    coded(writer, sizes, _before(sizes.size, 2))
    coded(writer, shapes.pool.astype(np.int64), _above_in_shapes(shapes.heights, shapes.widths))
    coded(writer, model.counts, _before(model.counts.size))
    if detail:
        coded(writer, _zigzag(detail.weights), _before(detail.weights.size))
    return writer.written()


def parse_section(data: bytes) -> PlaneParameters:
    """Parameters from a section. Raises SofcError where the bytes break the layout above or any bound."""
    reader = Reader(data)
    head: list[int] = coded(reader, np.zeros(len(HEAD), np.int64)).tolist()
    for number, (name, (low, high)) in zip(head, HEAD.items(), strict=True):
        if not low <= number <= high:
            raise FormatError(f"{name} of a shape section must be {low} to {high}, not {number}")
    count, worth, split, references = head
    if references and not split:
        raise FormatError("a shape section without low bits has references")
    sizes = coded(reader, np.zeros(2 * count, np.int64), _before(2 * count, 2)).reshape(count, 2)
    if count and (int(sizes.min()) < 1 or int(sizes.max()) > MAX_SIDE or int(sizes.prod(axis=1).min()) < 2):
        raise FormatError(f"a shape has 2 samples or more and sides of 1 to {MAX_SIDE}")
    heights, widths = np.ascontiguousarray(sizes.T)
    if (samples := int((heights * widths).sum())) > MAX_SAMPLES:
        raise LimitError(f"shapes of {samples} samples are over the limit of {MAX_SAMPLES} of a section")
    above = _above_in_shapes(heights, widths)
    pool = coded(reader, np.zeros(above.size, np.int64), above)
    if int(pool.max(initial=0)) > MAX_RESIDUAL:
        raise FormatError(f"a sample of a shape exceeds {MAX_RESIDUAL}")
    counts = coded(reader, np.zeros(1 + count, np.int64), _before(1 + count))
    if int(counts.max()) > MAX_COUNT:
        raise FormatError(f"a shape was placed at most {MAX_COUNT} times")
    model = ShapeModel(ShapeSet(heights, widths, pool.astype(np.int32)), counts, worth)
    if not split:
        return PlaneParameters(model, None)
    taps = len(OWN_PLACES) + len(REFERENCE_PLACES) * references
    weights = _unzigzag(coded(reader, np.zeros(taps, np.int64), _before(taps)))
    if int(np.abs(weights).max()) > MAX_WEIGHT:
        raise FormatError(f"a weight of a shape section exceeds {MAX_WEIGHT}")
    return PlaneParameters(model, DetailModel(split, weights.astype(np.int32)))
