"""Where the first sample of an image stands in the 8 x 8 grid: an encoder's guess, which the stream says.

Samples differ by their place for two reasons: JPEG codes blocks of 8 x 8, and components were made larger by two, or
samples of a mosaic filled in, so that every second one was worked out from those beside it, as the two colours of
PhotoCD were. Places of even number are those of samples that were there before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.planes import Plane

PERIOD = 8
PIECE = 256
"""The grid is looked for in so many rows and columns in the middle of an image."""
FEWEST = 24
"""In fewer rows or columns there is too little to go by."""
CLEAR = 1.1
"""Every second row is one worked out where the others bend so many times as much. With images of eight sets, that come
of JPEG files or scanners, the two differ by 1.02 at most, save drawings; with Kodak's photographs by 1.1 to 2.5."""


def find_grid(planes: Sequence[Plane]) -> int:
    """Place of the first sample of an image's ``planes`` (row * 8 + column): blocks by the steps of the first plane at
    their borders, among the places that go with the samples worked out, if others are."""
    top, left = (max(0, (side - PIECE) // 2) // PERIOD * PERIOD for side in planes[0].shape)
    pieces = [plane[top : top + PIECE, left : left + PIECE] for plane in planes]
    return _place(pieces) * PERIOD + _place([np.ascontiguousarray(piece.T) for piece in pieces])


def _place(pieces: Sequence[Plane]) -> int:
    """Place of the first row among eight."""
    if len(pieces[0]) < FEWEST:
        return 0
    change = np.abs(np.diff(pieces[0], axis=0)).sum(axis=1)
    excess = 2 * change[1:-1] - change[:-2] - change[2:]
    # excess[i] belongs to the border between rows i + 1 and i + 2.
    periods = len(excess) // PERIOD
    borders = excess[: PERIOD * periods].reshape(periods, PERIOD).sum(axis=0)
    parity = _first_given(pieces)
    order = np.argsort(-borders, kind="stable")
    border = next(int(number) for number in order if parity is None or (number + parity) % 2 == 0)
    return (-border - 2) % PERIOD


def _first_given(pieces: Sequence[Plane]) -> int | None:
    """Whether the first (0) or the second (1) of two rows is one that was there before, None where both were: by the
    plane that tells most."""
    even, odd = max((_bends(piece) for piece in pieces), key=lambda pair: max(pair) / max(1, min(pair)))
    if max(even, odd) <= CLEAR * min(even, odd):
        return None
    return int(odd > even)


def _bends(piece: Plane) -> tuple[int, int]:
    """How far rows lie from the middle of the two beside them: those of even number, and the others."""
    bends = np.abs(2 * piece[1:-1] - piece[:-2] - piece[2:]).sum(axis=1, dtype=np.int64)
    odd, even = bends[: len(bends) // 2 * 2].reshape(-1, 2).sum(axis=0)
    return int(even), int(odd)
