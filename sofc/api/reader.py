"""Random access to the images, rows and bands of a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from operator import index
from typing import TYPE_CHECKING, Any, overload

from sofc.api.closing import Closing
from sofc.api.positions import Positioned, positioned
from sofc.api.sources import Source, finder, folder_of, opened
from sofc.codebook import Codebook
from sofc.container import schema
from sofc.container.chunks import (
    FILE_HEAD_SIZE,
    REFERENCE_TYPES,
    unpack_band,
    unpack_group,
    unpack_image_head,
    unpack_metadata,
    unpack_reference,
)
from sofc.container.records import COPY_MODEL, CodebookReference, CodedBand, CodedGroup, ImageHead, Metadata
from sofc.errors import FormatError, SofcError, TruncatedError, UnsupportedError, UsageError, locate
from sofc.image import Band, ImageHeader
from sofc.limits import Limits
from sofc.stream.codebooks import Codebooks
from sofc.stream.directory import Directory, Run, read_chunk, read_directory

if TYPE_CHECKING:
    from sofc.band.coding import Samples
    from sofc.stream.placed import Placed
    from sofc.stream.references import Decoded


class Reader(Closing):
    """Images, rows and bands of a file in any order; made by ``open_reader``. A context manager.

    As a sequence it has the images: ``len(reader)``, ``reader[3]``, ``reader[-2:]``, ``for image in reader``. Reads
    through the file's index or, where it has none, through the heads of its chunks; of a file that is cut off it gives
    every whole band (see ``complete``). What is given out matches its check. A file that keeps another alone, such as a
    JPEG file, has the images of that; they are decoded, and held in memory, once they are asked for or counted.

    Threads may share it, and so may forked processes where the file is on disk or in memory. Pickled, as for processes
    that are spawned, it opens its path, or takes its bytes along; a reader of a file object cannot be pickled.
    """

    def __init__(
        self,
        file: Positioned,
        *,
        codebooks: Callable[[CodebookReference], Codebook],
        limits: Limits,
        threads: int,
        resources: ExitStack,
        again: Callable[[], Reader] | None = None,
    ) -> None:
        self._read = file.read
        self._again = again
        self._find = codebooks
        self._limits = limits
        self._threads = threads
        super().__init__(resources)
        self._directory: Directory = read_directory(file.read, file.size, limits)
        self._heads: dict[int, ImageHead] = {}
        self._codebooks: dict[int, Codebook] = {}
        self._last_group: tuple[int, Samples] | None = None
        self._of_kept: Reader | None = None
        self._references: Decoded | None = None

    def __len__(self) -> int:
        """Images in the file."""
        kept = self._kept
        return self._directory.images if kept is None else len(kept)

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version of the format."""
        return self._directory.version

    @property
    def complete(self) -> bool:
        """Whether the end of the file is there. Of one that was cut off, there are the images of which a whole band is,
        and of these the whole bands.
        """
        return self._directory.complete

    @property
    def indexed(self) -> bool:
        """Whether the file has an index."""
        return self._directory.indexed

    @property
    def header(self) -> ImageHeader:
        """The first image's header."""
        return self.header_of(0)

    @property
    def headers(self) -> list[ImageHeader]:
        """The header of each image."""
        return [self.header_of(image) for image in range(len(self))]

    def header_of(self, image: int) -> ImageHeader:
        """One image's header. A height that its head left open is filled in. Raises UsageError for a wrong number."""
        if (kept := self._kept) is not None:
            return kept.header_of(image)
        run = self._run_of(image)
        header = self._head_of(run).header
        if header.height is not None:
            return header
        return ImageHeader(header.width, self._coded(run, len(run.offsets) - 1).end, header.format)

    @property
    def metadata(self) -> list[Metadata]:
        """What stands before the first image."""
        return self._metadata_from(FILE_HEAD_SIZE)

    def metadata_of(self, image: int) -> list[Metadata]:
        """What stands between an image's head (or that of its run of groups) and its samples."""
        if (kept := self._kept) is not None:
            return kept.metadata_of(image)
        offset = self._run_of(image).head_offset
        return self._metadata_from(offset + read_chunk(self._read, offset, self._limits).size)

    @property
    def codebooks(self) -> list[tuple[CodebookReference, bool]]:
        """The codebooks that the file names, each with whether it is embedded. Searches for none."""
        found = []
        for offset in self._directory.codebook_offsets:
            chunk = read_chunk(self._read, offset, self._limits)
            if chunk.type == schema.EMBEDDED_CODEBOOK:
                found.append((Codebook.from_bytes(chunk.body, limits=self._limits).reference, True))
            else:
                found.append((unpack_reference(chunk.type, chunk.body), False))
        return found

    def read_image(self, image: int = 0) -> Samples:
        """One image whole. Raises TruncatedError where the file is cut off before its end."""
        return self.read_rows(0, None, image)

    def read_rows(self, y0: int, y1: int | None, image: int = 0) -> Samples:
        """Rows ``y0`` to ``y1`` - 1 (None: to the last) of one image; decodes only the bands that hold them.

        Raises UsageError where the image has no such rows, TruncatedError where the file is cut off before them,
        and what Decoder raises.
        """
        import numpy as np

        if (kept := self._kept) is not None:
            return kept.read_rows(y0, y1, image)
        header = self.header_of(image)
        height = header.height or 0
        run = self._run_of(image)
        if y1 is None and not self.complete and image == len(self) - 1 and self._head_of(run).header.height is None:
            raise TruncatedError(f"the file is cut off: how many rows image {image} has is not known")
        end = height if y1 is None else y1
        if not 0 <= y0 < end <= height:
            raise UsageError(f"there are no rows {y0} to {y1}: image {image} has {height} rows")
        if run.is_group:
            return self._group_rows(run, image, slice(y0, end))
        first, last = run.holding(y0), run.holding(end - 1)
        pieces = []
        reached = run.places[first]
        for rows in self._decoded(run, range(first, last + 1)):
            pieces.append(rows[max(0, y0 - reached) : end - reached])
            reached += len(rows)
        if reached < end:
            raise TruncatedError(f"the file is cut off after row {reached} of image {image}")
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def bands(self, image: int | None = None) -> Iterator[Band]:
        """The bands of one image, or of all; an image of a group is one band."""
        if (kept := self._kept) is not None:
            yield from kept.bands(image)
            return
        for number in range(len(self)) if image is None else (image,):
            run = self._run_of(number)
            if run.is_group:
                yield Band(number, 0, self._group_rows(run, number, slice(None)))
                continue
            y = 0
            for rows in self._decoded(run, range(len(run.offsets))):
                yield Band(number, y, rows)
                y += len(rows)

    def __iter__(self) -> Iterator[Samples]:
        return (self.read_image(image) for image in range(len(self)))

    @overload
    def __getitem__(self, place: int) -> Samples: ...

    @overload
    def __getitem__(self, place: slice) -> list[Samples]: ...

    def __getitem__(self, place: int | slice) -> Samples | list[Samples]:
        """One image, or the images of a slice; what ``read_image`` raises, and IndexError where there is no such."""
        if isinstance(place, slice):
            return [self.read_image(image) for image in range(*place.indices(len(self)))]
        image, images = index(place), len(self)
        if not -images <= image < images:
            raise IndexError(f"there is no image {image}: the file has {images}, counted from 0")
        return self.read_image(image % images)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._again is None:
            raise TypeError("a reader of a file object cannot be pickled: open it from a path or from bytes")
        return (self._again, ())

    @property
    def _kept(self) -> Reader | None:
        """A reader of the images in the file that is kept; None where the file has its own, or that has none."""
        if self._of_kept is None and self._directory.images == 0 and self.complete:
            from sofc.api.each import Given, encode_each
            from sofc.api.headers import header_for
            from sofc.api.kept import kept_images

            try:
                images = kept_images(self.metadata, self.codebook, self._limits)
            except (FormatError, UnsupportedError, UsageError):
                return None
            given = (
                Given(one.array, header_for(one.array, declared_bits=one.declared_bits, meaning=one.meaning))
                for one in images
            )
            data = b"".join(encode_each(given, coder="raw", verify=False))
            self._of_kept = open_reader(data, limits=self._limits, threads=self._threads)
        return self._of_kept

    def _run_of(self, image: int) -> Run:
        images = len(self)
        if image >= images and not self.complete:
            raise TruncatedError(f"the file is cut off before image {image}")
        if images == 0:
            raise UsageError(
                "the file has no images of its own, and the file that it keeps is no image: sofc decode restores it"
            )
        if not 0 <= image < images:
            raise UsageError(f"there is no image {image}: the file has {images}, counted from 0")
        return self._directory.run_of(image)

    def _head_of(self, run: Run) -> ImageHead:
        if run.head_offset not in self._heads:
            chunk = read_chunk(self._read, run.head_offset, self._limits)
            if chunk.type != schema.IMAGE_HEAD:
                raise FormatError("the index does not lead to an image head", offset=chunk.offset)
            head = unpack_image_head(chunk.body)
            self._limits.check_header(head.header)
            self._heads[run.head_offset] = head
        return self._heads[run.head_offset]

    def _group_rows(self, run: Run, image: int, rows: slice) -> Samples:
        """Rows of an image of a group, for whoever asks to keep: the group stays at hand, unless the image is all of
        it."""
        number = run.holding(image)
        offset = run.offsets[number]
        last = self._last_group  # another thread may replace it
        if is_new := last is None or last[0] != offset:
            (images,) = self._decoded(run, range(number, number + 1))
        else:
            images = last[1]
        place = image - run.places[number]
        if place >= len(images):
            raise FormatError(f"the index says that image {image} is in a group of {len(images)}", offset=offset)
        result: Samples = images[place][rows]
        if is_new and len(images) == 1 and len(result) == images.shape[1]:
            return result
        self._last_group = offset, images
        return result.copy()

    def _coded(self, run: Run, number: int) -> CodedBand | CodedGroup:
        """A band or group of a run, at the place that the directory says."""
        offset = run.offsets[number]
        kind = "group" if run.is_group else "band"
        chunk = read_chunk(self._read, offset, self._limits)
        if chunk.type != (schema.GROUP if run.is_group else schema.BAND):
            raise FormatError(f"the index does not lead to a {kind}", offset=offset)
        coded = unpack_group(chunk.body) if run.is_group else unpack_band(chunk.body)
        first = coded.image if isinstance(coded, CodedGroup) else coded.first_row
        if first != run.places[number] or not (run.is_group or coded.image == run.first):
            raise FormatError(f"the index leads to another {kind}", offset=offset)
        last_end = run.first + run.images if run.is_group else coded.end
        if [coded.end] != (run.places[number + 1 : number + 2] or [last_end]):
            raise FormatError(f"the next {kind} does not follow this one", offset=offset)
        return coded

    def _decoded(self, run: Run, numbers: range) -> Iterator[Samples]:
        """Bands or groups of a run, decoded on the reader's threads."""
        from sofc.stream.band_decoding import BandDecoder
        from sofc.stream.references import Decoded

        self._references = self._references or Decoded()
        earlier = _Earlier(self._chunks_of, self._directory)
        decoder = BandDecoder(self.codebook, min(self._threads, len(numbers)), earlier, self._references)
        return decoder.in_order(self._placed(run, numbers))

    def _chunks_of(self, image: int) -> list[Placed]:
        """What an earlier image stands in, which others are predicted from. Raises FormatError."""
        from sofc.stream.copies import whole
        from sofc.stream.placed import Placed

        if image >= len(self):
            raise FormatError(f"image {image}, which another is predicted from, is not in the file")
        run = self._run_of(image)
        head = self._head_of(run)
        numbers = [run.holding(image)] if run.is_group else range(len(run.offsets))
        found = [Placed(head, self._coded(run, number), run.offsets[number]) for number in numbers]
        for _, coded, offset in found:
            self._check_extent(head, coded, offset)
        return whole(image, found, self._limits)

    def _placed(self, run: Run, numbers: range) -> Iterator[Placed]:
        from sofc.stream.placed import Placed

        head = self._head_of(run)
        for number in numbers:
            coded = self._coded(run, number)
            self._check_extent(head, coded, run.offsets[number])
            yield Placed(head, self._resolved(coded, run.offsets[number]), run.offsets[number])

    def _check_extent(self, head: ImageHead, coded: CodedBand | CodedGroup, offset: int) -> None:
        """Raises FormatError or LimitError where a band or group cannot be part of its image."""
        from sofc.stream.structure import check_extent

        try:
            check_extent(head.header, coded, self._limits)
        except SofcError as error:
            raise locate(error, offset) from None

    def _resolved(self, coded: CodedBand | CodedGroup, offset: int) -> CodedBand | CodedGroup:
        """A band or group; if it is a copy, coded as what it copies, which takes one chunk more to read."""
        from sofc.stream.copies import copied, distance_of

        if coded.model != COPY_MODEL:
            return coded
        start = offset - distance_of(coded)
        if start < FILE_HEAD_SIZE:
            raise FormatError("a copy of what would begin before the file", offset=offset)
        chunk = read_chunk(self._read, start, self._limits)
        earlier: CodedBand | CodedGroup | None = None
        try:
            if chunk.type == schema.BAND:
                earlier = unpack_band(chunk.body)
            elif chunk.type == schema.GROUP:
                earlier = unpack_group(chunk.body)
            return copied(coded, earlier)
        except FormatError as error:
            raise locate(error, offset) from None

    def codebook(self, number: int) -> Codebook | None:
        """The codebook of the file that has this number, from 1; None for 0.

        Raises CodebookError where it is missing.
        """
        if number == 0:
            return None
        if number > len(self._directory.codebook_offsets):
            raise FormatError(f"the image names codebook {number}, which the file does not have", chunk="H")
        if number not in self._codebooks:
            offset = self._directory.codebook_offsets[number - 1]
            chunk = read_chunk(self._read, offset, self._limits)
            if chunk.type == schema.EMBEDDED_CODEBOOK:
                found = Codebook.from_bytes(chunk.body, limits=self._limits)
            elif chunk.type in REFERENCE_TYPES:
                found = self._find(unpack_reference(chunk.type, chunk.body))
            else:
                raise FormatError("the index does not lead to a codebook", offset=offset)
            self._codebooks[number] = found
        return self._codebooks[number]

    def _metadata_from(self, offset: int) -> list[Metadata]:
        """Metadata from a place in the file on, up to the next image head or samples."""
        found: list[Metadata] = []
        growth = 0
        while True:
            try:
                chunk = read_chunk(self._read, offset, self._limits)
            except TruncatedError:
                return found
            if chunk.type == schema.METADATA:
                found.append(unpack_metadata(chunk.body))
                growth += max(0, len(found[-1].value) - len(chunk.body))
                self._limits.check_metadata(growth)
            elif chunk.type in (schema.IMAGE_HEAD, schema.BAND, schema.GROUP, schema.FILE_END):
                return found
            offset += chunk.size


