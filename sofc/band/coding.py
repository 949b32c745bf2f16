"""One band or group: samples to streams and back, with the check of its samples."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.arranged import code_arranged, code_traced, find, packed
from sofc.band.arrangement import (
    Arrangement,
    Divided,
    Part,
    Split,
    Stepped,
    parts_of,
    unpack_arrangement,
)
from sofc.band.arranging import Arranged, Patched, View, is_narrowed
from sofc.band.core import Area, Before, CodedPlanes, Guide, decode_coded, decode_planes, guided
from sofc.band.mapping import Mapping
from sofc.band.selection import Selection
from sofc.band.steps import Form
from sofc.band.tints import Tinted, forms_of
from sofc.band.wide import decode_wide, encode_wide
from sofc.codebook import Codebook
from sofc.coders.base import Found
from sofc.container.records import FIRST_CODEBOOK_MODEL, RAW_MODEL, CodedSamples
from sofc.errors import ChecksumError, FormatError, SofcError
from sofc.image import PixelFormat
from sofc.jpeg.known import Known
from sofc.planes import Plane
from sofc.transforms.samples import COMPONENTS, apart, side_by_side

Samples = npt.NDArray[Any]
"""Shape (rows, width) for one component, (rows, width, components) for more."""


def sample_bytes(samples: Samples, pixel_format: PixelFormat) -> memoryview:
    """The canonical serialisation that checks and digests are taken of; it may be the samples' own memory.

    Interleaved, row by row, little-endian, two's complement where signed, one byte a sample if
    coded_bits <= 8, else two; wide samples as numpy has them.
    """
    kind = "i" if pixel_format.signed else "u"
    wide = None if pixel_format.wide is None else np.dtype(pixel_format.dtype_name).newbyteorder("<")
    stored = np.ascontiguousarray(samples, wide or f"<{kind}{1 if pixel_format.coded_bits <= 8 else 2}")
    return stored.reshape(-1).view(np.uint8).data


def to_planes(samples: Samples, pixel_format: PixelFormat) -> list[Plane]:
    """One int32 plane for each component, signed samples shifted to 0 .. 2**coded_bits - 1."""
    if samples.ndim == 3 and samples.shape[2] == COMPONENTS and samples.dtype == np.uint8:
        return apart(samples)
    components = [samples] if samples.ndim == 2 else [samples[:, :, k] for k in range(samples.shape[2])]
    planes = [component.astype(np.int32, order="C") for component in components]
    if pixel_format.low:
        for plane in planes:
            plane -= np.int32(pixel_format.low)
    return planes


def from_planes(planes: Sequence[Plane], pixel_format: PixelFormat) -> Samples:
    """Inverse of to_planes, in the format's array type."""
    if pixel_format.low:
        planes = [plane + np.int32(pixel_format.low) for plane in planes]
    if len(planes) == 1:
        return planes[0].astype(pixel_format.dtype_name)
    if len(planes) == COMPONENTS and pixel_format.dtype_name == "uint8":
        return side_by_side(planes)
    samples = np.empty((*planes[0].shape, len(planes)), pixel_format.dtype_name)
    for component, plane in enumerate(planes):
        samples[:, :, component] = plane
    return samples


def encode_band(
    samples: Samples,
    pixel_format: PixelFormat,
    selection: Selection,
    *,
    image_rows: int,
    verify: bool,
    codebooks: dict[int, Codebook] | None = None,
    origins: Sequence[Found] = (),
    known: Known | None = None,
    looked: Looked | None = None,
    were_asked: bool = False,
) -> CodedSamples:
    """Code samples that lie in the format's range, the smallest of the selected ways; raw where that is smaller.

    ``image_rows``: rows of each image of a group, or all. ``codebooks``: those of the file, by their numbers there, if
    others than the selection's may be needed. ``origins``: what ``Selection.origin_of`` found of each image, if it was
    asked and all have one; ``known``: what JPEG data says of how these samples came to be. ``looked``: what ``look``
    gave for the samples and selection, if that was asked. ``were_asked``: the images were asked for their origin, and
    have none. ``verify``
    decodes the result and raises SofcError if it is not what went in.
    """
    if pixel_format.wide is not None:
        wide = encode_wide(samples, pixel_format.wide, selection, image_rows)
        coded = CodedPlanes(wide.model, wide.mapping, wide.streams)
    else:
        looked = looked or look(samples, pixel_format, None if origins else selection, image_rows=image_rows)
        coded = _code_planes(looked, pixel_format, selection, image_rows, codebooks or {}, origins, known, were_asked)
    rows, width = samples.shape[:2]
    check = zlib.crc32(sample_bytes(samples, pixel_format))
    band = CodedSamples(coded.model, check, coded.streams, coded.mapping)
    if verify:
        try:
            before = _expecting(looked, pixel_format, selection, image_rows, origins)
            area = Area(rows, width, image_rows)
            again = decode_samples(band, pixel_format, selection.codebook, area, codebooks, before=before)
            checked(again, pixel_format, check)
        except SofcError as error:
            raise SofcError(f"a coded band does not decode to its samples: please report this ({error})") from error
    return band


