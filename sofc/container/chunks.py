"""Between bytes and records: the framing of chunks, and the packing and unpacking of each body.

``pack_*`` give the body of a chunk, ``unpack_*`` take one apart and check every field on its own. What
depends on other chunks (order, numbers that refer to them, limits) is for the reader of the whole file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from io import BytesIO
from typing import Any, NamedTuple

from construct import Construct, ConstructError, GreedyBytes, Renamed, Struct

from sofc.container import schema
from sofc.container.records import (
    MAX_NAME_BYTES,
    CodebookReference,
    CodedBand,
    CodedGroup,
    ImageEnd,
    ImageHead,
    IndexEntry,
    Metadata,
    Model,
    Section,
    is_plain_text,
)
from sofc.container.registered import NUMBERS, REGISTERED
from sofc.errors import ChecksumError, FormatError, LimitError, NotSofcError, TruncatedError, UnsupportedError
from sofc.image import MAX_DIMENSION, ImageHeader, Meaning, PixelFormat
from sofc.limits import Limits

Buffer = bytes | bytearray

FILE_HEAD_SIZE = 10
FILE_END_SIZE = 10
CRC_SIZE = 4
DIGEST_SIZE = 32
REFERENCE_TYPES = (schema.CODEBOOK_REFERENCE, schema.BUILTIN_CODEBOOK)
CODEBOOK_TYPES = (schema.EMBEDDED_CODEBOOK, *REFERENCE_TYPES)
INDEXED_TYPES = (*CODEBOOK_TYPES, schema.IMAGE_HEAD, schema.BAND, schema.GROUP)
_CONTINUES = 1
_MAPPING_SHIFT = 1
_MAX_MAPPING = 2
_PACKED = 0x80
_WORTH_PACKING = 32
_MAX_PACKED_VALUE = 1 << 24


# Between construct and the rest.


# construct keeps what it parses and builds in cycles of references, which only the garbage collector frees.
# So large fields, which always stand last, never go through it.


@cache
def _parts(layout: Construct) -> tuple[Construct, str]:
    """A layout without its last field where that takes all bytes to the end, and that field's name or ""."""
    if not isinstance(layout, Struct):
        return layout, ""
    last = layout.subcons[-1]
    inner = last
    while isinstance(inner, Renamed):
        inner = inner.subcon
    return (Struct(*layout.subcons[:-1]), last.name) if inner is GreedyBytes else (layout, "")


def _parse(layout: Construct, body: bytes, chunk: bytes, *, whole: bool = True) -> Any:
    """The only place where construct's errors become ours. ``whole``: all of ``body`` must be used."""
    layout, last = _parts(layout)
    with BytesIO(body) as stream:
        try:
            fields = layout.parse_stream(stream)
        except ConstructError as error:
            raise FormatError(f"the body cannot be read: {error}", chunk=_text(chunk)) from None
        used = stream.tell()
    if last:
        fields[last] = body[used:]
    elif whole and used != len(body):
        raise FormatError(f"{len(body) - used} bytes are left over", chunk=_text(chunk))
    return fields


def _build(layout: Construct, **fields: Any) -> bytes:
    layout, last = _parts(layout)
    rest: bytes = fields.pop(last, b"")
    return bytes(layout.build(fields)) + rest


def _require(rule: bool, message: str, chunk: bytes) -> None:
    if not rule:
        raise FormatError(message, chunk=_text(chunk))


def _text(chunk: bytes) -> str:
    return chunk.decode("latin-1")


# Framing.


class ChunkHead(NamedTuple):
    """Where a chunk stands in a buffer: its body is ``buffer[body:crc]``, the next chunk starts at ``end``."""

    type: bytes
    start: int
    body: int
    crc: int

    @property
    def end(self) -> int:
        return self.crc + CRC_SIZE

    @property
    def is_ancillary(self) -> bool:
        return bool(self.type[0] & schema.ANCILLARY)


