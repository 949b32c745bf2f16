"""JPEG data made from the samples that were decoded from it (ITU-T T.81, baseline and extended sequential, 8 bits).

Its heads are kept. The coefficients are estimated from the samples by the transforms that an encoder would use; what
the estimates miss, because samples were rounded, clipped or cropped, is kept as corrections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.dct.kernel import ORDER
from sofc.container.original import CONVERTED, SETTLED, Jpeg, Literal, Part
from sofc.errors import FormatError, SofcError
from sofc.imagefiles.source import JPEG
from sofc.jpeg import scan
from sofc.jpeg.dct import SIDE, SIZE
from sofc.jpeg.headers import Component, DamagedError, Frame, read_heads
from sofc.jpeg.settle import FINE, REST_BITS, settle

Image = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]
Coefficients = npt.NDArray[np.int32]
Plane = npt.NDArray[np.int32]

ZIGZAG = ORDER[::-1]
"""Place of each coefficient of the zigzag order in a block, 8 * vertical + horizontal frequency."""

COLOUR_BITS = 16
MIDDLE, COLOURS = 128, 3
COLOUR = np.array([[19595, 38470, 7471], [-11059, -21709, 32768], [32768, -27439, -5329]], np.int32)
"""Luminance and the two chrominances of red, green and blue (ITU-T T.871), in 2**-COLOUR_BITS."""
POINT = 8
"""Bits behind the point of the planes that the transform starts from."""
BASIS_BITS = 13
_COSINES = (2896, 4017, 3784, 3406, 2896, 2276, 1567, 799)
"""Half the cosines of 0 to 7 sixteenths of a half turn, the first over the root of 2, in 2**-BASIS_BITS."""
MOST_CORRECTIONS = 4
"""Where more than one of so many coefficients is to be corrected, the samples came out of other data."""
SHARPENINGS = 8
"""Steps in which what was between two samples of a component is taken out of both."""


def _basis() -> Integers:
    """The discrete cosine transform of eight samples: (frequency, sample)."""
    result = np.empty((SIDE, SIDE), np.int64)
    for frequency in range(SIDE):
        for sample in range(SIDE):
            # Cosines of all angles by those of the first quarter turn.
            angle = (2 * sample + 1) * frequency % 32
            angle = min(angle, 32 - angle)
            folded = min(angle, 16 - angle)
            size = _COSINES[folded] if folded < SIDE else 0
            result[frequency, sample] = size if angle <= SIDE else -size
    result[0] = _COSINES[0]
    return result


BASIS = _basis()
WAVES = (np.einsum("ux,vy->uvxy", BASIS, BASIS).reshape(SIZE, SIZE)[ZIGZAG] + (1 << 15)) >> (2 * BASIS_BITS - REST_BITS)
"""The samples that a coefficient of 1 adds to a block, in 2**-REST_BITS: (coefficient in zigzag order, sample)."""


def _estimate(image: Image, frame: Frame, flags: int) -> Coefficients:
    """The blocks of the scan, as the samples make them likely. Raises DamagedError where they do not fit."""
    samples = _samples(image, frame)
    convert = flags & CONVERTED
    if convert and len(frame.components) != COLOURS:
        raise DamagedError
    down, across = frame.units
    pieces: list[Coefficients] = []
    real: list[npt.NDArray[np.bool_]] = []
    for number, component in enumerate(frame.components):
        if frame.most_down % component.down or frame.most_across % component.across:
            raise DamagedError
        plane = _converted(samples, number) if convert else samples[..., number].astype(np.int32) - MIDDLE
        v, h = frame.most_down // component.down, frame.most_across // component.across
        plane = _reduced(_reduced(plane << POINT, v).T, h).T
        blocks = _transformed(plane, component.steps, settles=v * h == 1 and flags & SETTLED != 0)
        room = np.zeros((down * component.down, across * component.across, SIZE), np.int32)
        room[: len(blocks), : blocks.shape[1]] = blocks
        inside = np.zeros(room.shape[:2], np.bool_)
        inside[: len(blocks), : blocks.shape[1]] = True
        pieces.append(_in_units(room, component))
        real.append(_in_units(inside, component))
    result: Coefficients = np.concatenate(pieces, axis=1)
    # Blocks that lie outside the image have the first coefficient of the block before, and no others.
    outside = ~np.concatenate(real, axis=1)
    for member in range(1, outside.shape[1]):
        there = outside[:, member]
        result[there, member, 0] = result[there, member - 1, 0]
    return np.ascontiguousarray(result.reshape(-1, SIZE))


def _samples(image: Image, frame: Frame) -> npt.NDArray[np.uint8]:
    """The samples (rows, columns, components) of an image that heads are of. Raises DamagedError for another."""
    samples = image.reshape(*image.shape[:2], -1)
    if samples.shape != (frame.rows, frame.columns, len(frame.components)) or image.dtype != np.uint8:
        raise DamagedError
    return samples


def _converted(samples: Image, number: int) -> Plane:
    """Luminance or a chrominance of red, green and blue, from -MIDDLE up: what the colours were made from."""
    total = np.full(samples.shape[:2], 1 << (COLOUR_BITS - 1), np.int32)
    for weight, colour in zip(COLOUR[number], np.moveaxis(samples, 2, 0), strict=True):
        total += weight * colour
    total >>= COLOUR_BITS
    return total if number else total - MIDDLE


def _in_units(blocks: npt.NDArray[Any], component: Component) -> npt.NDArray[Any]:
    """Blocks (rows, columns, ...) in the order of the scan: (units, blocks of a unit, ...)."""
    rows, columns, *rest = blocks.shape
    down, across = rows // component.down, columns // component.across
    cut = blocks.reshape(down, component.down, across, component.across, *rest).swapaxes(1, 2)
    return cut.reshape(down * across, component.down * component.across, *rest)


def _reduced(plane: Plane, factor: int) -> Plane:
    """Of every ``factor`` rows one: their mean, or what T.81's usual interpolation made two rows of."""
    if factor == 1:
        return plane
    filled = np.concatenate([plane, np.repeat(plane[-1:], -len(plane) % factor, axis=0)])
    means: Plane = filled.reshape(-1, factor, plane.shape[1]).sum(axis=1, dtype=np.int32) // factor
    if factor != 2:
        return means
    result = means
    for _ in range(SHARPENINGS):
        north = np.concatenate([result[:1], result[:-1]])
        south = np.concatenate([result[1:], result[-1:]])
        result = result + means - ((6 * result + north + south) >> 3)
    return result


