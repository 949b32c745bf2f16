"""Spec appendix-kept-files/overview: coefficients of a scan, estimated from the samples that were decoded from it as
an encoder makes them.

The same on any machine: what the estimate misses is kept, and added when the JPEG data is made again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel
from sofc.jit.types import Table, Vector
from sofc.jpeg.colour import component_of
from sofc.jpeg.dct import BASIS, BASIS_BITS, MIDDLE, SIDE, SIZE, ZIGZAG, Integers, patterns
from sofc.jpeg.headers import Blocks, Component, DamagedError, Frame
from sofc.planes import Plane

Image = npt.NDArray[Any]

CHANNELS = 3
POINT = 8
"""Bits behind the point of the planes that the transform starts from."""
SHARPENINGS = 8
"""Steps in which what was between two samples of a component is taken out of both."""
REST_BITS = 10
"""Differences of samples are in 2**-REST_BITS."""
PATTERNS = (patterns(BASIS)[ZIGZAG] + (1 << 15)) >> (2 * BASIS_BITS - REST_BITS)
"""The samples that a coefficient of 1 adds to a block: (coefficient in zigzag order, sample)."""
TOLERANCE = 514
"""Differences that say nothing: half a sample, and what decoders round on the way."""
FARTHEST = 2048
"""Where a sample is farther beyond that, it did not come out of such coefficients: it was clipped, say."""
FINE = 2
"""The largest step of coefficients that are moved."""
MOVES = 6
OUTSIDE = np.iinfo(np.int32).min
"""Stands for the first coefficient of a block outside the image."""


@kernel
def _fault(rest: Vector[np.int64], change: int, pattern: Vector[np.int64]) -> int:
    """The squares of what goes beyond TOLERANCE after a change of one coefficient."""
    total = np.int64(0)
    for i in range(SIZE):
        excess = max(0, abs(rest[i] - change * pattern[i]) - TOLERANCE)
        total += excess * excess
    return int(total)


@kernel
def settle(
    coefficients: Table[np.int32], rests: Table[np.int64], steps: Vector[np.int64], patterns: Table[np.int64]
) -> int:
    """Spec appendix-kept-files/overview, settling. Move coefficients by one, the one that helps most first, as long
    as faults shrink.

    Rounding took some to the wrong side: with steps of 1 or 2 the rounding of samples blurs them so far. A decoder's
    samples differ from the inverse transform of the right coefficients by half a sample at most. ``coefficients``
    (blocks, 64), in any order that ``steps`` (64,) and ``patterns`` (64, 64) have, too. ``rests`` (blocks, 64): samples
    less what coefficients make of them, in 2**-REST_BITS; they are used up. Returns 0.
    """
    for block in range(coefficients.shape[0]):
        rest = rests[block]
        farthest = np.int64(0)
        for i in range(SIZE):
            farthest = max(farthest, abs(rest[i]))
        if farthest > TOLERANCE + FARTHEST:
            continue
        fault = _fault(rest, 0, patterns[0])
        for _ in range(MOVES):
            least, best, direction = fault, -1, 0
            for k in range(SIZE):
                if fault == 0 or steps[k] > FINE:
                    continue
                for sign in (-1, 1):
                    total = _fault(rest, sign * steps[k], patterns[k])
                    if total < least:
                        least, best, direction = total, k, sign
            if best < 0:
                break
            coefficients[block, best] += direction
            for i in range(SIZE):
                rest[i] -= direction * steps[best] * patterns[best, i]
            fault = least
    return 0


def samples_of(image: Image, frame: Frame) -> npt.NDArray[np.uint8]:
    """The samples (rows, columns, components) of an image that heads are of. Raises DamagedError for another."""
    samples = image.reshape(*image.shape[:2], -1)
    if samples.shape != (frame.rows, frame.columns, len(frame.components)) or image.dtype != np.uint8:
        raise DamagedError
    return samples


def estimate(image: Image, frame: Frame, *, converted: bool, settled: bool) -> Blocks:
    """The blocks of the scan, as the samples make them likely. Raises DamagedError where they do not fit.

    ``converted``: the samples are red, green and blue of luminance and chrominances; ``settled``: coefficients are
    moved where wrong ones show.
    """
    samples = samples_of(image, frame)
    if converted and len(frame.components) != CHANNELS:
        raise DamagedError
    down, across = frame.units
    pieces: list[Blocks] = []
    for number, component in enumerate(frame.components):
        if frame.most_down % component.down or frame.most_across % component.across:
            raise DamagedError
        plane = component_of(samples, number) if converted else samples[..., number].astype(np.int32) - MIDDLE
        v, h = frame.most_down // component.down, frame.most_across // component.across
        plane = _reduced(_reduced(plane << POINT, v).T, h).T
        blocks = _transformed(plane, component.steps, settled=settled and v * h == 1)
        whole = np.zeros((down * component.down, across * component.across, SIZE), np.int32)
        whole[..., 0] = OUTSIDE
        whole[: len(blocks), : blocks.shape[1]] = blocks
        pieces.append(_in_units(whole, component))
    result: Blocks = np.concatenate(pieces, axis=1)
    # Blocks that lie outside the image have the first coefficient of the block before, and no others.
    for member in range(1, result.shape[1]):
        there = result[:, member, 0] == OUTSIDE
        result[there, member, 0] = result[there, member - 1, 0]
    return np.ascontiguousarray(result.reshape(-1, SIZE))


def _in_units(blocks: Blocks, component: Component) -> Blocks:
    """Blocks (rows, columns, 64) in the order of the scan: (units, blocks of a unit, 64)."""
    rows, columns, _ = blocks.shape
    down, across = rows // component.down, columns // component.across
    cut = blocks.reshape(down, component.down, across, component.across, SIZE).swapaxes(1, 2)
    return cut.reshape(down * across, component.down * component.across, SIZE)


def _reduced(plane: Plane, factor: int) -> Plane:
    """Of every ``factor`` rows one: their mean, or what T.81's usual interpolation made two rows of."""
    if factor == 1:
        return plane
    filled = np.concatenate([plane, np.repeat(plane[-1:], -len(plane) % factor, axis=0)])
    means: Plane = filled.reshape(-1, factor, plane.shape[1]).sum(axis=1, dtype=np.int32) // factor
    if factor != 2:
        return means
    result = means
    for _ in range(SHARPENINGS):
        north = np.concatenate([result[:1], result[:-1]])
        south = np.concatenate([result[1:], result[-1:]])
        result = result + means - ((6 * result + north + south) >> 3)
    return result


