"""Group 4 facsimile data of TIFF files (ITU-T T.6): each row by what changes against the one above. Encoders have no
choice but what follows the last row, so that libtiff's, which Pillow has, writes what any other does.

Spec appendix-kept-files/facsimile-data
"""

from __future__ import annotations

import io

from sofc.container.original import Facsimile, Literal, Part, Window
from sofc.errors import FormatError, LimitError, UnsupportedError
from sofc.imagefiles.pillow import unbounded

MOST_COLUMNS = 1 << 20
"""Pixels of a row, as any of them may take a code."""
_END_BITS = 24
"""Of the code behind the last row, whose last bit is 1; behind it stand zeros."""
_STRIP_OFFSETS, _STRIP_BYTES = 273, 279


def compress(data: bytes, columns: int) -> bytes:
    """The whole bytes that the codes of rows of ``columns`` pixels fill, which begin at bytes and have 1 for black, the
    first pixel in the highest bit. Raises FormatError, LimitError for rows of more than MOST_COLUMNS, UnsupportedError
    where Pillow is without libtiff."""
    if columns > MOST_COLUMNS:
        raise LimitError(f"facsimile data of the original file has rows of {columns} pixels, over {MOST_COLUMNS}")
    size = -(-columns // 8)
    if not columns or len(data) % size:
        raise FormatError("facsimile data of the original file has no whole rows")
    if not data:
        return b""
    strip = _one_strip(data, columns, len(data) // size).rstrip(b"\0")
    behind_end = (strip[-1] & -strip[-1]).bit_length() - 1
    return strip[: (8 * len(strip) - behind_end - _END_BITS) // 8]


def _one_strip(data: bytes, columns: int, rows: int) -> bytes:
    """The facsimile data of a TIFF file of these rows. Raises UnsupportedError."""
    from PIL import Image, TiffImagePlugin

    if not _has_libtiff():
        raise UnsupportedError("facsimile data of the original file needs a Pillow with libtiff; install its wheel")
    file = io.BytesIO()
    # Pixels that are 1 are black in facsimile data, whatever a TIFF file says that they are.
    Image.frombytes("1", (columns, rows), data).save(file, "TIFF", compression="group4", strip_size=len(data))
    file.seek(0)
    with unbounded(), TiffImagePlugin.TiffImageFile(file) as image:
        (start,), (count,) = image.tag_v2[_STRIP_OFFSETS], image.tag_v2[_STRIP_BYTES]
    return file.getvalue()[start : start + count]


def _has_libtiff() -> bool:
    from PIL import features

    return features.check_codec("libtiff")


def find_samples(packed: bytes, window: Window, made: bytes) -> tuple[Part, ...] | None:
    """Parts that make ``packed``, a strip or a tile, of the window whose bytes are ``made``; None where none do, or
    Pillow is without libtiff."""
    again = compress(made, window.columns) if window.columns <= MOST_COLUMNS and _has_libtiff() else b""
    if not again or not packed.startswith(again):
        return None
    made_again, rest = Facsimile(window.columns, (window,)), packed[len(again) :]
    return (made_again, Literal(rest)) if rest else (made_again,)
