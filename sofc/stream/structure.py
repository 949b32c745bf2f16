"""From chunks to what they mean: the order of chunks, the numbers of images and rows, the limits.

Nothing is decoded here. With ``salvage`` the gaps that damage leaves are found and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from sofc.container import schema
from sofc.container.chunks import (
    CODEBOOK_TYPES,
    INDEXED_TYPES,
    IndexBuilder,
    unpack_band,
    unpack_file_end,
    unpack_group,
    unpack_image_end,
    unpack_image_head,
    unpack_index,
    unpack_metadata,
    unpack_reference,
)
from sofc.container.records import (
    CodebookReference,
    CodedBand,
    CodedGroup,
    ImageEnd,
    ImageHead,
    IndexEntry,
    Metadata,
    MetadataKind,
    keeps_whole_file,
)
from sofc.container.walker import Chunk, is_ancillary
from sofc.errors import FormatError, LimitError, SofcError, UnsupportedError, locate
from sofc.image import ImageHeader
from sofc.limits import Limits
from sofc.stream.events import DamagedBand, FileEnded, HeaderReady, MetadataRead
from sofc.stream.framing import Damage
from sofc.stream.states import CHUNK_ORDER, KNOWN_TYPES, FileState


@dataclass
class OpenImage:
    """An image head and what stood under it so far. ``number`` is that of the (first) image."""

    number: int
    head: ImageHead
    next_row: int = 0
    announced: bool = False
    damaged: bool = False
    end: ImageEnd | None = None  # once it was read


class EmbeddedCodebook(NamedTuple):
    """Bytes of a codebook in the file."""

    data: bytes
    offset: int


class SamplesToDecode(NamedTuple):
    """A band or group in its place."""

    image: OpenImage
    coded: CodedBand | CodedGroup
    offset: int


class EndToCheck(NamedTuple):
    """The end of an image."""

    image: OpenImage
    end: ImageEnd
    offset: int


Item = (
    EmbeddedCodebook
    | CodebookReference
    | SamplesToDecode
    | EndToCheck
    | HeaderReady
    | MetadataRead
    | DamagedBand
    | FileEnded
)


def check_extent(header: ImageHeader, coded: CodedBand | CodedGroup, limits: Limits) -> None:
    """Raises FormatError where a band or group does not go with its image, LimitError where it is too large."""
    if isinstance(coded, CodedBand):
        if header.height is not None and coded.end > header.height:
            raise FormatError(f"a band ends at row {coded.end} of an image of height {header.height}", chunk="B")
        limits.check_header(header, rows=coded.end)
        limits.check_band(header.row_words * coded.rows)
    else:
        if header.height is None:
            raise FormatError("a group stands under an image head without a height", chunk="G")
        limits.check_band(header.row_words * header.height * coded.images)


class FileStructure:
    """Follows one file from after its head to its end."""

    def __init__(self, limits: Limits, *, salvage: bool = False) -> None:
        self.state = FileState.PROLOGUE
        self.damage: list[SofcError] = []
        self._limits = limits
        self._salvage = salvage
        self._open: OpenImage | None = None
        self._next_image = 0  # number of the image whose chunks come now or next
        self._codebooks = 0
        self._metadata_growth = 0
        self._original: Metadata | None = None  # how the item that restores an original file begins
        self._index = IndexBuilder()
        self._index_size = 0
        self._place = (0, 0)  # image and place of the chunk just read, as in an index entry
        self._lost: SofcError | None = None  # damage after which it is not yet known what is missing
        self._handlers: dict[bytes, Callable[[Chunk], Iterator[Item]]] = {
            schema.EMBEDDED_CODEBOOK: self._on_embedded_codebook,
            schema.CODEBOOK_REFERENCE: self._on_codebook_reference,
            schema.BUILTIN_CODEBOOK: self._on_codebook_reference,
            schema.METADATA: self._on_metadata,
            schema.IMAGE_HEAD: self._on_image_head,
            schema.BAND: self._on_band,
            schema.GROUP: self._on_group,
            schema.IMAGE_END: self._on_image_end,
            schema.INDEX: self._on_index,
            schema.FILE_END: self._on_file_end,
        }

    def accept(self, chunk: Chunk | Damage) -> Iterator[Item]:
        """What the next chunk says. Raises FormatError, UnsupportedError or LimitError."""
        if isinstance(chunk, Damage):
            self._note(chunk.error)
            return
        try:
            if self._salvage:
                yield from self._reconcile(chunk)
            following = CHUNK_ORDER[self.state].get(chunk.type)
            if following is not None:
                yield from self._handlers[chunk.type](chunk)
                self.state = following
                if chunk.type in INDEXED_TYPES:
                    self._add_to_index(chunk)
            else:
                self._check_skippable(chunk)
        except SofcError as error:
            locate(error, chunk.offset)
            if not self._salvage:
                raise
            self._note(error)

    def _note(self, error: SofcError) -> None:
        self.damage.append(error)
        self._lost = self._lost or error

    def _check_skippable(self, chunk: Chunk) -> None:
        name = chunk.type.decode()
        if chunk.type in KNOWN_TYPES or self.state is FileState.INDEXED:
            raise FormatError("the chunk stands in the wrong place", chunk=name)
        if not is_ancillary(chunk.type):
            raise UnsupportedError("the chunk is not known to this version of sofc", chunk=name)

    def _add_to_index(self, chunk: Chunk) -> None:
        image, place = self._place
        self._index.add(IndexEntry(chunk.type, chunk.offset, image, place))
        self._place = (0, 0)

    # Chunks, in file order. Each handler checks first and changes the object's state last.

    def _on_embedded_codebook(self, chunk: Chunk) -> Iterator[Item]:
        if len(chunk.body) > self._limits.max_codebook_bytes:
            raise LimitError(
                f"a codebook of {len(chunk.body)} bytes is over the limit of {self._limits.max_codebook_bytes}",
                chunk="C",
            )
        self._codebooks += 1
        yield EmbeddedCodebook(chunk.body, chunk.offset)

    def _on_codebook_reference(self, chunk: Chunk) -> Iterator[Item]:
        reference = unpack_reference(chunk.type, chunk.body)
        self._codebooks += 1
        yield reference

    def _on_metadata(self, chunk: Chunk) -> Iterator[Item]:
        metadata = unpack_metadata(chunk.body)
        self._metadata_growth += max(0, len(metadata.value) - len(chunk.body))
        self._limits.check_metadata(self._metadata_growth)
        yield from self._announce()
        if self._original is None and metadata.kind == MetadataKind.ORIGINAL:
            self._original = replace(metadata, value=metadata.value[:1])
        yield MetadataRead(metadata, self._open.number if self._open else None)

    def _on_image_head(self, chunk: Chunk) -> Iterator[Item]:
        head = unpack_image_head(chunk.body)
        self._limits.check_header(head.header)
        if head.codebook > self._codebooks and not self.damage:
            raise FormatError(f"the image names codebook {head.codebook}, the file has {self._codebooks}", chunk="H")
        self._place = (self._next_image, 0)
        self._open = OpenImage(self._next_image, head)
        if not self._salvage:  # there the number is certain only when samples follow
            yield from self._announce()

    def _announce(self) -> Iterator[Item]:
        if self._open is not None and not self._open.announced:
            self._open.announced = True
            yield HeaderReady(self._open.number, self._open.head.header)

    def _on_band(self, chunk: Chunk) -> Iterator[Item]:
        image = self._current
        band = unpack_band(chunk.body)
        if band.image != image.number or band.first_row != image.next_row:
            raise FormatError(
                f"row {band.first_row} of image {band.image} stands where row {image.next_row} of image "
                f"{image.number} should",
                chunk="B",
            )
        check_extent(image.head.header, band, self._limits)
        self._limits.check_images(image.number + 1)
        yield from self._announce()
        image.next_row = band.end
        self._lost = None
        self._place = (image.number, band.first_row)
        yield SamplesToDecode(image, band, chunk.offset)

    def _on_group(self, chunk: Chunk) -> Iterator[Item]:
        image = self._current
        group = unpack_group(chunk.body)
        if group.image != self._next_image:
            raise FormatError(f"image {group.image} stands where image {self._next_image} should", chunk="G")
        check_extent(image.head.header, group, self._limits)
        self._limits.check_images(group.end)
        yield from self._announce()
        self._next_image += group.images
        self._lost = None
        self._place = (group.image, group.images)
        yield SamplesToDecode(image, group, chunk.offset)

    @property
    def _current(self) -> OpenImage:
        if self._open is None:
            raise FormatError("samples stand before an image head")
        return self._open

    def _on_image_end(self, chunk: Chunk) -> Iterator[Item]:
        image = self._current
        end = unpack_image_end(chunk.body)
        if end.height != image.next_row or end.height != (image.head.header.height or end.height):
            raise FormatError(
                f"the image ends at height {end.height}; it has {image.next_row} rows and its head says "
                f"{image.head.header.height or 'nothing'}",
                chunk="E",
            )
        self._next_image = image.number + 1
        self._lost = None
        image.end = end
        yield EndToCheck(image, end, chunk.offset)

    @property
    def _keeps_file_alone(self) -> bool:
        return self._original is not None and keeps_whole_file([self._original], with_codebook=self._codebooks > 0)

    def _on_index(self, chunk: Chunk) -> Iterator[Item]:
        if not self.damage and chunk.body != self._index.body():
            entries = unpack_index(chunk.body)  # says what is wrong where the index itself is broken
            raise FormatError(f"the index of {len(entries)} chunks does not fit the file", chunk="i")
        self._index_size = chunk.size
        yield from ()

    def _on_file_end(self, chunk: Chunk) -> Iterator[Item]:
        size = unpack_file_end(chunk.body)
        if self.state is FileState.PROLOGUE and (self._next_image or not self._keeps_file_alone):
            raise FormatError("the chunk stands where an image must: the file keeps no other file whole", chunk="Z")
        if size != self._index_size and not self.damage:
            error = FormatError(f"the end says that the index has {size} bytes; it has {self._index_size}", chunk="Z")
            if not self._salvage:
                raise error
            self._note(locate(error, chunk.offset))
        yield FileEnded()

    # Salvage: what is missing before a chunk that follows damage.

    def end_of_input(self) -> Iterator[Item]:
        """What is missing where the file was cut off."""
        if self._salvage and self.state is not FileState.DONE and self._lost is not None:
            yield from self._lose_open_image()
            yield from self._lose_groups(None)

    def _reconcile(self, chunk: Chunk) -> Iterator[Item]:
        if chunk.type == schema.BAND:
            yield from self._reconcile_band(unpack_band(chunk.body))
        elif chunk.type == schema.GROUP:
            group = unpack_group(chunk.body)
            yield from self._renumber(group.image)
            if self.state in (FileState.HEAD, FileState.GROUPS) and group.image > self._next_image:
                yield from self._lose_groups(group.image - self._next_image)
        elif chunk.type == schema.IMAGE_END:
            yield from self._reconcile_end(unpack_image_end(chunk.body))
        elif chunk.type in (*CODEBOOK_TYPES, schema.IMAGE_HEAD, schema.INDEX, schema.FILE_END):
            yield from self._lose_open_image()
            if chunk.type in (schema.INDEX, schema.FILE_END) and self._lost is not None:
                yield from self._lose_groups(None)
                self._lost = None

    def _reconcile_band(self, band: CodedBand) -> Iterator[Item]:
        yield from self._renumber(band.image)
        image = self._open
        if image is not None and image.number == band.image and self.state in (FileState.HEAD, FileState.BANDS):
            if band.first_row > image.next_row:
                yield from self._lose_rows(image, band.first_row)
            return
        yield from self._lose_open_image()
        if band.image >= self._next_image:
            # The head of this image is lost, and perhaps whole images before it.
            yield from self._lose_images(band.image)
            yield DamagedBand(band.image, band.first_row, band.rows, self._damage_found())
        self._open = None
        self.state = FileState.BETWEEN
        raise FormatError(f"the head of image {band.image} is lost", chunk="B")

    def _reconcile_end(self, end: ImageEnd) -> Iterator[Item]:
        image = self._open
        if image is not None and self.state in (FileState.HEAD, FileState.BANDS):
            yield from self._announce()
            if end.height > image.next_row and image.head.header.height in (None, end.height):
                yield from self._lose_rows(image, end.height)
            self.state = FileState.BANDS
            return
        self._next_image += 1
        raise FormatError("the head of an image is lost", chunk="E")

    def _damage_found(self) -> SofcError:
        """What made something go missing; where nothing was seen, whole chunks are gone."""
        if self._lost is None:
            self._note(FormatError("chunks are missing"))
        assert self._lost is not None
        return self._lost

    def _renumber(self, number: int) -> Iterator[Item]:
        """A head that follows damage gets its number from the first chunk of samples after it."""
        image = self._open
        if image is not None and not image.announced and self.state is FileState.HEAD and number > image.number:
            yield from self._lose_images(number)
            image.number = number

    def _lose_images(self, until: int) -> Iterator[Item]:
        if until > self._next_image:
            yield DamagedBand(self._next_image, 0, None, self._damage_found(), until - self._next_image)
            self._next_image = until

    def _lose_groups(self, images: int | None) -> Iterator[Item]:
        if self.state is FileState.GROUPS or (self.state is FileState.HEAD and images is not None):
            yield from self._announce()
            yield DamagedBand(self._next_image, 0, None, self._damage_found(), images)
            self._next_image += images or 0

    def _lose_rows(self, image: OpenImage, until: int) -> Iterator[Item]:
        yield from self._announce()
        yield DamagedBand(image.number, image.next_row, until - image.next_row, self._damage_found())
        image.next_row = until
        image.damaged = True

    def _lose_open_image(self) -> Iterator[Item]:
        """The end of an image, and perhaps rows before it, are lost."""
        image = self._open
        if image is None or self.state not in (FileState.HEAD, FileState.BANDS):
            return
        yield from self._announce()
        error = self._damage_found()
        height = image.head.header.height
        if height is None:
            yield DamagedBand(image.number, image.next_row, None, error)
        elif height > image.next_row:
            yield from self._lose_rows(image, height)
        self._next_image = image.number + 1
        self._open = None
        self.state = FileState.BETWEEN
