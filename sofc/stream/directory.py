"""Where the images of a file stand, from its index or, where it has none, from the heads of its chunks."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from sofc.container import schema
from sofc.container.chunks import (
    CODEBOOK_TYPES,
    FILE_END_SIZE,
    FILE_HEAD_SIZE,
    INDEXED_TYPES,
    pack_file_end,
    unpack_file_end,
    unpack_file_head,
    unpack_index,
    unpack_place,
)
from sofc.container.records import IndexEntry
from sofc.container.walker import Chunk, ReadAt, frame_chunk, walk
from sofc.errors import FormatError, SofcError, TruncatedError, locate
from sofc.limits import Limits

_END_PREFIX = frame_chunk(schema.FILE_END, pack_file_end(0))[:2]


@dataclass
class Run:
    """What stands under one image head: the bands of one image, or groups of whole images.

    ``first`` is the number of the first image; ``places`` and ``offsets`` give for each band its first row,
    for each group the number of its first image, and where its chunk stands.
    """

    first: int
    head_offset: int
    is_group: bool
    images: int = 0
    places: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def holding(self, place: int) -> int:
        """Number of the band or group that holds a row or an image."""
        return bisect_right(self.places, place) - 1


@dataclass
class Directory:
    """The places of a file's chunks. ``complete``: whether the end of the file was there."""

    version: tuple[int, int]
    runs: list[Run]
    codebook_offsets: list[int]
    indexed: bool
    complete: bool

    @cached_property
    def images(self) -> int:
        """Images in the file."""
        return self.runs[-1].first + self.runs[-1].images if self.runs else 0

    @cached_property
    def _offsets(self) -> list[int]:
        """Where all bands and groups begin."""
        return [offset for run in self.runs for offset in run.offsets]

    @cached_property
    def _first_images(self) -> list[int]:
        return [run.first for run in self.runs]

    def steps_between(self, first: int, last: int) -> int:
        """Steps from a band or group to the next, from the one that begins at ``first`` to that at ``last``."""
        return bisect_right(self._offsets, last) - bisect_right(self._offsets, first)

    def run_of(self, image: int) -> Run:
        """The run that holds an image."""
        return self.runs[bisect_right(self._first_images, image) - 1]


def read_directory(read: ReadAt, size: int, limits: Limits) -> Directory:
    """The directory of a file of ``size`` bytes. Raises FormatError, UnsupportedError or LimitError."""
    version = unpack_file_head(read(0, FILE_HEAD_SIZE))
    entries = _read_index(read, size, limits)
    indexed, complete = entries is not None, True
    if entries is None:
        entries, complete = _scan(read, limits)
    if complete:
        _check_heads(entries)
    codebooks = [entry.offset for entry in entries if entry.type in CODEBOOK_TYPES]
    return Directory(version, _runs(entries, limits), codebooks, indexed, complete)


def read_chunk(read: ReadAt, offset: int, limits: Limits) -> Chunk:
    """The chunk at ``offset``. Raises TruncatedError, FormatError or LimitError."""
    try:
        for chunk in walk(read, offset, limits.max_chunk_bytes):
            return chunk
        raise TruncatedError("the file is cut off inside a chunk")
    except SofcError as error:
        raise locate(error, offset) from None


def _read_index(read: ReadAt, size: int, limits: Limits) -> list[IndexEntry] | None:
    """The index that the last bytes of the file lead to, None where they do not."""
    if size < FILE_HEAD_SIZE + FILE_END_SIZE:
        return None
    if read(size - FILE_END_SIZE, len(_END_PREFIX)) != _END_PREFIX:
        return None
    try:
        index_size = unpack_file_end(read_chunk(read, size - FILE_END_SIZE, limits).body)
    except FormatError:
        return None
    if index_size == 0:
        return None
    offset = size - FILE_END_SIZE - index_size
    if offset < FILE_HEAD_SIZE:
        raise FormatError("the index is said to be longer than the file", chunk="Z")
    index = read_chunk(read, offset, limits)
    if index.type != schema.INDEX or index.size != index_size:
        raise FormatError("there is no index where the end of the file says", offset=offset)
    entries = unpack_index(index.body)
    if entries and entries[-1].offset >= offset:
        raise FormatError("the index leads beyond itself", chunk="i", offset=offset)
    return entries


def _scan(read: ReadAt, limits: Limits) -> tuple[list[IndexEntry], bool]:
    """Entries as the index would have them, and whether the end of the file is there. Bodies are skipped."""
    entries: list[IndexEntry] = []
    reached = FILE_HEAD_SIZE
    heads = walk(read, reached, limits.max_chunk_bytes, part=lambda _: schema.PLACE_PREFIX_MAX_SIZE)
    try:
        for kind, body, offset, size in heads:
            if kind in (schema.BAND, schema.GROUP):
                entries.append(IndexEntry(kind, offset, *unpack_place(body)))
            elif kind in INDEXED_TYPES:
                entries.append(IndexEntry(kind, offset, 0, 0))
            elif kind == schema.FILE_END:
                return entries, True
            reached = offset + size
    except SofcError as error:
        raise locate(error, reached) from None
    return entries, False


def _check_heads(entries: list[IndexEntry]) -> None:
    """Raise FormatError where no samples follow a head: they stand in a chunk whose type is damaged."""
    head: IndexEntry | None = None
    for entry in (*(entry for entry in entries if entry.type not in CODEBOOK_TYPES), None):
        if head is not None and (entry is None or entry.type == schema.IMAGE_HEAD):
            raise FormatError("no samples follow an image head", offset=head.offset)
        head = entry if entry is not None and entry.type == schema.IMAGE_HEAD else None


def _runs(entries: list[IndexEntry], limits: Limits) -> list[Run]:
    runs: list[Run] = []
    head_offset = 0
    images = 0
    for entry in entries:
        if entry.type == schema.IMAGE_HEAD:
            head_offset = entry.offset
        elif entry.type in (schema.BAND, schema.GROUP):
            is_group = entry.type == schema.GROUP
            if head_offset == 0:
                raise FormatError("samples stand before an image head", offset=entry.offset)
            if not runs or runs[-1].head_offset != head_offset:
                runs.append(Run(images, head_offset, is_group))
            run = runs[-1]
            begins = entry.image == images and (is_group or entry.place == 0) and (is_group or not run.offsets)
            goes_on = not is_group and bool(run.places) and entry.image == run.first and entry.place > run.places[-1]
            if run.is_group != is_group or not (begins or goes_on) or (is_group and entry.place < 1):
                raise FormatError("the images or rows of the file are not in order", offset=entry.offset)
            run.places.append(entry.image if is_group else entry.place)
            run.offsets.append(entry.offset)
            added = entry.place if is_group else int(begins)
            run.images += added
            images += added
            limits.check_images(images)
    return runs
