"""Rows in, bytes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, repeat

import numpy as np

from sofc.band.candidates import serves
from sofc.band.coding import Samples, sample_bytes
from sofc.band.likeness import Likeness
from sofc.band.predicted import Extent
from sofc.band.selection import Selection
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.container import schema
from sofc.container.chunks import pack_band, pack_group, pack_image_end
from sofc.container.records import CodedBand, CodedGroup, ImageEnd, Metadata, keeps_whole_file
from sofc.errors import LimitError, UsageError
from sofc.image import MAX_DIMENSION, ImageHeader, PixelFormat
from sofc.jpeg.known import Known, read_known
from sofc.limits import Limits
from sofc.stream.arguments import checked_array, checked_metadata, converted, row_shape
from sofc.stream.band_encoding import BandEncoding, Uncoded
from sofc.stream.chunk_queue import ChunkQueue
from sofc.stream.copies import Key, pays_to_copy
from sofc.stream.costs import Account
from sofc.stream.heads import Heads
from sofc.stream.kept_images import KeptImages
from sofc.stream.pending import PendingImage
from sofc.stream.pending_group import PendingGroup
from sofc.stream.predicting import Predicting
from sofc.stream.states import CALL_ORDER, Sticky, WriteState
from sofc.stream.values import Values
from sofc.stream.workers import Workers

CodebookPicker = Callable[[PixelFormat], Codebook | None]


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
    bands; None: of those in several, as the samples of one band are compared with its CRC-32. ``limits``: those of the
    decoders that are to read the file. ``on_codebook`` is called with each codebook that the file names or holds, more
    than once and from other threads where bands of wide samples name it.
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
        digest: bool | None = None,
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
        self._coder = coder
        self._effort = effort
        self._wanted_band_rows = band_rows
        self._key_interval = key_interval
        self._with_digest = digest
        self._limits = limits or Limits()
        self._workers = Workers(threads)
        self._state = WriteState.IDLE
        self._chunks = ChunkQueue(self._limits)
        self._heads = Heads(self._chunks, embed=embed_codebook, on_codebook=on_codebook)
        self._kept = KeptImages(self._limits.max_band_samples)
        self._predicting = Predicting(self._kept, verify=verify)
        self._encoding = BandEncoding(
            self._heads, self._kept, self._predicting, self._workers, verify=verify, on_codebook=on_codebook
        )
        self._image = 0  # number of the current image, or of the next
        self._begun: PendingImage | None = None
        self._group = PendingGroup()
        if isinstance(codebook, Codebook):
            self._heads.put_codebook(codebook)
        items = checked_metadata(metadata)
        self._may_lack_images = keeps_whole_file(items, with_codebook=self._heads.have_codebook)
        self._heads.put_metadata(items)
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
        return self._image + len(self._group)

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
            rows = checked_array(rows, (None, *row_shape(image.header)))
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

        They are coded together in groups of about 2**20 samples (9 * 2**14 of those that a JPEG decoder made, but for
        one now and then that others go on from), however they are cut into calls. The header's height must be known.
        ``jpegs``: of each image the JPEG data that it was decoded from, None where that is not at
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
            images = checked_array(images, (None, header.height, *row_shape(header)))
            output = bytearray()
            for image, jpeg in zip(images, chain(jpegs, repeat(None)), strict=False):
                self._take_whole(converted(image, header.format, 0, self.images_written), jpeg)
                output += self._drain(self._workers.threads - 1)
            return bytes(output)

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
            elif not self._may_lack_images:
                raise UsageError("the file has no image")
            output = self._chunks.end()
            self._state = WriteState.DONE
            self._workers.close()
            return output

    def _drain(self, keep: int) -> bytes:
        """The chunks that are due, all but the last ``keep`` that workers code; none before the first row."""
        return self._chunks.drain(keep) if self._heads.have_image else b""

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
            checked_metadata(metadata),
            Selection(self._pick(header.format), self._coder, self._effort, self._pick),
            self._limits,
            band_rows=self._wanted_band_rows,
            key_interval=self._key_interval,
            jpeg=jpeg,
            is_held=bool(self._kept) and self._kept.takes(header),
        )
        self._state = WriteState.HEAD

    def _take_rows(self, rows: Samples) -> None:
        """Take rows, at most as many as fill up the buffer."""
        image = self._current
        self._limits.check_header(image.header, rows=image.rows_written + len(rows))
        image.put(converted(rows, image.header.format, image.rows_written, self._image))
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
            likeness = account = sure = None
            if self._kept.takes(image.header) and image.next_band == 0:
                likeness = self._kept.find(image.header, image.whole())
                account = self._account_with(likeness, image.buffered)
                if account is not None:
                    sure = self._predicting.if_sure(likeness, image.whole(), image.header, self._image)
            if sure is not None or image.is_one_small_whole:
                known = image.known_of(image.buffered)
                samples = image.pop(image.buffered)
                if likeness is not None and account is not None:
                    self._group.add_like(samples, likeness, account)
                else:
                    self._group.add(samples, was_asked=False)
                    if self._kept.takes(image.header):
                        self._kept.keep(self._image, image.header, samples)
                self._put_group(known, is_last=True)
            else:
                self._put_bands(everything=True, is_end=True, likenesses={} if likeness is None else {0: likeness})
                self._kept.keep_bands(self._image, image.header)
                has_digest = image.bands > 1 if self._with_digest is None else self._with_digest
                end = ImageEnd(image.rows_written, image.digest if has_digest else b"")
                self._chunks.put(schema.IMAGE_END, pack_image_end(end), self._image)
                self._image += 1
            self._state = WriteState.ENDED

    # Bands and groups.

    def _put_bands(
        self, *, everything: bool, is_end: bool = False, likenesses: Mapping[int, Likeness] | None = None
    ) -> None:
        """Cut off bands. ``everything``: no rows are kept back. ``is_end``: none will follow."""
        image = self._begun
        if image is None:
            return
        while image.buffered and image.band_is_due:
            self._put_band(image.band_rows, likenesses or {}, is_last=is_end and image.buffered == image.band_rows)
        if everything and image.buffered:
            self._put_band(image.buffered, likenesses or {}, is_last=is_end)

    def _put_band(self, count: int, likenesses: Mapping[int, Likeness], *, is_last: bool) -> None:
        image, number, first_row = self._current, self._image, self._current.next_band
        known = image.known_of(count)
        is_alone = is_last and first_row == 0
        rows = image.cut_band(count, digest=not is_alone if self._with_digest is None else self._with_digest)
        self._kept.take_band(image.header, first_row, rows)
        extent = Extent(image.header, number, 1, range(first_row, first_row + count))
        coding = self._encoding.coding_of(image, Uncoded(rows, extent, False, is_last, likenesses, known=known))

        def body(offset: int) -> bytes:
            self._kept.note(offset, number if first_row == 0 else None)
            return pack_band(CodedBand(**vars(coding(offset)), image=number, first_row=first_row, rows=count))

        self._chunks.put_coded(schema.BAND, number, first_row, body)

    def _put_group(self, known: Known | None = None, *, is_last: bool = False) -> None:
        group, self._group = self._group, PendingGroup()
        if not group.images:
            return
        image, first, count = self._current, self._image, len(group)
        extent = Extent(image.header, first, count, range(len(group.images[0])))
        rows = np.concatenate(group.images)
        were_asked = group.were_asked and not group.origins and count > 1
        origins = group.origins
        if is_last and count == 1 and not image.has_head:
            # The only image has the bytes that ``write`` gives it, which looks for more than its origin.
            origins, known = [], known or group.known
        uncoded = Uncoded(rows, extent, True, is_last, group.likenesses, origins, known, were_asked)
        coding = self._encoding.coding_of(image, uncoded)
        self._kept.release()

        def body(offset: int) -> bytes:
            self._kept.note(offset, first)
            return pack_group(CodedGroup(**vars(coding(offset)), image=first, images=count))

        self._chunks.put_coded(schema.GROUP, first, count, body)
        self._image += count

    def _take_whole(self, image: Samples, jpeg: bytes | None) -> None:
        """Take an image into the group. ``jpeg``: the data that it was decoded from, if that is at hand."""
        header, group = self._current.header, self._group
        self._state = WriteState.GROUPS
        likeness = self._likeness_of(image, jpeg)
        account = self._account_with(likeness, len(image))
        if likeness is not None and account is None:
            self._put_group()
            group = self._group
            account = self._account_with(likeness, len(image))
        if likeness is not None and account is not None:
            group.add_like(image, likeness, account)
            self._kept.hold(likeness.placing.reference)
            if len(group) >= self._current.most_images(traced=bool(group.origins)):
                self._put_group()
            return
        values = Values.of(image, header.format)
        if group.loses_with(values):
            self._put_group()
            group = self._group
        origin = self._current.origin_of(image, jpeg, begins_group=not group.images)
        key = Key(True, header, len(image), sample_bytes(image, header.format))
        is_copy = (key == group.alone or self._encoding.was_coded(key)) and pays_to_copy(image)
        if group.images and (is_copy or (origin is None) == bool(group.origins)):
            self._put_group()
        if not is_copy and self._kept.takes(header):
            self._kept.keep(self.images_written, header, image)
        known = None if jpeg is None or group.images else read_known(jpeg)
        self._group.add(image, origin, key, known=known, values=values)
        if is_copy or self._group.coded_alone >= self._current.group_images(image, traced=origin is not None):
            self._put_group()

    def _account_with(self, likeness: Likeness | None, rows: int) -> Account | None:
        """What the group costs with one more image of so many rows; None where it has no likeness, or that is too
        much."""
        if likeness is None:
            return None
        extent = Extent(self._current.header, self._image, len(self._group) + 1, range(rows))
        return self._kept.account_of(extent, likeness, self._group.account)

    def _likeness_of(self, image: Samples, jpeg: bytes | None) -> Likeness | None:
        """How the next whole image follows from an earlier one, where it is to be predicted from that."""
        header = self._current.header
        if not self._kept.takes(header):
            return None
        choose = self._predicting.if_sure if self._group.origins or jpeg else self._predicting.if_likely
        return choose(self._kept.find(header, image), image, header, self.images_written)


def _picker(codebook: Codebook | None, coder: str | None) -> CodebookPicker:
    """The codebook, or for images that it has no model for one that is built in."""
    if codebook is not None and not isinstance(codebook, Codebook):
        raise UsageError(f"a codebook is what load_codebook gives, not {type(codebook).__name__}")

    def pick(pixel_format: PixelFormat) -> Codebook | None:
        if codebook is None or coder is not None or pixel_format.wide is not None or serves(codebook, pixel_format):
            return codebook
        return builtin_codebook(pixel_format)

    return pick
