"""Planes that were cut out of larger ones: an encoder's affair.

Samples at the border of an enlarged plane were made of samples of its component that lie beyond. These show in what
they made, faintly: where the plane is thought of with a row or column more on such a side, about as its border is, they
are found with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sofc.jpeg.bounds import Bounded, Mask
from sofc.jpeg.dct import REPLICATED, SCALED, SIDE, Grid
from sofc.jpeg.origin import Origin
from sofc.planes import Plane

ADDED = 1
"""Rows or columns that a plane is thought to have more on a side."""
NEAR = 2
"""By how much samples of these may differ from the border, about."""
LEAST_WRONG = 1 / 8
"""Planes may go on beyond a side where such a share of the border of one does not come out otherwise: of crops of 128 x
128 a tenth to a half of it do not; of whole fundus photographs up to 0.12, and looking further is in vain."""


class Sides(NamedTuple):
    """Of the four sides of a plane 1 for those beyond which its component goes on, else 0."""

    above: int
    below: int
    left: int
    right: int

    @classmethod
    def of(cls, grid: Grid, planes: Sequence[Bounded], drawn: Sequence[Plane]) -> Sides:
        """Those at which planes do not come out as ``drawn``, along which their component was enlarged."""
        borders: list[Mask] = []
        for border in ((0, ...), (-1, ...), (..., 0), (..., -1)):
            wrong = [
                (one[border] < plane.lowest[border]) | (one[border] > plane.highest[border])
                for one, plane in zip(drawn, planes, strict=True)
            ]
            borders.append(np.logical_or.reduce(wrong))
        factors = [grid.down, grid.down, grid.across, grid.across]
        shown = (factor == 2 and border.mean() >= LEAST_WRONG for factor, border in zip(factors, borders, strict=True))
        return cls(*map(int, shown))

    def share_of(self, origins: Sequence[Origin]) -> float:
        """What blocks at these sides have of the coefficients that are not 0."""
        total = own = 0
        for coefficients in (origin.coefficients for origin in origins):
            total += int(np.count_nonzero(coefficients))
            borders = coefficients[0], coefficients[-1], coefficients[:, 0], coefficients[:, -1]
            own += sum(int(np.count_nonzero(border)) for border, is_one in zip(borders, self, strict=True) if is_one)
        return own / max(1, total)

    def widened(self, plane: Bounded) -> Bounded:
        """The plane with a row or column more on these sides."""
        size = [(ADDED * first, ADDED * last) for first, last in (self[:2], self[2:])]
        samples, lowest, highest, shown = (np.pad(one, size, mode="edge") for one in plane)
        added = np.pad(np.zeros(plane.samples.shape, bool), size, constant_values=True)
        lowest[added] -= NEAR
        highest[added] += NEAR
        return Bounded(samples, lowest, highest, shown)

    def widened_grid(self, grid: Grid) -> Grid:
        """The grid of blocks over the plane so widened, if it is ``grid`` over the plane."""
        top, left = grid.top - ADDED * self.above, grid.left - ADDED * self.left
        return grid._replace(top=top % (SIDE * grid.down), left=left % (SIDE * grid.across))

    def of_plane(self, widened: Origin) -> Origin:
        """The origin of the plane, given that of the widened one."""
        grid = widened.grid
        own = Grid(
            grid.down,
            grid.across,
            grid.top + ADDED * self.above,
            grid.left + ADDED * self.left,
            self.below,
            self.right,
        )
        return Origin(own, widened.table, widened.coefficients, widened.decoder)


def may_go_on(origin: Origin) -> bool:
    """Whether samples of the plane were made of more than one of the component's."""
    return origin.grid.is_enlarged and origin.decoder.upsampling not in (REPLICATED, SCALED)
