"""One plane to one stream and back.

Stream: varint, the number of (location, shape) pairs; if there are any, varint 2 (m - 1) + s with the Golomb
parameter m, s = 1 where shapes of several samples take part; the bit part: all pairs in raster order, each its Golomb
distance and its codeword, then the left-over low parts; zero bits up to a whole byte; the range coder's bytes up to
the end. Zero bytes at the end are dropped, and read as zeros. A varint is little-endian, seven bits a byte,
the top bit set in all bytes but the last.

A distance counts the samples passed since the last pair that no earlier shape covers, so a shape begins where the
next free sample is after passing that many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import kernel_arithmetic as arithmetic
from sofc.coders.shape import kernel_bits as bits
from sofc.coders.shape import kernel_predict as predict
from sofc.coders.shape import kernel_windows as windows
from sofc.coders.shape.parameters import ContextModel, DetailModel, PlaneParameters, ShapeModel, largest_folded
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

MAX_DIVISOR = 1 << 20
SMALL_ROWS = 64
SMALL_COLUMNS = 62
"""Images up to this size get more than one attempt at placing shapes."""

SWEEPS = 2

PAGE_SIDE = 16
"""In pages windows are looked for up to this side."""

MATCHED_AREA = 16
"""Samples of the largest window up to which all matches are listed, in images of any size."""


def fold(plane: Plane, span: PlaneRange, mode: int, shift: int, image_rows: int) -> Plane:
    """Folded residuals of a plane."""
    folded = np.empty(plane.shape, np.int32)
    sums, counts = np.zeros((2, predict.CONTEXTS), np.int64)
    predict.fold_plane(np.ascontiguousarray(plane), span.low, span.high, image_rows, mode, shift, sums, counts, folded)
    return folded


def unfold(folded: Plane, span: PlaneRange, mode: int, shift: int, image_rows: int) -> Plane:
    """Inverse of ``fold``. Raises FormatError where a sample leaves its range."""
    plane = np.empty(folded.shape, np.int32)
    sums, counts = np.zeros((2, predict.CONTEXTS), np.int64)
    if predict.unfold_plane(folded, span.low, span.high, image_rows, mode, shift, sums, counts, plane) != predict.OK:
        raise FormatError("a sample of a shape stream lies outside its range")
    return plane


class Pairs(NamedTuple):
    """The shape layer of one plane as ``list_shapes`` gives it, and how it is coded."""

    distances: Integers
    shapes: Integers
    with_shapes: bool
    divisor: int
    location_bits: int
    code_bits: int


def single_pairs(high: Plane, model: ShapeModel) -> Pairs:
    """The shape layer without shapes of several samples."""
    places = np.flatnonzero(high)
    distances = np.diff(places, prepend=-1) - 1
    return _price(distances.astype(np.int64), -high.ravel()[places].astype(np.int64), model, False)


def location_bits(high: Plane) -> int:
    """Bits of the locations where every nonzero sample is a shape of its own."""
    return _golomb(np.diff(np.flatnonzero(high), prepend=-1) - 1)[1]


def shape_pairs(high: Plane, model: ShapeModel, image_rows: int) -> Pairs:
    """The shape layer with shapes placed greedily, those that save most bits first; in pages, from sample to sample.

    In small images matches are left out where placing the others without them costs less.
    """
    if is_page(high, image_rows, (model.shapes.max_rows, model.shapes.max_columns)):
        return _cover(high, model, image_rows)
    found, places = _find(high, model, image_rows)
    pairs = _place(high, found, places, model)
    if not _is_small(high, image_rows) or pairs.location_bits == 0:
        return pairs
    kept = _improve(high, found, places, model, image_rows, 16 * pairs.location_bits // pairs.shapes.size)
    improved = _place(high, found[kept], places[kept], model)
    return min(pairs, improved, key=lambda one: one.location_bits + one.code_bits)


def _find(high: Plane, model: ShapeModel, image_rows: int) -> tuple[Integers, Integers]:
    """Shape and place of all matches, image by image if those are small, in the order of placing."""
    shapes = model.shapes
    limits = search_limits(high, image_rows, (shapes.max_rows, shapes.max_columns))
    across, down = window_masks(high, image_rows, *limits)
    keys, numbers = shapes.table
    room, working = 4096 + high.size // 4, windows.window_room()
    while True:
        found, places = np.empty(room, np.int64), np.empty(room, np.int64)
        count = windows.find_windows(high, image_rows, *limits, across, down, keys, numbers, found, places, working)
        if count <= room:
            break
        room = count
    found, places = found[:count], places[:count]
    order = np.lexsort((places, model.order[found]))
    return found[order], places[order]


def _place(high: Plane, found: Integers, places: Integers, model: ShapeModel) -> Pairs:
    shapes = model.shapes
    anchors, covered = np.zeros(high.shape, np.int32), np.zeros(high.shape, np.uint8)
    windows.place_shapes(
        high, found, places, shapes.heights, shapes.widths, shapes.offsets, shapes.pool, anchors, covered
    )
    return _list(high, anchors, covered, model)


def _list(high: Plane, anchors: Plane, covered: Bytes, model: ShapeModel) -> Pairs:
    distances, pairs = np.empty(high.size, np.int64), np.empty(high.size, np.int64)
    count = windows.list_shapes(high, anchors, covered, distances, pairs)
    return _price(distances[:count], pairs[:count], model, True)


def _cover(high: Plane, model: ShapeModel, image_rows: int) -> Pairs:
    shapes = model.shapes
    limits = search_limits(high, image_rows, (shapes.max_rows, shapes.max_columns))
    across, down = window_masks(high, image_rows, *limits)
    anchors, covered = np.zeros(high.shape, np.int32), np.zeros(high.shape, np.uint8)
    windows.cover_plane(
        high,
        image_rows,
        *limits,
        across,
        down,
        *shapes.table,
        model.order,
        shapes.heights,
        shapes.widths,
        shapes.offsets,
        shapes.pool,
        anchors,
        covered,
        windows.window_room(),
    )
    return _list(high, anchors, covered, model)


def _improve(
    high: Plane, found: Integers, places: Integers, model: ShapeModel, image_rows: int, location: int
) -> Integers:
    """Numbers of the matches to place; ``location`` is what a location costs, in sixteenths of a bit."""
    shapes = model.shapes
    rows, columns = np.divmod(places, high.shape[1])
    images = rows // image_rows
    order = np.argsort(images, kind="stable")
    shape = found[order]
    bounds = np.searchsorted(images[order], np.arange(high.shape[0] // image_rows + 2))
    lengths = model.code.lengths
    costs = 16 * lengths[model.singles + 1 + shape] + location
    single = 16 * int(lengths[min(1, model.singles)]) + location
    masks = ((np.int64(1) << shapes.widths[shape]) - 1) << columns[order]
    banned = np.zeros(found.size, np.uint8)
    windows.improve_placement(
        bounds,
        (rows % image_rows)[order],
        shapes.heights[shape],
        masks,
        costs,
        single * shapes.nonzeros[shape],
        SWEEPS,
        windows.placement_room(),
        banned,
    )
    return np.sort(order[banned == 0])


def _is_small(high: Plane, image_rows: int) -> bool:
    rows, width = high.shape
    return bool(width <= SMALL_COLUMNS and min(image_rows, rows) <= SMALL_ROWS)


def is_page(high: Plane, image_rows: int, limits: tuple[int, int]) -> bool:
    """Whether an image is too large to list all windows of up to ``limits`` rows and columns in it."""
    return limits[0] * limits[1] > MATCHED_AREA and not _is_small(high, image_rows)


def search_limits(high: Plane, image_rows: int, limits: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the largest window looked for: ``limits``, but less in pages to bound the time."""
    if not is_page(high, image_rows, limits):
        return limits
    return min(limits[0], PAGE_SIDE), min(limits[1], PAGE_SIDE)


