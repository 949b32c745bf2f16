"""A plane's section of a codebook: bytes and back.

Section: varints (see ``plane``) mode (0 MED, 1 GAP, 2 none), shift (0-8), singles S, shapes N, worth, split (0: no
detail layer); with a detail layer also tile rows, tile columns, logarithmic (0 or 1), references (0-2), thresholds,
phases, near, far, increment, limit. Then five blocks, each a varint byte count and as many bytes of range-coded numbers
(``encode_numbers``; the number "above" is given in brackets):

1. sizes: height and width of each shape (height and width of the shape before).
2. samples of all shapes, row by row (the sample above in the shape).
3. codeword lengths: escape and S singles without shapes; escape, S singles and N shapes; 2**split left-over values,
   only where a tuple has more than one sample (the number before).
4. contexts: 6 + 5 * references weights, then thresholds, the first as it is, the others as differences to the one
   before; weights and first threshold zigzag (v >= 0 to 2v, else -2v - 1) (the number before).
5. frequencies, table by table (the same symbol in the table before): a number q below 16 stands for q, others
   for (8 + q mod 8) << (q div 8 - 1).

Blocks 4 and 5 are there only with a detail layer. A section must be what building from its content gives.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.shape.huffman import HuffmanCode
from sofc.coders.shape.kernel_arithmetic import (
    MAX_TOTAL,
    OWN_NEIGHBOURS,
    REFERENCE_NEIGHBOURS,
    decode_numbers,
    encode_numbers,
)
from sofc.coders.shape.kernel_predict import MED, NONE
from sofc.coders.shape.kernel_windows import MAX_SIDE
from sofc.coders.shape.parameters import (
    MAX_DETAIL_BITS,
    MAX_REFERENCES,
    MAX_SHIFT,
    ContextModel,
    DetailModel,
    PlaneParameters,
    ShapeSet,
    shape_model,
)
from sofc.errors import FormatError

Integers = npt.NDArray[np.int64]

MAX_SHAPES = 1 << 16
MAX_SINGLES = 1 << 10
MAX_PHASES = 8
MAX_THRESHOLDS = 63
MAX_FREQUENCIES = 1 << 18
MAX_VALUE = (1 << 18) - 1
MAX_WEIGHT = 1 << 10
MAX_WORTH = 1 << 16


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


def _zigzag(values: Integers) -> Integers:
    return np.where(values >= 0, 2 * values, -2 * values - 1)


def _unzigzag(numbers: Integers) -> Integers:
    return np.where(numbers & 1, -((numbers + 1) >> 1), numbers >> 1)


def _before(count: int, distance: int = 1) -> Integers:
    return np.maximum(np.arange(count) - distance, -1)


def _above_in_shapes(heights: Integers, widths: Integers) -> Integers:
    """Index of the sample above each shape sample, -1 in first rows."""
    sizes = heights * widths
    total = int(sizes.sum())
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    columns = np.repeat(widths, sizes)
    index = np.arange(total)
    return np.where(index - starts >= columns, index - columns, -1)


class _Writer:
    def __init__(self) -> None:
        self.output = bytearray()

    def varints(self, *values: int) -> None:
        for value in values:
            while value > 127:
                self.output.append(value & 127 | 128)
                value >>= 7
            self.output.append(value)

    def block(self, values: Integers, above: Integers) -> None:
        content = encode_numbers(values, above)
        self.varints(len(content))
        self.output += content


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def varint(self, name: str, low: int, high: int) -> int:
        value = 0
        for index in range(5):
            if self.position >= len(self.data):
                raise FormatError("a shape section ends too soon")
            byte = self.data[self.position]
            self.position += 1
            value |= (byte & 127) << (7 * index)
            if byte < 128:
                break
        if not low <= value <= high:
            raise FormatError(f"{name} of a shape section must be {low} to {high}, not {value}")
        return value

    def block(self, above: Integers) -> Integers:
        size = self.varint("block size", 0, len(self.data))
        if self.position + size > len(self.data):
            raise FormatError("a shape section ends inside a block")
        content = self.data[self.position : self.position + size]
        self.position += size
        values: Integers = decode_numbers(content, above)
        return values


def build_section(parameters: PlaneParameters) -> bytes:
    """The canonical bytes of a plane's parameters."""
    writer = _Writer()
    model, detail = parameters.shapes, parameters.detail
    shapes = model.shapes
    writer.varints(parameters.mode, parameters.shift, model.singles, len(shapes), model.worth, parameters.split)
    if detail:
        contexts = detail.contexts
        writer.varints(
            detail.tile_rows,
            detail.tile_columns,
            int(contexts.logarithmic),
            contexts.references,
            contexts.thresholds.size,
            contexts.phases,
            contexts.near,
            contexts.far,
            detail.increment,
            detail.limit,
        )
    sizes = np.stack([shapes.heights, shapes.widths], axis=1).ravel()
    writer.block(sizes, _before(sizes.size, 2))
    writer.block(shapes.pool.astype(np.int64), _above_in_shapes(shapes.heights, shapes.widths))
    lengths = [model.single_code.lengths, model.code.lengths]
    if detail and detail.leftover_code:
        lengths.append(detail.leftover_code.lengths)
    all_lengths = np.concatenate(lengths)
    writer.block(all_lengths, _before(all_lengths.size))
    if detail:
        thresholds = detail.contexts.thresholds.astype(np.int64)
        numbers = np.concatenate(
            [_zigzag(detail.contexts.weights.astype(np.int64)), _zigzag(thresholds[:1]), np.diff(thresholds)]
        )
        writer.block(numbers, _before(numbers.size))
        frequencies = _narrow(detail.frequencies.astype(np.int64)).ravel()
        writer.block(frequencies, _before(frequencies.size, 1 << detail.bits))
    return bytes(writer.output)


