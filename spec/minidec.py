"""A small decoder of sofc files, written from spec/sofc.md alone: it shows that the text is complete.

It is plain and slow, uses the standard library only, and is ordered like the sections of the text.

    python spec/minidec.py FILE.sofc [--codebook FILE.sofcb] [-o OUT_PREFIX]
    python spec/minidec.py --vectors spec/vectors
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from operator import mul
from pathlib import Path
from typing import Any

# ------------------------------------------------------------------------------------------------- 2. Conventions


class FormatError(Exception):
    """The file breaks a rule of the format, or exceeds this decoder's bounds."""


class MissingCodebookError(FormatError):
    """A band needs a codebook that was not given."""


def require(holds: bool, rule: str) -> None:
    """End with an error where a rule does not hold."""
    if not holds:
        raise FormatError(rule)


def clamp(value: int, least: int, most: int) -> int:
    """The nearest number to `value` within least .. most."""
    return least if value < least else min(value, most)


def check_text(data: bytes, allowed: str = "") -> str:
    """UTF-8 text without control characters but the `allowed` ones."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("text is not UTF-8") from error
    for letter in text:
        require(letter in allowed or not (letter < " " or "\x7f" <= letter <= "\x9f"), "control character in text")
    return text


class Reader:
    """Reads fields from the front of a run of bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        require(count <= len(self.data) - self.at, "data ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def u8(self) -> int:
        return self.take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def varint(self, most_bytes: int = 8) -> int:
        """A VarInt, or the integer of at most five bytes of section 6.4; in shortest form."""
        value = 0
        for place in range(most_bytes):
            byte = self.u8()
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                require(byte > 0 or place == 0, "integer not in its shortest form")
                require(value < 1 << 53, "integer too large")
                return value
        raise FormatError("integer too long")

    def text(self, most: int | None = None) -> str:
        size = self.varint()
        require(most is None or size <= most, "text too long")
        return check_text(self.take(size))

    def end(self) -> None:
        require(self.at == len(self.data), "bytes left over")


def write_varint(value: int) -> bytes:
    """The VarInt of a number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


class BitReader:
    """Reads bits, the most significant first, zeros past the end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.place = 8 * at

    def bit(self) -> int:
        byte = self.place >> 3
        value = self.data[byte] >> (7 - self.place % 8) & 1 if byte < len(self.data) else 0
        self.place += 1
        return value

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = 2 * value + self.bit()
        return value


# -------------------------------------------------------------------------------------------------------- 3. File

MAX_VALUES = 1 << 22  # samples times components of a band or group: this decoder's own bounds (section 13)
MAX_OUTPUT = 1 << 28  # bytes of all images
MAX_IMAGES = 1 << 16
MAX_CODEBOOK = 1 << 26
MAX_SHAPE_SAMPLES = 1 << 20
MAX_SECTIONS = 64  # of a model
MAX_COUNTERS = 1 << 24  # of a model

Counters = list["array[int]"]

IMAGE_SIGNATURE = bytes.fromhex("AB534F46430D0A0A")
CODEBOOK_SIGNATURE = bytes.fromhex("AB534F46420D0A0A")


@dataclass(frozen=True)
class Chunk:
    """A chunk and where it begins and ends in its file (3.1)."""

    type: str
    body: bytes
    start: int
    end: int

    @property
    def ancillary(self) -> bool:
        return self.type.islower()


def read_file_head(data: bytes, signature: bytes) -> int:
    """Check the file head; gives its size."""
    require(data[:8] == signature, "another signature")
    require(len(data) >= 10, "data ends too early")
    require(data[8] == 0, "a major version that is not known")
    return 10


def read_chunks(data: bytes, at: int) -> Iterator[Chunk]:
    """The chunks from a place on, up to FILE_END (3.1)."""
    while True:
        reader = Reader(data)
        reader.at = at
        letter = chr(reader.u8())
        require(letter.isascii() and letter.isalpha(), "chunk type is not a letter")
        body = reader.take(reader.varint())
        crc = zlib.crc32(data[at : reader.at])
        require(crc == reader.u32(), "chunk does not match its CRC")
        yield Chunk(letter, body, at, reader.at)
        if letter == "Z":
            return
        at = reader.at


@dataclass
class ImageHead:
    """Section 3.3."""

    width: int
    height: int
    components: int
    signed: bool
    bits: int
    declared_bits: int
    codebook: int

    @classmethod
    def read(cls, body: bytes, codebooks: int) -> ImageHead:
        reader = Reader(body)
        width, height, components = reader.varint(), reader.varint(), reader.varint()
        depth, declared, _meaning, relation, codebook = *(reader.u8() for _ in range(4)), reader.varint()
        reader.end()
        require(1 <= width < 1 << 31 and height < 1 << 31, "image size out of range")
        require(1 <= components <= 4096, "components out of range")
        require(depth < 32, "reserved bits of depth are not zero")
        require(1 <= declared <= 16, "declared_bits out of range")
        require(relation == 0, "reserved relation")
        require(codebook <= codebooks, "no such codebook")
        return cls(width, height, components, bool(depth & 16), (depth & 15) + 1, declared, codebook)

    @property
    def dtype(self) -> str:
        bits = max(self.bits, self.declared_bits)
        if bits == 1 and not self.signed:
            return "bool"
        return ("int" if self.signed else "uint") + ("8" if bits <= 8 else "16")

    def sample_bytes(self, samples: Sequence[int], wide: bool) -> bytes:
        """Samples in one byte each, or two where `wide`, little-endian."""
        code = ("h" if self.signed else "H") if wide else ("b" if self.signed else "B")
        numbers = array(code, samples)
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers.tobytes()


@dataclass
class Image:
    """A decoded image: its samples in the array's type, row by row."""

    shape: tuple[int, ...]
    dtype: str
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Area:
    """What a coder knows about a band or group: image_rows is a group's image height (3.5)."""

    rows: int
    width: int
    image_rows: int

    @property
    def size(self) -> int:
        return self.rows * self.width


PLACES = {"": "CRKH", "H": "BG", "B": "BE", "G": "GCRKHiZ", "E": "CRKHiZ", "i": "Z", "Z": ""}
PLACES |= dict.fromkeys("CRK", "CRKH")

BUILT_IN = {  # first bytes of their SHA-256 (3.2)
    1: "75c5bf05539ebb859c0ff9b92493d05e",
    2: "507ea34d47df0a9fa41e6edd9338fdf4",
    3: "18e43f9571c964b4d16daa99dc478c0b",
}


class FileDecoder:
    """Decodes an image file (section 3)."""

    def __init__(self, data: bytes, codebooks: Sequence[bytes]) -> None:
        self.data = data
        self.given = {hashlib.sha256(codebook).digest()[:16]: codebook for codebook in codebooks}
        self.codebooks: list[Codebook | None] = []
        self.images: list[Image] = []
        self.index: list[bytes] = []
        self.index_from = 0
        self.index_size = 0
        self.output = 0
        self.head = ImageHead(1, 1, 1, False, 1, 1, 0)
        self.rows = 0
        self.parts: list[bytes] = []
        self.hash = hashlib.sha256()

    def decode(self) -> list[Image]:
        """All images of the file."""
        readers = {
            "C": self.embedded_codebook,
            "R": self.codebook_reference,
            "K": self.builtin_codebook,
            "m": self.metadata,
            "H": self.image_head,
            "B": self.band,
            "G": self.group,
            "E": self.image_end,
            "i": self.index_chunk,
            "Z": self.file_end,
        }
        before = ""
        for chunk in read_chunks(self.data, read_file_head(self.data, IMAGE_SIGNATURE)):
            if chunk.type not in readers or chunk.type == "m":
                require(chunk.ancillary, "unknown critical chunk")
                require(before != "i", "chunk between index and end")
                if chunk.type == "m":
                    self.metadata(chunk)
                continue
            require(chunk.type in PLACES[before], "chunk out of place")
            readers[chunk.type](chunk)
            before = chunk.type
        return self.images

    def note(self, chunk: Chunk, image: int, place: int) -> None:
        """Keep the index entry of a chunk (3.8)."""
        offset = chunk.start - self.index_from
        self.index_from = chunk.start
        self.index.append(chunk.type.encode() + write_varint(offset) + write_varint(image) + write_varint(place))

    def embedded_codebook(self, chunk: Chunk) -> None:
        self.codebooks.append(read_codebook(chunk.body))
        self.note(chunk, 0, 0)

    def codebook_reference(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        identity = reader.take(16)
        reader.text(64)
        reader.end()
        self.refer(identity, chunk)

    def builtin_codebook(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        number = int.from_bytes(reader.take(2), "little")
        reader.end()
        require(number in BUILT_IN, "no such built-in codebook")
        self.refer(bytes.fromhex(BUILT_IN[number]), chunk)

    def refer(self, identity: bytes, chunk: Chunk) -> None:
        self.codebooks.append(read_codebook(self.given[identity]) if identity in self.given else None)
        self.note(chunk, 0, 0)

    def metadata(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        reader.u8()
        reader.text()

    def image_head(self, chunk: Chunk) -> None:
        self.head = ImageHead.read(chunk.body, len(self.codebooks))
        self.rows = 0
        self.parts = []
        self.hash = hashlib.sha256()
        self.note(chunk, len(self.images), 0)

    def coded(self, mode: int, reader: Reader, rows: int, image_rows: int) -> list[int]:
        """The samples of a band or group, from its field `model` on (3.4, 3.5)."""
        head = self.head
        require(rows * head.width * head.components <= MAX_VALUES, "band too large for this decoder")
        model, check, count = reader.varint(), reader.u32(), reader.varint()
        require(count <= 65536, "too many streams")
        lengths = [reader.varint() for _ in range(count)]
        streams = [reader.take(length) for length in lengths]
        reader.end()
        samples = self.decode_samples(mode >> 1, model, streams, Area(rows, head.width, image_rows))
        written = head.sample_bytes(samples, head.bits > 8)
        require(zlib.crc32(written) == check, "samples do not match their check")
        self.output += 2 * len(samples)
        require(self.output <= MAX_OUTPUT, "too many samples for this decoder")
        self.hash.update(written)
        return samples

    def decode_samples(self, mapping: int, number: int, streams: list[bytes], area: Area) -> list[int]:
        """Find the samples of a band or group, mapped or not."""
        head = self.head
        if mapping == 0:
            samples = self.decode_components(number, streams, area, head.components, head.bits)
        else:
            table, bits, streams = read_table(mapping, streams, head.components, head.bits)
            components = 1 if mapping == 2 else head.components
            numbers = self.decode_components(number, streams, area, components, bits)
            samples = [use_table(values, numbers[k % components]) for k, values in enumerate(table)]
        shift = 1 << (head.bits - 1) if head.signed else 0
        return [value - shift for sample in zip(*samples, strict=True) for value in sample]

    def decode_components(
        self, number: int, streams: list[bytes], area: Area, components: int, bits: int
    ) -> list[list[int]]:
        """Find the model (3.4), decode the planes and undo the transform."""
        head = self.head
        if number < 64:
            require(number <= 2, "unknown neutral model")
            transform = 1 if number == 2 else 0
            model = Model(components, 16, transform, 1 if number else 0, 0, [])
        else:
            require(head.codebook > 0, "model of a codebook, but the image names none")
            codebook = self.codebooks[head.codebook - 1]
            if codebook is None:
                raise MissingCodebookError("the codebook is not at hand")
            require(number - 64 < len(codebook.models), "no such model")
            model = codebook.models[number - 64]
            require(model.components in (1, components), "model is for other components")
            require(bits <= model.max_bits, "model is for fewer bits")
        ranges = plane_ranges(model.transform, components, bits)
        require(len(streams) == len(ranges), "number of streams is not that of planes")
        require(len(ranges) * area.size <= MAX_VALUES, "band too large for this decoder")
        if number in (1, 2):
            planes = decode_neutral(streams, ranges, area)
        else:
            planes = decode_planes(codebook if number >= 64 else None, model, streams, ranges, area)
        for plane, (low, high) in zip(planes, ranges, strict=True):
            require(low <= min(plane) and max(plane) <= high, "plane value out of range")
        found = undo_transform(model.transform, planes, bits)
        check_samples(found, bits)
        return found

    def add_image(self, height: int, data: bytes) -> None:
        head = self.head
        shape = (height, head.width) if head.components == 1 else (height, head.width, head.components)
        require(len(self.images) < MAX_IMAGES, "too many images for this decoder")
        self.images.append(Image(shape, head.dtype, data))

    def band(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        mode, image, first_row, rows = reader.u8(), reader.varint(), reader.varint(), reader.varint()
        require(mode in (0, 2, 4), "reserved mode")
        require(image == len(self.images), "band of another image")
        require(first_row == self.rows, "band does not follow the one before")
        require(rows >= 1 and first_row + rows <= (self.head.height or (1 << 31) - 1), "rows out of range")
        samples = self.coded(mode, reader, rows, rows)
        self.parts.append(self.head.sample_bytes(samples, self.head.dtype.endswith("16")))
        self.rows += rows
        self.note(chunk, image, first_row)

    def group(self, chunk: Chunk) -> None:
        head = self.head
        reader = Reader(chunk.body)
        mode, image, images = reader.u8(), reader.varint(), reader.varint()
        require(mode in (0, 2, 4), "reserved mode")
        require(image == len(self.images), "group begins with another image")
        require(images >= 1, "group of no images")
        require(head.height > 0, "group of images of unknown height")
        samples = self.coded(mode, reader, images * head.height, head.height)
        step = head.height * head.width * head.components
        for start in range(0, len(samples), step):
            self.add_image(head.height, head.sample_bytes(samples[start : start + step], head.dtype.endswith("16")))
        self.note(chunk, image, images)

    def image_end(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        height, digest = reader.varint(), reader.rest()
        require(height == self.rows and self.head.height in (0, height), "height is not that of the bands")
        require(len(digest) in (0, 32), "digest of another size")
        require(digest in (b"", self.hash.digest()), "samples do not match their digest")
        self.add_image(height, b"".join(self.parts))

    def index_chunk(self, chunk: Chunk) -> None:
        require(chunk.body == write_varint(len(self.index)) + b"".join(self.index), "index does not fit the chunks")
        self.index_size = chunk.end - chunk.start

    def file_end(self, chunk: Chunk) -> None:
        reader = Reader(chunk.body)
        require(reader.u32() == self.index_size, "index_size is not that of the index")
        reader.end()


def decode_file(data: bytes, codebooks: Sequence[bytes] = ()) -> list[Image]:
    """The images of an image file; raises FormatError where it breaks a rule."""
    return FileDecoder(data, codebooks).decode()


# ---------------------------------------------------------------------------------------- 4. Component transforms

Range = tuple[int, int]


def check_samples(components: list[list[int]], bits: int) -> None:
    """All must lie in 0 .. 2^bits - 1."""
    for component in components:
        require(min(component) >= 0 and max(component) >> bits == 0, "sample out of range")


def read_table(
    mapping: int, streams: list[bytes], components: int, bits: int
) -> tuple[list[list[int]], int, list[bytes]]:
    """What the numbers of a mapping stand for, by component; their bits; and the streams after the table (3.11)."""
    own = components + mapping - 1
    require(len(streams) >= own, "streams of the table are missing")
    if mapping == 1:
        require(components << bits <= 1 << 20, "table too large")
        area = Area(1, 1 << bits, 1)
        flags = decode_neutral(streams[:own], [(0, 1)] * components, area)
        table = [[value for value, taken in enumerate(component) if taken] for component in flags]
        require(min(map(len, table)) > 0, "a component takes no value")
    else:
        require(len(streams[0]) == 2, "count of another size")
        area = Area(1, int.from_bytes(streams[0], "little") + 1, 1)
        transform = 1 if components == 3 else 0
        ranges = plane_ranges(transform, components, bits)
        planes = decode_neutral(streams[1:own], ranges, area)
        for plane, (low, high) in zip(planes, ranges, strict=True):
            require(low <= min(plane) and max(plane) <= high, "plane value out of range")
        table = undo_transform(transform, planes, bits)
        check_samples(table, bits)
    return table, max(1, (max(map(len, table)) - 1).bit_length()), streams[own:]


def use_table(values: list[int], numbers: list[int]) -> list[int]:
    """What the numbers stand for."""
    require(max(numbers) < len(values), "number outside the table")
    return [values[number] for number in numbers]


def plane_ranges(transform: int, components: int, bits: int) -> list[Range]:
    """Ranges of the planes of a transform, which must accept the image."""
    top = (1 << bits) - 1
    require(transform <= 6, "unknown transform")
    require(transform in (0, 6) or components == 3, "transform is for three components")
    require(transform != 5 or bits == 8, "lattice is for eight bits")
    plain, difference = (0, top), (-top, top)
    if transform in (1, 3, 4):
        return [plain, difference, difference]
    return [plain] * components + ([(0, 511**3)] if transform == 5 else [])


def undo_sample(transform: int, a: int, b: int, c: int) -> tuple[int, int, int]:
    """R, G, B from the planes of transforms 1 to 4."""
    if transform == 1:
        green = a - ((b + c) >> 2)
        return b + green, green, c + green
    if transform == 2:
        return b, a, c
    if transform == 3:
        return b + a, a, c + a
    middle = a - (c >> 1)
    blue = middle - (b >> 1)
    return blue + b, c + middle, blue


def undo_lattice(y: int, cb: int, cr: int, correction: int) -> tuple[int, int, int]:
    """R, G, B from Y, Cb, Cr and the correction."""
    u, v = cb - 128, cr - 128
    red = clamp(y + ((91881 * v + 32768) >> 16), 0, 255)
    green = clamp(y + ((-22554 * u - 46802 * v + 32768) >> 16), 0, 255)
    blue = clamp(y + ((116130 * u + 32768) >> 16), 0, 255)
    if correction:
        d = correction - 1
        red, green, blue = red + d // 261121 - 255, green + d // 511 % 511 - 255, blue + d % 511 - 255
    return red, green, blue


def undo_transform(transform: int, planes: list[list[int]], bits: int) -> list[list[int]]:
    """The components of planes, in 0 .. 2^bits - 1 if the file obeys the rules."""
    if transform in (0, 6):
        return planes
    if transform == 5:
        triples = [undo_lattice(*values) for values in zip(*planes, strict=True)]
    else:
        triples = [undo_sample(transform, *values) for values in zip(*planes, strict=True)]
    return [list(component) for component in zip(*triples, strict=True)]


def decode_planes(
    codebook: Codebook | None, model: Model, streams: list[bytes], ranges: list[Range], area: Area
) -> list[list[int]]:
    """The planes of a band or group of a model that is not neutral, by the model's coder."""
    if model.coder == 0:
        require(not model.sections, "coder 0 has no sections")
        return [decode_raw(stream, *bounds, area.size) for stream, bounds in zip(streams, ranges, strict=True)]
    require(model.coder <= 5 and codebook is not None, "unknown coder")
    if model.components == 1 and len(ranges) > 1 and model.transform != 6:
        alone = zip(streams, ranges, strict=True)
        return [decode_planes(codebook, model, [stream], [bounds], area)[0] for stream, bounds in alone]
    assert codebook is not None
    if model.coder == 1:
        return decode_shape(codebook.parameters(model, read_shape_model), streams, ranges, area)
    if model.coder == 5:
        require(model.transform == (5 if len(ranges) > 1 else 0), "transform is not for coder 5")
        return decode_dct(codebook.parameters(model, read_dct_model), streams, ranges, area)
    if model.coder == 4:
        return decode_bilevel(codebook.parameters(model, read_bilevel_model), streams, ranges, area)
    if model.coder == 2:
        plans = codebook.parameters(model, read_context_model)
        return (decode_chain if model.transform == 6 else decode_context)(plans, streams, ranges, area)
    return decode_static(codebook.parameters(model, read_static_model), streams, ranges, area)


# ------------------------------------------------------------------------------------------------- 5. Coder 0: raw


def decode_raw(stream: bytes, low: int, high: int, size: int) -> list[int]:
    """A plane of samples in a fixed number of bits."""
    bits = (high - low).bit_length()
    require(len(stream) == (size * bits + 7) // 8, "raw stream of another length")
    reader = BitReader(stream)
    return [low + reader.bits(bits) for _ in range(size)]


# ----------------------------------------------------------------------------------------------- 6. Coder 1: shape


@dataclass
class ShapePlane:
    """Parameters of a plane (6.1)."""

    mode: int
    shift: int
    singles: int
    shapes: list[tuple[int, int, list[int]]]
    single_code: PrefixCode
    code: PrefixCode
    split: int = 0
    tile_rows: int = 1
    tile_columns: int = 1
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
    leftover_code: PrefixCode | None = None

    @property
    def classes(self) -> int:
        return 7 if self.far > 0 else 1


# 6.2 Prediction and folding


def unfold(f: int) -> int:
    """The residual of a folded value."""
    return -((f + 1) >> 1) if f & 1 else f >> 1


def median_prediction(west: int, north: int, north_west: int) -> int:
    """MED."""
    if north_west >= max(west, north):
        return min(west, north)
    if north_west <= min(west, north):
        return max(west, north)
    return west + north - north_west


def undo_med(folded: list[int], width: int, low: int, high: int) -> list[int]:
    """The samples of one image, mode 0."""
    out: list[int] = []
    for place, f in enumerate(folded):
        y, x = divmod(place, width)
        if y == 0:
            m = out[place - 1] if x else 0
        elif x == 0:
            m = out[place - width]
        else:
            m = median_prediction(out[place - 1], out[place - width], out[place - width - 1])
        out.append(check_sample(clamp(m, low, high) + unfold(f), low, high))
    return out


def undo_gap(folded: list[int], width: int, low: int, high: int, shift: int) -> list[int]:
    """The samples of one image, mode 1."""
    out: list[int] = []
    sums, counts = [0] * 2048, [0] * 2048
    last = 0
    for place, f in enumerate(folded):
        y, x = divmod(place, width)
        if x == 0:
            last = 0
        if y == 0:
            w = out[place - 1] if x > 0 else 0
            ww = out[place - 2] if x > 1 else w
            n = nw = ne = nn = nne = w
        else:
            n = out[place - width]
            w = out[place - 1] if x > 0 else n
            ww = out[place - 2] if x > 1 else w
            nw = out[place - width - 1] if x > 0 else n
            ne = out[place - width + 1] if x + 1 < width else n
            nn = out[place - 2 * width] if y > 1 else n
            nne = out[place - 2 * width + 1] if y > 1 and x + 1 < width else ne
        across = abs(w - ww) + abs(n - nw) + abs(n - ne)
        down = abs(w - nw) + abs(n - nn) + abs(ne - nne)
        slope = (down - across) >> shift
        g = 8 * (w + n) + 4 * (ne - nw)
        side = 16 * w if slope > 0 else 16 * n
        if abs(slope) > 80:
            g = side
        elif abs(slope) > 32:
            g = (g + side) >> 1
        elif abs(slope) > 8:
            g = (3 * g + side) >> 2
        texture = sum((16 * t < g) << k for k, t in enumerate((n, w, nw, ne, nn, ww, 2 * n - nn, 2 * w - ww)))
        energy = (across + down + 2 * abs(last)) >> shift
        k = 256 * sum(step < energy for step in (5, 15, 25, 42, 60, 85, 140)) + texture
        m = g + 16 * sums[k] // counts[k] if counts[k] > 0 else g
        sample = check_sample(clamp((m + 8) >> 4, low, high) + unfold(f), low, high)
        out.append(sample)
        last = sample - ((g + 8) >> 4)
        sums[k] += last
        counts[k] += 1
        if counts[k] >= 128:
            counts[k] >>= 1
            sums[k] >>= 1
    return out


def check_sample(sample: int, low: int, high: int) -> int:
    """The sample, if it is in range."""
    require(low <= sample <= high, "sample out of range")
    return sample


def undo_prediction(folded: list[int], area: Area, bounds: Range, mode: int, shift: int) -> list[int]:
    """The samples of a plane from its folded values, image by image."""
    low, high = bounds
    out: list[int] = []
    for start in range(0, area.size, area.image_rows * area.width):
        part = folded[start : start + area.image_rows * area.width]
        if mode == 0:
            out += undo_med(part, area.width, low, high)
        elif mode == 1:
            out += undo_gap(part, area.width, low, high, shift)
        else:
            out += [check_sample(low + f, low, high) for f in part]
    return out


# 6.3 Range coder, tables and numbers


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
        self.range = (1 << 32) - 1
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
            self.code = (self.code * 256 + self.byte()) & 0xFFFFFFFF
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

    def even(self, encoder: RangeEncoder) -> int:
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
        self.range = (1 << 32) - 1

    def carry(self) -> None:
        if self.low >> 32:
            self.low &= 0xFFFFFFFF
            place = len(self.out) - 1
            while self.out[place] == 255:
                self.out[place] = 0
                place -= 1
            self.out[place] += 1

    def step(self, below: int, frequency: int, total: int) -> None:
        unit = self.range // total
        self.low += unit * below
        self.range = unit * frequency
        self.carry()
        while self.range < 1 << 24:
            self.out.append(self.low >> 24)
            self.low = self.low << 8 & 0xFFFFFFFF
            self.range *= 256

    def finish(self) -> bytes:
        for d in (32, 24, 16, 8, 0):
            value = -(-self.low >> d) << d
            if value < self.low + self.range:
                break
        self.low = value
        self.carry()
        return bytes(self.out + self.low.to_bytes(4, "big")).rstrip(b"\0")


def read_numbers(block: bytes, count: int, above: Callable[[int], int]) -> list[int]:
    """A block of numbers; above(i) is the place of the number above number i, or less than 0."""
    tables: dict[int, Table] = {}
    decoder, encoder = RangeDecoder(block), RangeEncoder()
    out: list[int] = []
    for i in range(count):
        place = above(i)
        key = 32 * (out[place] if place >= 0 else 0).bit_length() + (out[-1] if out else 0).bit_length()
        if key not in tables:
            tables[key] = Table([1] * 32, 24, 8192)
        digits = decoder.symbol(tables[key], encoder)
        value = min(digits, 1)
        for _ in range(digits - 1):
            value = 2 * value + decoder.even(encoder)
        out.append(value)
    require(encoder.finish() == block, "block is not what its numbers are encoded to")
    return out


# 6.4 Section


def unzigzag(value: int) -> int:
    """The signed number of a zigzag number."""
    return -((value + 1) >> 1) if value & 1 else value >> 1


def frequency_of(q: int) -> int:
    """The frequency that a number q stands for."""
    require(1 <= q <= 128, "frequency out of range")
    return q if q < 16 else (8 + q % 8) << (q // 8 - 1)


def read_shape_section(data: bytes, planes_before: int) -> ShapePlane:
    """Section of kind 0 of coder 1, all of whose numbers must obey 6.1."""
    reader = Reader(data)

    def number(least: int, most: int) -> int:
        value = reader.varint(5)
        require(least <= value <= most, "parameter out of range")
        return value

    def block(count: int, above: Callable[[int], int]) -> list[int]:
        return read_numbers(reader.take(reader.varint(5)), count, above)

    mode, shift, singles, shapes = number(0, 2), number(0, 8), number(0, 1024), number(0, 65536)
    number(0, 65536)
    split = number(0, 12)
    tile_rows = tile_columns = phases = increment = 1
    logarithmic = references = count = near = far = w = 0
    limit = 64
    if split:
        tile_rows, tile_columns, logarithmic = number(1, 4), number(1, 4), number(0, 1)
        references, count, phases = number(0, min(2, planes_before)), number(0, 63), number(1, 8)
        near, far, increment, limit = number(0, 262143), number(0, 262143), number(1, 1024), number(64, 65536)
        w = split * tile_rows * tile_columns
        require(w <= 12, "tuple of too many bits")
        require(near <= far and (far == 0 or references > 0), "classes out of range")
        require(limit + increment <= 65536 and (1 << w) + increment <= limit // 2, "limit out of range")
    sizes = block(2 * shapes, lambda i: i - 2)
    require(all(1 <= size <= 28 for size in sizes), "shape size out of range")
    heights, widths = sizes[::2], sizes[1::2]
    up: list[int] = []
    for height, width in zip(heights, widths, strict=True):
        require(height * width >= 2, "shape of one sample")
        up += [-1] * width + list(range(len(up), len(up) + (height - 1) * width))
        require(len(up) <= MAX_SHAPE_SAMPLES, "too many shapes for this decoder")
    samples = block(len(up), up.__getitem__)
    require(max(samples, default=0) <= 262143, "sample of a shape out of range")
    patterns: list[tuple[int, int, list[int]]] = []
    at = 0
    for height, width in zip(heights, widths, strict=True):
        patterns.append((height, width, samples[at : at + height * width]))
        at += height * width
    leftovers = 1 << split if tile_rows * tile_columns > 1 else 0
    first, second = singles + 1, singles + 1 + shapes
    lengths = block(first + second + leftovers, lambda i: i - 1)
    codes = [PrefixCode(part) for part in (lengths[:first], lengths[first : first + second])]
    plane = ShapePlane(mode, shift, singles, patterns, *codes)
    if leftovers:
        plane.leftover_code = PrefixCode(lengths[first + second :])
    if split:
        plane.split, plane.tile_rows, plane.tile_columns = split, tile_rows, tile_columns
        plane.logarithmic, plane.references, plane.phases = logarithmic, references, phases
        plane.near, plane.far, plane.increment, plane.limit = near, far, increment, limit
        taps = 6 + 5 * references
        values = block(taps + count, lambda i: i - 1)
        plane.weights = [unzigzag(value) for value in values[:taps]]
        require(all(abs(weight) <= 1024 for weight in plane.weights), "weight out of range")
        for i, value in enumerate(values[taps:]):
            plane.thresholds.append(plane.thresholds[-1] + value if i else unzigzag(value))
            require(abs(plane.thresholds[-1]) < 1 << 30, "threshold out of range")
        tables = (count + 1) * plane.classes * phases + 1
        require(tables << w <= 1 << 18, "too many tables")
        frequencies = [frequency_of(q) for q in block(tables << w, lambda i: i - (1 << w))]
        plane.tables = [frequencies[i << w : (i + 1) << w] for i in range(tables)]
        require(all(sum(table) <= limit for table in plane.tables), "frequencies beyond the limit")
    reader.end()
    return plane


def read_shape_model(sections: list[Section], transform_planes: int) -> list[ShapePlane]:
    """Parameters of all planes of a model of coder 1 (section 12)."""
    require(len(sections) == transform_planes, "number of sections is not that of planes")
    require(all(section.kind == 0 for section in sections), "section of another kind")
    return [read_shape_section(section.data, plane) for plane, section in enumerate(sections)]


# 6.5 Codes


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


# 6.6 Stream, 6.7 Shape layer, 6.8 Detail layer


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
    """The folded values of a plane, whose stream begins at a place; `references`, nearest first, are folded."""
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
    split = plane.split
    folded = [value << split for value in high]
    whole_rows = area.rows - area.rows % plane.tile_rows
    whole_columns = area.width - area.width % plane.tile_columns
    if plane.leftover_code:
        for place in range(area.size):
            if place // area.width >= whole_rows or place % area.width >= whole_columns:
                folded[place] += plane.leftover_code.read(reader)
    while reader.place % 8:
        require(reader.bit() == 0, "bits that fill a byte are not zero")
    at = reader.place // 8
    if split:
        decoder = RangeDecoder(stream, at)
        read_detail_layer(plane, decoder, high, folded, area, references)
        at = decoder.at
    require(at >= len(stream), "bytes left over in a stream")
    return folded


def read_shape_layer(
    plane: ShapePlane, reader: BitReader, pairs: int, golomb: int, code: PrefixCode, bounds: Range, area: Area
) -> list[int]:
    """The high parts of a plane."""
    high = [0] * area.size
    covered = bytearray(area.size)
    largest = (bounds[1] - bounds[0]) * (1 if plane.mode == 2 else 2) >> plane.split
    digits = (golomb - 1).bit_length()
    short = (1 << digits) - golomb
    place = 0
    for _ in range(pairs):
        distance = 0
        while reader.bit():
            distance += golomb
            require(distance <= area.size, "distance too large")
        if golomb > 1:
            rest = reader.bits(digits - 1)
            distance += rest if rest < short else 2 * rest + reader.bit() - short
        while place < area.size and (covered[place] or distance > 0):
            distance -= not covered[place]
            place += 1
        require(place < area.size, "pair beyond the plane")
        y, x = divmod(place, area.width)
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


def loudness(f: int, logarithmic: int) -> int:
    """How loud a folded value is."""
    if not logarithmic:
        return min(f, 4095)
    o = (f + 1).bit_length() - 1
    return 16 * o + (16 * (f + 1 - (1 << o)) >> o)


OWN_PLACES = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
REFERENCE_PLACES = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))


def read_detail_layer(
    plane: ShapePlane, decoder: RangeDecoder, high: list[int], folded: list[int], area: Area, nearest: list[list[int]]
) -> None:
    """Add the low parts of all tuples to the folded values."""
    tables: dict[int, Table] = {}
    taps = [(folded, dy, dx) for dy, dx in OWN_PLACES]
    taps += [(reference, dy, dx) for reference in nearest[: plane.references] for dy, dx in REFERENCE_PLACES]
    width, split, columns = area.width, plane.split, plane.tile_columns
    tile = plane.tile_rows * columns
    for y in range(0, area.rows - plane.tile_rows + 1, plane.tile_rows):
        for x in range(0, width - columns + 1, columns):
            places = [(y + i // columns) * width + x + i % columns for i in range(tile)]
            if any(high[place] for place in places):
                number = len(plane.tables) - 1
            else:
                activity = 0
                for weight, (source, dy, dx) in zip(plane.weights, taps, strict=True):
                    if 0 <= y + dy < area.rows and 0 <= x + dx < width:
                        activity += weight * loudness(source[(y + dy) * width + x + dx], plane.logarithmic)
                level = sum(threshold <= activity for threshold in plane.thresholds)
                kind = 0
                if plane.classes > 1:
                    v = nearest[0][y * width + x]
                    kind = 1 + v % 2 + 2 * (v > plane.near) + 2 * (v > plane.far) if v else 0
                number = (level * plane.classes + kind) * plane.phases + x % plane.phases
            if number not in tables:
                tables[number] = Table(plane.tables[number], plane.increment, plane.limit)
            symbol = decoder.symbol(tables[number])
            for i, place in enumerate(places):
                folded[place] += symbol >> split * (tile - 1 - i) & (1 << split) - 1


def decode_shape(planes: list[ShapePlane], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 1."""
    folded: list[list[int]] = []
    out: list[list[int]] = []
    for plane, stream, bounds in zip(planes, streams, ranges, strict=True):
        folded.append(decode_shape_plane(plane, stream, 0, bounds, area, folded[::-1]))
        out.append(undo_prediction(folded[-1], area, bounds, plane.mode, plane.shift))
    return out


# 6.9 Neutral parameters


@cache
def neutral_parameters(v: int) -> ShapePlane:
    """The parameters that follow from the first byte of a stream."""
    variant, split = v // 11, v % 11 + 1
    mode = 0 if variant == 0 else 2 if variant == 10 else 1
    code = PrefixCode([5] + [2 * i.bit_length() - 1 for i in range(1, 17)])
    step = 1 if split < 8 else 2
    size = 1 << split
    total = 4096 if split < 10 else 4 * size
    means = [32]
    means += [((2 + i % 2) << (7 + i // 2)) - 256 for i in range(step, 2 * split + 2 + step, step)]
    means.append(256 * size)
    tables = []
    for mean in means:
        weights = [1 << 40]
        for _ in range(size - 1):
            weights.append(weights[-1] * mean // (mean + 256))
        whole = sum(weights)
        frequencies = [1 + (total - size) * weight // whole for weight in weights]
        tables.append([f >> max(f.bit_length() - 4, 0) << max(f.bit_length() - 4, 0) for f in frequencies])
    return ShapePlane(
        mode, variant - 1 if mode == 1 else 0, 16, [], code, code, split, logarithmic=1,
        thresholds=[1024 * i + 512 * step for i in range(0, 2 * split + 2, step)],
        weights=[40, 40, 16, 16, 8, 8], increment=24, limit=4 * total, tables=tables,
    )  # fmt: skip


def decode_neutral(streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of a neutral model."""
    out = []
    for stream, bounds in zip(streams, ranges, strict=True):
        v = stream[0] if stream else 0
        require(v < 121, "unknown neutral parameters")
        plane = neutral_parameters(v)
        folded = decode_shape_plane(plane, stream, 1, bounds, area, [])
        out.append(undo_prediction(folded, area, bounds, plane.mode, plane.shift))
    return out


# ------------------------------------------------------------------------------------------ 7. Binary range coder


class Decisions:
    """Reads binary decisions; zeros follow the stream (7.1 to 7.3)."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at + 4
        self.low, self.high = 0, (1 << 32) - 1
        self.code = int.from_bytes(data[at : at + 4].ljust(4, b"\0"), "big")

    def decide(self, p: int) -> int:
        """A bit that is 1 with a probability of p / 65536."""
        split = self.low + ((self.high - self.low) * p >> 16)
        if self.code <= split:
            bit = 1
            self.high = split
        else:
            bit = 0
            self.low = split + 1
        while (self.low ^ self.high) < 1 << 24:
            self.low = self.low << 8 & 0xFFFFFFFF
            self.high = (self.high << 8 & 0xFFFFFFFF) + 255
            byte = self.data[self.at] if self.at < len(self.data) else 0
            self.code = (self.code << 8 & 0xFFFFFFFF) + byte
            self.at += 1
        return bit

    def adaptive(self, probabilities: list[int], place: int) -> int:
        """A bit of an adaptive probability, which learns it."""
        a = probabilities[place]
        if self.decide(32 if a < 32 else min(a, 65504)):
            probabilities[place] = a + ((65535 - a) >> 6)
            return 1
        probabilities[place] = a + (-a >> 6)
        return 0

    def even(self) -> int:
        return self.decide(32768)

    def integer(self, probabilities: list[int], first: int = 0) -> int:
        """A number from 0 up, with the 31 probabilities from `first` on."""
        n = 0
        while self.adaptive(probabilities, first + n):
            n += 1
            require(n <= 30, "integer too long")
        v = 1
        for _ in range(n):
            v = 2 * v + self.even()
        return v - 1

    def table(self, rows: int, columns: int, most: int = 1 << 29, least: int | None = None) -> list[list[int]]:
        """A table (7.4), whose entries must lie in least .. most (-most .. most if least is not given)."""
        least = -most if least is None else least
        probabilities = [[32768] * 33 for _ in range(columns)]
        above = [0] * columns
        out = []
        for _ in range(rows):
            row = []
            for column, c in zip(above, probabilities, strict=True):
                entry = column
                if self.adaptive(c, 0):
                    negative = self.adaptive(c, 1)
                    difference = self.integer(c, 2) + 1
                    entry += -difference if negative else difference
                require(abs(entry) <= 1 << 29, "entry of a table out of range")
                row.append(entry)
            out.append(row)
            above = row
        require(all(least <= entry <= most for row in out for entry in row), "entry of a table out of range")
        return out

    def column(self, rows: int, most: int = 1 << 29, least: int | None = None) -> list[int]:
        """A table of one column."""
        return [row[0] for row in self.table(rows, 1, most, least)]


def read_state(adaptive: Callable[[list[int], int], int], d: list[int], slope: int, seen: tuple[int, ...]) -> int:
    """A counter that is touched, CHANCES[c] being SQUASH[slope * (c - 15.5)]."""
    c = s = 1
    for _ in range(5):
        c = 2 * c + adaptive(d, 1 + c)
    for _ in range(2):
        s = 2 * s + adaptive(d, 34 + 4 * (c - 32) + s)
    return (squash(slope * (2 * (c - 32) - 31) // 2) << 16) + seen[s - 4]


@lru_cache(maxsize=16)
def read_counters(data: bytes, contexts: int, count: int, nodes: int, slope: int, seen: tuple[int, ...]) -> Counters:
    """The trained counters of each context (7.5); not to be changed."""
    reader = Reader(data)
    sizes = [reader.u32() for _ in range(contexts)]
    streams = [reader.take(size) for size in sizes]
    reader.end()
    out = []
    for stream in streams:
        adaptive = Decisions(stream).adaptive
        sets = [[32768] * 162 for _ in range(nodes)]
        before = 0
        counters = array("I", [1 << 31]) * count
        for i in range(count):
            d = sets[i % nodes]
            before = adaptive(d, before)
            if before:
                counters[i] = read_state(adaptive, d, slope, seen)
        out.append(counters)
    return out


def decode_correction(stream: bytes, area: Area) -> list[int]:
    """A correction plane (7.6)."""
    plane = [0] * area.size
    if not stream:
        return plane
    require(stream[0] == 1, "unknown form of a correction plane")
    decisions = Decisions(stream, 1)
    zeros = [64] + [32768] * 15
    gammas = [[32768] * 31 for _ in range(3)]
    width = area.width
    for place in range(area.size):
        y, x = divmod(place, width)
        a = int(x > 0 and plane[place - 1] != 0) + 2 * int(y > 0 and plane[place - width] != 0)
        a += 4 * int(y > 0 and x > 0 and plane[place - width - 1] != 0)
        a += 8 * int(y > 0 and x + 1 < width and plane[place - width + 1] != 0)
        if decisions.adaptive(zeros, a):
            for gamma in gammas:
                f = decisions.integer(gamma)
                require(f <= 510, "correction out of range")
                plane[place] = 511 * plane[place] + unfold(f) + 255
            plane[place] += 1
    return plane


# 7.7 Stretched probabilities


def read_text_table(name: str) -> list[int]:
    """A table that is part of the text."""
    return [int(line) for line in (Path(__file__).parent / "tables" / name).read_text().split()]


STRETCH = read_text_table("stretch.txt")
SQUASH_FROM_0 = read_text_table("squash.txt")  # SQUASH[x] stands at x + 2815
RATE = [655360 // (10 * n + 16) for n in range(256)]


def squash(x: int) -> int:
    """SQUASH[x], x clamped to the table."""
    return SQUASH_FROM_0[clamp(x, -2815, 2815) + 2815]


def learn(counter: int, bit: int, limit: int = 255) -> int:
    """The counter after it has seen a bit; it counts to the limit."""
    seen, chance = counter & 1023, counter >> 10
    if bit:
        chance += (4194303 - chance) * RATE[seen] >> 16
    else:
        chance -= chance * RATE[seen] >> 16
    return chance << 10 | min(seen + 1, limit)


# --------------------------------------------------------------------------------------------- 8. Coder 2: context


def modelled_planes(plans: Sequence[Any], ranges: list[Range]) -> int:
    """How many planes a model of coder 2, 3 or 5 covers; the others are correction planes (7.6)."""
    require(all(bounds[1] == 511**3 for bounds in ranges[len(plans) :]), "a plane that no section models")
    return len(plans)


def take_grid(plans: Sequence[Any], stream: bytes) -> tuple[int, bytes]:
    """`grid` from the front of plane 0's stream, where a plane has the grid class map (8.2); and the rest."""
    if not any(plan.grid_map for plan in plans):
        return 0, stream
    grid = stream[0] if stream else 0
    require(grid <= 63, "grid out of range")
    return grid, stream[1:]


def read_references(head: bytes, plane: int) -> list[int]:
    """Bytes 0 to 2 of a plan of coder 2 or 3."""
    count, numbers = head[0], list(head[1:3])
    require(count <= 2, "too many references")
    require(all(number < plane for number in numbers[:count]), "reference is not before its plane")
    require(not any(numbers[count:]), "reference where there is none")
    return numbers[:count]


def sample_near(plane: list[int], start: int, rows: int, width: int) -> Callable[[int, int], int]:
    """ref(r, c): the sample of a reference at the nearest place inside the image that begins at `start`."""
    return lambda r, c: plane[start + clamp(r, 0, rows - 1) * width + clamp(c, 0, width - 1)]


@dataclass
class ContextPlan:
    """Sections of a plane of coder 2 (8.1)."""

    references: list[int]
    grid_map: bool
    adapts: bool
    shift: int
    recalls: bool
    thresholds: list[int]
    levels: list[int]
    low_bits: list[int]
    contexts: list[list[int]]
    block_bits: list[int]
    mark_weights: list[int]
    offsets: list[int]
    weights: list[list[int]]
    counters: Counters = field(default_factory=list)
    sets: int = 0
    mixer: list[list[int]] = field(default_factory=list)


def read_context_plan(data: bytes, plane: int) -> ContextPlan:
    """Section of kind 0."""
    head = Reader(data).take(5)
    references = read_references(head, plane)
    recalls, class_map, adapts = head[3] >> 7, head[3] >> 6 & 1, head[3] >> 5 & 1
    shift, contexts = head[3] & 31, head[4]
    require(shift <= 16 and 1 <= contexts <= 32, "plan out of range")
    tables = Decisions(data, 5)
    classes = 256 if class_map else 64
    plan = ContextPlan(
        references, bool(class_map), bool(adapts), shift, bool(recalls),
        tables.column(3 if class_map else 7),
        tables.column(15),
        tables.column(16, 16, 0),
        tables.table(contexts, 4, 63, -1),
        tables.column(contexts, 18, 4),
        tables.column((6, 11, 14)[len(references)], 4096),
        tables.column(classes, 1 << 17),
        tables.table(classes, 21 + 9 * len(references), 1 << 18),
    )  # fmt: skip
    require(all(one < next_one for one, next_one in pairwise(plan.levels)), "levels do not rise")
    return plan


def read_context_counters(data: bytes, block_bits: list[int], used: int) -> Counters:
    """The trained counters of the contexts that are used (7.5, 8.1)."""
    reader = Reader(data)
    sizes = [reader.u32() for _ in block_bits]
    streams = [reader.take(size) for size in sizes]
    reader.end()
    out = []
    for stream, bits in zip(streams[:used], block_bits, strict=False):
        adaptive = Decisions(stream).adaptive
        sets = [[32768] * 162 for _ in range(9)]
        before, block = 0, 1
        counters = array("I", [1 << 31]) * (8 << bits)
        for i in range(len(counters)):
            if i % 8 == 0:
                block = adaptive(sets[8], block)
            if not block:
                before = 0
                continue
            d = sets[i % 8]
            before = adaptive(d, before)
            if before:
                counters[i] = read_state(adaptive, d, 124, (2, 6, 20, 60))
        out.append(counters)
    return out


def read_context_mixers(data: bytes, contexts: int) -> tuple[int, int, list[list[int]]]:
    """Section of kind 2: how many contexts are used, `sets`, and the mixer weights."""
    n, sets = Reader(data).take(2)
    require(1 <= n <= contexts and 1 <= sets <= 3, "mixers out of range")
    starts = [851968 // (10 * n)] * n + [0]
    changes = Decisions(data, 2).table(2304, n + 1, 4096)
    return n, sets, [[512 * entry + start for entry, start in zip(row, starts, strict=True)] for row in changes]


def read_context_model(sections: list[Section], transform_planes: int) -> list[ContextPlan]:
    """All sections of a model of coder 2."""
    count = len(sections) // 3
    require(len(sections) == 3 * count and 1 <= count <= transform_planes, "number of sections does not fit")
    require([section.kind for section in sections] == [0] * count + [1] * count + [2] * count, "wrong kinds")
    plans = [read_context_plan(section.data, plane) for plane, section in enumerate(sections[:count])]
    for plan, counters, mixers in zip(plans, sections[count : 2 * count], sections[2 * count :], strict=True):
        n, plan.sets, plan.mixer = read_context_mixers(mixers.data, len(plan.contexts))
        require(sum(8 << bits for bits in plan.block_bits[:n]) <= MAX_COUNTERS, "too many counters for this decoder")
        plan.counters = read_context_counters(counters.data, plan.block_bits, n)
        plan.contexts = plan.contexts[:n]
    return plans


CONTEXT_OWN = (
    (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2), (-2, -1), (-2, 1),
    (0, -3), (-3, 0), (-2, -2), (-2, 2), (0, -4), (-1, -3), (-1, 3), (-3, -1), (-3, 1), (-4, 0),
)  # fmt: skip
AROUND = ((0, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, 1), (1, -1))


MARK_OWN = ((0, -1), (0, -2), (-1, 0), (-1, -1), (-1, 1), (-2, 0))
MARK_FIRST = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
MARK_SECOND = ((0, 0), (0, -1), (0, 1))
SHARES = read_text_table("shares.txt")


def context_mark(error: int) -> int:
    """The mark of an absolute error in eighths (8.5)."""
    if error > 4096:
        return context_mark(min(error >> 9, 4096)) + 72
    size = (error + 2).bit_length() - 1
    return 8 * size + ((error + 2 << 3 >> size) & 7) - 8


@dataclass
class Picture:
    """One image of a plane: samples from 0 and marks, by row and column."""

    rows: int
    width: int
    samples: list[int]
    marks: list[int]


class Causal:
    """own(r, c) of 8.3 over numbers that are appended one by one."""

    def __init__(self, rows: int, width: int, middle: int) -> None:
        self.rows, self.width, self.middle = rows, width, middle
        self.known: list[int] = []

    def own(self, r: int, c: int, y: int, x: int) -> int:
        if r < 0:
            r, c = 0, (c if y else x - 1)
        if c >= 0:
            return self.known[r * self.width + min(c, self.width - 1)]
        return self.known[(r - 1) * self.width] if r else self.middle


class Correction:
    """Local least squares (8.5)."""

    def __init__(self, width: int) -> None:
        stripes = (width + 7) // 8 + 2
        self.sums = [[[0] * 15 for _ in range(15)] for _ in range(stripes)]
        self.weights = [[0] * 14 for _ in range(stripes)]

    def solve(self, b: int) -> None:
        """Before a row of stripe b."""
        own, w = self.sums[b], self.weights[b]
        near = self.sums[b - 1 : b + 2]
        total = [[sum(sums[i][j] for sums in near) for j in range(i + 1)] for i in range(15)]
        largest = max(1, *(total[i][i] for i in range(14)))
        down = max(0, largest.bit_length() - 28)
        ridge = max(1, 262144 >> down)
        a = [[total[max(i, j)][min(i, j)] >> down for j in range(14)] for i in range(14)]
        for i in range(14):
            a[i][i] += ridge
        rest = [((total[14][i] >> down) << 13) - sum(w[j] * a[i][j] for j in range(14)) for i in range(14)]
        for _ in range(2):
            for i in range(14):
                bound = a[i][i] << 19
                step = clamp(rest[i], -bound, bound) * ((1 << 40) // a[i][i]) >> 40
                moved = clamp(w[i] + step, -262144, 262144)
                step = moved - w[i]
                w[i] = moved
                for j in range(14):
                    rest[j] -= step * a[i][j]
        for row in own:
            for j in range(15):
                row[j] -= row[j] >> 3

    def learn(self, b: int, u: list[int], target: int, share: int) -> None:
        """After a sample of stripe b."""
        line = [*u, target]
        for i in range(15):
            for j in range(min(i + 1, 14)):
                self.sums[b][i][j] += line[i] * u[j] * share


class Memory:
    """What followed the same neighbours the last time (8.10)."""

    def __init__(self, samples: int) -> None:
        bits = min(max((samples - 1).bit_length(), 10), 18)
        self.entries: list[tuple[int, int, int] | None] = [None] * (1 << bits)
        self.place = self.check = 0

    def ask(self, w: int, n: int, p: int) -> tuple[int, int] | None:
        """The sample that followed and its count, if there is one."""
        h = (w * 2654435761 + n * 2246822519 + p * 3266489917) & 0xFFFFFFFF
        h = (h ^ h >> 15) * 739982445 & 0xFFFFFFFF
        h ^= h >> 13
        self.place, self.check = h % len(self.entries), h >> 18
        entry = self.entries[self.place]
        return entry[1:] if entry and entry[0] == self.check else None

    def learn(self, sample: int) -> None:
        """After the sample that was asked for."""
        check, old, count = self.entries[self.place] or (-1, 0, 0)
        if (check, old) == (self.check, sample):
            self.entries[self.place] = check, old, min(count + 1, 3)
        elif count > 1:
            self.entries[self.place] = check, old, count >> 1
        else:
            self.entries[self.place] = self.check, sample, 0


def hash_terms(terms: list[int], context: Sequence[int]) -> int:
    """The number h of a context of at most four terms, -1 for none (8.7)."""
    t = [terms[number] & 65535 if number >= 0 else 0 for number in context]
    t += [0] * (4 - len(t))
    h = ((t[0] | t[1] << 16) * 739982445 + (t[2] | t[3] << 16) * 2246822519) & 0xFFFFFFFF
    h = (h ^ h >> 15) * 2654435761 & 0xFFFFFFFF
    return h ^ h >> 13


class Mixing:
    """What a plane of coder 2 or 5 mixes its decisions from, all of which learns (8.7, 8.8)."""

    def __init__(self, plan: ContextPlan | DctPlan) -> None:
        self.block_bits, self.sets = plan.block_bits, plan.sets
        self.counters = [counters[:] for counters in plan.counters]
        self.mixer = [row[:] for row in plan.mixer]
        self.final = [[squash(128 * j - 2048) for j in range(33)] for _ in range(1024)]
        self.hashes: list[int] = []

    def mixed(self, decisions: Decisions, shift: int, number: int, mixer_rows: Sequence[int], final_row: int) -> int:
        """A decision from counter `number` of block (h >> shift) % 2^block_bits of each context."""
        rows = [self.mixer[mixer_row] for mixer_row in mixer_rows[: self.sets]]
        cells = [
            (counters, 8 * ((h >> shift) % (1 << bits)) + number)
            for counters, h, bits in zip(self.counters, self.hashes, self.block_bits, strict=False)
        ]
        s = [STRETCH[counters[place] >> 20] for counters, place in cells]
        s.append(256)
        dots = [clamp(sum(map(mul, row, s)) >> 16, -2815, 2815) for row in rows]
        mean = sum(dots) // len(dots)
        f = self.final[final_row]
        chance, j, r = refine(f, mean)
        bit = decisions.decide(clamp(chance, 4, 65532))
        learn_refined(f, j, r, bit)
        for row, dot in zip(rows, dots, strict=True):
            e = 3 * (65536 * bit - squash(dot))
            for i, value in enumerate(s):
                row[i] = (row[i] + ((value * e + 32768) >> 16) + (1 << 31) & 0xFFFFFFFF) - (1 << 31)
        for counters, place in cells:
            counters[place] = pull(counters[place], bit)
        return bit


class ContextPlane(Mixing):
    """Decodes images of a plane with coder 2; its state goes on from image to image."""

    def __init__(self, plan: ContextPlan, maximum: int, grid: int) -> None:
        super().__init__(plan)
        self.plan, self.maximum, self.grid = plan, maximum, grid
        self.lows = [32768] * 2048
        self.gammas = [32768] * 31
        self.recalls = [32768] * 512
        self.level = self.quarter = self.place = self.term7 = 0

    def image(self, decisions: Decisions, rows: int, width: int, references: list[Picture]) -> Picture:
        """One image (8.3 to 8.5)."""
        self.decisions = decisions
        plan, maximum = self.plan, self.maximum
        samples, marks = Causal(rows, width, (maximum + 1) // 2), Causal(rows, width, 24)
        correction, memory = Correction(width), Memory(rows * width)
        errors: list[int] = []
        near = [
            (sample_near(picture.samples, 0, rows, width), sample_near(picture.marks, 0, rows, width))
            for picture in references
        ]
        adapts = plan.adapts and width <= 1 << 18
        for position in range(rows * width):
            y, x = divmod(position, width)
            taps = [samples.own(y + dy, x + dx, y, x) for dy, dx in CONTEXT_OWN]
            around = [marks.own(y + dy, x + dx, y, x) for dy, dx in MARK_OWN]
            for (sample, mark), places in zip(near, (MARK_FIRST, MARK_SECOND), strict=False):
                taps += [sample(y + dy, x + dx) for dy, dx in AROUND]
                around += [mark(y + dy, x + dx) for dy, dx in places]
            predictor = self.classify(taps, y, x)
            total = sum(v * weight for v, weight in zip([*taps, 8], plan.weights[predictor], strict=True))
            first = fine = clamp(total >> 10, 0, 8 * maximum)
            b = x // 8 + 1
            if adapts:
                if x % 8 == 0:
                    correction.solve(b)
                m = (first + 4) >> 3
                u = [v - m for v in taps[: 14 - 4 * len(near)]]
                for start in range(20, len(taps), 9):
                    u += [v - taps[start] for v in taps[start + 1 : start + 5]]
                d = sum(v * weight for v, weight in zip(u, correction.weights[b], strict=True)) >> 13
                fine = clamp(first + d, 0, 8 * maximum)
            mu = (fine + 4) >> 3
            self.quarter = (fine + 4) % 8 >> 1
            energy = plan.offsets[predictor] + sum(a * w for a, w in zip(around, plan.mark_weights, strict=True))
            energy = clamp(energy >> 8, 0, 255)
            self.level = sum(level < energy for level in plan.levels)
            west = errors[-1] if x else 0
            north = errors[position - width] if y else 0
            terms = self.terms(taps, mu, y, x)
            terms[51:55] = [predictor, self.place, energy >> 2, energy >> 1]
            terms[58:60] = [self.scaled(west), self.scaled(north)]
            terms[61] = self.scaled(first - fine)
            found = memory.ask(taps[0], taps[1], taps[20] if near else 0) if plan.recalls else None
            if found and energy >= 24 and self.right(*found, mu):
                value = found[0]
            else:
                self.hash_contexts(terms)
                value = self.sample(mu)
            if plan.recalls:
                memory.learn(value)
            samples.known.append(value)
            errors.append(8 * value - fine)
            marks.known.append(context_mark(abs(errors[-1])))
            if adapts:
                share = SHARES[max(0, energy + marks.known[-1] - 16 * plan.shift)]
                correction.learn(b, u, 8 * value - first, share)
        return Picture(rows, width, samples.known, marks.known)

    def scaled(self, error: int) -> int:
        """An error in eighths as a term."""
        return clamp(error >> (self.plan.shift + 2), -20, 20)

    def classify(self, taps: list[int], y: int, x: int) -> int:
        """The predictor, and `place` (8.4)."""
        plan = self.plan
        w, n, nw, ne = taps[:4]
        if plan.references:
            p, pw, pn, pe, ps, pnw = taps[20:26]
            activity = abs(p - pw) + abs(p - pn) + abs(p - pe) + abs(p - ps)
        else:
            activity = abs(w - n) + abs(n - ne) + abs(w - nw)
        step = sum(threshold < activity for threshold in plan.thresholds)
        if plan.grid_map:
            self.place = 8 * ((y + self.grid // 8) % 8) + (x + self.grid % 8) % 8
            return 4 * self.place + step
        if plan.references:
            dw, dn, dnw = w - pw, n - pn, nw - pnw
            apart = 2 * (abs(dw - dn) + abs(dnw - dn) + abs(dnw - dw))
            texture = sum(threshold < apart for threshold in plan.thresholds)
        else:
            t = w + n + nw + ne
            texture = (4 * w > t) + 2 * (4 * n > t) + 4 * (4 * ne > t)
        self.place = 8 * texture + step
        return self.place

    def terms(self, taps: list[int], mu: int, y: int, x: int) -> list[int]:
        """The terms of a sample that do not need its prediction's history (8.6)."""
        shift = self.plan.shift
        w, n, nw, ne, ww, nn, nww, _, _, nne = taps[:10]
        m = median_prediction(w, n, nw)
        close = [w, n, nw, ne, ww, nn, m, m, w, w + n - nw, w + ne - n, 2 * n - nn, 2 * w - ww, n + ne - nne, nww]
        close += [(w + ne) >> 1, n + ((w - nw + ne - n) >> 1), (w + n) >> 1]
        far = [mu, w, n]
        if len(taps) > 20:
            p, pw, pn, pe, ps, pnw, pne = taps[20:27]
            q, qw, qn = taps[29:32] if len(taps) > 29 else (0, 0, 0)
            close[7:9] = [w + p - pw, n + p - pn]
            close[17] = p + ((w - pw + n - pn) >> 1)
            close += [w + q - qw, n + q - qn, p, q, ne + p - pne, nw + p - pnw]
            close += [w + n - nw + p - (pw + pn - pnw), q + ((w - qw + n - qn) >> 1)]
            far += [p, q, p - pw, p - pn, q - qw, q - qn, p - pe, p - ps, pw, pn, 2 * p - pw - pe, 2 * p - pn - ps]
        out = [0] * 64
        out[: len(close)] = [clamp((v - mu) >> shift, -20, 20) for v in close]
        out[32 : 32 + len(far)] = [v >> shift for v in far]
        out[48:51] = [self.level, self.level >> 1, self.quarter]
        out[55:58] = [clamp(2 * (m - mu) >> shift, -8, 8), min(y, 63), min(x, 63)]
        out[60] = (w == n) + 2 * (n == ne) + 4 * (w == nw) + 8 * (n == nw) + 16 * (w == ww) + 32 * (n == nn)
        return out

    def hash_contexts(self, terms: list[int]) -> None:
        """A number for each context (8.7)."""
        self.term7 = terms[7]
        self.hashes = [hash_terms(terms, context) for context in self.plan.contexts]

    def decision(self, d: int) -> int:
        """A decision of a node (8.8)."""
        rows = (16 * d + self.level, 256 + 64 * d + self.place % 64, 1280 + 64 * d + self.term7 + 20)
        return self.mixed(self.decisions, 15 if d >= 8 else 0, d % 8, rows, 64 * d + 4 * self.level + self.quarter)

    def right(self, sample: int, count: int, mu: int) -> int:
        """Whether a recalled sample is right (8.10)."""
        d = min(abs(sample - mu).bit_length(), 7)
        return self.decisions.adaptive(self.recalls, (8 * self.level + d) * 4 + count)

    def sample(self, mu: int) -> int:
        """The sample by its residual (8.9)."""
        maximum, decisions = self.maximum, self.decisions
        if maximum == 0:
            return 0
        if not self.decision(0):
            return mu
        sign = self.decision(1) if 0 < mu < maximum else int(mu == 0)
        k = self.plan.low_bits[self.level]
        most = ((maximum - mu if sign else mu) - 1) >> k
        step = 0
        while step < min(most, 24) and self.decision(2 + sign + 2 * min(step, 6)):
            step += 1
        if step == 24 and step < most:
            step = min(24 + decisions.integer(self.gammas), most + 1)
        q = 1
        for _ in range(k):
            if q < 8:
                q = 2 * q + decisions.adaptive(self.lows, ((8 * self.level + min(step, 7)) * 2 + sign) * 8 + q)
            else:
                q = 2 * q + decisions.even()
        size = (step << k) + q - (1 << k) + 1
        return check_sample(mu + size if sign else mu - size, 0, maximum)


def pull(counter: int, bit: int) -> int:
    """The counter of coder 2 after it has seen a bit (8.8)."""
    seen, chance = counter & 1023, counter >> 10
    chance += (4194303 * bit - chance) * RATE[seen] >> 16
    return chance << 10 | min(seen + 1, 255)


def refine(f: list[int], mean: int) -> tuple[int, int, int]:
    """The probability of a mean of opinions, half of it by a row of the final map; and where it stands in the row."""
    at = 32 * (clamp(mean, -2047, 2047) + 2048)
    j, r = at >> 12, at & 4095
    return (squash(mean) + ((f[j] * (4096 - r) + f[j + 1] * r) >> 12)) >> 1, j, r


def learn_refined(f: list[int], j: int, r: int, bit: int) -> None:
    """The row of the final map learns a bit."""
    t = 65535 * bit
    f[j] += (t - f[j]) * (4096 - r) >> 18
    f[j + 1] += (t - f[j + 1]) * r >> 18


def picture_of(plane: list[int], marks: list[int], start: int, area: Area) -> Picture:
    """The image that begins at `start`."""
    end = start + area.image_rows * area.width
    return Picture(area.image_rows, area.width, plane[start:end], marks[start:end])


def decode_context(plans: list[ContextPlan], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 2."""
    count = modelled_planes(plans, ranges)
    grid, first = take_grid(plans, streams[0])
    planes: list[list[int]] = []
    marks: list[list[int]] = []
    for plan, stream, (low, high) in zip(plans, [first, *streams[1:count]], ranges, strict=False):
        coder, decisions = ContextPlane(plan, high - low, grid), Decisions(stream)
        planes.append([])
        marks.append([])
        for start in range(0, area.size, area.image_rows * area.width):
            references = [picture_of(planes[number], marks[number], start, area) for number in plan.references]
            picture = coder.image(decisions, area.image_rows, area.width, references)
            planes[-1] += picture.samples
            marks[-1] += picture.marks
    return finish_planes(planes, streams, ranges, area)


def decode_chain(plans: list[ContextPlan], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """Images of one component, or the components of each image, from each other (section 4)."""
    require(len(plans) == 3, "a chain has three planes")
    low, high = ranges[0]
    coders = [ContextPlane(plan, high - low, 0) for plan in plans]
    decisions = [Decisions(stream) for stream in streams]
    planes: list[list[int]] = [[] for _ in streams]
    chain: list[Picture] = []
    for _ in range(0, area.size, area.image_rows * area.width):
        if len(streams) > 1:
            chain = []
        for plane, stream in zip(planes, decisions, strict=True):
            k = min(len(chain), 2)
            window = chain[len(chain) - k :]
            references = [window[number] for number in plans[k].references]
            chain.append(coders[k].image(stream, area.image_rows, area.width, references))
            plane += chain[-1].samples
    return [[value + low for value in plane] for plane in planes]


def finish_planes(planes: list[list[int]], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """Planes with the low ends of their ranges, then the correction planes."""
    out = [[value + low for value in plane] for plane, (low, _) in zip(planes, ranges, strict=False)]
    return out + [decode_correction(stream, area) for stream in streams[len(planes) :]]


# ---------------------------------------------------------------------------------------------- 9. Coder 3: static


@dataclass
class StaticPlan:
    """The section of a plane of coder 3 (9.1)."""

    references: list[int]
    grid_map: bool
    thresholds: list[int]
    offsets: list[int]
    mark_weights: list[int]
    edges: list[int]
    cells: list[list[int]]
    plain: list[int]
    reaches: list[int]
    slots: list[list[tuple[int, int, int]]]  # for each context and slot: symbol, start, frequency
    weights: list[list[int]]


def read_static_plan(data: bytes, plane: int) -> StaticPlan:
    """A section of kind 0."""
    head = Reader(data).take(6)
    references = read_references(head, plane)
    class_map, levels, contexts = head[3:]
    require(class_map <= 1 and 1 <= levels <= 32 and contexts >= 1, "plan out of range")
    classes = 256 if class_map else 64
    tables = Decisions(data, 6)
    thresholds = tables.column(3 if class_map else 7)
    offsets = tables.column(classes, 1 << 17)
    mark_weights = tables.column((6, 11, 14)[len(references)], 4096)
    edges = tables.column(levels - 1)
    require(all(a < b for a, b in pairwise(edges)), "edges do not rise")
    cells = tables.table(levels, 36, contexts - 1, 0)
    plain = tables.column(contexts, 12, 0)
    reaches = tables.column(contexts, 127, 1)
    slots = []
    for row, reach in zip(tables.table(contexts, 255), reaches, strict=True):
        frequencies = row[127 - reach : 128 + reach]
        require(min(frequencies) >= 1 and sum(frequencies) == 4096, "frequencies out of range")
        slots.append([])
        for m, frequency in enumerate(frequencies, -reach):
            slots[-1] += [(m, len(slots[-1]), frequency)] * frequency
    weights = tables.table(classes, (17, 26, 31)[len(references)], 1 << 18)
    return StaticPlan(
        references, bool(class_map), thresholds, offsets, mark_weights, edges, cells, plain, reaches, slots, weights
    )


def read_static_model(sections: list[Section], transform_planes: int) -> list[StaticPlan]:
    """All sections of a model of coder 3."""
    require(1 <= len(sections) <= transform_planes, "number of sections does not fit")
    require(all(section.kind == 0 for section in sections), "section of another kind")
    return [read_static_plan(section.data, plane) for plane, section in enumerate(sections)]


STATIC_OWN = [CONTEXT_OWN[k] for k in (*range(14), 16, 18)]


class StaticSymbols:
    """The two states and the words of a stream (9.3)."""

    def __init__(self, stream: bytes) -> None:
        self.stream = stream
        self.at = 0
        self.state = self.word() | self.word() << 16
        self.other = self.word() | self.word() << 16
        for state in (self.state, self.other):
            require(1 << 15 <= state < 1 << 31, "state out of range")

    def word(self) -> int:
        self.at += 2
        return int.from_bytes(self.stream[self.at - 2 : self.at], "little")

    def refill(self) -> None:
        if self.state < 1 << 15:
            self.state = self.state << 16 | self.word()
        self.state, self.other = self.other, self.state

    def plain(self, n: int) -> int:
        v = self.state & (1 << n) - 1
        self.state >>= n
        self.refill()
        return v

    def symbol(self, slots: list[tuple[int, int, int]]) -> int:
        slot = self.state & 4095
        m, start, frequency = slots[slot]
        self.state = frequency * (self.state >> 12) + slot - start
        self.refill()
        return m

    def number(self, slots: list[tuple[int, int, int]], reach: int, low_bits: int) -> int:
        """A residual."""
        m = self.symbol(slots)
        if abs(m) == reach:
            n = self.plain(5)
            require(n <= 24, "residual too large")
            rest = 1
            if n > 12:
                rest = (rest << (n - 12)) + self.plain(n - 12)
                n = 12
            rest = (rest << n) + self.plain(n)
            m += rest - 1 if m > 0 else 1 - rest
        return (m << low_bits) + self.plain(low_bits) if low_bits else m

    def end(self) -> None:
        require(self.state == self.other == 1 << 15, "states do not end where they must")
        require(self.at >= len(self.stream), "words left over")


class CausalBelow(Causal):
    """own(r, c) of 9.2: as in 8.3, but nothing is known above the first row."""

    def own(self, r: int, c: int, y: int, x: int) -> int:
        return self.middle if r < 0 and y == 0 else super().own(r, c, y, x)


def decode_static_image(
    plan: StaticPlan,
    symbols: StaticSymbols,
    maximum: int,
    grid: int,
    size: tuple[int, int],
    references: list[Callable[[int, int], int]],
    reference_marks: list[Callable[[int, int], int]],
) -> tuple[list[int], list[int]]:
    """Samples and marks of one image of a plane."""
    rows, width = size
    own, marks = CausalBelow(rows, width, (maximum + 1) // 2), CausalBelow(rows, width, 24)
    for place in range(rows * width):
        y, x = divmod(place, width)
        taps = [own.own(y + dy, x + dx, y, x) for dy, dx in STATIC_OWN]
        near_marks = [marks.own(y + dy, x + dx, y, x) for dy, dx in MARK_OWN]
        for source, places in zip(references, (AROUND, AROUND[:5]), strict=False):
            taps += [source(y + dy, x + dx) for dy, dx in places]
        for source, places in zip(reference_marks, (MARK_FIRST, MARK_SECOND), strict=False):
            near_marks += [source(y + dy, x + dx) for dy, dx in places]
        w, n, nw, ne, _, nn, _, _, nnw, nne = taps[:10]
        if references:
            p, pw, pn, pe, ps, pnw, pne = taps[16:23]
            activity = abs(p - pw) + abs(p - pn) + abs(p - pe) + abs(p - ps)
            texture = 32 * (abs(p - pw) > abs(p - pn)) + 16 * (abs(p - pw) > abs(p - pne))
            texture += 8 * (abs(p - pn) > abs(p - pnw))
            first_row = w + p - pw
        else:
            across = abs(n - nw) + abs(n - ne)
            down = abs(nw - nnw) + abs(ne - nne)
            activity = across + abs(n - nn) + abs(nw - nnw)
            texture = 32 * (across > down) + 16 * (n > nw) + 8 * (n > ne)
            first_row = w
        kind = sum(threshold < activity for threshold in plan.thresholds)
        if plan.grid_map:
            kind += 4 * (8 * ((y + grid // 8) % 8) + (x + grid % 8) % 8)
        else:
            kind += texture
        if y == 0:
            total = first_row << 13
        else:
            total = sum(v * weight for v, weight in zip([*taps, 8], plan.weights[kind], strict=True))
        fine = clamp(total >> 10, 0, 8 * maximum)
        energy = sum(value * weight for value, weight in zip(near_marks, plan.mark_weights, strict=True))
        energy = clamp((plan.offsets[kind] + energy) >> 8, 0, 255)
        rounded = (fine + 4) >> 3
        d = fine - 8 * rounded
        level = sum(edge <= energy for edge in plan.edges)
        leaning = 3 * ((w > rounded) - (w < rounded)) + (n > rounded) - (n < rounded)
        context = plan.cells[level][9 * (-1 - d if d < 0 else d) + (4 - leaning if d < 0 else 4 + leaning)]
        m = symbols.number(plan.slots[context], plan.reaches[context], plan.plain[context])
        sample = check_sample(rounded - m if d < 0 else rounded + m, 0, maximum)
        own.known.append(sample)
        marks.known.append(context_mark(abs(8 * sample - fine)))
    return own.known, marks.known


def shifted_references(
    plan: StaticPlan, planes: list[list[int]], start: int, area: Area
) -> list[Callable[[int, int], int]]:
    """ref() of each reference of a plane, in the image that begins at `start`."""
    return [sample_near(planes[number], start, area.image_rows, area.width) for number in plan.references]


def decode_static(plans: list[StaticPlan], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 3."""
    count = modelled_planes(plans, ranges)
    grid, first = take_grid(plans, streams[0])
    planes: list[list[int]] = []
    marks: list[list[list[int]]] = []  # of each plane and image
    for plan, stream, (low, high) in zip(plans, [first, *streams[1:count]], ranges, strict=False):
        symbols = StaticSymbols(stream)
        planes.append([])
        marks.append([])
        for image, start in enumerate(range(0, area.size, area.image_rows * area.width)):
            references = shifted_references(plan, planes, start, area)
            size = (area.image_rows, area.width)
            near = [sample_near(marks[number][image], 0, *size) for number in plan.references]
            decoded = decode_static_image(plan, symbols, high - low, grid, size, references, near)
            planes[-1] += decoded[0]
            marks[-1].append(decoded[1])
        symbols.end()
    return finish_planes(planes, streams, ranges, area)


# --------------------------------------------------------------------------------------------- 10. Coder 4: bilevel

WINDOW = sorted(
    ((dy, dx) for dy in range(-6, 1) for dx in range(-6, 7) if dy < 0 or dx < 0),
    key=lambda place: (place[0] ** 2 + place[1] ** 2, place),
)
MASKS_OF_WORDS = (
    [(0, -1 - k) for k in range(6)] + [(-1, 6 - k) for k in range(13)] + [(-2, 6 - k) for k in range(13)],
    [(-3, 6 - k) for k in range(13)] + [(-4, 6 - k) for k in range(13)],
    [(-5, 6 - k) for k in range(13)] + [(-6, 6 - k) for k in range(13)],
)
AROUND_BITS = ((0, -1), (0, -2), (-1, 1), (-1, 0), (-1, -1), (-2, 1), (-2, 0), (-2, -1))


@dataclass
class Network:
    """Section of kind 3 of coder 4, as weights (10.1)."""

    first: list[list[int]]
    second: list[list[int]]
    last: list[int]


@dataclass
class BilevelPlan:
    """Sections of a plane of coder 4 (10.1)."""

    slot_bits: int
    skips_quiet: bool
    rate: int
    contexts: list[tuple[tuple[int, int, int], tuple[int, int, int]]]  # masks of the three words, terms
    counters: Counters
    inputs: int = 0
    mixer: list[list[int]] = field(default_factory=list)
    blend: list[list[int]] = field(default_factory=list)
    trust: list[list[int]] = field(default_factory=list)
    final: list[list[int]] = field(default_factory=list)
    quiet: list[int] = field(default_factory=list)
    network: Network | None = None


def read_bilevel_plan(data: bytes) -> BilevelPlan:
    """Section of kind 0."""
    reader = Reader(data)
    count, slot_bits, rate = reader.take(3)
    require(1 <= count <= 32 and 8 <= slot_bits & 127 <= 20, "plan out of range")
    require(1 <= rate <= 16, "plan out of range")
    contexts = []
    for _ in range(count):
        neighbours, *terms = reader.take(4)
        require(neighbours <= 84 and max(terms) <= 11, "context out of range")
        inside = set(WINDOW[:neighbours])
        masks = [sum((place in inside) << bit for bit, place in enumerate(word)) for word in MASKS_OF_WORDS]
        contexts.append(((masks[0], masks[1], masks[2]), (terms[0], terms[1], terms[2])))
    reader.end()
    return BilevelPlan(slot_bits & 127, slot_bits > 127, rate, contexts, [])


def scale(table: list[list[int]], factor: int, add: int, bound: int) -> list[list[int]]:
    """A table with each entry scaled, moved and clamped."""
    return [[clamp(factor * c + add, -bound, bound) for c in row] for row in table]


def read_bilevel_plane(plan: BilevelPlan, counters: bytes, mixers: bytes, network: Callable[[], Section]) -> None:
    """Sections of kinds 1, 2 and, if asked for, 3."""
    plan.counters = read_counters(counters, len(plan.contexts), 1 << plan.slot_bits, 1, 148, (0, 2, 8, 32))
    first = Reader(mixers).u8()
    n, has_network = first & 127, first > 127
    require(1 <= n <= min(32, len(plan.contexts)), "mixers out of range")
    plan.contexts = plan.contexts[:n]
    plan.inputs = n + 2 if has_network else n + 1
    tables = Decisions(mixers, 1)
    starts = [(393216 if has_network else 851968) // (10 * n)] * n + [39321] * has_network + [0]
    for row in tables.table(1410, plan.inputs):
        plan.mixer.append([clamp(1024 * c + start, -(1 << 22), 1 << 22) for c, start in zip(row, starts, strict=True)])
    plan.blend = scale(tables.table(32, 4), 512, 16384, 1 << 22)
    slopes = [clamp(128 * j - 2496, -2048, 2048) for j in range(40)]
    plan.trust = [
        [squash(16 * c + slope) for c, slope in zip(row, slopes, strict=True)] for row in tables.table(8 * n, 40)
    ]
    plan.final = [[squash(16 * c + 128 * j - 2048) for j, c in enumerate(row)] for row in tables.table(256, 33)]
    plan.quiet = [clamp(256 * c, 0, (1 << 28) - 1) for c in tables.column(256)]
    if has_network:
        section = network()
        require(section.kind == 3, "section of another kind")
        u, v = Reader(section.data).take(2)
        require(1 <= u <= 128 and 1 <= v <= 128, "network out of range")
        tables = Decisions(section.data, 2)
        weights = [tables.table(441, u), tables.table(v, u + 1), tables.table(1, v + 1)]
        first_layer, second_layer, last = (scale(table, 32, 0, 1 << 20) for table in weights)
        plan.network = Network(first_layer, second_layer, last[0])


def read_bilevel_model(sections: list[Section], transform_planes: int) -> list[BilevelPlan]:
    """All sections of a model of coder 4."""
    queue = list(sections)

    def following() -> Section:
        require(bool(queue), "a section is missing")
        return queue.pop(0)

    plans = []
    while queue:
        three = [following() for _ in range(3)]
        require([section.kind for section in three] == [0, 1, 2], "section of another kind")
        plans.append(read_bilevel_plan(three[0].data))
        counters = transform_planes * len(plans[-1].contexts) << plans[-1].slot_bits
        require(counters <= MAX_COUNTERS, "too many counters for this decoder")
        read_bilevel_plane(plans[-1], three[1].data, three[2].data, following)
    require(len(plans) == transform_planes, "number of planes is not that of the transform")
    return plans


class BilevelPlane:
    """Decodes a plane of a band or group with coder 4; its state goes on from image to image."""

    def __init__(self, plan: BilevelPlan, stream: bytes) -> None:
        self.plan = plan
        self.decisions = Decisions(stream)
        self.counters = [counters[:] for counters in plan.counters[: len(plan.contexts)]]
        self.mixer, self.blend, self.trust, self.final = (
            [row[:] for row in table] for table in (plan.mixer, plan.blend, plan.trust, plan.final)
        )
        self.quiet = plan.quiet[:]
        self.exchanged = self.decisions.decide(4096)

    def image(self, rows: int, width: int) -> list[int]:
        """The samples of one image, before they are exchanged back (10.2, 10.3)."""
        samples: list[int] = []
        above = [0] * width
        first, left, right = 1 << 20, 1 << 20, -(1 << 20)
        small = rows <= 64 and width <= 64
        change: list[int] = []
        start = 0

        def s(r: int, c: int) -> int:
            return samples[r * width + c] if r >= 0 and 0 <= c < width else 0

        for place in range(rows * width):
            y, x = divmod(place, width)
            if x == 0:
                start = 0
                change = [change_after(samples[(y - 1) * width :], at) if y else 0 for at in range(width)]
            run = x - start
            words = [sum(s(y + dy, x + dx) << k for k, (dy, dx) in enumerate(word)) for word in MASKS_OF_WORDS]
            if self.plan.skips_quiet and not any(words):
                bit = self.quiet_sample(16 * (min(run, 127) >> 3) + (min(above[x], 127) >> 3))
            else:
                terms = [
                    0,
                    64 * y + x if small else 0,
                    y if small else 0,
                    x if small else 0,
                    2 * min(run, 31) + s(y, x - 1),
                    min(above[x], 31),
                    change[x],
                    min(y - first, 31) if y >= first else 32,
                    clamp(x - left, -31, 31) + 31,
                    clamp(right - x, -31, 31) + 31,
                    min(above[min(x + 1, width - 1)], 31),
                    change[min(x + change[x], width - 1)],
                ]
                around = sum(s(y + dy, x + dx) << k for k, (dy, dx) in enumerate(AROUND_BITS))
                third = 32 * (y >> 1) + (x >> 1) if small else 32 * min(run, 31) + min(above[x], 31)
                opinion = self.opinion(s, y, x, small) if self.plan.network else None
                bit = self.sample(words, terms, around, third, opinion)
            if bit != s(y, x - 1):
                start = x
            above[x] = above[x] + 1 if y and bit == s(y - 1, x) else 1
            samples.append(bit)
            if bit:
                first, left, right = min(first, y), min(left, x), max(right, x)
        return samples

    def opinion(self, s: Callable[[int, int], int], y: int, x: int, small: bool) -> int:
        """The network's (10.4)."""
        network = self.plan.network
        assert network is not None
        active = [440] + ([312 + y, 376 + x] if small else [])
        active += [25 * (u - 1) + 12 + dx for u in range(1, 13) for dx in range(-12, 13) if s(y - u, x + dx)]
        active += [312 + dx for dx in range(-12, 0) if s(y, x + dx)]
        h = [clamp(sum(column), 0, 1 << 17) for column in zip(*(network.first[row] for row in active), strict=True)]
        h.append(4096)
        o = network.last[-1]
        for row, weight in zip(network.second, network.last, strict=False):
            a = clamp(sum(b * value for b, value in zip(row, h, strict=True)) >> 12, 0, 1 << 17)
            o += a * weight >> 12
        return clamp(o >> 4, -2303, 2303)

    def quiet_sample(self, place: int) -> int:
        """A sample with nothing but zeros around it."""
        q = self.quiet[place]
        bit = self.decisions.decide(clamp(q >> 12, 1, 65535))
        self.quiet[place] = q + ((((1 << 28) - 1) * bit - q) >> 9)
        return bit

    def sample(self, words: list[int], terms: list[int], around: int, third: int, opinion: int | None) -> int:
        """Any other sample, from which everything learns (10.5)."""
        plan = self.plan
        cells, trusted, steps, s = [], [], [], []
        for i, (masks, numbers) in enumerate(plan.contexts):
            h = ((words[0] & masks[0]) * 739982445 + i * 305419889) & 0xFFFFFFFF
            h ^= h >> 15
            h = (h ^ (words[1] & masks[1])) * 1173080695 & 0xFFFFFFFF
            h ^= h >> 14
            h = (h ^ (words[2] & masks[2])) * 739982445 & 0xFFFFFFFF
            h ^= h >> 15
            for k, number in enumerate(numbers):
                if number:
                    h = (h ^ (terms[number] + 231 + 77 * k)) * 1173080695 & 0xFFFFFFFF
                    h ^= h >> 15
            place = (h * 739982445 & 0xFFFFFFFF) >> (32 - plan.slot_bits)
            counter = self.counters[i][place]
            steps.append(sum(counter & 1023 >= seen for seen in (1, 2, 3, 4, 7, 16, 64)))
            cells.append((self.counters[i], place))
            trusted.append((self.trust[8 * i + steps[-1]], (STRETCH[counter >> 20] + 2560) >> 7))
            s.append(STRETCH[trusted[-1][0][trusted[-1][1]] >> 4])
        if opinion is not None:
            s.append(opinion)
        s.append(256)
        numbers_of_rows = (
            2 * sum(step >= 3 for step in steps) + (words[0] & 1),
            66 + around,
            322 + third,
            1346 + ((opinion + 2560) >> 7 if opinion is not None else terms[6]),
        )
        rows = [self.mixer[number] for number in numbers_of_rows]
        v = [clamp(sum(a * b for a, b in zip(row, s, strict=True)) >> 16, -2815, 2815) for row in rows]
        blend = self.blend[around % 32]
        mean = clamp(sum(a * b for a, b in zip(v, blend, strict=True)) >> 16, -2815, 2815)
        f = self.final[around]
        chance, j, r = refine(f, mean)
        bit = self.decisions.decide(clamp(chance, 1, 65535))
        learn_refined(f, j, r, bit)
        for k, row in enumerate(rows):
            e = 65536 * bit - squash(mean)
            blend[k] = clamp(blend[k] + ((v[k] * e + (1 << 18)) >> 19), -(1 << 22), 1 << 22)
            e = plan.rate * (65536 * bit - squash(v[k]))
            for i, value in enumerate(s):
                row[i] = clamp(row[i] + ((value * e + (1 << 17)) >> 18), -(1 << 22), 1 << 22)
        for trust, column in trusted:
            trust[column] += (65535 * bit - trust[column]) >> 7
        for counters, place in cells:
            counters[place] = learn(counters[place], bit, 127)
        return bit


def change_after(row: Sequence[int], x: int) -> int:
    """How far from x the row above changes (10.3)."""
    for d in range(1, 31):
        if x + d == len(row) or row[x + d] != row[x + d - 1]:
            return d
    return 31


def decode_bilevel(plans: list[BilevelPlan], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 4."""
    require(all(bounds == (0, 1) for bounds in ranges), "planes are not of range 0 .. 1")
    planes = []
    for plan, stream in zip(plans, streams, strict=True):
        coder = BilevelPlane(plan, stream)
        images = [coder.image(area.image_rows, area.width) for _ in range(area.rows // area.image_rows)]
        planes.append([value ^ coder.exchanged for image in images for value in image])
    return planes


# ----------------------------------------------------------------------------------------------- 11. Coder 5: dct


@dataclass
class DctPlan:
    """Sections of a plane of coder 5 (11.1)."""

    means: list[list[int]]
    sizes: list[list[int]]
    block_bits: list[int]
    counters: Counters = field(default_factory=list)
    sets: int = 0
    mixer: list[list[int]] = field(default_factory=list)


def read_dct_plan(data: bytes) -> DctPlan:
    """Section of kind 0."""
    tables = Decisions(data)
    return DctPlan(tables.table(64, 36, 1 << 18), tables.table(64, 18, 1 << 18), tables.column(12, 18, 4))


def read_dct_model(sections: list[Section], transform_planes: int) -> list[DctPlan]:
    """All sections of a model of coder 5; the last of the four planes of the lattice is its correction plane."""
    count = 3 if transform_planes == 4 else 1
    kinds = [0] * count + [1] * count + [2] * count
    require([section.kind for section in sections] == kinds, "sections are not those of the planes")
    plans = [read_dct_plan(section.data) for section in sections[:count]]
    size = sum(8 << bits for plan in plans for bits in plan.block_bits)
    require(size <= MAX_COUNTERS, "too many counters for this decoder")
    for plan, counters, mixers in zip(plans, sections[count : 2 * count], sections[2 * count :], strict=True):
        n, plan.sets, plan.mixer = read_context_mixers(mixers.data, 12)
        plan.counters = read_context_counters(counters.data, plan.block_bits, n)
    return plans


# 11.2 Streams and state

LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *[99] * 32,
)  # fmt: skip


@dataclass(frozen=True)
class DctHead:
    """The head of a stream."""

    down: int
    across: int
    top: int
    left: int
    steps: tuple[int, ...]

    @property
    def layout(self) -> tuple[int, int, int, int]:
        return self.down, self.across, self.top, self.left


def standard_steps(table: int) -> tuple[int, ...]:
    """The steps of a standard table."""
    base, q = (LUMINANCE, table) if table <= 100 else (CHROMINANCE, table - 100)
    scale = 5000 // q if q < 50 else 200 - 2 * q
    return tuple(clamp((number * scale + 50) // 100, 1, 255) for number in base)


def read_dct_head(stream: bytes) -> tuple[DctHead, int]:
    """The head and where it ends; zeros follow the stream."""
    reader = Reader(stream[:67].ljust(67, b"\0"))
    factors, corner, table = reader.take(3)
    require(factors <= 3, "size of a component out of range")
    down, across, top, left = factors % 2 + 1, factors // 2 + 1, corner % 16, corner // 16
    require(top < 8 * down and left < 8 * across, "place in the first block out of range")
    require(table <= 200, "unknown table of steps")
    steps = standard_steps(table) if table else tuple(reader.take(64))
    require(min(steps) >= 1, "step of zero")
    return DctHead(down, across, top, left, steps), reader.at


# 11.3 Blocks

OUTSIDE = 64  # where lists of a block's 64 numbers have a zero for all that lies outside


def place_of(u: int, v: int) -> int:
    """Where coefficient (u, v) stands in such a list."""
    return 8 * u + v if 0 <= u <= 7 and 0 <= v <= 7 else OUTSIDE


DIAGONALS = [
    [8 * u + s - u for u in (range(8) if s % 2 == 0 else range(7, -1, -1)) if 0 <= s - u <= 7] for s in range(15)
]
NEIGHBOURS = [  # places of (u+1, v), (u, v+1), (u+1, v+1), (u+2, v), (u, v+2), (u-1, v), (u, v-1)
    [place_of(u + du, v + dv) for du, dv in ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (-1, 0), (0, -1))]
    for u in range(8)
    for v in range(8)
]


class Block:
    """Coefficients, their values, and of sizes of values: sums by diagonal, and up to each coefficient in the order."""

    def __init__(self) -> None:
        self.coefficients = [0] * 65
        self.values = [0] * 65
        self.diagonals = [0] * 15
        self.totals = [0] * 65

    def finish(self) -> None:
        """Find the sums, when all coefficients are known."""
        total = 0
        for s in range(14, -1, -1):
            before = total
            for k in DIAGONALS[s]:
                total += abs(self.values[k])
                self.totals[k] = total
            self.diagonals[s] = total - before


NO_BLOCK = Block()


class Blocks:
    """The blocks of a component, which are appended one by one."""

    def __init__(self, head: DctHead, area: Area) -> None:
        self.head = head
        self.rows = (head.top + area.rows - 1) // head.down // 8 + 1
        self.columns = (head.left + area.width - 1) // head.across // 8 + 1
        self.known: list[Block] = []

    def at(self, r: int, c: int) -> Block:
        """Block (r, c)."""
        if 0 <= r < self.rows and 0 <= c < self.columns:
            return self.known[r * self.columns + c]
        return NO_BLOCK


# 11.4 References


def reference_values(reference: Blocks, head: DctHead, r: int, c: int) -> list[int]:
    """The numbers that a reference gives for block (r, c) of the component of a head."""
    if reference.head.layout == head.layout:
        return reference.at(r, c).values
    if reference.head.layout != (1, 1, head.top % 8, head.left % 8):
        return NO_BLOCK.values
    near = [
        reference.at(head.down * r + a - head.top // 8, head.across * c + b - head.left // 8).values
        for a in range(head.down)
        for b in range(head.across)
    ]
    return [sum(values) // len(near) for values in zip(*near, strict=True)]


# 11.5 Prediction, 11.6 Terms of coefficients, 11.7 Diagonals, 11.8 Contexts, 11.9 Coefficients

COEFFICIENT_CONTEXTS = (
    (1, 14, 13), (1, 11, 12, 2), (2, 5, 17), (1, 6, 7), (22, 5, 18), (1, 24, 5),
    (1, 19, 20, 2), (17, 21, 23, 24), (1, 18, 14), (1, 12, 22), (1, 11, 14), (1, 2, 14),
)  # fmt: skip
DIAGONAL_CONTEXTS = (
    (25, 31, 18), (25, 28, 29, 16), (25, 14, 15), (25, 26, 27), (25, 30, 14, 15), (25, 30, 31),
    (25, 14, 28), (25, 15, 29), (25, 16, 31), (25, 18), (25, 28, 30), (25, 29, 30),
)  # fmt: skip


def log_size(d: int) -> int:
    """L(d)."""
    b = (d + 1).bit_length() - 1
    return min(47, 3 * b + (3 * ((4 * (d + 1) >> b) % 4) >> 2))


def near_zero(d: int) -> int:
    """C(d)."""
    return clamp(d, -20, 20) + 20


def near_zero_steps(d: int, step: int) -> int:
    """R(d)."""
    return near_zero(d // step if d >= 0 else -(-d // step))


class DctPlane(Mixing):
    """Decodes the coefficients of a plane with coder 5."""

    def __init__(self, plan: DctPlan, stream: bytes, area: Area, references: list[Blocks]) -> None:
        super().__init__(plan)
        self.plan, self.references = plan, references
        self.head, at = read_dct_head(stream)
        self.decisions = Decisions(stream, at)
        self.gammas = [32768] * 31
        self.blocks = Blocks(self.head, area)
        self.level = self.quarter = self.nonzero = 0

    def decode(self) -> Blocks:
        """All blocks in raster order."""
        for r in range(self.blocks.rows):
            for c in range(self.blocks.columns):
                self.north, self.west = self.blocks.at(r - 1, c), self.blocks.at(r, c - 1)
                self.north_west, self.north_east = self.blocks.at(r - 1, c - 1), self.blocks.at(r - 1, c + 1)
                near = [reference_values(reference, self.head, r, c) for reference in self.references]
                self.first, self.second = (near + [NO_BLOCK.values] * 2)[:2]
                self.blocks.known.append(self.block())
        return self.blocks

    def block(self) -> Block:
        """One block (11.9)."""
        block, steps = Block(), self.head.steps
        s = 14
        while s >= 0 and not self.diagonal(s):
            s -= 1
        self.nonzero = total = last = before_last = 0
        for k in (k for d in range(s, -1, -1) for k in DIAGONALS[d]):
            coefficient = self.coefficient(k, self.predict(k, block, total, last, before_last))
            require(abs(coefficient) <= 1 << 14, "coefficient out of range")
            last, before_last = coefficient, last
            if coefficient:
                self.nonzero += 1
                block.coefficients[k] = coefficient
                block.values[k] = coefficient * steps[k]
                total += abs(block.values[k])
        block.finish()
        return block

    def predict(self, k: int, block: Block, total: int, last: int, before_last: int) -> int:
        """mu, and the contexts of a coefficient; `total` is TO."""
        u, v = k // 8, k % 8
        step = self.head.steps[k]
        o, n, w = block.values, self.north.values, self.west.values
        nw, ne, p, q = self.north_west.values[k], self.north_east.values[k], self.first[k], self.second[k]
        down, right, diagonal, down2, right2, up, left = NEIGHBOURS[k]
        tn, tw = self.north.totals[k], self.west.totals[k]
        numbers = [*n[v:64:8], *w[8 * u : 8 * u + 8], *o[v:64:8], *o[8 * u : 8 * u + 8], nw, ne, p, q]
        z = [
            step, abs(n[k]), abs(w[k]), abs(nw), abs(ne),
            abs(n[down]) + abs(n[right]), abs(w[down]) + abs(w[right]),
            abs(o[down]), abs(o[right]), abs(o[diagonal]), abs(o[down2]) + abs(o[right2]),
            abs(n[up]) + abs(n[left]), abs(w[up]) + abs(w[left]),
            total, tn, tw, abs(p), abs(q),
        ]  # fmt: skip
        fine = sum(map(mul, numbers, self.plan.means[k])) + 512 * step
        fine = clamp(fine // (1024 * step), -65536, 65536)
        mu, quarter = (fine + 2) >> 2, (fine + 2) % 4
        loudness = log_size(max(0, sum(map(mul, z, self.plan.sizes[k])) // (256 * step)))
        level = min(loudness >> 1, 15)
        own = block.coefficients
        terms = [
            0, k, near_zero(mu), quarter, level, loudness,
            near_zero(self.north.coefficients[k]), near_zero(self.west.coefficients[k]),
            near_zero(own[down]), near_zero(own[right]), near_zero(own[diagonal]),
            near_zero_steps(p, step), near_zero_steps(q, step), self.nonzero,
            log_size(total // step), log_size(tn // step), log_size(tw // step),
            u + v, min(step, 31), near_zero(last), near_zero(before_last),
            log_size((2 * (z[1] + z[2]) + z[3] + z[4]) // step), clamp(fine, -40, 40) + 40,
            log_size((z[7] + z[8] + z[9]) // step), log_size((z[16] + z[17]) // step),
        ]  # fmt: skip
        self.hashes = [hash_terms(terms, context) for context in COEFFICIENT_CONTEXTS[: len(self.counters)]]
        self.level, self.quarter = level, quarter
        return mu

    def decision(self, d: int, k: int) -> int:
        """A decision about coefficient k."""
        column = 4 * min(self.nonzero, 15) + self.quarter
        rows = (16 * d + self.level, 256 + 64 * d + k, 1280 + 64 * d + column)
        return self.mixed(self.decisions, 15 if d >= 8 else 0, d % 8, rows, 64 * d + 4 * self.level + self.quarter)

    def coefficient(self, k: int, mu: int) -> int:
        """Coefficient k, which mu predicts."""
        if not self.decision(0, k):
            return mu
        sign = self.decision(1, k)
        size = 0
        while size < 20 and self.decision(2 + sign + 2 * min(size, 5), k):
            size += 1
        if size == 20:
            size += self.decisions.integer(self.gammas)
        return mu + size + 1 if sign else mu - (size + 1)

    def diagonal(self, s: int) -> int:
        """The decision about diagonal s (11.7)."""
        places, steps = DIAGONALS[s], self.head.steps
        end = places[-1]
        step = sum(steps[k] for k in places) // len(places)
        north, west = self.north.diagonals[s], self.west.diagonals[s]
        around = self.north_west.diagonals[s] + self.north_east.diagonals[s]
        here = sum(abs(self.first[k]) + abs(self.second[k]) for k in places)
        tn, tw = self.north.totals[end], self.west.totals[end]
        loudness = log_size((4 * (tn + tw) + 2 * (north + west) + around) // step)
        level = min(loudness >> 1, 15)
        terms = [0] * 32
        terms[14:17] = [log_size(tn // step), log_size(tw // step), log_size(around // step)]
        terms[18] = min(step, 31)
        terms[25] = s + 1
        terms[26], terms[27] = (log_size(block.totals[0] // steps[0]) for block in (self.north, self.west))
        terms[28:32] = [log_size(north // step), log_size(west // step), log_size(here // step), loudness]
        self.hashes = [hash_terms(terms, context) for context in DIAGONAL_CONTEXTS[: len(self.counters)]]
        rows = (224 + level, 1152 + s, 2176 + terms[30])
        return self.mixed(self.decisions, 0, 6, rows, 64 * 14 + 4 * level)


# 11.10 Inverse transform


def transform_line(a: Sequence[int], half: int) -> list[int]:
    """Eight numbers for eight others."""
    z = 4433 * (a[2] + a[6])
    p, q = z - 15137 * a[6], z + 6270 * a[2]
    e, f = 8192 * (a[0] + a[4]), 8192 * (a[0] - a[4])
    z1, z2 = -7373 * (a[1] + a[7]), -20995 * (a[3] + a[5])
    z5 = 9633 * (a[1] + a[3] + a[5] + a[7])
    z3, z4 = z5 - 16069 * (a[3] + a[7]), z5 - 3196 * (a[1] + a[5])
    even = (e + q, f + p, f - p, e - q)
    odd = (
        12299 * a[1] + z1 + z4, 25172 * a[3] + z2 + z3, 16819 * a[5] + z2 + z4, 2446 * a[7] + z1 + z3,
    )  # fmt: skip
    out = [b + c + half for b, c in zip(even, odd, strict=True)]
    return out + [b - c + half for b, c in zip(even[::-1], odd[::-1], strict=True)]


def transform_blocks(blocks: Blocks) -> tuple[list[list[int]], list[list[int]]]:
    """The samples of a component, and `part` of each, by row and column."""
    component: list[list[int]] = []
    parts: list[list[int]] = []
    for r in range(blocks.rows):
        component += [[] for _ in range(8)]
        parts += [[] for _ in range(8)]
        for c in range(blocks.columns):
            w = blocks.at(r, c).values
            columns = [[number >> 11 for number in transform_line(w[v:64:8], 1 << 10)] for v in range(8)]
            for u, row in enumerate(zip(*columns, strict=True), 8 * r):
                numbers = transform_line(row, 1 << 17)
                component[u] += [clamp((number >> 18) + 128, 0, 255) for number in numbers]
                parts[u] += [(number >> 15) % 8 for number in numbers]
    return component, parts


# 11.11 Enlargement


def enlarge(component: list[list[int]], head: DctHead, area: Area) -> list[int]:
    """drawn(y, x), row by row."""
    down, across, top, left = head.layout
    last_row, last_column = (top + area.rows - 1) // down, (left + area.width - 1) // across
    drawn = []
    for y in range(top, top + area.rows):
        i, odd_y = y // down, y % 2
        near = component[i]
        far = component[clamp(i + 2 * odd_y - 1, top // down, last_row)]
        for x in range(left, left + area.width):
            j, odd_x = x // across, x % 2
            side = clamp(j + 2 * odd_x - 1, left // across, last_column)
            if down == across == 1:
                drawn.append(near[j])
            elif down == 1:
                drawn.append((3 * near[j] + near[side] + 1 + odd_x) >> 2)
            elif across == 1:
                drawn.append((3 * near[j] + far[j] + 1 + odd_y) >> 2)
            else:
                drawn.append((9 * near[j] + 3 * far[j] + 3 * near[side] + far[side] + 8 - odd_x) >> 4)
    return drawn


# 11.12 What samples lack


def third(d: int) -> int:
    """Whether a number is 0, less or more."""
    return 0 if d == 0 else 1 if d < 0 else 2


class Lacks:
    """Decodes what the samples of a plane lack of the drawn ones; `before` is the lack of the plane before."""

    def __init__(
        self, decisions: Decisions, head: DctHead, area: Area, drawn: list[int], parts: list[list[int]],
        before: list[int],
    ) -> None:  # fmt: skip
        self.decisions, self.head, self.area, self.parts, self.before = decisions, head, area, parts, before
        self.drawn = drawn
        self.samples = drawn[:]
        self.lack = [0] * area.size
        self.counters = [1 << 31] * 205

    def count(self, i: int) -> int:
        """A decision of a counter, which learns it."""
        bit = self.decisions.decide(clamp(self.counters[i] >> 16, 32, 65504))
        self.counters[i] = pull(self.counters[i], bit)
        return bit

    def at(self, y: int, x: int) -> int:
        """lack(y, x)."""
        inside = y >= 0 and 0 <= x < self.area.width
        return self.lack[y * self.area.width + x] if inside else 0

    def decode(self) -> None:
        """All tiles in raster order."""
        rows, width = self.area.rows, self.area.width
        for start in range(-(self.head.top % 8), rows, 8):
            ys = range(max(start, 0), min(start + 8, rows))
            flag = 0
            for left in range(-(self.head.left % 8), width, 8):
                xs = range(max(left, 0), min(left + 8, width))
                above = any(self.at(ys[0] - 1, x) for x in xs)
                other = any(self.before[y * width + x] for y in ys for x in xs)
                flag = self.count(above + 2 * flag + 4 * other)
                if flag:
                    for y in ys:
                        for x in xs:
                            self.add(y, x, self.lack_at(y, x))

    def add(self, y: int, x: int, lack: int) -> None:
        """A sample becomes known."""
        place = y * self.area.width + x
        self.lack[place] = lack
        self.samples[place] = check_sample(self.drawn[place] + lack, 0, 255)

    def lack_at(self, y: int, x: int) -> int:
        """What the sample lacks."""
        width = self.area.width
        place = y * width + x
        head, drawn = self.head, self.drawn[place]
        p = self.parts[head.top + y][head.left + x] if head.down == head.across == 1 else 0
        w, n = self.at(y, x - 1), self.at(y - 1, x)
        around = (w != 0) + 2 * (n != 0) + 4 * (self.at(y - 1, x - 1) != 0) + 8 * (self.at(y - 1, x + 1) != 0)
        if not self.count(8 + 8 * around + 2 * min(p, 7 - p) + (self.before[place] != 0)):
            return 0
        if w or n:
            sample = self.samples[place - 1 if w else place - width]
            if sample != drawn:
                kind = 0 if w == 0 or n == 0 else 2 if self.samples[place - width] == sample else 1
                if self.count(136 + kind):
                    return sample - drawn
        negative = self.count(139 + (p >= 4) + 6 * third(w) + 2 * third(n))
        first = 157 + 24 * (max(abs(w), abs(n)) > 1)
        size = 0
        while self.count(first + size):
            size += 1
            require(size < 24, "lack too large")
        v = 1
        for _ in range(size):
            v = 2 * v + self.decisions.even()
        return -v if negative else v


def decode_dct(plans: list[DctPlan], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 5."""
    count = modelled_planes(plans, ranges)
    require(all(bounds == (0, 255) for bounds in ranges[:count]), "coder 5 is for eight bits")
    require(area.rows == area.image_rows, "group of several images")
    room = (area.rows + 24) * (area.width + 24)
    require(room <= 4 * area.size + 65536, "image too thin for coder 5")
    planes: list[list[int]] = []
    references: list[Blocks] = []  # the nearest first
    lack = [0] * area.size
    for plan, stream in zip(plans, streams, strict=False):
        plane = DctPlane(plan, stream, area, references)
        blocks = plane.decode()
        component, parts = transform_blocks(blocks)
        lacks = Lacks(plane.decisions, plane.head, area, enlarge(component, plane.head, area), parts, lack)
        lacks.decode()
        lack = lacks.lack
        references = [blocks, *references]
        planes.append(lacks.samples)
    return finish_planes(planes, streams, ranges, area)


# ---------------------------------------------------------------------------------------------- 12. Codebook file


@dataclass(frozen=True)
class Section:
    """A section of a codebook."""

    coder: int
    kind: int
    data: bytes


@dataclass(frozen=True)
class Model:
    """A model of a codebook."""

    components: int
    max_bits: int
    transform: int
    coder: int
    effort: int
    sections: list[int]


class Codebook:
    """A codebook file; models are looked into where a band needs them."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.models: list[Model] = []
        self.ready: dict[int, Any] = {}

    def parameters(self, model: Model, read: Callable[[list[Section], int], Any]) -> Any:
        """What a model's coder reads from its sections, kept for the next band."""
        if id(model) not in self.ready:
            require(len(model.sections) <= MAX_SECTIONS, "too many sections for this decoder")
            sections = [self.sections[number] for number in model.sections]
            require(all(section.coder == model.coder for section in sections), "section of another coder")
            planes = 3 if model.transform == 6 else len(plane_ranges(model.transform, model.components, 8))
            self.ready[id(model)] = read(sections, planes)
        return self.ready[id(model)]


@lru_cache(maxsize=64)
def read_codebook(data: bytes) -> Codebook:
    """A codebook file, embedded or not."""
    require(len(data) <= MAX_CODEBOOK, "codebook too large for this decoder")
    codebook = Codebook()
    order = ""
    for chunk in read_chunks(data, read_file_head(data, CODEBOOK_SIGNATURE)):
        reader = Reader(chunk.body)
        if chunk.type not in "NpSMZ":
            require(chunk.ancillary, "unknown critical chunk")
            continue
        allowed = {"": "N", "N": "pSMZ", "p": "SMZ", "S": "SMZ", "M": "MZ"}[order]
        require(chunk.type in allowed, "chunk out of place")
        order = chunk.type
        if chunk.type == "N":
            reader.text(64)
        elif chunk.type == "p":
            check_text(reader.rest(), "\n")
        elif chunk.type == "S":
            codebook.sections.append(Section(reader.u8(), reader.u8(), reader.rest()))
        elif chunk.type == "M":
            components, fields = reader.varint(), [reader.u8() for _ in range(4)]
            numbers = [reader.varint() for _ in range(reader.varint())]
            model = Model(components, *fields, numbers)
            require(components >= 1 and 1 <= model.max_bits <= 16 and model.effort <= 9, "model out of range")
            require(all(number < len(codebook.sections) for number in numbers), "no such section")
            codebook.models.append(model)
        else:
            require(reader.u32() == 0, "index in a codebook")
            require(chunk.end == len(data), "bytes after the end of a codebook")
        reader.end()
    return codebook


# ------------------------------------------------------------------------------------------------- Command, vectors


def check_vector(folder: Path, entry: dict[str, Any]) -> str:
    """Decode one vector of a manifest; what is wrong, or nothing."""
    try:
        codebooks = [(folder / entry["codebook"]).read_bytes()] if "codebook" in entry else []
        images = decode_file((folder / entry["file"]).read_bytes(), codebooks)
    except FormatError as error:
        return "" if entry["result"] == "invalid" else f"error: {error}"
    except OSError as error:
        return f"cannot be read: {error}"
    if entry["result"] != "valid":
        return "decoded, but is invalid"
    found = [{"shape": list(image.shape), "dtype": image.dtype, "sha256": image.digest} for image in images]
    return "" if found == entry["images"] else "decoded to other samples"


def check_vectors(folder: Path) -> int:
    """Check all vectors; gives the exit code."""
    entries = json.loads((folder / "manifest.json").read_text())
    failures = 0
    for entry in entries:
        problem = check_vector(folder, entry)
        if problem:
            failures += 1
            print(f"{entry['file']}: {problem}")
    print(f"{len(entries) - failures} of {len(entries)} vectors as expected")
    return 1 if failures else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Decode a sofc file, slowly.")
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--codebook", action="append", default=[], type=Path)
    parser.add_argument("-o", dest="out", help="write the samples of image N to OUT-N.raw")
    parser.add_argument("--vectors", type=Path, help="check the vectors of a folder")
    options = parser.parse_args(arguments)
    if options.vectors:
        return check_vectors(options.vectors)
    if not options.file:
        parser.error("a file is needed")
    try:
        images = decode_file(options.file.read_bytes(), [path.read_bytes() for path in options.codebook])
    except FormatError as error:
        print(f"bad file: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 2
    for number, image in enumerate(images):
        print(number, "x".join(str(side) for side in image.shape), image.dtype, image.digest)
        if options.out:
            Path(f"{options.out}-{number}.raw").write_bytes(image.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
