"""Codebook files: the same framing as image files, with chunks of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sofc.container import schema
from sofc.container.chunks import (
    FILE_HEAD_SIZE,
    codebook_name,
    pack_builtin_codebook,
    pack_file_end,
    pack_file_head,
    unpack_builtin_codebook,
    unpack_file_end,
    unpack_file_head,
)
from sofc.container.layouts import build, parse, require, text_of
from sofc.container.records import CodebookReference, Model, Section, is_plain_text
from sofc.container.walker import bytes_of, frame_chunk, is_ancillary, walk
from sofc.errors import FormatError, LimitError, TruncatedError, UnsupportedError
from sofc.limits import Limits

_CODEBOOK_ORDER = (
    schema.CODEBOOK_HEAD,
    schema.PROVENANCE,
    schema.BUILTIN_CODEBOOK,
    schema.SECTION,
    schema.MODEL,
    schema.FILE_END,
)
_REPEATED = (schema.BUILTIN_CODEBOOK, schema.SECTION, schema.MODEL)


class CodebookContents(NamedTuple):
    """What a codebook file holds. Numbers of sections in models count those of the bases first."""

    name: str
    models: tuple[Model, ...]
    sections: tuple[Section, ...]
    provenance: str
    bases: tuple[CodebookReference, ...] = ()


def pack_codebook(contents: CodebookContents) -> bytes:
    """A codebook file. The same contents always give the same bytes."""
    name, models, sections, provenance, bases = contents
    parts = [pack_file_head(schema.CODEBOOK_SIGNATURE)]
    parts.append(frame_chunk(schema.CODEBOOK_HEAD, build(schema.CODEBOOK_HEAD_BODY, name=name)))
    if provenance:
        body = build(schema.PROVENANCE_BODY, text=provenance.encode())
        parts.append(frame_chunk(schema.PROVENANCE, body))
    for base in bases:
        parts.append(frame_chunk(schema.BUILTIN_CODEBOOK, pack_builtin_codebook(base)))
    for section in sections:
        body = build(schema.SECTION_BODY, coder=section.coder, kind=section.kind, data=section.data)
        parts.append(frame_chunk(schema.SECTION, body))
    for model in models:
        body = build(
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


def unpack_codebook(data: bytes, limits: Limits, sections_of: Callable[[CodebookReference], int]) -> CodebookContents:
    """What a codebook file holds. ``sections_of``: how many sections a base has.

    Raises NotSofcError, FormatError, TruncatedError, UnsupportedError, or LimitError where ``data`` is over
    ``limits.max_codebook_bytes``.
    """
    if len(data) > limits.max_codebook_bytes:
        raise LimitError(f"a codebook of {len(data)} bytes is over the limit of {limits.max_codebook_bytes}")
    unpack_file_head(data[:FILE_HEAD_SIZE], schema.CODEBOOK_SIGNATURE)
    name, provenance = "", ""
    bases: list[CodebookReference] = []
    known = 0
    sections: list[Section] = []
    models: list[Model] = []
    reached = -1
    for kind, body, offset, size in walk(bytes_of(data), FILE_HEAD_SIZE, limits.max_codebook_bytes):
        if kind not in _CODEBOOK_ORDER:
            if not is_ancillary(kind):
                raise UnsupportedError("the chunk is not known to this version of sofc", chunk=text_of(kind))
            continue
        place = _CODEBOOK_ORDER.index(kind)
        in_order = place > reached or (place == reached and kind in _REPEATED)
        require(in_order and (reached >= 0 or place == 0), "the chunk stands in the wrong place", kind)
        reached = place
        if kind == schema.CODEBOOK_HEAD:
            name = codebook_name(parse(schema.CODEBOOK_HEAD_BODY, body, kind).name, kind)
        elif kind == schema.PROVENANCE:
            provenance = _unpack_provenance(body)
        elif kind == schema.BUILTIN_CODEBOOK:
            bases.append(unpack_builtin_codebook(body))
            require(bases[-1] not in bases[:-1], "a built-in codebook is named twice", kind)
            known += sections_of(bases[-1])
        elif kind == schema.SECTION:
            fields = parse(schema.SECTION_BODY, body, kind)
            sections.append(Section(fields.coder, fields.kind, fields.data))
        elif kind == schema.MODEL:
            models.append(_unpack_model(body, known + len(sections)))
        else:
            require(unpack_file_end(body) == 0, "a codebook has no index", kind)
            end = offset + size
            if end != len(data):
                raise FormatError(f"{len(data) - end} bytes stand after the end of the codebook", offset=end)
            return CodebookContents(name, tuple(models), tuple(sections), provenance, tuple(bases))
    raise TruncatedError("the codebook is cut off", offset=len(data))


def _unpack_provenance(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise FormatError("the provenance is not UTF-8", chunk="p") from None
    require(is_plain_text(text.replace("\n", "")), "the provenance has control characters", schema.PROVENANCE)
    return text


def _unpack_model(body: bytes, sections: int) -> Model:
    chunk = schema.MODEL
    fields = parse(schema.MODEL_BODY, body, chunk)
    require(fields.components >= 1, "a model needs at least one component", chunk)
    require(1 <= fields.max_bits <= 16, f"max_bits {fields.max_bits} is not in 1 to 16", chunk)
    require(fields.effort <= 9, f"effort {fields.effort} is above 9", chunk)
    numbers = tuple(fields.sections)
    require(all(number < sections for number in numbers), f"a model names sections {numbers} of {sections}", chunk)
    return Model(fields.components, fields.max_bits, fields.transform, fields.coder, fields.effort, numbers)
