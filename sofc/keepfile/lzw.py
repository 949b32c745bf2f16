"""LZW as libtiff and imagecodecs write it into TIFF files: which rule makes data again.

Spec appendix-kept-files/lzw-data
"""

from __future__ import annotations

import numpy as np

from sofc.container.original import OF_IMAGECODECS, OF_LIBTIFF, Literal, Lzw, Part, Window
from sofc.keepfile.lzw_codes import TOO_LONG, sequences, write_codes

FULL = {OF_LIBTIFF: 4094, OF_IMAGECODECS: 4096}
"""The next free number at which the table counts as full and is cleared."""


def compress(data: bytes, rule: int) -> bytes:
    """The LZW data that ``data`` becomes by a rule of ``FULL``. Empty data has no codes but the end."""
    packed = np.zeros(2 * len(data) + 16, np.uint8)
    taken = np.frombuffer(bytearray(data), np.uint8)
    bits = write_codes(taken, FULL[rule], rule == OF_LIBTIFF, sequences(), packed)
    assert bits != TOO_LONG, "a byte takes no more than a code, and few are cleared"
    return packed[: -(-bits // 8)].tobytes()


def find_samples(packed: bytes, window: Window, made: bytes) -> tuple[Part, ...] | None:
    """Parts that make ``packed``, a strip or a tile, of the window whose bytes are ``made``; None where no rule does.

    imagecodecs writes one byte more than it needs where the last is full.
    """
    for rule in (OF_LIBTIFF, OF_IMAGECODECS):
        again = compress(made, rule)
        if packed.startswith(again):
            rest = packed[len(again) :]
            return (Lzw(rule, (window,)), Literal(rest)) if rest else (Lzw(rule, (window,)),)
    return None
