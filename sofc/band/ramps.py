"""Whether samples rise evenly along rows and columns, as in backgrounds and test charts: the encoder's policy.

A plane of rounded samples is one of a linear function if its two slopes lie within what each two samples say of them: a
region of slopes that is cut down, by the two samples that contradict its middle most, until its middle contradicts none
(J. Levin, On an algorithm for the minimization of convex functions, 1965).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.band.ramp import MOST_PLACES, ONE_BITS, Ramp, Slope, rising
from sofc.band.steps import Form
from sofc.planes import Plane

ONE = 1 << ONE_BITS
PROBES, FAR = 8, 2
"""So many rows are looked at first, whose samples are not so FAR from between the first and the last."""
MOST_CUTS = 64
"""A cut leaves at most 63 % of a region: these leave less than the finest slopes tell."""

Point = tuple[float, float]
"""A slope down and one across, in samples a place."""


def find_ramps(planes: Sequence[Plane], form: Form) -> Ramp | None:
    """The linear functions of row and column that components (samples from 0) are, rounded down, if any is: others, and
    such as are constant, rise by none."""
    if max(form.image_rows, form.width) > MOST_PLACES:
        return None
    slopes = [_slope_of(plane, form) for plane in planes]
    return Ramp(tuple(slope or (0, 0, 0) for slope in slopes)) if any(slopes) else None


def _slope_of(plane: Plane, form: Form) -> Slope | None:
    first = plane[: form.image_rows]
    if not _may_rise(first):
        return None
    (rows, width), corner = first.shape, int(first[0, 0])
    down, across = int(first[-1, 0]) - corner, int(first[0, -1]) - corner
    region = [
        ((down + more) / max(1, rows - 1), (across + further) / max(1, width - 1))
        for more, further in ((-1, -1), (-1, 1), (1, 1), (1, -1))
    ]
    samples = plane.reshape(form.images, rows, width).astype(np.int64)
    before: list[int] = []
    for _ in range(MOST_CUTS):
        steps = [round(each * ONE) for each in _middle(region)]
        if steps == before:
            return None
        before = steps
        above = rising(form, *steps) - (samples << ONE_BITS)
        most, least = int(above.argmax()), int(above.argmin())
        lowest = int(above.flat[least])
        if int(above.flat[most]) - lowest < ONE:
            turns = (ONE << form.bits) - 1
            return (-lowest & turns, steps[0] & turns, steps[1] & turns) if any(steps) else None
        (_, y, x), (_, from_y, from_x) = (np.unravel_index(place, samples.shape) for place in (most, least))
        rise = int(samples.flat[most]) - int(samples.flat[least])
        region = _cut(region, (int(y) - int(from_y), int(x) - int(from_x)), rise + 1)
        if len(region) < 3:
            return None
    return None


def _may_rise(image: Plane) -> bool:
    """Whether some rows of an image, and its corners, are as those of one that rises evenly."""
    rows, width = image.shape
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.int64)
    if abs(int(corners @ (1, -1, -1, 1))) >= FAR or int(image.min()) == int(image.max()):
        return False
    probe = image[:: max(1, rows // PROBES)].astype(np.float64)
    between = probe[:, :1] + (probe[:, -1:] - probe[:, :1]) * (np.arange(width) / max(1, width - 1))
    return bool((np.abs(probe - between) < FAR).all())


def _middle(region: Sequence[Point]) -> npt.NDArray[np.float64]:
    """The centre of gravity of a convex polygon."""
    points = np.array(region)
    one, two = points[1:-1] - points[0], points[2:] - points[0]
    areas = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])
    total = float(areas.sum())
    moment = (areas[:, None] * (one + two)).sum(axis=0)  # no matrix product: these may differ by machine
    return points[0] + moment / (3 * total) if total else np.asarray(points.mean(axis=0))


def _cut(region: Sequence[Point], way: tuple[int, int], most: float) -> list[Point]:
    """What of a convex polygon lies so far along a way at most (I. Sutherland and G. Hodgman, 1974)."""
    kept: list[Point] = []
    far = [one[0] * way[0] + one[1] * way[1] - most for one in region]
    for place, (one, here) in enumerate(zip(region, far, strict=True)):
        before, there = region[place - 1], far[place - 1]
        if (here <= 0) != (there <= 0):
            share = there / (there - here)
            kept.append((before[0] + share * (one[0] - before[0]), before[1] + share * (one[1] - before[1])))
        if here <= 0:
            kept.append(one)
    return kept
