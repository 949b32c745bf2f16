"""The records that chunks carry, as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from sofc.image import ImageHeader

MAX_NAME_BYTES = 64
RAW_MODEL = 0
COPY_MODEL = 4
"""In place of a model: samples that stood in the file before."""
LIKENESS_MODEL = 5
"""In place of a model: samples that are predicted from earlier images of the file."""
ARRANGED = 3
"""The mapping of bands that hold the image that their samples were made from."""
FIRST_CODEBOOK_MODEL = 64
"""Numbers of models from this on are counted from it in the image's codebook; those before it need none."""

_WHOLE, _ALONE, _APART = b"\x00", b"\x02", b"\x03"
"""The first byte of an original file that is kept as it is, of one that is made of coefficients, and of one whose
recipe needs nothing else."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def is_plain_text(text: str) -> bool:
    """Whether ``text`` has no control characters, as every string of a file must."""
    return _CONTROL.search(text) is None


class MetadataKind(IntEnum):
    """What a metadata chunk holds. Its bytes are never interpreted by the coding."""

    TEXT = 0
    EXIF = 1
    ICC = 2
    XMP = 3
    DICOM = 4
    NAMES = 5  # UTF-8 names of the images that follow, separated by line feeds
    ORIGINAL = 6  # how to restore the file that the images came from; the key is that file's name
    RESOLUTION = 7  # pixels per unit, as in "300 300 inch"
    TIFF = 8  # further fields of a TIFF page: TIFF data without an image
    PNG = 9  # the body of a further chunk of a PNG file, whose type is the key
    PALETTE = 10  # the colours of the indices that the samples are; the key says what an entry holds
    VOLUME = 11  # the head of a volume; the key says of what kind
    PHOTOMETRIC = 12  # what the components stand for, in words
    PAGES = 13  # the images were the pages or frames of one file
    AXES = 14  # an axis of length 1 that arrays had when they were written


@dataclass(frozen=True)
class Metadata:
    """One opaque item. ``kind`` is a MetadataKind or, in files of later versions, another number up to 127."""

    kind: int
    key: str
    value: bytes


def keeps_whole_file(items: Iterable[Metadata], *, with_codebook: bool = False) -> bool:
    """Whether items of a file's head, in order, hold an original file that needs no images to be restored.

    ``with_codebook``: whether the file has codebooks, of which a file that is kept as it is has no use.
    """
    first = next((item for item in items if item.kind == MetadataKind.ORIGINAL), None)
    return first is not None and first.value[:1] in ((_ALONE,) if with_codebook else (_WHOLE, _ALONE, _APART))


@dataclass(frozen=True)
class CodebookReference:
    """Names a codebook by the first 16 bytes of its id."""

    id: bytes
    name: str


@dataclass(frozen=True)
class ImageHead:
    """An image head chunk: the header, and the number of its codebook (0 = none)."""

    header: ImageHeader
    codebook: int


@dataclass(frozen=True)
class CodedSamples:
    """What bands and groups have in common: the number of the model, the CRC-32 of the samples, and how they are coded.

    ``mapping``: as in the schema.
    """

    model: int
    check: int
    streams: tuple[bytes, ...]
    mapping: int = 0


@dataclass(frozen=True, kw_only=True)
class CodedBand(CodedSamples):
    """A band chunk: rows ``first_row`` .. ``end - 1`` of one image."""

    image: int
    first_row: int
    rows: int

    @property
    def end(self) -> int:
        """The row after the last."""
        return self.first_row + self.rows


@dataclass(frozen=True, kw_only=True)
class CodedGroup(CodedSamples):
    """A group chunk: ``images`` whole images that share the last image head."""

    image: int
    images: int

    @property
    def end(self) -> int:
        """The number of the image after the last."""
        return self.image + self.images


@dataclass(frozen=True)
class ImageEnd:
    """An image end chunk: the true height, and the SHA-256 of the samples or b""."""

    height: int
    digest: bytes


class IndexEntry(NamedTuple):
    """Where a chunk stands: ``offset`` from the start of the file; ``place`` as in the schema."""

    type: bytes
    offset: int
    image: int
    place: int


CHANGE = 255
"""Kind of the sections that change others, whatever the coder."""


@dataclass(frozen=True)
class Section:
    """Bytes of one coder in a codebook. One of kind CHANGE says what the section differs by that it follows."""

    coder: int
    kind: int
    data: bytes


@dataclass(frozen=True)
class Model:
    """A way to code images of one kind: transform, coder, and the sections that the coder uses."""

    components: int
    max_bits: int
    transform: int
    coder: int
    effort: int
    sections: tuple[int, ...]