def _transformed(plane: Plane, steps: Integers, *, settled: bool) -> Blocks:
    """Quantised coefficients of a component, its edges repeated: (rows of blocks, columns, 64) in zigzag order.

    ``settled``: the plane has the very samples of the component, so that wrong coefficients show.
    """
    rows, columns = -(-plane.shape[0] // SIDE), -(-plane.shape[1] // SIDE)
    spare = [(0, SIDE * rows - plane.shape[0]), (0, SIDE * columns - plane.shape[1])]
    blocks = np.pad(plane, spare, mode="edge").reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
    unit = steps << (POINT + 2 * BASIS_BITS)
    result = np.empty((rows, columns, SIZE), np.int32)
    for row, narrow in enumerate(blocks):  # a row at a time, since in between numbers take eight bytes
        line = narrow.astype(np.int64)
        values = (BASIS @ line @ BASIS.T).reshape(columns, SIZE)[:, ZIGZAG]
        result[row] = (values + (unit >> 1)) // unit
        if settled and steps.min() <= FINE:
            drawn = np.empty((columns, SIZE), np.int64)
            drawn[:, ZIGZAG] = result[row] * steps
            drawn = BASIS.T @ drawn.reshape(line.shape) @ BASIS
            rests = ((line << (2 * BASIS_BITS - POINT)) - drawn) >> (2 * BASIS_BITS - REST_BITS)
            settle(result[row], rests.reshape(columns, SIZE), steps, PATTERNS)
    return result
