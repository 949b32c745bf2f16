"""Borders between pictures that stand in one image: an encoder's affair.

Where one picture ends and another begins, nearly each row changes in the same column more than it does on one of its
sides. What is in pictures has no such borders: the straightest edges of buildings reach LEAST_SHARE in part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.band.division import Division
from sofc.planes import Plane

LEAST_SHARE = 0.75
"""Share of rows that change so at a border. At those of 14 pictures put together, at least 0.82; at any other place of
these and of 30 photographs at most 0.64, but for the outermost MARGIN; between lines of text 0.71."""
MARGIN, LEAST_LENGTH = 16, 32
"""Rows or columns that a picture has at least, and those along its border."""
NEAR, CLEARLY = 3, 2
"""A change is compared with so many beside it, and is greater if it is by more than that."""
GAP_SHARE, LEAST_GAP = 0.25, 8
"""In a gap samples change by so much of what they do at the median, or less, in so many rows or columns or more."""
NARROWEST = 6
"""Of an image with a gap, a picture takes one part in so many at least."""
MOST_LINES = 256
"""So many rows or columns are looked at, from all over."""


def find_border(planes: Sequence[Plane]) -> Division | None:
    """Where an image is most likely two, or None: planes have shape (rows, width) each, of any range."""
    rows, width = planes[0].shape
    found: list[tuple[float, Division]] = []
    for axis, (length, across) in enumerate(((rows, width), (width, rows))):
        if length < 2 * MARGIN or across < LEAST_LENGTH:
            continue
        shares = _changing(_lines(planes, axis))[MARGIN - 1 : length - MARGIN]
        place = int(shares.argmax())
        found.append((float(shares[place]), Division(axis, MARGIN + place)))
    share, division = max(found, key=lambda one: one[0], default=(0.0, None))
    return division if share >= LEAST_SHARE else None


def find_gap(planes: Sequence[Plane]) -> Division | None:
    """The middle of the widest gap between pictures, or None: rows or columns in which samples hardly change, as where
    pictures with black surrounds stand side by side. Planes as for ``find_border``."""
    found: list[tuple[int, Division]] = []
    for axis in range(2):
        if min(planes[0].shape) < LEAST_LENGTH or planes[0].shape[axis] < 2 * MARGIN:
            continue
        lines = _lines(planes, axis)
        changes = [np.abs(np.diff(line, axis=0)).mean(axis=0) for line in lines]
        change = np.max(changes, axis=0)[MARGIN:-MARGIN]
        is_flat = np.pad(change <= GAP_SHARE * np.median(change), 1).astype(np.int8)
        begins, ends = (np.flatnonzero(np.diff(is_flat) == sign) for sign in (1, -1))
        # Beside its own surround a picture may have a line of text, but no other picture.
        inner = (begins >= len(change) / NARROWEST) & (ends <= len(change) * (1 - 1 / NARROWEST))
        sizes = np.where(inner, ends - begins, 0)
        if sizes.size and sizes.max() >= LEAST_GAP:
            widest = int(sizes.argmax())
            found.append((int(sizes[widest]), Division(axis, MARGIN + int(begins[widest] + ends[widest]) // 2)))
    return max(found, key=lambda one: one[0], default=(0, None))[1]


def _lines(planes: Sequence[Plane], axis: int) -> list[Plane]:
    """Lines across the borders of that axis."""
    turned = [plane if axis else plane.T for plane in planes]
    step = -(-len(turned[0]) // MOST_LINES)
    return [plane[::step] for plane in turned]


def _changing(planes: Sequence[Plane]) -> npt.NDArray[np.float64]:
    """For each column but the first the share of rows that change there more than in all columns on one side."""
    change = np.max([np.abs(np.diff(plane, axis=1)) for plane in planes], axis=0)
    count = change.shape[1]
    wide = np.pad(change, ((0, 0), (NEAR, NEAR)))
    before, after = (
        np.max([wide[:, k : k + count] for k in range(first, first + NEAR)], axis=0) for first in (0, NEAR + 1)
    )
    shares = [(change > beside + CLEARLY).mean(axis=0) for beside in (before, after)]
    greater: npt.NDArray[np.float64] = np.maximum(*shares)
    return greater
