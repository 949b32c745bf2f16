"""Where image files of some formats end, by how they are framed: readers pass over what stands behind, which may be
another picture."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from sofc.errors import FormatError
from sofc.imagefiles import codestreams, exr, fits, ico, jpegxl, npz, pcx, png, pnm, sgi, signatures, sun, tiff_end

_GIF_HEAD, _GIF_PLACE = struct.Struct("10xB2x"), struct.Struct("8xB")  # whether a table of colours follows
_GIF_TABLE, _GIF_TABLE_SIZE = 0x80, 0x07
_GIF_EXTENSION, _GIF_PICTURE = b"\x21", b"\x2c"
# Of BMP: the size of the file, the place of the samples; the size of this head, columns, rows, planes, bits, packing.
_BMP_HEAD = struct.Struct("<2xI4xIIiiHHI")
_BMP_HEAD_BYTES, _BMP_RUNS = 40, (1, 2)
_BOX_HEAD, _LONG_BOX, _SAMPLE_BOXES = struct.Struct(">I4s"), struct.Struct(">Q"), (b"mdat", b"jp2c", b"jxlc", b"jxlp")
_QOI_HEAD_BYTES, _QOI_END = 14, bytes(7) + b"\1"
_TGA_HEAD, _TGA_RUNS = struct.Struct("<3BHHB4H2B"), 8  # kinds from which on samples stand in runs
_TGA_AREAS, _TGA_FOOTER = struct.Struct("<II"), b"TRUEVISION-XFILE.\0"
_UNKNOWN = (struct.error, ValueError, LookupError, FormatError, ImportError, zipfile.BadZipFile)
"""What the framing of a file raises that does not lead to an end."""


def behind(path: Path, kind: str) -> int:
    """Bytes behind the end of an image file, from the first to the last that is not 0; 0 for those of other formats,
    and for those whose framing does not lead to an end. ``kind``: of those that do not call themselves anything."""
    name = signatures.name_of(path) or kind
    if name not in _READERS and name not in _ENDS:
        return 0
    with path.open("rb") as file:
        try:
            end = _READERS[name].end(path) if name in _READERS else _ENDS[name](file)
        except _UNKNOWN:  # as loading will say, of what is damaged
            return 0
        if end >= _size(file):
            return 0
        file.seek(end)
        rest = 0
        while piece := file.read(1 << 20):
            if used := len(piece.rstrip(b"\0")):
                rest = file.tell() - len(piece) + used - end
    return rest if rest > _SPARE_BYTES.get(name, 0) else 0


def _png(file: BinaryIO) -> int:
    """Behind the last chunk (PNG, 5.3)."""
    file.seek(len(png.SIGNATURE))
    for _ in png.chunk_heads(file):
        pass
    return file.tell()


def _webp(file: BinaryIO) -> int:
    """Behind the one chunk of RIFF, which has an even length."""
    size: int
    _, size = struct.unpack("<4sI", file.read(8))
    return 8 + size + size % 2


def _gif(file: BinaryIO) -> int:
    """Behind the trailer (GIF89a, 27)."""
    for _ in gif_extensions(file, file.read(_GIF_HEAD.size)):
        pass
    return file.tell()


def gif_extensions(file: BinaryIO, head: bytes) -> Iterator[tuple[int, bytes]]:
    """Label and first block of each extension of a GIF file that was read up to its ``head``, to the trailer."""
    _pass_table(file, *_GIF_HEAD.unpack_from(head))
    while (kind := file.read(1)) in (_GIF_EXTENSION, _GIF_PICTURE):
        if kind == _GIF_PICTURE:
            _pass_table(file, *_GIF_PLACE.unpack(file.read(_GIF_PLACE.size)))
        label = file.read(1)  # what kind of extension, or the size of codes
        first = file.read(int.from_bytes(file.read(1), "big"))
        if kind == _GIF_EXTENSION and label:
            yield label[0], first
        while first and (length := file.read(1)) > b"\0":
            file.seek(length[0], os.SEEK_CUR)


def _pass_table(file: BinaryIO, flags: int) -> None:
    if flags & _GIF_TABLE:
        file.seek(3 << (flags & _GIF_TABLE_SIZE) + 1, os.SEEK_CUR)


def _bmp(file: BinaryIO) -> int:
    """Behind the samples, and behind what the head says is the file: programs write that wrong, or put colours there.
    The end of the file where neither is known."""
    said, place, head_bytes, width, height, _, bits, packing = _BMP_HEAD.unpack(file.read(_BMP_HEAD.size))
    if head_bytes < _BMP_HEAD_BYTES or (packing in _BMP_RUNS and said <= place):
        return _size(file)
    samples = 0 if packing in _BMP_RUNS else (width * bits + 31) // 32 * 4 * abs(height)
    return int(max(said, place + samples))


def _boxes(file: BinaryIO) -> int:
    """Behind the last box (ISO/IEC 14496-12, 4.2), which may be of any kind, but not of the one that begins another
    file. What is no box is one that was cut off, where no samples stand before it: then the end of the file."""
    end, place, has_samples = _size(file), 0, False
    kind = first = b""
    while place < end:
        file.seek(place)
        size, kind = _BOX_HEAD.unpack(file.read(_BOX_HEAD.size).ljust(_BOX_HEAD.size, b"\0"))
        if kind == first:
            return place
        first = first or kind
        if size == 1:
            (size,) = _LONG_BOX.unpack(file.read(_LONG_BOX.size))
        if size == 0 and kind.strip(b"\0"):  # up to the end of the file
            return end
        if size < _BOX_HEAD.size or place + size > end:
            return place if has_samples else end
        has_samples |= kind in _SAMPLE_BOXES
        place += size
    return end


def _jpeg2000(file: BinaryIO) -> int:
    data = file.read()
    bare = data.startswith(codestreams.JPEG_2000)
    return codestreams.jpeg2000_end(data) or len(data) if bare else _boxes(file)


def _jpegxl(file: BinaryIO) -> int:
    data = file.read()
    return codestreams.jpegxl_end(data) if data.startswith(jpegxl.CODESTREAM) else _boxes(file)


def _qoi(file: BinaryIO) -> int:
    """Behind the end mark, which the chunks before it do not hold (QOI 1.0)."""
    data = file.read()
    end = data.find(_QOI_END, _QOI_HEAD_BYTES)
    return end + len(_QOI_END) if end >= 0 else len(data)


def _tga(file: BinaryIO) -> int:
    """Behind the samples, or behind the footer that stands there, or behind the areas that it says are between."""
    data = file.read()
    identity, _, kind, _, entries, entry_bits, _, _, width, height, bits, _ = _TGA_HEAD.unpack_from(data)
    place = _TGA_HEAD.size + identity + entries * (-(-entry_bits // 8))
    unit, left = -(-bits // 8), width * height
    if kind < _TGA_RUNS:
        place += left * unit
    while kind >= _TGA_RUNS and left > 0 and place < len(data):
        count, is_run = (data[place] & 0x7F) + 1, data[place] >> 7
        place += 1 + unit * (1 if is_run else count)
        left -= count
    footer = data.find(_TGA_FOOTER, place) - _TGA_AREAS.size
    if footer < place:
        return int(place)
    has_areas = any(place <= area < footer for area in _TGA_AREAS.unpack_from(data, footer))
    if footer > place and not has_areas:
        return int(place)
    return int(footer + _TGA_AREAS.size + len(_TGA_FOOTER))


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


_ENDS: dict[str, Callable[[BinaryIO], int]] = {
    **{"PNG": _png, "WebP": _webp, "GIF": _gif, "BMP": _bmp, "AVIF": _boxes, "QOI": _qoi},
    **{"JPEG 2000": _jpeg2000, "JPEG XL": _jpegxl, "pillow": _tga},
}
"""By what files call themselves, or who reads those that do not: through Pillow no others than TGA files."""
_READERS: dict[str, ModuleType] = {
    **{"SGI": sgi, "Sun raster": sun, "pcx": pcx, "FITS": fits, "Windows icon": ico, "PNM": pnm},
    **{"OpenEXR": exr, "ZIP": npz, "TIFF": tiff_end, "BigTIFF": tiff_end},
}
"""Those of formats whose readers tell the end."""
_SPARE_BYTES = dict.fromkeys(("TIFF", "BigTIFF"), tiff_end.SPARE_BYTES)
"""How many may stand there that are of the last part."""
