"""Contents of a unit: the bytes of files, and the samples of their images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, BinaryIO

from sofc.archive import unit
from sofc.container.original import MAX_FILE_BYTES, Original, from_metadata, most_parts, unpack_recipe
from sofc.errors import ChecksumError, FormatError, LimitError
from sofc.limits import Limits
from sofc.places import Place

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sofc.api.reader import Reader
    from sofc.codebook import Codebook
    from sofc.container.records import CodebookReference

FindCodebook = Callable[["CodebookReference"], "Codebook | None"]
HELD_PACK_BYTES = 1 << 25
"""Of a pack up to this size all is held once it was asked for; of larger ones a content is sought each time."""
_PIECE_BYTES = 1 << 20


class UnitReader:
    """Reads contents of one unit. It keeps no file open; threads may share it, and so may forked processes.

    Raises OSError, and FormatError or LimitError for a table that cannot be read.
    """

    def __init__(self, path: Place, find: FindCodebook, limits: Limits | None = None) -> None:
        self._path = path
        self.find = find
        self._limits = limits or Limits()
        with path.open("rb") as file:
            self.table = unit.read_table(file)
        contents = self.table.contents
        self._images = _before(int(content.way == unit.FROM_IMAGES) for content in contents)
        self._recipes = _before(content.length * (content.way in unit.RECIPE_WAYS) for content in contents)
        self._files = _before(content.length * (content.way == unit.FROM_FILE) for content in contents)
        self._packed = _before(content.size * (content.way == unit.FROM_PACK) for content in contents)
        self._held: dict[str, Any] = {}
        self._source: tuple[int, npt.NDArray[np.generic]] | None = None

    def read(self, number: int) -> bytes:
        """The bytes of a content, which are those of the file if its SHA-256 is. Raises FormatError, LimitError."""
        content = self._content(number)
        if content.size > MAX_FILE_BYTES:
            raise LimitError(f"a file of {content.size} bytes is not read into memory, the limit is {MAX_FILE_BYTES}")
        return b"".join(self.pieces(number))

    def pieces(self, number: int) -> Iterator[bytes]:
        """As ``read``, in pieces: a packed file of any size is not held as a whole."""
        from sofc.keepfile.restore import assemble, restore

        content = self._content(number)
        if content.way in unit.RECIPE_WAYS:
            if content.size > MAX_FILE_BYTES:  # which bounds what its parts may ask for
                raise LimitError(f"a file of {content.size} bytes is not made, the limit is {MAX_FILE_BYTES}")
            # Spec archive/units: parts are bounded as those of kept files are.
            start, kept = self._recipes[number], self.table.sections[unit.RECIPES].length
            recipe = self._whole(unit.RECIPES, self._recipes[-1])[start : start + content.length]
            parts = unpack_recipe(recipe, most_parts(content.size, kept))
            # The digest of the content is the caller's to compare: here the parts are only followed.
            yield from assemble(Original("", content.size, b"", parts), self.images(number))
        elif content.way == unit.FROM_FILE:
            with self._sofc_file(number) as reader:
                original = from_metadata(reader.metadata)
                if original is None:
                    raise FormatError("a sofc file of the unit keeps no file")
                yield restore(original, list(reader) if original.from_samples else (), reader.codebook)
        else:
            yield from self._from_pack(number)

    def checked_pieces(self, number: int, size: int, sha256: bytes) -> Iterator[bytes]:
        """As ``pieces``; behind the last is the check, for their size and, where one is known, their SHA-256. Raises
        ChecksumError, too."""
        digest, read = hashlib.sha256(), 0
        for piece in self.pieces(number):
            digest.update(piece)
            read += len(piece)
            if read > size:
                break
            yield piece
        if read != size or (sha256 and digest.digest() != sha256):
            raise ChecksumError("what it holds is not the file that was stored: its SHA-256 is another")

    def images(self, number: int) -> list[npt.NDArray[np.generic]]:
        """The images of a file, shape (height, width[, components]). Raises UsageError where it is none of images, and
        what decoding raises."""
        content = self._content(number)
        if content.way == unit.FROM_IMAGES:
            return [self._collection().read_image(self._images[number])]
        if content.crop is not None:
            # Who gets it may write to it: the source serves other crops, too.
            return [content.crop.cut(self._image_of(content.crop.source)).copy()]
        if content.way == unit.FROM_FILE:
            from sofc.api.oneshot import decode_images

            return decode_images(self.own_file(number), codebooks=self.find, limits=self._limits)
        from sofc.imagefiles import images_in

        return [samples.array for samples in images_in("", self.read(number))]

    def own_file(self, number: int) -> bytes:
        """The sofc file that keeps a content, of way FROM_FILE, as it stands in the unit. Raises FormatError."""
        start, count = self._files[number], self.table.contents[number].length
        if start + count > self.table.sections[unit.FILES].length:
            raise FormatError(f"{self._path.name}: content {number} is not in the unit")
        return b"".join(self._bytes(self.table.start_of(unit.FILES) + start, count))

    @property
    def codebook(self) -> Codebook | None:
        """That of the unit's collection, None where it has no other than those that are built in."""
        if not self._images[-1]:
            return None
        found = (self.find(reference) for reference, _ in self._collection().codebooks)
        return next((codebook for codebook in found if codebook is not None), None)

    @property
    def source_bytes(self) -> int:
        """What is held of the image that was last read for its crops."""
        return 0 if self._source is None else self._source[1].nbytes

    def _content(self, number: int) -> unit.Content:
        if not 0 <= number < len(self.table.contents):
            raise FormatError(f"{self._path.name} has no content {number}")
        return self.table.contents[number]

    def _image_of(self, source: int) -> npt.NDArray[np.generic]:
        """The first image of a content, which is held, since crops of one stand together. Raises FormatError."""
        held = self._source
        if held is None or held[0] != source:
            images = self.images(source)
            if not images:
                raise FormatError(f"{self._path.name}: a crop of a file that is kept without its image")
            self._source = held = source, images[0]
        return held[1]

    # Two threads may read the same for the first time: that costs time only, and a lock would not outlive a fork.

    def _collection(self) -> Reader:
        if unit.IMAGES not in self._held:
            from sofc.api.reader import open_reader

            data = b"".join(self._section(unit.IMAGES))
            self._held[unit.IMAGES] = open_reader(data, codebooks=self.find, limits=self._limits)
        reader: Reader = self._held[unit.IMAGES]
        return reader

    def _whole(self, section: str, size: int) -> bytes:
        if section not in self._held:
            if size > MAX_FILE_BYTES:
                raise LimitError(f"a section of {size} bytes is over the limit of {MAX_FILE_BYTES}")
            packing = self.table.sections[section].packing
            self._held[section] = b"".join(unit.unpacked(self._section(section), packing, size))
        data: bytes = self._held[section]
        return data

    def _section(self, section: str) -> Iterator[bytes]:
        return self._bytes(self.table.start_of(section), self.table.sections[section].length)

    def _bytes(self, start: int, count: int) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(start)
            yield from _counted(file, count)

    def _sofc_file(self, number: int) -> Reader:
        from sofc.api.reader import open_reader

        return open_reader(self.own_file(number), codebooks=self.find, limits=self._limits)

    def _from_pack(self, number: int) -> Iterator[bytes]:
        start, size = self._packed[number], self.table.contents[number].size
        if self._packed[-1] <= HELD_PACK_BYTES:
            yield self._whole(unit.PACK, self._packed[-1])[start : start + size]
            return
        place = 0
        packing = self.table.sections[unit.PACK].packing
        for piece in unit.unpacked(self._section(unit.PACK), packing, self._packed[-1]):
            yield piece[max(0, start - place) : max(0, start + size - place)]
            place += len(piece)
            if place >= start + size:
                return


def _before(values: Iterator[int]) -> list[int]:
    """The sum of the values before each, and that of all."""
    return list(accumulate(values, initial=0))


def _counted(file: BinaryIO, count: int) -> Iterator[bytes]:
    while count:
        piece = file.read(min(count, _PIECE_BYTES))
        if not piece:
            raise FormatError("the unit is cut off")
        count -= len(piece)
        yield piece