def window_masks(high: Plane, image_rows: int, max_rows: int, max_columns: int) -> tuple[Integers, Integers]:
    """Which windows may be shapes, see ``fill_masks``."""
    across, down = np.empty(high.shape, np.int64), np.empty(high.shape, np.int64)
    windows.fill_masks(high, image_rows, max_rows, max_columns, np.empty(high.shape[1], np.int64), across, down)
    return across, down


def _price(distances: Integers, shapes: Integers, model: ShapeModel, with_shapes: bool) -> Pairs:
    divisor, location_bits = _golomb(distances)
    lengths = (model.code if with_shapes else model.single_code).lengths
    values = -shapes
    escaped = values > model.singles
    symbols = np.where(shapes > 0, model.singles + shapes, np.where(escaped, 0, values))
    beyond = values[escaped] - model.singles
    code_bits = int(lengths[symbols].sum())
    if beyond.size:
        code_bits += int((2 * np.frexp(beyond.astype(np.float64))[1].astype(np.int64) - 1).sum())
    return Pairs(distances, shapes, with_shapes, divisor, location_bits, code_bits)


def _golomb(distances: Integers) -> tuple[int, int]:
    """The best of the Golomb parameters near the one that theory names, and its bits."""
    if not distances.size:
        return 1, 0
    centre = 0.69 * float(distances.mean()) + 0.5
    tried = sorted({min(MAX_DIVISOR, max(1, round(centre * 2 ** (step / 4)))) for step in range(-8, 5)})
    cost, divisor = min((int(bits.golomb_cost(distances, divisor)), divisor) for divisor in tried)
    return divisor, cost


