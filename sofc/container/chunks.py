"""Between bytes and records: the packing and unpacking of each chunk's body.

``pack_*`` give the body of a chunk, ``unpack_*`` take one apart and check every field on its own. What
depends on other chunks (order, numbers that refer to them, limits) is for the reader of the whole file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from itertools import accumulate, pairwise
from typing import Any

from sofc.container import schema
from sofc.container.layouts import build, build_integer, parse, parse_next, require, text_of
from sofc.container.records import (
    MAX_NAME_BYTES,
    CodebookReference,
    CodedBand,
    CodedGroup,
    CodedSamples,
    ImageEnd,
    ImageHead,
    IndexEntry,
    Metadata,
    is_plain_text,
)
from sofc.container.registered import NUMBERS, REGISTERED
from sofc.errors import FormatError, NotSofcError, TruncatedError, UnsupportedError
from sofc.image import MAX_DIMENSION, ImageHeader, Meaning, PixelFormat, SampleType, wide_format

FILE_HEAD_SIZE = 10
FILE_END_SIZE = 10
DIGEST_SIZE = 32
REFERENCE_TYPES = (schema.CODEBOOK_REFERENCE, schema.BUILTIN_CODEBOOK)
CODEBOOK_TYPES = (schema.EMBEDDED_CODEBOOK, *REFERENCE_TYPES)
INDEXED_TYPES = (*CODEBOOK_TYPES, schema.IMAGE_HEAD, schema.BAND, schema.GROUP)
_CONTINUES = 1
_MAPPING_SHIFT = 1
_MAX_MAPPING = 3
_PACKED = 0x80
_WORTH_PACKING = 32
_MAX_PACKED_VALUE = 1 << 24


# File head.


def pack_file_head(signature: bytes = schema.SIGNATURE) -> bytes:
    minor = schema.VERSION_MINOR[signature]
    return build(schema.FILE_HEAD_BODY, signature=signature, major=schema.VERSION_MAJOR, minor=minor)


def check_signature(prefix: bytes, signature: bytes = schema.SIGNATURE) -> None:
    """Raises NotSofcError as soon as the first bytes of a file, however few, rule it out."""
    prefix = prefix[: len(signature)]
    if prefix == signature[: len(prefix)]:
        return
    if prefix in (schema.SIGNATURE, schema.CODEBOOK_SIGNATURE):
        kinds = ("an image file", "a codebook")
        found, wanted = kinds if prefix == schema.SIGNATURE else kinds[::-1]
        raise NotSofcError(f"this is {found} of sofc, not {wanted}", offset=0)
    if prefix.startswith((b"II*\0", b"MM\0*")):
        raise NotSofcError(
            "this is a TIFF file: imageio writes one under the name .sofc where it does not know sofc", offset=0
        )
    raise NotSofcError("the bytes do not begin with the signature of sofc", offset=0)


def unpack_file_head(head: bytes, signature: bytes = schema.SIGNATURE) -> tuple[int, int]:
    """Major and minor version from the first FILE_HEAD_SIZE bytes. Raises NotSofcError or UnsupportedError."""
    check_signature(head, signature)
    if len(head) < FILE_HEAD_SIZE:
        raise TruncatedError("the file ends inside its head", offset=len(head))
    fields = parse(schema.FILE_HEAD_BODY, head, b"")
    found, known = (fields.major, fields.minor), (schema.VERSION_MAJOR, schema.VERSION_MINOR[signature])
    if found != known:
        raise UnsupportedError(other_version("{}.{}".format(*found), "{}.{}".format(*known)), offset=8)
    return found


def other_version(found: str, known: str, maker: str = "the sofc that made it") -> str:
    """What to say of a version of the format that is not the ``known`` one. Spec container/file: drafts differ."""
    return f"it is of version {found} of the format, and this sofc reads {known} only: read it with {maker}"


# Bodies of an image file.


def pack_codebook_reference(reference: CodebookReference) -> bytes:
    return build(schema.CODEBOOK_REFERENCE_BODY, id=reference.id, name=reference.name)


@lru_cache(maxsize=64)
def unpack_codebook_reference(body: bytes) -> CodebookReference:
    fields = parse(schema.CODEBOOK_REFERENCE_BODY, body, schema.CODEBOOK_REFERENCE)
    return CodebookReference(fields.id, codebook_name(fields.name, schema.CODEBOOK_REFERENCE))


def pack_builtin_codebook(reference: CodebookReference) -> bytes:
    return build(schema.BUILTIN_CODEBOOK_BODY, number=NUMBERS[reference.id])


def unpack_builtin_codebook(body: bytes) -> CodebookReference:
    """Raises UnsupportedError for a number that is not registered."""
    number = parse(schema.BUILTIN_CODEBOOK_BODY, body, schema.BUILTIN_CODEBOOK).number
    if number not in REGISTERED:
        raise UnsupportedError(f"built-in codebook {number} is not known to this version of sofc", chunk="K")
    return REGISTERED[number]


def pack_reference(reference: CodebookReference) -> tuple[bytes, bytes]:
    """Type and body of the chunk that names a codebook: a built-in one by its number, any other by its id."""
    if reference.id in NUMBERS:
        return schema.BUILTIN_CODEBOOK, pack_builtin_codebook(reference)
    return schema.CODEBOOK_REFERENCE, pack_codebook_reference(reference)


def unpack_reference(chunk_type: bytes, body: bytes) -> CodebookReference:
    """What a chunk of REFERENCE_TYPES names."""
    return (unpack_builtin_codebook if chunk_type == schema.BUILTIN_CODEBOOK else unpack_codebook_reference)(body)


def codebook_name(name: str, chunk: bytes) -> str:
    """The name of a codebook that a chunk holds, if it may be one. Raises FormatError."""
    require(len(name.encode()) <= MAX_NAME_BYTES, f"a codebook's name is over {MAX_NAME_BYTES} bytes long", chunk)
    require(is_plain_text(name), "a codebook's name has control characters", chunk)
    return name


def pack_metadata(metadata: Metadata) -> bytes:
    """The value is packed where that saves something worth while."""
    kind, value = metadata.kind, metadata.value
    if len(value) <= _MAX_PACKED_VALUE and len(packed := zlib.compress(value, 9)) + _WORTH_PACKING <= len(value):
        kind, value = kind | _PACKED, packed
    return build(schema.METADATA_BODY, kind=kind, key=metadata.key, value=value)


def unpack_metadata(body: bytes) -> Metadata:
    """The item with its whole value, of at most 16 MB where it is packed."""
    fields = parse(schema.METADATA_BODY, body, schema.METADATA)
    require(is_plain_text(fields.key), "the key of metadata has control characters", schema.METADATA)
    value = _unpacked(fields.value) if fields.kind & _PACKED else fields.value
    return Metadata(fields.kind & ~_PACKED, fields.key, value)


def _unpacked(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        value = inflater.decompress(packed, _MAX_PACKED_VALUE + 1)
    except zlib.error as error:
        raise FormatError(f"packed metadata is damaged: {error}", chunk=text_of(schema.METADATA)) from None
    whole = inflater.eof and not inflater.unused_data and len(value) <= _MAX_PACKED_VALUE
    require(whole, f"packed metadata is cut off, or larger than {_MAX_PACKED_VALUE} bytes", schema.METADATA)
    return value


@lru_cache(maxsize=64)
def pack_image_head(head: ImageHead) -> bytes:
    header, samples = head.header, head.header.format
    return build(
        schema.IMAGE_HEAD_BODY,
        width=header.width,
        height=header.height or 0,
        components=samples.components,
        depth={
            "wide": samples.wide is not None,
            "signed": samples.signed and samples.wide is None,
            "coded_bits_minus_1": samples.coded_bits - 1 if samples.wide is None else samples.wide,
        },
        declared_bits=samples.declared_bits if samples.wide is None else 0,
        meaning=samples.meaning,
        relation=0,
        codebook=head.codebook,
    )


@lru_cache(maxsize=64)
def unpack_image_head(body: bytes) -> ImageHead:
    chunk = schema.IMAGE_HEAD
    fields = parse(schema.IMAGE_HEAD_BODY, body, chunk)
    if fields.relation != 0:
        raise UnsupportedError(f"frame relation {fields.relation} is not known to this version of sofc", chunk="H")
    require(1 <= fields.width <= MAX_DIMENSION, f"width {fields.width} is not in 1 to {MAX_DIMENSION}", chunk)
    require(fields.height <= MAX_DIMENSION, f"height {fields.height} is above {MAX_DIMENSION}", chunk)
    require(fields.components >= 1, "an image needs at least one component", chunk)
    known = fields.meaning in Meaning._value2member_map_
    meaning = Meaning(fields.meaning) if known else Meaning.UNSPECIFIED
    if fields.depth.wide:
        samples = _wide_format(fields, meaning)
    else:
        require(1 <= fields.declared_bits <= 16, f"declared_bits {fields.declared_bits} is not in 1 to 16", chunk)
        coded_bits = fields.depth.coded_bits_minus_1 + 1
        samples = PixelFormat(fields.components, coded_bits, fields.declared_bits, fields.depth.signed, meaning)
    return ImageHead(ImageHeader(fields.width, fields.height or None, samples), fields.codebook)


def _wide_format(fields: Any, meaning: Meaning) -> PixelFormat:
    """Spec container/image-head. The format of a head with wide samples."""
    number, chunk = fields.depth.coded_bits_minus_1, schema.IMAGE_HEAD
    require(
        not fields.depth.signed and fields.declared_bits == 0, "a head of wide samples has bits that are zero", chunk
    )
    if number not in SampleType._value2member_map_:
        raise UnsupportedError(f"sample type {number} is not known to this version of sofc", chunk="H")
    return wide_format(fields.components, SampleType(number), meaning)


def pack_band(band: CodedBand) -> bytes:
    return build(schema.BAND_BODY, image=band.image, first_row=band.first_row, rows=band.rows, **_fields_of(band))


def unpack_band(body: bytes) -> CodedBand:
    chunk = schema.BAND
    fields = parse(schema.BAND_BODY, body, chunk)
    samples = _coded_fields(fields, chunk)
    require(fields.rows >= 1, "a band needs at least one row", chunk)
    require(fields.first_row + fields.rows <= MAX_DIMENSION, f"a band ends below row {MAX_DIMENSION}", chunk)
    return CodedBand(**samples, image=fields.image, first_row=fields.first_row, rows=fields.rows)


def pack_group(group: CodedGroup) -> bytes:
    return build(schema.GROUP_BODY, image=group.image, images=group.images, **_fields_of(group))


def unpack_group(body: bytes) -> CodedGroup:
    chunk = schema.GROUP
    fields = parse(schema.GROUP_BODY, body, chunk)
    samples = _coded_fields(fields, chunk)
    require(fields.images >= 1, "a group needs at least one image", chunk)
    return CodedGroup(**samples, image=fields.image, images=fields.images)


def _fields_of(coded: CodedSamples) -> dict[str, Any]:
    return {
        "mode": coded.mapping << _MAPPING_SHIFT,
        "model": coded.model,
        "check": coded.check,
        "lengths": [len(stream) for stream in coded.streams],
        "streams": b"".join(coded.streams),
    }


def _coded_fields(fields: Any, chunk: bytes) -> dict[str, Any]:
    """The fields of ``CodedSamples``."""
    mapping = fields.mode >> _MAPPING_SHIFT
    require(mapping <= _MAX_MAPPING, f"mode {fields.mode} has bits that must be zero", chunk)
    if fields.mode & _CONTINUES:
        raise UnsupportedError("a band that continues from the one before is not known to this version", chunk="B")
    data, ends = fields.streams, [0, *accumulate(fields.lengths)]
    require(ends[-1] == len(data), f"streams of {ends[-1]} bytes in all stand in {len(data)} bytes", chunk)
    streams = tuple([data[a:b] for a, b in pairwise(ends)])
    return {"model": fields.model, "check": fields.check, "streams": streams, "mapping": mapping}


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """Whole numbers from 0 up, one after the other."""
    return b"".join(map(build_integer, numbers))


def unpack_numbers(data: bytes) -> Iterator[int]:
    """The numbers again. Raises FormatError where they end in the middle of one."""
    with BytesIO(data) as stream:
        while stream.tell() < len(data):
            yield parse_next(schema.VarInt, stream)


def unpack_place(prefix: bytes) -> tuple[int, int]:
    """Image and place (as in an index entry) of a band or group, from the first bytes of its body."""
    fields = parse(schema.PlacePrefix, prefix, schema.BAND, whole=False)
    return fields.image, fields.place


def pack_image_end(end: ImageEnd) -> bytes:
    return build(schema.IMAGE_END_BODY, height=end.height, digest=end.digest)


def unpack_image_end(body: bytes) -> ImageEnd:
    fields = parse(schema.IMAGE_END_BODY, body, schema.IMAGE_END)
    require(1 <= fields.height <= MAX_DIMENSION, f"height {fields.height} is out of range", schema.IMAGE_END)
    require(len(fields.digest) in (0, DIGEST_SIZE), "a digest is 32 bytes long", schema.IMAGE_END)
    return ImageEnd(fields.height, fields.digest)


class IndexBuilder:
    """The index of a file that is being written or read, kept packed: a few bytes for each chunk."""

    def __init__(self) -> None:
        self.bands = 0
        self._count = 0
        self._last_offset = 0
        self._entries = bytearray()

    def add(self, entry: IndexEntry) -> None:
        """Append an entry; offsets must grow."""
        self._entries += build(
            schema.INDEX_ENTRY,
            type=entry.type,
            offset=entry.offset - self._last_offset,
            image=entry.image,
            place=entry.place,
        )
        self._count += 1
        self._last_offset = entry.offset
        self.bands += entry.type in (schema.BAND, schema.GROUP)

    def body(self) -> bytes:
        """The body of the index chunk."""
        return build_integer(self._count) + bytes(self._entries)


def unpack_index(body: bytes) -> list[IndexEntry]:
    chunk = schema.INDEX
    entries, offset = [], 0
    for fields in parse(schema.INDEX_BODY, body, chunk).entries:
        require(fields.type in INDEXED_TYPES, f"an entry of type {text_of(fields.type)!r}", chunk)
        require(fields.offset > 0, "two entries for one chunk", chunk)
        offset += fields.offset
        entries.append(IndexEntry(fields.type, offset, fields.image, fields.place))
    return entries


def pack_file_end(index_size: int) -> bytes:
    return build(schema.FILE_END_BODY, index_size=index_size)


def unpack_file_end(body: bytes) -> int:
    """Size of the index chunk that stands right before, 0 = none."""
    fields = parse(schema.FILE_END_BODY, body, schema.FILE_END)
    return int(fields.index_size)
