"""Spec appendix-kept-files/jpeg-scans: what encoders may do one way or another in a scan, as a few numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError
from sofc.jpeg import scan

Numbers = npt.NDArray[np.int64]
PADDED_WITH_ZEROS, ENDS_FOLLOW, WITHOUT_CORRECTION_LIMIT, RUNS_OF_ONE = (1 << bit for bit in range(4))
FLAGS = 15
USUAL = {
    0: (scan.MOST_CORRECTIONS, scan.LONGEST_RUN),
    WITHOUT_CORRECTION_LIMIT: (1 << 40, scan.LONGEST_RUN),
    RUNS_OF_ONE: (1 << 40, 1),
}
"""When end-of-band runs end, by the flags that say so."""
_GROUPS = 5
"""Bytes of a VarInt, at most."""
_PAD_BITS, _ZEROS_BITS = 7, 2
_BAD = "what is said of a scan of JPEG data in the original file is out of range"


class Said(NamedTuple):
    """What is kept of a scan's freedom: flags, and VarInts of ends and of notes."""

    flags: int
    ends: bytes
    notes: bytes


def pack_numbers(numbers: Numbers) -> bytes:
    """VarInts one after the other."""
    groups = numbers[:, None] >> (7 * np.arange(_GROUPS))
    kept = groups > 0
    kept[:, 0] = True
    packed: npt.NDArray[np.uint8] = (groups & 127 | (groups > 127) << 7).astype(np.uint8)[kept]
    return packed.tobytes()


def unpack_numbers(packed: bytes) -> Numbers:
    """Inverse of pack_numbers. Raises FormatError."""
    data = np.frombuffer(packed, np.uint8).astype(np.int64)
    if not data.size:
        return data
    ends = data < 128
    starts = np.flatnonzero(np.concatenate([[True], ends[:-1]]))
    place = np.arange(len(data)) - np.repeat(starts, np.diff(starts, append=len(data)))
    if not ends[-1] or int(place.max()) >= _GROUPS or ((data == 0) & (place > 0)).any():
        raise FormatError(_BAD)
    numbers: Numbers = np.add.reduceat((data & 127) << (7 * place), starts)
    return numbers


def say(policy: int, freedom: scan.Freedom) -> Said:
    """What was read of a scan; ``policy``: which usual end-of-band runs are left out of its notes."""
    counts, pads = freedom.ends >> scan.PAD_BITS_SHIFT, freedom.ends & ((1 << scan.FILL_SHIFT) - 1)
    fills = (freedom.ends >> scan.FILL_SHIFT) & 0xFFFF
    flags, ends = policy, b""
    if fills.any() or ((pads != (1 << counts) - 1).any() and pads.any()):
        flags |= ENDS_FOLLOW
        ends = pack_numbers((pads | fills << _PAD_BITS).astype(np.int64))
    elif (pads != (1 << counts) - 1).any():
        flags |= PADDED_WITH_ZEROS
    places = np.flatnonzero(freedom.notes)
    notes = freedom.notes[places].astype(np.int64)
    values = (notes & scan.LONGEST_RUN) << _ZEROS_BITS | notes >> scan.RUN_BITS
    pairs = np.stack([np.diff(places, prepend=0), values], axis=1)
    return Said(flags, ends, pack_numbers(pairs.ravel()))


def hear(said: Said, blocks: int, intervals: int) -> scan.Freedom:
    """Inverse of say, of a scan of so many blocks and intervals. Raises FormatError."""
    notes = np.zeros(blocks, np.int32)
    pairs = unpack_numbers(said.notes)
    if len(pairs) % 2:
        raise FormatError(_BAD)
    places, values = np.cumsum(pairs[::2]), pairs[1::2]
    if len(places):
        if int(places[-1]) >= blocks or int(values.max()) > scan.LONGEST_RUN << _ZEROS_BITS | 3:
            raise FormatError(_BAD)
        notes[places] = (values >> _ZEROS_BITS) | (values & 3) << scan.RUN_BITS
    ends = np.full(intervals, 0 if said.flags & PADDED_WITH_ZEROS else (1 << _PAD_BITS) - 1, np.int32)
    if said.flags & ENDS_FOLLOW:
        numbers = unpack_numbers(said.ends)
        if len(numbers) != intervals or int(numbers.max()) >> _PAD_BITS > 0xFFFF:
            raise FormatError(_BAD)
        ends[:] = numbers & ((1 << _PAD_BITS) - 1) | numbers >> _PAD_BITS << scan.FILL_SHIFT
    return scan.Freedom(notes, ends)
