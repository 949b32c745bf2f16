"""Prediction of samples and sign folding of the residuals, both ways.

A plane holds ``rows x width`` samples between ``low`` and ``high``; every ``image_rows`` rows a new image starts and
prediction starts afresh. Mode 0 is MED (JPEG-LS), mode 1 is CALIC's GAP with error feedback by context, mode 2 is
no prediction. The residual e of modes 0 and 1 is folded: e > 0 to 2e, e <= 0 to -2e - 1 (0 stays 0); mode 2 gives
the sample minus ``low``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sofc.jit.decorators import kernel

Array = Any
Integer = Any  # int, or numpy.int64 where kernels run interpreted

MED = 0
GAP = 1
NONE = 2

CONTEXTS = 2048
"""Contexts of the gradient adjusted prediction: 8 energies x 256 textures."""

OK = 0
OUT_OF_RANGE = 1


@kernel
def _med(plane: Array, y: Integer, x: Integer, top: Integer) -> Integer:
    """Median edge detector; outside the image: the left sample in the first row, the one above in the first column."""
    if y == top:
        return np.int64(plane[y, x - 1]) if x > 0 else np.int64(0)
    if x == 0:
        return np.int64(plane[y - 1, 0])
    west = np.int64(plane[y, x - 1])
    north = np.int64(plane[y - 1, x])
    corner = np.int64(plane[y - 1, x - 1])
    larger = max(west, north)
    smaller = min(west, north)
    if corner >= larger:
        return smaller
    if corner <= smaller:
        return larger
    return west + north - corner


@kernel
def _gap(
    plane: Array,
    y: Integer,
    x: Integer,
    top: Integer,
    width: Integer,
    shift: Integer,
    last_error: Integer,
) -> tuple[Integer, Integer]:
    """16 times the gradient adjusted prediction, and the number of its context."""
    if y == top:
        west = np.int64(plane[y, x - 1]) if x > 0 else np.int64(0)
        west2 = np.int64(plane[y, x - 2]) if x > 1 else west
        north = northwest = northeast = north2 = north2east = west
    else:
        north = np.int64(plane[y - 1, x])
        west = np.int64(plane[y, x - 1]) if x > 0 else north
        west2 = np.int64(plane[y, x - 2]) if x > 1 else west
        northwest = np.int64(plane[y - 1, x - 1]) if x > 0 else north
        northeast = np.int64(plane[y - 1, x + 1]) if x + 1 < width else north
        north2 = np.int64(plane[y - 2, x]) if y > top + 1 else north
        north2east = northeast
        if y > top + 1 and x + 1 < width:
            north2east = np.int64(plane[y - 2, x + 1])
    across = abs(west - west2) + abs(north - northwest) + abs(north - northeast)
    down = abs(west - northwest) + abs(north - north2) + abs(northeast - north2east)
    slope = (down - across) >> shift
    if slope > 80:
        predicted = 16 * west
    elif slope < -80:
        predicted = 16 * north
    else:
        predicted = 8 * (west + north) + 4 * (northeast - northwest)
        if slope > 32:
            predicted = (predicted + 16 * west) >> 1
        elif slope > 8:
            predicted = (3 * predicted + 16 * west) >> 2
        elif slope < -32:
            predicted = (predicted + 16 * north) >> 1
        elif slope < -8:
            predicted = (3 * predicted + 16 * north) >> 2
    texture = 0
    if 16 * north < predicted:
        texture |= 1
    if 16 * west < predicted:
        texture |= 2
    if 16 * northwest < predicted:
        texture |= 4
    if 16 * northeast < predicted:
        texture |= 8
    if 16 * north2 < predicted:
        texture |= 16
    if 16 * west2 < predicted:
        texture |= 32
    if 16 * (2 * north - north2) < predicted:
        texture |= 64
    if 16 * (2 * west - west2) < predicted:
        texture |= 128
    energy = (across + down + 2 * abs(last_error)) >> shift
    level = 0
    if energy > 5:
        level = 1
    if energy > 15:
        level = 2
    if energy > 25:
        level = 3
    if energy > 42:
        level = 4
    if energy > 60:
        level = 5
    if energy > 85:
        level = 6
    if energy > 140:
        level = 7
    return predicted, level * 256 + texture


@kernel
def fold_plane(
    plane: Array,
    low: Integer,
    high: Integer,
    image_rows: Integer,
    mode: Integer,
    shift: Integer,
    sums: Array,
    counts: Array,
    folded: Array,
) -> Integer:
    """Folded residuals of ``plane`` into ``folded`` (int32, same shape). ``sums``, ``counts``: int64, CONTEXTS."""
    rows, width = plane.shape
    for y in range(rows):
        top = y - y % image_rows
        if y == top:
            for context in range(CONTEXTS):
                sums[context] = counts[context] = 0
        last_error = np.int64(0)
        for x in range(width):
            sample = np.int64(plane[y, x])
            if mode == NONE:
                folded[y, x] = sample - low
                continue
            context = 0
            plain = np.int64(0)
            if mode == MED:
                predicted = _med(plane, y, x, top)
            else:
                predicted, context = _gap(plane, y, x, top, width, shift, last_error)
                plain = (predicted + 8) >> 4
                if counts[context] > 0:
                    predicted += (16 * sums[context]) // counts[context]
                predicted = (predicted + 8) >> 4
            predicted = min(max(predicted, low), high)
            error = sample - predicted
            folded[y, x] = 2 * error if error > 0 else (-2 * error - 1 if error < 0 else 0)
            if mode == GAP:
                last_error = sample - plain
                sums[context] += last_error
                counts[context] += 1
                if counts[context] >= 128:
                    counts[context] >>= 1
                    sums[context] >>= 1
    return OK


@kernel
def unfold_plane(
    folded: Array,
    low: Integer,
    high: Integer,
    image_rows: Integer,
    mode: Integer,
    shift: Integer,
    sums: Array,
    counts: Array,
    plane: Array,
) -> Integer:
    """The samples again, from ``folded`` (int32) into ``plane`` (int32). OUT_OF_RANGE where one leaves its range."""
    rows, width = plane.shape
    for y in range(rows):
        top = y - y % image_rows
        if y == top:
            for context in range(CONTEXTS):
                sums[context] = counts[context] = 0
        last_error = np.int64(0)
        for x in range(width):
            value = np.int64(folded[y, x])
            if mode == NONE:
                sample = value + low
                if sample > high:
                    return OUT_OF_RANGE
                plane[y, x] = sample
                continue
            context = 0
            plain = np.int64(0)
            if mode == MED:
                predicted = _med(plane, y, x, top)
            else:
                predicted, context = _gap(plane, y, x, top, width, shift, last_error)
                plain = (predicted + 8) >> 4
                if counts[context] > 0:
                    predicted += (16 * sums[context]) // counts[context]
                predicted = (predicted + 8) >> 4
            predicted = min(max(predicted, low), high)
            sample = predicted + (-((value + 1) >> 1) if value & 1 else value >> 1)
            if sample < low or sample > high:
                return OUT_OF_RANGE
            plane[y, x] = sample
            if mode == GAP:
                last_error = sample - plain
                sums[context] += last_error
                counts[context] += 1
                if counts[context] >= 128:
                    counts[context] >>= 1
                    sums[context] >>= 1
    return OK
