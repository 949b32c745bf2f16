"""Spec archive: the files of an archive, each by itself."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from operator import mul
from pathlib import Path

from .container import DecodedFile, Image, decode_file
from .kept_files import Recipe, restore
from .limits import MAX_KEPT_FILE
from .notation import FormatError, require

# Spec archive/manifest

QUERY = """
SELECT path, escaped, units.name, item, contents.sha256 FROM entries JOIN contents USING (content)
JOIN units USING (unit) WHERE type = 'file' ORDER BY path, escaped
"""


def files_of(folder: Path, codebooks: Sequence[bytes] = ()) -> Iterator[tuple[bytes, bytes]]:
    """Path and bytes of each file. `codebooks`: the registered ones. This decoder does without the manifest's copy."""
    manifest = folder / "manifest.sqlite"
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    require((folder / "manifest.sha256").read_text() == f"{digest}  manifest.sqlite\n", "damaged manifest")

    @cache
    def unit_called(name: str) -> Unit:
        require(re.fullmatch("[0-9a-f]{32}", name) is not None, "odd name of a unit")
        return Unit((folder / "units" / f"{name}.sofu").read_bytes(), books)

    books = [*codebooks] + [path.read_bytes() for path in sorted((folder / "codebooks").glob("*.sofcb"))]
    with closing(sqlite3.connect(manifest)) as table:
        value = table.execute("SELECT value FROM archive WHERE key = 'format'").fetchone()
        require(value == ("0.7",), "unknown format of an archive")
        for text, escaped, name, item, sha256 in table.execute(QUERY):
            data = unit_called(name).content(item)
            require(hashlib.sha256(data).digest() == sha256, "a file does not match its digest")
            yield path_of(text, bool(escaped)), data


# Spec archive/paths


def path_of(text: str, escaped: bool) -> bytes:
    """The bytes of a path."""
    path = text.encode()
    if escaped:
        pattern = rb"\\\\|\\x([0-9a-f]{2})"
        path = re.sub(pattern, lambda found: bytes.fromhex(found[1].decode()) if found[1] else b"\\", path)
    require(b"\0" not in path, "zero byte in a path")
    require(all(name not in (b"", b".", b"..") for name in path.split(b"/")), "path that leads out of the tree")
    return path


# Spec archive/units

IMAGES, RECIPES, FILES, PACK = range(4)
SIGNATURE = bytes.fromhex("AB534F46550D0A0A")
FROM_IMAGE, FROM_FILE, FROM_CROP, FROM_PACK = "i", "f", "c", "p"
GRAY = 19595, 38470, 7471


@dataclass
class Content:
    """How a content is stored, what comes before it in the section of its way, its image's number, and of what it is
    a crop."""

    way: str
    size: int
    length: int
    start: int
    image: int
    crop: list[int]


class Unit:
    """A unit whose own check matches."""

    def __init__(self, data: bytes, codebooks: list[bytes]) -> None:
        require(data[:8] == SIGNATURE and len(data) >= 48, "no unit")
        require(hashlib.sha256(data[:-32]).digest() == data[-32:], "damaged unit")
        start = int.from_bytes(data[-40:-32], "little")
        try:
            table = json.loads(zlib.decompress(data[start:-40]))
            columns = list(zip(table["ways"], table["sizes"], table["lengths"], strict=True))
            sections = [(int(length), str(packing)) for length, packing in table["sections"]]
            crops = [[int(number) for number in crop] for crop in table.get("crops", [])]
        except (zlib.error, ValueError, KeyError, TypeError) as error:
            raise FormatError("the table of a unit cannot be read") from error
        require(len(sections) == 4 and sum(length for length, _ in sections) == start - 8, "sections do not fit")
        self.sections: list[bytes] = []
        place = 8
        for length, packing in sections:
            self.sections.append(unpack(data[place : place + length], packing))
            place += length
        self.codebooks = codebooks
        self.collection: DecodedFile | None = None
        self.contents: list[Content] = []
        section_of = {FROM_IMAGE: RECIPES, FROM_CROP: RECIPES, FROM_FILE: FILES, FROM_PACK: PACK}
        used = [0] * len(self.sections)
        images = 0
        for way, size, length in columns:
            require(way in section_of, "unknown way of storing a content")
            section = section_of[way]
            require(way != FROM_CROP or bool(crops and len(crops[0]) == 6), "a crop of nothing")
            crop = crops.pop(0) if way == FROM_CROP else []
            self.contents.append(Content(way, size, length, used[section], images, crop))
            used[section] += size if way == FROM_PACK else length
            images += way == FROM_IMAGE
        require(not crops, "more crops than contents")

    def content(self, item: int) -> bytes:
        """The bytes of a file."""
        require(0 <= item < len(self.contents), "no such content")
        content = self.contents[item]
        if content.way == FROM_PACK:
            return self.sections[PACK][content.start : content.start + content.size]
        if content.way == FROM_FILE:
            file = self.file_of(content)
            kept = restore(file.metadata, file.images, file.codebooks)
            if kept is None:
                raise FormatError("a sofc file of a unit keeps no file")
            return kept.data
        recipe = self.sections[RECIPES][content.start : content.start + content.length]
        return Recipe(recipe, [self.image_of(content)]).build()

    def file_of(self, content: Content) -> DecodedFile:
        """The sofc file of a content."""
        return decode_file(self.sections[FILES][content.start : content.start + content.length], self.codebooks)

    def image_of(self, content: Content) -> Image:
        """The first image of a content."""
        if content.way == FROM_CROP:
            source, *place = content.crop
            require(source < len(self.contents), "a crop of no content")
            require(self.contents[source].way in (FROM_IMAGE, FROM_FILE), "a crop of what has no image")
            return crop_of(self.image_of(self.contents[source]), *place)
        if content.way == FROM_FILE:
            images = self.file_of(content).images
            require(bool(images), "a crop of a file that is kept without its image")
            return images[0]
        self.collection = self.collection or decode_file(self.sections[IMAGES], self.codebooks)
        require(content.image < len(self.collection.images), "no image for a content")
        return self.collection.images[content.image]


# Spec archive/crops


def crop_of(image: Image, row: int, column: int, rows: int, columns: int, gray: int) -> Image:
    """A part of an image, or its gray image."""
    height, width, components = (*image.shape, 1)[:3]
    require(rows > 0 and columns > 0 and gray in (0, 1), "a crop of nothing")
    require(0 <= row <= height - rows and 0 <= column <= width - columns, "a crop that leads out of its image")
    sample = len(image.data) // (height * width * components)
    step = components * sample
    lines = [image.data[((row + y) * width + column) * step :][: columns * step] for y in range(rows)]
    data = b"".join(lines)
    if not gray:
        return Image((rows, columns, *image.shape[2:]), image.dtype, data)
    require(image.dtype == "uint8" and components == 3, "a gray crop of what has no three colours of 8 bits")
    colours = zip(data[0::3], data[1::3], data[2::3], strict=True)
    return Image((rows, columns), "uint8", bytes(sum(map(mul, GRAY, colour), 1 << 15) >> 16 for colour in colours))


def unpack(data: bytes, packing: str) -> bytes:
    """The bytes of a section."""
    if packing == "stored":
        return data
    require(packing == "lzma", "unknown packing of a section")
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=1 << 27)
    try:
        section: bytes = unpacker.decompress(data, MAX_KEPT_FILE)
    except lzma.LZMAError as error:
        raise FormatError("a section of a unit is damaged") from error
    require(unpacker.eof and not unpacker.unused_data, "section that is cut off, too long or too large")
    return section
