"""GIF files taken apart: the indices of each frame inside its LZW data, which is cut into blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.original import Literal, Part, SubBlocks, Window
from sofc.keepfile.gif_lzw import LEAST_BITS, MOST_BITS, compress, expand, explain
from sofc.keepfile.windows import window_bytes
from sofc.rows import FileRows

Image = npt.NDArray[Any] | FileRows
SIGNATURES = (b"GIF87a", b"GIF89a")
_HEAD_BYTES, _FRAME_BYTES = 13, 10
_EXTENSION, _FRAME = 0x21, 0x2C
_HAS_TABLE, _IS_INTERLACED, _TABLE_BITS = 0x80, 0x40, 0x07
# First row and row step of each pass of an interlaced frame.
_PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))
_ONCE = ((0, 1),)


class _Frame(NamedTuple):
    """A frame of a file: where it lies, the bits of its indices, and where its blocks stand, without the empty one at
    their end."""

    left: int
    top: int
    width: int
    height: int
    passes: tuple[tuple[int, int], ...]
    bits: int
    start: int
    lengths: tuple[int, ...]

    @property
    def end(self) -> int:
        """Where the blocks end."""
        return self.start + len(self.lengths) + sum(self.lengths)


def find_samples(data: bytes, images: Sequence[Image]) -> tuple[Part, ...] | None:
    """Parts that make a GIF file of one frame of its image, of indices; None where that cannot be done.

    Those of several frames are read as they are shown, one over the other.
    """
    frames = list(_frames(data))
    if len(frames) != 1 or len(images) != 1 or images[0].ndim != 2 or images[0].dtype != np.uint8:
        return None
    frame, image = frames[0], images[0]
    if frame.top + frame.height > image.shape[0] or frame.left + frame.width > image.shape[1]:
        return None
    windows = tuple(
        Window(
            0,
            -(-(frame.height - first) // step),
            frame.width,
            1,
            8,
            first_row=frame.top + first,
            row_step=step,
            first_column=frame.left,
        )
        for first, step in frame.passes
        if first < frame.height
    )
    made = b"".join(window_bytes(image, window) for window in windows)
    parts = _blocks(data, frame, windows, made)
    return None if parts is None else (Literal(data[: frame.start]), parts, Literal(data[frame.end :]))


def without_images(data: bytes, room: int) -> tuple[Part, ...] | None:
    """Parts that make a GIF file of the indices of its frames as they are; None where no frame is taken apart.

    ``room``: bytes that all indices may have; what is beyond stays compressed.
    """
    parts: list[Part] = []
    place = 0
    for frame in _frames(data):
        made = _blocks(data, frame) if frame.width * frame.height <= room else None
        if made is not None:
            room -= frame.width * frame.height
            parts += (Literal(data[place : frame.start]), made)
            place = frame.end
    return (*parts, Literal(data[place:])) if parts else None


def _frames(data: bytes) -> Iterator[_Frame]:
    """All frames up to where the file ends or is not sound."""
    if not data.startswith(SIGNATURES):
        return
    place = _after_table(data, _HEAD_BYTES, _HEAD_BYTES - 3)
    while place < len(data):
        if data[place] == _EXTENSION:
            lengths = _lengths(data, place + 2)
            if lengths is None:
                return
            place += 2 + len(lengths) + sum(lengths) + 1
            continue
        start = _after_table(data, place + _FRAME_BYTES, place + _FRAME_BYTES - 1) + 1
        if data[place] != _FRAME or start >= len(data):
            return
        lengths = _lengths(data, start)
        left, top, width, height = np.frombuffer(data, "<u2", 4, place + 1).tolist()
        if lengths is None or not width or not height:
            return
        passes = _PASSES if data[place + _FRAME_BYTES - 1] & _IS_INTERLACED else _ONCE
        frame = _Frame(left, top, width, height, passes, data[start - 1], start, lengths)
        yield frame
        place = frame.end + 1


def _after_table(data: bytes, place: int, flags: int) -> int:
    """Where a table of colours that stands at ``place``, if there is one, ends."""
    has_table = flags < len(data) and data[flags] & _HAS_TABLE
    return place + (3 << (data[flags] & _TABLE_BITS) + 1 if has_table else 0)


def _lengths(data: bytes, place: int) -> tuple[int, ...] | None:
    """Of the blocks that stand at ``place``, up to the empty one; None where the file ends before."""
    lengths = []
    while place < len(data) and (length := data[place]):
        lengths.append(length)
        place += 1 + length
    return tuple(lengths) if place < len(data) else None


def _blocks(data: bytes, frame: _Frame, parts: tuple[Part, ...] = (), made: bytes | None = None) -> SubBlocks | None:
    """What makes the blocks of a frame of ``parts``, which make ``made``, or of its indices as they are."""
    if not frame.lengths or not LEAST_BITS <= frame.bits <= MOST_BITS:
        return None
    pieces = np.frombuffer(data, np.uint8, frame.end - frame.start, frame.start)
    heads = np.concatenate(([0], np.cumsum(np.array(frame.lengths) + 1)[:-1]))
    packed = np.delete(pieces, heads).tobytes()
    expanded = expand(packed, frame.bits, frame.width * frame.height)
    indices = expanded.data.tobytes()
    if not indices or (made is not None and made != indices):
        return None
    found = explain(expanded, frame.bits, parts or (Literal(indices),))
    if found is None:
        return None
    again = compress(indices, found.bits, found.run, found.changes)
    if not packed.startswith(again):
        return None
    rest = packed[len(again) :]
    return SubBlocks(frame.lengths, (found, Literal(rest)) if rest else (found,))
