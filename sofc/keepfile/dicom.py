"""The samples of a DICOM file whose frames are compressed as RLE Lossless (DICOM PS3.5, annex G)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy.typing as npt

from sofc.container.original import ITEM, Literal, Part, Window
from sofc.keepfile import runs
from sofc.keepfile.data import Data
from sofc.keepfile.windows import window_bytes
from sofc.rows import FileRows

Image = npt.NDArray[Any] | FileRows
_PIXEL_DATA = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
_HEAD = struct.Struct("<16I")
_MOST_SEGMENTS = 15


def find_samples(data: Data, images: Sequence[Image]) -> tuple[Part, ...] | None:
    """Parts that make ``data`` of its images; None where it is no such file, or something does not fit."""
    start = data.find(_PIXEL_DATA)
    if start < 0:
        return None
    frames = list(_items(data, start + len(_PIXEL_DATA)))[1:]  # behind the table of offsets
    if len(frames) != len(images):
        return None
    parts: list[Part] = []
    position = 0
    for number, ((begin, end), image) in enumerate(zip(frames, images, strict=True)):
        frame = _frame(data[begin:end], number, image)
        if frame is None:
            return None
        parts += [Literal(data[position:begin]), *frame]
        position = end
    return (*parts, Literal(data[position:]))


def _items(data: Data, place: int) -> Iterator[tuple[int, int]]:
    """Where the content of each item begins and ends."""
    while (head := data[place : place + len(ITEM) + 4]).startswith(ITEM):
        size = int.from_bytes(head[len(ITEM) :], "little")
        yield place + 8, place + 8 + size
        place += 8 + size


def _frame(data: bytes, number: int, image: Image) -> list[Part] | None:
    """A head and segments: the bytes of each component, the highest of all samples first."""
    if len(data) < _HEAD.size or image.dtype.kind not in "iu":
        return None
    segments, *starts = _HEAD.unpack_from(data)
    rows, columns = image.shape[:2]
    components = image.shape[2] if image.ndim == 3 else 1
    octets, rest = divmod(segments, components)
    if rest or not 1 <= segments <= _MOST_SEGMENTS or octets > image.dtype.itemsize:
        return None
    starts = [*starts[:segments], len(data)]
    if starts[0] < _HEAD.size or starts != sorted(starts):
        return None
    parts: list[Part] = [Literal(data[: starts[0]])]
    for segment in range(segments):
        component, octet = divmod(segment, octets)
        window = Window(number, rows, columns, 1, 8, shift=8 * (octets - 1 - octet), first_component=component)
        made = window_bytes(image, window)
        found = runs.find_samples(data[starts[segment] : starts[segment + 1]], (window,), made)
        if found is None:
            return None
        parts += found
    return parts
