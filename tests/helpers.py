"""What several tests need: files taken apart and put together, decoders driven, codebooks made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import naive_context
import numpy as np
import numpy.typing as npt

from sofc.band.arrangement import parts_of, unpack_arrangement
from sofc.band.steps import Form
from sofc.codebook import Codebook
from sofc.container.chunks import FILE_HEAD_SIZE, pack_band, pack_group, unpack_band, unpack_group, unpack_image_head
from sofc.container.records import ARRANGED, CodedBand, Model, Section
from sofc.container.walker import chunk_body, frame_chunk, parse_chunk_head
from sofc.errors import SofcError
from sofc.image import Band, ImageHeader, PixelFormat
from sofc.stream.decoder import Decoder
from sofc.stream.encoder import Encoder
from sofc.stream.events import BandReady, Event, GroupReady

Image = npt.NDArray[Any]


def raw_codebook(name: str = "test") -> Codebook:
    """Models of the raw coder for 1 and 3 components, the latter behind the papers' transform."""
    models = (Model(1, 16, 0, 0, 5, ()), Model(3, 16, 1, 0, 5, ()))
    return Codebook(name, models, (Section(0, 0, b"unused"),), "made for tests")


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """Type and body of each chunk of a file or codebook."""
    chunks, start = [], FILE_HEAD_SIZE
    while start < len(data):
        head = parse_chunk_head(data, start, 1 << 30)
        assert head is not None
        chunks.append((head.type, chunk_body(data, head)))
        start = head.end
    return chunks


def file_of(chunks: Iterable[tuple[bytes, bytes]], head: bytes) -> bytes:
    """A file of these chunks after the first bytes of another."""
    return head[:FILE_HEAD_SIZE] + b"".join(frame_chunk(*chunk) for chunk in chunks)


def places_of(data: bytes, chunk_type: bytes) -> list[tuple[int, int]]:
    """Start and end of each chunk of a type."""
    places, start = [], FILE_HEAD_SIZE
    while start < len(data):
        head = parse_chunk_head(data, start, 1 << 30)
        assert head is not None
        if head.type == chunk_type:
            places.append((start, head.end))
        start = head.end
    return places


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """``data`` cut at these positions (modulo its length, in any order)."""
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


@dataclass
class Decoded:
    """All that came out of a decoder, and the error that ended it."""

    events: list[Event]
    error: SofcError | None
    decoder: Decoder

    @property
    def images(self) -> dict[int, list[Image]]:
        """The bands of each image in order; a grouped image is one."""
        found: dict[int, list[Image]] = {}
        for event in self.events:
            if isinstance(event, BandReady):
                found.setdefault(event.band.image, []).append(event.band.rows)
            elif isinstance(event, GroupReady):
                for number, image in enumerate(event.images, event.image):
                    found[number] = [image]
        return found

    @property
    def whole_images(self) -> list[Image]:
        """The images, each in one."""
        return [np.concatenate(self.images[number]) for number in sorted(self.images)]

    def of(self, kind: type) -> list[Any]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]


def run_decoder(parts: Iterable[bytes], **settings: Any) -> Decoded:
    """Feed the parts, take all events, finish; SofcErrors are kept, anything else is a bug and passes through."""
    decoder = Decoder(**settings)
    result = Decoded([], None, decoder)
    try:
        for part in parts:
            decoder.feed(part)
            for event in decoder.events():
                result.events.append(event)
        decoder.finish()
        for event in decoder.events():
            result.events.append(event)
    except SofcError as error:
        result.error = error
    return result


def comparable(value: Any) -> Any:
    """Events as plain tuples: arrays by type, shape and bytes, errors by class and text."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, SofcError):
        return type(value), str(value)
    if isinstance(value, (Event, Band)):
        return (type(value), *(comparable(getattr(value, field.name)) for field in fields(value)))
    return value


def trace(decoded: Decoded) -> list[Any]:
    """Everything that a decoder told, as plain values."""
    return [*map(comparable, decoded.events), comparable(decoded.error)]


def encode_rows(header: ImageHeader, image: Image, counts: Sequence[int], **settings: Any) -> bytes:
    """Encode an image in calls of these numbers of rows, over and over."""
    encoder = Encoder(header, **settings)
    data, y, call = bytearray(), 0, 0
    while y < len(image):
        count = counts[call % len(counts)]
        data += encoder.write(image[y : y + count])
        y, call = y + count, call + 1
        assert encoder.rows_written == min(y, len(image))
    return bytes(data + encoder.finish())


def saved_rows(decoded: Decoded, image: Image, number: int = 0) -> set[int]:
    """Rows of an image that came out; each must be as in ``image``."""
    rows: set[int] = set()
    for event in decoded.of(BandReady):
        band = event.band
        if band.image == number:
            assert np.array_equal(band.rows, image[band.y : band.y + len(band.rows)])
            rows |= set(range(band.y, band.y + len(band.rows)))
    return rows


def outcome(code: Callable[..., Any], *arguments: Any) -> Any:
    """What a twin finds, or None where it finds the stream broken."""
    try:
        return code(*arguments)
    except naive_context.BrokenError:
        return None


def models_of(data: bytes) -> list[int]:
    """Numbers of the models that the bands and groups of a file, or their parts, are coded with."""
    found: list[int] = []
    samples, width, height = PixelFormat(1, 1, 1), 1, 1
    for kind, body in chunks_of(data):
        if kind == b"H":
            header = unpack_image_head(body).header
            samples, width, height = header.format, header.width, header.height or 1
        elif kind in (b"B", b"G"):
            coded = unpack_group(body) if kind == b"G" else unpack_band(body)
            if coded.mapping != ARRANGED:
                found.append(coded.model)
                continue
            rows = coded.rows if isinstance(coded, CodedBand) else height * coded.images
            image_rows = rows if isinstance(coded, CodedBand) else height
            form = Form(samples.components, samples.coded_bits, rows, width, image_rows)
            found += [part.model for part in parts_of(unpack_arrangement(coded.streams[0], form))]
    return found


def with_streams(data: bytes, change: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """The file with one stream after the other changed."""
    parts = chunks_of(data)
    for place, (kind, body) in enumerate(parts):
        if kind not in (b"B", b"G"):
            continue
        band = unpack_band(body) if kind == b"B" else unpack_group(body)
        for number, stream in enumerate(band.streams):
            streams = (*band.streams[:number], change(stream), *band.streams[number + 1 :])
            changed = replace(band, streams=streams)
            packed = pack_band(changed) if isinstance(changed, CodedBand) else pack_group(changed)
            yield file_of([*parts[:place], (kind, packed), *parts[place + 1 :]], data)
