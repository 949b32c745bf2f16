"""Spec wide-samples: the plan of a band or group of wide samples, as plain data and as bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import chain
from math import isfinite
from typing import Any, NamedTuple

from sofc.container import schema
from sofc.container.layouts import build, parse
from sofc.errors import FormatError

STEPS, TABLES, MIRRORED, PREDICTED, LINES, FILTERED, RESAMPLED = range(7)
_OF_TWO = {MIRRORED: schema.WIDE_MIRRORED, FILTERED: schema.WIDE_FILTERED, RESAMPLED: schema.WIDE_RESAMPLED}
"""Layouts of the ways of which two others stand in the streams."""
PER_COMPONENT, PER_IMAGE = 1, 2
MAX_SHIFT = 52
MAX_ENTRIES = 1 << 22
"""Computed entries of all tables of a band."""
_MAX_KEY_BYTES = 10
MAX_TAPS, MAX_FRACTION = 8, 44
"""Of weights of lines."""
MAX_REACH = 32
"""Samples on each side that a filter weighs."""
_RECURSIVE, _RECURSION = 4, 12
"""The border of recursions, and the weights that one has."""
_FLOATS = (7, 8)
_CUBIC = 2
"""The last kind of interpolation."""
_AXES = ("through", "down", "across")


class Plan(NamedTuple):
    """``type``: number of the sample type of the keys. ``codebook``: number in the register, 0 for the image's own."""

    type: int
    codebook: int
    way: int
    body: bytes


class Segment(NamedTuple):
    """``steps`` steps of 2**shift keys each, from key ``start`` on."""

    start: int
    shift: int
    steps: int


class Steps(NamedTuple):
    """Segments from the lowest to the highest, and the masks of modelled bits of remainders of 0, 1, 2 ... bits."""

    segments: list[Segment]
    masks: list[int]


class Scaling(NamedTuple):
    """Entries computed from ``entries`` integers from ``first`` on. ``scale`` and ``offset``: their 64 bits."""

    form: int
    scale: int
    offset: int
    first: int
    entries: int
    corrections: list[int] | None = None


class Table(NamedTuple):
    """Computed entries, then ``keys``, rising."""

    scalings: list[Scaling]
    keys: list[int]

    @property
    def size(self) -> int:
        """How many entries it has."""
        return sum(one.entries for one in self.scalings) + len(self.keys)


class Tables(NamedTuple):
    """``sharing``: PER_COMPONENT and PER_IMAGE, or 0 where one table serves all."""

    sharing: int
    tables: list[Table]


class Mirrored(NamedTuple):
    """``down`` and ``across``: what the first row and column reflect; ``negated``: of which planes with the other sign,
    bit 0 of those of even number, bit 1 of the others. ``mode``, ``model`` and the number of ``streams``
    of the rows that are kept."""

    down: int
    across: int
    negated: int
    mode: int
    model: int
    streams: int


def pack_mirrored(mirrored: Mirrored) -> bytes:
    return build(schema.WIDE_MIRRORED, **mirrored._asdict())


def unpack_mirrored(body: bytes, rows: int, width: int) -> Mirrored:
    """For images of so many rows and columns. Raises FormatError."""
    fields = parse(schema.WIDE_MIRRORED, body, b"")
    if fields.down not in (0, rows - 1) or fields.across >= width or rows < 3:
        raise FormatError(f"an image of {rows} rows and {width} columns cannot be mirrored so")
    if fields.mode & 1 or fields.mode >> 1 > 2 or fields.negated > 3:
        raise FormatError(
            f"mode {fields.mode} or signs {fields.negated} of mirrored samples have bits that must be zero"
        )
    return Mirrored(fields.down, fields.across, fields.negated, fields.mode, fields.model, fields.streams)


def pack_predicted(side: int, tiles: bytes) -> bytes:
    """``tiles``: a bit for each tile of 2**side rows and columns."""
    return build(schema.WIDE_PREDICTED, side=side, tiles=tiles)


def unpack_predicted(body: bytes) -> tuple[int, bytes]:
    """The side of tiles, and their bits. Raises FormatError."""
    fields = parse(schema.WIDE_PREDICTED, body, b"")
    if not 2 <= fields.side <= 8:
        raise FormatError(f"tiles of 2**{fields.side} rows cannot be predicted")
    return fields.side, fields.tiles