class _Earlier:
    """What a reader's band decoder takes of the file besides what is read."""

    def __init__(self, chunks_of: Callable[[int], list[Placed]], directory: Directory) -> None:
        self.chunks_of = chunks_of
        self._directory = directory

    def are_near(self, begins: int, offset: int) -> bool:
        """Whether who reads the file from its start has what begins there when it comes to ``offset``."""
        from sofc.stream.copies import is_near

        return is_near(offset - begins, self._directory.steps_between(begins, offset))


def open_reader(
    src: Source,
    /,
    *,
    codebooks: Codebooks | None = None,
    limits: Limits | None = None,
    threads: int = 1,
) -> Reader:
    """Open a file for access to any image and row. A file object that cannot seek is read into memory first.

    A codebook that the file refers to is looked for in ``codebooks``, then where ``codebook.store`` says: the
    search path, beside the file, installed. Raises OSError, NotSofcError, FormatError, UnsupportedError or
    LimitError.
    """
    limits = limits or Limits()
    with ExitStack() as stack:
        file = opened(src, stack)
        if not file.seekable():
            file = BytesIO(file.read())
        find = finder(codebooks, folder_of(src), limits)
        again = partial(open_reader, src, codebooks=codebooks, limits=limits, threads=threads)
        return Reader(
            positioned(file),
            codebooks=find,
            limits=limits,
            threads=threads,
            resources=stack.pop_all(),
            again=again if isinstance(src, (str, os.PathLike, bytes, bytearray)) else None,
        )
