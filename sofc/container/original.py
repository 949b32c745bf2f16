"""The metadata item that restores an original file: its parts, and their packing."""

from __future__ import annotations

import hashlib
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from io import SEEK_CUR, BytesIO
from typing import Any, Protocol

from construct import Construct, ConstructError, Struct

from sofc.container import schema
from sofc.container.records import Metadata, MetadataKind, is_plain_text
from sofc.container.typical import typical_heads
from sofc.errors import FormatError, LimitError

WHOLE, SAMPLES, ALONE, APART = range(4)
STORED, ZLIB, LZMA, DEFLATE_OF_JPEG = range(4)
NO_PREDICTION, DIFFERENCE, PNG_FILTERS = range(3)
OF_LIBTIFF, OF_IMAGECODECS = range(2)
BIG_ENDIAN, LOW_BITS_FIRST, BOTTOM_UP, REVERSED_COMPONENTS, REPEATED_EDGE, REVERSED_COLOURS = (
    1 << bit for bit in range(6)
)
MAX_FILE_BYTES = 1 << 30
"""Bytes of the largest file that is kept: files of many kinds are held in memory, both ways."""
MAX_TABLES = 1 << 12
"""Bytes of an abbreviated JPEG stream of tables: each stream that goes by it reads it anew."""
ITEM_BYTES = 1 << 27
"""Bytes of one metadata item; larger values go on in further items."""
_STREAM_SLACK = 1 << 16
_EXPANSION, _MOST_EXPANDED = 1 << 10, 1 << 26
MOST_PARTS, BYTES_A_PART, PARTS_A_BYTE = 1 << 12, 4, 32
"""Parts that any file may be made of; bytes of a larger one for each further part (a strip of a TIFF file has four, and
some 17 bytes); and further parts for each byte that is kept of it: each takes its time, and memory."""
_RAW_DEFLATE = -zlib.MAX_WBITS
_LZMA_MEMORY = 1 << 27
_LZMA_DICTIONARY = 1 << 23
_LONG_ENOUGH = 2 * _LZMA_DICTIONARY
"""Bytes after which the pace of a packer tells what it makes of the rest: a quarter is allowed for."""
"""Packing takes eleven times as much memory."""
_DEPTH = 8
# The fields before the stream: construct would keep a large last field longer than it is needed.
_HEAD = Struct(*schema.ORIGINAL_FILE.subcons[:-1])
_HEAD_BYTES = 64


@dataclass(frozen=True)
class Literal:
    """Bytes as they are."""

    data: bytes


@dataclass(frozen=True)
class Window:
    """Samples of an image, and how they stand in the file: the fields of ORIGINAL_SAMPLES. ``filters``: one byte
    for each row where the prediction is that of PNG, otherwise empty.
    """

    image: int
    rows: int
    columns: int
    components: int
    bits: int
    shift: int = 0
    flags: int = 0
    alignment: int = 1
    prediction: int = NO_PREDICTION
    filters: bytes = b""
    table: tuple[int, ...] = ()
    first_row: int = 0
    row_step: int = 1
    first_column: int = 0
    column_step: int = 1
    first_component: int = 0