@dataclass(frozen=True, eq=False)
class EncodedPlane:
    """A stream with what it is made of. ``detail_bits`` covers tuples and left-overs, padding counts nowhere."""

    stream: bytes
    folded: Plane
    pairs: Pairs
    header_bits: int
    detail_bits: int


def encode_plane(
    plane: Plane,
    span: PlaneRange,
    parameters: PlaneParameters,
    references: Sequence[Plane],
    image_rows: int,
    use_shapes: bool | None = None,
) -> EncodedPlane:
    """Code one plane; ``references`` are folded planes coded before, the nearest first.

    Shapes of several samples take part where they make the stream smaller, or as ``use_shapes`` says.
    """
    folded = fold(plane, span, parameters.mode, parameters.shift, image_rows)
    model, detail = parameters.shapes, parameters.detail
    high = folded >> parameters.split
    pairs = single_pairs(high, model)
    if len(model.shapes) and pairs.shapes.size and use_shapes is not False:
        placed = shape_pairs(high, model, image_rows)
        if use_shapes or placed.location_bits + placed.code_bits < pairs.location_bits + pairs.code_bits:
            pairs = placed
    head = _varint(pairs.shapes.size)
    if pairs.shapes.size:
        head += _varint(2 * (pairs.divisor - 1) + pairs.with_shapes)
    leftovers = _leftover_bits(folded, detail) if detail else 0
    pair_bits = pairs.location_bits + pairs.code_bits
    output = np.zeros((pair_bits + leftovers + 7) // 8, np.uint8)
    code = model.code if pairs.with_shapes else model.single_code
    position = bits.write_shapes(
        pairs.distances, pairs.shapes, pairs.divisor, code.codes, code.lengths, model.singles, output, 0
    )
    arithmetic_part = b""
    if detail:
        if detail.leftover_code:
            leftover = detail.leftover_code
            bits.write_leftovers(
                folded,
                detail.split,
                detail.tile_rows,
                detail.tile_columns,
                leftover.codes,
                leftover.lengths,
                output,
                position,
            )
        arithmetic_part = _encode_tuples(folded, detail, references)
    stream = (head + output.tobytes() + arithmetic_part).rstrip(b"\0")
    return EncodedPlane(stream, folded, pairs, 8 * len(head), leftovers + 8 * len(arithmetic_part))


def _varint(value: int) -> bytes:
    output = bytearray()
    while value > 127:
        output.append(value & 127 | 128)
        value >>= 7
    output.append(value)
    return bytes(output)


def _leftover_bits(folded: Plane, detail: DetailModel) -> int:
    if detail.leftover_code is None:
        return 0
    rows, width = folded.shape
    whole_rows, whole_width = rows - rows % detail.tile_rows, width - width % detail.tile_columns
    low = folded & ((1 << detail.split) - 1)
    lengths = detail.leftover_code.lengths
    return int(lengths[low[:whole_rows, whole_width:]].sum() + lengths[low[whole_rows:]].sum())


def loudness_of(folded: Plane, logarithmic: bool) -> Plane:
    """Padded loudness of a plane."""
    rows, width = folded.shape
    loudness = np.zeros((rows + arithmetic.PAD_TOP + arithmetic.PAD_BOTTOM, width + 2 * arithmetic.PAD_SIDE), np.int32)
    arithmetic.fill_loudness(folded, int(logarithmic), loudness)
    return loudness


def reference_context(
    contexts: ContextModel, references: Sequence[Plane], shape: tuple[int, int]
) -> tuple[Plane, Bytes]:
    """The references' share of the activity, and the classes of the nearest one's residuals."""
    activity, classes = np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
    for number in range(contexts.references):
        first = arithmetic.OWN_NEIGHBOURS + number * arithmetic.REFERENCE_NEIGHBOURS
        weights = contexts.weights[first : first + arithmetic.REFERENCE_NEIGHBOURS]
        arithmetic.fill_reference_activity(loudness_of(references[number], contexts.logarithmic), weights, activity)
    if contexts.class_count > 1:
        arithmetic.fill_classes(references[0], contexts.near, contexts.far, classes)
    return activity, classes


def tuples_of(folded: Plane, detail: DetailModel, references: Sequence[Plane]) -> tuple[Plane, Plane]:
    """Table and symbol (int32) of each whole tuple in raster order."""
    rows, width = folded.shape
    contexts = detail.contexts
    activity, classes = reference_context(contexts, references, (rows, width))
    count = (rows // detail.tile_rows) * (width // detail.tile_columns)
    tables, symbols = np.empty(count, np.int32), np.empty(count, np.int32)
    arithmetic.detail_tables(
        folded,
        loudness_of(folded, contexts.logarithmic),
        contexts.weights,
        contexts.thresholds,
        activity,
        classes,
        contexts.class_count,
        contexts.phases,
        detail.split,
        detail.tile_rows,
        detail.tile_columns,
        tables,
        symbols,
    )
    return tables, symbols


def _encode_tuples(folded: Plane, detail: DetailModel, references: Sequence[Plane]) -> bytes:
    tables, symbols = tuples_of(folded, detail, references)
    # A symbol costs at most log2(MAX_TOTAL) = 16 bits and a little rounding.
    output = np.zeros(64 + 3 * symbols.size, np.uint8)
    state = arithmetic.fresh_state(1 << detail.bits)
    size = arithmetic.encode_symbols(
        tables, symbols, detail.trees.copy(), detail.bits, detail.increment, detail.limit, state, output
    )
    return output[:size].tobytes()


def decode_plane(
    stream: bytes,
    span: PlaneRange,
    parameters: PlaneParameters,
    references: Sequence[Plane],
    rows: int,
    width: int,
    image_rows: int,
) -> tuple[Plane, Plane]:
    """The plane and its folded residuals. Raises FormatError where the stream breaks the rules."""
    model, detail = parameters.shapes, parameters.detail
    pairs, start = _read_varint(stream, 0)
    divisor, with_shapes = 1, 0
    if pairs:
        number, start = _read_varint(stream, start)
        divisor, with_shapes = (number >> 1) + 1, number & 1
    if pairs > rows * width or divisor > MAX_DIVISOR:
        raise FormatError("the head of a shape stream claims more than the plane can hold")
    data = np.frombuffer(bytearray(stream), np.uint8)[start:]
    folded, covered = np.zeros((rows, width), np.int32), np.zeros((rows, width), np.uint8)
    result = np.zeros(1, np.int64)
    code = model.code if with_shapes else model.single_code
    shapes = model.shapes
    status = bits.read_shapes(
        data,
        pairs,
        divisor,
        image_rows,
        largest_folded(span, parameters.mode) >> parameters.split,
        code.first_codes,
        code.first_ranks,
        code.symbols,
        model.singles,
        shapes.heights,
        shapes.widths,
        shapes.offsets,
        shapes.pool,
        folded,
        covered,
        result,
    )
    if status == bits.OK and detail:
        folded <<= detail.split
        if detail.leftover_code:
            leftover = detail.leftover_code
            status = bits.read_leftovers(
                data,
                int(result[0]),
                detail.split,
                detail.tile_rows,
                detail.tile_columns,
                leftover.first_codes,
                leftover.first_ranks,
                leftover.symbols,
                folded,
                result,
            )
    if status != bits.OK:
        raise FormatError("a shape stream is damaged: a codeword, shape or value does not fit the plane")
    used = (int(result[0]) + 7) // 8
    if detail:
        used += _decode_tuples(data[used:], folded, detail, references)
    if data.size > used:
        raise FormatError(f"a shape stream has {data.size - used} bytes too many")
    return unfold(folded, span, parameters.mode, parameters.shift, image_rows), folded


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    value = 0
    for index in range(5):
        byte = data[start + index] if start + index < len(data) else 0
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            return value, start + index + 1
    raise FormatError("a number in the head of a shape stream is too long")


def _decode_tuples(data: Bytes, folded: Plane, detail: DetailModel, references: Sequence[Plane]) -> int:
    contexts = detail.contexts
    activity, classes = reference_context(contexts, references, (folded.shape[0], folded.shape[1]))
    loudness = loudness_of(folded, contexts.logarithmic)
    return int(
        arithmetic.decode_detail(
            data,
            folded,
            loudness,
            int(contexts.logarithmic),
            contexts.weights,
            contexts.thresholds,
            activity,
            classes,
            contexts.class_count,
            contexts.phases,
            detail.split,
            detail.tile_rows,
            detail.tile_columns,
            detail.trees.copy(),
            detail.increment,
            detail.limit,
            arithmetic.fresh_state(1 << detail.bits),
        )
    )