class LineHead(NamedTuple):
    """``shared``: bits 0 to 2, whether images, rows and columns have the same weights each, and above them how much
    lower exponents are of numbers predicted as products, or 0. ``through``, ``down`` and
    ``across``: how many images, rows and columns before are weighted."""

    exponent: int
    shared: int
    fraction: int
    through: int
    down: int
    across: int


def pack_lines(head: LineHead, weights: Sequence[int]) -> tuple[bytes, bytes]:
    """The body of the plan, and the stream of weights, line by line."""
    rest = bytearray()
    for weight in weights:
        _put_number(rest, _to_zigzag(weight))
    return build(schema.WIDE_LINES, **head._asdict()), zlib.compress(bytes(rest), 9)


def unpack_lines(
    body: bytes, packed: bytes, lines: Sequence[int], samples: int, highest: int, reach: int
) -> tuple[LineHead, list[list[list[int]]]]:
    """The weights of each of the ``lines`` along each axis, or of the one for all, for a band of so many ``samples``.
    ``highest``: the exponent of the greatest finite number; ``reach``: those of a line are together below 2**reach.
    Raises FormatError."""
    fields = parse(schema.WIDE_LINES, body, b"")
    head = LineHead(fields.exponent, fields.shared, fields.fraction, fields.through, fields.down, fields.across)
    taps = head[3:]
    if not 1 <= head.exponent <= highest or head.fraction > MAX_FRACTION or max(taps) > MAX_TAPS:
        raise FormatError(f"exponent {head.exponent}, fraction {head.fraction} or taps {taps} of lines")
    lines = [1 if head.shared >> axis & 1 else count for axis, count in enumerate(lines)]
    numbers = sum(count * of for count, of in zip(lines, taps, strict=True))
    if numbers > samples:
        raise FormatError(f"{numbers} weights of lines are too many for {samples} samples")
    bits = head.fraction + reach
    rest = _Numbers(_inflated(packed, (bits // 7 + 1) * numbers), bits)
    tables = [[[rest.signed() for _ in range(of)] for _ in range(count)] for count, of in zip(lines, taps, strict=True)]
    rest.end()
    if any(sum(map(abs, line)) >> bits for table in tables for line in table):
        raise FormatError("the weights of a line are too great")
    return head, tables


class FilterHead(NamedTuple):
    """``between``: number of the sample type of what is filtered. ``function``: 1 of square roots.
    ``weights`` along images, rows and columns. ``mode``, ``model`` and the number of ``streams`` of the numbers that
    are filtered."""

    between: int
    border: int
    function: int
    weights: Sequence[Sequence[float]]
    mode: int
    model: int
    streams: int


def pack_filtered(head: FilterHead) -> bytes:
    fields = head._asdict()
    for axis, weights in zip(_AXES, fields.pop("weights"), strict=True):
        fields[axis] = [bits_of(one) for one in weights]
    return build(schema.WIDE_FILTERED, **fields)


def unpack_filtered(body: bytes) -> FilterHead:
    """Raises FormatError."""
    fields = parse(schema.WIDE_FILTERED, body, b"")
    if fields.between not in _FLOATS or fields.border > _RECURSIVE or fields.function > 1:
        raise FormatError(f"type {fields.between}, border {fields.border} or function {fields.function} of a filter")
    if fields.mode & 1 or fields.mode >> 1 > 2:
        raise FormatError(f"mode {fields.mode} of filtered samples has bits that must be zero")
    weights = [[float_of(bits) for bits in getattr(fields, axis)] for axis in _AXES]
    if any(len(one) > MAX_REACH + 1 for one in weights) or not all(map(isfinite, chain(*weights))):
        raise FormatError("the weights of a filter are too many or not finite")
    if fields.border == _RECURSIVE and any(len(one) not in (0, _RECURSION) for one in weights):
        raise FormatError("the weights of a recursion are too many or too few")
    return FilterHead(
        fields.between, fields.border, fields.function, weights, fields.mode, fields.model, fields.streams
    )


class GridHead(NamedTuple):
    """Of an axis that is interpolated: how many ``samples`` that is done between, and the places."""

    samples: int
    first: int
    end: int
    is_single: bool
    shift: float
    divisor: float
    step: float
    offset: float


class ResampledHead(NamedTuple):
    """``between``: number of the sample type of what is interpolated. ``grids`` of images, rows and columns, None where
    there is none. ``mode``, ``model`` and the number of ``streams`` of the numbers that are interpolated."""

    between: int
    kind: int
    grids: Sequence[Any]
    mode: int
    model: int
    streams: int


def pack_resampled(head: ResampledHead) -> bytes:
    """``head`` with grids of the fields of GridHead."""
    fields = head._asdict()
    for axis, grid in zip(_AXES, fields.pop("grids"), strict=True):
        floats = {} if grid is None else {name: bits_of(getattr(grid, name)) for name in GridHead._fields[4:]}
        fields[axis] = [] if grid is None else [grid._asdict() | floats]
    return build(schema.WIDE_RESAMPLED, **fields)


def unpack_resampled(body: bytes, lengths: Sequence[int]) -> ResampledHead:
    """Of so many images, rows and columns. Raises FormatError."""
    fields = parse(schema.WIDE_RESAMPLED, body, b"")
    if fields.between not in _FLOATS or fields.kind > _CUBIC:
        raise FormatError(f"type {fields.between} or kind {fields.kind} of interpolation")
    if fields.mode & 1 or fields.mode >> 1 > 2:
        raise FormatError(f"mode {fields.mode} of interpolated samples has bits that must be zero")
    grids: list[GridHead | None] = []
    for axis, length in zip(_AXES, lengths, strict=True):
        found = getattr(fields, axis)
        if len(found) > 1:
            raise FormatError(f"{len(found)} grids of one axis")
        for one in found:
            floats = [float_of(bits) for bits in (one.shift, one.divisor, one.step, one.offset)]
            if not 1 <= one.samples <= length or one.is_single > 1 or not all(map(isfinite, floats)) or not floats[1]:
                raise FormatError(f"{length} samples cannot be interpolated so between {one.samples}")
            grids.append(GridHead(one.samples, one.first, one.end, bool(one.is_single), *floats))
        grids += [None] * (not found)
    return ResampledHead(fields.between, fields.kind, grids, fields.mode, fields.model, fields.streams)


def bits_of(value: float) -> int:
    """The bits of a float64."""
    return int.from_bytes(struct.pack("<d", value), "little")


def float_of(bits: int) -> float:
    """The float64 of these bits."""
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


def pack_plan(plan: Plan) -> bytes:
    return build(schema.WIDE_PLAN, **plan._asdict())


def unpack_plan(data: bytes) -> Plan:
    """Raises FormatError."""
    fields = parse(schema.WIDE_PLAN, data, b"")
    return Plan(fields.type, fields.codebook, fields.way, fields.body)


def registered_codebooks(streams: Sequence[bytes]) -> set[int]:
    """Numbers in the register of the codebooks that the plans of a band or group name. Raises FormatError."""
    plan = unpack_plan(streams[0] if streams else b"")
    if plan.way in (PREDICTED, LINES):  # what is left of the keys is coded by a plan of its own
        start = 1 if plan.way == PREDICTED else 2
        return {unpack_plan(stream).codebook for stream in streams[start : start + 1]} - {0}
    if plan.way not in _OF_TWO:
        return {plan.codebook} - {0}
    kept = 1 + int(parse(_OF_TWO[plan.way], plan.body, b"").streams)
    return {unpack_plan(stream).codebook for stream in (*streams[1:2], *streams[kept : kept + 1])} - {0}


def pack_steps(steps: Steps) -> bytes:
    end = origin = steps.segments[0].start
    segments = []
    for start, shift, count in steps.segments:
        # The first segment begins at the origin, others at a whole step of theirs.
        base = origin if start == origin else (end + (1 << shift) - 1) >> shift << shift
        segments.append({"shift": shift, "gap": (start - base) >> shift, "steps": count})
        end = start + (count << shift)
    return build(schema.WIDE_STEPS, origin=origin, masks=steps.masks, segments=segments)


def unpack_steps(body: bytes, bits: int) -> Steps:
    """Steps for keys of so many bits. Raises FormatError."""
    fields = parse(schema.WIDE_STEPS, body, b"")
    end = fields.origin
    segments: list[Segment] = []
    total = 0
    for number, one in enumerate(fields.segments):
        if one.shift > MAX_SHIFT or one.steps < 1:
            raise FormatError(f"a segment of {one.steps} steps of {one.shift} bits")
        base = end if number == 0 else (end + (1 << one.shift) - 1) >> one.shift << one.shift
        start = base + (one.gap << one.shift)
        end = start + (one.steps << one.shift)
        total += one.steps
        if end > 1 << bits or total > 1 << 16:
            raise FormatError(f"{total} steps up to key {end} are too many for keys of {bits} bits")
        segments.append(Segment(start, one.shift, one.steps))
    if not segments:
        raise FormatError("keys have no steps")
    masks = list(fields.masks)
    if len(masks) > MAX_SHIFT + 1 or any(mask >> bits for bits, mask in enumerate(masks)):
        raise FormatError("the masks of remainders have bits that must be zero")
    return Steps(segments, masks)


def pack_tables(tables: Tables) -> tuple[bytes, bytes]:
    """The body of the plan, and the stream of corrections and keys."""
    rest = bytearray()
    heads = []
    for table in tables.tables:
        scalings = []
        for one in table.scalings:
            scalings.append(
                {
                    "form": one.form,
                    "scale": one.scale,
                    "offset": one.offset,
                    "first": _to_zigzag(one.first),
                    "count": one.entries,
                    "corrected": one.corrections is not None,
                }
            )
            for value in one.corrections or ():
                _put_number(rest, _to_zigzag(value))
        before = -1
        for key in table.keys:
            _put_number(rest, key - before - 1)
            before = key
        heads.append({"scalings": scalings, "listed": len(table.keys)})
    return build(schema.WIDE_TABLES, sharing=tables.sharing, tables=heads), zlib.compress(bytes(rest), 9)


def unpack_tables(body: bytes, packed: bytes, bits: int, samples: int) -> Tables:
    """Tables of keys of so many bits for a band of so many samples. Raises FormatError."""
    fields = parse(schema.WIDE_TABLES, body, b"")
    if fields.sharing > PER_COMPONENT | PER_IMAGE:
        raise FormatError(f"sharing {fields.sharing} of tables has bits that must be zero")
    computed = sum(one.count for table in fields.tables for one in table.scalings)
    keys = sum(table.listed for table in fields.tables)
    if computed > MAX_ENTRIES or keys > samples:
        raise FormatError(f"tables of {computed} and {keys} entries are too many for {samples} samples")
    corrected = sum(one.count for table in fields.tables for one in table.scalings if one.corrected)
    rest = _Numbers(_inflated(packed, _MAX_KEY_BYTES * (corrected + keys)), bits)
    tables = [_read_table(table, rest, bits) for table in fields.tables]
    rest.end()
    return Tables(fields.sharing, tables)


def _read_table(fields: Any, rest: _Numbers, bits: int) -> Table:
    scalings = []
    for one in fields.scalings:
        first = _from_zigzag(one.first)
        if one.count < 1 or abs(first) > 1 << 31 or one.corrected > 1:
            raise FormatError(f"{one.count} table entries from {first} on cannot be")
        corrections = [rest.signed() for _ in range(one.count)] if one.corrected else None
        scalings.append(Scaling(one.form, one.scale, one.offset, first, one.count, corrections))
    keys, before = [], -1
    for _ in range(fields.listed):
        before += rest.number() + 1
        if before >> bits:
            raise FormatError(f"key {before} in a table has more than {bits} bits")
        keys.append(before)
    return Table(scalings, keys)


def _to_zigzag(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


def _from_zigzag(value: int) -> int:
    return -(value + 1 >> 1) if value & 1 else value >> 1


def _put_number(output: bytearray, value: int) -> None:
    while value >= 0x80:
        output.append(value & 0x7F | 0x80)
        value >>= 7
    output.append(value)


class _Numbers:
    """Reads numbers of at most ``bits`` + 1 bits, seven a byte, the lowest first."""

    def __init__(self, data: bytes, bits: int) -> None:
        self._data = data
        self._place = 0
        self._bits = bits + 1

    def number(self) -> int:
        value = shift = 0
        while True:
            if self._place == len(self._data):
                raise FormatError("the stream of tables or weights is cut off")
            byte = self._data[self._place]
            self._place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if value >> self._bits:
                raise FormatError(f"a number of a table, or weight, has more than {self._bits} bits")
            if byte < 0x80:
                return value
            if shift > self._bits:
                raise FormatError("a number of a table, or weight, is too long")

    def signed(self) -> int:
        return _from_zigzag(self.number())

    def end(self) -> None:
        if self._place != len(self._data):
            raise FormatError("bytes are left over in the stream of tables or weights")


def _inflated(packed: bytes, most: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, most + 1)
    except zlib.error as error:
        raise FormatError(f"the stream of tables or weights is damaged: {error}") from None
    if not inflater.eof or inflater.unused_data or len(data) > most:
        raise FormatError("the stream of tables or weights is cut off or too long")
    return data
