"""Training of the detail layer: by one pass, how many low bits it has, and what weights of neighbours tell of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import details
from sofc.coders.shape.details import DetailModel
from sofc.coders.shape.kernel_predict import is_predicted
from sofc.coders.shape.passes import ResidualTask
from sofc.coders.training import Pass, Passes, added
from sofc.planes import Plane, PlaneRange

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WEIGHT_ONE, WEIGHT_SCALE = 128, 1 << 20
"""Weights of neighbours are in 1/128; samples whose neighbours are 0 count WEIGHT_SCALE when they are sought."""

EQUATION_SAMPLES = 1 << 16
"""Samples of a plane that the equations of weights are taken from."""


def references_of(residuals: Sequence[Plane], plane: int) -> list[Plane]:
    """The planes that plane number ``plane`` may refer to, the nearest first."""
    return list(residuals[max(0, plane - 2) : plane][::-1])


@dataclass(frozen=True)
class EquationTask(ResidualTask):
    """Normal equations of the activity's weights, and how many bits residuals have, for each plane."""

    def collect(self, images: Iterator[list[Plane]]) -> list[tuple[Floats, Integers]]:
        """[plane] (equations, how many residuals have no bits, one bit and so on)."""
        found: list[tuple[Floats, Integers]] = []
        for number in range(len(self.ranges)):
            size = len(details.OWN_PLACES) + len(details.REFERENCE_PLACES) * min(2, number) + 1
            found.append((np.zeros((size, size + 1)), np.zeros(32, np.int64)))
        for residuals, _ in self.residuals(images):
            for number, (zigzag, (equations, sizes)) in enumerate(zip(residuals, found, strict=True)):
                equations += _equations(zigzag, references_of(residuals, number))
                sizes += details.sizes_of(np.bincount(zigzag.ravel()))
        return found


def _equations(zigzag: Plane, references: Sequence[Plane]) -> Floats:
    """Equations (n + 1, n + 2) of magnitudes from those of n neighbours and a constant; the last column is their right
    side. Samples count the less the larger the magnitudes around them are.

    All sums are whole numbers below 2**53: they do not depend on the order of adding.
    """
    step = 1 + zigzag.size // EQUATION_SAMPLES
    taps = [
        details.moved(magnitudes, *place).ravel()[step - 1 :: step]
        for plane, places in [(zigzag, details.OWN_PLACES), *((one, details.REFERENCE_PLACES) for one in references)]
        for magnitudes in [details.magnitudes_of(plane)]
        for place in places
    ]
    target = details.magnitude_scale()[zigzag].ravel()[step - 1 :: step]
    mean = sum(tap.astype(np.float64) for tap in taps) / len(taps)
    weights = np.rint(WEIGHT_SCALE / (1 + 2 * mean) ** 2)
    columns = np.stack([*taps, np.ones_like(target), target]).astype(np.float64)
    equations: Floats = (columns[:-1] * weights) @ columns.T
    return equations


def solve_weights(matrix: Floats) -> npt.NDArray[np.int32]:
    """Weights in units of 1 / WEIGHT_ONE; the constant is left out."""
    square = matrix[:, :-1]
    damped = square + np.eye(square.shape[0]) * (1e-9 + 1e-6 * np.trace(square))
    weights = np.linalg.solve(damped, matrix[:, -1])[:-1]
    return np.clip(np.round(WEIGHT_ONE * weights), -details.MAX_WEIGHT, details.MAX_WEIGHT).astype(np.int32)


def train_details(ranges: list[PlaneRange]) -> Passes[list[DetailModel | None]]:
    """The detail layer of each plane, None for planes that are not predicted."""
    if not any(map(is_predicted, ranges)):
        return [None] * len(ranges)
    found = added((yield Pass((EquationTask(ranges),))))
    return [
        DetailModel(details.split_for(sizes), solve_weights(equations)) if is_predicted(span) else None
        for span, (equations, sizes) in zip(ranges, found, strict=True)
    ]
