"""Where the bits of a coded image went: how many each plane took, and how these lie over the image.

What a plane takes is what its stream has in the file. Within a stream no coder says which sample took how many bits:
how they lie is an estimate, by how often values as far from what their neighbours predict follow such neighbours in
this image. Of planes that a JPEG decoder made, blocks of coefficients take the place of samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.api.oneshot import encode
from sofc.api.reader import Reader, open_reader
from sofc.band.arrangement import Arrangement, Part, Split, Stepped, unpack_arrangement
from sofc.band.coding import to_planes
from sofc.band.core import CodedPlanes
from sofc.band.mapping import Mapping, read_table
from sofc.band.steps import Form
from sofc.codebook import Codebook
from sofc.coders.base import Coder, NamedCoder
from sofc.coders.dct.coder import DctCoder, find_coefficients
from sofc.coders.registry import CODERS, coder_for
from sofc.container import schema
from sofc.container.chunks import FILE_HEAD_SIZE, unpack_band, unpack_group, unpack_image_head
from sofc.container.records import FIRST_CODEBOOK_MODEL, CodedBand, CodedGroup, ImageHead
from sofc.container.walker import walk
from sofc.errors import UsageError
from sofc.imagefiles.samples import Samples
from sofc.jpeg.dct import SIDE, SIZE
from sofc.jpeg.origin import Origin
from sofc.limits import Limits
from sofc.planes import Plane

Bits = npt.NDArray[np.float64]
"""Bits of each sample, shape (rows, columns)."""
ELSEWHERE, HEADS = "parts that are scaled, turned or divided", "heads and tables"
_NEIGHBOURS = ((0, -1), (-1, -1), (-1, 0), (-1, 1), (0, -2), (-2, 0), (-2, -1), (-2, 1), (-1, 2), (-1, -2))
"""Rows and columns of those that predict a sample that is one of two values."""


@dataclass
class Spent:
    """What ``name`` took: ``size`` bytes, and where."""

    name: str
    size: int
    bits: Bits


def spent_on(image: Samples, codebook: Codebook | None, effort: int) -> list[Spent]:
    """What each plane of an image takes, coded with a codebook, or without with a built-in one, and all else; of parts
    that do not lie as the image does an estimate by its samples, of heads no place.

    Raises UsageError for samples of more than 16 bits, and what ``encode`` does.
    """
    settings: dict[str, Any] = {"declared_bits": image.declared_bits, "meaning": image.meaning, "effort": effort}
    data = encode(image.array, **settings) if codebook is None else encode(image.array, codebook=codebook, **settings)
    found: dict[str, Spent] = {}
    codebooks = None if codebook is None else {codebook.id: codebook}
    with open_reader(data, codebooks=codebooks) as reader:
        for head, coded in _coded(data):
            if head.header.format.wide is not None:
                raise UsageError("where bits went is drawn for samples of at most 16 bits")
            for name, size, bits, first in _of_band(head, coded, reader):
                spent = found.setdefault(name, Spent(name, 0, np.zeros(image.array.shape[:2])))
                spent.size += size
                spent.bits[first : first + len(bits)] += bits
    if ELSEWHERE in found:
        planes = to_planes(image.array, head.header.format)
        found[ELSEWHERE].bits = _scaled(sum(map(of_samples, planes)), found[ELSEWHERE].size)  # type: ignore[arg-type]
    heads = len(data) - sum(spent.size for spent in found.values())
    return [*found.values(), Spent(HEADS, heads, np.zeros(image.array.shape[:2]))]


def _coded(data: bytes) -> Iterator[tuple[ImageHead, CodedBand | CodedGroup]]:
    """The bands of a file of one image, or its group."""
    head = None
    for chunk in walk(lambda first, size: data[first : first + size], FILE_HEAD_SIZE, Limits().max_chunk_bytes):
        if chunk.type == schema.IMAGE_HEAD:
            head = unpack_image_head(chunk.body)
        elif chunk.type in (schema.BAND, schema.GROUP):
            assert head is not None, "samples stand behind the head of their image"
            yield head, unpack_band(chunk.body) if chunk.type == schema.BAND else unpack_group(chunk.body)


def _of_band(head: ImageHead, coded: CodedBand | CodedGroup, reader: Reader) -> Iterator[tuple[str, int, Bits, int]]:
    """What the planes of a band take and where, and its first row; zeros of parts that do not lie as the image does."""
    rows, first = (coded.rows, coded.first_row) if isinstance(coded, CodedBand) else (head.header.height or 1, 0)
    samples = head.header.format
    form = Form(samples.components, samples.coded_bits, rows, head.header.width, rows)
    streams = coded.streams
    parts = [(Part(head.codebook, coded.model, coded.mapping, len(streams)), form, 0)]
    if coded.mapping == Mapping.ARRANGED:
        streams = streams[1:]
        parts = list(_parts(unpack_arrangement(coded.streams[0], form), form, 0))
    for part, own, component in parts:
        own_streams, streams = streams[: part.streams], streams[part.streams :]
        if own.rows == rows and own.width == form.width:
            one = CodedPlanes(part.model, part.mapping, own_streams)
            for name, size, bits in _of_part(one, own, reader.codebook(part.codebook), component):
                yield name, size, bits, first
        else:
            yield ELSEWHERE, sum(map(len, own_streams)), np.zeros((rows, form.width)), first


def _parts(arrangement: Arrangement, form: Form, component: int) -> Iterator[tuple[Part, Form, int]]:
    """The parts of an arrangement, each with its form and the number of its first component.

    Those of divided images have no rows: where their samples lie is another matter.
    """
    if isinstance(arrangement, Part):
        yield arrangement, form, component
    elif isinstance(arrangement, Split):
        count = arrangement.components
        yield from _parts(arrangement.first, replace(form, components=count), component)
        yield from _parts(arrangement.rest, replace(form, components=form.components - count), component + count)
    elif isinstance(arrangement, Stepped):
        yield from _parts(arrangement.core, arrangement.step.core(form), component)
    else:
        for part in (arrangement.first, arrangement.rest):
            yield from _parts(part, replace(form, rows=0), component)


def _of_part(
    coded: CodedPlanes, form: Form, codebook: Codebook | None, component: int
) -> Iterator[tuple[str, int, Bits]]:
    table = read_table(coded.mapping, coded.streams, form.format)
    transform, coder = coder_for(codebook, coded.model, table.format)
    ranges = transform.ranges(table.format.components, table.format.coded_bits)
    planes = coder.decode(table.rest, ranges, form.rows, form.width, form.rows)
    found = find_coefficients(planes, ranges, form.rows, coder.planes) if isinstance(coder, DctCoder) else None
    origins: Sequence[Origin] = found[0].origins if found else ()
    for number, (plane, stream) in enumerate(zip(planes, table.rest, strict=True)):
        bits = of_blocks(origins[number], plane.shape) if number < len(origins) else of_samples(plane)
        name = f"plane {component + number}, {_way(coded.model, coder, codebook)}"
        yield name, len(stream), _scaled(bits, len(stream))


def _way(number: int, coder: Coder, codebook: Codebook | None) -> str:
    """A model in words."""
    if isinstance(coder, NamedCoder):
        return f"coder {coder.name}"
    if codebook is None or number < FIRST_CODEBOOK_MODEL:
        return f"neutral model {number}"
    return f"coder {CODERS[codebook.models[number - FIRST_CODEBOOK_MODEL].coder].name}"


def _scaled(bits: Bits, size: int) -> Bits:
    """The same that make ``size`` bytes together."""
    total = float(bits.sum())
    return bits * (8 * size / total) if total > 0 else np.full(bits.shape, 8 * size / bits.size)


def _lengths(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Bits that the absolute values have."""
    lengths: npt.NDArray[np.int64] = np.frexp(np.abs(values).astype(np.float64))[1].astype(np.int64)
    return lengths


