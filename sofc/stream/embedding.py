"""A file that refers to codebooks as one that holds them: its samples are not coded anew."""

from __future__ import annotations

from collections.abc import Callable

from sofc.codebook import Codebook
from sofc.container import schema
from sofc.container.chunks import (
    FILE_HEAD_SIZE,
    INDEXED_TYPES,
    IndexBuilder,
    pack_file_end,
    unpack_file_head,
    unpack_place,
    unpack_reference,
)
from sofc.container.records import CodebookReference, IndexEntry
from sofc.container.walker import bytes_of, frame_chunk, walk
from sofc.errors import CodebookError, TruncatedError
from sofc.limits import Limits


def with_codebooks(
    data: bytes, find: Callable[[CodebookReference], Codebook | None], limits: Limits | None = None
) -> bytes | None:
    """The file with its codebooks inside, but for those that are built in.

    None where one is named behind samples: what follows it may say how far those are behind, which would be another
    distance. Raises CodebookError where ``find`` does not have one, and FormatError, LimitError as decoders do.
    """
    limits = limits or Limits()
    unpack_file_head(data[:FILE_HEAD_SIZE])
    made, index = bytearray(data[:FILE_HEAD_SIZE]), IndexBuilder()
    images = 0
    for kind, body, _, _ in walk(bytes_of(data), FILE_HEAD_SIZE, limits.max_chunk_bytes):
        if kind == schema.INDEX:
            continue
        if kind == schema.FILE_END:
            ending = frame_chunk(schema.INDEX, index.body()) if index.bands > 1 else b""
            return bytes(made + ending + frame_chunk(schema.FILE_END, pack_file_end(len(ending))))
        image, place = images if kind == schema.IMAGE_HEAD else 0, 0
        if kind == schema.CODEBOOK_REFERENCE:
            reference = unpack_reference(kind, body)
            if index.bands:
                return None
            if (codebook := find(reference)) is None:
                raise CodebookError(f"codebook {reference.id.hex()} is missing", codebook_id=reference.id)
            kind, body = schema.EMBEDDED_CODEBOOK, codebook.to_bytes()
        elif kind in (schema.BAND, schema.GROUP):
            image, place = unpack_place(body[: schema.PLACE_PREFIX_MAX_SIZE])
            images = image + (place if kind == schema.GROUP else 1)
        if kind in INDEXED_TYPES:
            index.add(IndexEntry(kind, len(made), image, place))
        made += frame_chunk(kind, body)
    raise TruncatedError("the file is cut off", offset=len(data))