def _expecting(
    looked: Looked | None, pixel_format: PixelFormat, selection: Selection, image_rows: int, origins: Sequence[Found]
) -> Before | None:
    """Makes of a coder one that takes from what was found of a band's origin what decoding it would give again."""
    found = Found.of(origins) if origins else None
    if found is None and looked is not None:
        found = selection.origins.found_before(list(looked.view.planes), pixel_format, image_rows)
    return None if found is None else lambda coder, _: coder.of_origins(found.origins)


class Looked(NamedTuple):
    """The planes of samples, and how they are arranged, None where that was not looked for."""

    view: View
    found: Arranged | Tinted | None

    @property
    def formats(self) -> list[PixelFormat]:
        """The formats of what may be coded where samples are arranged, else none."""
        if self.found is None or isinstance(self.found, View):
            return []
        own = [self.view.form.format] if isinstance(self.found, Patched | Tinted) or is_narrowed(self.found) else []
        return [*own, *(form.format for form in forms_of(self.found))]


def look(samples: Samples, pixel_format: PixelFormat, selection: Selection | None, *, image_rows: int) -> Looked:
    """How samples of at most 16 bits are arranged, as far as a selection says that it is to be looked for."""
    planes = to_planes(samples, pixel_format)
    rows, width = planes[0].shape
    view = View(planes, Form(len(planes), pixel_format.coded_bits, rows, width, image_rows))
    return Looked(view, None if selection is None else find(view, selection, signed=pixel_format.signed))


def _code_planes(
    looked: Looked,
    pixel_format: PixelFormat,
    selection: Selection,
    image_rows: int,
    codebooks: dict[int, Codebook],
    origins: Sequence[Found],
    known: Known | None,
    were_asked: bool,
) -> CodedPlanes:
    """Code samples of at most 16 bits, as they stand or arranged."""
    view, found = looked
    numbers = {codebook.id: number for number, codebook in codebooks.items()}
    if known is not None:
        found = found or find(view, selection, signed=pixel_format.signed)
        while isinstance(found, Patched | Tinted):  # JPEG data says more
            found = found.whole
        proved = selection.origins.proved(list(view.planes), pixel_format, known) if isinstance(found, View) else None
        origins = origins if proved is None else [proved]
    traced = selection.origins.ways(list(view.planes), pixel_format, image_rows, origins) if origins else []
    if traced:
        arrangement, streams = code_traced(view, traced, selection, numbers)
    else:
        found = found or find(view, selection, signed=pixel_format.signed)
        arrangement, streams = code_arranged(view, selection, numbers, found, were_asked=were_asked)
    if isinstance(arrangement, Part):
        return CodedPlanes(arrangement.model, arrangement.mapping, streams)
    return CodedPlanes(RAW_MODEL, Mapping.ARRANGED, packed(arrangement, streams))


def codebooks_of(coded: CodedSamples, pixel_format: PixelFormat, *, rows: int, width: int, image_rows: int) -> set[int]:
    """The numbers of the codebooks that an arrangement names. Raises FormatError."""
    if coded.mapping != Mapping.ARRANGED:
        return set()
    form = Form(pixel_format.components, pixel_format.coded_bits, rows, width, image_rows)
    return {part.codebook for part in parts_of(_arrangement(coded, form)) if part.model >= FIRST_CODEBOOK_MODEL}


def decode_band(
    coded: CodedSamples,
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    *,
    rows: int,
    width: int,
    image_rows: int,
    codebooks: dict[int, Codebook] | None = None,
) -> Samples:
    """The samples, shape (rows, width) or (rows, width, components), which match the check.

    ``codebook``: that of the image; ``codebooks``: those that ``codebooks_of`` names.
    Raises FormatError where a stream breaks the rules, ChecksumError where the samples are not those that
    were coded, CodebookError and UnsupportedError as ``coder_for`` does.
    """
    samples = decode_samples(coded, pixel_format, codebook, Area(rows, width, image_rows), codebooks)
    return checked(samples, pixel_format, coded.check)


