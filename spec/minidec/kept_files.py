"""Spec appendix-kept-files: the file of another format that the images were read from, byte for byte."""

from __future__ import annotations

import hashlib
import lzma
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import cos, pi
from pathlib import Path
from typing import Any, Literal

from .container import Image, Metadata
from .limits import MAX_KEPT_FILE
from .notation import FormatError, Reader, require

# Spec appendix-kept-files/the-item

KEPT_FILE = 6
"""The metadata kind."""
STORED, ZLIB, LZMA, ZLIB_WITH_TABLES = range(4)


@dataclass
class KeptFile:
    """A kept file that was restored."""

    name: str
    data: bytes


def restore(metadata: Sequence[Metadata], images: Sequence[Image]) -> KeptFile | None:
    """The kept file of an image file, from its metadata and all its images; nothing if it keeps none."""
    items = [item for item in metadata if item.kind == KEPT_FILE]
    if not items:
        return None
    reader = Reader(b"".join(item.value for item in items))
    from_samples, size, digest, coding = reader.u8(), reader.varint(), reader.take(32), reader.u8()
    require(from_samples <= 1, "unknown way of keeping a file")
    require(size <= MAX_KEPT_FILE, "kept file too large for this decoder")
    stream = unpack(reader.rest(), coding)
    data = Recipe(stream, images).build() if from_samples else stream
    require(len(data) == size and hashlib.sha256(data).digest() == digest, "kept file does not match its digest")
    return KeptFile(items[0].key, data)


def unpack(packed: bytes, coding: int) -> bytes:
    """A stream as it was before it was packed."""
    if coding == STORED:
        return packed
    require(coding in (ZLIB, LZMA, ZLIB_WITH_TABLES), "unknown coding of a kept file")
    unpacker: Any
    if coding == LZMA:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=1 << 27)
    else:
        unpacker = zlib.decompressobj(zdict=typical_tables() if coding == ZLIB_WITH_TABLES else b"")
    try:
        stream: bytes = unpacker.decompress(packed, MAX_KEPT_FILE)
    except (zlib.error, lzma.LZMAError) as error:
        raise FormatError("packed stream is damaged") from error
    require(unpacker.eof and not unpacker.unused_data, "packed stream is cut off, too long or too large")
    return stream


# Spec appendix-kept-files/recipe

LITERAL, SAMPLES, DEFLATE, CHUNKS, LZW, JPEG = range(6)
MAX_DEPTH = 8


@dataclass
class Part:
    """A part of a recipe: its fields in the order of its layout, and the parts that it is made of."""

    kind: int
    fields: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """The list of a layout that has one: lengths of chunks, or a table of samples."""
    parts: list[Part] = field(default_factory=list)


def varints(reader: Reader) -> list[int]:
    """A count and so many numbers."""
    return [reader.varint() for _ in range(reader.varint())]


