"""Spec wide-samples/filtered: floating-point numbers that a filter, or a root, made of others, which take less."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.core import Area
from sofc.container.wide import FilterHead, pack_filtered
from sofc.image import SampleType
from sofc.transforms.filters import filtered
from sofc.transforms.numbers import Keys, from_keys, to_keys

Reals = npt.NDArray[np.float64]


class Filter(NamedTuple):
    """``weights`` along images, rows and columns, from the sample itself outwards; none of an axis that is not
    filtered. ``between``: the type of the numbers that are filtered and of those between two axes. ``is_rooted``:
    whether square roots are made of these."""

    weights: tuple[Reals, ...]
    border: int
    between: SampleType
    is_rooted: bool = False

    def packed(self, mode: int, model: int, streams: int) -> bytes:
        """The body of the plan, with how the numbers that are filtered are coded."""
        weights = [one.tolist() for one in self.weights]
        return pack_filtered(FilterHead(self.between, self.border, int(self.is_rooted), weights, mode, model, streams))

    @classmethod
    def of(cls, head: FilterHead) -> Filter:
        """What the body of a plan says."""
        return cls(
            tuple(np.array(one, np.float64) for one in head.weights),
            head.border,
            SampleType(head.between),
            head.function > 0,
        )

    def origin_area(self, area: Area) -> Area:
        """Of the numbers that those of an area are made of."""
        return area

    def made_of(self, origin: Keys, number: SampleType, area: Area) -> Keys:
        """Keys of what the filter makes of numbers given by theirs."""
        values = values_of(origin, self.between, area.image_rows)
        types = self.between.dtype_name, number.dtype_name
        made = filtered(values, self.weights, self.border, *types, is_rooted=self.is_rooted)
        planes = [to_keys(plane.reshape(-1, plane.shape[2]), number) for plane in made]
        return np.concatenate(planes)


def values_of(keys: Keys, number: SampleType, image_rows: int) -> npt.NDArray[Any]:
    """The numbers of keys of shape (planes, rows, width), as (planes, images, rows, width)."""
    planes = [from_keys(keys[k : k + 1], number, 1) for k in range(len(keys))]
    return np.stack(planes).reshape(len(keys), -1, image_rows, keys.shape[2])
