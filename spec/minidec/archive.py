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
from pathlib import Path

from .container import DecodedFile, decode_file
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
        require(value == ("1",), "unknown format of an archive")
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

SIGNATURE = bytes.fromhex("AB534F46550D0A0A")
FROM_IMAGE, FROM_FILE, FROM_PACK = "i", "f", "p"


@dataclass
class Content:
    """How a content is stored, what comes before it in the section of its way, and its image's number."""

    way: str
    size: int
    length: int
    start: int
    image: int


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
        used = {FROM_IMAGE: 0, FROM_FILE: 0, FROM_PACK: 0}
        images = 0
        for way, size, length in columns:
            require(way in used, "unknown way of storing a content")
            self.contents.append(Content(way, size, length, used[way], images))
            used[way] += size if way == FROM_PACK else length
            images += way == FROM_IMAGE

    def content(self, item: int) -> bytes:
        """The bytes of a file."""
        require(0 <= item < len(self.contents), "no such content")
        content = self.contents[item]
        images, recipes, files, pack = self.sections
        if content.way == FROM_PACK:
            return pack[content.start : content.start + content.size]
        if content.way == FROM_FILE:
            file = decode_file(files[content.start : content.start + content.length], self.codebooks)
            kept = restore(file.metadata, file.images, file.codebooks)
            if kept is None:
                raise FormatError("a sofc file of a unit keeps no file")
            return kept.data
        self.collection = self.collection or decode_file(images, self.codebooks)
        require(content.image < len(self.collection.images), "no image for a content")
        image = self.collection.images[content.image]
        return Recipe(recipes[content.start : content.start + content.length], [image]).build()


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