class Recipe:
    """Makes a file from parts, literals and samples."""

    def __init__(self, stream: bytes, images: Sequence[Image]) -> None:
        self.reader, self.images = Reader(stream), images
        count = self.reader.varint()
        require(count >= 1, "recipe without parts")
        self.parts = [self.read_part(0) for _ in range(count)]
        self.left = 2 * MAX_KEPT_FILE

    def read_part(self, depth: int) -> Part:
        """A part and those that it is made of; the literals stand behind all parts."""
        require(depth <= MAX_DEPTH, "parts are nested too deeply")
        reader = self.reader
        part, count = Part(reader.u8()), 0
        if part.kind == LITERAL:
            part.fields = [reader.varint()]
        elif part.kind == SAMPLES:
            part.fields = [reader.varint() for _ in range(9)]
            part.fields += [reader.u8(), reader.u8(), reader.varint(), reader.u8()]
            part.numbers = varints(reader)
        elif part.kind == DEFLATE:
            part.fields = [reader.u8() for _ in range(4)]
            count = reader.varint()
        elif part.kind == CHUNKS:
            part.numbers = varints(reader)
            count = reader.varint()
        elif part.kind == LZW:
            count = reader.varint()
        else:
            require(part.kind == JPEG, "part of an unknown kind")
            part.fields = [reader.varint(), reader.u8(), reader.u8(), reader.varint(), reader.varint()]
        part.parts = [self.read_part(depth + 1) for _ in range(count)]
        return part

    def build(self) -> bytes:
        """The file."""
        data = b"".join(self.make(part) for part in self.parts)
        self.reader.end()
        return data

    def image(self, number: int) -> Image:
        require(number < len(self.images), "a part takes samples of an image that there is not")
        return self.images[number]

    def bound(self, size: int) -> None:
        """Take part of what this decoder makes of a recipe at most."""
        self.left -= size
        require(self.left >= 0, "recipe asks for too much for this decoder")

    def make(self, part: Part) -> bytes:
        """The bytes of a part."""
        if part.kind == LITERAL:
            return self.reader.take(part.fields[0])
        if part.kind == SAMPLES:
            samples = SampleLayout(part.numbers, *part.fields)
            self.bound(4 * samples.rows * samples.columns * samples.components)
            filters = self.reader.take(samples.rows) if samples.prediction == PNG_FILTERS else b""
            return samples.make(self.image(samples.image), filters)
        if part.kind == JPEG:
            number, flags, padding, heads, corrections = part.fields
            image = self.image(number)
            self.bound(4 * len(image.data))
            return make_jpeg(image, flags, padding, self.reader.take(heads), self.reader.take(corrections))
        data = b"".join(self.make(inner) for inner in part.parts)
        if part.kind == DEFLATE:
            return deflate(data, *part.fields)
        return cut_chunks(data, part.numbers) if part.kind == CHUNKS else compress_lzw(data)


# Spec appendix-kept-files/samples

HIGHEST_BYTE_FIRST, LOWEST_BIT_FIRST, BOTTOM_UP, REVERSED, REPEATED_EDGE = (1 << bit for bit in range(5))
NO_PREDICTION, DIFFERENCE, PNG_FILTERS = range(3)

Row = list[list[int]]
"""Pixels of a row, each of its components."""


