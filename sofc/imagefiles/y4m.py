"""YUV4MPEG2, as video programs pass frames through pipes: a line for all, then each frame's planes one by one.

Frames of 4:4:4 are images of three or four components. Of others, whose planes differ in size, each plane is an image:
luma, then the two of chroma. Nothing is converted.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.samples import Samples

MAGIC = b"YUV4MPEG2 "
FRAME = b"FRAME\n"
_HEAD_BYTES = 1 << 12
_SUBSAMPLED = {b"420": (2, 2), b"422": (2, 1), b"411": (4, 1)}
"""Columns and rows of luma for one of chroma."""
_COLOURS = re.compile(rb"(420|422|411|444alpha|444|mono)(?:p?(\d+)|jpeg|paldv|mpeg2)?")


class Video(NamedTuple):
    """``head``: the first line. ``images``: shapes (rows, columns) or (rows, columns, components) of those of a frame,
    which have samples of ``bits`` bits."""

    head: bytes
    images: tuple[tuple[int, ...], ...]
    bits: int

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of the samples in the file."""
        return np.dtype("u1" if self.bits <= 8 else "<u2")

    def start_of(self, index: int) -> int:
        """The first byte, behind the head, of image number ``index``; of the first of a frame its mark."""
        frames, inside = divmod(index, len(self.images))
        sizes = [self._size(shape) for shape in self.images]
        before = len(FRAME) + sum(sizes[:inside]) if inside else 0
        return frames * (len(FRAME) + sum(sizes)) + before

    def _size(self, shape: tuple[int, ...]) -> int:
        return math.prod(shape) * self.dtype.itemsize


def read_head(data: bytes, name: str = "the head") -> Video:
    """What the first line says. Raises FormatError, and UnsupportedError for colours that are not known here."""
    line, end, _ = data.partition(b"\n")
    fields = {field[:1]: field[1:] for field in line.split(b" ")[1:]}
    try:
        width, height = int(fields[b"W"]), int(fields[b"H"])
    except (KeyError, ValueError):
        width = height = 0
    if not line.startswith(MAGIC) or not end or min(width, height) < 1:
        raise FormatError(f"{name}: the first line of this Y4M file cannot be read")
    colours = fields.get(b"C", b"420")
    match = _COLOURS.fullmatch(colours)
    bits = int(match[2] or 8) if match else 0
    if match is None or not 8 <= bits <= 16:
        raise UnsupportedError(f"{name}: colours {colours.decode('latin-1')} of Y4M files are not known to sofc")
    images: tuple[tuple[int, ...], ...] = ((height, width),)
    if match[1].startswith(b"444"):
        images = ((height, width, 4 if match[1] == b"444alpha" else 3),)
    elif match[1] in _SUBSAMPLED:
        across, down = _SUBSAMPLED[match[1]]
        images += ((-(-height // down), -(-width // across)),) * 2
    return Video(line + end, images, bits)


def head_of(path: Path) -> Video:
    """That of a file. Raises FormatError."""
    with path.open("rb") as file:
        return read_head(file.read(_HEAD_BYTES), str(path))


def count(path: Path) -> int:
    """Images in a file: all planes of all frames, or all frames. Raises FormatError where the last one is cut off."""
    video = head_of(path)
    frames, rest = divmod(path.stat().st_size - len(video.head), video.start_of(len(video.images)))
    if rest:
        raise FormatError(f"{path}: the Y4M file ends inside frame {frames}, or a frame has parameters of its own")
    return frames * len(video.images)


def load(path: Path, index: int) -> Samples:
    """Image ``index``. Raises FormatError, and UnsupportedError where a frame has parameters of its own."""
    video = head_of(path)
    shape = video.images[index % len(video.images)]
    with path.open("rb") as file:
        frame = index - index % len(video.images)
        file.seek(len(video.head) + video.start_of(frame))
        mark = file.read(len(FRAME))
        if mark.startswith(FRAME[:-1] + b" "):
            raise UnsupportedError(
                f"{path}: a frame has parameters of its own, which would be lost; --keep-file keeps the file as it is"
            )
        if mark != FRAME:
            raise FormatError(f"{path}: there is no frame where number {frame // len(video.images)} should be")
        if index > frame:
            file.seek(len(video.head) + video.start_of(index))
        data = file.read(math.prod(shape) * video.dtype.itemsize)
    planes = np.frombuffer(data, video.dtype)
    if planes.size != math.prod(shape):
        raise FormatError(f"{path}: the Y4M file ends inside image {index}")
    if video.bits > 8 and int(planes.max()) >> video.bits:
        raise FormatError(f"{path}: image {index} has samples of more than the {video.bits} bits that the head says")
    samples = planes.astype(video.dtype.newbyteorder("="))
    if len(shape) == 3:
        samples = np.ascontiguousarray(np.moveaxis(samples.reshape(shape[2], *shape[:2]), 0, 2))
    meaning = Meaning.GRAY if len(shape) == 2 else Meaning.UNSPECIFIED
    return Samples(samples.reshape(shape), video.bits, meaning)
