"""Rows in, bytes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from sofc.band.alike import may_be_like
from sofc.band.candidates import serves
from sofc.band.coding import Samples, encode_band, look, sample_bytes
from sofc.band.likeness import Likeness
from sofc.band.predicted import Extent
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook, find_builtin, is_builtin
from sofc.coders.base import Found
from sofc.container import schema
from sofc.container.chunks import (
    INDEXED_TYPES,
    IndexBuilder,
    pack_band,
    pack_file_end,
    pack_file_head,
    pack_group,
    pack_image_end,
    pack_image_head,
    pack_metadata,
    pack_reference,
)
from sofc.container.records import (
    ARRANGED,
    LIKENESS_MODEL,
    RAW_MODEL,
    CodedBand,
    CodedGroup,
    CodedSamples,
    ImageEnd,
    ImageHead,
    IndexEntry,
    Metadata,
    is_plain_text,
    keeps_whole_file,
)
from sofc.container.registered import REGISTERED
from sofc.container.walker import frame_chunk
from sofc.container.wide import registered_codebooks
from sofc.errors import LimitError, UsageError
from sofc.image import MAX_DIMENSION, ImageHeader, PixelFormat, SampleType
from sofc.jpeg.known import Known
from sofc.limits import Limits
from sofc.stream.copies import CopyFinder, Key, pays_to_copy
from sofc.stream.kept_images import KeptImages
from sofc.stream.layout import SMALL_IMAGE_SAMPLES
from sofc.stream.pending import PendingImage
from sofc.stream.predicting import Predicting
from sofc.stream.states import CALL_ORDER, Sticky, WriteState
from sofc.stream.workers import Workers

CodebookPicker = Callable[[PixelFormat], Codebook | None]
ARRAY_TYPES = ("bool", "uint8", "int8", "uint16", "int16")
WIDE_TYPES = tuple(wide.dtype_name for wide in SampleType if wide is not SampleType.BFLOAT16)


class _Unit(NamedTuple):
    """A chunk to come: ``body`` gives its bytes, told where it begins, and waits where they are still being coded."""

    type: bytes
    image: int
    place: int
    body: Callable[[int], bytes]


class Encoder(Sticky):
    """Turns images into the bytes of a file, with no I/O.

    All bytes returned by all calls, one after the other, are the file. They depend on the samples, the
    headers and the settings, not on how rows were cut into calls (but for ``flush``) nor on ``threads``.
    Memory: one band (or group) for each thread. After an error every call raises it again. Use an object
    from one thread at a time.

    ``header`` begins the first image; without it ``begin_image`` does. ``codebook`` is named in the file, or
    put into it with ``embed_codebook``; images that it has no model for are coded with one that is built in unless
    ``coder`` is given. It may be a function that picks one for images of a format, by default one of those that are
    built in, or None. ``coder`` takes the codebook's models of one coder only, "raw" none;
    ``effort`` (1-9) picks among them. ``band_rows``: rows of a band, by default about 2**18 pixels, or 2**20 with
    a built-in codebook; a last band shorter than a quarter of that is joined to the one before.
    ``key_interval``: images of a group at most, within which one may be predicted from those before it; 1 = each
    by itself. ``verify``: decode each band before its
    bytes leave. ``metadata`` belongs to the whole file. ``digest``: keep the SHA-256 of each image coded in
    bands. ``limits``: those of the decoders that are to read the file. ``on_codebook`` is called with each codebook
    that the file names or holds, more than once and from other threads where bands of wide samples name it.
    """

    def __init__(
        self,
        header: ImageHeader | None = None,
        *,
        codebook: Codebook | CodebookPicker | None = builtin_codebook,
        embed_codebook: bool = False,
        coder: str | None = None,
        effort: int = 5,
        band_rows: int | None = None,
        key_interval: int | None = None,
        verify: bool = True,
        threads: int = 1,
        metadata: Iterable[Metadata] = (),
        digest: bool = True,
        limits: Limits | None = None,
        on_codebook: Callable[[Codebook], None] | None = None,
    ) -> None:
        if not 1 <= effort <= 9:
            raise UsageError(f"effort must be 1 to 9, not {effort}")
        if band_rows is not None and band_rows < 1:
            raise UsageError(f"band_rows must be at least 1, not {band_rows}")
        if key_interval is not None and key_interval < 1:
            raise UsageError(f"key_interval must be at least 1, not {key_interval}")
        if embed_codebook and (codebook is None or codebook is builtin_codebook):
            raise UsageError("embed_codebook needs a codebook")
        self._pick = codebook if callable(codebook) else _picker(codebook, coder)
        self._numbers: dict[bytes, int] = {}  # of the codebooks that the file has, by their ids
        self._embed = embed_codebook
        self._coder = coder
        self._effort = effort
        self._wanted_band_rows = band_rows
        self._key_interval = key_interval
        self._verify = verify
        self._with_digest = digest
        self._limits = limits or Limits()
        self._on_codebook = on_codebook
        self._workers = Workers(threads)
        self._state = WriteState.IDLE
        self._queue: deque[_Unit] = deque()
        self._coding = 0  # units in the queue that are coded by workers
        self._offset = 0  # bytes of the file so far
        self._may_leave = False
        self._index = IndexBuilder()
        self._copies = CopyFinder()
        self._kept = KeptImages()
        self._predicting = Predicting(self._kept, verify=verify)
        self._whole: list[Samples] = []  # bands of the current image, where others may be predicted from it
        self._alone: Key | None = None  # of the first image that is not yet in a group, while it is the only one
        self._image = 0  # number of the current image, or of the next
        self._begun: PendingImage | None = None
        self._images: list[Samples] = []  # whole images that are not yet in a group
        self._origins: list[Found] = []  # of those without likeness, if any
        self._likenesses: dict[int, Likeness] = {}  # of those, and of the current image, to earlier ones
        if isinstance(codebook, Codebook):
            self._put_codebook(codebook)
        items = _checked_metadata(metadata)
        self._may_lack_images = keeps_whole_file(items, with_codebook=bool(self._numbers))
        self._put_metadata(items)
        if header is not None:
            self._begin(header, ())

    @property
    def state(self) -> WriteState:
        """What the object is in the middle of."""
        return self._state

    @property
    def finished(self) -> bool:
        """Whether ``finish`` has ended the file."""
        return self._state is WriteState.DONE

    @property
    def header(self) -> ImageHeader | None:
        """The image that was begun last."""
        return self._begun.header if self._begun is not None else None

    @property
    def rows_written(self) -> int:
        """Rows of the current image so far (0 where whole images are written)."""
        return self._begun.rows_written if self._begun is not None else 0

    @property
    def images_written(self) -> int:
        """Images that are complete, or, in groups, that were written."""
        return self._image + len(self._images)

    def begin_image(
        self, header: ImageHeader, *, metadata: Iterable[Metadata] = (), jpeg: bytes | None = None
    ) -> bytes:
        """End the image before and begin the next, or a run of images for ``write_group``.

        ``jpeg``: the JPEG data that the rows to be written were decoded from, where it is at hand. It makes encoding
        faster, and need not be right.
        Raises UsageError where rows of the image before are missing, LimitError where the image is over the
        limits.
        """
        with self._guarded():
            self._check_call("begin_image")
            self._end_image()
            self._begin(header, metadata, jpeg)
            return self._drain(self._workers.threads - 1)

    def write(self, rows: Samples) -> bytes:
        """Take rows of the current image: shape (n, width) for one component, (n, width, components) for more.

        The array type is one of bool, uint8, int8, uint16, int16; the samples must lie in the header's range. That of
        wide samples is the header's.
        Returns the bytes of what was completed, often none. Raises UsageError.
        """
        with self._guarded():
            self._check_call("write")
            image = self._current
            rows = _checked_array(rows, (None, *_row_shape(image.header)))
            end = image.rows_written + len(rows)
            if image.header.height is not None and end > image.header.height:
                raise UsageError(f"{end} rows for an image of height {image.header.height}")
            if end > MAX_DIMENSION:
                raise UsageError(f"an image has at most {MAX_DIMENSION} rows")
            output = bytearray()
            start = 0
            while start < len(rows):
                count = min(len(rows) - start, image.room)
                self._take_rows(rows[start : start + count])
                start += count
                output += self._drain(self._workers.threads - 1)
            return bytes(output)

    def write_group(self, images: Samples, *, jpegs: Sequence[bytes | None] = ()) -> bytes:
        """Take whole images of the current header: shape (n, height, width) or (n, height, width, components > 1).

        They are coded together in groups of about 2**20 samples (2**17 of those that a JPEG decoder made), however they
        are cut into calls. The header's
        height must be known. ``jpegs``: of each image the JPEG data that it was decoded from, None where that is not at
        hand. Raises UsageError, or LimitError where one image is too large for a group.
        """
        with self._guarded():
            self._check_call("write_group")
            header = self._current.header
            if header.height is None:
                raise UsageError("write_group needs an image header with a height")
            if header.row_words * header.height > self._limits.max_band_samples:
                raise LimitError(
                    f"an image of {header.row_words * header.height} samples is over the limit of "
                    f"{self._limits.max_band_samples} for a group: use begin_image and write"
                )
            images = _checked_array(images, (None, header.height, *_row_shape(header)))
            output = bytearray()
            for image, jpeg in zip(images, chain(jpegs, repeat(None)), strict=False):
                image = _converted(image, header.format, 0, self.images_written)
                if self._is_predicted(image, jpeg):
                    output += self._drain(self._workers.threads - 1)
                    continue
                origin = self._current.origin_of(image, jpeg)
                alone = Key.of(True, header, header.height, sample_bytes(image, header.format))
                is_known = alone == self._alone or self._copies.codebooks_of(alone) is not None
                is_copy = is_known and pays_to_copy(image)
                if self._images and (is_copy or (origin is None) == bool(self._origins)):
                    self._put_group()
                self._alone = None if self._images else alone
                if not is_copy and self._may_be_like(header):
                    self._kept.keep(self.images_written, header, image)
                self._images.append(image)
                self._origins += [] if origin is None else [origin]
                self._state = WriteState.GROUPS
                in_group = len(self._images) - len(self._likenesses)
                if is_copy or in_group >= self._current.group_images(image, traced=origin is not None):
                    self._put_group()
                output += self._drain(self._workers.threads - 1)
            return bytes(output)

    def _is_predicted(self, image: Samples, jpeg: bytes | None) -> bool:
        """Whether the next whole image is predicted from an earlier one; then it is taken into the group. ``jpeg``: the
        data that it was decoded from, if that is at hand."""
        header = self._current.header
        if not self._may_be_like(header):
            return False
        found = self._kept.find(header, image)
        choose = self._predicting.if_sure if self._origins or jpeg else self._predicting.if_likely
        likeness = choose(found, image, header, self.images_written)
        if likeness is None:
            return False
        self._likenesses[len(self._images)] = likeness
        self._images.append(image)
        self._alone, self._state = None, WriteState.GROUPS
        if len(self._images) >= self._current.most_images(traced=bool(self._origins)):
            self._put_group()
        return True

    def flush(self) -> bytes:
        """End the current band or group early, so that all rows so far can be decoded from the bytes so far."""
        with self._guarded():
            self._check_call("flush")
            if self._begun is not None:
                self._begun.stop_waiting()
            self._put_bands(everything=True)
            self._put_group()
            return self._drain(0)

    def finish(self) -> bytes:
        """End the last image and the file.

        Raises UsageError where rows are missing, or where there is no image, unless the file's metadata keeps another
        file without images.
        """
        with self._guarded():
            if self._state is WriteState.HEAD:
                raise UsageError("the image has no rows")
            if self._state is not WriteState.IDLE:
                self._check_call("finish")
                self._end_image()
            elif self._may_lack_images:
                self._may_leave = True
            else:
                raise UsageError("the file has no image")
            output = self._drain(0)
            index = b""
            if self._index.bands > 1:
                index = frame_chunk(schema.INDEX, self._index.body())
            self._state = WriteState.DONE
            self._workers.close()
            return output + index + frame_chunk(schema.FILE_END, pack_file_end(len(index)))

    def _check_call(self, name: str) -> None:
        if name in CALL_ORDER[self._state]:
            return
        reasons = {
            WriteState.IDLE: "call begin_image first",
            WriteState.HEAD: "the image has no rows yet",
            WriteState.ROWS: "the image is being written as rows",
            WriteState.GROUPS: "the images are being written as groups",
            WriteState.ENDED: "all rows of the image are written: call begin_image first",
            WriteState.DONE: "the file is finished",
        }
        raise UsageError(f"{name} is not possible now: {reasons[self._state]}")

    @property
    def _current(self) -> PendingImage:
        if self._begun is None:
            raise UsageError("call begin_image first")
        return self._begun

    # Images.

    def _begin(self, header: ImageHeader, metadata: Iterable[Metadata], jpeg: bytes | None = None) -> None:
        self._begun = PendingImage(
            header,
            _checked_metadata(metadata),
            Selection(self._pick(header.format), self._coder, self._effort, self._pick),
            self._limits,
            band_rows=self._wanted_band_rows,
            key_interval=self._key_interval,
            jpeg=jpeg,
            is_held=bool(self._kept) and self._may_be_like(header),
        )
        self._state = WriteState.HEAD

    def _put_head(self, codebooks: Sequence[Codebook]) -> None:
        """Put the head of the current image, and before it those of its codebooks that the file does not name yet."""
        self._may_leave = True
        image = self._current
        for number, codebook in self._numbered(codebooks).items():
            if codebook.id not in self._numbers:
                self._put_codebook(codebook)
            image.codebooks[number] = codebook
        own = image.selection.codebook
        number = self._numbers[own.id] if own is not None and own in image.codebooks.values() else 0
        self._put(schema.IMAGE_HEAD, pack_image_head(ImageHead(image.header, number)), self._image)
        self._put_metadata(image.metadata)
        image.has_head = True

    def _take_rows(self, rows: Samples) -> None:
        """Take rows, at most as many as fill up the buffer."""
        image = self._current
        self._limits.check_header(image.header, rows=image.rows_written + len(rows))
        image.put(_converted(rows, image.header.format, image.rows_written, self._image))
        self._state = WriteState.ROWS
        if image.rows_written == image.header.height:
            self._end_image()
        else:
            self._put_bands(everything=False)

    def _end_image(self) -> None:
        if self._state is WriteState.HEAD:
            raise UsageError("the image has no rows")
        if self._state is WriteState.GROUPS:
            self._put_group(is_last=True)
        elif self._state is WriteState.ROWS:
            image = self._current
            if image.header.height not in (None, image.rows_written):
                raise UsageError(f"the image has {image.rows_written} rows, its header says {image.header.height}")
            likeness = sure = None
            if self._may_be_like(image.header) and image.next_band == 0:
                likeness = self._kept.find(image.header, image.whole())
                sure = self._predicting.if_sure(likeness, image.whole(), image.header, self._image)
            if sure is not None or image.is_one_small_whole:
                known = image.known_of(image.buffered)
                self._images = [image.pop(image.buffered)]
                self._likenesses = {} if likeness is None else {0: likeness}
                if likeness is None and self._may_be_like(image.header):
                    self._kept.keep(self._image, image.header, self._images[0])
                self._put_group(known, is_last=True)
            else:
                self._likenesses = {} if likeness is None else {0: likeness}
                self._put_bands(everything=True, is_end=True)
                if self._whole:
                    self._kept.keep(self._image, image.header, np.concatenate(self._whole))
                self._likenesses, self._whole = {}, []
                end = ImageEnd(image.rows_written, image.digest if self._with_digest else b"")
                self._put(schema.IMAGE_END, pack_image_end(end), self._image)
                self._image += 1
            self._state = WriteState.ENDED

    def _may_be_like(self, header: ImageHeader) -> bool:
        """Whether images of a head are looked at: each must fit into a band of those who read the file."""
        return may_be_like(header) and header.row_words * (header.height or 1) <= self._limits.max_band_samples

    # Bands and groups.

    def _put_bands(self, *, everything: bool, is_end: bool = False) -> None:
        """Cut off bands. ``everything``: no rows are kept back. ``is_end``: none will follow."""
        if self._begun is None:
            return
        while self._begun.buffered and self._begun.band_is_due:
            self._put_band(self._begun.band_rows, is_last=is_end and self._begun.buffered == self._begun.band_rows)
        if everything and self._begun.buffered:
            self._put_band(self._begun.buffered, is_last=is_end)

    def _put_band(self, count: int, *, is_last: bool) -> None:
        image, first_row = self._image, self._current.next_band
        known = self._current.known_of(count)
        rows = self._current.cut_band(count, digest=self._with_digest)
        if self._may_be_like(self._current.header) and (self._whole or first_row == 0):
            self._whole.append(rows)
        encode = self._coding_of(
            False,
            rows,
            Extent(self._current.header, image, 1, range(first_row, first_row + count)),
            known=known,
            is_last=is_last,
        )
        self._put_coded(
            schema.BAND, image, first_row, lambda offset: pack_band(CodedBand(image, first_row, count, *encode(offset)))
        )

    def _put_group(self, known: Known | None = None, *, is_last: bool = False) -> None:
        if not self._images:
            return
        first, count = self._image, len(self._images)
        rows = np.concatenate(self._images)
        extent = Extent(self._current.header, first, count, range(len(self._images[0])))
        encode = self._coding_of(True, rows, extent, self._origins, known=known, is_last=is_last)
        self._put_coded(
            schema.GROUP, first, count, lambda offset: pack_group(CodedGroup(first, count, *encode(offset)))
        )
        self._image += count
        self._images, self._origins, self._likenesses = [], [], {}

    def _coding_of(
        self,
        is_group: bool,
        rows: Samples,
        extent: Extent,
        origins: Sequence[Found] = (),
        *,
        known: Known | None = None,
        is_last: bool,
    ) -> Callable[[int], CodedSamples]:
        """What gives a group or a band, told where its chunk begins; before the first, the image head is put.

        ``is_last``: no other follows.
        """
        image = self._current
        image_rows = len(extent.rows)
        key = Key.of(is_group, image.header, image_rows, sample_bytes(rows, image.header.format))
        codebooks = self._copies.codebooks_of(key)
        if codebooks is None and self._likenesses:
            return self._predicted_coding_of(rows, extent, origins, known, is_last=is_last)
        if codebooks is not None:
            self._kept.drop(range(extent.first, extent.first + extent.images))
            self._whole = []
            if is_last and not image.has_head:
                # No more than what is copied needs: what would follow may need others.
                self._put_head(codebooks)
        # Origins are those of the images without likeness, which are not all of these.
        origins = () if self._likenesses else origins
        code = self._new_coding_of(rows, image_rows, origins, known, is_last=is_last)
        if image.header.format.wide is not None and self._on_codebook is not None:
            code = partial(_telling, code, self._on_codebook)
        named = tuple(image.codebooks.values())
        if codebooks == named:
            return self._copies.coded(key, codebooks, code)
        guiding = (
            None
            if extent.images > 1
            else self._predicting.guiding(rows, extent, image.selection.codebook, image.codebooks)
        )
        if guiding is None:
            return self._copies.coded(key, named, self._workers.submit(code))
        both = self._workers.submit(partial(guiding.both, code))
        plain = self._copies.coded(key, named, lambda: guiding.take(both()))

        def at(offset: int) -> CodedSamples:
            coded = guiding.at(plain(offset), offset)
            if coded.model == LIKENESS_MODEL:
                self._copies.forget(key)
            return coded

        return at

    def _predicted_coding_of(
        self, rows: Samples, extent: Extent, origins: Sequence[Found], known: Known | None, *, is_last: bool
    ) -> Callable[[int], CodedSamples]:
        """What gives a group or a band of which images are like earlier ones."""
        image = self._current
        image_rows = len(extent.rows)
        self._whole = []
        others = without(rows, image_rows, self._likenesses)
        code_others: Callable[[], CodedSamples] | None = None
        if len(others):
            # Of those that follow in the group, codebooks may be others: what is found now is not all.
            code_others = self._workers.submit(self._new_coding_of(others, image_rows, origins, known, is_last=False))
        predicted = self._predicting.coding_of(rows, extent, self._likenesses, code_others)
        if not predicted.is_sure:
            code = self._workers.submit(self._new_coding_of(rows, image_rows, (), known, is_last=is_last))
        else:
            if not image.has_head:
                self._put_head(_codebooks([(image.selection, image.header.format)]))
            code = partial(
                encode_band,
                rows,
                image.header.format,
                image.selection.as_they_stand(),
                image_rows=image_rows,
                verify=self._verify,
                codebooks=image.codebooks,
            )
        return self._copies.not_to_copy(partial(predicted.at, code))

    def _new_coding_of(
        self, rows: Samples, image_rows: int, origins: Sequence[Found], known: Known | None, *, is_last: bool
    ) -> Callable[[], CodedSamples]:
        """What codes a band or group that may be the first of its image."""
        image = self._current
        pixel_format, selection = image.header.format, image.selection
        code = partial(
            encode_band,
            rows,
            pixel_format,
            image_rows=image_rows,
            verify=self._verify,
            origins=origins,
            known=known,
        )
        if not image.has_head:
            own = _codebooks([(selection, pixel_format)])
            formats: list[PixelFormat] = []
            if not origins and pixel_format.wide is None:
                looked = look(rows, pixel_format, selection, image_rows=image_rows)
                formats, code = looked.formats, partial(code, looked=looked)
            others = _codebooks([(selection.for_format(one), one) for one in formats])
            if selection.is_trained:
                others = list({one.id: one for one in (*own, *others)}.values())
            if formats and is_last and rows.size <= SMALL_IMAGE_SAMPLES:
                # To say how samples are arranged takes bytes, too, and so does naming codebooks.
                arranged = code(selection, codebooks=self._numbered(others))
                plain = code(selection.as_they_stand(), codebooks=self._numbered(own), looked=None)
                # What was looked for may not have paid.
                named = others if arranged.mapping == ARRANGED else own
                smaller, codebooks = min((arranged, named), (plain, own), key=lambda one: self._added_bytes(*one))
                self._put_head(codebooks)
                return lambda: smaller
            if formats and is_last and pixel_format in formats:
                # It is in doubt whether the samples are arranged: coding them tells.
                one = code(selection, codebooks=self._numbered(others))
                self._put_head(others if one.mapping == ARRANGED else own)
                return lambda: one
            # What follows may be arranged in another way, or not at all.
            self._put_head(others if formats and is_last else [*own, *others])
        return partial(code, selection, codebooks=image.codebooks)

    def _numbered(self, codebooks: Iterable[Codebook]) -> dict[int, Codebook]:
        """Codebooks by the numbers that they have in the file, or will have."""
        numbers = dict(self._numbers)
        return {numbers.setdefault(codebook.id, len(numbers) + 1): codebook for codebook in codebooks}

    def _added_bytes(self, coded: CodedSamples, codebooks: Iterable[Codebook]) -> int:
        """The bytes of coded samples, and of naming codebooks that the file does not name yet."""
        named = [frame_chunk(*self._chunk_of(one)) for one in codebooks if one.id not in self._numbers]
        return sum(map(len, (*coded.streams, *named)))

    # Chunks.

    def _put_codebook(self, codebook: Codebook) -> None:
        self._numbers[codebook.id] = len(self._numbers) + 1
        self._put(*self._chunk_of(codebook))
        if self._on_codebook is not None:
            self._on_codebook(codebook)

    def _chunk_of(self, codebook: Codebook) -> tuple[bytes, bytes]:
        """Type and body of the chunk that holds a codebook or names it."""
        if self._embed and not is_builtin(codebook):
            return schema.EMBEDDED_CODEBOOK, codebook.to_bytes()
        return pack_reference(codebook.reference)

    def _put_metadata(self, metadata: Iterable[Metadata]) -> None:
        for item in _checked_metadata(metadata):
            self._put(schema.METADATA, pack_metadata(item))

    def _put(self, chunk_type: bytes, body: bytes, image: int = 0) -> None:
        if len(body) > self._limits.max_chunk_bytes:
            raise LimitError(f"{len(body)} bytes for one chunk are over the limit of {self._limits.max_chunk_bytes}")
        self._queue.append(_Unit(chunk_type, image, 0, lambda _: body))

    def _put_coded(self, chunk_type: bytes, image: int, place: int, body: Callable[[int], bytes]) -> None:
        self._limits.check_images(image + (place if chunk_type == schema.GROUP else 1))
        self._queue.append(_Unit(chunk_type, image, place, body))
        self._coding += 1

    def _drain(self, keep: int) -> bytes:
        """The chunks that are due, all but the last ``keep`` that workers code."""
        if not self._may_leave:
            return b""  # nothing leaves before the first row, or the end
        output = bytearray()
        if self._offset == 0:
            output += pack_file_head()
        while self._queue:
            coded = self._queue[0].type in (schema.BAND, schema.GROUP)
            if coded and self._coding <= keep:
                break
            unit = self._queue.popleft()
            self._coding -= coded
            offset = self._offset + len(output)
            if coded:
                starts = unit.type == schema.GROUP or unit.place == 0
                self._kept.note(offset, unit.image if starts else None)
            if unit.type in INDEXED_TYPES:
                self._index.add(IndexEntry(unit.type, offset, unit.image, unit.place))
            output += frame_chunk(unit.type, unit.body(offset))
        self._offset += len(output)
        return bytes(output)


def _telling(code: Callable[[], CodedSamples], on_codebook: Callable[[Codebook], None]) -> CodedSamples:
    """Coded wide samples; of the built-in codebooks that their plans name ``on_codebook`` is told."""
    coded = code()
    if coded.model != RAW_MODEL:
        for number in sorted(registered_codebooks(coded.streams)):
            if (found := find_builtin(REGISTERED[number].id)) is not None:
                on_codebook(found)
    return coded


def without(rows: Samples, image_rows: int, places: Container[int]) -> Samples:
    """Images, one below the other, without those at some places."""
    images = rows.reshape(-1, image_rows, *rows.shape[1:])
    left = [number for number in range(len(images)) if number not in places]
    return np.ascontiguousarray(images[left]).reshape(-1, *rows.shape[1:])


def _codebooks(selections: Iterable[tuple[Selection, PixelFormat]]) -> list[Codebook]:
    """The codebooks that selections may need for images of formats, each once."""
    found = [one.codebook for one, pixel_format in selections if one.names_codebook(pixel_format)]
    return list({one.id: one for one in found if one is not None}.values())


def _picker(codebook: Codebook | None, coder: str | None) -> CodebookPicker:
    """The codebook, or for images that it has no model for one that is built in."""
    if codebook is not None and not isinstance(codebook, Codebook):
        raise UsageError(f"a codebook is what load_codebook gives, not {type(codebook).__name__}")

    def pick(pixel_format: PixelFormat) -> Codebook | None:
        if codebook is None or coder is not None or pixel_format.wide is not None or serves(codebook, pixel_format):
            return codebook
        return builtin_codebook(pixel_format)

    return pick


def _row_shape(header: ImageHeader) -> tuple[int, ...]:
    components = header.format.components
    return (header.width,) if components == 1 else (header.width, components)


def _checked_array(samples: Samples, shape: tuple[int | None, ...]) -> Samples:
    """``samples`` if it is an array of whole samples of this shape (None: any length)."""
    if not isinstance(samples, np.ndarray) or samples.dtype.name not in (*ARRAY_TYPES, *WIDE_TYPES):
        found = samples.dtype.name if isinstance(samples, np.ndarray) else type(samples).__name__
        raise UsageError(f"samples must be an array of {', '.join((*ARRAY_TYPES, *WIDE_TYPES))}, not {found}")
    fits = samples.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, samples.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("n" if length is None else str(length) for length in shape)
        raise UsageError(f"the array has shape {samples.shape}, not ({wanted})")
    return samples


def _converted(rows: Samples, samples: PixelFormat, first_row: int, image: int) -> Samples:
    """A copy in the format's array type. Raises UsageError naming the row where a sample is out of range."""
    if samples.wide is not None or rows.dtype.name not in ARRAY_TYPES:
        if rows.dtype.name != samples.dtype_name:
            raise UsageError(f"an image of {samples.dtype_name} has samples of {rows.dtype.name}")
        return np.array(rows, dtype=samples.dtype_name, order="C")
    if rows.dtype.kind == "b":
        outside = samples.high < 1 and bool(rows.any())
    else:
        limits = np.iinfo(rows.dtype)
        outside = (limits.min < samples.low and int(rows.min()) < samples.low) or (
            limits.max > samples.high and int(rows.max()) > samples.high
        )
    if outside:
        wide = rows.reshape(len(rows), -1).astype(np.int64)
        row = int(np.argmax(((wide < samples.low) | (wide > samples.high)).any(axis=1)))
        raise UsageError(
            f"row {first_row + row} of image {image} has a sample outside {samples.low} to {samples.high}: "
            f"the header's coded_bits is {samples.coded_bits}"
        )
    return np.array(rows, dtype=samples.dtype_name, order="C")


def _checked_metadata(metadata: Iterable[Metadata]) -> list[Metadata]:
    items = list(metadata)
    for item in items:
        if not isinstance(item, Metadata):
            raise UsageError(f"metadata is a list of Metadata, with {type(item).__name__} in it")
        if not 0 <= item.kind <= 127:
            raise UsageError(f"the kind of metadata must be 0 to 127, not {item.kind}")
        if not is_plain_text(item.key):
            raise UsageError(f"the key of metadata has control characters: {item.key!r}")
    return items
