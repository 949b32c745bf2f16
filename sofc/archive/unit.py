"""Spec archive/units: the bytes of one unit, which holds contents of files and is checked as a whole."""

from __future__ import annotations

import hashlib
import json
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from sofc.archive.crops import Crop
from sofc.errors import ChecksumError, FormatError, LimitError

SIGNATURE = b"\xabSOFU\r\n\n"
SUFFIX = ".sofu"
FROM_IMAGES, FROM_FILE, FROM_CROP, FROM_PACK = "i", "f", "c", "p"
"""Where a content is: made of an image of the collection, kept by a sofc file of its own, made of a part of another's
image, a piece of the pack."""
RECIPE_WAYS = FROM_IMAGES + FROM_CROP
IMAGES, RECIPES, FILES, PACK = "images", "recipes", "files", "pack"
SECTIONS = (IMAGES, RECIPES, FILES, PACK)
STORED, LZMA = "stored", "lzma"
DICTIONARY = 1 << 24
_LZMA_MEMORY = 1 << 26
_DIGEST_BYTES = 32
_TRAILER_BYTES = 8 + _DIGEST_BYTES
MOST_TABLE_BYTES = 1 << 26
"""Bytes of a table before it is packed: a decoder takes no larger ones."""
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Content:
    """Bytes of one file: ``way`` of those above, their ``size``, the bytes that the ``recipe`` or the sofc file has,
    and of what image a crop is one."""

    way: str
    size: int
    length: int = 0
    crop: Crop | None = None


@dataclass(frozen=True)
class Section:
    """A run of a unit's bytes, and how they are packed."""

    length: int = 0
    packing: str = STORED


@dataclass(frozen=True)
class Table:
    """What a unit holds: its contents in order, and its sections in the order of ``SECTIONS``."""

    contents: tuple[Content, ...]
    sections: dict[str, Section]

    def start_of(self, section: str) -> int:
        """Where a section begins in the unit."""
        before = SECTIONS[: SECTIONS.index(section)]
        return len(SIGNATURE) + sum(self.sections[name].length for name in before)

    @property
    def end(self) -> int:
        """Where the sections end."""
        return self.start_of(PACK) + self.sections[PACK].length


