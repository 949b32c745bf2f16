"""A plane's section of a codebook: bytes and back (Spec shape/section).

Varints, those of HEAD and, with a detail layer, of DETAIL_HEAD; then blocks, each a varint byte count and as many bytes
of range-coded numbers: sizes of shapes, their samples, codeword lengths; with a detail layer weights with thresholds,
and frequencies. A section must be what building from its content gives.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.shape.details import MAX_RESIDUAL, OWN_PLACES, REFERENCE_PLACES, ContextModel, DetailModel
from sofc.coders.shape.kernel_predict import MED, NONE, Prediction
from sofc.coders.shape.kernel_range import MAX_TOTAL, Adaptation, decode_numbers, encode_numbers
from sofc.coders.shape.kernel_windows import MAX_SIDE
from sofc.coders.shape.parameters import PlaneParameters, ShapeModel, ShapeSet
from sofc.coders.shape.varints import pack_varints, read_varint
from sofc.errors import FormatError

Integers = npt.NDArray[np.int64]

MAX_FREQUENCIES = 1 << 18
MAX_WEIGHT = 1 << 10
MAX_WORTH = 1 << 16
MAX_SPLIT = 12

HEAD = {
    "prediction mode": (MED, NONE),
    "shift": (0, 8),
    "number of singles": (0, 1 << 10),
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
    "increment": (1, 1 << 10),
    "limit": (1 << 6, MAX_TOTAL),
}


def round_frequencies(frequencies: Integers) -> npt.NDArray[np.int32]:
    """The nearest frequencies at or below that a section can hold."""
    return _widen(_narrow(np.maximum(frequencies, 1))).astype(np.int32)


def _narrow(frequencies: Integers) -> Integers:
    octaves = np.frexp(frequencies.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(octaves - 4, 0)
    return np.where(shift == 0, frequencies, 8 * (shift + 1) + (frequencies >> shift) - 8)


def _widen(numbers: Integers) -> Integers:
    shift = np.clip(numbers // 8 - 1, 0, 40)
    return np.where(numbers < 16, numbers, (8 + numbers % 8) << shift)


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
    """The canonical bytes of a plane's parameters."""
    (mode, shift), model, detail = parameters.prediction, parameters.shapes, parameters.detail
    shapes = model.shapes
    head = [mode, shift, model.singles, len(shapes), model.worth, parameters.split]
    sizes = np.stack([shapes.heights, shapes.widths], axis=1).ravel()
    lengths = np.concatenate([model.single_code.lengths, model.code.lengths])
    blocks = [
        encode_numbers(sizes, _before(sizes.size, 2)),
        encode_numbers(shapes.pool.astype(np.int64), _above_in_shapes(shapes.heights, shapes.widths)),
        encode_numbers(lengths, _before(lengths.size)),
    ]
    if detail:
        contexts, thresholds = detail.contexts, detail.contexts.thresholds
        head += [contexts.logarithmic, contexts.references, thresholds.size, contexts.phases]
        head += [contexts.near, contexts.far, *detail.adaptation]
        numbers = np.concatenate([_zigzag(contexts.weights), _zigzag(thresholds[:1]), np.diff(thresholds)])
        frequencies = _narrow(detail.frequencies.astype(np.int64)).ravel()
        blocks.append(encode_numbers(numbers, _before(numbers.size)))
        blocks.append(encode_numbers(frequencies, _before(frequencies.size, 1 << detail.split)))
    return pack_varints(*head) + b"".join(pack_varints(len(block)) + block for block in blocks)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def varint(self, name: str, low: int, high: int) -> int:
        """Raises FormatError for one out of bounds."""
        value, self._position = read_varint(self._data, self._position)
        if self._position > len(self._data):
            raise FormatError("a shape section ends too soon")
        if not low <= value <= high:
            raise FormatError(f"{name} of a shape section must be {low} to {high}, not {value}")
        return value

    def head(self, bounds: dict[str, tuple[int, int]]) -> list[int]:
        """The varints of these names."""
        return [self.varint(name, *limits) for name, limits in bounds.items()]

    def block(self, above: Integers) -> Integers:
        """The numbers of a block. Raises FormatError where it is not all there."""
        size = self.varint("size of a block", 0, len(self._data))
        content = self._data[self._position : self._position + size]
        self._position += size
        if len(content) < size:
            raise FormatError("a shape section ends inside a block")
        return decode_numbers(content, above)


def parse_section(data: bytes) -> PlaneParameters:
    """Parameters from a section. Raises FormatError where the bytes break the layout above or any bound."""
    reader = _Reader(data)
    mode, shift, singles, count, worth, split = reader.head(HEAD)
    detail_head = reader.head(DETAIL_HEAD) if split else []
    sizes = reader.block(_before(2 * count, 2)).reshape(count, 2)
    if count and (int(sizes.min()) < 1 or int(sizes.max()) > MAX_SIDE or int(sizes.prod(axis=1).min()) < 2):
        raise FormatError(f"a shape has 2 samples or more and sides of 1 to {MAX_SIDE}")
    heights, widths = np.ascontiguousarray(sizes.T)
    pool = reader.block(_above_in_shapes(heights, widths))
    if int(pool.max(initial=0)) > MAX_RESIDUAL:
        raise FormatError(f"a sample of a shape exceeds {MAX_RESIDUAL}")
    lengths = reader.block(_before(2 * (singles + 1) + count))
    single_lengths, all_lengths = np.split(lengths, [singles + 1])
    shapes = ShapeSet(heights, widths, pool.astype(np.int32))
    model = ShapeModel.of(shapes, single_lengths, all_lengths, worth)
    detail = _read_detail(reader, split, detail_head) if split else None
    parameters = PlaneParameters(Prediction(mode, shift), model, detail)
    if build_section(parameters) != data:
        raise FormatError("a shape section is not in its canonical form")
    return parameters


def _read_detail(reader: _Reader, split: int, head: list[int]) -> DetailModel:
    logarithmic, references, levels, phases, near, far, increment, limit = head
    if near > far or (far and not references):
        raise FormatError("classes of a shape section need near <= far and a reference")
    weight_count = len(OWN_PLACES) + len(REFERENCE_PLACES) * references
    numbers = reader.block(_before(weight_count + levels))
    weights = _unzigzag(numbers[:weight_count])
    steps = numbers[weight_count:]
    steps[:1] = _unzigzag(steps[:1])
    thresholds = np.cumsum(steps)
    if int(np.abs(weights).max()) > MAX_WEIGHT or int(np.abs(thresholds).max(initial=0)) >= 1 << 30:
        raise FormatError("a context weight or threshold of a shape section is out of range")
    contexts = ContextModel(bool(logarithmic), weights.astype(np.int32), thresholds.astype(np.int32), near, far, phases)
    symbols = 1 << split
    if contexts.tables * symbols > MAX_FREQUENCIES:
        raise FormatError("the frequency tables of a shape section are too large")
    narrow = reader.block(_before(contexts.tables * symbols, symbols))
    if int(narrow.min()) < 1 or int(narrow.max()) > 128:
        raise FormatError("a frequency of a shape section is out of range")
    frequencies = _widen(narrow).reshape(contexts.tables, symbols)
    if int(frequencies.sum(axis=1).max()) > limit or limit + increment > MAX_TOTAL:
        raise FormatError("the frequencies of a shape section exceed their limit")
    # Halving rounds up: it must bring a full table well below the limit, or it would be halved at every symbol.
    if symbols + increment > limit // 2:
        raise FormatError("the limit of a shape section is too small for its tables")
    return DetailModel(split, contexts, Adaptation(increment, limit), frequencies.astype(np.int32))
