"""What the first bytes of a file say."""

from __future__ import annotations

from dataclasses import dataclass

from sofc.codebook import Codebook
from sofc.container import schema
from sofc.container.chunks import (
    FILE_HEAD_SIZE,
    REFERENCE_TYPES,
    check_signature,
    unpack_file_head,
    unpack_image_head,
    unpack_reference,
)
from sofc.container.records import CodebookReference
from sofc.container.walker import bytes_of, is_ancillary, walk
from sofc.errors import FormatError
from sofc.image import ImageHeader
from sofc.limits import Limits

Bytes = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Info:
    """What the first bytes of a file say. ``codebook`` is the one that the first image names, None if none."""

    version: tuple[int, int]
    header: ImageHeader
    codebook: CodebookReference | None
    embedded: bool


def is_sofc(prefix: Bytes, /) -> bool:
    """Whether a file that begins with these bytes (at least 8) is an image file of sofc."""
    return bytes(prefix[: len(schema.SIGNATURE)]) == schema.SIGNATURE


def probe(prefix: Bytes, /, *, limits: Limits | None = None) -> Info | None:
    """What a file's first bytes say about its first image; None while more bytes are needed. Decodes nothing.

    Raises NotSofcError, FormatError, UnsupportedError or LimitError.
    """
    limits = limits or Limits()
    data = bytes(prefix)
    check_signature(data)
    if len(data) < FILE_HEAD_SIZE:
        return None
    version = unpack_file_head(data[:FILE_HEAD_SIZE])
    codebooks: list[tuple[CodebookReference, bool]] = []
    for kind, body, _, _ in walk(bytes_of(data), FILE_HEAD_SIZE, limits.max_chunk_bytes):
        if kind in REFERENCE_TYPES:
            codebooks.append((unpack_reference(kind, body), False))
        elif kind == schema.EMBEDDED_CODEBOOK:
            codebooks.append((Codebook.from_bytes(body, limits=limits).reference, True))
        elif kind == schema.IMAGE_HEAD:
            image = unpack_image_head(body)
            if image.codebook > len(codebooks):
                raise FormatError(f"the image names codebook {image.codebook} of {len(codebooks)}", chunk="H")
            reference, embedded = codebooks[image.codebook - 1] if image.codebook else (None, False)
            return Info(version, image.header, reference, embedded)
        elif kind == schema.FILE_END:
            raise FormatError("the file has no images of its own", chunk="Z")
        elif not is_ancillary(kind):
            raise FormatError("the chunk stands before the first image head", chunk=kind.decode())
    return None
