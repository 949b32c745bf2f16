"""Which images of a group follow from the one before, as bands of a spectrum and frames do: the encoder's policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.follow import FACTOR_BITS, ONE_BITS, Follow
from sofc.band.steps import Form
from sofc.planes import Plane

Images = npt.NDArray[np.int64]
"""Samples of some images, shape (images, components, rows, width)."""
LEAST_BITS = 8
PROBE_ROWS, PROBE_WIDTH = 64, 256
"""Images are judged by so many samples from their middle."""
FEW = 16
"""Images of a group that are looked at first, about."""
FOLLOWS = 0.9
"""An image follows where neighbours differ by so much less once what follows is taken off; and so a group."""


class _Fit(NamedTuple):
    """Of images that may follow from others: factors, what they depart by, and by how much neighbours differ in all,
    as the images are and where what follows is taken off those that follow, which have a factor above 0."""

    factors: npt.NDArray[np.int64]
    departures: Images
    own: int
    rest: int

    @classmethod
    def of(cls, before: Images, images: Images) -> _Fit:
        slopes, around = np.diff(before, axis=3), np.diff(images, axis=3)
        axes = (1, 2, 3)
        energy = np.maximum(1, (slopes * slopes).sum(axes))
        wanted = np.rint((slopes * around).sum(axes) / energy * (1 << ONE_BITS)).astype(np.int64)
        factors = np.clip(wanted, 0, (1 << FACTOR_BITS) - 1)
        departures = images - (before * factors[:, None, None, None] >> ONE_BITS)
        own, rest = np.abs(around).sum(axes), np.abs(np.diff(departures, axis=3)).sum(axes)
        follows = rest < FOLLOWS * own
        return cls(factors * follows, departures, int(own.sum()), int(np.where(follows, rest, own).sum()))

    @property
    def pays(self) -> bool:
        return self.rest < FOLLOWS * self.own


def find_following(planes: Sequence[Plane], form: Form) -> Follow | None:
    """The step that makes of a group what its images differ by; None where these have little in common."""
    if form.images < 2 or form.bits < LEAST_BITS or form.width < 2:
        return None
    top, left = max(0, form.image_rows - PROBE_ROWS) // 2, max(0, form.width - PROBE_WIDTH) // 2
    inner = slice(top, top + PROBE_ROWS), slice(left, left + PROBE_WIDTH)
    of_planes = [plane.reshape(form.images, form.image_rows, form.width)[:, *inner] for plane in planes]

    def fit(few: int) -> _Fit:
        before, images = (
            np.stack([plane[part][::few] for plane in of_planes], axis=1).astype(np.int64)
            for part in (slice(None, -1), slice(1, None))
        )
        return _Fit.of(before, images)

    if not fit(-(-form.images // FEW)).pays or not (found := fit(1)).pays:
        return None
    # What departs by nothing is in the middle of the range.
    middles = np.median(found.departures, axis=(1, 2, 3)).astype(np.int64) - (1 << form.bits - 1)
    offsets = np.where(found.factors > 0, middles % (1 << form.bits), 0)
    return Follow(tuple(found.factors.tolist()), tuple(offsets.tolist()))


def departures(before: Sequence[Plane], planes: Sequence[Plane], bits: int) -> list[Plane]:
    """What an image of samples of so many bits departs by from the one before, as a group of both holds it; the image
    itself where it has little in common with that, or another size."""
    rows, width = planes[0].shape
    if [plane.shape for plane in before] != [plane.shape for plane in planes]:
        return list(planes)
    both, form = (
        list(map(np.concatenate, zip(before, planes, strict=True))),
        Form(len(planes), bits, 2 * rows, width, rows),
    )
    step = find_following(both, form)
    return list(planes) if step is None else [plane[rows:].astype(np.int32) for plane in step.apply(both, form)]
