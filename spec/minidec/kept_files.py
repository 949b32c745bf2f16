"""Spec appendix-kept-files: the file of another format that the images were read from, byte for byte."""

from __future__ import annotations

import hashlib
import lzma
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .codebook import Codebook
from .coders import DCT
from .coders.dct import Blocks, DctHead, DctPlan, DctPlane, read_dct_model, standard_steps
from .coding_tools import INTEGER_BITS, STEADY, Area, Decisions, Mixing
from .container import Image, Metadata
from .deflate import DeflateAgain, Effort
from .limits import MAX_KEPT_FILE
from .notation import FormatError, MissingCodebookError, Reader, require

# Spec appendix-kept-files/the-item

KEPT_FILE = 6
"""The metadata kind."""
STORED, ZLIB, LZMA, DEFLATE_WITH_TABLES = range(4)


@dataclass
class KeptFile:
    """A kept file that was restored, and the profiles that this took."""

    name: str
    data: bytes
    profiles: set[str]


WHOLE, FROM_IMAGES, ALONE, APART = range(4)


def restore(
    metadata: Sequence[Metadata], images: Sequence[Image], codebooks: Sequence[Codebook | None] = ()
) -> KeptFile | None:
    """The kept file of an image file, from its metadata, all its images and codebooks; nothing if it keeps none."""
    items = [item for item in metadata if item.kind == KEPT_FILE]
    if not items:
        return None
    reader = Reader(b"".join(item.value for item in items))
    way, size, digest, coding = reader.u8(), reader.varint(), reader.take(32), reader.u8()
    require(way in (WHOLE, FROM_IMAGES, ALONE, APART), "unknown way of keeping a file")
    require(size <= MAX_KEPT_FILE, "kept file too large for this decoder")
    coder = None
    if way == ALONE:
        number, model, length = reader.varint(), reader.varint(), reader.varint()
        packed = reader.take(length)
        require(1 <= number <= len(codebooks), "no such codebook")
        coder = CoefficientDecoder(codebooks[number - 1], model, reader.rest(), size)
    else:
        packed = reader.rest()
    stream = unpack(packed, coding)
    data = stream if way == WHOLE else Recipe(stream, images if way == FROM_IMAGES else (), coder).build()
    require(len(data) == size and hashlib.sha256(data).digest() == digest, "kept file does not match its digest")
    return KeptFile(items[0].key, data, {"kept-files", "dct"} if way == ALONE else {"kept-files"})


def unpack(packed: bytes, coding: int) -> bytes:
    """A stream as it was before it was packed."""
    if coding == STORED:
        return packed
    require(coding in (ZLIB, LZMA, DEFLATE_WITH_TABLES), "unknown coding of a kept file")
    unpacker: Any
    if coding == LZMA:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=1 << 27)
    else:
        unpacker = zlib.decompressobj() if coding == ZLIB else zlib.decompressobj(-15, typical_heads())
    try:
        stream: bytes = unpacker.decompress(packed, MAX_KEPT_FILE)
    except (zlib.error, lzma.LZMAError) as error:
        raise FormatError("packed stream is damaged") from error
    require(unpacker.eof and not unpacker.unused_data, "packed stream is cut off, too long or too large")
    return stream


# Spec appendix-kept-files/recipe

LITERAL, SAMPLES, DEFLATE, CHUNKS, LZW, JPEG, FRAGMENTS, RUNS, STORED_BLOCKS, TOKENS, GIF_LZW, SUB_BLOCKS = range(12)
FACSIMILE = 12
MAX_DEPTH = 8


@dataclass
class Part:
    """A part of a recipe: its fields in the order of its layout, and the parts that it is made of."""

    kind: int
    fields: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """The list of a layout that has one: lengths of chunks, or a table of samples."""
    parts: list[Part] = field(default_factory=list)
    scans: list[ScanRecord] = field(default_factory=list)


@dataclass
class ScanRecord:
    """What a JPEG part says of a scan."""

    head: int
    flags: int
    units: int
    ends: int
    notes: int


def varints(reader: Reader) -> list[int]:
    """A count and so many numbers."""
    return [reader.varint() for _ in range(reader.varint())]


class Recipe:
    """Makes a file from parts, literals and samples."""

    def __init__(self, stream: bytes, images: Sequence[Image], coefficients: CoefficientDecoder | None = None) -> None:
        self.reader, self.images, self.coefficients = Reader(stream), images, coefficients
        count = self.reader.varint()
        require(count >= 1, "recipe without parts")
        self.parts = [self.read_part(0) for _ in range(count)]
        self.literals = self.reader.at
        self.left = 2 * MAX_KEPT_FILE
        self.again = DeflateAgain()

    def read_part(self, depth: int) -> Part:
        """A part and those that it is made of; the literals stand behind all parts."""
        require(depth <= MAX_DEPTH, "parts are nested too deeply")
        reader = self.reader
        part, count = Part(reader.u8()), 0
        if part.kind == LITERAL:
            part.fields = [reader.varint()]
        elif part.kind == SAMPLES:
            part.fields = [reader.varint() for _ in range(9)]
            part.fields += [reader.u8(), reader.u8(), reader.u8(), reader.varint(), reader.u8()]
            part.numbers = varints(reader)
        elif part.kind == DEFLATE:
            part.fields = [reader.u8() for _ in range(4)]
            count = reader.varint()
        elif part.kind in (CHUNKS, FRAGMENTS, STORED_BLOCKS, SUB_BLOCKS):
            part.numbers = varints(reader)
            count = reader.varint()
        elif part.kind == LZW:
            part.fields = [reader.u8()]
            count = reader.varint()
        elif part.kind == FACSIMILE:
            part.fields = [reader.varint()]
            count = reader.varint()
        elif part.kind == GIF_LZW:
            part.fields = [reader.u8(), reader.varint(), reader.varint()]
            count = reader.varint()
        elif part.kind == RUNS:
            part.fields = [reader.u8(), reader.u8(), reader.varint(), reader.u8(), reader.varint()]
            count = reader.varint()
        elif part.kind == TOKENS:
            part.fields = [reader.u8(), reader.varint(), reader.varint(), reader.u8(), reader.varint(), reader.u8()]
            part.fields += [reader.varint(), reader.varint()]
            count = reader.varint()
        else:
            require(part.kind == JPEG, "part of an unknown kind")
            part.fields = [reader.varint(), reader.varint()]
            part.scans = [
                ScanRecord(reader.varint(), reader.u8(), reader.varint(), reader.varint(), reader.varint())
                for _ in range(reader.varint())
            ]
            count = reader.varint()
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
            return self.make_jpeg(part)
        heads = self.reader.take(part.fields[-1]) if part.kind in (RUNS, GIF_LZW) else b""
        remainder = self.reader.take(part.fields[7]) if part.kind == TOKENS else b""
        data = b"".join(self.make(inner) for inner in part.parts)
        if part.kind == DEFLATE:
            return deflate(data, *part.fields)
        if part.kind == TOKENS:
            self.bound(part.fields[6])
            return self.again.make(data, part.fields[6], Effort(*part.fields[:6]), remainder)
        if part.kind == LZW:
            return compress_lzw(data, *part.fields)
        if part.kind == RUNS:
            return compress_runs(data, part.fields[:4], heads)
        if part.kind == FACSIMILE:
            self.bound(len(data))
            return compress_facsimile(data, part.fields[0])
        if part.kind == GIF_LZW:
            self.bound(len(data))
            return compress_gif_lzw(data, part.fields[0], part.fields[1], heads)
        cut = {CHUNKS: cut_chunks, FRAGMENTS: cut_fragments, STORED_BLOCKS: cut_blocks, SUB_BLOCKS: cut_sub_blocks}
        return cut[part.kind](data, part.numbers)

    # Spec appendix-kept-files/jpeg-streams

    def make_jpeg(self, part: Part) -> bytes:
        """A JPEG stream."""
        require(self.coefficients is not None, "JPEG stream without coefficients")
        assert self.coefficients is not None
        place, size = part.fields
        tables = b""
        require(size <= 4096, "tables that are too large")
        if place:
            first = self.literals + place - 1
            tables = self.reader.data[first : first + size]
            require(len(tables) == size, "tables behind the literals")
        taken = [(self.reader.take(one.ends), self.reader.take(one.notes)) for one in part.scans]
        heads = Reader(b"".join(self.make(inner) for inner in part.parts))
        require(1 <= len(part.scans) <= 256, "number of scans out of range")
        reader, scans = JpegHeads(), []
        if tables:
            reader.next_scan(tables)
        pieces = [heads.take(one.head) for one in part.scans]
        heads.end()
        for piece, record, (ends, notes) in zip(pieces, part.scans, taken, strict=True):
            scan = reader.next_scan(piece)
            require(scan is not None, "heads that do not end with a scan")
            assert scan is not None
            scan.set_coded(record, ends, notes)
            scans.append(scan)
        picture = JpegPicture(reader, scans)
        self.coefficients.decode(picture)
        return b"".join(piece + scan.write(picture) for piece, scan in zip(pieces, scans, strict=True))