def frame_chunk(chunk_type: bytes, body: bytes) -> bytes:
    """The whole chunk."""
    framed = chunk_type + schema.VarInt.build(len(body)) + body
    return bytes(framed + zlib.crc32(framed).to_bytes(CRC_SIZE, "little"))


def parse_chunk_head(buffer: Buffer, start: int, max_body: int) -> ChunkHead | None:
    """The head of the chunk at ``start``, None while more bytes are needed to tell.

    Raises FormatError where none can stand there, LimitError where its body is longer than ``max_body``.
    """
    if start >= len(buffer):
        return None
    chunk_type = bytes(buffer[start : start + 1])
    _require(chunk_type.isalpha(), "a chunk's type must be a letter", chunk_type)
    length = bytes(buffer[start + 1 : start + 1 + schema.VARINT_BYTES])
    size = next((at for at, byte in enumerate(length, 1) if byte < 0x80), None)
    if size is None and len(length) < schema.VARINT_BYTES:
        return None
    value: int = _parse(schema.VarInt, length[:size], chunk_type)
    if value > max_body:
        raise LimitError(
            f"a body of {value} bytes is over the limit of {max_body}: raise the limits to read it",
            chunk=_text(chunk_type),
        )
    body = start + 1 + (size or 0)
    return ChunkHead(chunk_type, start, body, body + value)


def is_intact(buffer: Buffer, head: ChunkHead) -> bool:
    """Whether a chunk that is there in full matches its CRC."""
    with memoryview(buffer) as view:
        return zlib.crc32(view[head.start : head.crc]) == int.from_bytes(view[head.crc : head.end], "little")


def chunk_body(buffer: Buffer, head: ChunkHead) -> bytes:
    """The body of a chunk that is there in full. Raises ChecksumError."""
    if not is_intact(buffer, head):
        raise ChecksumError("the chunk is damaged: its CRC does not match", chunk=_text(head.type))
    return bytes(buffer[head.body : head.crc])


# File head.


def pack_file_head(signature: bytes = schema.SIGNATURE) -> bytes:
    return _build(schema.FILE_HEAD_BODY, signature=signature, major=schema.VERSION_MAJOR, minor=schema.VERSION_MINOR)


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
    fields = _parse(schema.FILE_HEAD_BODY, head, b"")
    if fields.major != schema.VERSION_MAJOR:
        raise UnsupportedError(
            f"version {fields.major}.{fields.minor} of the format is not known to this version of sofc", offset=8
        )
    return fields.major, fields.minor


# Bodies of an image file.


def pack_codebook_reference(reference: CodebookReference) -> bytes:
    return _build(schema.CODEBOOK_REFERENCE_BODY, id=reference.id, name=reference.name)


def unpack_codebook_reference(body: bytes) -> CodebookReference:
    fields = _parse(schema.CODEBOOK_REFERENCE_BODY, body, schema.CODEBOOK_REFERENCE)
    return CodebookReference(fields.id, _codebook_name(fields.name, schema.CODEBOOK_REFERENCE))


def pack_builtin_codebook(reference: CodebookReference) -> bytes:
    return _build(schema.BUILTIN_CODEBOOK_BODY, number=NUMBERS[reference.id])


def unpack_builtin_codebook(body: bytes) -> CodebookReference:
    """Raises UnsupportedError for a number that is not registered."""
    number = _parse(schema.BUILTIN_CODEBOOK_BODY, body, schema.BUILTIN_CODEBOOK).number
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


def _codebook_name(name: str, chunk: bytes) -> str:
    _require(len(name.encode()) <= MAX_NAME_BYTES, f"a codebook's name is over {MAX_NAME_BYTES} bytes long", chunk)
    _require(is_plain_text(name), "a codebook's name has control characters", chunk)
    return name