def _transformed(plane: Plane, steps: Integers, *, settles: bool) -> Coefficients:
    """Quantised coefficients of a component, its edges repeated: (rows of blocks, columns, 64) in zigzag order.

    ``settles``: the plane has the very samples of the component, so that wrong coefficients show.
    """
    rows, columns = -(-plane.shape[0] // SIDE), -(-plane.shape[1] // SIDE)
    spare = [(0, SIDE * rows - plane.shape[0]), (0, SIDE * columns - plane.shape[1])]
    blocks = np.pad(plane, spare, mode="edge").reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
    unit = steps << (POINT + 2 * BASIS_BITS)
    result = np.empty((rows, columns, SIZE), np.int32)
    for row, narrow in enumerate(blocks):  # a row at a time, since in between numbers take eight bytes
        line = narrow.astype(np.int64)
        values = (BASIS @ line @ BASIS.T).reshape(columns, SIZE)[:, ZIGZAG]
        result[row] = (values + (unit >> 1)) // unit
        if settles and steps.min() <= FINE:
            drawn = np.empty((columns, SIZE), np.int64)
            drawn[:, ZIGZAG] = result[row] * steps
            drawn = BASIS.T @ drawn.reshape(line.shape) @ BASIS
            rests = ((line << (2 * BASIS_BITS - POINT)) - drawn) >> (2 * BASIS_BITS - REST_BITS)
            settle(result[row], rests.reshape(columns, SIZE), steps, WAVES)
    return result


def _pack_corrections(difference: Coefficients) -> bytes:
    """VarInts: twice the way from coefficient to coefficient; one is added there, or, where it is odd, subtracted."""
    flat = difference.ravel()
    places = np.flatnonzero(flat)
    sizes = np.abs(flat[places]).astype(np.int64)
    numbers = np.repeat((flat[places] < 0).astype(np.int64), sizes)
    numbers[np.cumsum(sizes) - sizes] += 2 * np.diff(places, prepend=0)
    groups = numbers[:, None] >> (7 * np.arange(_GROUPS))
    kept = groups > 0
    kept[:, 0] = True
    packed: npt.NDArray[np.uint8] = (groups & 127 | (groups > 127) << 7).astype(np.uint8)[kept]
    return packed.tobytes()


_GROUPS = 5
"""Bytes of a VarInt, at most."""


def _correct(blocks: Coefficients, corrections: bytes) -> None:
    """Apply what ``_pack_corrections`` made. Raises DamagedError."""
    if not corrections:
        return
    if len(corrections) > _GROUPS * (blocks.size // MOST_CORRECTIONS):
        raise DamagedError
    data = np.frombuffer(corrections, np.uint8).astype(np.int64)
    ends = data < 128
    starts = np.flatnonzero(np.concatenate([[True], ends[:-1]]))
    place = np.arange(len(data)) - np.repeat(starts, np.diff(starts, append=len(data)))
    if not ends[-1] or int(place.max()) >= _GROUPS:
        raise DamagedError
    numbers = np.add.reduceat((data & 127) << (7 * place), starts)
    places = np.cumsum(numbers >> 1)
    if int(places[-1]) >= blocks.size:
        raise DamagedError
    np.add.at(blocks.reshape(-1), places, (1 - 2 * (numbers & 1)).astype(np.int32))


def jpeg_bytes(image: Image, part: Jpeg, most: int) -> bytes:
    """What a part stands for, at most so many bytes. Raises FormatError where its heads and the image do not go
    together."""
    frame, end = read_heads(part.heads, 0)
    if end != len(part.heads) or part.padding > 1 or part.flags & ~(CONVERTED | SETTLED):
        raise DamagedError
    blocks = _estimate(image, frame, part.flags)
    _correct(blocks, part.corrections)
    return part.heads + _encoded(frame, blocks, part.padding, most)


LARGEST = 8
"""Bytes of a coefficient, at most."""
_SLACK = 1 << 10


def _encoded(frame: Frame, blocks: Coefficients, padding: int, most: int) -> bytes:
    buffer = np.zeros(min(most, LARGEST * blocks.size) + _SLACK, np.uint8)
    size: int = scan.encode_scan(
        blocks,
        frame.members,
        frame.tables,
        frame.restart,
        padding,
        frame.codes,
        frame.lengths,
        buffer,
        np.zeros(3, np.int64),
        np.zeros(len(frame.components), np.int64),
    )
    if not 0 <= size <= most:
        raise FormatError("JPEG data of the original file is longer than the file, or has no code for a coefficient")
    return buffer[:size].tobytes()


def find_samples(data: bytes, images: Sequence[Image]) -> tuple[Part, ...] | None:
    """Parts that make ``data``, which holds each image as JPEG data, one after the other; None where it does not."""
    parts: list[Part] = []
    position = 0
    content = np.frombuffer(bytearray(data), np.uint8)
    for number, image in enumerate(images):
        for start in _starts(data, position):
            try:
                part, end = _find(data, content, start, number, image)
                break
            except SofcError:
                continue
        else:
            return None
        if start > position:
            parts.append(Literal(data[position:start]))
        parts.append(part)
        position = end
    return (*parts, Literal(data[position:])) if position < len(data) else tuple(parts)


def _starts(data: bytes, position: int) -> Iterator[int]:
    while (position := data.find(JPEG, position)) >= 0:
        yield position
        position += 1


def _find(data: bytes, content: npt.NDArray[np.uint8], start: int, number: int, image: Image) -> tuple[Jpeg, int]:
    """The part for the JPEG data at ``start``, and where it ends. Raises FormatError where there is none.

    ``content`` is ``data`` as an array.
    """
    frame, first = read_heads(data, start)
    _samples(image, frame)
    blocks = frame.blocks()
    end: int = scan.decode_scan(
        content,
        first,
        frame.members,
        frame.tables,
        frame.restart,
        frame.lookup(),
        blocks,
        np.zeros(3, np.int64),
        np.zeros(len(frame.components), np.int64),
    )
    if end < 0:
        raise DamagedError
    for padding in (1, 0):
        if _encoded(frame, blocks, padding, end - first) == data[first:end]:
            break
    else:
        raise DamagedError
    ways = (CONVERTED, 0) if len(frame.components) == COLOURS else (0,)
    difference, flags = min((_missed(blocks, image, frame, way) for way in ways), key=_count)
    difference, flags = min((difference, flags), _missed(blocks, image, frame, flags | SETTLED), key=_count)
    if int(np.abs(difference).sum()) > blocks.size // MOST_CORRECTIONS:
        raise DamagedError
    return Jpeg(number, flags, padding, data[start:first], _pack_corrections(difference)), end


def _missed(blocks: Coefficients, image: Image, frame: Frame, flags: int) -> tuple[Coefficients, int]:
    """What an estimate lacks, and its flags."""
    return blocks - _estimate(image, frame, flags), flags


def _count(missed: tuple[Coefficients, int]) -> int:
    return int(np.count_nonzero(missed[0]))
