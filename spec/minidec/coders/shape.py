"""Spec shape: soft compression, whose codebook holds patterns of residuals; and the neutral models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from ..codebook import Section
from ..coding_tools import MASK_32, Area, Range, check_sample, from_zigzag, med
from ..limits import MAX_SHAPE_SAMPLES
from ..notation import BitReader, FormatError, Reader, clamp, require

# Spec shape/parameters


@dataclass
class ShapePlane:
    """Parameters of a plane."""

    mode: int
    shift: int
    singles: int
    shapes: list[tuple[int, int, list[int]]] = field(default_factory=list)
    single_code: PrefixCode = field(default_factory=lambda: PrefixCode([]))
    code: PrefixCode = field(default_factory=lambda: PrefixCode([]))
    split: int = 0
    logarithmic: int = 0
    references: int = 0
    thresholds: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    phases: int = 1
    near: int = 0
    far: int = 0
    increment: int = 1
    limit: int = 64
    tables: list[list[int]] = field(default_factory=list)

    @property
    def classes(self) -> int:
        return 7 if self.far > 0 else 1


# Spec shape/prediction

MED, GAP, NO_PREDICTION = range(3)


def undo_med(zigzags: list[int], width: int, bounds: Range) -> list[int]:
    """The samples of one image, mode MED."""
    low, high = bounds
    out: list[int] = []
    for index, zigzag in enumerate(zigzags):
        y, x = divmod(index, width)
        if y == 0:
            predicted = out[index - 1] if x else 0
        elif x == 0:
            predicted = out[index - width]
        else:
            predicted = med(out[index - 1], out[index - width], out[index - width - 1])
        out.append(check_sample(clamp(predicted, low, high) + from_zigzag(zigzag), low, high))
    return out


EXPECTED_ERROR_STEPS = (5, 15, 25, 42, 60, 85, 140)
TEXTURES = 256
GAP_CONTEXTS = TEXTURES * (len(EXPECTED_ERROR_STEPS) + 1)


def gap_neighbours(out: list[int], width: int) -> tuple[int, int, int, int, int, int, int]:
    """W, WW, N, NW, NE, NN, NNE of the next sample; what lies beyond a border is the nearest one inside."""
    index = len(out)
    y, x = divmod(index, width)
    if y == 0:
        w = out[index - 1] if x > 0 else 0
        return w, (out[index - 2] if x > 1 else w), w, w, w, w, w
    n = out[index - width]
    w = out[index - 1] if x > 0 else n
    ww = out[index - 2] if x > 1 else w
    nw = out[index - width - 1] if x > 0 else n
    ne = out[index - width + 1] if x + 1 < width else n
    nn = out[index - 2 * width] if y > 1 else n
    nne = out[index - 2 * width + 1] if y > 1 and x + 1 < width else ne
    return w, ww, n, nw, ne, nn, nne


def undo_gap(zigzags: list[int], width: int, bounds: Range, shift: int) -> list[int]:
    """The samples of one image, mode GAP: the prediction of CALIC in sixteenths, and its mean error by context."""
    low, high = bounds
    out: list[int] = []
    sums, counts = [0] * GAP_CONTEXTS, [0] * GAP_CONTEXTS
    last = 0
    for index, zigzag in enumerate(zigzags):
        if index % width == 0:
            last = 0
        w, ww, n, nw, ne, nn, nne = gap_neighbours(out, width)
        across = abs(w - ww) + abs(n - nw) + abs(n - ne)
        down = abs(w - nw) + abs(n - nn) + abs(ne - nne)
        slope = (down - across) >> shift
        predicted = 8 * (w + n) + 4 * (ne - nw)
        side = 16 * w if slope > 0 else 16 * n
        if abs(slope) > 80:
            predicted = side
        elif abs(slope) > 32:
            predicted = (predicted + side) >> 1
        elif abs(slope) > 8:
            predicted = (3 * predicted + side) >> 2
        compared = (n, w, nw, ne, nn, ww, 2 * n - nn, 2 * w - ww)
        texture = sum((16 * value < predicted) << k for k, value in enumerate(compared))
        expected_error = (across + down + 2 * abs(last)) >> shift
        context = TEXTURES * sum(step < expected_error for step in EXPECTED_ERROR_STEPS) + texture
        corrected = predicted + 16 * sums[context] // counts[context] if counts[context] > 0 else predicted
        sample = check_sample(clamp((corrected + 8) >> 4, low, high) + from_zigzag(zigzag), low, high)
        out.append(sample)
        last = sample - ((predicted + 8) >> 4)
        sums[context] += last
        counts[context] += 1
        if counts[context] >= 128:
            counts[context] >>= 1
            sums[context] >>= 1
    return out


def undo_prediction(zigzags: list[int], area: Area, bounds: Range, mode: int, shift: int) -> list[int]:
    """The samples of a plane from its zigzag values, image by image."""
    low, high = bounds
    out: list[int] = []
    for start in area.image_starts:
        part = zigzags[start : start + area.image_rows * area.width]
        if mode == MED:
            out += undo_med(part, area.width, bounds)
        elif mode == GAP:
            out += undo_gap(part, area.width, bounds, shift)
        else:
            out += [check_sample(low + zigzag, low, high) for zigzag in part]
    return out


# Spec shape/range-coder


class Table:
    """Adaptive frequencies."""

    def __init__(self, frequencies: Sequence[int], increment: int, limit: int) -> None:
        self.frequencies = list(frequencies)
        self.total = sum(self.frequencies)
        self.increment = increment
        self.limit = limit

    def count(self, symbol: int) -> None:
        """A symbol was seen."""
        self.frequencies[symbol] += self.increment
        self.total += self.increment
        if self.total > self.limit:
            self.frequencies = [(f + 1) >> 1 for f in self.frequencies]
            self.total = sum(self.frequencies)


class RangeDecoder:
    """The range coder of coder 1; zeros follow its stream."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.range = MASK_32
        self.code = 0
        for _ in range(4):
            self.code = self.code * 256 + self.byte()

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def consume(self, unit: int, below: int, frequency: int) -> None:
        self.code -= unit * below
        self.range = unit * frequency
        while self.range < 1 << 24:
            self.code = (self.code * 256 + self.byte()) & MASK_32
            self.range *= 256

    def symbol(self, table: Table, encoder: RangeEncoder | None = None) -> int:
        """A symbol of a table, which learns it; the encoder, if there is one, does the same."""
        unit = self.range // table.total
        target = min(self.code // unit, table.total - 1)
        below = symbol = 0
        while below + table.frequencies[symbol] <= target:
            below += table.frequencies[symbol]
            symbol += 1
        self.consume(unit, below, table.frequencies[symbol])
        if encoder:
            encoder.step(below, table.frequencies[symbol], table.total)
        table.count(symbol)
        return symbol

    def bypass(self, encoder: RangeEncoder) -> int:
        unit = self.range // 2
        bit = min(self.code // unit, 1)
        self.consume(unit, bit, 1)
        encoder.step(bit, 1, 2)
        return bit


class RangeEncoder:
    """The one encoder that gives valid blocks; `low` is `out` and the 32 bits after it."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.low = 0
        self.range = MASK_32

    def carry(self) -> None:
        if self.low >> 32:
            self.low &= MASK_32
            index = len(self.out) - 1
            while self.out[index] == 255:
                self.out[index] = 0
                index -= 1
            self.out[index] += 1

    def step(self, below: int, frequency: int, total: int) -> None:
        unit = self.range // total
        self.low += unit * below
        self.range = unit * frequency
        self.carry()
        while self.range < 1 << 24:
            self.out.append(self.low >> 24)
            self.low = self.low << 8 & MASK_32
            self.range *= 256

    def finish(self) -> bytes:
        for dropped in (32, 24, 16, 8, 0):
            value = -(-self.low >> dropped) << dropped
            if value < self.low + self.range:
                break
        self.low = value
        self.carry()
        return bytes(self.out + self.low.to_bytes(4, "big")).rstrip(b"\0")


# Spec shape/numbers

NUMBER_DIGITS, NUMBER_INCREMENT, NUMBER_LIMIT = 32, 24, 8192


def read_numbers(block: bytes, count: int, above: Callable[[int], int]) -> list[int]:
    """A block of numbers; above(i) is the index of the number above number i, or less than 0."""
    tables: dict[int, Table] = {}
    decoder, encoder = RangeDecoder(block), RangeEncoder()
    out: list[int] = []
    for i in range(count):
        index = above(i)
        upper, previous = (out[index] if index >= 0 else 0), (out[-1] if out else 0)
        key = NUMBER_DIGITS * upper.bit_length() + previous.bit_length()
        if key not in tables:
            tables[key] = Table([1] * NUMBER_DIGITS, NUMBER_INCREMENT, NUMBER_LIMIT)
        digits = decoder.symbol(tables[key], encoder)
        value = min(digits, 1)
        for _ in range(digits - 1):
            value = 2 * value + decoder.bypass(encoder)
        out.append(value)
    require(encoder.finish() == block, "block is not what its numbers are encoded to")
    return out


# Spec shape/section

MAX_PARAMETER = (1 << 18) - 1
"""Of samples of shapes, and of the bounds of classes."""
MAX_SIDE = 28
MAX_FREQUENCIES = 1 << 18


def frequency_of(quantised: int) -> int:
    """The frequency that a quantised one of 1 to 128 stands for: four binary digits from 16 on."""
    require(1 <= quantised <= 128, "frequency out of range")
    return quantised if quantised < 16 else (8 + quantised % 8) << (quantised // 8 - 1)


class SectionReader(Reader):
    """Reads the numbers and blocks of a section."""

    def number(self, least: int, most: int) -> int:
        value = self.varint(5)
        require(least <= value <= most, "parameter out of range")
        return value

    def block(self, count: int, above: Callable[[int], int]) -> list[int]:
        return read_numbers(self.take(self.varint(5)), count, above)


def read_shapes(reader: SectionReader, count: int) -> list[tuple[int, int, list[int]]]:
    """Blocks 1 and 2: height, width and samples of each shape."""
    sizes = reader.block(2 * count, lambda i: i - 2)
    require(all(1 <= size <= MAX_SIDE for size in sizes), "shape size out of range")
    heights, widths = sizes[::2], sizes[1::2]
    above: list[int] = []
    for height, width in zip(heights, widths, strict=True):
        require(height * width >= 2, "shape of one sample")
        above += [-1] * width + list(range(len(above), len(above) + (height - 1) * width))
        require(len(above) <= MAX_SHAPE_SAMPLES, "too many shapes for this decoder")
    samples = reader.block(len(above), above.__getitem__)
    require(max(samples, default=0) <= MAX_PARAMETER, "sample of a shape out of range")
    shapes: list[tuple[int, int, list[int]]] = []
    at = 0
    for height, width in zip(heights, widths, strict=True):
        shapes.append((height, width, samples[at : at + height * width]))
        at += height * width
    return shapes


def read_shape_section(data: bytes, planes_before: int) -> ShapePlane:
    """Section of kind 0, all of whose numbers must obey Spec shape/parameters."""
    reader = SectionReader(data)
    number = reader.number
    plane = ShapePlane(mode=number(0, 2), shift=number(0, 8), singles=number(0, 1024))
    shapes = number(0, 65536)
    number(0, 65536)  # worth: the encoder's
    plane.split = number(0, 12)
    thresholds = 0
    if plane.split:
        plane.logarithmic, plane.references = number(0, 1), number(0, min(2, planes_before))
        thresholds, plane.phases = number(0, 63), number(1, 8)
        plane.near, plane.far = number(0, MAX_PARAMETER), number(0, MAX_PARAMETER)
        plane.increment, plane.limit = number(1, 1024), number(64, 65536)
        require(plane.near <= plane.far and (plane.far == 0 or plane.references > 0), "classes out of range")
        require(plane.limit + plane.increment <= 65536, "limit out of range")
        require((1 << plane.split) + plane.increment <= plane.limit // 2, "limit out of range")
    plane.shapes = read_shapes(reader, shapes)
    singles = plane.singles + 1
    lengths = reader.block(2 * singles + shapes, lambda i: i - 1)
    plane.single_code, plane.code = PrefixCode(lengths[:singles]), PrefixCode(lengths[singles:])
    if plane.split:
        read_detail_parameters(reader, plane, thresholds)
    reader.end()
    return plane


def read_detail_parameters(reader: SectionReader, plane: ShapePlane, thresholds: int) -> None:
    """Blocks 4 and 5: weights, thresholds and frequencies of the detail layer."""
    taps = len(OWN_TAPS) + len(REFERENCE_TAPS) * plane.references
    values = reader.block(taps + thresholds, lambda i: i - 1)
    plane.weights = [from_zigzag(value) for value in values[:taps]]
    require(all(abs(weight) <= 1024 for weight in plane.weights), "weight out of range")
    for i, value in enumerate(values[taps:]):
        plane.thresholds.append(plane.thresholds[-1] + value if i else from_zigzag(value))
        require(abs(plane.thresholds[-1]) < 1 << 30, "threshold out of range")
    tables = (thresholds + 1) * plane.classes * plane.phases + 1
    size = 1 << plane.split
    require(tables * size <= MAX_FREQUENCIES, "too many tables")
    frequencies = [frequency_of(value) for value in reader.block(tables * size, lambda i: i - size)]
    plane.tables = [frequencies[i * size : (i + 1) * size] for i in range(tables)]
    require(all(sum(table) <= plane.limit for table in plane.tables), "frequencies beyond the limit")


def read_shape_model(sections: list[Section], transform_planes: int) -> list[ShapePlane]:
    """Parameters of all planes of a model of coder 1."""
    require(len(sections) == transform_planes, "number of sections is not that of planes")
    require(all(section.kind == 0 for section in sections), "section of another kind")
    return [read_shape_section(section.data, plane) for plane, section in enumerate(sections)]


# Spec shape/codes


class PrefixCode:
    """A code given by the lengths of its codewords."""

    def __init__(self, lengths: Sequence[int]) -> None:
        require(all(1 <= length <= 24 for length in lengths), "length of a codeword out of range")
        self.symbols: dict[tuple[int, int], int] = {}
        word = before = 0
        for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths)):
            word <<= length - before
            require(word >> length == 0, "no room for all codewords")
            self.symbols[length, word] = symbol
            word += 1
            before = length

    def read(self, reader: BitReader) -> int:
        word = 0
        for length in range(1, 25):
            word = 2 * word + reader.bit()
            if (length, word) in self.symbols:
                return self.symbols[length, word]
        raise FormatError("bits that begin no codeword")


# Spec shape/stream


def padded_integer(stream: bytes, at: int) -> tuple[int, int]:
    """An integer of up to five bytes in any form, zeros past the end; and where it ends."""
    value = 0
    for i in range(5):
        byte = stream[at + i] if at + i < len(stream) else 0
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            return value, at + i + 1
    raise FormatError("integer too long")


def decode_shape_plane(
    plane: ShapePlane, stream: bytes, at: int, bounds: Range, area: Area, references: list[list[int]]
) -> list[int]:
    """The zigzag values of a plane, whose stream begins at `at`; `references`, nearest first, are zigzag values."""
    pairs, at = padded_integer(stream, at)
    require(pairs <= area.size, "too many pairs")
    golomb = 1
    code = plane.single_code
    if pairs:
        value, at = padded_integer(stream, at)
        golomb = value // 2 + 1
        code = plane.code if value % 2 else plane.single_code
        require(golomb <= 1 << 20, "Golomb parameter out of range")
    reader = BitReader(stream, at)
    high = read_shape_layer(plane, reader, pairs, golomb, code, bounds, area)
    zigzags = [value << plane.split for value in high]
    while reader.at_bit % 8:
        require(reader.bit() == 0, "bits that fill a byte are not zero")
    at = reader.at_bit // 8
    if plane.split:
        decoder = RangeDecoder(stream, at)
        read_detail_layer(plane, decoder, high, zigzags, area, references)
        at = decoder.at
    require(at >= len(stream), "bytes left over in a stream")
    return zigzags


# Spec shape/shape-layer


def read_shape_layer(
    plane: ShapePlane, reader: BitReader, pairs: int, golomb: int, code: PrefixCode, bounds: Range, area: Area
) -> list[int]:
    """The high parts of a plane."""
    high = [0] * area.size
    covered = bytearray(area.size)
    largest = (bounds[1] - bounds[0]) * (1 if plane.mode == 2 else 2) >> plane.split
    digits = (golomb - 1).bit_length()
    short = (1 << digits) - golomb
    index = 0
    for _ in range(pairs):
        distance = 0
        while reader.bit():
            distance += golomb
            require(distance <= area.size, "distance too large")
        if golomb > 1:
            rest = reader.bits(digits - 1)
            distance += rest if rest < short else 2 * rest + reader.bit() - short
        while index < area.size and (covered[index] or distance > 0):
            distance -= not covered[index]
            index += 1
        require(index < area.size, "pair beyond the plane")
        y, x = divmod(index, area.width)
        symbol = code.read(reader)
        if symbol == 0:
            zeros = 0
            while not reader.bit():
                zeros += 1
                require(zeros <= 19, "value too long")
            height, width, samples = 1, 1, [plane.singles + (1 << zeros | reader.bits(zeros))]
        elif symbol <= plane.singles:
            height, width, samples = 1, 1, [symbol]
        else:
            height, width, samples = plane.shapes[symbol - plane.singles - 1]
        require(max(samples) <= largest, "value too large")
        require(y % area.image_rows + height <= area.image_rows, "shape leaves its image")
        require(x + width <= area.width, "shape leaves the plane")
        for i, value in enumerate(samples):
            target = (y + i // width) * area.width + x + i % width
            require(not covered[target], "shape covers a sample again")
            covered[target] = 1
            high[target] = value
    return high


# Spec shape/detail-layer


def magnitude(zigzag: int, logarithmic: int) -> int:
    """How large a zigzag value is, for contexts: as it is, or in sixteenths of a doubling."""
    if not logarithmic:
        return min(zigzag, 4095)
    octave = (zigzag + 1).bit_length() - 1
    return 16 * octave + (16 * (zigzag + 1 - (1 << octave)) >> octave)


OWN_TAPS = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
REFERENCE_TAPS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))


def choose_table(plane: ShapePlane, zigzags: list[int], references: list[list[int]], area: Area, y: int, x: int) -> int:
    """The table of a sample without a high part, from the zigzag values around."""
    taps = [(zigzags, dy, dx) for dy, dx in OWN_TAPS]
    taps += [(reference, dy, dx) for reference in references[: plane.references] for dy, dx in REFERENCE_TAPS]
    activity = 0
    for weight, (source, dy, dx) in zip(plane.weights, taps, strict=True):
        if 0 <= y + dy < area.rows and 0 <= x + dx < area.width:
            activity += weight * magnitude(source[(y + dy) * area.width + x + dx], plane.logarithmic)
    level = sum(threshold <= activity for threshold in plane.thresholds)
    kind = 0
    if plane.classes > 1:
        value = references[0][y * area.width + x]
        kind = 1 + value % 2 + 2 * (value > plane.near) + 2 * (value > plane.far) if value else 0
    return (level * plane.classes + kind) * plane.phases + x % plane.phases


def read_detail_layer(
    plane: ShapePlane, decoder: RangeDecoder, high: list[int], zigzags: list[int], area: Area, nearest: list[list[int]]
) -> None:
    """Add the low parts of all samples to the zigzag values."""
    tables: dict[int, Table] = {}
    for index in range(area.size):
        number = len(plane.tables) - 1
        if high[index] == 0:
            number = choose_table(plane, zigzags, nearest, area, *divmod(index, area.width))
        if number not in tables:
            tables[number] = Table(plane.tables[number], plane.increment, plane.limit)
        zigzags[index] += decoder.symbol(tables[number])


def decode_shape(planes: list[ShapePlane], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 1."""
    zigzags: list[list[int]] = []
    out: list[list[int]] = []
    for plane, stream, bounds in zip(planes, streams, ranges, strict=True):
        zigzags.append(decode_shape_plane(plane, stream, 0, bounds, area, zigzags[::-1]))
        out.append(undo_prediction(zigzags[-1], area, bounds, plane.mode, plane.shift))
    return out


# Spec shape/neutral-parameters

SPLITS = 11
"""Values of `split`, 1 to 11, of each of the 11 variants: MED, GAP of nine shifts, none."""
VARIANTS = 11
NEUTRAL_SINGLES = 16


def geometric_frequencies(mean: int, size: int, total: int) -> list[int]:
    """Frequencies that fall off so that the mean is mean / 256, of four binary digits each."""
    weights = [1 << 40]
    for _ in range(size - 1):
        weights.append(weights[-1] * mean // (mean + 256))
    whole = sum(weights)
    frequencies = [1 + (total - size) * weight // whole for weight in weights]
    drops = [max(frequency.bit_length() - 4, 0) for frequency in frequencies]
    return [frequency >> drop << drop for frequency, drop in zip(frequencies, drops, strict=True)]


@cache
def neutral_parameters(first_byte: int) -> ShapePlane:
    """The parameters that follow from the first byte of a stream."""
    variant, split = first_byte // SPLITS, first_byte % SPLITS + 1
    mode = MED if variant == 0 else NO_PREDICTION if variant == VARIANTS - 1 else GAP
    code = PrefixCode([5] + [2 * i.bit_length() - 1 for i in range(1, NEUTRAL_SINGLES + 1)])
    step = 1 if split < 8 else 2
    size = 1 << split
    total = 4096 if split < 10 else 4 * size
    means = [32]
    means += [((2 + i % 2) << (7 + i // 2)) - 256 for i in range(step, 2 * split + 2 + step, step)]
    means.append(256 * size)
    return ShapePlane(
        mode, variant - 1 if mode == GAP else 0, NEUTRAL_SINGLES, [], code, code, split=split, logarithmic=1,
        thresholds=[1024 * i + 512 * step for i in range(0, 2 * split + 2, step)],
        weights=[40, 40, 16, 16, 8, 8], increment=24, limit=4 * total,
        tables=[geometric_frequencies(mean, size, total) for mean in means],
    )  # fmt: skip


def decode_neutral(streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of a neutral model."""
    out = []
    for stream, bounds in zip(streams, ranges, strict=True):
        first_byte = stream[0] if stream else 0
        require(first_byte < VARIANTS * SPLITS, "unknown neutral parameters")
        plane = neutral_parameters(first_byte)
        zigzags = decode_shape_plane(plane, stream, 1, bounds, area, [])
        out.append(undo_prediction(zigzags, area, bounds, plane.mode, plane.shift))
    return out
