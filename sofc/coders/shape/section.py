"""A plane's section of a codebook: bytes and back (Spec shape/section).

All numbers of a section are one stream: those of HEAD and, with a detail layer, of DETAIL_HEAD; sizes of shapes, their
samples, how often each was placed; with a detail layer weights with thresholds, and what bit models start with.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.shape.details import MAX_RESIDUAL, OWN_PLACES, REFERENCE_PLACES, TRAINED, ContextModel, DetailModel
from sofc.coders.shape.kernel_numbers import Integers, coded
from sofc.coders.shape.kernel_predict import MED, NONE, Prediction
from sofc.coders.shape.kernel_windows import MAX_SIDE
from sofc.coders.shape.parameters import MAX_COUNT, PlaneParameters, ShapeModel, ShapeSet
from sofc.entropy.binary import Reader, Writer
from sofc.entropy.bit_models import Symbols
from sofc.errors import FormatError, LimitError

PARAMETERS = 0
"""Kind of these sections."""

MAX_MODELS = 1 << 18
MAX_SAMPLES = 1 << 22
"""Of all shapes of a section: some bytes could claim gigabytes."""
MAX_WEIGHT = 1 << 10
MAX_WORTH = 1 << 16
MAX_SPLIT = 12

HEAD = {
    "prediction mode": (MED, NONE),
    "shift": (0, 8),
    "number of shapes": (0, 1 << 16),
    "worth": (0, MAX_WORTH),
    "split": (0, MAX_SPLIT),  # 0: no detail layer
}
DETAIL_HEAD = {
    "logarithmic": (0, 1),
    "references": (0, 2),
    "number of thresholds": (0, 63),
    "phases": (1, 8),
    "near": (0, MAX_RESIDUAL),
    "far": (0, MAX_RESIDUAL),
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
    (mode, shift), model, detail = parameters.prediction, parameters.shapes, parameters.detail
    shapes = model.shapes
    writer = Writer(16 * (4 * len(shapes) + shapes.pool.size) + (2 * detail.symbols.size if detail else 0) + 4096)
    coded(writer, np.array([mode, shift, len(shapes), model.worth, parameters.split]))
    if detail:
        contexts, thresholds = detail.contexts, detail.contexts.thresholds
        head = [contexts.logarithmic, contexts.references, thresholds.size, contexts.phases]
        coded(writer, np.array([*head, contexts.near, contexts.far], np.int64))
    sizes = np.stack([shapes.heights, shapes.widths], axis=1).ravel()
    coded(writer, sizes, _before(sizes.size, 2))
    coded(writer, shapes.pool.astype(np.int64), _above_in_shapes(shapes.heights, shapes.widths))
    coded(writer, model.counts, _before(model.counts.size))
    if detail:
        numbers = np.concatenate([_zigzag(contexts.weights), _zigzag(thresholds[:1]), np.diff(thresholds)])
        coded(writer, numbers, _before(numbers.size))
        TRAINED.code(writer, detail.symbols)
    return writer.written()


def _head(reader: Reader, bounds: dict[str, tuple[int, int]]) -> list[int]:
    """The numbers of these names."""
    numbers: list[int] = coded(reader, np.zeros(len(bounds), np.int64)).tolist()
    for number, (name, (low, high)) in zip(numbers, bounds.items(), strict=True):
        if not low <= number <= high:
            raise FormatError(f"{name} of a shape section must be {low} to {high}, not {number}")
    return numbers


def parse_section(data: bytes) -> PlaneParameters:
    """Parameters from a section. Raises SofcError where the bytes break the layout above or any bound."""
    reader = Reader(data)
    mode, shift, count, worth, split = _head(reader, HEAD)
    detail_head = _head(reader, DETAIL_HEAD) if split else []
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
    detail = _read_detail(reader, split, detail_head) if split else None
    return PlaneParameters(Prediction(mode, shift), model, detail)


def _read_detail(reader: Reader, split: int, head: list[int]) -> DetailModel:
    logarithmic, references, levels, phases, near, far = head
    if near > far or (far and not references):
        raise FormatError("classes of a shape section need near <= far and a reference")
    weight_count = len(OWN_PLACES) + len(REFERENCE_PLACES) * references
    numbers = coded(reader, np.zeros(weight_count + levels, np.int64), _before(weight_count + levels))
    weights = _unzigzag(numbers[:weight_count])
    steps = numbers[weight_count:]
    steps[:1] = _unzigzag(steps[:1])
    thresholds = np.cumsum(steps)
    if int(np.abs(weights).max()) > MAX_WEIGHT or int(np.abs(thresholds).max(initial=0)) >= 1 << 30:
        raise FormatError("a context weight or threshold of a shape section is out of range")
    contexts = ContextModel(bool(logarithmic), weights.astype(np.int32), thresholds.astype(np.int32), near, far, phases)
    if contexts.tables << split > MAX_MODELS:
        raise FormatError("the tables of a shape section are too large")
    symbols: Symbols = np.zeros(contexts.tables << split, np.uint8)
    TRAINED.code(reader, symbols)
    return DetailModel(split, contexts, symbols)
