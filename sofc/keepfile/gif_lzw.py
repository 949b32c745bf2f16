"""The LZW data of GIF files: codes of growing width, the lowest bit first. Decoders fix the widths; when the table is
cleared, and whether a code stands for the longest string, is up to encoders: where one departs from a rule is kept.

Spec appendix-kept-files/gif-lzw-data
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.container.original import GifLzw, Part
from sofc.entropy.binary import OK
from sofc.errors import FormatError
from sofc.keepfile.gif_codes import (
    BEHIND_END,
    MOST_RUN,
    TOO_SHORT,
    UNREADABLE,
    Expanded,
    Known,
    find_changes,
    read_codes,
    write_codes,
)
from sofc.keepfile.lzw_codes import CODES, sequences
from sofc.keepfile.tokens.bits import Bits

LEAST_BITS, MOST_BITS = 2, 8
_REASONS = {
    UNREADABLE: "changes that cannot be read",
    TOO_SHORT: "strings that are too short",
    BEHIND_END: "changes behind its end",
}


def compress(data: bytes, bits: int, run: int, changes: bytes) -> bytes:
    """The whole bytes that the codes of ``data`` fill: as ORIGINAL_GIF_LZW has them. Raises FormatError."""
    samples = _writable(data)
    if not LEAST_BITS <= bits <= MOST_BITS or samples.max(initial=0) >> bits:
        raise FormatError(f"LZW data of the original file has samples of {bits} bits, or larger ones")
    # A code of a byte takes most where it alone stands between two that clear the table: 9 bits, as that does.
    packed = _bits(np.zeros(9 * len(data) // 4 + 8, np.uint8))
    status = write_codes(samples, bits, run, _bits(_writable(changes)), sequences(), packed)
    if status in _REASONS:
        raise FormatError(f"LZW data of the original file has {_REASONS[status]}")
    assert status == OK, "there is room for two codes of each byte"
    return packed.buffer[: int(packed.position[0]) >> 3].tobytes()


def expand(packed: bytes, bits: int, most: int) -> Expanded:
    """The first ``most`` bytes that LZW data stands for, and the codes of these; fewer where it is not sound."""
    codes = 8 * len(packed) // (bits + 1)
    expanded = Expanded(
        np.empty(min(most, codes * CODES), np.uint8),
        np.empty(codes, np.uint16),
        np.zeros(MOST_RUN, np.int32),
        np.zeros(2, np.int64),
    )
    known = Known(np.zeros(CODES, np.int64), np.zeros(CODES, np.int32))
    read_codes(_bits(_writable(packed)), bits, known, expanded)
    size, count = expanded.sizes.tolist()
    return expanded._replace(data=expanded.data[:size], codes=expanded.codes[:count])


def explain(expanded: Expanded, bits: int, parts: tuple[Part, ...]) -> GifLzw | None:
    """What makes these codes of their bytes, which ``parts`` are; None where they are not chosen as here."""
    codes, data = expanded.codes, expanded.data
    # Of each byte at most two changes, each of two numbers, of which a few have more than 7 bits.
    room = 4 * min(codes.size, data.size) + (codes.size + data.size) // 64
    changes = _bits(np.zeros(room, np.uint8))
    run = int(expanded.runs.argmax())
    if find_changes(codes, data, bits, run, sequences(), changes) != OK:
        return None
    return GifLzw(bits, run, changes.buffer[: int(changes.position[0]) >> 3].tobytes(), parts)


def _writable(data: bytes) -> npt.NDArray[np.uint8]:
    """A copy of bytes, as kernels take them."""
    return np.frombuffer(bytearray(data), np.uint8)


def _bits(buffer: npt.NDArray[np.uint8]) -> Bits:
    return Bits(buffer, np.zeros(1, np.int64))
