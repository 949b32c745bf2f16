"""Spec dct/inverse-transform and Spec dct/upsampling: what a JPEG decoder makes of coefficients, and the cosine
transform that they come from.

The inverse transform is the accurate integer one of the JPEG reference decoder ("islow": C. Loeffler, A. Ligtenberg and
G. Moschytz, ICASSP 1989, in 13-bit fixed point), the enlargement its "fancy" one, or like it: all to the bit. Other
transforms stand in ``inverses``. Blocks have 8 x 8 samples and 64 coefficients: number 8 * u + v is that of the
vertical frequency u and the horizontal frequency v.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Table, Vector

Integers = npt.NDArray[np.int64]
Coefficients = npt.NDArray[np.int32]
"""Shape (rows of blocks, blocks in a row, 64)."""

Item = TypeVar("Item", np.float64, np.int64)

SIDE = 8
SIZE = SIDE * SIDE
FRACTIONS = 8
"""Parts of a step between samples in which what the transform gives before rounding is told apart."""
COLUMN_SHIFT, ROW_SHIFT = 11, 18
MIDDLE = 128
LARGEST = 255

ACCURATE, FAST, SIMPLE, ROTATED, LIFTED, BUTTERFLIES, SHORT, SHORTER, NARROW = range(9)
"""Kinds of inverse transform: libjpeg's "islow" and "ifast"; FFmpeg's "simple"; Go's up to 1.25, and from 1.26 on; that
of jpeg-js and pdf.js; stb_image's, zune-jpeg's, and that of the JPEG group's libjpeg. There is room for NUMBERED
kinds of upsampling with each."""
INVERSES, NUMBERED = 9, 7
TRIANGLE, REPLICATED, SCALED, HALVES, STEPWISE, FINE, UPSAMPLINGS = range(7)
"""Kinds of upsampling: libjpeg's "fancy", samples repeated, the scaled transform of libjpeg 7 and later, and what is as
"fancy" but rounded otherwise: always by a half, to whole samples after columns, or from 1 / 16 of samples."""
MOST_REPEATED = 4
"""Rows and columns that a sample stands for, at most."""

_PLACES = sorted(
    ((row, column) for row in range(SIDE) for column in range(SIDE)),
    key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
)
ZIGZAG = np.array([SIDE * row + column for row, column in _PLACES], np.int64)
"""Coefficients from the lowest frequency to the highest, as JPEG data has them (ITU-T T.81, figure A.6)."""

BASIS_BITS = 13
_FREQUENCY, _SAMPLE = np.mgrid[:SIDE, :SIDE]
COSINES = np.cos((2 * _SAMPLE + 1) * _FREQUENCY * np.pi / 16) * np.where(_FREQUENCY == 0, np.sqrt(0.125), 0.5)
"""[frequency, sample]: the orthonormal cosine transform of eight samples."""
BASIS = np.rint(COSINES * (1 << BASIS_BITS)).astype(np.int64)
"""The same in 1 / 2**BASIS_BITS."""


def patterns(basis: npt.NDArray[Item]) -> npt.NDArray[Item]:
    """[coefficient, sample]: what a coefficient of 1 adds to the samples of its block, by a basis of such kind."""
    result: npt.NDArray[Item] = np.einsum("uy,vx->uvyx", basis, basis).reshape(SIZE, SIZE)
    return result


@inlined
def inverse_line(values: Vector[np.int64], start: int, step: int, shift: int) -> None:
    """Transform eight numbers in place; what they come to is left times 2**shift and not yet rounded."""
    even = (values[start + 2 * step] + values[start + 6 * step]) * 4433
    e2 = even - values[start + 6 * step] * 15137
    e3 = even + values[start + 2 * step] * 6270
    e0 = (values[start] + values[start + 4 * step]) << 13
    e1 = (values[start] - values[start + 4 * step]) << 13
    a, b, c, d = e0 + e3, e1 + e2, e1 - e2, e0 - e3
    o0, o1 = values[start + 7 * step], values[start + 5 * step]
    o2, o3 = values[start + 3 * step], values[start + step]
    z1, z2, z3, z4 = o0 + o3, o1 + o2, o0 + o2, o1 + o3
    z5 = (z3 + z4) * 9633
    z1 *= -7373
    z2 *= -20995
    z3 = z5 - z3 * 16069
    z4 = z5 - z4 * 3196
    o0 = o0 * 2446 + z1 + z3
    o1 = o1 * 16819 + z2 + z4
    o2 = o2 * 25172 + z2 + z3
    o3 = o3 * 12299 + z1 + z4
    half = 1 << (shift - 1)
    values[start] = a + o3 + half
    values[start + 7 * step] = a - o3 + half
    values[start + step] = b + o2 + half
    values[start + 6 * step] = b - o2 + half
    values[start + 2 * step] = c + o1 + half
    values[start + 5 * step] = c - o1 + half
    values[start + 3 * step] = d + o0 + half
    values[start + 4 * step] = d - o0 + half


@kernel
def invert(work: Vector[np.int64]) -> None:
    """Spec dct/inverse-transform. The inverse transform of 64 coefficients (each within +-2**22) in place.

    Samples are ``work[i] >> ROW_SHIFT`` plus MIDDLE, cut to 0 .. 255.
    """
    for column in range(SIDE):
        inverse_line(work, column, SIDE, COLUMN_SHIFT)
    for i in range(SIZE):
        work[i] >>= COLUMN_SHIFT
    for row in range(SIDE):
        inverse_line(work, SIDE * row, 1, ROW_SHIFT)


@inlined
def _beside(place: int, factor: int, last: int) -> int:
    """The sample of a component that sample ``place`` of a line leans to: the nearer of those beside its own."""
    own = place // factor
    return own if factor == 1 else max(0, min(last, own + (1 if place & 1 else -1)))


class Decoder(NamedTuple):
    """How a decoder makes samples of coefficients: kinds of inverse transform and of upsampling."""

    inverse: int = ACCURATE
    upsampling: int = TRIANGLE

    @classmethod
    def numbered(cls, number: int) -> Decoder:
        """Spec dct/heads. That of a number from 0."""
        return cls(*divmod(number, NUMBERED))

    @property
    def number(self) -> int:
        """Spec dct/heads. Its number in files."""
        return NUMBERED * self.inverse + self.upsampling

    @property
    def is_known(self) -> bool:
        """Spec dct/heads. Whether there are such kinds, and they go together."""
        inside = 0 <= self.inverse < INVERSES and 0 <= self.upsampling < UPSAMPLINGS
        suited = {SCALED: ACCURATE, FINE: NARROW}
        return inside and suited.get(self.upsampling, self.inverse) == self.inverse


USUAL = Decoder()
"""libjpeg-turbo, and most others."""


class Grid(NamedTuple):
    """How blocks of a component lie over a plane.

    A sample of the component stands for ``down`` rows and ``across`` columns of the plane, 1 or 2, or up to
    MOST_REPEATED where it is repeated. ``top`` and
    ``left``: place of the plane's first sample in the grid of the blocks so enlarged, in rows and columns of the plane.
    They may be as large as a block: then a row or column of blocks lies wholly before the plane. ``below`` and
    ``right``: 1 where the component goes on behind the plane, as if that had one row or column more, else 0.
    """

    down: int
    across: int
    top: int
    left: int
    below: int = 0
    right: int = 0

    @property
    def is_enlarged(self) -> bool:
        """Whether the component has fewer samples than the plane."""
        return self.down * self.across > 1

    @property
    def corner(self) -> tuple[int, int]:
        """Row and column of the component's sample that the plane's first belongs to."""
        return self.top // self.down, self.left // self.across

    def samples(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of the component from there on that a plane of this shape belongs to."""
        rows, width = shape
        row, column = self.corner
        last_row, last_column = self.top + rows + self.below - 1, self.left + width + self.right - 1
        return last_row // self.down - row + 1, last_column // self.across - column + 1

    def border(self, shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
        """What so many samples lack of whole blocks: above and below, left and right."""
        (row, column), (rows, width) = self.corner, shape
        return (row, -(row + rows) % SIDE), (column, -(column + width) % SIDE)


@inlined
def _blended(component: Table[np.int32], row: int, other: int, column: int, whole: int) -> int:
    """Three parts of a sample and one of that in another row; rounded to whole samples where ``whole`` is 1."""
    return (int(3 * component[row, column] + component[other, column]) + 2 * whole) & ~(3 * whole)


@kernel
def enlarge(component: Table[np.int32], grid: Grid, upsampling: int, plane: Table[np.int32]) -> int:
    """Spec dct/upsampling. Fill a plane from a component, whose first sample is that at the corner of the first block,
    by a kind of upsampling that weighs neighbours.

    Before the first block, and behind the samples that the plane covers, which may have a row or column more, the
    border is repeated. Returns 0.
    """
    down, across, top, left = grid.down, grid.across, grid.top, grid.left
    rows, width = plane.shape
    last_row = (top + rows + grid.below - 1) // down
    first_column, last_column = left // across, (left + width - 1) // across
    beyond = (left + width + grid.right - 1) // across
    whole = 1 if upsampling == STEPWISE else 0
    for y in range(top, top + rows):
        row, other = y // down, _beside(y, down, last_row)
        line = plane[y - top]
        # Rounding up and down by turns, in sixteenths: what is added at even columns, and at odd ones.
        even, odd = (8, 7) if down == across else ((4, 8) if across == 2 else (4 + 4 * (y & 1), 4 + 4 * (y & 1)))
        if upsampling != TRIANGLE:
            even, odd = 8, 8
        if across == 1:
            for x in range(left, left + width):
                line[x - left] = (4 * _blended(component, row, other, x, whole) + (odd if x & 1 else even)) >> 4
            continue
        before = _blended(component, row, other, max(0, first_column - 1), whole)
        here = _blended(component, row, other, first_column, whole)
        for column in range(first_column, last_column + 1):
            after = _blended(component, row, other, min(beyond, column + 1), whole)
            x = 2 * column - left
            if x >= 0:
                line[x] = (3 * here + before + even) >> 4
            if x + 1 < width:
                line[x + 1] = (3 * here + after + odd) >> 4
            before, here = here, after
    return 0
