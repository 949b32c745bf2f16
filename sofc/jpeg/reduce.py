"""Coefficients of planes that the scaled inverse transform enlarged: an encoder's affair.

Sixteen samples in a row come of eight coefficients: more samples than coefficients, so that rounding the transform of
the samples gives them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.jpeg.bounds import Bounded
from sofc.jpeg.dct import COSINES, MIDDLE, SIDE, SIZE, Decoder, Grid
from sofc.jpeg.origin import Origin, Steps
from sofc.jpeg.steps import FINE_BITS
from sofc.planes import Plane

TURNS = 12
"""How often samples that are not known are taken from what coefficients make of them."""

Reals = npt.NDArray[np.float64]


def _analysis(factor: int) -> Reals:
    """[frequency, sample]: the coefficients of 8 * factor samples that eight coefficients make."""
    if factor == 1:
        whole: Reals = COSINES
        return whole
    frequency, sample = np.mgrid[:SIDE, : 2 * SIDE]
    cosines = np.cos((2 * sample + 1) * frequency * np.pi / 32) * np.where(frequency == 0, np.sqrt(0.125), 0.5)
    result: Reals = cosines / 2
    return result


def _transformed(plane: Plane, grid: Grid) -> Reals:
    """The coefficients of a plane, its edges repeated: (rows of blocks, columns, 8, 8)."""
    down, across, top, left = grid[:4]
    height, breadth = SIDE * down, SIDE * across
    rows, width = plane.shape
    border = ((top, -(top + rows) % height), (left, -(left + width) % breadth))
    whole = np.pad(plane, border, mode="edge") - float(MIDDLE)
    blocks = whole.reshape(whole.shape[0] // height, height, whole.shape[1] // breadth, breadth).swapaxes(1, 2)
    result: Reals = _analysis(down) @ blocks @ _analysis(across).T
    return result


def scaled_blocks(planes: Sequence[Bounded], grid: Grid, most: int) -> npt.NDArray[np.int32]:
    """Coefficients of at most so many whole blocks that are not flat, in 1/2**FINE_BITS: (blocks, 64)."""
    found = []
    for plane in planes:
        rows, width = plane.samples.shape
        first = [-grid.top % (SIDE * grid.down), -grid.left % (SIDE * grid.across)]
        inside = grid._replace(top=0, left=0)
        last = [first[0] + (rows - first[0]) // (SIDE * grid.down) * SIDE * grid.down]
        last.append(first[1] + (width - first[1]) // (SIDE * grid.across) * SIDE * grid.across)
        if last[0] > first[0] and last[1] > first[1]:
            samples = plane.samples[first[0] : last[0], first[1] : last[1]]
            found.append(_transformed(samples, inside).reshape(-1, SIZE))
    blocks = np.concatenate(found) if found else np.zeros((0, SIZE))
    blocks = blocks[np.abs(blocks[:, 1:]).max(axis=1, initial=0) > 1]
    chosen = np.arange(min(most, len(blocks))) * len(blocks) // max(1, min(most, len(blocks)))
    result: npt.NDArray[np.int32] = np.floor(blocks[chosen] * (1 << FINE_BITS) + 0.5).astype(np.int32)
    return result


def solve_scaled(plane: Bounded, grid: Grid, table: Steps, decoder: Decoder) -> Origin:
    """How a plane came about that was enlarged so: samples that are not known follow from coefficients, by turns."""
    samples = plane.samples
    origin = Origin.empty(grid, table, plane.samples.shape, decoder)
    for _ in range(TURNS):
        rounded = np.floor(_transformed(samples, grid).reshape(origin.coefficients.shape) / table + 0.5)
        origin.coefficients[:] = rounded
        drawn, _ = origin.draw(samples.shape)
        wanted = np.clip(drawn, plane.lowest, plane.highest)
        if plane.known.all() or (wanted == samples).all():
            break
        samples = wanted
    return origin