def checked(samples: Samples, pixel_format: PixelFormat, check: int) -> Samples:
    """Samples that match their check. Raises ChecksumError where they do not."""
    if zlib.crc32(sample_bytes(samples, pixel_format)) != check:
        raise ChecksumError("the samples of a band do not match their check")
    return samples


def decode_samples(
    coded: CodedSamples,
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    area: Area,
    codebooks: dict[int, Codebook] | None,
    guide: Guide | None = None,
    before: Before | None = None,
) -> Samples:
    """What the streams say, not yet checked; the rest as for ``decode_band``. ``guide``: what an image goes with;
    ``before``: what a group goes on from, which is not arranged."""
    if pixel_format.wide is not None:
        samples = decode_wide(CodedPlanes(coded.model, coded.mapping, coded.streams), pixel_format, codebook, area)
    else:
        form = Form(pixel_format.components, pixel_format.coded_bits, *area)
        if coded.mapping == Mapping.ARRANGED:
            arrangement = _arrangement(coded, form)
            planes, short = _arranged(arrangement, form, iter(coded.streams[1:]), codebooks or {}, guide), None
        else:
            streams = CodedPlanes(coded.model, coded.mapping, coded.streams)
            found = decode_coded(streams, pixel_format, codebook, area, guide, before)
            short = found.samples() if pixel_format.dtype_name == "uint8" else None
            planes = found.components() if short is None else []
        samples = from_planes(planes, pixel_format) if short is None else short
    return samples


def _arrangement(coded: CodedSamples, form: Form) -> Arrangement:
    """What the first stream says. Raises FormatError."""
    if coded.model != RAW_MODEL:
        raise FormatError("an arranged band names a model: its parts do that")
    if not coded.streams:
        raise FormatError("an arranged band has no streams")
    arrangement = unpack_arrangement(coded.streams[0], form)
    count = sum(part.streams for part in parts_of(arrangement))
    if count != len(coded.streams) - 1:
        raise FormatError(f"the parts of a band have {count} streams in all, not {len(coded.streams) - 1}")
    return arrangement


def encode_guided(
    coded: CodedSamples,
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    area: Area,
    codebooks: dict[int, Codebook],
    guide: Guide,
) -> CodedSamples | None:
    """What is coded already, coded with a guide; None where its coder has no use for that. The rest as for
    ``decode_samples``."""
    form, before = Form(pixel_format.components, pixel_format.coded_bits, *area), coded.streams[:0]
    part = CodedPlanes(coded.model, coded.mapping, coded.streams)
    if coded.mapping == Mapping.ARRANGED:
        arrangement = _arrangement(coded, form)
        while isinstance(arrangement, Stepped):
            form = arrangement.step.core(form)
            arrangement = arrangement.core
        if not isinstance(arrangement, Part) or form.rows != area.rows or form.width != area.width:
            return None
        before, codebook = coded.streams[:1], codebooks.get(arrangement.codebook)
        part = CodedPlanes(arrangement.model, arrangement.mapping, coded.streams[1:])
    found = guided(part, form.format, codebook, area, guide)
    return None if found is None else replace(coded, streams=(*before, *found.streams))


def _arranged(
    arrangement: Arrangement,
    form: Form,
    streams: Iterator[bytes],
    codebooks: dict[int, Codebook],
    guide: Guide | None = None,
) -> list[Plane]:
    """The planes of a form, its streams taken from those that are left."""
    if isinstance(arrangement, Part):
        if arrangement.mapping >= Mapping.ARRANGED:
            raise FormatError(f"mapping {arrangement.mapping} of a part of a band is not known")
        own = CodedPlanes(arrangement.model, arrangement.mapping, tuple(islice(streams, arrangement.streams)))
        area = Area(form.rows, form.width, form.image_rows)
        return decode_planes(own, form.format, codebooks.get(arrangement.codebook), area, guide)
    if isinstance(arrangement, Split):
        count = arrangement.components
        first = _arranged(arrangement.first, replace(form, components=count), streams, codebooks, guide)
        rest = replace(form, components=form.components - count)
        return first + _arranged(arrangement.rest, rest, streams, codebooks, guide)
    if isinstance(arrangement, Divided):
        two = zip((arrangement.first, arrangement.rest), arrangement.division.forms(form), strict=True)
        return arrangement.division.undo([_arranged(*one, streams, codebooks) for one in two], form)
    planes = _arranged(arrangement.core, arrangement.step.core(form), streams, codebooks, guide)
    return arrangement.step.undo(planes, form)