def parse_section(data: bytes) -> PlaneParameters:
    """Parameters from a section. Raises FormatError where the bytes break the layout above or any bound."""
    reader = _Reader(data)
    mode = reader.varint("prediction mode", MED, NONE)
    shift = reader.varint("shift", 0, MAX_SHIFT)
    singles = reader.varint("number of singles", 0, MAX_SINGLES)
    count = reader.varint("number of shapes", 0, MAX_SHAPES)
    worth = reader.varint("worth", 0, MAX_WORTH)
    split = reader.varint("split", 0, MAX_DETAIL_BITS)
    head = _read_detail_head(reader, split) if split else None
    sizes = reader.block(_before(2 * count, 2)).reshape(count, 2)
    if count and (int(sizes.min()) < 1 or int(sizes.max()) > MAX_SIDE or int(sizes.prod(axis=1).min()) < 2):
        raise FormatError(f"a shape has 2 samples or more and sides of 1 to {MAX_SIDE}")
    heights, widths = np.ascontiguousarray(sizes[:, 0]), np.ascontiguousarray(sizes[:, 1])
    pool = reader.block(_above_in_shapes(heights, widths))
    if int(pool.max(initial=0)) > MAX_VALUE:
        raise FormatError(f"a sample of a shape exceeds {MAX_VALUE}")
    tuple_size = head["tile rows"] * head["tile columns"] if head else 1
    leftover_count = 1 << split if tuple_size > 1 else 0
    total = 2 * (singles + 1) + count + leftover_count
    lengths = reader.block(_before(total))
    single_lengths, code_lengths = lengths[: singles + 1], lengths[singles + 1 : 2 * (singles + 1) + count]
    leftover = HuffmanCode.from_lengths(lengths[total - leftover_count :]) if leftover_count else None
    shapes = ShapeSet(heights, widths, pool.astype(np.int32))
    detail = _read_detail(reader, split, head, leftover) if head else None
    parameters = PlaneParameters(mode, shift, shape_model(shapes, single_lengths, code_lengths, worth), detail)
    if build_section(parameters) != data:
        raise FormatError("a shape section is not in its canonical form")
    return parameters


def _read_detail_head(reader: _Reader, split: int) -> dict[str, int]:
    bounds = {
        "tile rows": (1, 4),
        "tile columns": (1, 4),
        "logarithmic": (0, 1),
        "references": (0, MAX_REFERENCES),
        "thresholds": (0, MAX_THRESHOLDS),
        "phases": (1, MAX_PHASES),
        "near": (0, MAX_VALUE),
        "far": (0, MAX_VALUE),
        "increment": (1, 1 << 10),
        "limit": (1 << 6, MAX_TOTAL),
    }
    head = {name: reader.varint(name, low, high) for name, (low, high) in bounds.items()}
    if split * head["tile rows"] * head["tile columns"] > MAX_DETAIL_BITS:
        raise FormatError(f"a tuple of a shape section has more than {MAX_DETAIL_BITS} bits")
    if head["near"] > head["far"] or (head["far"] and not head["references"]):
        raise FormatError("classes of a shape section need near <= far and a reference")
    return head


def _read_detail(reader: _Reader, split: int, head: dict[str, int], leftover: HuffmanCode | None) -> DetailModel:
    weight_count = OWN_NEIGHBOURS + REFERENCE_NEIGHBOURS * head["references"]
    numbers = reader.block(_before(weight_count + head["thresholds"]))
    weights, first, steps = np.split(numbers, [weight_count, weight_count + 1])
    weights = _unzigzag(weights)
    thresholds = np.cumsum(np.concatenate([_unzigzag(first), steps]))
    if int(np.abs(weights).max()) > MAX_WEIGHT or int(np.abs(thresholds).max(initial=0)) >= 1 << 30:
        raise FormatError("a context weight or threshold of a shape section is out of range")
    contexts = ContextModel(
        bool(head["logarithmic"]),
        weights.astype(np.int32),
        thresholds.astype(np.int32),
        head["near"],
        head["far"],
        head["phases"],
    )
    symbols = 1 << (split * head["tile rows"] * head["tile columns"])
    if contexts.tables * symbols > MAX_FREQUENCIES:
        raise FormatError("the frequency tables of a shape section are too large")
    narrow = reader.block(_before(contexts.tables * symbols, symbols))
    if int(narrow.min()) < 1 or int(narrow.max()) > 128:
        raise FormatError("a frequency of a shape section is out of range")
    frequencies = _widen(narrow).reshape(contexts.tables, symbols)
    if int(frequencies.sum(axis=1).max()) > head["limit"] or head["limit"] + head["increment"] > MAX_TOTAL:
        raise FormatError("the frequencies of a shape section exceed their limit")
    # Halving rounds up: it must bring a full table well below the limit, or it would be halved at every symbol.
    if symbols + head["increment"] > head["limit"] // 2:
        raise FormatError("the limit of a shape section is too small for its tables")
    return DetailModel(
        split,
        head["tile rows"],
        head["tile columns"],
        contexts,
        head["increment"],
        head["limit"],
        frequencies.astype(np.int32),
        leftover,
    )