@dataclass(frozen=True)
class Cut:
    """Parts cut into pieces of so many bytes, between which something stands that follows from them."""

    lengths: tuple[int, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Deflated:
    """Parts compressed to raw deflate data as zlib does with these settings."""

    level: int
    window: int
    memory: int
    strategy: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Lzw:
    """Parts compressed as TIFF's LZW. ``rule``: OF_LIBTIFF or OF_IMAGECODECS."""

    rule: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Runs:
    """Parts compressed as packets of run lengths. ``heads``: how the first byte of each packet differs from what the
    other fields, those of ORIGINAL_RUNS, make it, modulo 256."""

    form: int
    unit: int
    row: int
    pairs: int
    heads: bytes
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class GifLzw:
    """Parts compressed as GIF's LZW, without what follows its last whole byte: the fields of ORIGINAL_GIF_LZW, with the
    changes themselves."""

    bits: int
    run: int
    changes: bytes
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Facsimile:
    """Parts compressed as Group 4 facsimile data in rows of so many pixels, up to its last whole byte."""

    columns: int
    parts: tuple[Part, ...]


class Chunked(Cut):
    """Parts cut into the IDAT chunks of a PNG file."""


class Fragments(Cut):
    """Parts cut into the fragments of a DICOM frame: but for the first each stands behind the head of an item."""


class Stored(Cut):
    """Parts cut into the stored blocks of deflate data."""


class SubBlocks(Cut):
    """Parts cut into the blocks of a GIF file, each behind its length; the empty one that ends them is no part."""


@dataclass(frozen=True)
class CodedScan:
    """One scan of a JPEG stream: fields as in ORIGINAL_SCAN, with the bytes themselves."""

    head: int
    flags: int
    units: int
    ends: bytes
    notes: bytes


@dataclass(frozen=True)
class Jpeg:
    """A JPEG stream up to the end of its last scan's data, whose heads are ``parts``. ``tables``: an abbreviated stream
    of tables, which stands in a literal somewhere in the file, or nothing."""

    tables: bytes
    scans: tuple[CodedScan, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Tokens:
    """Parts compressed to ``size`` bytes of raw deflate data by an encoder that ``remainder`` tells from a model of
    encoders, which the fields up to ``rounds`` choose."""

    way: int
    depth: int
    nice: int
    haste: int
    probes: int
    rounds: int
    size: int
    remainder: bytes
    parts: tuple[Part, ...]


Part = (
    Literal
    | Window
    | Deflated
    | Chunked
    | Lzw
    | Jpeg
    | Fragments
    | Runs
    | Stored
    | Tokens
    | GifLzw
    | SubBlocks
    | Facsimile
)
_KINDS: tuple[tuple[Any, Construct], ...] = (
    (Literal, schema.ORIGINAL_LITERAL),
    (Window, schema.ORIGINAL_SAMPLES),
    (Deflated, schema.ORIGINAL_DEFLATE),
    (Chunked, schema.ORIGINAL_CHUNKS),
    (Lzw, schema.ORIGINAL_LZW),
    (Jpeg, schema.ORIGINAL_JPEG),
    (Fragments, schema.ORIGINAL_FRAGMENTS),
    (Runs, schema.ORIGINAL_RUNS),
    (Stored, schema.ORIGINAL_STORED),
    (Tokens, schema.ORIGINAL_TOKENS),
    (GifLzw, schema.ORIGINAL_GIF_LZW),
    (SubBlocks, schema.ORIGINAL_SUB_BLOCKS),
    (Facsimile, schema.ORIGINAL_FACSIMILE),
)
"""Spec appendix-kept-files/recipe: each kind of part, by its number, and its layout."""
_KIND_OF = {part: kind for kind, (part, _) in enumerate(_KINDS)}
_IN_LITERALS = ("heads", "remainder", "changes")
"""Fields that stand in the literals; their layout says how many bytes they are."""
ITEM = b"\xfe\xff\x00\xe0"
"""The tag of an item of DICOM's encapsulated pixel data, before four bytes of length."""


@dataclass(frozen=True)
class Coefficients:
    """The coefficients of all JPEG streams of a file, coded: by the model of that number in the file's codebook of that
    number."""

    codebook: int
    model: int
    data: bytes


@dataclass(frozen=True)
class Original:
    """An original file. ``parts`` make it, from the images if some are windows, and from ``coefficients`` if there are
    such; where there are no parts, ``data`` is the file itself."""

    name: str
    size: int
    digest: bytes
    parts: tuple[Part, ...] = ()
    data: bytes = b""
    coefficients: Coefficients | None = None

    @property
    def way(self) -> int:
        """As in ORIGINAL_FILE."""
        if self.coefficients is not None:
            return ALONE
        return WHOLE if not self.parts else SAMPLES if _has_windows(self.parts) else APART

    @property
    def from_samples(self) -> bool:
        """Whether the file is made from the images' samples."""
        return self.way == SAMPLES

    def matches(self, data: bytes) -> bool:
        """Whether ``data`` is the file."""
        return len(data) == self.size and hashlib.sha256(data).digest() == self.digest


@dataclass(frozen=True)
class OriginalHead:
    """What the first bytes of the item say."""

    way: int
    size: int

    @property
    def description(self) -> str:
        """For people."""
        known = {
            WHOLE: "kept whole",
            SAMPLES: "made from the samples",
            ALONE: "kept as the coefficients of its JPEG data",
            APART: "kept whole, taken apart",
        }
        return known.get(self.way, "kept in a way that is not known")


def read_head(value: bytes) -> OriginalHead | None:
    """The head of an original file's (first) item; None where it cannot be read."""
    try:
        head = _HEAD.parse(value[:_HEAD_BYTES])
    except ConstructError:
        return None
    return OriginalHead(head.way, head.size)


def to_metadata(original: Original) -> list[Metadata]:
    """The items that keep an original file."""
    stream = pack_recipe(original.parts) if original.parts else original.data
    packings = ((coding, packer.compress(stream) + packer.flush()) for coding, packer in _packers(len(stream)))
    coding, packed = min(((STORED, stream), *packings), key=lambda packing: len(packing[1]))
    head = _HEAD.build({"way": original.way, "size": original.size, "digest": original.digest, "coding": coding})
    if (coded := original.coefficients) is not None:
        numbers = {"codebook": coded.codebook, "model": coded.model, "recipe": len(packed)}
        packed = schema.ORIGINAL_CODED.build(numbers) + packed + coded.data
    value = head + packed
    key = original.name if is_plain_text(original.name) else ""
    starts = range(0, len(value), ITEM_BYTES)
    return [Metadata(MetadataKind.ORIGINAL, key, value[start : start + ITEM_BYTES]) for start in starts]


def from_metadata(metadata: Iterable[Metadata], max_bytes: int = MAX_FILE_BYTES) -> Original | None:
    """The original file that the items of a file's head keep; None where they keep none.

    Raises FormatError, or LimitError where it has more than ``max_bytes``.
    """
    items = [item for item in metadata if item.kind == MetadataKind.ORIGINAL]
    if not items:
        return None
    value = b"".join(item.value for item in items)
    try:
        head = _HEAD.parse_stream(reader := BytesIO(value[:_HEAD_BYTES]))
    except ConstructError as error:
        raise FormatError(f"the item that restores the original file cannot be read: {error}") from None
    if head.size > max_bytes:
        raise LimitError(f"the original file of {head.size} bytes is over the limit of {max_bytes}")
    if head.way not in (WHOLE, SAMPLES, ALONE, APART):
        raise FormatError(f"the original file is kept in way {head.way}, which is not known")
    packed, coded = value[reader.tell() :], None
    if head.way == ALONE:
        packed, coded = _split(packed)
    stream = _unpacked(packed, head.coding, head.size if head.way == WHOLE else most_stream(head.way, head.size))
    if head.way == WHOLE:
        return Original(items[0].key, head.size, head.digest, data=stream)
    parts = unpack_recipe(stream, most_parts(head.size, len(value)))
    return Original(items[0].key, head.size, head.digest, parts=parts, coefficients=coded)


def most_parts(size: int, kept: int) -> int:
    """Parts that a file of ``size`` bytes may be made of, ``kept`` of which are kept."""
    return MOST_PARTS + min(size // BYTES_A_PART, PARTS_A_BYTE * kept)


def most_stream(way: int, size: int) -> int:
    """Bytes that the recipe of a file of ``size`` bytes may have: where it holds what the file has compressed, more."""
    return max(2 * size, min(_EXPANSION * size, _MOST_EXPANDED) if way == APART else 0) + _STREAM_SLACK


def count_parts(parts: Iterable[Part]) -> int:
    """Parts, and those that they are made of."""
    return sum(1 if isinstance(part, (Literal, Window)) else 1 + count_parts(part.parts) for part in parts)


def _has_windows(parts: Iterable[Part]) -> bool:
    """Whether parts take samples."""
    return any(
        isinstance(part, Window) or (not isinstance(part, Literal) and _has_windows(part.parts)) for part in parts
    )


def _split(value: bytes) -> tuple[bytes, Coefficients]:
    """The packed recipe and the coefficients. Raises FormatError."""
    try:
        head = schema.ORIGINAL_CODED.parse_stream(reader := BytesIO(value[:_HEAD_BYTES]))
    except ConstructError as error:
        raise FormatError(f"the item that restores the original file cannot be read: {error}") from None
    start, end = reader.tell(), reader.tell() + head.recipe
    if end > len(value):
        raise FormatError("the item that restores the original file is cut off")
    return value[start:end], Coefficients(head.codebook, head.model, value[end:])


class _Packer(Protocol):
    """What compresses a stream, piece by piece."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def _packers(size: int) -> Iterator[tuple[int, _Packer]]:
    """All ways to pack a stream of so many bytes, but for that of leaving it as it is."""
    yield ZLIB, zlib.compressobj(9)
    yield DEFLATE_OF_JPEG, zlib.compressobj(9, wbits=_RAW_DEFLATE, zdict=typical_heads())
    dictionary = min(_LZMA_DICTIONARY, max(1 << 12, size))
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": dictionary}]
    yield LZMA, lzma.LZMACompressor(lzma.FORMAT_ALONE, filters=filters)


def packs_within(pieces: Iterable[bytes], size: int, room: int) -> bool:
    """Whether a stream of ``size`` bytes, kept as it is or packed, has at most ``room`` bytes.

    Nothing of it is held. Each way to pack it is given up once it has more, and sooner where it is not on the way to so
    few: of a large stream that takes longer than to code its samples.
    """
    if size <= room:
        return True
    packers = {packer: 0 for _, packer in _packers(size)}
    most = room
    seen = 0
    for piece in pieces:
        packers = {packer: made + len(packer.compress(piece)) for packer, made in packers.items() if made <= most}
        seen += len(piece)
        most = min(room, seen * room * 5 // (4 * size)) if seen >= _LONG_ENOUGH else room
        if not packers:
            return False
    return any(made + len(packer.flush()) <= room for packer, made in packers.items())


def _unpacked(packed: bytes, coding: int, most: int) -> bytes:
    try:
        if coding == STORED:
            stream, rest = packed, b""
        elif coding in (ZLIB, DEFLATE_OF_JPEG):
            of_jpeg = coding == DEFLATE_OF_JPEG
            inflater = zlib.decompressobj(_RAW_DEFLATE, typical_heads()) if of_jpeg else zlib.decompressobj()
            stream = inflater.decompress(packed, most + 1)
            rest = b"" if inflater.eof else b"?"
        elif coding == LZMA:
            reader = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY)
            stream = reader.decompress(packed, most + 1)
            rest = b"" if reader.eof else b"?"
        else:
            raise FormatError(f"the original file is packed in way {coding}, which is not known")
    except (zlib.error, lzma.LZMAError) as error:
        raise FormatError(f"the item that restores the original file is damaged: {error}") from error
    if rest or len(stream) > most:
        raise FormatError("the item that restores the original file is cut off or larger than it says")
    return stream


def pack_recipe(parts: Sequence[Part]) -> bytes:
    """All parts, then all literals."""
    literals = b"".join(_literals_of(parts))
    places: dict[bytes, int] = {b"": -1}
    layouts = bytearray()
    _put(len(parts), layouts)

    def pack(part: Part) -> None:
        kind = _KIND_OF[type(part)]
        layouts.append(kind)
        if isinstance(part, Literal):
            layouts.extend(_built(kind, (("length", len(part.data)),)))
            return
        values: dict[str, Any] = {name: getattr(part, name) for name in _names_of(kind)}
        inner = () if isinstance(part, Window) else part.parts
        values["parts"] = len(inner)
        values.update((name, len(values[name])) for name in _IN_LITERALS if name in values)
        if isinstance(part, Jpeg):
            if part.tables not in places:
                places[part.tables] = literals.index(part.tables)
            values.update(tables=places[part.tables] + 1, tables_size=len(part.tables))
            values["scans"] = [{**vars(one), "ends": len(one.ends), "notes": len(one.notes)} for one in part.scans]
            layouts.extend(schema.ORIGINAL_JPEG.build(values))
        else:
            layouts.extend(_built(kind, tuple(values.items())))
        for child in inner:
            pack(child)

    for part in parts:
        pack(part)
    return bytes(layouts) + literals


@cache
def _names_of(kind: int) -> tuple[str, ...]:
    """The fields of a kind of part that its layout may have: not what stands in the literals."""
    return tuple(field.name for field in fields(_KINDS[kind][0]) if field.name != "filters")


@lru_cache(maxsize=64)
def _built(kind: int, values: tuple[tuple[str, Any], ...]) -> bytes:
    """The layout of a part: those of like files are mostly the same."""
    return bytes(_KINDS[kind][1].build(dict(values)))


def _literals_of(parts: Iterable[Part]) -> Iterator[bytes]:
    """What parts take from the literals, in their order."""
    for part in parts:
        if isinstance(part, Literal):
            yield part.data
        elif isinstance(part, Window):
            yield part.filters
        else:
            if isinstance(part, Jpeg):
                for one in part.scans:
                    yield one.ends
                    yield one.notes
            yield from (getattr(part, name) for name in _IN_LITERALS if hasattr(part, name))
            yield from _literals_of(part.parts)


def _put(value: int, into: bytearray) -> None:
    into.extend(schema.VarInt.build(value))


def unpack_recipe(stream: bytes, most: int) -> tuple[Part, ...]:
    """The parts of a stream, with their literals in them. Raises LimitError where they are more than ``most``."""
    # The literals stand behind all parts, so the parts are read first, with the lengths of their literals.
    reader = BytesIO(stream)
    found: list[tuple[int, Any]] = []

    def read(count: int, depth: int) -> None:
        if depth > _DEPTH:
            raise FormatError("the parts of the original file are nested too deeply")
        for _ in range(count):
            kind = reader.read(1)
            if not kind or kind[0] >= len(_KINDS):
                raise FormatError("a part of the original file is missing or of an unknown kind")
            if len(found) >= most:
                raise LimitError(f"the original file is made of more than {most} parts, too many for its bytes")
            values = _parsed(kind[0], stream, reader)
            found.append((kind[0], values))
            if "parts" in values:
                read(values.parts, depth + 1)

    try:
        count = schema.VarInt.parse_stream(reader)
        read(count, 0)
    except ConstructError as error:
        raise FormatError(f"the parts of the original file cannot be read: {error}") from None
    if count == 0:
        raise FormatError("the original file has no parts")
    literals = _Literals(stream, reader.tell())
    following = iter(found)
    parts = tuple(_build(following, literals) for _ in range(count))
    literals.end()
    return parts


_layouts: dict[tuple[int, bytes], Any] = {}
_layout_sizes: dict[int, dict[int, None]] = {}
"""What the bytes of layouts say, by kind, and how many bytes such have: those of like files are mostly the same, and as
they tell where they end, bytes that begin so say the same."""
_MOST_LAYOUTS, _LONGEST_LAYOUT = 1 << 12, 32


def _parsed(kind: int, stream: bytes, reader: BytesIO) -> Any:
    """What the layout of a part says that ``reader`` stands at, which goes through ``stream``."""
    start = reader.tell()
    for size in tuple(_layout_sizes.get(kind, ())):
        layout = stream[start : start + size]  # at the end of the stream fewer bytes
        values = _layouts.get((kind, layout))
        if values is not None:
            reader.seek(len(layout), SEEK_CUR)
            return values
    values = _KINDS[kind][1].parse_stream(reader)
    layout = stream[start : reader.tell()]
    if len(layout) <= _LONGEST_LAYOUT:
        if len(_layouts) >= _MOST_LAYOUTS:
            _layouts.clear()
        _layouts[kind, layout] = values
        _layout_sizes.setdefault(kind, {})[len(layout)] = None
    return values


def _build(following: Iterator[tuple[int, Any]], literals: _Literals) -> Part:
    kind, values = next(following)
    make = _KINDS[kind][0]
    if make is Literal:
        return Literal(literals.take(values.length))
    found = {name: values[name] for name in _names_of(kind)}
    if make is Window:
        filters = literals.take(values.rows) if values.prediction == PNG_FILTERS else b""
        return Window(**{**found, "table": tuple(values.table), "filters": filters})
    if make is Jpeg:
        tables = literals.at(values.tables - 1, values.tables_size) if values.tables else b""
        scans = tuple(
            CodedScan(one.head, one.flags, one.units, literals.take(one.ends), literals.take(one.notes))
            for one in values.scans
        )
        return Jpeg(tables, scans, tuple(_build(following, literals) for _ in range(values.parts)))
    found.update((name, literals.take(found[name])) for name in _IN_LITERALS if name in found)
    if issubclass(make, Cut):
        found["lengths"] = tuple(values.lengths)
    found["parts"] = tuple(_build(following, literals) for _ in range(values.parts))
    made: Part = make(**found)
    return made


class _Literals:
    """The bytes that literals are taken from, in order."""

    def __init__(self, stream: bytes, start: int) -> None:
        self._stream = stream
        self._first = self._start = start

    def at(self, place: int, count: int) -> bytes:
        """Bytes that some part takes, too, at most MAX_TABLES of them."""
        if count > MAX_TABLES:
            raise FormatError(f"{count} bytes of tables for JPEG data of the original file are more than {MAX_TABLES}")
        if count > len(self._stream) - self._first - place:
            raise FormatError("the literals of the original file are cut off")
        return self._stream[self._first + place : self._first + place + count]

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count > len(self._stream) - self._start:
            raise FormatError("the literals of the original file are cut off")
        self._start += count
        return self._stream[self._start - count : self._start]

    def end(self) -> None:
        """All bytes must have been taken."""
        if self._start != len(self._stream):
            raise FormatError(f"{len(self._stream) - self._start} literals of the original file are left over")
