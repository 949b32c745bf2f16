"""JPEG 2000, JPEG XL, JPEG-LS, AVIF and deep JPEG files through imagecodecs, with all bits of their samples.

Pillow scales or cuts them, or cannot read them. The heads are read here, since imagecodecs tells nothing of them. What
it would convert is refused.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import codestreams, jpeg, jpegxl
from sofc.imagefiles.exact import ALL, KEEP
from sofc.imagefiles.samples import Samples, meaning_of

JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
JXL = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
JPEG = b"\xff\xd8\xff"
KINDS = {
    **{"jpeg2000": "JPEG 2000", "jpegxl": "JPEG XL", "avif": "AVIF"},
    **{"jpegls": "JPEG-LS", "jpegdeep": "JPEG (of other than 8 bits)"},
}
"""What is read here, as ``kind_of`` of files names it, and its usual name."""
IN_BOXES = ("jpeg2000", "jpegxl")
"""Those of ``KINDS`` whose boxes Pillow does not look into."""
_AVIF_BRANDS = (b"ftypavif", b"ftypavis")
_AUXILIARY, _ALPHA_NAMES = re.compile(rb"urn:[!-~]+"), (b"auxiliary:alpha", b"auxid:1")
"""What an AVIF file says that pictures besides the first are, and how the names of alpha end (MIAF, 7.3.5.2)."""
_GAIN_MAP = re.compile(rb"infe[\2\3].{7,9}tmap", re.DOTALL)
"""An item that is made of a picture and a map of its brightness in a wider range."""
_NOT_TURNED = b"irot\0"
"""A rotation by nothing."""
# Of JPEG 2000: none, CMYK, sRGB, gray. Others are converted.
_CMYK = 12
_COLOURS = (0, _CMYK, 16, 17)
_BY_NUMBER = 1
_CHANNEL = struct.Struct(">HHH")  # of channel definitions: a component, what it is, and which colour, or alpha of which
_COLOUR, _ALPHA, _OF_ALL, _UNKNOWN = 0, 1, 0, (0xFFFF, 0xFFFF)
_JPEG_LS, _SCAN = 0xF7, 0xDA
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
"""Frames of the lossless processes of T.81."""
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
"""Markers of JPEG among those of frames that are of tables."""
_END = b"\xff\xd9"
"""The last bytes of JPEG and JPEG 2000 data; without them decoders give what they have, and fill the rest."""


def kind_of(path: Path, head: bytes) -> str | None:
    """One of ``KINDS`` or None, by ``head``, the first 12 bytes of the file, and for JPEG files by more of it."""
    if head.startswith(JPEG):
        frame = _jpeg_frame(path)
        if frame is not None and frame.marker == _JPEG_LS:
            return "jpegls"
        return "jpegdeep" if frame is not None and frame.bits != 8 else None
    if head.startswith((JP2, codestreams.JPEG_2000)):
        return "jpeg2000"
    if head.startswith((JXL, jpegxl.CODESTREAM)):
        return "jpegxl"
    return "avif" if head[4:12] in _AVIF_BRANDS else None


def is_lossless_jpeg(path: Path) -> bool:
    """Whether a JPEG file is a lossless one, of JPEG-LS or of the lossless processes of T.81."""
    frame = _jpeg_frame(path)
    return frame is not None and frame.marker in (_JPEG_LS, *_LOSSLESS)


class _Frame(NamedTuple):
    """What the start of frame of JPEG data says."""

    marker: int
    bits: int
    height: int
    width: int


def _jpeg_frame(path: Path) -> _Frame | None:
    """The first start of frame; None where the heads end without one."""
    with path.open("rb") as file:
        file.seek(2)
        while (mark := file.read(2))[:1] == b"\xff" and len(mark) == 2:
            while mark[1] == 0xFF:  # fill bytes
                mark = mark[1:] + file.read(1)
                if len(mark) < 2:
                    return None
            size, marker = int.from_bytes(file.read(2), "big"), mark[1]
            if marker == _JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES):
                body = file.read(5)
                if len(body) < 5:
                    return None
                return _Frame(marker, body[0], int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"))
            if marker == _SCAN or size < 2:
                return None
            file.seek(size - 2, os.SEEK_CUR)
    return None


def load(path: Path, kind: str) -> Samples:
    """The image of a file of this kind, shape (height, width[, components]), signed where the file says so.

    Raises UnsupportedError without imagecodecs, and where components differ or would be converted.
    """
    try:
        import imagecodecs
    except ImportError as error:
        raise UnsupportedError(
            f"{path}: {KINDS[kind]} files need imagecodecs; install it with: pip install 'sofc[codecs]'"
        ) from error
    data = path.read_bytes()
    if kind == "jpeg2000":
        bits, meaning = _jpeg2000(path, data)
        array: Any = imagecodecs.jpeg2k_decode(data)
    elif kind == "jpegxl":
        bits, meaning = _jpegxl(path, data), None
        array = imagecodecs.jpegxl_decode(data)
    elif kind in ("jpegls", "jpegdeep"):
        data = data[: jpeg.end_of(data)]
        frame = _whole_frame(path, data)
        bits, meaning = frame.bits, None
        array = imagecodecs.jpegls_decode(data) if kind == "jpegls" else imagecodecs.jpeg_decode(data)
        if array.shape[:2] != (frame.height, frame.width):
            raise UnsupportedError(f"{path}: the decoder arranges this {KINDS[kind]} file in another way; {KEEP}")
    else:
        bits, meaning = _avif(path, data), None
        array = imagecodecs.avif_decode(data)
    if array.ndim not in (2, 3):
        raise UnsupportedError(f"{path}: the file holds several images, of which sofc cannot read one; {KEEP}")
    components = array.shape[2] if array.ndim == 3 else 1
    if bits == 1 and array.dtype == np.uint8:
        array = array.astype(np.bool_)
    ordinary = Meaning.GRAY if components == 1 else meaning_of(components)
    return Samples(array, bits if bits <= 16 else None, meaning or ordinary)


def _whole_frame(path: Path, data: bytes) -> _Frame:
    frame = _jpeg_frame(path)
    if frame is None or not data.endswith(_END):
        raise FormatError(f"{path}: this JPEG file is cut off")
    return frame


def _jpegxl(path: Path, data: bytes) -> int:
    """Bits of a sample."""
    begin = data[: jpegxl.LONGEST]
    if data.startswith(JXL):
        # The codestream is in one box, or in parts, each behind its number.
        heads = {b"jxlc": 0, b"jxlp": 4}
        places = (start + heads[kind] for kind, start, _ in boxes(data, 0, len(data)) if kind in heads)
        start = next(places, len(data))
        begin = data[start : start + jpegxl.LONGEST]
    if not begin.startswith(jpegxl.CODESTREAM):
        raise FormatError(f"{path}: the head of this JPEG XL file cannot be read")
    head = jpegxl.read_head(begin)
    for found, what in (
        (head.more, "a preview, or several images"),
        (head.orientation != 1, "an orientation, by which decoders turn it"),
        (head.floating, "floating-point samples"),
        (head.extra_components > 1, "more components than colours and alpha"),
        (not head.is_alpha, "a component behind its colours that is no alpha"),
        (head.is_associated, "colours multiplied by alpha"),
    ):
        if found:
            raise UnsupportedError(f"{path}: this JPEG XL file has {what}; {KEEP}")
    return head.bits


def _jpeg2000(path: Path, data: bytes) -> tuple[int, Meaning | None]:
    """Bits of a sample, and what the components mean where their number does not tell."""
    start, end, meaning = 0, len(data), None
    if data.startswith(JP2):
        streams = []
        for kind, begin, after in boxes(data, 0, len(data)):
            if kind == b"jp2c":
                streams.append((begin, after))
            elif kind == b"jp2h":
                meaning = _jp2_head(path, data, begin, after)
        if not streams:
            raise FormatError(f"{path}: this JPEG 2000 file is cut off: it holds no image")
        if len(streams) != 1:
            raise UnsupportedError(f"{path}: this JPEG 2000 file holds {len(streams)} images, not one; {KEEP}")
        start, end = streams[0]
    count = int.from_bytes(data[start + 40 : start + 42], "big")
    heads = data[start + 42 : start + 42 + 3 * count]
    if data[start : start + 4] != codestreams.JPEG_2000 or not count or len(heads) < 3 * count:
        raise FormatError(f"{path}: the head of this JPEG 2000 file cannot be read")
    if codestreams.jpeg2000_end(data[start:end]) is None and not data[start:end].rstrip(b"\0").endswith(_END):
        raise FormatError(f"{path}: this JPEG 2000 file is cut off: its data do not lead to their end")
    depths, steps = heads[0::3], heads[1::3] + heads[2::3]
    if set(steps) != {1} or len(set(depths)) != 1:
        raise UnsupportedError(f"{path}: the components of this JPEG 2000 file differ in size, bits or sign; {KEEP}")
    # The first bit is the sign's.
    return (depths[0] & 0x7F) + 1, meaning


def check_boxes(path: Path, data: bytes) -> None:
    """Raise UnsupportedError where the boxes that JPEG 2000 data begin with say that decoders are to change samples.

    ``data`` may end within the data, or begin with them, without boxes.
    """
    for kind, begin, after in boxes(data, 0, len(data)):
        if kind == b"jp2h":
            _jp2_head(path, data, begin, after)


def _jp2_head(path: Path, data: bytes, begin: int, end: int) -> Meaning | None:
    meaning = None
    for kind, start, after in boxes(data, begin, end):
        if kind == b"pclr":
            raise UnsupportedError(f"{path}: this JPEG 2000 file has a palette, which its decoder applies; {KEEP}")
        if kind == b"cdef" and not _is_in_order(data[start:after]):
            raise UnsupportedError(
                f"{path}: the components of this JPEG 2000 file stand in another order than usual, which some decoders "
                f"change, or its colours are multiplied by alpha; {KEEP}"
            )
        if kind == b"colr" and data[start] == _BY_NUMBER:
            colours = int.from_bytes(data[start + 3 : start + 7], "big")
            if colours not in _COLOURS:
                raise UnsupportedError(
                    f"{path}: the colours of this JPEG 2000 file (number {colours}) would be converted; {KEEP}"
                )
            meaning = Meaning.CMYK if colours == _CMYK else None
    return meaning


def _is_in_order(channels: bytes) -> bool:
    """Whether a box of channel definitions has the colours in their order, and behind them at most plain alpha."""
    found = list(_CHANNEL.iter_unpack(channels[2 : 2 + (len(channels) - 2) // _CHANNEL.size * _CHANNEL.size]))
    return all(
        (kind, which) in ((_COLOUR, number + 1), _UNKNOWN) or (number, kind, which) == (len(found) - 1, _ALPHA, _OF_ALL)
        for number, kind, which in found
    )


def remarks(path: Path) -> Iterator[str]:
    """The pictures of an AVIF file that are not stored, a sentence each: depths, maps of brightness and the like."""
    head = _avif_head(path.read_bytes())
    others = {name.decode("ascii") for name in _AUXILIARY.findall(head) if not name.endswith(_ALPHA_NAMES)}
    if _GAIN_MAP.search(head):
        others.add("a gain map")
    for other in sorted(others):
        yield f"the AVIF file has another picture ({other}), not stored; {ALL}"


def _avif_head(data: bytes) -> bytes:
    return next((data[begin:end] for kind, begin, end in boxes(data, 0, len(data)) if kind == b"meta"), b"")


def _avif(path: Path, data: bytes) -> int:
    """Bits of a sample. What the decoder would do to the samples, and to more than one image, is refused."""
    if data[4:12] == b"ftypavis":
        raise UnsupportedError(f"{path}: AVIF files of several images are not read; {KEEP}")
    head = _avif_head(data)
    for name, what in (
        (b"prem", "colours multiplied by alpha"),
        (b"clap", "a frame that cuts the image"),
        (b"irot", "a rotation"),
        (b"imir", "a reflection"),
    ):
        if name in head.replace(_NOT_TURNED, b""):
            raise UnsupportedError(f"{path}: this AVIF file has {what}, which viewers apply; {KEEP}")
    place = head.find(b"av1C")
    if place < 0 or len(head) < place + 7:
        raise FormatError(f"{path}: the head of this AVIF file cannot be read")
    flags = head[place + 6]
    high, twelve = flags & 0x40, flags & 0x20
    return (12 if twelve else 10) if high else 8


def boxes(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of the content of each box of ISO base media and JPEG 2000 files."""
    while end - begin >= 8:
        size, kind, content = int.from_bytes(data[begin : begin + 4], "big"), data[begin + 4 : begin + 8], begin + 8
        if size == 1:
            size, content = int.from_bytes(data[begin + 8 : begin + 16], "big"), begin + 16
        after = end if size == 0 else begin + size
        if not content <= after <= end:
            return
        yield kind, content, after
        begin = after