class UnitWriter:
    """Writes a unit to a file, section by section in their order."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._sections: dict[str, Section] = {}
        self._put(SIGNATURE)

    def section(self, name: str, pieces: Iterable[bytes], packing: str = STORED) -> None:
        """The next section, packed already."""
        assert name == SECTIONS[len(self._sections)], "sections come in their order"
        self._sections[name] = Section(sum(map(self._put, pieces)), packing)

    def finish(self, contents: Sequence[Content]) -> None:
        """The table and the check."""
        table = {
            "ways": "".join(content.way for content in contents),
            "sizes": [content.size for content in contents],
            "lengths": [content.length for content in contents],
            "sections": [[self._sections[name].length, self._sections[name].packing] for name in SECTIONS],
        }
        if crops := [content.crop.numbers for content in contents if content.crop is not None]:
            table["crops"] = crops
        place = len(SIGNATURE) + sum(section.length for section in self._sections.values())
        self._put(zlib.compress(json.dumps(table, separators=(",", ":")).encode(), 9))
        self._put(place.to_bytes(8, "little"))
        self._file.write(self._digest.digest())

    def _put(self, data: bytes) -> int:
        self._digest.update(data)
        self._file.write(data)
        return len(data)


def check(file: BinaryIO) -> None:
    """Raise ChecksumError where a unit is not what was written, or is cut off."""
    digest = hashlib.sha256()
    size = file.seek(0, 2)
    file.seek(0)
    left = size - _DIGEST_BYTES
    while left > 0 and (data := file.read(min(left, _PIECE_BYTES))):
        digest.update(data)
        left -= len(data)
    if size < len(SIGNATURE) + _TRAILER_BYTES or file.read(_DIGEST_BYTES) != digest.digest():
        raise ChecksumError("the unit is damaged: it does not match its SHA-256")


def read_table(file: BinaryIO) -> Table:
    """The table of a unit, whose check need not match. Raises FormatError, LimitError."""
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE or size < len(SIGNATURE) + _TRAILER_BYTES:
        raise FormatError("the unit is cut off, or is none")
    end = file.seek(size - _TRAILER_BYTES)
    place = int.from_bytes(file.read(8), "little")
    if not len(SIGNATURE) <= place <= end:
        raise FormatError("the unit's table is not where the unit says")
    file.seek(place)
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(file.read(end - place), MOST_TABLE_BYTES)
        if inflater.unconsumed_tail:
            raise LimitError(f"the unit's table is larger than {MOST_TABLE_BYTES} bytes")
        table = _parsed(json.loads(text))
    except (zlib.error, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise FormatError(f"the unit's table cannot be read: {error}") from None
    if table.end != place:
        raise FormatError("the unit's table does not say where its sections end")
    return table


def _parsed(table: dict[str, Any]) -> Table:
    columns = table["ways"], table["sizes"], table["lengths"]
    crops = iter([Crop.of(numbers) for numbers in table.get("crops", ())])
    contents = tuple(
        Content(way, size, length, next(crops) if way == FROM_CROP else None)
        for way, size, length in zip(*columns, strict=True)
    )
    sections = {name: Section(*pair) for name, pair in zip(SECTIONS, table["sections"], strict=True)}
    numbers = [number for content in contents for number in (content.size, content.length)]
    numbers += [section.length for section in sections.values()]
    if any(type(number) is not int or not 0 <= number < 1 << 63 for number in numbers):
        raise ValueError("a size is no number")
    if any(content.way not in (FROM_IMAGES, FROM_FILE, FROM_CROP, FROM_PACK) for content in contents):
        raise ValueError("a content is stored in no known way")
    for crop in (content.crop for content in contents if content.crop is not None):
        if crop.source >= len(contents) or contents[crop.source].way not in (FROM_IMAGES, FROM_FILE):
            raise ValueError("a crop of what has no image")
    if next(crops, None) is not None:
        raise ValueError("more crops than contents that are crops")
    return Table(contents, sections)


def packed(open_pieces: Callable[[], Iterable[bytes]], size: int) -> tuple[str, Iterable[bytes]]:
    """How to pack ``size`` bytes, which may be asked for twice, and the packed pieces: whatever is smaller."""
    if not size:
        return STORED, ()
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": min(DICTIONARY, max(1 << 12, size))}]

    def pieces() -> Iterator[bytes]:
        packer = lzma.LZMACompressor(lzma.FORMAT_ALONE, filters=filters)
        for piece in open_pieces():
            yield packer.compress(piece)
        yield packer.flush()

    if size <= DICTIONARY:
        data = b"".join(pieces())
        return (LZMA, (data,)) if len(data) < size else (STORED, open_pieces())
    # Larger than memory may be: the first of it tells.
    first = _first(open_pieces(), DICTIONARY // 4)
    gains = len(lzma.compress(first, lzma.FORMAT_ALONE, filters=filters)) < len(first) * 0.98
    return (LZMA, pieces()) if gains else (STORED, open_pieces())


def _first(pieces: Iterable[bytes], count: int) -> bytes:
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) >= count:
            break
    return bytes(data[:count])


def unpacked(pieces: Iterable[bytes], packing: str, size: int) -> Iterator[bytes]:
    """The ``size`` bytes of a section, in pieces. Raises FormatError where there are fewer or more."""
    left = size
    for piece in pieces if packing == STORED else _inflated(pieces, packing):
        left -= len(piece)
        if left < 0:
            raise FormatError("a section of the unit is larger than its contents")
        yield piece
    if left:
        raise FormatError("a section of the unit is smaller than its contents")


def _inflated(pieces: Iterable[bytes], packing: str) -> Iterator[bytes]:
    if packing != LZMA:
        raise FormatError(f"a section of the unit is packed in way {packing!r}, which is not known")
    reader = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY)
    try:
        for piece in pieces:
            yield reader.decompress(piece, _PIECE_BYTES)
            while not (reader.eof or reader.needs_input):
                yield reader.decompress(b"", _PIECE_BYTES)
    except (lzma.LZMAError, EOFError) as error:
        raise FormatError(f"a section of the unit is damaged: {error}") from None
    if not reader.eof:
        raise FormatError("a section of the unit is cut off")
