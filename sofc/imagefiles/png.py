"""PNG files through Pillow, with all bits of 16-bit colour, which Pillow itself cuts to 8."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.imagefiles import exact
from sofc.imagefiles.pillow import opened, unbounded
from sofc.imagefiles.samples import Samples
from sofc.rows import FileRows

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DATA = b"IDAT"
_APPLE = b"CgBI"
_KNOWN = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
"""Chunks without which there are no samples; a decoder that meets another such one must stop (PNG, 5.4)."""
_FRAME, _LAST = b"fcTL", b"IEND"
_OF_FRAMES = (b"acTL", _FRAME, b"fdAT")
"""Chunks of animations, which are not critical by their names."""
_PIECE_BYTES = 1 << 20
_HEAD = slice(16, 29)
"""The body of the first chunk."""
# Pillow's unpackers keep the first byte of each sample ("16B") or the second ("16L"); together they are the sample.
_HALVES = {"RGB;16B": ("RGB;16B", "RGB;16L"), "RGBA;16B": ("RGBA;16B", "RGBA;16L")}


class Head(NamedTuple):
    """What the first chunk says. ``kind``: the colour type."""

    width: int
    height: int
    bits: int
    kind: int
    packing: int
    filters: int
    interlaced: int


_HEAD_FIELDS = struct.Struct(">IIBBBBB")


def head_of(file: BinaryIO) -> Head | None:
    """The head of a file that stands at its beginning, and is left standing behind it; None where there is none."""
    begin = file.read(_HEAD.stop + 4)
    is_there = begin.startswith(SIGNATURE) and begin[12:16] == b"IHDR" and len(begin) == _HEAD.stop + 4
    return Head(*_HEAD_FIELDS.unpack(begin[_HEAD])) if is_there else None


def file_of(head: Head, chunks: bytes, body: bytes) -> bytes:
    """A file of these chunks and of samples that are filtered and packed already."""
    ends = chunk(DATA, body) + chunk(b"IEND", b"")
    return SIGNATURE + chunk(b"IHDR", _HEAD_FIELDS.pack(*head)) + chunks + ends


def load(path: Path) -> Samples:
    """The (first) image of the file. Of a palette image the indices, with the bits that they have in the file."""
    with path.open("rb") as file:
        check_chunks(file, str(path))
    return _samples(lambda: opened(path, ("PNG",)), str(path))


def load_bytes(data: bytes, name: str) -> Samples:
    """The same of a file in memory, which is known to be sound. ``name``: for messages."""
    return _samples(lambda: _opened(data), name)


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    from PIL import Image

    with unbounded(), Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        yield image


_Open = Callable[[], contextlib.AbstractContextManager[Any]]


def _samples(open_image: _Open, name: str) -> Samples:
    with open_image() as image:
        layout = exact.described(image, name)
        raw = image.tile[0].args
        if raw in _HALVES:
            high, low = (_reread(open_image, half, None) for half in _HALVES[raw])
            return Samples(high.astype(np.uint16) << 8 | low, layout.bits, layout.meaning)
        if raw == "LA;16B":
            # Gray and alpha of 16 bits are four bytes a pixel, as 8-bit RGBA is.
            parts = _reread(open_image, "RGBA", "RGBA")
            array = parts[..., 0::2].astype(np.uint16) << 8 | parts[..., 1::2]
            return Samples(array, layout.bits, layout.meaning)
        return exact.samples_as(layout, np.asarray(image))


def chunk_heads(file: BinaryIO) -> Iterator[bytes]:
    """The type of each chunk of a file that stands behind its signature, and is left standing behind the last."""
    kind = b""
    while kind != _LAST and len(head := file.read(8)) == 8:
        kind, end = head[4:], file.tell() + int.from_bytes(head[:4], "big") + 4
        yield kind
        file.seek(end)


def frames_there(path: Path) -> int:
    """Images that the chunks are of, whether or not they make an animation that is sound: the one without a head of its
    own (fcTL), if there is one, and those with."""
    found = 0
    with path.open("rb") as file:
        file.seek(len(SIGNATURE))
        for kind in chunk_heads(file):
            found += kind == _FRAME or (kind == DATA and not found)
    return found


def check_chunks(file: BinaryIO, name: str) -> None:
    """Compare the CRC of every chunk that samples depend on, of a PNG file from where ``file`` stands: Pillow passes
    over those of the samples. Raises FormatError, and UnsupportedError for what is no PNG file but in name."""
    file.seek(len(SIGNATURE), os.SEEK_CUR)
    while len(head := file.read(8)) == 8:
        left, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == _APPLE:
            raise UnsupportedError(
                f"{name}: this PNG file has Apple's own form (CgBI), its colours in another order; {exact.KEEP}"
            )
        if kind[:1].isupper() or kind in _OF_FRAMES:
            check = zlib.crc32(kind)
            while left and (piece := file.read(min(left, _PIECE_BYTES))):
                check, left = zlib.crc32(piece, check), left - len(piece)
            if check != int.from_bytes(file.read(4), "big"):
                raise FormatError(f"{name}: chunk {kind.decode('latin-1')!r} of this PNG file is damaged")
            if kind not in (*_KNOWN, *_OF_FRAMES):
                raise UnsupportedError(
                    f"{name}: this PNG file has a chunk {kind.decode('latin-1')!r}, which is not known here, and "
                    f"without which its samples cannot be understood; {exact.KEEP}"
                )
        else:
            file.seek(left + 4, os.SEEK_CUR)
        if kind == _LAST:
            return


def _reread(open_image: _Open, layout: str, mode: str | None) -> npt.NDArray[np.uint8]:
    with open_image() as image:
        image.tile = [tile._replace(args=layout) for tile in image.tile]
        if mode is not None:
            image._mode = mode
        return np.asarray(image)


def pack(array: npt.NDArray[np.generic], bits: int) -> bytes:
    """The PNG file of a gray image of type uint8, shape (height, width), with samples of 1, 2 or 4 ``bits``."""
    height, width = array.shape
    planes = np.unpackbits(array.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - bits :]
    rows = np.packbits(planes.reshape(height, -1), axis=1)
    unfiltered = np.pad(rows, ((0, 0), (1, 0)))
    return file_of(Head(width, height, bits, 0, 0, 0, 0), b"", zlib.compress(unfiltered.tobytes()))


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and its check."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def write_rows(file: BinaryIO, first: bytes, rows: FileRows) -> None:
    """Write an image that is not in memory. ``first``: the PNG file, not interlaced, of its first row alone, with all
    chunks that the file is to have."""
    components = rows.shape[2] if rows.ndim == 3 else 1
    head = first[_HEAD]
    file.write(SIGNATURE + chunk(b"IHDR", head[:4] + len(rows).to_bytes(4, "big") + head[8:]))
    position = _HEAD.stop + 4
    while first[position + 4 : position + 8] != DATA:
        end = position + 12 + int.from_bytes(first[position : position + 4], "big")
        file.write(first[position:end])
        position = end
    packer = zlib.compressobj()
    above: npt.NDArray[np.uint8] | None = None
    for piece in rows.pieces():
        octets = octets_of(piece)
        above = np.zeros_like(octets[0]) if above is None else above
        packed = packer.compress(_filtered(octets, above, components * rows.dtype.itemsize).data)
        above = octets[-1]
        if packed:
            file.write(chunk(DATA, packed))
    file.write(chunk(DATA, packer.flush()) + chunk(b"IEND", b""))


def octets_of(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Rows as the bytes that PNG has for them, shape (rows, bytes)."""
    if rows.dtype == np.bool_:
        return np.packbits(rows, axis=1)
    big = np.ascontiguousarray(rows, rows.dtype.newbyteorder(">"))
    return big.view(np.uint8).reshape(len(rows), -1)


def _filtered(rows: npt.NDArray[np.uint8], above: npt.NDArray[np.uint8], pixel: int) -> npt.NDArray[np.uint8]:
    """Rows of bytes, each as the filter none, sub, up or average leaves it that makes the sum of its bytes smallest.

    ``above``: the row before the first; ``pixel``: bytes of a pixel.
    """
    left = np.zeros_like(rows)
    left[:, pixel:] = rows[:, :-pixel]
    up = np.concatenate([above[None], rows[:-1]])
    average = (left & up) + ((left ^ up) >> 1)  # without a ninth bit
    best = np.zeros((len(rows), rows.shape[1] + 1), np.uint8)
    least = np.full(len(rows), np.iinfo(np.int64).max)
    for number, prediction in enumerate((np.zeros_like(rows), left, up, average)):
        result = rows - prediction
        size = np.abs(result.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64)
        better = size < least
        best[better, 0] = number
        best[better, 1:] = result[better]
        least[better] = size[better]
    return best
