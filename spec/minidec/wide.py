"""Spec wide-samples."""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .coding_tools import Area, Decisions, learn
from .limits import MAX_VALUES
from .notation import BitReader, FormatError, Reader, clamp, require

UNTRAINED = 0x80000000
MAX_COMPUTED = 1 << 22


@dataclass(frozen=True)
class Number:
    """A type of numbers: its bits and, of floating-point ones, those of its mantissa; 0 of others."""

    code: int
    bits: int
    mantissa: int = 0
    signed: bool = False

    @property
    def half(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def special(self) -> int:
        """The exponent of infinities and of what is not a number."""
        return (1 << (self.bits - 1 - self.mantissa)) - 1

    # Spec wide-samples/keys

    def to_key(self, bits: int) -> int:
        if self.mantissa:
            return bits + self.half if bits < self.half else 2 * self.half - 1 - bits
        return bits ^ self.half if self.signed else bits

    def from_key(self, key: int) -> int:
        if self.mantissa:
            return key - self.half if key >= self.half else 2 * self.half - 1 - key
        return key ^ self.half if self.signed else key


FLOAT16, BFLOAT16, FLOAT32, FLOAT64 = Number(5, 16, 10), Number(6, 16, 7), Number(7, 32, 23), Number(8, 64, 52)
NUMBERS = {1: Number(1, 32), 2: Number(2, 32, signed=True), 3: Number(3, 64), 4: Number(4, 64, signed=True)}
NUMBERS |= {5: FLOAT16, 6: BFLOAT16, 7: FLOAT32, 8: FLOAT64}
SAMPLES = {**{code: (number, 1) for code, number in NUMBERS.items()}, 9: (FLOAT32, 2), 10: (FLOAT64, 2)}
"""Of each sample type, its numbers and how many a sample has."""
DTYPES = [
    "",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "uint16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


@dataclass(frozen=True)
class Part:
    """A band or group of numbers: its streams, and how its core image is coded."""

    model: int
    mapping: int
    streams: list[bytes]
    area: Area


Core = Callable[[Part, int, int], list[list[int]]]
"""Gives the planes of the core image of a part without the streams before it, from its codebook and `count`."""


def decode_wide(number: Number, planes: int, part: Part, core: Core, whole: bool = True) -> list[list[int]]:
    """The bits of the numbers of a band or group, plane by plane. Its `whole` may be of ways 2 to 6."""
    require(len(part.streams) >= 1, "wide samples without a plan")
    reader = Reader(part.streams[0])
    code, codebook, way = reader.u8(), int.from_bytes(reader.take(2), "little"), reader.u8()
    require(code in NUMBERS and (way in (0, 1) or (2 <= way <= 6 and whole)), "unknown type of keys, or way")
    kind = NUMBERS[code]
    narrower = number in (FLOAT32, FLOAT64) and kind in (FLOAT16, FLOAT32) and kind.bits < number.bits
    require(kind == number or narrower, "keys of a type that cannot be")
    before = (4, 2, 1, 1, 2, 1, 1)[way]
    require(len(part.streams) >= before, "too few streams for wide samples")
    rest = replace(part, streams=part.streams[before:])
    if way == 0:
        keys = decode_steps(kind, part, reader, lambda count: core(rest, codebook, count))
    elif way == 1:
        tables = Tables(kind, planes, part.streams[1], reader, part.area)
        keys = tables.use(core(rest, codebook, tables.count))
    elif way == 2:
        keys = decode_mirrored(kind, planes, rest, reader, core)
    elif way == 3:
        keys = decode_predicted(kind, planes, rest, reader, core)
    elif way == 4:
        keys = decode_lines(kind, planes, part.streams[1], rest, reader, core)
    elif way == 5:
        keys = decode_filtered(kind, planes, rest, reader, core)
    else:
        keys = decode_resampled(kind, planes, rest, reader, core)
    return [[widen(kind.from_key(key), kind, number) for key in plane] for plane in keys]


# Spec wide-samples/mirrored


def decode_mirrored(kind: Number, planes: int, part: Part, reader: Reader, core: Core) -> list[list[int]]:
    area = part.area
    rows, width, images = area.image_rows, area.width, len(area.image_starts)
    down, across, negated, mode = reader.varint(), reader.varint(), reader.u8(), reader.u8()
    model, count = reader.varint(), reader.varint()
    reader.end()
    require(kind.bits > 16 and rows >= 3 and down in (0, rows - 1) and across < width, "image cannot be mirrored so")
    require(mode in (0, 2, 4) and count < len(part.streams), "mode or streams of mirrored samples")
    require(negated < 4, "planes with the other sign")
    kept = down // 2 + 1 if down else rows // 2 + 1
    upper = Part(model, mode >> 1, part.streams[:count], Area(images * kept, width, kept))
    lower = replace(part, streams=part.streams[count:], area=Area(images * (rows - kept), width, rows - kept))
    differences = NUMBERS[2 if kind.bits == 32 else 4]
    found = []
    first, others = (
        decode_wide(one, planes, half, core, whole=False) for one, half in ((kind, upper), (differences, lower))
    )
    for number, (top, rest) in enumerate(zip(first, others, strict=True)):
        plane: list[int] = []
        sign = 2 * kind.half - 1 if negated >> number % 2 & 1 else 0
        for image in range(images):
            start = image * kept * width
            plane += [kind.to_key(bits) for bits in top[start : start + kept * width]]
            for y in range(kept, rows):
                reflected = image * rows * width + (down - y) % rows * width
                for x in range(width):
                    change = rest[(image * (rows - kept) + y - kept) * width + x]
                    # Of a key of so many bits, all inverted is 2^b - 1 less it.
                    plane.append(((plane[reflected + (across - x) % width] ^ sign) + change) % (2 * kind.half))
        found.append(plane)
    return found


# Spec wide-samples/predicted


def decode_predicted(kind: Number, planes: int, part: Part, reader: Reader, core: Core) -> list[list[int]]:
    area, side = part.area, reader.u8()
    require(kind in (FLOAT32, FLOAT64) and 2 <= side <= 8, "numbers cannot be predicted so")
    tiles = BitReader(reader.rest())
    across, down = -(-area.width >> side), -(-area.image_rows >> side)
    images = len(area.image_starts)
    flags = [[[tiles.bit() for _ in range(across)] for _ in range(down)] for _ in range(planes * images)]
    require(len(tiles.data) == (tiles.at_bit + 7) // 8, "bits of tiles of another number")
    require(not any(tiles.bit() for _ in range(-tiles.at_bit % 8)), "bits after the last tile")
    found = []
    for number, given in enumerate(decode_wide(kind, planes, part, core, whole=False)):
        plane: list[int] = []
        for image in range(images):
            for y in range(area.image_rows):
                for x in range(area.width):
                    key = kind.to_key(given[len(plane)])
                    if flags[number * images + image][y >> side][x >> side]:
                        difference = from_zigzag((key - kind.half) % (2 * kind.half))
                        key = (kind.half + expected(kind, plane, y, x, area.width) + difference) % (2 * kind.half)
                    plane.append(key)
        found.append(plane)
    return found


def expected(kind: Number, plane: list[int], y: int, x: int, width: int) -> int:
    """What the next key of a plane is expected to be, that of zero being 0."""
    west = plane[-1] - kind.half if x else 0
    north = plane[-width] - kind.half if y else 0
    if x and y:
        return product(kind, west, north, plane[-width - 1] - kind.half)
    return west if x else north


def magnitude(key: int) -> int:
    return key if key >= 0 else -1 - key


def product(kind: Number, west: int, north: int, corner: int) -> int:
    """W * N / NW of numbers given by their keys, that of zero being 0."""
    m, parts = kind.mantissa, []
    for key in (west, north, corner):
        value = magnitude(key)
        exponent = value >> m
        parts.append((exponent, value % (1 << m) + (1 << m if exponent else 0)))
    (first, a), (second, b), (third, c) = parts
    if third == 0 or max(first, second, third) == kind.special:
        return west
    quotient = 4 * a * b // c
    if quotient == 0:
        return 0
    exponent = max(1, first) + max(1, second) - third - 2
    shift = max(quotient.bit_length() - m - 1, 1 - exponent)
    if shift > m + 4:
        return 0
    if exponent + shift >= kind.special:
        return west
    rounded = quotient + (1 << shift - 1) >> shift if shift > 0 else quotient << -shift
    found = (exponent + shift - 1 << m) + rounded
    if found >> m >= kind.special:
        return west
    return -1 - found if found > 0 and (west < 0) ^ (north < 0) ^ (corner < 0) else found


# Spec wide-samples/lines


@dataclass
class Weights:
    """Those of each image, row and column, times 2^44, the highest exponent, and the depth."""

    exponent: int
    depth: int
    through: list[list[int]]
    down: list[list[int]]
    across: list[list[int]]


def read_weights(kind: Number, planes: int, packed: bytes, reader: Reader, area: Area) -> Weights:
    exponent, shared, fraction = int.from_bytes(reader.take(2), "little"), reader.u8(), reader.u8()
    taps = [reader.u8() for _ in range(3)]
    reader.end()
    require(1 <= exponent < kind.special, "lines cannot be predicted so")
    require(fraction <= 44 and max(taps) <= 8, "fraction or number of weights")
    counts = len(area.image_starts), area.image_rows, area.width
    sizes = [taps[axis] * (1 if shared >> axis & 1 else counts[axis]) for axis in range(3)]
    require(sum(sizes) <= planes * area.size, "too many weights")
    rest = Reader(inflate(packed))
    tables = []
    for axis, lines in enumerate(counts):
        sets = 1 if shared >> axis & 1 else lines
        table = [[from_zigzag(read_number(rest, fraction + 9)) for _ in range(taps[axis])] for _ in range(sets)]
        require(all(sum(map(abs, line)) < 1 << fraction + 8 for line in table), "weights too great")
        table = table * (lines // sets)
        tables.append([[weight << 44 - fraction for weight in line] for line in table])
    rest.end()
    return Weights(exponent, shared >> 3, *tables)


def decode_lines(kind: Number, planes: int, packed: bytes, part: Part, reader: Reader, core: Core) -> list[list[int]]:
    area, half, bits = part.area, kind.half, kind.bits
    require(kind in (FLOAT32, FLOAT64), "numbers cannot be predicted so")
    weights = read_weights(kind, planes, packed, reader, area)
    size = area.image_rows * area.width
    found = []
    for given in decode_wide(kind, planes, part, core, whole=False):
        keys: list[int] = []
        points: list[int] = []
        first: list[int] = []
        second: list[int] = []
        for at, left in enumerate(given):
            i, y, x = at // size, at % size // area.width, at % area.width
            a = weighted(weights.through[i], points, at, size, i)
            b = weighted(weights.down[y], first, at, area.width, y)
            c = weighted(weights.across[x], second, at, 1, x)
            guess = to_number(kind, limit(a + b + c), weights.exponent)
            if x and y and weights.depth and (magnitude(guess) >> kind.mantissa) + weights.depth < weights.exponent:
                guess = product(kind, keys[-1], keys[-area.width], keys[-area.width - 1])
            west = zigzag(keys[-1] - guess, bits) if x else 0
            n = (kind.to_key(left) - half) % (1 << bits)
            if 0 < n <= west:
                n = west if n == 1 else n - 1
            keys.append((guess + from_zigzag(n) + half) % (1 << bits) - half)
            points.append(to_point(kind, keys[-1], weights.exponent))
            first.append(limit(points[-1] - a))
            second.append(limit(first[-1] - b))
        found.append([key + half for key in keys])
    return found


def weighted(weights: list[int], values: list[int], at: int, stride: int, known: int) -> int:
    """Of as many values before a place as are known."""
    return sum(weight * values[at - k * stride] for k, weight in enumerate(weights[:known], 1)) >> 44


def limit(value: int) -> int:
    return clamp(value, -(1 << 53), 1 << 53)


def zigzag(difference: int, bits: int) -> int:
    """Of a difference modulo 2^bits."""
    half = 1 << bits - 1
    difference = (difference + half) % (2 * half) - half
    return 2 * difference if difference >= 0 else -2 * difference - 1


def to_point(kind: Number, key: int, highest: int) -> int:
    exponent, significand = magnitude(key) >> kind.mantissa, magnitude(key) & ((1 << kind.mantissa) - 1)
    if exponent > highest:
        return 0
    significand += 1 << kind.mantissa if exponent else 0
    shift = max(1, exponent) - highest + 52 - kind.mantissa
    value = significand << shift if shift >= 0 else significand >> -shift
    return value if key >= 0 else -value


def to_number(kind: Number, value: int, highest: int) -> int:
    m, size = kind.mantissa, abs(value)
    shift = max(size.bit_length() - m - 1, 53 - highest - m)
    if value == 0 or shift > 62:
        return 0
    rounded = size + (1 << shift - 1) >> shift if shift > 0 else size << -shift
    found = min((highest + m + shift - 53 << m) + rounded, (kind.special << m) - 1)
    return -1 - found if value < 0 and found > 0 else found


# Spec wide-samples/filtered


def decode_filtered(kind: Number, planes: int, part: Part, reader: Reader, core: Core) -> list[list[int]]:
    between, border, function = reader.u8(), reader.u8(), reader.u8()
    weights = [read_floats(reader) for _ in range(3)]
    mode, model, count = reader.u8(), reader.varint(), reader.varint()
    reader.end()
    require(kind in (FLOAT32, FLOAT64) and between in (7, 8) and function <= 1, "numbers cannot be filtered so")
    require(border <= 4 and mode in (0, 2, 4) and count < len(part.streams), "border, mode or streams")
    require(all(len(axis) <= 33 and all(map(math.isfinite, axis)) for axis in weights), "weights of a filter")
    require(border < 4 or all(len(axis) in (0, 12) for axis in weights), "weights of a recursion")
    first = replace(part, model=model, mapping=mode >> 1, streams=part.streams[:count])
    second = replace(part, streams=part.streams[count:])
    origin = decode_wide(NUMBERS[between], planes, first, core, whole=False)
    differences = decode_wide(NUMBERS[2 if kind.bits == 32 else 4], planes, second, core, whole=False)
    images, rows, width = len(part.area.image_starts), part.area.image_rows, part.area.width
    found = []
    for plane, left in zip(origin, differences, strict=True):
        values = [finite(NUMBERS[between], float_of(NUMBERS[between], bits)) for bits in plane]
        axes = (images, rows * width), (rows, width), (width, 1)
        for number in (0, 2, 1) if border == 4 and weights[0] else (0, 1, 2):
            if weights[number]:
                values = filtered(NUMBERS[between], values, *axes[number], weights[number], border)
        if function:
            values = [math.sqrt(value) if value >= 0 else 0.0 for value in values]
        made = [kind.to_key(bits_of(kind, finite(kind, value))) for value in values]
        found.append([(key + change) % (2 * kind.half) for key, change in zip(made, left, strict=True)])
    return found


def read_floats(reader: Reader) -> list[float]:
    return [float_of(FLOAT64, int.from_bytes(reader.take(8), "little")) for _ in range(reader.varint())]


def filtered(
    kind: Number, values: list[float], length: int, stride: int, weights: list[float], border: int
) -> list[float]:
    """The values, of which those of a line are `stride` apart, filtered."""
    result = [0.0] * len(values)
    for start in range(len(values)):
        if start // stride % length:
            continue
        line = values[start : start + length * stride : stride]
        if border == 4:
            forth = recursion(line, weights[:4], weights[4:8], 0)
            back = recursion(line[::-1], weights[8:], weights[4:8], 1)[::-1]
            made = [one + other for one, other in zip(forth, back, strict=True)]
        else:
            made = sums(line, weights, border)
        if border == 3:
            made = [divided(one, other) for one, other in zip(made, sums([1.0] * length, weights, border), strict=True)]
        result[start : start + length * stride : stride] = [finite(kind, value) for value in made]
    return result


def sums(line: list[float], weights: list[float], border: int) -> list[float]:
    def x(j: int) -> float:
        if border == 3:
            return line[j] if 0 <= j < len(line) else 0.0
        return line[place(j, len(line), border)]

    made = []
    for i in range(len(line)):
        total = x(i) * weights[0]
        for k in range(len(weights) - 1, 0, -1):
            total += (x(i - k) + x(i + k)) * weights[k]
        made.append(total)
    return made


def recursion(x: list[float], n: list[float], d: list[float], delay: int) -> list[float]:
    total, rest = ((n[0] + n[1]) + n[2]) + n[3], (((1.0 + d[0]) + d[1]) + d[2]) + d[3]
    still, f = [divided(one * total, rest) for one in d], list[float]()
    for i in range(len(x)):
        s = [x[max(i - delay - k, 0)] * n[k] for k in range(4)]
        r = [f[i - k] * d[k - 1] if i >= k else x[0] * still[k - 1] for k in range(1, 5)]
        f.append((((s[0] + s[1]) + s[2]) + s[3]) - (((r[0] + r[1]) + r[2]) + r[3]))
    return f


def divided(one: float, other: float) -> float:
    """What binary64 has for it where a division by 0 is no error; which infinity is of no account."""
    return one / other if other else math.nan if one == 0 or math.isnan(one) else math.inf


def place(j: int, length: int, border: int) -> int:
    """Where the sample stands that is taken for sample j of a line."""
    if border in (2, 4):
        return clamp(j, 0, length - 1)
    period = max(1, 2 * length - 2 * border)
    j %= period
    return j if j < length else period - j - (1 if border == 0 else 0)


# Spec wide-samples/resampled


@dataclass(frozen=True)
class Grid:
    """WIDE_GRID, as numbers."""

    samples: int
    first: int
    end: int
    is_single: int
    floats: tuple[float, ...]

    def at(self, i: int) -> tuple[int, float] | None:
        """The number below place i, and how far beyond it that is; None where all are 0."""
        if not self.first <= i < self.end:
            return None
        shift, divisor, step, offset = self.floats
        place = (i + shift) / divisor * step + offset
        if self.is_single:
            place = single(place)
        place = 0.0 if math.isnan(place) else min(max(place, -1.0), float(self.samples))
        return math.floor(place), place - math.floor(place)


def read_grids(reader: Reader, length: int) -> Grid | None:
    count = reader.varint()
    require(count <= 1, "two grids of one axis")
    if not count:
        return None
    samples, first, end, is_single = reader.varint(), reader.varint(), reader.varint(), reader.u8()
    floats = tuple(float_of(FLOAT64, int.from_bytes(reader.take(8), "little")) for _ in range(4))
    require(1 <= samples <= length and is_single <= 1, "places between samples")
    require(all(map(math.isfinite, floats)) and floats[1] != 0, "places between samples")
    return Grid(samples, first, end, is_single, floats)


def decode_resampled(kind: Number, planes: int, part: Part, reader: Reader, core: Core) -> list[list[int]]:
    between, how = reader.u8(), reader.u8()
    lengths = len(part.area.image_starts), part.area.image_rows, part.area.width
    grids = [read_grids(reader, length) for length in lengths]
    mode, model, count = reader.u8(), reader.varint(), reader.varint()
    reader.end()
    require(kind in (FLOAT32, FLOAT64) and between in (7, 8) and how <= 2, "numbers cannot be interpolated so")
    require(mode in (0, 2, 4) and count < len(part.streams), "mode or streams")
    images, rows, width = (grid.samples if grid else length for grid, length in zip(grids, lengths, strict=True))
    area = Area(images * rows, width, rows)
    first = Part(model, mode >> 1, part.streams[:count], area)
    second = replace(part, streams=part.streams[count:])
    origin = decode_wide(NUMBERS[between], planes, first, core, whole=False)
    differences = decode_wide(NUMBERS[2 if kind.bits == 32 else 4], planes, second, core, whole=False)
    found = []
    for plane, left in zip(origin, differences, strict=True):
        values = [finite(NUMBERS[between], float_of(NUMBERS[between], bits)) for bits in plane]
        values = resampled(NUMBERS[between], values, (images, rows, width), lengths, grids, how)
        made = [kind.to_key(bits_of(kind, finite(kind, value))) for value in values]
        found.append([(key + change) % (2 * kind.half) for key, change in zip(made, left, strict=True)])
    return found


def resampled(
    kind: Number,
    values: list[float],
    shape: Sequence[int],
    lengths: Sequence[int],
    grids: Sequence[Grid | None],
    how: int,
) -> list[float]:
    """Values of images, rows and columns, interpolated to as many as `lengths` say."""
    sizes, found = list(shape), values
    for axis in (0, 1, 2) if how == 2 else ():
        if grids[axis]:
            found = along(found, sizes, axis, spline)
    if how == 1:
        for axis in (2, 1, 0):
            if grid := grids[axis]:
                beside = [change_taps(grid, i) for i in range(lengths[axis])]
                found = along(found, sizes, axis, lambda line, beside=beside: changes(line, beside))  # type: ignore[misc]
                found, sizes[axis] = [finite(kind, value) for value in found], lengths[axis]
        return found
    through, down, across = (
        [weights(grid, i, how) if grid else [(i, 1.0)] for i in range(length)]
        for grid, length in zip(grids, lengths, strict=True)
    )
    result = []
    for z, y, x in itertools.product(through, down, across):
        total = 0.0
        for number, ((i, one), (j, other), (k, last)) in enumerate(itertools.product(z, y, x)):
            value = found[(i * sizes[1] + j) * sizes[2] + k] * one * other * last
            total = total + value if number else value
        result.append(total)
    return result


def change_taps(grid: Grid, i: int) -> tuple[int, int, float] | None:
    if (at := grid.at(i)) is None:
        return None
    return clamp(at[0], 0, grid.samples - 1), clamp(at[0] + 1, 0, grid.samples - 1), at[1]


def changes(line: list[float], taps: list[tuple[int, int, float] | None]) -> list[float]:
    return [0.0 if tap is None else (line[tap[1]] - line[tap[0]]) * tap[2] + line[tap[0]] for tap in taps]


def weights(grid: Grid, i: int, how: int) -> list[tuple[int, float]]:
    """Of place i, the numbers that count, and their weights; none where all are 0."""
    if (at := grid.at(i)) is None:
        return []
    below, f = at
    r, last = 1.0 - f, grid.samples - 1
    if how == 0:
        return [(clamp(below, 0, last), r), (clamp(below + 1, 0, last), 1.0 - r)]
    a = r * r * r / 6.0
    b = (f * f * (f - 2.0) * 3.0 + 4.0) / 6.0
    c = (r * r * (r - 2.0) * 3.0 + 4.0) / 6.0
    return [(mirror(below - 1 + k, last), one) for k, one in enumerate((a, b, c, 1.0 - a - b - c))]


def mirror(j: int, last: int) -> int:
    """Where a number beyond the borders stands."""
    j = abs(j) % max(1, 2 * last)
    return min(j, 2 * last - j)


def spline(line: list[float]) -> list[float]:
    """The coefficients of a line."""
    last, z = len(line) - 1, -0.2679491924311227
    if not last:
        return line
    c = [value * ((1.0 - z) * (1.0 - 1.0 / z)) for value in line]
    power, far = z, math.prod([z] * last)
    c[0] += far * c[last]
    for k in range(1, last):
        c[0] += power * (c[k] + far * c[last - k])
        power *= z
    c[0] /= 1.0 - far * far
    for k in range(1, last + 1):
        c[k] += z * c[k - 1]
    c[last] = (z * c[last - 1] + c[last]) * z / (z * z - 1.0)
    for k in range(last - 1, -1, -1):
        c[k] = z * (c[k + 1] - c[k])
    return c


def along(
    values: list[float], sizes: Sequence[int], axis: int, make: Callable[[list[float]], list[float]]
) -> list[float]:
    """What is made of each line along an axis of values of these sizes."""
    stride, length = math.prod(sizes[axis + 1 :]), sizes[axis]
    result: list[float] = []
    for start in range(0, len(values), length * stride):
        lines = [make(values[start + k : start + length * stride : stride]) for k in range(stride)]
        result += [value for row in zip(*lines, strict=True) for value in row]
    return result


def single(value: float) -> float:
    """The nearest binary32."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def float_of(kind: Number, bits: int) -> float:
    code = {32: "<f", 64: "<d"}[kind.bits]
    return float(struct.unpack(code, bits.to_bytes(kind.bits // 8, "little"))[0])


def bits_of(kind: Number, value: float) -> int:
    return int.from_bytes(struct.pack({32: "<f", 64: "<d"}[kind.bits], value), "little")


def finite(kind: Number, value: float) -> float:
    """The value rounded to a type, or 0."""
    try:
        value = float_of(kind, bits_of(kind, value))
    except OverflowError:
        return 0.0
    return value if math.isfinite(value) else 0.0


# Spec wide-samples/narrowing


def widen(bits: int, few: Number, many: Number) -> int:
    """The bits of a number in a type of more bits."""
    if few == many:
        return bits
    sign, exponent, mantissa = bits // few.half, bits >> few.mantissa & few.special, bits & ((1 << few.mantissa) - 1)
    more = many.mantissa - few.mantissa
    if exponent == few.special:
        exponent = many.special
    elif exponent > 0:
        exponent += many.special // 2 - few.special // 2
    elif mantissa > 0:
        shift = few.mantissa + 1 - mantissa.bit_length()
        mantissa = mantissa << shift & ((1 << few.mantissa) - 1)
        exponent = many.special // 2 - few.special // 2 + 1 - shift
    return sign * many.half | exponent << many.mantissa | mantissa << more


# Spec wide-samples/steps


def decode_steps(kind: Number, part: Part, reader: Reader, core: Callable[[int], list[list[int]]]) -> list[list[int]]:
    origin = int.from_bytes(reader.take(8), "little")
    masks = [reader.varint() for _ in range(reader.varint())]
    require(len(masks) <= 53 and all(mask < 1 << size for size, mask in enumerate(masks)), "mask out of range")
    count = reader.varint()
    require(1 <= count <= 65536, "steps out of range")
    segments: list[tuple[int, int, int]] = []  # first step, first key, shift
    steps, end = 0, origin
    for index in range(count):
        shift, gap, size = reader.u8(), reader.varint(), reader.varint()
        require(shift <= 52 and size >= 1, "segment out of range")
        start = origin + (gap << shift) if index == 0 else (-(-end >> shift) + gap) << shift
        end = start + (size << shift)
        segments.append((steps, start, shift))
        steps += size
        require(end <= 2 * kind.half and steps <= 65536, "too many steps")
    reader.end()
    found = core(steps)
    require(all(step < steps for plane in found for step in plane), "no such step")
    ends = [first for first, _, _ in segments[1:]] + [steps]
    place = [k for k, (segment, last) in enumerate(zip(segments, ends, strict=True)) for _ in range(segment[0], last)]
    steps_of_all = [step for plane in found for step in plane]
    sizes = [segments[place[step]][2] for step in steps_of_all]
    origins = Repeats(part.streams[1], part.area.width).origins(steps_of_all, sizes)
    remainders = Remainders(masks, part.streams[2], part.streams[3])
    keys: list[int] = []
    for number, (step, origin) in enumerate(zip(steps_of_all, origins, strict=True)):
        first, start, shift = segments[place[step]]
        keys.append(keys[origin] if origin < number else start + (step - first << shift) + remainders.read(shift))
    remainders.end()
    return [keys[k : k + len(found[0])] for k in range(0, len(keys), len(found[0]))]


# Spec wide-samples/repeats


class Repeats:
    """Reads which numbers repeat an earlier one."""

    def __init__(self, stream: bytes, width: int) -> None:
        self.stream, self.width = stream, width
        self.models: dict[tuple[int, int, int, int], int] = {}

    def origins(self, steps: list[int], sizes: list[int]) -> list[int]:
        """Of each number, in a step and with a remainder of so many bits, the place of that which it repeats."""
        origins = list(range(len(steps)))
        if not self.stream:
            return origins
        decisions = Decisions(self.stream)
        last: dict[tuple[str, int], list[int]] = {}
        states, repeated = [0] * len(steps), set[int]()
        for i, step in enumerate(steps):
            if sizes[i] < 8:
                continue
            near, far = (last.setdefault(key, []) for key in (("place", self.place(steps, i)), ("step", step)))
            west = states[i - 1] if i % self.width else 0
            north = states[i - self.width] if i >= self.width else 0
            asked = [*enumerate(near), *((k + 4, origin) for k, origin in enumerate(far) if origin not in near)]
            states[i] = 1
            for k, origin in asked:
                if steps[origin] != step:
                    continue
                key = k, int(origin in repeated), west, north
                model = self.models.get(key, UNTRAINED)
                bit = decisions.decide(clamp(model >> 16, 2, 65534))
                self.models[key] = learn(model, bit)
                if bit:
                    origins[i], states[i] = origin, 2
                    repeated.add(origin)
                    break
            for numbers in (near, far):
                numbers[:] = [origins[i], *(origin for origin in numbers if origin != origins[i])][:4]
        return origins

    def place(self, steps: list[int], i: int) -> int:
        x = i % self.width
        around = [
            (i, True),
            (i - 1, x > 0),
            (i + 1, x + 1 < self.width),
            (i - self.width, i >= self.width),
            (i + self.width, i + self.width < len(steps)),
        ]
        found = 0
        for other, is_there in around:
            found = (found + (steps[other] if is_there else 0)) * 40503 % (1 << 32)
        return found >> 16


# Spec wide-samples/remainders


class Remainders:
    """Reads remainders."""

    def __init__(self, masks: list[int], modelled: bytes, plain: bytes) -> None:
        require(any(masks) or modelled == b"", "stream of modelled bits without any")
        self.masks, self.plain_size = masks + [0] * (53 - len(masks)), len(plain)
        self.decisions, self.plain = Decisions(modelled), BitReader(plain)
        self.models: dict[tuple[int, int, int], int] = {}

    def read(self, size: int) -> int:
        value, history = 0, 1
        for position in range(size - 1, -1, -1):
            if self.masks[size] >> position & 1:
                key = size, position, history
                model = self.models.get(key, UNTRAINED)
                bit = self.decisions.decide(clamp(model >> 16, 32, 65504))
                self.models[key] = learn(model, bit)
                history = 2 * history + bit if history < 4 else 4 + (2 * history + bit & 3)
            else:
                bit = self.plain.bit()
            value |= bit << position
        return value

    def end(self) -> None:
        require(self.plain_size == (self.plain.at_bit + 7) // 8, "plain bits of another length")


# Spec wide-samples/tables


def from_zigzag(value: int) -> int:
    return -(value + 1 >> 1) if value & 1 else value >> 1


def read_number(rest: Reader, bits: int) -> int:
    """The next number, below 2^bits, of a stream of tables or weights."""
    value = shift = 0
    while True:
        byte = rest.u8()
        value |= (byte & 127) << shift
        shift += 7
        require(value < 1 << bits, "number too large")
        if byte < 128:
            return value
        require(shift <= bits, "number too long")


class Tables:
    """The tables of a band or group."""

    def __init__(self, kind: Number, planes: int, packed: bytes, reader: Reader, area: Area) -> None:
        self.kind, self.area = kind, area
        self.sharing = reader.u8()
        require(self.sharing < 4, "reserved bits of sharing")
        images = len(area.image_starts)
        heads = []
        for _ in range(self.read_count(reader)):
            scalings = [self.read_scaling(reader) for _ in range(self.read_count(reader))]
            heads.append((scalings, reader.varint()))
        reader.end()
        expected = (planes if self.sharing & 1 else 1) * (images if self.sharing & 2 else 1)
        require(len(heads) == expected, "number of tables")
        require(sum(one[4] for scalings, _ in heads for one in scalings) <= MAX_COMPUTED, "too many computed entries")
        require(sum(listed for _, listed in heads) <= planes * area.size, "too many listed keys")
        self.rest = Reader(inflate(packed))
        self.entries = [self.read_entries(scalings, listed) for scalings, listed in heads]
        self.rest.end()
        self.count = max(map(len, self.entries))

    def read_count(self, reader: Reader) -> int:
        count = reader.varint()
        require(count <= 65536, "too many tables or scalings")
        return count

    def read_scaling(self, reader: Reader) -> tuple[int, int, int, int, int, int]:
        form, scale, offset = reader.u8(), *(int.from_bytes(reader.take(8), "little") for _ in range(2))
        first, count, corrected = from_zigzag(reader.varint()), reader.varint(), reader.u8()
        require(count >= 1 and abs(first) <= 1 << 31 and corrected <= 1, "scaling out of range")
        return form, scale, offset, first, count, corrected

    def number(self) -> int:
        return read_number(self.rest, self.kind.bits + 1)

    def read_entries(self, scalings: list[tuple[int, int, int, int, int, int]], listed: int) -> list[int]:
        """The keys of a table."""
        keys: list[int] = []
        for form, scale, offset, first, count, corrected in scalings:
            corrections = [from_zigzag(self.number()) for _ in range(count)] if corrected else [0] * count
            for i, correction in enumerate(corrections, first):
                keys.append((self.computed(form, scale, offset, i) + correction) % (2 * self.kind.half))
        key = -1
        for _ in range(listed):
            key += self.number() + 1
            require(key < 2 * self.kind.half, "listed key too large")
            keys.append(key)
        return keys

    # Spec wide-samples/scalings

    def computed(self, form: int, scale: int, offset: int, i: int) -> int:
        kind = self.kind
        if not kind.mantissa:
            require(form == 0, "form is not for integers")
            return kind.to_key((i * scale + offset) % (2 * kind.half))
        require(form & ~8 in (1, 2, 3, 4) and form < 16 and kind != BFLOAT16, "form is not for these numbers")
        single = form >= 8
        a, b = (rounded(struct.unpack("<d", struct.pack("<Q", bits))[0], single) for bits in (scale, offset))
        x = rounded(float(i), single)
        try:
            if form & 1:
                value = rounded(rounded(x * a if form & 7 == 1 else x / a, single) + b, single)
            else:
                value = rounded(x + b, single)
                value = rounded(value * a if form & 7 == 2 else value / a, single)
            code = {16: "<e", 32: "<f", 64: "<d"}[kind.bits]
            bits = int.from_bytes(struct.pack(code, value), "little")
        except (OverflowError, ZeroDivisionError) as error:
            raise FormatError("computed entry is not finite") from error
        require(bits >> kind.mantissa & kind.special != kind.special, "computed entry is not finite")
        return kind.to_key(bits)

    def use(self, planes: list[list[int]]) -> list[list[int]]:
        """The keys that numbers of entries stand for."""
        size = self.area.image_rows * self.area.width
        across = len(planes) if self.sharing & 1 else 1
        result = []
        for k, plane in enumerate(planes):
            keys = []
            for at, entry in enumerate(plane):
                image = at // size if self.sharing & 2 else 0
                table = self.entries[image * across + (k if self.sharing & 1 else 0)]
                require(entry < len(table), "no such entry")
                keys.append(table[entry])
            result.append(keys)
        return result


def rounded(value: float, single: bool) -> float:
    """The value in binary32, or as it is."""
    if not single or value != value or value in (float("inf"), float("-inf")):
        return value
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def inflate(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, 10 * (MAX_VALUES + MAX_COMPUTED))
    except zlib.error as error:
        raise FormatError("stream of tables is damaged") from error
    require(inflater.eof and not inflater.unused_data, "stream of tables is cut off or too long")
    return data
