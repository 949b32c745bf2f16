"""Bytes in, events out."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from sofc.band.coding import Samples, sample_bytes
from sofc.codebook import Codebook
from sofc.codebook.builtin import find_builtin
from sofc.codebook.model import REFERENCE_SIZE
from sofc.container import schema
from sofc.container.chunks import DIGEST_SIZE, FILE_HEAD_SIZE, check_signature, unpack_file_head
from sofc.container.records import CodebookReference, CodedBand
from sofc.errors import (
    ChecksumError,
    CodebookError,
    FormatError,
    LimitError,
    SofcError,
    TruncatedError,
    UsageError,
    locate,
)
from sofc.image import Band, ImageHeader
from sofc.limits import Limits
from sofc.stream.band_decoding import BandDecoder
from sofc.stream.codebooks import Codebooks, ask, checked
from sofc.stream.copies import Earlier
from sofc.stream.events import (
    NEED_DATA,
    BandReady,
    CodebookWanted,
    DamagedBand,
    Event,
    FileEnded,
    FileStart,
    GroupReady,
    HeaderReady,
    ImageEnded,
    NeedData,
)
from sofc.stream.framing import ChunkReader
from sofc.stream.placed import Placed
from sofc.stream.states import FileState, Sticky
from sofc.stream.structure import (
    EmbeddedCodebook,
    EndToCheck,
    FileStructure,
    Item,
    SamplesToDecode,
)

_MAX_CHUNKS_AHEAD = 8


def _raise(error: SofcError) -> NoReturn:
    raise error


@dataclass
class _Slot:
    """A codebook of the file."""

    reference: CodebookReference | None = None  # None where the file holds it
    codebook: Codebook | None = None
    error: CodebookError | None = None


class Decoder(Sticky):
    """Turns the bytes of a file into events, with no I/O.

    ``feed`` bytes as they come and take events with ``next_event`` or ``events``; after the last bytes call
    ``finish``. Events depend on the bytes, not on how they were cut nor on ``threads``. Memory: one chunk and
    one band (or group) for each thread, the coded bands of the last ``copies.WINDOW`` bytes, and some images of these
    that others are predicted from.
    Every sample given out matches its check. Any bytes give events or a SofcError, within ``limits``; after an error
    every call raises it again. Use an object from one thread at a time.

    ``codebooks`` answers references (see ``Codebooks``), built-in codebooks are known; what else is referred to is
    asked for by a CodebookWanted event. A codebook that is missing is an error only when samples need it.
    ``salvage``: report damaged parts as DamagedBand events and go on; what was wrong is listed in ``damage``.
    """

    def __init__(
        self,
        *,
        codebooks: Codebooks | None = None,
        limits: Limits | None = None,
        threads: int = 1,
        salvage: bool = False,
    ) -> None:
        self._limits = limits or Limits()
        self._codebooks = codebooks
        self._salvage = salvage
        self._earlier = Earlier(self._limits)
        self._band_decoder = BandDecoder(self.codebook, threads, self._earlier)
        self._reader = ChunkReader(self._limits.max_chunk_bytes, salvage=salvage)
        self._structure: FileStructure | None = None
        self._structure_closed = False
        self._slots: list[_Slot] = []
        self._digest = hashlib.sha256()
        self._jobs: deque[Callable[[], Iterator[Event]]] = deque()
        self._decoding = 0  # jobs in the queue that workers do
        self._asked = False  # a codebook is asked for: what comes next waits for the answer
        self._broken: SofcError | None = None  # to be raised when the jobs before it are done
        self._events: deque[Event] = deque()
        self._closed = False
        self._unused = bytearray()
        self._eof = False
        self._needs_input = True
        self._header: ImageHeader | None = None
        self._rows_decoded = 0
        self._damage: list[SofcError] = []

    @property
    def eof(self) -> bool:
        """Whether the end of the file was reached and reported."""
        return self._eof

    @property
    def needs_input(self) -> bool:
        """Whether there is no event until more bytes are fed."""
        return self._needs_input and not self._eof

    @property
    def unused_data(self) -> bytes:
        """Bytes after the file's end."""
        return bytes(self._unused)

    @property
    def header(self) -> ImageHeader | None:
        """The image of the last HeaderReady."""
        return self._header

    @property
    def rows_decoded(self) -> int:
        """Rows of the current image given out so far."""
        return self._rows_decoded

    @property
    def damage(self) -> list[SofcError]:
        """With ``salvage``: everything that was wrong so far."""
        return self._damage + (self._structure.damage if self._structure else [])

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Store bytes. Raises UsageError after ``finish``."""
        with self._guarded():
            if self._closed and not self._eof:
                raise UsageError("feed is not possible after finish")
            if self._eof:
                self._unused += data
            else:
                self._reader.feed(data)
            if len(data):
                self._needs_input = False

    def events(self) -> Iterator[Event]:
        """The events until more bytes are needed or the file ends."""
        while (event := self.next_event()) is not NEED_DATA:
            yield event

    def next_event(self) -> Event | NeedData:
        """The next event, or NEED_DATA.

        Raises NotSofcError, FormatError, ChecksumError, UnsupportedError, CodebookError, LimitError; after
        ``finish`` TruncatedError in place of NEED_DATA where the file is not complete.
        """
        with self._guarded():
            while not self._events:
                self._read_ahead()
                if self._jobs:
                    self._events.extend(self._jobs.popleft()())
                elif self._broken is not None:
                    raise self._broken
                elif self._closed and not self._eof:
                    raise TruncatedError("the file is cut off", offset=self._reader.offset + len(self._reader.rest))
                else:
                    self._needs_input = True
                    return NEED_DATA
            return self._events.popleft()

    def supply(self, codebook: Codebook) -> None:
        """Answer CodebookWanted. Raises CodebookError where the file does not refer to this codebook."""
        with self._guarded():
            part = codebook.id[:REFERENCE_SIZE]
            wanted = {slot.reference.id.hex() for slot in self._slots if slot.reference is not None}
            if part.hex() not in wanted:
                raise CodebookError(
                    f"codebook {codebook.name!r} has id {part.hex()}; the file wants {' or '.join(wanted) or 'none'}",
                    codebook_id=codebook.id,
                )
            for slot in self._slots:
                if slot.reference is not None and slot.reference.id == part:
                    slot.codebook = codebook

    def finish(self) -> None:
        """Say that no more bytes come. Raises TruncatedError where the file is not complete.

        Events that were not taken yet, and with ``salvage`` those that only the end of the bytes makes certain,
        still come from ``next_event``, which raises the TruncatedError after them.
        """
        with self._guarded():
            if not self._closed:
                self._closed = True
                self._reader.close()
        if not self._events and not self._eof:
            event = self.next_event()
            if not isinstance(event, NeedData):
                self._events.appendleft(event)

    # From bytes to jobs.

    def _read_ahead(self) -> None:
        """Begin the work on the next chunks, as many as there are threads."""
        threads = self._band_decoder.threads
        while self._decoding < threads and len(self._jobs) < _MAX_CHUNKS_AHEAD * threads:
            if self._eof or self._broken is not None or (self._asked and self._jobs):
                return
            self._asked = False
            try:
                if not self._read_chunk():
                    return
            except SofcError as error:
                self._broken = error

    def _read_chunk(self) -> bool:
        """Queue the jobs of the next chunk; False where there is none yet."""
        if self._structure is None:
            return self._read_head()
        if self._structure.state is FileState.DONE:
            return False
        chunk = self._reader.next_chunk()
        items = self._structure.accept(chunk) if chunk is not None else iter(())
        if chunk is None and self._closed and not self._structure_closed:
            self._structure_closed = True
            items = self._structure.end_of_input()
        queued = len(self._jobs)
        for item in items:
            self._queue(item)
        return chunk is not None or len(self._jobs) > queued

    def _read_head(self) -> bool:
        head = self._reader.peek(FILE_HEAD_SIZE)
        check_signature(head)
        if len(head) < FILE_HEAD_SIZE:
            return False
        version = unpack_file_head(head)
        self._reader.skip(FILE_HEAD_SIZE)
        self._structure = FileStructure(self._limits, salvage=self._salvage)
        self._jobs.append(partial(self._report, FileStart(version)))
        return True

    def _queue(self, item: Item) -> None:
        if isinstance(item, SamplesToDecode):
            decode = self._begin_decoding(item)
            self._decoding += 1
            self._jobs.append(partial(self._finish_decoding, item, decode))
        elif isinstance(item, EndToCheck):
            self._jobs.append(partial(self._end_image, item))
        elif isinstance(item, EmbeddedCodebook):
            self._take_codebook(item)
        elif isinstance(item, CodebookReference):
            self._look_up(item)
        else:
            self._jobs.append(partial(self._report, item))

    def _report(self, event: Event) -> Iterator[Event]:
        """An event as it stands, and what it changes in this object."""
        if isinstance(event, HeaderReady):
            self._header = event.header
            self._rows_decoded = 0
            self._digest = hashlib.sha256()
        elif isinstance(event, FileEnded):
            self._eof = True
            self._unused += self._reader.rest
            self._band_decoder.close()
        yield event

    # Samples.

    def _begin_decoding(self, item: SamplesToDecode) -> Callable[[], Samples]:
        """Begin to decode a band or group; what comes back gives the samples, or raises what is wrong."""
        try:
            coded = self._earlier.resolved(Placed(item.image.head, item.coded, item.offset))
            return self._band_decoder.submit(Placed(item.image.head, coded, item.offset))
        except (FormatError, LimitError) as error:
            return partial(_raise, locate(error, item.offset))

    def _finish_decoding(self, item: SamplesToDecode, decode: Callable[[], Samples]) -> Iterator[Event]:
        self._decoding -= 1
        coded = item.coded
        try:
            samples = decode()
        except SofcError as error:
            if not self._salvage:
                raise
            self._damage.append(error)
            item.image.damaged = True
            if isinstance(coded, CodedBand):
                yield DamagedBand(coded.image, coded.first_row, coded.rows, error)
            else:
                yield DamagedBand(coded.image, 0, None, error, coded.images)
            return
        if isinstance(coded, CodedBand):
            if not self._comes_without_digest(item):
                self._digest.update(sample_bytes(samples, item.image.head.header.format))
            self._rows_decoded = coded.end
            yield BandReady(Band(coded.image, coded.first_row, samples))
        else:
            yield GroupReady(coded.image, samples)

    def _comes_without_digest(self, item: SamplesToDecode) -> bool:
        """Whether it is certain that the image ends with this band and has no digest, which takes long to compute."""
        if self._salvage:
            return False
        if item.image.end is not None:
            return not item.image.end.digest
        head = self._reader.next_head()
        return head is not None and head.type == schema.IMAGE_END and head.crc - head.body < DIGEST_SIZE

    def _end_image(self, item: EndToCheck) -> Iterator[Event]:
        digest = item.end.digest
        if digest and not item.image.damaged and self._digest.digest() != digest:
            error = locate(ChecksumError("the samples of the image do not match their SHA-256", chunk="E"), item.offset)
            if not self._salvage:
                raise error
            self._damage.append(error)
            digest = b""
        yield ImageEnded(item.image.number, item.end.height, b"" if item.image.damaged else digest)

    # Codebooks.

    def _take_codebook(self, item: EmbeddedCodebook) -> None:
        slot = _Slot()
        try:
            slot.codebook = Codebook.from_bytes(item.data, limits=self._limits)
        except SofcError as error:
            locate(error, item.offset)
            if not self._salvage:
                raise
            self._damage.append(error)
        self._slots.append(slot)

    def _look_up(self, reference: CodebookReference) -> None:
        slot = _Slot(reference)
        self._slots.append(slot)
        try:
            found = ask(self._codebooks, reference)
        except CodebookError as error:
            slot.error, found = error, None
        found = found or find_builtin(reference.id)
        if found is None:
            self._asked = True
            self._jobs.append(partial(self._report, CodebookWanted(reference)))
        else:
            slot.codebook = checked(found, reference)

    def codebook(self, number: int) -> Codebook | None:
        """The codebook of the file that has this number, from 1, None where no such chunk came yet.

        Raises CodebookError where it is only referred to and was not given.
        """
        if not 1 <= number <= len(self._slots):
            return None
        slot = self._slots[number - 1]
        if slot.codebook is None and slot.reference is not None:
            raise slot.error or CodebookError(
                f"codebook {slot.reference.name!r} with id {slot.reference.id.hex()} is needed and was not given",
                codebook_id=slot.reference.id,
            )
        return slot.codebook