@dataclass
class SampleLayout:
    """ORIGINAL_SAMPLES."""

    table: list[int]
    image: int
    first_row: int
    row_step: int
    rows: int
    first_column: int
    column_step: int
    columns: int
    first_component: int
    components: int
    bits: int
    flags: int
    alignment: int
    prediction: int

    def make(self, image: Image, filters: bytes) -> bytes:
        """The bytes of the part."""
        require(min(self.row_step, self.column_step, self.rows, self.columns, self.components) >= 1, "part of nothing")
        require(1 <= self.bits <= 32 and self.flags < 32 and self.prediction <= PNG_FILTERS, "unknown layout")
        rows = self.select(image)
        if self.table:
            rows = [self.entries(row) for row in rows]
        if self.flags & REVERSED:
            rows = [[pixel[::-1] for pixel in row] for row in rows]
        if self.flags & BOTTOM_UP:
            rows = rows[::-1]
        if self.prediction == DIFFERENCE:
            rows = [differences(row) for row in rows]
        packed = self.pack([[value for pixel in row for value in pixel] for row in rows])
        if self.prediction == PNG_FILTERS:
            require(self.alignment == 1, "filtered rows that are not aligned to bytes")
            distance = max(1, self.bits * len(rows[0][0]) // 8)
            return filter_rows(packed, filters, distance)
        return b"".join(packed)

    def select(self, image: Image) -> list[Row]:
        """Step 1: the samples of the image."""
        height, width, components = (*image.shape, 1)[:3]
        require(self.first_row < height and self.first_column < width, "part outside of its image")
        require(self.first_component + self.components <= components, "part outside of its image")
        samples = image.samples
        ys = self.places(self.first_row, self.row_step, self.rows, height)
        xs = self.places(self.first_column, self.column_step, self.columns, width)
        out = []
        for y in ys:
            row = []
            for x in xs:
                start = (y * width + x) * components + self.first_component
                pixel = samples[start : start + self.components] if y >= 0 and x >= 0 else [0] * self.components
                row.append(pixel)
            out.append(row)
        return out

    def places(self, first: int, step: int, count: int, size: int) -> list[int]:
        """Which rows or columns to take; -1 for zeros."""
        places = [first + step * k for k in range(count)]
        last = max(place for place in places if place < size)
        beyond = last if self.flags & REPEATED_EDGE else -1
        return [place if place < size else beyond for place in places]

    def entries(self, row: Row) -> Row:
        """Step 2: pixels as numbers of entries of the table."""
        size = self.components
        require(size <= 4 and len(self.table) % size == 0 and max(self.table) < 1 << 16, "table does not fit")
        entries = [self.table[i : i + size] for i in range(0, len(self.table), size)]
        require(all(pixel in entries for pixel in row), "pixel that the table does not have")
        return [[entries.index(pixel)] for pixel in row]

    def pack(self, rows: list[list[int]]) -> list[bytes]:
        """Steps 5 and 6: rows of bytes, or one of all where they are not aligned."""
        if self.alignment == 0:
            rows = [[value for row in rows for value in row]]
        packed = []
        for row in rows:
            data = self.pack_values(row)
            packed.append(data + bytes(-len(data) % max(1, self.alignment)))
        return packed

    def pack_values(self, values: list[int]) -> bytes:
        """Values of `bits` bits; the last byte is filled up with zeros."""
        modulo = 1 << self.bits
        if self.bits in (8, 16, 32):
            order: Literal["big", "little"] = "big" if self.flags & HIGHEST_BYTE_FIRST else "little"
            return b"".join((value % modulo).to_bytes(self.bits // 8, order) for value in values)
        whole, at = 0, 0
        if self.flags & LOWEST_BIT_FIRST:
            for value in values:
                whole |= value % modulo << at
                at += self.bits
            return whole.to_bytes((at + 7) // 8, "little")
        for value in values:
            whole = whole << self.bits | value % modulo
            at += self.bits
        return (whole << -at % 8).to_bytes((at + 7) // 8, "big")


def differences(row: Row) -> Row:
    """Step 4: each pixel less the one to its left."""
    zero = [0] * len(row[0])
    return [[a - b for a, b in zip(pixel, left, strict=True)] for pixel, left in zip(row, [zero, *row], strict=False)]


def paeth(left: int, above: int, corner: int) -> int:
    """PNG's predictor: of the three the nearest to left + above - corner."""
    estimate = left + above - corner
    return min((left, above, corner), key=lambda value: abs(estimate - value))


FILTERS: tuple[Callable[[int, int, int], int], ...] = (
    lambda left, above, corner: 0,
    lambda left, above, corner: left,
    lambda left, above, corner: above,
    lambda left, above, corner: (left + above) // 2,
    paeth,
)


def filter_rows(rows: list[bytes], filters: bytes, distance: int) -> bytes:
    """Step 7: each row as PNG filters it, behind the number of the filter."""
    out = bytearray()
    above = bytes(len(rows[0]))
    for row, number in zip(rows, filters, strict=True):
        require(number < len(FILTERS), "unknown PNG filter")
        out.append(number)
        for i, value in enumerate(row):
            left, corner = (row[i - distance], above[i - distance]) if i >= distance else (0, 0)
            out.append((value - FILTERS[number](left, above[i], corner)) % 256)
        above = row
    return bytes(out)


# Spec appendix-kept-files/deflate-data


def deflate(data: bytes, level: int, window: int, memory: int, strategy: int) -> bytes:
    """What zlib makes of the data."""
    require(level <= 9 and 9 <= window <= 15 and 1 <= memory <= 9 and strategy <= 4, "settings that zlib does not know")
    compressor = zlib.compressobj(level, zlib.DEFLATED, -window, memory, strategy)
    return compressor.compress(data) + compressor.flush(zlib.Z_FINISH)


# Spec appendix-kept-files/png-chunks


def cut_chunks(data: bytes, lengths: list[int]) -> bytes:
    """IDAT chunks of these lengths."""
    require(sum(lengths) == len(data), "chunks do not hold the data")
    reader, out = Reader(data), bytearray()
    for length in lengths:
        body = b"IDAT" + reader.take(length)
        out += length.to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return bytes(out)


# Spec appendix-kept-files/lzw-data

CLEAR, END, FIRST_ENTRY, FULL = 256, 257, 258, 4094
LEAST_WIDTH = 9
CHECK_EVERY = 10000
"""Bytes after which libtiff looks whether the data compresses worse."""


class LzwEncoder:
    """Writes codes as libtiff does."""

    def __init__(self) -> None:
        self.bits, self.size = 0, 0
        self.check_at = CHECK_EVERY
        self.width = LEAST_WIDTH
        self.clear()

    def clear(self) -> None:
        """Code 256 in the width that was in force; then the table, the width and the counts begin anew."""
        self.taken = self.written = self.ratio = 0
        self.put(CLEAR)
        self.table: dict[tuple[int, int], int] = {}
        self.next, self.width = FIRST_ENTRY, LEAST_WIDTH

    def put(self, code: int) -> None:
        self.bits = self.bits << self.width | code
        self.size += self.width
        self.written += self.width

    def grow(self) -> bool:
        """The next free number grows; whether it filled the table or changed the width."""
        self.next += 1
        if self.next == FULL:
            self.clear()
        elif self.next > (1 << self.width) - 1:
            self.width += 1
        else:
            return False
        return True

    def check_ratio(self) -> None:
        """Clear the table where the data compresses worse than at the last check."""
        self.check_at = self.taken + CHECK_EVERY
        many = self.taken > (1 << 23) - 1
        ratio = self.taken // (self.written // 256) if many else 256 * self.taken // self.written
        if ratio > self.ratio:
            self.ratio = ratio
        else:
            self.clear()


def compress_lzw(data: bytes) -> bytes:
    """LZW data of TIFF."""
    encoder = LzwEncoder()
    chunks: list[bytes] = []
    prefix = -1
    for byte in data:
        encoder.taken += 1
        if prefix < 0:
            prefix = byte
        elif (prefix, byte) in encoder.table:
            prefix = encoder.table[prefix, byte]
        else:
            encoder.put(prefix)
            encoder.table[prefix, byte] = encoder.next
            prefix = byte
            if not encoder.grow() and encoder.taken >= encoder.check_at:
                encoder.check_ratio()
        if encoder.size >= 8192 and encoder.size % 8 == 0:
            chunks.append(encoder.bits.to_bytes(encoder.size // 8, "big"))
            encoder.bits = encoder.size = 0
    if prefix >= 0:
        encoder.put(prefix)
        encoder.grow()
    encoder.put(END)
    chunks.append((encoder.bits << -encoder.size % 8).to_bytes((encoder.size + 7) // 8, "big"))
    return b"".join(chunks)


# Spec appendix-kept-files/jpeg-heads

SOI, SOS, DQT, DHT, DRI, SOF0, SOF1, RST0 = 0xD8, 0xDA, 0xDB, 0xC4, 0xDD, 0xC0, 0xC1, 0xD0
WITHOUT_LENGTH = (SOI, 0x01, *range(RST0, RST0 + 8))

ZIGZAG = sorted(
    ((u, v) for u in range(8) for v in range(8)),
    key=lambda place: (sum(place), place[0] if sum(place) % 2 else place[1]),
)
"""Vertical and horizontal frequency of each coefficient in zigzag order."""

HuffmanCode = dict[int, tuple[int, int]]
"""Code and length of each symbol."""


def huffman_code(counts: Sequence[int], symbols: Sequence[int]) -> HuffmanCode:
    """The code of a DHT segment: codes in the order of their lengths (T.81, C.2)."""
    code, at = 0, 0
    out: HuffmanCode = {}
    for length, count in enumerate(counts, 1):
        for symbol in symbols[at : at + count]:
            out[symbol] = code, length
            code += 1
        at += count
        code <<= 1
    return out


@dataclass
class JpegComponent:
    """A component of a frame, with the tables that the scan codes it with."""

    identifier: int
    across: int
    down: int
    table: int
    dc: int = 0
    ac: int = 0


@dataclass
class JpegHeads:
    """What the heads of JPEG data say."""

    steps: dict[int, list[int]] = field(default_factory=dict)
    codes: dict[int, HuffmanCode] = field(default_factory=dict)
    restart_interval: int = 0
    rows: int = 0
    width: int = 0
    components: list[JpegComponent] = field(default_factory=list)


class BigEndian(Reader):
    """Reads what JPEG segments are made of."""

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")


def read_heads(data: bytes) -> JpegHeads:
    """Marker segments from SOI to SOS."""
    heads, reader = JpegHeads(), BigEndian(data)
    marker = 0
    while marker != SOS:
        require(reader.u8() == 0xFF, "marker of JPEG data is missing")
        marker = reader.u8()
        if marker in WITHOUT_LENGTH:
            continue
        length = reader.u16()
        require(length >= 2, "segment of JPEG data is too short")
        segment = BigEndian(reader.take(length - 2))
        if marker == DQT:
            read_steps(heads, segment)
        elif marker == DHT:
            read_codes(heads, segment)
        elif marker == DRI:
            heads.restart_interval = segment.u16()
        elif marker in (SOF0, SOF1):
            read_frame(heads, segment)
        elif marker == SOS:
            read_scan(heads, segment)
    reader.end()
    return heads


def read_steps(heads: JpegHeads, segment: BigEndian) -> None:
    """DQT: steps in zigzag order."""
    while segment.at < len(segment.data):
        head = segment.u8()
        heads.steps[head & 15] = [segment.u16() if head >> 4 else segment.u8() for _ in range(64)]


def read_codes(heads: JpegHeads, segment: BigEndian) -> None:
    """DHT: Huffman codes."""
    while segment.at < len(segment.data):
        head, counts = segment.u8(), segment.take(16)
        heads.codes[head] = huffman_code(counts, segment.take(sum(counts)))


def read_frame(heads: JpegHeads, segment: BigEndian) -> None:
    """SOF0 or SOF1: size and components."""
    require(not heads.components, "JPEG data of two frames")
    require(segment.u8() == 8, "JPEG data of other samples than those of 8 bits")
    heads.rows, heads.width = segment.u16(), segment.u16()
    for _ in range(segment.u8()):
        identifier, factors, table = segment.take(3)
        heads.components.append(JpegComponent(identifier, factors >> 4, factors & 15, table))
    require(all(1 <= part.across <= 4 and 1 <= part.down <= 4 for part in heads.components), "factors out of range")
    if len(heads.components) == 1:
        heads.components[0].across = heads.components[0].down = 1
    require(sum(part.across * part.down for part in heads.components) <= 10, "units of too many blocks")


def read_scan(heads: JpegHeads, segment: BigEndian) -> None:
    """SOS: all components, in the order of the frame."""
    require(segment.u8() == len(heads.components), "scan of some components only")
    for component in heads.components:
        require(segment.u8() == component.identifier, "components of the scan in another order")
        tables = segment.u8()
        component.dc, component.ac = tables >> 4, 0x10 | tables & 15
        known = component.table in heads.steps and component.dc in heads.codes and component.ac in heads.codes
        require(known, "JPEG data without a table that it names")
        require(min(heads.steps[component.table]) >= 1, "step of zero")


def typical_tables() -> bytes:
    """The DHT segments of the tables K.3, K.5, K.4 and K.6 of T.81: the preset dictionary."""
    path = Path(__file__).parent.parent / "tables" / "typical-huffman.txt"
    return bytes.fromhex(path.read_text())


# Spec appendix-kept-files/jpeg-coefficients

Plane = list[list[int]]
Block = list[int]
"""64 coefficients in zigzag order."""

CONVERTED, SETTLED = 1, 2
PLANE_BITS = 8
"""Fractional bits of planes."""
MATRIX_BITS = 12
SETTLING_ROUNDS = 6
HALF_STEP = 514
"""A little more than half a level in 1/1024: what a decoder's rounding may leave."""
HOPELESS = 2048

MATRIX = [
    [round(cos((2 * x + 1) * u * pi / 16) * (1 << MATRIX_BITS)) if u else 2896 for x in range(8)] for u in range(8)
]
"""The cosine transform, row u for frequency u; sizes are 4017, 3784, 3406, 2896, 2276, 1567 and 799."""
TRANSPOSED = [list(column) for column in zip(*MATRIX, strict=True)]


def multiply(a: Plane, b: Plane) -> Plane:
    """The product of two matrices."""
    columns = list(zip(*b, strict=True))
    return [[sum(p * q for p, q in zip(row, column, strict=True)) for column in columns] for row in a]


def jpeg_planes(image: Image, converted: bool) -> list[Plane]:
    """Step 1: planes, in 1/256."""
    height, width, components = (*image.shape, 1)[:3]
    samples = image.samples
    pixels = [samples[i : i + components] for i in range(0, len(samples), components)]
    if converted:
        require(components == 3, "conversion is of three components")
        pixels = [luminance_chrominance(*pixel) for pixel in pixels]
    else:
        pixels = [[value - 128 for value in pixel] for pixel in pixels]
    planes = []
    for component in range(components):
        values = [pixel[component] << PLANE_BITS for pixel in pixels]
        planes.append([values[y * width : (y + 1) * width] for y in range(height)])
    return planes


def luminance_chrominance(red: int, green: int, blue: int) -> list[int]:
    """Y, Cb and Cr of T.871, less 128."""
    return [
        ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16) - 128,
        (-11059 * red - 21709 * green + 32768 * blue + 0x8000) >> 16,
        (32768 * red - 27439 * green - 5329 * blue + 0x8000) >> 16,
    ]


def reduce_rows(plane: Plane, factor: int) -> Plane:
    """Step 2: one row for each `factor` rows; for two such that upsampling gives them back as well as may be."""
    if factor == 1:
        return plane
    plane = plane + [plane[-1]] * (-len(plane) % factor)
    means = [
        [sum(column) // factor for column in zip(*plane[i : i + factor], strict=True)]
        for i in range(0, len(plane), factor)
    ]
    if factor != 2:
        return means
    rows = means
    for _ in range(8):
        above, below = [rows[0], *rows[:-1]], [*rows[1:], rows[-1]]
        rows = [
            [c + m - ((6 * c + a + b) >> 3) for c, m, a, b in zip(*four, strict=True)]
            for four in zip(rows, means, above, below, strict=True)
        ]
    return rows


def transpose(plane: Plane) -> Plane:
    return [list(column) for column in zip(*plane, strict=True)]


def cut_blocks(plane: Plane) -> list[list[Plane]]:
    """Rows of blocks of 8 x 8; the last row and column are repeated."""
    plane = plane + [plane[-1]] * (-len(plane) % 8)
    plane = [row + [row[-1]] * (-len(row) % 8) for row in plane]
    return [
        [[row[x : x + 8] for row in plane[y : y + 8]] for x in range(0, len(plane[0]), 8)]
        for y in range(0, len(plane), 8)
    ]


def quantise(block: Plane, steps: list[int]) -> Block:
    """Step 3: the coefficients of a block."""
    scaled = multiply(multiply(MATRIX, block), TRANSPOSED)
    divisors = [step << (2 * MATRIX_BITS + PLANE_BITS + 2) for step in steps]
    return [(scaled[u][v] + (d >> 1)) // d for (u, v), d in zip(ZIGZAG, divisors, strict=True)]


def fault(rests: list[int]) -> int:
    """How far a block's rests are from what rounding may leave."""
    return sum(max(0, abs(rest) - HALF_STEP) ** 2 for rest in rests)


def settle(block: Plane, coefficients: Block, steps: list[int]) -> None:
    """Step 4: change coefficients by one as long as that brings the samples nearer."""
    products = [[0] * 8 for _ in range(8)]
    for (u, v), coefficient, step in zip(ZIGZAG, coefficients, steps, strict=True):
        products[u][v] = coefficient * step
    drawn = multiply(multiply(TRANSPOSED, products), MATRIX)
    scale = 2 * MATRIX_BITS + 2 - PLANE_BITS
    rests = [((block[y][x] << scale) - drawn[y][x]) >> 16 for y in range(8) for x in range(8)]
    if max(abs(rest) - HALF_STEP for rest in rests) > HOPELESS:
        return
    small = [k for k, step in enumerate(steps) if step < 3]
    waves = {
        k: [(MATRIX[u][y] * MATRIX[v][x] + 0x8000) >> 16 for y in range(8) for x in range(8)]
        for k, (u, v) in enumerate(ZIGZAG)
        if k in small
    }
    for _ in range(SETTLING_ROUNDS):
        changes = [
            (fault([rest - sign * steps[k] * wave for rest, wave in zip(rests, waves[k], strict=True)]), k, sign)
            for k in small
            for sign in (-1, 1)
        ]
        least, k, sign = min(changes)
        if least >= fault(rests):
            return
        coefficients[k] += sign
        rests = [rest - sign * steps[k] * wave for rest, wave in zip(rests, waves[k], strict=True)]


def estimate_blocks(plane: Plane, down: int, across: int, steps: list[int], settled: bool) -> list[list[Block]]:
    """Steps 2 to 4: rows of blocks of a component."""
    reduced = transpose(reduce_rows(transpose(reduce_rows(plane, down)), across))
    out = []
    for row in cut_blocks(reduced):
        blocks = [quantise(block, steps) for block in row]
        if settled and down == across == 1 and min(steps) < 3:
            for block, coefficients in zip(row, blocks, strict=True):
                settle(block, coefficients, steps)
        out.append(blocks)
    return out


# Spec appendix-kept-files/jpeg-scan


@dataclass
class Unit:
    """The blocks of a unit (MCU) in the order of the scan, with their component."""

    blocks: list[tuple[JpegComponent, Block]] = field(default_factory=list)


def scan_units(heads: JpegHeads, estimated: list[list[list[Block]]]) -> list[Unit]:
    """Step 5: the units of the scan."""
    most_down = max(component.down for component in heads.components)
    most_across = max(component.across for component in heads.components)
    units = []
    for y in range(-(-heads.rows // (8 * most_down))):
        for x in range(-(-heads.width // (8 * most_across))):
            unit = Unit()
            for component, rows in zip(heads.components, estimated, strict=True):
                before = 0
                for r in range(component.down * y, component.down * (y + 1)):
                    for c in range(component.across * x, component.across * (x + 1)):
                        covered = r < len(rows) and c < len(rows[r])
                        block = rows[r][c] if covered else [before] + [0] * 63
                        before = block[0]
                        unit.blocks.append((component, block))
            units.append(unit)
    return units


def correct(blocks: list[Block], corrections: bytes) -> None:
    """Step 6: coefficient corrections, one up or down each."""
    count = 64 * len(blocks)
    require(4 * len(corrections) <= 5 * count, "too many coefficient corrections")
    reader, offset = Reader(corrections), 0
    while reader.at < len(corrections):
        number = reader.varint(5)
        offset += number >> 1
        require(offset < count, "coefficient correction behind the last coefficient")
        blocks[offset // 64][offset % 64] += -1 if number & 1 else 1


class ScanWriter:
    """Step 7: entropy-coded data (T.81, F.1.2)."""

    def __init__(self, heads: JpegHeads, padding: int) -> None:
        self.heads, self.padding = heads, padding
        self.out = bytearray()
        self.bits = self.size = 0
        self.before: dict[int, int] = {}

    def put(self, value: int, size: int) -> None:
        """Bits, the highest first; a byte FF is followed by 00."""
        self.bits = self.bits << size | value
        self.size += size
        while self.size >= 8:
            self.size -= 8
            byte = self.bits >> self.size
            self.bits &= (1 << self.size) - 1
            self.out += b"\xff\0" if byte == 0xFF else bytes([byte])

    def fill(self) -> None:
        """Fill up the last byte."""
        missing = -self.size % 8
        self.put(((1 << missing) - 1) * self.padding, missing)

    def symbol(self, code: HuffmanCode, symbol: int) -> None:
        require(symbol in code, "coefficient that the tables have no code for")
        self.put(*code[symbol])

    def magnitude(self, value: int, size: int) -> None:
        """The bits behind a symbol: a negative number is written less one, without its sign."""
        self.put(value if value >= 0 else value + (1 << size) - 1, size)

    def block(self, component: JpegComponent, block: Block) -> None:
        """The coefficients of a block."""
        dc, ac = self.heads.codes[component.dc], self.heads.codes[component.ac]
        difference = block[0] - self.before.get(component.identifier, 0)
        self.before[component.identifier] = block[0]
        size = abs(difference).bit_length()
        self.symbol(dc, size)
        self.magnitude(difference, size)
        run = 0
        for value in block[1:]:
            if value == 0:
                run += 1
                continue
            while run > 15:
                self.symbol(ac, 0xF0)
                run -= 16
            size = abs(value).bit_length()
            require(size <= 15, "coefficient that the tables have no code for")
            self.symbol(ac, run << 4 | size)
            self.magnitude(value, size)
            run = 0
        if run:
            self.symbol(ac, 0)

    def scan(self, units: list[Unit]) -> bytes:
        """All units, with markers between restart intervals."""
        interval = self.heads.restart_interval
        for number, unit in enumerate(units):
            if interval and number and number % interval == 0:
                self.fill()
                self.out += bytes([0xFF, RST0 + (number // interval - 1) % 8])
                self.before.clear()
            for component, block in unit.blocks:
                self.block(component, block)
        self.fill()
        return bytes(self.out)


def make_jpeg(image: Image, flags: int, padding: int, head_bytes: bytes, corrections: bytes) -> bytes:
    """A JPEG part: the heads, and the scan made again from the samples."""
    require(flags <= 3 and padding <= 1, "unknown way of making JPEG data")
    heads = read_heads(head_bytes)
    require(image.dtype == "uint8", "JPEG data of other samples than those of 8 bits")
    require((heads.rows, heads.width, len(heads.components)) == (*image.shape, 1)[:3], "JPEG data of another size")
    most_down = max(component.down for component in heads.components)
    most_across = max(component.across for component in heads.components)
    estimated = []
    for component, plane in zip(heads.components, jpeg_planes(image, bool(flags & CONVERTED)), strict=True):
        require(most_down % component.down == most_across % component.across == 0, "factors that do not divide")
        down, across = most_down // component.down, most_across // component.across
        steps = heads.steps[component.table]
        estimated.append(estimate_blocks(plane, down, across, steps, bool(flags & SETTLED)))
    units = scan_units(heads, estimated)
    correct([block for unit in units for _, block in unit.blocks], corrections)
    return head_bytes + ScanWriter(heads, padding).scan(units)