def pack_metadata(metadata: Metadata) -> bytes:
    """The value is packed where that saves something worth while."""
    kind, value = metadata.kind, metadata.value
    if len(value) <= _MAX_PACKED_VALUE and len(packed := zlib.compress(value, 9)) + _WORTH_PACKING <= len(value):
        kind, value = kind | _PACKED, packed
    return _build(schema.METADATA_BODY, kind=kind, key=metadata.key, value=value)


def unpack_metadata(body: bytes) -> Metadata:
    """The item with its whole value, of at most 16 MB where it is packed."""
    fields = _parse(schema.METADATA_BODY, body, schema.METADATA)
    _require(is_plain_text(fields.key), "the key of metadata has control characters", schema.METADATA)
    value = _unpacked(fields.value) if fields.kind & _PACKED else fields.value
    return Metadata(fields.kind & ~_PACKED, fields.key, value)


def _unpacked(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        value = inflater.decompress(packed, _MAX_PACKED_VALUE + 1)
    except zlib.error as error:
        raise FormatError(f"packed metadata is damaged: {error}", chunk=_text(schema.METADATA)) from None
    whole = inflater.eof and not inflater.unused_data and len(value) <= _MAX_PACKED_VALUE
    _require(whole, f"packed metadata is cut off, or larger than {_MAX_PACKED_VALUE} bytes", schema.METADATA)
    return value


def pack_image_head(head: ImageHead) -> bytes:
    header, samples = head.header, head.header.format
    return _build(
        schema.IMAGE_HEAD_BODY,
        width=header.width,
        height=header.height or 0,
        components=samples.components,
        depth={"signed": samples.signed, "coded_bits_minus_1": samples.coded_bits - 1},
        declared_bits=samples.declared_bits,
        meaning=samples.meaning,
        relation=0,
        codebook=head.codebook,
    )


def unpack_image_head(body: bytes) -> ImageHead:
    chunk = schema.IMAGE_HEAD
    fields = _parse(schema.IMAGE_HEAD_BODY, body, chunk)
    if fields.relation != 0:
        raise UnsupportedError(f"frame relation {fields.relation} is not known to this version of sofc", chunk="H")
    _require(1 <= fields.width <= MAX_DIMENSION, f"width {fields.width} is not in 1 to {MAX_DIMENSION}", chunk)
    _require(fields.height <= MAX_DIMENSION, f"height {fields.height} is above {MAX_DIMENSION}", chunk)
    _require(fields.components >= 1, "an image needs at least one component", chunk)
    _require(1 <= fields.declared_bits <= 16, f"declared_bits {fields.declared_bits} is not in 1 to 16", chunk)
    known = fields.meaning in Meaning._value2member_map_
    samples = PixelFormat(
        fields.components,
        fields.depth.coded_bits_minus_1 + 1,
        fields.declared_bits,
        fields.depth.signed,
        Meaning(fields.meaning) if known else Meaning.UNSPECIFIED,
    )
    return ImageHead(ImageHeader(fields.width, fields.height or None, samples), fields.codebook)


def pack_band(band: CodedBand) -> bytes:
    return _build(
        schema.BAND_BODY,
        mode=band.mapping << _MAPPING_SHIFT,
        image=band.image,
        first_row=band.first_row,
        rows=band.rows,
        model=band.model,
        check=band.check,
        lengths=[len(stream) for stream in band.streams],
        streams=b"".join(band.streams),
    )


def unpack_band(body: bytes) -> CodedBand:
    chunk = schema.BAND
    fields = _parse(schema.BAND_BODY, body, chunk)
    mapping = _mapping_of(fields.mode, chunk)
    _require(fields.rows >= 1, "a band needs at least one row", chunk)
    _require(fields.first_row + fields.rows <= MAX_DIMENSION, f"a band ends below row {MAX_DIMENSION}", chunk)
    streams = _split(fields.streams, fields.lengths, chunk)
    return CodedBand(fields.image, fields.first_row, fields.rows, fields.model, fields.check, streams, mapping)


def pack_group(group: CodedGroup) -> bytes:
    return _build(
        schema.GROUP_BODY,
        mode=group.mapping << _MAPPING_SHIFT,
        image=group.image,
        images=group.images,
        model=group.model,
        check=group.check,
        lengths=[len(stream) for stream in group.streams],
        streams=b"".join(group.streams),
    )


def unpack_group(body: bytes) -> CodedGroup:
    chunk = schema.GROUP
    fields = _parse(schema.GROUP_BODY, body, chunk)
    mapping = _mapping_of(fields.mode, chunk)
    _require(fields.images >= 1, "a group needs at least one image", chunk)
    streams = _split(fields.streams, fields.lengths, chunk)
    return CodedGroup(fields.image, fields.images, fields.model, fields.check, streams, mapping)


def unpack_place(prefix: bytes) -> tuple[int, int]:
    """Image and place (as in an index entry) of a band or group, from the first bytes of its body."""
    fields = _parse(schema.PlacePrefix, prefix, schema.BAND, whole=False)
    return fields.image, fields.place


def _mapping_of(mode: int, chunk: bytes) -> int:
    mapping = mode >> _MAPPING_SHIFT
    _require(mapping <= _MAX_MAPPING, f"mode {mode} has bits that must be zero", chunk)
    if mode & _CONTINUES:
        raise UnsupportedError("a band that continues from the one before is not known to this version", chunk="B")
    return mapping


def _split(data: bytes, lengths: Sequence[int], chunk: bytes) -> tuple[bytes, ...]:
    _require(sum(lengths) == len(data), f"streams of {sum(lengths)} bytes in all stand in {len(data)} bytes", chunk)
    streams, start = [], 0
    for length in lengths:
        streams.append(data[start : start + length])
        start += length
    return tuple(streams)


def pack_image_end(end: ImageEnd) -> bytes:
    return _build(schema.IMAGE_END_BODY, height=end.height, digest=end.digest)


def unpack_image_end(body: bytes) -> ImageEnd:
    fields = _parse(schema.IMAGE_END_BODY, body, schema.IMAGE_END)
    _require(1 <= fields.height <= MAX_DIMENSION, f"height {fields.height} is out of range", schema.IMAGE_END)
    _require(len(fields.digest) in (0, DIGEST_SIZE), "a digest is 32 bytes long", schema.IMAGE_END)
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
        self._entries += _build(
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
        return bytes(schema.VarInt.build(self._count) + self._entries)


def unpack_index(body: bytes) -> list[IndexEntry]:
    chunk = schema.INDEX
    entries, offset = [], 0
    for fields in _parse(schema.INDEX_BODY, body, chunk).entries:
        _require(fields.type in INDEXED_TYPES, f"an entry of type {_text(fields.type)!r}", chunk)
        _require(fields.offset > 0, "two entries for one chunk", chunk)
        offset += fields.offset
        entries.append(IndexEntry(fields.type, offset, fields.image, fields.place))
    return entries


def pack_file_end(index_size: int) -> bytes:
    return _build(schema.FILE_END_BODY, index_size=index_size)


def unpack_file_end(body: bytes) -> int:
    """Size of the index chunk that stands right before, 0 = none."""
    fields = _parse(schema.FILE_END_BODY, body, schema.FILE_END)
    return int(fields.index_size)


# Codebook files.

_CODEBOOK_ORDER = (schema.CODEBOOK_HEAD, schema.PROVENANCE, schema.SECTION, schema.MODEL, schema.FILE_END)
_REPEATED = (schema.SECTION, schema.MODEL)


def pack_codebook(name: str, models: Iterable[Model], sections: Iterable[Section], provenance: str) -> bytes:
    """A codebook file. The same contents always give the same bytes."""
    parts = [pack_file_head(schema.CODEBOOK_SIGNATURE)]
    parts.append(frame_chunk(schema.CODEBOOK_HEAD, _build(schema.CODEBOOK_HEAD_BODY, name=name)))
    if provenance:
        body = _build(schema.PROVENANCE_BODY, text=provenance.encode())
        parts.append(frame_chunk(schema.PROVENANCE, body))
    for section in sections:
        body = _build(schema.SECTION_BODY, coder=section.coder, kind=section.kind, data=section.data)
        parts.append(frame_chunk(schema.SECTION, body))
    for model in models:
        body = _build(
            schema.MODEL_BODY,
            components=model.components,
            max_bits=model.max_bits,
            transform=model.transform,
            coder=model.coder,
            effort=model.effort,
            sections=model.sections,
        )
        parts.append(frame_chunk(schema.MODEL, body))
    parts.append(frame_chunk(schema.FILE_END, pack_file_end(0)))
    return b"".join(parts)


def unpack_codebook(data: bytes, limits: Limits) -> tuple[str, tuple[Model, ...], tuple[Section, ...], str]:
    """Name, models, sections and provenance of a codebook file.

    Raises NotSofcError, FormatError, TruncatedError, UnsupportedError, or LimitError where ``data`` is over
    ``limits.max_codebook_bytes``.
    """
    if len(data) > limits.max_codebook_bytes:
        raise LimitError(f"a codebook of {len(data)} bytes is over the limit of {limits.max_codebook_bytes}")
    unpack_file_head(data[:FILE_HEAD_SIZE], schema.CODEBOOK_SIGNATURE)
    name, provenance = "", ""
    sections: list[Section] = []
    models: list[Model] = []
    start, reached = FILE_HEAD_SIZE, -1
    while reached < len(_CODEBOOK_ORDER) - 1:
        head = parse_chunk_head(data, start, limits.max_codebook_bytes)
        if head is None or head.end > len(data):
            raise TruncatedError("the codebook is cut off", offset=len(data))
        body = chunk_body(data, head)
        start = head.end
        if head.type not in _CODEBOOK_ORDER:
            if not head.is_ancillary:
                raise UnsupportedError("the chunk is not known to this version of sofc", chunk=_text(head.type))
            continue
        place = _CODEBOOK_ORDER.index(head.type)
        in_order = place > reached or (place == reached and head.type in _REPEATED)
        _require(in_order and (reached >= 0 or place == 0), "the chunk stands in the wrong place", head.type)
        reached = place
        if head.type == schema.CODEBOOK_HEAD:
            name = _codebook_name(_parse(schema.CODEBOOK_HEAD_BODY, body, head.type).name, head.type)
        elif head.type == schema.PROVENANCE:
            provenance = _unpack_provenance(body)
        elif head.type == schema.SECTION:
            fields = _parse(schema.SECTION_BODY, body, head.type)
            sections.append(Section(fields.coder, fields.kind, fields.data))
        elif head.type == schema.MODEL:
            models.append(_unpack_model(body, len(sections)))
        else:
            _require(unpack_file_end(body) == 0, "a codebook has no index", head.type)
    if start != len(data):
        raise FormatError(f"{len(data) - start} bytes stand after the end of the codebook", offset=start)
    return name, tuple(models), tuple(sections), provenance


def _unpack_provenance(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise FormatError("the provenance is not UTF-8", chunk="p") from None
    _require(is_plain_text(text.replace("\n", "")), "the provenance has control characters", schema.PROVENANCE)
    return text


def _unpack_model(body: bytes, sections: int) -> Model:
    chunk = schema.MODEL
    fields = _parse(schema.MODEL_BODY, body, chunk)
    _require(fields.components >= 1, "a model needs at least one component", chunk)
    _require(1 <= fields.max_bits <= 16, f"max_bits {fields.max_bits} is not in 1 to 16", chunk)
    _require(fields.effort <= 9, f"effort {fields.effort} is above 9", chunk)
    numbers = tuple(fields.sections)
    _require(all(number < sections for number in numbers), f"a model names sections {numbers} of {sections}", chunk)
    return Model(fields.components, fields.max_bits, fields.transform, fields.coder, fields.effort, numbers)
