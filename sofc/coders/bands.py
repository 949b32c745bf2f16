"""One band or group: samples to streams and back, with the check of its samples."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.codebook.builtin import is_builtin
from sofc.coders.base import Coder
from sofc.coders.dct import DctCoder
from sofc.coders.dct.coder import find_coefficients
from sofc.coders.mapping import Mapped, Mapping, mapped, read_table
from sofc.coders.raw import RawCoder
from sofc.coders.registry import FIRST_CODEBOOK_MODEL, RAW_MODEL, coder_for, of_coefficients
from sofc.errors import ChecksumError, FormatError, LimitError, SofcError
from sofc.image import PixelFormat
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import NONE, Transform

Samples = npt.NDArray[Any]
"""Shape (rows, width) for one component, (rows, width, components) for more."""

PIECE, PIECE_SHARE = 1 << 14, 16
"""Models are compared on so many samples of one plane, or, where that is more, on this part of them."""
TILE = 32
RUN = 4
LEAST_SHARE, SURE_SHARE, SURE_SIZE = 0.25, 0.6, 1 << 15
"""Where fewer samples come out of coefficients they are not worth coding, where more do, of so many in all, nothing
else is as small."""


def sample_bytes(samples: Samples, pixel_format: PixelFormat) -> memoryview:
    """The canonical serialisation that checks and digests are taken of; it may be the samples' own memory.

    Interleaved, row by row, little-endian, two's complement where signed, one byte a sample if
    coded_bits <= 8, else two.
    """
    kind = "i" if pixel_format.signed else "u"
    stored = np.ascontiguousarray(samples, f"<{kind}{1 if pixel_format.coded_bits <= 8 else 2}")
    return stored.reshape(-1).data


def to_planes(samples: Samples, pixel_format: PixelFormat) -> list[Plane]:
    """One int32 plane for each component, signed samples shifted to 0 .. 2**coded_bits - 1."""
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
    samples = np.empty((*planes[0].shape, len(planes)), pixel_format.dtype_name)
    for component, plane in enumerate(planes):
        samples[:, :, component] = plane
    return samples


def encode_band(
    samples: Samples,
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    choose: Callable[[PixelFormat, int], Sequence[int]],
    *,
    image_rows: int,
    verify: bool,
) -> tuple[int, int, tuple[bytes, ...], int]:
    """Code samples that lie in the format's range: the model used, the check, the streams and the mapping.

    ``choose`` gives the models for a format and a number of images, best first; the last suits any. Of several models
    of the codebook, and of the samples and their mappings, those are used that code a piece of the samples smallest; a
    trained codebook's first model is always tried on all samples. Where raw is smaller, raw is used. ``verify`` decodes
    the result and raises SofcError if it is not what went in.

    Where nearly all samples come out of a JPEG decoder's coefficients, those are coded and nothing else is tried.
    """
    planes = to_planes(samples, pixel_format)
    rows, width = planes[0].shape
    check = zlib.crc32(sample_bytes(samples, pixel_format))
    ways = _recovered(planes, pixel_format, codebook, choose, image_rows)
    if not ways or ways[0].share < SURE_SHARE or planes[0].size < SURE_SIZE:
        ways += _ways(planes, pixel_format, codebook, choose, image_rows)
    coded = [(way, way.streams(image_rows)) for way in ways]
    way, streams = min(coded, key=lambda one: sum(map(len, one[1])))
    model, mapping = way.model, way.view.mapping
    raw_size = len(planes) * ((rows * width * pixel_format.coded_bits + 7) // 8)
    if sum(map(len, streams)) > raw_size:
        model, mapping = RAW_MODEL, Mapping.NONE
        streams = tuple(RawCoder().encode(planes, NONE.ranges(len(planes), pixel_format.coded_bits), image_rows))
    if verify:
        try:
            decode_band(
                model,
                streams,
                check,
                pixel_format,
                codebook,
                rows=rows,
                width=width,
                image_rows=image_rows,
                mapping=mapping,
            )
        except SofcError as error:
            raise SofcError(f"a coded band does not decode to its samples: please report this ({error})") from error
    return model, check, streams, mapping


class _Way(NamedTuple):
    """A way to code planes: a view of them, and a model for it."""

    view: Mapped
    model: int
    transform: Transform
    coder: Coder
    transformed: list[Plane] | None = None

    @property
    def share(self) -> float:
        """How much of the samples comes out of coefficients, where those are coded."""
        found = self.coder.recovered if isinstance(self.coder, DctCoder) else None
        return found.share if found else 0

    def streams(self, image_rows: int) -> tuple[bytes, ...]:
        """The streams of the table, if any, and of all planes."""
        planes = self.transform.forward(self.view.planes) if self.transformed is None else self.transformed
        return (*self.view.table, *self.coder.encode(planes, self._ranges, image_rows))

    def size(self, image_rows: int) -> float:
        """About their bytes, judged by a piece."""
        piece, piece_rows = cut_piece(self.view.planes, image_rows)
        streams = self.coder.encode(self.transform.forward(piece), self._ranges, piece_rows)
        share = piece[0].size / self.view.planes[0].size
        return sum(map(len, self.view.table)) + sum(map(len, streams)) / share

    @property
    def _ranges(self) -> list[PlaneRange]:
        return self.transform.ranges(self.view.format.components, self.view.format.coded_bits)


def _recovered(
    planes: list[Plane],
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    choose: Callable[[PixelFormat, int], Sequence[int]],
    image_rows: int,
) -> list[_Way]:
    """The ways to code planes as a JPEG decoder's coefficients: none where it made none, or there is no model."""
    models = of_coefficients(codebook, choose(pixel_format, len(planes[0]) // image_rows))
    if not models:
        return []
    # One transform goes with the format, and how the planes were made does not depend on the model.
    transform = next(iter(models.values()))
    transformed = transform.forward(planes)
    if not transform.suits(transformed):
        return []
    ranges = transform.ranges(pixel_format.components, pixel_format.coded_bits)
    found = find_coefficients(transformed, ranges, image_rows, len(ranges) - transform.corrections)
    if found is None or found.share < LEAST_SHARE:
        return []
    view = Mapped(Mapping.NONE, pixel_format, planes, ())
    coders = [(number, coder_for(codebook, number, pixel_format)[1]) for number in models]
    return [
        _Way(view, number, transform, DctCoder(coder.models, found), transformed)
        for number, coder in coders
        if isinstance(coder, DctCoder)
    ]


def _ways(
    planes: list[Plane],
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    choose: Callable[[PixelFormat, int], Sequence[int]],
    image_rows: int,
) -> list[_Way]:
    """The ways to code planes that are worth trying in full."""
    view = Mapped(Mapping.NONE, pixel_format, planes, ())
    images = len(planes[0]) // image_rows
    everything = codebook is not None and is_builtin(codebook)
    # What a trained codebook learned of the relation between components does not hold for numbers in tables.
    views = list(mapped(planes, pixel_format)) if everything or (codebook and len(planes) == 1) else [view]
    found = [_suitable(view, codebook, choose(view.format, images), image_rows) for view in views]
    if not everything and len(views) > 1:
        # Of a trained codebook's models, the first tells which view to take.
        found = [min(found, key=lambda ways: ways[0].size(image_rows))]
    rivals = [way for ways in found for way in ways]
    if len(rivals) == 1 or planes[0].size <= PIECE:
        # Of so few samples a piece would be all.
        return rivals
    best = min(rivals, key=lambda rival: rival.size(image_rows))
    # In a piece, little is learned: what models of the collection learn as they go shows in full only.
    return [best] if everything or best is rivals[0] else [rivals[0], best]


def _suitable(view: Mapped, codebook: Codebook | None, models: Sequence[int], image_rows: int) -> list[_Way]:
    """The ways to code a view: with all models whose transforms suit it, where the codebook is built in.

    Without a codebook with the first such model; with another codebook, with its own, and where one with a narrow
    transform suits, not with wide ones. The last model suits anything.
    """
    piece, _ = cut_piece(view.planes, image_rows)
    found: list[_Way] = []
    coefficients = of_coefficients(codebook, models)
    for model in models:
        if model in coefficients:
            continue
        transform, coder = coder_for(codebook, model, view.format)
        if found and (codebook is None or not is_builtin(codebook)):
            narrow = found[0].transform.bits is not None
            if model < FIRST_CODEBOOK_MODEL or (narrow and transform.bits is None):
                continue
        if transform.suits(transform.forward(piece)):
            found.append(_Way(view, model, transform, coder))
    return found


def cut_piece(planes: Sequence[Plane], image_rows: int) -> tuple[list[Plane], int]:
    """Tiles of at most 32 x 32 samples from all over the planes, one below the other, and their height.

    They begin at multiples of 8 rows and columns, so that all keep their place in the grid that JPEG leaves; of several
    images RUN that follow each other give theirs from the same place. Planes of at most PIECE samples are given back
    whole.
    """
    rows, width = planes[0].shape
    wanted = max(PIECE, rows * width // PIECE_SHARE)
    if rows * width <= wanted:
        return list(planes), image_rows
    height, breadth = min(TILE, image_rows), min(TILE, width)
    tiles = wanted // (height * breadth)
    images = rows // image_rows
    run = min(images, RUN)
    runs = max(1, tiles // run)
    tiles = runs * run
    places = []
    for tile in range(tiles):
        place = tile // run
        across, down = 2 * place + 1, 2 * (3 * place % runs) + 1
        top = (image_rows - height) * down // (2 * runs) & ~7
        left = (width - breadth) * across // (2 * runs) & ~7
        image = place * (images - run) // max(1, runs - 1) + tile % run
        places.append((image * image_rows + top, left))
    piece = [
        np.concatenate([plane[top : top + height, left : left + breadth] for top, left in places]) for plane in planes
    ]
    return piece, height


def decode_band(
    model: int,
    streams: Sequence[bytes],
    check: int,
    pixel_format: PixelFormat,
    codebook: Codebook | None,
    *,
    rows: int,
    width: int,
    image_rows: int,
    mapping: int = Mapping.NONE,
) -> Samples:
    """The samples, shape (rows, width) or (rows, width, components), verified against ``check``.

    Raises FormatError where a stream breaks the rules, ChecksumError where the samples are not those that
    were coded, CodebookError and UnsupportedError as ``coder_for`` does.
    """
    table = read_table(mapping, streams, pixel_format)
    transform, coder = coder_for(codebook, model, table.format)
    ranges = transform.ranges(table.format.components, table.format.coded_bits)
    if len(table.rest) != len(ranges):
        raise FormatError(f"a band of {len(ranges)} planes has {len(table.rest)} streams")
    try:
        planes = transform.inverse(coder.decode(table.rest, ranges, rows, width, image_rows))
    except MemoryError:
        raise LimitError(
            f"a band of {rows} rows and {width} columns needs more memory than there is: decode it where there is more"
        ) from None
    if transform is not NONE:
        _check_range(planes, table.format)
    if mapping != Mapping.NONE:
        planes = table.restore(planes)
    samples = from_planes(planes, pixel_format)
    if zlib.crc32(sample_bytes(samples, pixel_format)) != check:
        raise ChecksumError("the samples of a band do not match their check")
    return samples


def _check_range(planes: Sequence[Plane], pixel_format: PixelFormat) -> None:
    """A damaged stream can combine planes, each in its range, to samples outside theirs."""
    top = (1 << pixel_format.coded_bits) - 1
    if any(int(plane.min()) < 0 or int(plane.max()) > top for plane in planes):
        raise FormatError("the component transform gives samples outside the image's range")
