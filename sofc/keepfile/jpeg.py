"""JPEG data made from the samples that were decoded from it (ITU-T T.81, baseline and extended sequential, 8 bits).

Its heads are kept. The coefficients are estimated from the samples; what the estimates miss, because samples were
rounded, clipped or cropped, is kept as corrections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from sofc.container.original import CONVERTED, SETTLED, Jpeg, Literal, Part
from sofc.errors import FormatError, SofcError
from sofc.imagefiles.source import JPEG
from sofc.jpeg.estimate import CHANNELS, Image, estimate, samples_of
from sofc.jpeg.headers import Blocks, DamagedError, Frame, read_heads

MOST_CORRECTIONS = 4
"""Where more than one of so many coefficients is to be corrected, the samples came out of other data."""
GROUPS = 5
"""Bytes of a VarInt, at most."""


def _estimate(image: Image, frame: Frame, flags: int) -> Blocks:
    return estimate(image, frame, converted=bool(flags & CONVERTED), settled=bool(flags & SETTLED))


def _pack_corrections(difference: Blocks) -> bytes:
    """VarInts: twice the way from coefficient to coefficient; one is added there, or, where it is odd, subtracted."""
    flat = difference.ravel()
    places = np.flatnonzero(flat)
    sizes = np.abs(flat[places]).astype(np.int64)
    numbers = np.repeat((flat[places] < 0).astype(np.int64), sizes)
    numbers[np.cumsum(sizes) - sizes] += 2 * np.diff(places, prepend=0)
    groups = numbers[:, None] >> (7 * np.arange(GROUPS))
    kept = groups > 0
    kept[:, 0] = True
    packed: npt.NDArray[np.uint8] = (groups & 127 | (groups > 127) << 7).astype(np.uint8)[kept]
    return packed.tobytes()


def _correct(blocks: Blocks, corrections: bytes) -> None:
    """Apply what ``_pack_corrections`` made. Raises DamagedError."""
    if not corrections:
        return
    if len(corrections) > GROUPS * (blocks.size // MOST_CORRECTIONS):
        raise DamagedError
    data = np.frombuffer(corrections, np.uint8).astype(np.int64)
    ends = data < 128
    starts = np.flatnonzero(np.concatenate([[True], ends[:-1]]))
    place = np.arange(len(data)) - np.repeat(starts, np.diff(starts, append=len(data)))
    if not ends[-1] or int(place.max()) >= GROUPS:
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
    data = frame.write_scan(blocks, part.padding, most)
    if data is None:
        raise FormatError("JPEG data of the original file is longer than the file, or has no code for a coefficient")
    return part.heads + data


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
    samples_of(image, frame)
    blocks, end = frame.read_scan(content, first)
    paddings = [bit for bit in (1, 0) if frame.write_scan(blocks, bit, end - first) == data[first:end]]
    if not paddings:
        raise DamagedError

    def missed(flags: int) -> tuple[int, Blocks, int]:
        difference = blocks - _estimate(image, frame, flags)
        return int(np.count_nonzero(difference)), difference, flags

    def count(found: tuple[int, Blocks, int]) -> int:
        return found[0]

    best = min((missed(flags) for flags in ((CONVERTED, 0) if len(frame.components) == CHANNELS else (0,))), key=count)
    _, difference, flags = min((best, missed(best[2] | SETTLED)), key=count)
    if int(np.abs(difference).sum()) > blocks.size // MOST_CORRECTIONS:
        raise DamagedError
    return Jpeg(number, flags, paddings[0], data[start:first], _pack_corrections(difference)), end