# Spec appendix-kept-files/samples

HIGHEST_BYTE_FIRST, LOWEST_BIT_FIRST, BOTTOM_UP, REVERSED, REPEATED_EDGE, REVERSED_COLOURS = (
    1 << bit for bit in range(6)
)
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
    shift: int
    flags: int
    alignment: int
    prediction: int

    def make(self, image: Image, filters: bytes) -> bytes:
        """The bytes of the part."""
        require(min(self.row_step, self.column_step, self.rows, self.columns, self.components) >= 1, "part of nothing")
        require(
            1 <= self.bits <= 32 and self.shift < 32 and self.flags < 64 and self.prediction <= PNG_FILTERS,
            "unknown layout",
        )
        rows = self.select(image)
        if self.table:
            rows = [self.entries(row) for row in rows]
        if self.flags & REVERSED:
            rows = [[pixel[::-1] for pixel in row] for row in rows]
        if self.flags & REVERSED_COLOURS:
            require(len(rows[0][0]) >= 3, "colours that are not there")
            rows = [[pixel[2::-1] + pixel[3:] for pixel in row] for row in rows]
        if self.flags & BOTTOM_UP:
            rows = rows[::-1]
        if self.prediction == DIFFERENCE:
            rows = [differences(row) for row in rows]
        packed = self.pack([[value >> self.shift for pixel in row for value in pixel] for row in rows])
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


# Spec appendix-kept-files/stored-blocks


def cut_blocks(data: bytes, lengths: list[int]) -> bytes:
    """Stored blocks of these lengths."""
    require(sum(lengths) == len(data) and max(lengths, default=0) < 1 << 16, "blocks that cannot be")
    reader, out = Reader(data), b""
    for number, length in enumerate(lengths, 1):
        last = bytes([number == len(lengths)])
        out += last + length.to_bytes(2, "little") + (65535 - length).to_bytes(2, "little") + reader.take(length)
    return out


# Spec appendix-kept-files/png-chunks


def cut_chunks(data: bytes, lengths: list[int]) -> bytes:
    """IDAT chunks of these lengths."""
    require(sum(lengths) == len(data), "chunks do not hold the data")
    reader, out = Reader(data), bytearray()
    for length in lengths:
        body = b"IDAT" + reader.take(length)
        out += length.to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return bytes(out)


# Spec appendix-kept-files/dicom-fragments


def cut_fragments(data: bytes, lengths: list[int]) -> bytes:
    """The fragments of a frame."""
    require(sum(lengths) == len(data), "fragments of another length")
    reader, out = Reader(data), b""
    for number, length in enumerate(lengths):
        head = b"\xfe\xff\0\xe0" + (length % 2**32).to_bytes(4, "little")
        out += head * (number > 0) + reader.take(length)
    return out


# Spec appendix-kept-files/lzw-data

CLEAR, END, FIRST_ENTRY = 256, 257, 258
LIBTIFF, IMAGECODECS = 0, 1
LEAST_WIDTH = 9
CHECK_EVERY = 10000
"""Bytes after which libtiff looks whether the data compresses worse."""


class LzwEncoder:
    """Writes codes as a library does."""

    def __init__(self, rule: int) -> None:
        self.of_libtiff = rule == LIBTIFF
        self.full = 4094 if self.of_libtiff else 4096
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
        if self.next == self.full:
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