def _surprise(symbols: npt.NDArray[np.int64], contexts: npt.NDArray[np.int64]) -> Bits:
    """Bits that each symbol takes, by how often it is there among those of its context."""
    size = int(symbols.max(initial=0)) + 1
    counts = np.bincount((contexts * size + symbols).ravel(), minlength=(int(contexts.max(initial=0)) + 1) * size)
    counts = counts.reshape(-1, size).astype(np.float64)
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    bits: Bits = -np.log2(np.maximum(share, 1e-9))[contexts, symbols]
    return bits


def of_samples(plane: Plane) -> Bits:
    """An estimate of the bits of each sample of a plane: what it differs from the median of its neighbours W and N and
    their sum without NW, by how much those differ."""
    around = np.pad(plane.astype(np.int64), 2, mode="edge")

    def at(row: int, column: int) -> npt.NDArray[np.int64]:
        return around[2 + row : 2 + row + plane.shape[0], 2 + column : 2 + column + plane.shape[1]]

    if int(plane.max()) - int(plane.min()) <= 1:
        bits = [(at(*place) > plane.min()).astype(np.int64) << k for k, place in enumerate(_NEIGHBOURS)]
        return _surprise((plane > plane.min()).astype(np.int64), np.sum(bits, axis=0))
    west, north, corner, east = at(0, -1), at(-1, 0), at(-1, -1), at(-1, 1)
    predicted = np.clip(west + north - corner, np.minimum(west, north), np.maximum(west, north))
    sizes = _lengths(plane - predicted)
    activity = np.abs(west - corner) + np.abs(north - corner) + np.abs(north - east)
    return _surprise(sizes, _lengths(activity)) + sizes


def of_blocks(origin: Origin, shape: tuple[int, ...]) -> Bits:
    """The same of a plane that a JPEG decoder made, all samples of a block alike: the sizes of its coefficients, by
    those of the blocks above and to the left."""
    values = origin.coefficients.astype(np.int64)
    values[:, 1:, 0] -= origin.coefficients[:, :-1, 0]  # means are predicted by the one before
    sizes = _lengths(values)
    before = np.pad(sizes, ((1, 0), (1, 0), (0, 0)))
    near = np.minimum(7, before[:-1, 1:] + before[1:, :-1])
    blocks = (_surprise(sizes, near + 8 * np.arange(SIZE)) + sizes).sum(axis=2)
    down, across, top, left = origin.grid[:4]
    area = SIDE * SIDE * down * across
    spread = np.repeat(np.repeat(blocks / area, SIDE * down, axis=0), SIDE * across, axis=1)
    return spread[top : top + shape[0], left : left + shape[1]]
