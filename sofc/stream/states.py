"""Which chunk may follow which, and which call; and how an object stays in error.

The order of chunks in a file, as a table: ``CHUNK_ORDER[state][type]`` is the next state. Ancillary chunks
that are not in it may stand anywhere before the index and change nothing.

    head -> PROLOGUE -C,R,K,m-> PROLOGUE -H-> HEAD -B-> BANDS -B-> BANDS -E-> BETWEEN -H-> HEAD
                                              HEAD -G-> GROUPS -G-> GROUPS -H-> HEAD
    BETWEEN, GROUPS -C,R,K-> PROLOGUE
    BETWEEN, GROUPS -i-> INDEXED -Z-> DONE;  BETWEEN, GROUPS -Z-> DONE

A file without images that keeps another one whole: head -> PROLOGUE -m-> PROLOGUE -Z-> DONE. Whether it is such a file
is checked where ``Z`` is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from sofc.container import schema
from sofc.container.chunks import CODEBOOK_TYPES


class FileState(Enum):
    """What a decoder has read last."""

    START = "START"
    PROLOGUE = "PROLOGUE"
    HEAD = "HEAD"
    BANDS = "BANDS"
    GROUPS = "GROUPS"
    BETWEEN = "BETWEEN"
    INDEXED = "INDEXED"
    DONE = "DONE"


_CODEBOOKS = dict.fromkeys(CODEBOOK_TYPES, FileState.PROLOGUE)
CHUNK_ORDER: dict[FileState, dict[bytes, FileState]] = {
    FileState.START: {},
    FileState.PROLOGUE: {
        **_CODEBOOKS,
        schema.METADATA: FileState.PROLOGUE,
        schema.IMAGE_HEAD: FileState.HEAD,
        schema.FILE_END: FileState.DONE,
    },
    FileState.HEAD: {
        schema.METADATA: FileState.HEAD,
        schema.BAND: FileState.BANDS,
        schema.GROUP: FileState.GROUPS,
    },
    FileState.BANDS: {
        schema.METADATA: FileState.BANDS,
        schema.BAND: FileState.BANDS,
        schema.IMAGE_END: FileState.BETWEEN,
    },
    FileState.GROUPS: {
        **_CODEBOOKS,
        schema.METADATA: FileState.GROUPS,
        schema.GROUP: FileState.GROUPS,
        schema.IMAGE_HEAD: FileState.HEAD,
        schema.INDEX: FileState.INDEXED,
        schema.FILE_END: FileState.DONE,
    },
    FileState.BETWEEN: {
        **_CODEBOOKS,
        schema.METADATA: FileState.BETWEEN,
        schema.IMAGE_HEAD: FileState.HEAD,
        schema.INDEX: FileState.INDEXED,
        schema.FILE_END: FileState.DONE,
    },
    FileState.INDEXED: {schema.FILE_END: FileState.DONE},
    FileState.DONE: {},
}
KNOWN_TYPES = frozenset(chunk_type for following in CHUNK_ORDER.values() for chunk_type in following)


class WriteState(Enum):
    """What an encoder is in the middle of. ``CALL_ORDER[state]`` has the calls that it takes."""

    IDLE = "IDLE"  # no image has begun
    HEAD = "HEAD"  # an image has begun, nothing is written yet
    ROWS = "ROWS"  # rows of one image
    GROUPS = "GROUPS"  # whole images
    ENDED = "ENDED"  # all rows of an image of known height are written
    DONE = "DONE"


CALL_ORDER: dict[WriteState, frozenset[str]] = {
    WriteState.IDLE: frozenset({"begin_image", "flush"}),
    WriteState.HEAD: frozenset({"write", "write_group", "flush"}),
    WriteState.ROWS: frozenset({"write", "begin_image", "flush", "finish"}),
    WriteState.GROUPS: frozenset({"write_group", "begin_image", "flush", "finish"}),
    WriteState.ENDED: frozenset({"write", "begin_image", "flush", "finish"}),
    WriteState.DONE: frozenset(),
}


class Sticky:
    """Remembers the first exception that leaves a guarded block: every later one raises it again."""

    _failure: Exception | None = None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        try:
            yield
        except Exception as error:
            self._failure = error
            raise