def compress_lzw(data: bytes, rule: int) -> bytes:
    """LZW data of TIFF."""
    require(rule in (LIBTIFF, IMAGECODECS), "unknown rule of LZW data")
    encoder = LzwEncoder(rule)
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
            if not encoder.grow() and encoder.taken >= encoder.check_at and encoder.of_libtiff:
                encoder.check_ratio()
        if encoder.size >= 8192 and encoder.size % 8 == 0:
            chunks.append(encoder.bits.to_bytes(encoder.size // 8, "big"))
            encoder.bits = encoder.size = 0
    if prefix >= 0:
        encoder.put(prefix)
        if encoder.of_libtiff or encoder.next + 1 != encoder.full:
            encoder.grow()
    encoder.put(END)
    chunks.append((encoder.bits << -encoder.size % 8).to_bytes((encoder.size + 7) // 8, "big"))
    return b"".join(chunks)


# Spec appendix-kept-files/gif-lzw-data


def compress_gif_lzw(data: bytes, bits: int, run: int, changes: bytes) -> bytes:
    """The bytes that the codes of the data fill."""
    require(2 <= bits <= 8 and max(data, default=0) < 1 << bits, "bits of GIF data out of range")
    clear, first = 1 << bits, (1 << bits) + 2
    reader, changed = Reader(changes), list[tuple[int, int]]()
    place = 0
    while reader.at < len(changes):
        place += reader.varint(5)
        changed.append((place, reader.varint(5)))
    require(sum(shorter for _, shorter in changed) <= len(data), "strings that are too short")
    changed.reverse()
    longer: dict[tuple[int, int], int] = {}
    bit_string, at, place, number, known = 0, 0, 0, 0, 0
    out = bytearray()

    def put(code: int) -> None:
        nonlocal bit_string, at
        bit_string |= code << at
        at += min(12, (first + max(0, known - 1)).bit_length())
        while at >= 8:
            out.append(bit_string & 255)
            bit_string, at = bit_string >> 8, at - 8

    clears = True
    while place < len(data):
        less = 0
        while changed and changed[-1][0] == number:
            _, shorter = changed.pop()
            less += shorter
            clears = clears != (shorter == 0)
        if clears:
            put(clear)
            longer, known = {}, 0
        path = [data[place]]
        while place + len(path) < len(data) and (path[-1], data[place + len(path)]) in longer:
            path.append(longer[path[-1], data[place + len(path)]])
        require(less < len(path), "strings that are too short")
        del path[len(path) - less :]
        put(path[-1])
        place += len(path)
        if place < len(data) and first + known < 4096:
            longer[path[-1], data[place]] = first + known
        known, number = known + 1, number + 1
        clears = known == run
    require(not changed, "change behind the last code")
    return bytes(out)


# Spec appendix-kept-files/gif-blocks


def cut_sub_blocks(data: bytes, lengths: list[int]) -> bytes:
    """The blocks of a GIF file, without the one that ends them."""
    require(sum(lengths) == len(data) and all(1 <= length <= 255 for length in lengths), "blocks that cannot be")
    reader = Reader(data)
    return b"".join(bytes([length]) + reader.take(length) for length in lengths)


# Spec appendix-kept-files/facsimile-data

VERTICAL = ["0000010", "000010", "010", "1", "011", "000011", "0000011"]


def compress_facsimile(data: bytes, columns: int) -> bytes:
    """The bytes that the codes of all rows fill."""
    text = (Path(__file__).parent.parent / "tables" / "facsimile.txt").read_text()
    white, black = (line.split() for line in text.splitlines())
    size = (columns + 7) // 8
    require(columns > 0 and len(data) % size == 0, "facsimile data of rows that are not whole")
    above, bits = [0] * columns, ""
    for start in range(0, len(data), size):
        line = "".join(f"{byte:08b}" for byte in data[start : start + size])
        row = [int(bit) for bit in line[:columns]]
        bits += facsimile_row(row, above, (white, black))
        above = row
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))


def facsimile_row(row: list[int], above: list[int], codes: tuple[list[str], list[str]]) -> str:
    """The codes of one row."""
    columns, place, colour, bits = len(row), -1, 0, ""

    def change(pixels: list[int], behind: int, wanted: int | None = None) -> int:
        for at in range(behind + 1, columns):
            left = pixels[at - 1] if at else 0
            if pixels[at] != left and wanted in (None, pixels[at]):
                return at
        return columns

    def run(length: int, colour: int) -> str:
        bits = ""
        while length >= 2624:
            bits, length = bits + codes[colour][-1], length - 2560
        if length >= 64:
            bits += codes[colour][63 + length // 64]
        return bits + codes[colour][length % 64]

    while place < columns:
        a1, b1 = change(row, place), change(above, place, 1 - colour)
        b2 = change(above, b1)
        if b2 < a1:
            bits, place = bits + "0001", b2
        elif -3 <= a1 - b1 <= 3:
            bits, place, colour = bits + VERTICAL[a1 - b1 + 3], a1, 1 - colour
        else:
            a2 = change(row, a1)
            bits += "001" + run(a1 - max(place, 0), colour) + run(a2 - a1, 1 - colour)
            place = a2
    return bits


# Spec appendix-kept-files/run-lengths

OF_PACKBITS, OF_TGA, OF_SGI, OF_PCX = range(4)
MOST_VALUES = {OF_PACKBITS: (128, 128), OF_TGA: (128, 128), OF_SGI: (127, 127), OF_PCX: (1, 63)}
"""Of a packet: as they are, equal."""


class RunsRule:
    """What a packet is by the rule."""

    def __init__(self, values: list[bytes], form: int, row: int, pairs: int) -> None:
        self.values, self.form, self.pairs = values, form, pairs
        row = row or max(1, len(values))
        self.runs: list[tuple[int, int]] = []
        """Where each begins and ends."""
        for first in range(0, len(values), row):
            last = min(first + row, len(values))
            while first < last:
                end = first + 1
                while end < last and values[end] == values[first]:
                    end += 1
                self.runs.append((first, end))
                first = end
        self.row = row
        self.ends = [end for _, end in self.runs]

    def is_long(self, number: int) -> bool:
        """Whether the run of this number is."""
        first, end = self.runs[number]
        if end - first != 2 or self.pairs == 0:
            return end - first > 1
        if self.pairs == 2 or number + 1 == len(self.runs) or end % self.row == 0:
            return self.pairs == 1
        following, stop = self.runs[number + 1]
        return stop - following != 1

    def head(self, place: int) -> int:
        """The first byte of a packet that begins at the place."""
        number = bisect_right(self.ends, place)
        end = self.ends[number]
        most, most_equal = MOST_VALUES[self.form]
        if end - place >= (3 if self.pairs == 2 else 2):
            return self.byte(True, min(end - place, most_equal), place)
        while end % self.row and end < len(self.values) and not self.is_long(number + 1):
            number += 1
            end = self.ends[number]
        return self.byte(False, min(end - place, most), place)

    def byte(self, equal: bool, count: int, place: int) -> int:
        """The first byte of a packet."""
        if self.form == OF_PCX:
            value = self.values[place][0]
            return 192 + count if equal or value >= 192 else value
        if self.form == OF_SGI:
            return count if equal else 128 + count
        return count - 1 if not equal else 257 - count if self.form == OF_PACKBITS else 127 + count


def compress_runs(data: bytes, settings: list[int], heads: bytes) -> bytes:
    """Packets whose first bytes differ so from the rule."""
    form, unit, row, pairs = settings
    require(form <= OF_PCX and pairs <= 2 and 1 <= unit <= 4 and len(data) % unit == 0, "run lengths of unknown form")
    require(unit == 1 or form != OF_PCX, "run lengths of unknown form")
    values = [data[at : at + unit] for at in range(0, len(data), unit)]
    rule, at, out = RunsRule(values, form, row, pairs), 0, bytearray()
    for difference in heads:
        require(at < len(values), "packet behind the data")
        head = (rule.head(at) + difference) % 256
        if form == OF_PCX:
            equal, count = (True, head - 192) if head >= 192 else (False, 1)
        elif form == OF_SGI:
            equal, count = (head < 128, head % 128)
        elif head < 128:
            equal, count = False, head + 1
        else:
            equal, count = True, head - 127 if form == OF_TGA else (257 - head) % 129
        body = values[at : at + count]
        require(len(body) == count and not (equal and len(set(body)) > 1), "values that are not equal, or not there")
        out.append(head)
        if form == OF_PCX and not equal:
            require(body[0][0] == head, "another value")
        else:
            out += b"".join(body[:1] if equal else body)
        at += count
        if form == OF_SGI and row and count and at % row == 0:
            out.append(0)
    require(at == len(values), "packets that end too early")
    return bytes(out)


# Spec appendix-kept-files/jpeg-heads

RST0, SOI, EOI, SOS, DQT, DHT, DRI, DAC = 0xD0, 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xCC
FRAMES, PROGRESSIVE, ARITHMETIC = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA), (0xC2, 0xCA), (0xC9, 0xCA)
OTHER_FRAMES = (0xC3, *range(0xC5, 0xC9), 0xCB, *range(0xCD, 0xD0), 0xF7)

ZIGZAG = sorted(
    range(64), key=lambda k: (k // 8 + k % 8, k // 8 if (k // 8 + k % 8) % 2 else k % 8)
)  # fmt: skip
"""The number of each coefficient in zigzag order."""

HuffmanCode = dict[int, tuple[int, int]]
"""Code and length of each symbol."""


def huffman_code(counts: Sequence[int], symbols: Sequence[int]) -> HuffmanCode:
    """The code of a DHT segment: codes in the order of their lengths (T.81, C.2)."""
    code, at = 0, 0
    out: HuffmanCode = {}
    for length, count in enumerate(counts, 1):
        for symbol in symbols[at : at + count]:
            require(code >> length == 0 and symbol not in out, "Huffman table that is none")
            out[symbol] = code, length
            code += 1
        at += count
        code <<= 1
    return out


@dataclass
class JpegComponent:
    """A component of a frame. `told`: the lowest bit of each coefficient that scans told, -1 = nothing."""

    identifier: int
    across: int
    down: int
    table: int
    steps: list[int] | None = None
    told: list[int] = field(default_factory=lambda: [-1] * 64)


class BigEndian(Reader):
    """Reads what JPEG segments are made of."""

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")


class JpegHeads:
    """What the heads of JPEG data say up to some place."""

    def __init__(self) -> None:
        self.steps: dict[int, list[int]] = {}
        self.codes: dict[int, tuple[bytes, bytes]] = {}
        self.conditions = dict.fromkeys(range(4), 16) | {0x10 | number: 5 for number in range(4)}
        self.interval = 0
        self.process = -1
        self.rows = self.width = 0
        self.components: list[JpegComponent] = []

    def next_scan(self, piece: bytes) -> JpegScan | None:
        """The scan that a piece ends with, if it does."""
        at = 0
        while (found := piece.find(b"\xff", at)) >= 0 and found + 1 < len(piece):
            skipped, at, marker = found > at, found, piece[found + 1]
            is_none = marker < 0xC0 or RST0 <= marker < SOI
            if self.process < 0 and (skipped or is_none):
                return None
            if is_none or marker in (0xFF, SOI):
                at += 2 if marker == SOI else 1
                continue
            size = int.from_bytes(piece[at + 2 : at + 4], "big")
            at, body = at + 2 + size, piece[at + 4 : at + 2 + size]
            if marker == EOI or size < 2 or at > len(piece) or marker in OTHER_FRAMES:
                return None
            try:
                if marker == SOS:
                    scan = self.read_scan(BigEndian(body))
                    return scan if at == len(piece) else None
                self.read_segment(marker, BigEndian(body))
            except FormatError:
                if marker != SOS:
                    return None
        return None

    def read_segment(self, marker: int, segment: BigEndian) -> None:
        """Any segment but SOS."""
        if marker == DQT:
            while segment.at < len(segment.data):
                head = segment.u8()
                steps = [0] * 64
                for k in ZIGZAG:
                    steps[k] = segment.u16() if head >> 4 else segment.u8()
                self.steps[head & 15] = steps
        elif marker == DHT:
            while segment.at < len(segment.data):
                head, counts = segment.u8(), segment.take(16)
                require(head >> 4 <= 1 and head & 15 <= 3, "number of a Huffman table out of range")
                self.codes[head] = counts, segment.data[segment.at : segment.at + sum(counts)]
                segment.at += sum(counts)
        elif marker == DRI:
            self.interval = int.from_bytes(segment.data[:2], "big")
        elif marker == DAC:
            while segment.at < len(segment.data):
                table, value = segment.take(2)
                require(table >> 4 <= 1 and table & 15 <= 3, "number of conditions out of range")
                require(table > 3 or value >> 4 >= value & 15, "conditions out of order")
                self.conditions[table] = value
        elif marker in FRAMES:
            self.read_frame(marker, segment)

    def read_frame(self, marker: int, segment: BigEndian) -> None:
        """SOF0, SOF1, SOF2, SOF9 or SOF10: size and components."""
        require(self.process < 0, "JPEG data of two frames")
        require(segment.u8() in (8, 12), "JPEG data of other samples than those of 8 or 12 bits")
        rows, width, count = segment.u16(), segment.u16(), segment.u8()
        require(width >= 1 and 1 <= count <= 4, "size of a frame out of range")
        components = []
        for _ in range(count):
            identifier, factors, table = segment.take(3)
            require(1 <= factors >> 4 <= 4 and 1 <= factors & 15 <= 4, "factors out of range")
            components.append(JpegComponent(identifier, factors >> 4, factors & 15, table))
        if count == 1:
            components[0].across = components[0].down = 1
        self.process, self.rows, self.width, self.components = marker, rows, width, components

    def read_scan(self, segment: BigEndian) -> JpegScan:
        """SOS: a scan that tells what none told before."""
        count = segment.u8()
        require(1 <= count <= len(self.components) and len(segment.data) == 4 + 2 * count, "scan of another size")
        names = [component.identifier for component in self.components]
        chosen, tables = [], []
        for _ in range(count):
            identifier, numbers = segment.take(2)
            require(identifier in names, "scan of a component that there is not")
            chosen.append(names.index(identifier))
            tables.append((numbers >> 4, 0x10 | numbers & 15))
        first, last, bits = segment.take(3)
        high, low = bits >> 4, bits & 15
        require(len(set(chosen)) == count and first <= last <= 63 and low <= 13, "scan out of range")
        require(high in (0, low + 1), "scan that refines by more than a bit")
        sequential, arithmetic = self.process not in PROGRESSIVE, self.process in ARITHMETIC
        if sequential:
            require((first, last, high, low) == (0, 63, 0, 0), "sequential scan of some coefficients")
        elif first == 0:
            require(last == 0, "scan of first and other coefficients")
        else:
            require(count == 1 and self.components[chosen[0]].told[0] >= 0, "scan without first coefficients")
        for number in chosen:
            told = self.components[number].told[first : last + 1]
            require(all(bit == (high or -1) for bit in told), "scan that tells what is known")
        scan = JpegScan(self, chosen, sequential, first, last, high > 0, low, self.interval, dict(self.conditions))
        if arithmetic:
            scan.tables = tables
            require(all(dc <= 3 and ac <= 0x13 for dc, ac in tables), "number of statistics out of range")
        for dc, ac in () if arithmetic else tables:
            needs_dc, needs_ac = first == 0 and not high, sequential or first > 0
            require(not needs_dc or dc in self.codes, "Huffman table is missing")
            require(not needs_ac or ac in self.codes, "Huffman table is missing")
            for number in (dc,) * needs_dc + (ac,) * needs_ac:
                require(sum(self.codes[number][0]) == len(self.codes[number][1]), "Huffman table is cut off")
            scan.dc.append(huffman_code(*self.codes[dc]) if needs_dc else {})
            scan.ac.append(huffman_code(*self.codes[ac]) if needs_ac else {})
        require(len(scan.members()) <= 10, "units of too many blocks")
        for number in chosen:
            component = self.components[number]
            if component.steps is None:
                require(component.table in self.steps, "steps are missing")
        for number in chosen:
            component = self.components[number]
            component.told[first : last + 1] = [low] * (last + 1 - first)
            if component.steps is None:
                component.steps = self.steps[component.table]
        return scan

    @property
    def most_down(self) -> int:
        return max(component.down for component in self.components)

    @property
    def most_across(self) -> int:
        return max(component.across for component in self.components)

    @property
    def columns(self) -> int:
        """Units in a row of a scan of all components."""
        return -(-self.width // (8 * self.most_across))

    def alone(self, number: int) -> tuple[int, int]:
        """Rows and columns of blocks in a scan of a single component."""
        component = self.components[number]
        rows = -(-self.rows * component.down // self.most_down)
        columns = -(-self.width * component.across // self.most_across)
        return -(-rows // 8), -(-columns // 8)


def typical_heads() -> bytes:
    """The preset dictionary."""
    out = b""
    for quality in range(1, 101):
        for number in range(2):
            steps = standard_steps(100 * number + quality)
            out += b"\xff\xdb\0\x43" + bytes([number]) + bytes(steps[k] for k in ZIGZAG)
    out += bytes.fromhex("ffc0000b080000000001011100ffda0008010100003f00ffc20011080000000003011100021101031101")
    begins = bytes.fromhex("0205000001ef04000000000100ef040002ffd8ffe000104a4649460001")
    out += begins + bytes.fromhex("0101004800480000ffc00011080000000003012200021101031101")
    out += bytes.fromhex((Path(__file__).parent.parent / "tables" / "typical-huffman.txt").read_text())
    return out + bytes.fromhex("ffda000c03010002110311003f00ffd9") + begins + bytes.fromhex("0100000100010000")


class JpegPicture:
    """The components of a stream and their coefficients."""

    def __init__(self, heads: JpegHeads, scans: Sequence[JpegScan]) -> None:
        self.heads = heads
        self.rows = max(scan.rows() for scan in scans)
        self.blocks: list[Blocks] = []

    def shape(self, number: int) -> tuple[int, int]:
        """Rows and columns of blocks of a component."""
        component = self.heads.components[number]
        return component.down * self.rows, component.across * self.heads.columns

    def head(self, number: int) -> DctHead:
        """As streams of coder dct have it; where factors do not divide, one that goes with no other."""
        heads, component = self.heads, self.heads.components[number]
        steps = component.steps or [1] * 64
        shift = max(0, max(steps).bit_length() - 8)
        small = tuple(max(1, step >> shift) for step in steps)
        if heads.most_down % component.down or heads.most_across % component.across:
            return DctHead(0, 0, component.down, component.across, small)
        return DctHead(heads.most_down // component.down, heads.most_across // component.across, 0, 0, small)


# Spec appendix-kept-files/jpeg-coefficients


class KeptComponent(DctPlane):
    """The state of a component's coefficients, from stream to stream."""

    def __init__(self, plan: DctPlan, decisions: Decisions) -> None:
        Mixing.__init__(self, plan, apm_rows=0)
        self.plan, self.decisions = plan, decisions
        self.escape_models = [STEADY] * (2 * INTEGER_BITS)
        self.plain = plan.plain[:]

    def decode_next(self, head: DctHead, shape: tuple[int, int], references: list[Blocks]) -> Blocks:
        """The blocks of the next stream."""
        blocks = Blocks(DctHead(1, 1, 0, 0, head.steps), Area(1, 1, 1))
        blocks.head, (blocks.rows, blocks.columns) = head, shape
        return self.fill(head, blocks, references)


class CoefficientDecoder:
    """Decodes the coefficients of all JPEG streams of a file of `size` bytes."""

    def __init__(self, codebook: Codebook | None, number: int, data: bytes, size: int) -> None:
        if codebook is None:
            raise MissingCodebookError("the codebook is not at hand")
        require(number < len(codebook.models) and codebook.models[number].coder == DCT, "no such model")
        model = codebook.models[number]
        planes = 4 if model.components == 3 else 1
        self.plans: list[DctPlan] = codebook.parameters(model, planes, read_dct_model)
        self.decisions = Decisions(data)
        self.states: dict[int, KeptComponent] = {}
        self.left = min(1 << 24, 8 * size + 4096)

    def decode(self, picture: JpegPicture) -> None:
        """The blocks of all components of a stream."""
        components = len(picture.heads.components)
        count = sum(rows * columns for rows, columns in map(picture.shape, range(components)))
        require(count <= min(self.left, 1 << 21), "too many blocks")
        self.left -= count
        for k in range(components):
            own = components >= 3 and len(self.plans) == 3 and k < 3
            if k not in self.states:
                self.states[k] = KeptComponent(self.plans[k if own else 0], self.decisions)
            before = picture.blocks[::-1]
            picture.blocks.append(self.states[k].decode_next(picture.head(k), picture.shape(k), before))


# Spec appendix-kept-files/jpeg-scans

PADDED_WITH_ZEROS, ENDS_FOLLOW, NO_LIMIT, RUNS_OF_ONE = 1, 2, 4, 8
LONGEST_RUN, MOST_CORRECTIONS = 32767, 937


@dataclass
class JpegScan:
    """A scan: what its header says, and what the recipe says of how it was coded."""

    heads: JpegHeads
    chosen: list[int]
    sequential: bool
    first: int
    last: int
    refines: bool
    low: int
    interval: int
    conditions: dict[int, int]
    tables: list[tuple[int, int]] = field(default_factory=list)
    dc: list[HuffmanCode] = field(default_factory=list)
    ac: list[HuffmanCode] = field(default_factory=list)
    flags: int = 0
    units: int = 0
    ends: list[int] = field(default_factory=list)
    notes: dict[int, int] = field(default_factory=dict)

    def all_units(self) -> int:
        """Units of the frame; 0 where its height is not known."""
        if len(self.chosen) == 1:
            rows, columns = self.heads.alone(self.chosen[0])
            return rows * columns
        return -(-self.heads.rows // (8 * self.heads.most_down)) * self.heads.columns

    def rows(self) -> int:
        """Rows of units of the frame that coded units reach into."""
        if len(self.chosen) > 1:
            return -(-self.units // self.heads.columns)
        rows = -(-self.units // self.heads.alone(self.chosen[0])[1])
        return -(-rows // self.heads.components[self.chosen[0]].down)

    def members(self) -> list[tuple[int, int, int]]:
        """Place in the scan, row and column in the unit of each block of a unit."""
        if len(self.chosen) == 1:
            return [(0, 0, 0)]
        parts = [self.heads.components[number] for number in self.chosen]
        return [(k, y, x) for k, part in enumerate(parts) for y in range(part.down) for x in range(part.across)]

    def set_coded(self, record: ScanRecord, ends: bytes, notes: bytes) -> None:
        """Take what the recipe says."""
        most = self.all_units()
        self.flags = record.flags
        self.units = record.units - 1 if record.units else most
        require(record.flags < 16 and record.flags & 12 != 12, "unknown flag of a scan")
        require(self.units <= most or most == 0, "more units than the frame has")
        if self.tables:
            self.ends = all_varints(ends)
            require(len(self.ends) == (self.flags == ENDS_FOLLOW) and not notes, "ends out of range")
            require(self.flags in (0, ENDS_FOLLOW), "unknown flag of a scan")
            return
        count = max(1, -(-self.units // self.interval)) if self.interval else 1
        self.ends = [0 if self.flags & PADDED_WITH_ZEROS else 127] * count
        if self.flags & ENDS_FOLLOW:
            self.ends = all_varints(ends)
            require(len(self.ends) == count and max(self.ends) >> 7 <= 65535, "ends out of range")
        numbers, place = all_varints(notes), 0
        require(len(numbers) % 2 == 0, "half a note")
        for distance, note in zip(numbers[::2], numbers[1::2], strict=True):
            place += distance
            require(place < self.units * len(self.members()) and note >> 2 <= LONGEST_RUN, "note out of range")
            self.notes[place] = note

    def write(self, picture: JpegPicture) -> bytes:
        """The data of the scan."""
        return (ArithmeticWriter if self.tables else ScanWriter)(self, picture).scan()


def all_varints(data: bytes) -> list[int]:
    """Numbers up to the end."""
    reader, numbers = Reader(data), []
    while reader.at < len(data):
        numbers.append(reader.varint(5))
    return numbers


class ScanWriter:
    """Entropy-coded data (T.81, annexes F and G)."""

    def __init__(self, scan: JpegScan, picture: JpegPicture) -> None:
        self.it, self.picture = scan, picture
        self.out = bytearray()
        self.bits = self.size = 0
        self.before = [0] * len(scan.chosen)
        self.run = 0
        self.places = scan.members()

    def put(self, value: int, size: int) -> None:
        """Bits, the highest first; a byte FF is followed by 00."""
        self.bits = self.bits << size | value
        self.size += size
        while self.size >= 8:
            self.size -= 8
            byte = self.bits >> self.size
            self.bits &= (1 << self.size) - 1
            self.out += b"\xff\0" if byte == 0xFF else bytes([byte])

    def symbol(self, code: HuffmanCode, symbol: int) -> None:
        require(symbol in code, "coefficient that the tables have no code for")
        self.put(*code[symbol])

    def magnitude(self, value: int, size: int) -> None:
        """The bits behind a symbol: a negative number is written less one, without its sign."""
        self.put(value if value >= 0 else value + (1 << size) - 1, size)

    def begin_interval(self) -> None:
        """Forget what was before."""
        self.before, self.run = [0] * len(self.it.chosen), 0

    def fill(self, number: int) -> None:
        """Fill up the last byte of an interval."""
        missing = -self.size % 8
        self.put(self.it.ends[number] & ((1 << missing) - 1), missing)

    def end_interval(self, number: int) -> None:
        """What stands before a restart marker."""
        self.fill(number)
        self.out += b"\xff" * (self.it.ends[number] >> 7)

    def end_scan(self) -> None:
        """What stands behind the last unit."""
        self.fill(len(self.it.ends) - 1)

    def block_at(self, unit: int, member: int) -> list[int]:
        """The coefficients of a block in zigzag order, those that the scan has without the bits below."""
        place, y, x = self.places[member]
        number = self.it.chosen[place]
        blocks = self.picture.blocks[number]
        if len(self.it.chosen) == 1:
            row, column = divmod(unit, self.picture.heads.alone(number)[1])
        else:
            component = self.picture.heads.components[number]
            row, column = divmod(unit, self.picture.heads.columns)
            row, column = row * component.down + y, column * component.across + x
        known = blocks.at(row, column).coefficients
        low = self.it.low
        first = [known[0] >> low] if self.it.first == 0 else [0]
        return first + [known[k] >> low if known[k] >= 0 else -(-known[k] >> low) for k in ZIGZAG[1:]]

    def scan(self) -> bytes:
        """All units, with markers between restart intervals."""
        it = self.it
        for unit in range(it.units):
            if it.interval and unit and unit % it.interval == 0:
                number = unit // it.interval - 1
                self.end_interval(number)
                self.out += bytes([0xFF, RST0 + number % 8])
                self.begin_interval()
            for member in range(len(self.places)):
                self.block(unit, member)
        self.end_scan()
        return bytes(self.out)

    def block(self, unit: int, member: int) -> None:
        """What a scan tells of a block."""
        it, block, place = self.it, self.block_at(unit, member), self.places[member][0]
        note = it.notes.get(unit * len(self.places) + member, 0)
        if it.first == 0 and it.refines:
            self.put(block[0] & 1, 1)
        elif it.first == 0:
            difference, self.before[place] = block[0] - self.before[place], block[0]
            size = abs(difference).bit_length()
            require(size <= 15, "difference that is too large")
            self.symbol(it.dc[place], size)
            self.magnitude(difference, size)
        if it.sequential:
            self.others(it.ac[place], block, note % 4, 1)
        elif it.first > 0:
            self.band(unit, block, note)

    def others(self, code: HuffmanCode, block: list[int], needless: int, run: int) -> bool:
        """Coefficients of which nothing was told before. Gives whether an end of the block is told, as a run."""
        zeros, at = 0, max(self.it.first, 1)
        for value in block[at : self.it.last + 1]:
            if value == 0:
                zeros += 1
                continue
            while zeros > 15:
                self.symbol(code, 0xF0)
                zeros -= 16
            size = abs(value).bit_length()
            require(size <= 15, "coefficient that the tables have no code for")
            self.symbol(code, zeros << 4 | size)
            self.magnitude(value, size)
            zeros = 0
        return self.end(code, zeros, needless, run)

    def end(self, code: HuffmanCode, zeros: int, needless: int, run: int) -> bool:
        """Needless runs of zeros, and the end of a block."""
        require(zeros >= 16 * needless, "runs of zeros that there are not")
        for _ in range(needless):
            self.symbol(code, 0xF0)
        if zeros == 16 * needless:
            return False
        size = run.bit_length() - 1
        self.symbol(code, size << 4)
        self.put(run - (1 << size), size)
        return True

    def news(self, block: list[int]) -> list[int]:
        """Places of coefficients that a scan tells of for the first time."""
        band = range(self.it.first, self.it.last + 1)
        return [k for k in band if abs(block[k]) == 1 or (block[k] and not self.it.refines)]

    def corrections(self, block: list[int], at: int) -> list[int]:
        """Correction bits from a place on."""
        band = block[at : self.it.last + 1]
        return [abs(value) & 1 for value in band if abs(value) > 1] if self.it.refines else []

    def end_place(self, block: list[int], needless: int) -> int:
        """Where the end of a block is told: behind what is new, and needless runs of zeros."""
        at = max(self.news(block), default=self.it.first - 1) + 1
        zeros = 16 * needless
        while zeros and at <= self.it.last:
            zeros -= block[at] == 0
            at += 1
        return at

    def usual_run(self, unit: int, block: list[int], needless: int) -> int:
        """The length of an end-of-band run that begins in a block."""
        it = self.it
        end = min(it.units, (unit // it.interval + 1) * it.interval) if it.interval else it.units
        longest = 1 if it.flags & RUNS_OF_ONE else LONGEST_RUN
        told = len(self.corrections(block, self.end_place(block, needless)))
        run = 1
        while unit + run < end and run < longest and (told <= MOST_CORRECTIONS or it.flags & NO_LIMIT):
            following = self.block_at(unit + run, 0)
            if self.news(following):
                break
            told += len(self.corrections(following, it.first))
            run += 1
        return run

    def band(self, unit: int, block: list[int], note: int) -> None:
        """Other than first coefficients of a progressive scan."""
        if self.run:
            require(not self.news(block), "new coefficient within a run")
            self.run -= 1
            self.correct(self.corrections(block, self.it.first))
            return
        run = note >> 2 or self.usual_run(unit, block, note % 4)
        ended = (
            self.refine(block, note % 4, run) if self.it.refines else self.others(self.it.ac[0], block, note % 4, run)
        )
        self.run = run - 1 if ended else 0

    def correct(self, bits: list[int]) -> None:
        for bit in bits:
            self.put(bit, 1)

    def refine(self, block: list[int], needless: int, run: int) -> bool:
        """Coefficients of which bits were told before; correction bits stand behind the symbol that passes them."""
        code, last = self.it.ac[0], max(self.news(block), default=-1)
        passed: list[int] = []
        zeros, at = 0, self.it.first
        for at in range(self.it.first, last + 1):
            size = abs(block[at])
            if size == 0:
                zeros += 1
                if zeros == 16:
                    self.symbol(code, 0xF0)
                    self.correct(passed)
                    zeros, passed = 0, []
            elif size > 1:
                passed.append(size & 1)
            else:
                self.symbol(code, zeros << 4 | 1)
                self.put(int(block[at] > 0), 1)
                self.correct(passed)
                zeros, passed = 0, []
        at = last + 1 if last >= 0 else self.it.first
        for _ in range(needless):
            self.symbol(code, 0xF0)
            zeros = 16
            while zeros:
                require(at <= self.it.last, "runs of zeros that there are not")
                if block[at] == 0:
                    zeros -= 1
                else:
                    self.put(abs(block[at]) & 1, 1)
                at += 1
        if at > self.it.last:
            return False
        self.end(code, 1, 0, run)
        self.correct(self.corrections(block, at))
        return True


QE_STATES = (
    (0x5A1D, 1, 1, 1), (0x2586, 14, 2, 0), (0x1114, 16, 3, 0), (0x080B, 18, 4, 0), (0x03D8, 20, 5, 0),
    (0x01DA, 23, 6, 0), (0x00E5, 25, 7, 0), (0x006F, 28, 8, 0), (0x0036, 30, 9, 0), (0x001A, 33, 10, 0),
    (0x000D, 35, 11, 0), (0x0006, 9, 12, 0), (0x0003, 10, 13, 0), (0x0001, 12, 13, 0), (0x5A7F, 15, 15, 1),
    (0x3F25, 36, 16, 0), (0x2CF2, 38, 17, 0), (0x207C, 39, 18, 0), (0x17B9, 40, 19, 0), (0x1182, 42, 20, 0),
    (0x0CEF, 43, 21, 0), (0x09A1, 45, 22, 0), (0x072F, 46, 23, 0), (0x055C, 48, 24, 0), (0x0406, 49, 25, 0),
    (0x0303, 51, 26, 0), (0x0240, 52, 27, 0), (0x01B1, 54, 28, 0), (0x0144, 56, 29, 0), (0x00F5, 57, 30, 0),
    (0x00B7, 59, 31, 0), (0x008A, 60, 32, 0), (0x0068, 62, 33, 0), (0x004E, 63, 34, 0), (0x003B, 32, 35, 0),
    (0x002C, 33, 9, 0), (0x5AE1, 37, 37, 1), (0x484C, 64, 38, 0), (0x3A0D, 65, 39, 0), (0x2EF1, 67, 40, 0),
    (0x261F, 68, 41, 0), (0x1F33, 69, 42, 0), (0x19A8, 70, 43, 0), (0x1518, 72, 44, 0), (0x1177, 73, 45, 0),
    (0x0E74, 74, 46, 0), (0x0BFB, 75, 47, 0), (0x09F8, 77, 48, 0), (0x0861, 78, 49, 0), (0x0706, 79, 50, 0),
    (0x05CD, 48, 51, 0), (0x04DE, 50, 52, 0), (0x040F, 50, 53, 0), (0x0363, 51, 54, 0), (0x02D4, 52, 55, 0),
    (0x025C, 53, 56, 0), (0x01F8, 54, 57, 0), (0x01A4, 55, 58, 0), (0x0160, 56, 59, 0), (0x0125, 57, 60, 0),
    (0x00F6, 58, 61, 0), (0x00CB, 59, 62, 0), (0x00AB, 61, 63, 0), (0x008F, 61, 32, 0), (0x5B12, 65, 65, 1),
    (0x4D04, 80, 66, 0), (0x412C, 81, 67, 0), (0x37D8, 82, 68, 0), (0x2FE8, 83, 69, 0), (0x293C, 84, 70, 0),
    (0x2379, 86, 71, 0), (0x1EDF, 87, 72, 0), (0x1AA9, 87, 73, 0), (0x174E, 72, 74, 0), (0x1424, 72, 75, 0),
    (0x119C, 74, 76, 0), (0x0F6B, 74, 77, 0), (0x0D51, 75, 78, 0), (0x0BB6, 77, 79, 0), (0x0A40, 77, 48, 0),
    (0x5832, 80, 81, 1), (0x4D1C, 88, 82, 0), (0x438E, 89, 83, 0), (0x3BDD, 90, 84, 0), (0x34EE, 91, 85, 0),
    (0x2EAE, 92, 86, 0), (0x299A, 93, 87, 0), (0x2516, 86, 71, 0), (0x5570, 88, 89, 1), (0x4CA9, 95, 90, 0),
    (0x44D9, 96, 91, 0), (0x3E22, 97, 92, 0), (0x3824, 99, 93, 0), (0x32B4, 99, 94, 0), (0x2E17, 93, 86, 0),
    (0x56A8, 95, 96, 1), (0x4F46, 101, 97, 0), (0x47E5, 102, 98, 0), (0x41CF, 103, 99, 0), (0x3C3D, 104, 100, 0),
    (0x375E, 99, 93, 0), (0x5231, 105, 102, 0), (0x4C0F, 106, 103, 0), (0x4639, 107, 104, 0), (0x415E, 103, 99, 0),
    (0x5627, 105, 106, 1), (0x50E7, 108, 107, 0), (0x4B85, 109, 103, 0), (0x5597, 110, 109, 0), (0x504F, 111, 107, 0),
    (0x5A10, 110, 111, 1), (0x5522, 112, 109, 0), (0x59EB, 112, 111, 1), (0x5A1D, 113, 113, 0),
)  # fmt: skip
"""T.81, table D.3: Qe, the next state after the less and the more probable decision, whether those two change places.
The last one is of decisions that are as probable as not."""
EVEN_STATE = 113


class ArithmeticWriter(ScanWriter):
    """Arithmetic-coded data (T.81, annex D, F.1.4 and G.1.3); the code is one large number."""

    def __init__(self, scan: JpegScan, picture: JpegPicture) -> None:
        super().__init__(scan, picture)
        self.begin_interval()

    def begin_interval(self) -> None:
        """All statistics anew."""
        super().begin_interval()
        self.low, self.width, self.shifts = 0, 1 << 16, 0
        self.bins: dict[tuple[int, int], list[int]] = {}
        self.contexts = [0] * len(self.it.chosen)

    def decide(self, bit: int, table: int, number: int) -> None:
        """A decision by a statistics bin: its state, and which is the more probable."""
        own = self.bins.setdefault((table, number), [0, 0])
        qe, after_less, after_more, switches = QE_STATES[own[0]]
        self.width -= qe
        less = bit != own[1]
        if not less and self.width >= 0x8000:
            return
        if less == (self.width >= qe):
            self.low += self.width
            self.width = qe
        own[1] ^= switches if less else 0
        own[0] = after_less if less else after_more
        while self.width < 0x8000:
            self.low <<= 1
            self.width <<= 1
            self.shifts += 1

    def decide_even(self, bit: int) -> None:
        """A decision that is as probable as not."""
        self.bins[-1, 0] = [EVEN_STATE, 0]
        self.decide(bit, -1, 0)

    def end_interval(self, number: int) -> None:
        """The number in the interval that ends with the most zeros, without zero bytes at its end."""
        last = (self.low + self.width - 1) >> 16 << 16
        code = last + 0x8000 if last < self.low else last
        size = 16 + self.shifts
        data = (code << -size % 8).to_bytes((size + 7) // 8, "big").rstrip(b"\0")
        self.out += data.replace(b"\xff", b"\xff\0")

    def end_scan(self) -> None:
        """The end of the last interval, and what is left out of it."""
        if self.it.units:
            self.end_interval(0)
        left_out = sum(self.it.ends)
        require(left_out <= len(self.out), "more left out than there is")
        del self.out[len(self.out) - left_out :]

    def size_bins(self, size: int, table: int, number: int, further: int, own: int) -> int:
        """A size less 1: how large it is, then its bits. Gives its highest bit."""
        highest = 0
        while size >= max(1, 2 * highest):
            self.decide(1, table, number)
            highest = 2 * highest or 1
            number = further if highest == own else number + (highest > own)
            require(highest < 1 << 15, "coefficient that is too large")
        self.decide(0, table, number)
        bit = highest >> 1
        while bit:
            self.decide(int(bool(size & bit)), table, number + 14)
            bit >>= 1
        return highest

    def block(self, unit: int, member: int) -> None:
        """What a scan tells of a block."""
        it, block, place = self.it, self.block_at(unit, member), self.places[member][0]
        dc, ac = it.tables[place]
        if it.first == 0 and it.refines:
            self.decide_even(block[0] & 1)
        elif it.first == 0:
            self.first(block[0], place, dc)
        if it.sequential or (it.first > 0 and not it.refines):
            self.other_coefficients(block, ac)
        elif it.first > 0:
            self.refine_coefficients(block, ac)

    def first(self, value: int, place: int, table: int) -> None:
        """A first coefficient, whose difference to the one before sets the next one's context."""
        difference, self.before[place] = value - self.before[place], value
        context = self.contexts[place]
        self.contexts[place] = 0
        self.decide(int(difference != 0), table, context)
        if difference:
            negative = int(difference < 0)
            self.decide(negative, table, context + 1)
            highest = self.size_bins(abs(difference) - 1, table, context + 2 + negative, 20, 1)
            lower, upper = self.it.conditions[table] & 15, self.it.conditions[table] >> 4
            if highest >= 1 << lower >> 1:
                self.contexts[place] = 4 + 4 * negative + 8 * (highest > 1 << upper >> 1)

    def end_of(self, sizes: list[int]) -> int:
        """The place behind the last coefficient of the scan that is not 0."""
        return max((k for k in range(max(1, self.it.first), self.it.last + 1) if sizes[k]), default=0) + 1

    def other_coefficients(self, block: list[int], table: int) -> None:
        """Coefficients of which nothing was told before."""
        k, end = max(1, self.it.first), self.end_of(block)
        while k < end:
            self.decide(0, table, 3 * k - 3)
            while block[k] == 0:
                self.decide(0, table, 3 * k - 2)
                k += 1
            self.decide(1, table, 3 * k - 2)
            self.decide_even(int(block[k] < 0))
            further = 189 if k <= self.it.conditions[table] else 217
            self.size_bins(abs(block[k]) - 1, table, 3 * k - 1, further, 2)
            k += 1
        if k <= self.it.last:
            self.decide(1, table, 3 * k - 3)

    def refine_coefficients(self, block: list[int], table: int) -> None:
        """Coefficients of which bits were told before."""
        k, end, before = self.it.first, self.end_of(block), self.end_of([abs(value) >> 1 for value in block])
        while k < end:
            if k >= before:
                self.decide(0, table, 3 * k - 3)
            while block[k] == 0:
                self.decide(0, table, 3 * k - 2)
                k += 1
            if abs(block[k]) > 1:
                self.decide(block[k] & 1, table, 3 * k - 1)
            else:
                self.decide(1, table, 3 * k - 2)
                self.decide_even(int(block[k] < 0))
            k += 1
        if k <= self.it.last and k >= before:
            self.decide(1, table, 3 * k - 3)
