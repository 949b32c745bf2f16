"""Spec arrangement/inset: an image that stands within another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sofc.band.steps import Form, require
from sofc.planes import Plane


@dataclass(frozen=True)
class Inset:
    """Where an image stands within another: its first row and column, and how many of them it has."""

    top: int
    left: int
    rows: int
    width: int

    @classmethod
    def read(cls, numbers: Iterator[int], _: Form) -> Inset:
        return cls(next(numbers), next(numbers), next(numbers), next(numbers))

    def arguments(self) -> Sequence[int]:
        return self.top, self.left, self.rows, self.width

    def forms(self, form: Form) -> tuple[Form, Form]:
        """That of the inset, and that of what it stands in. Raises FormatError where it does not lie within that."""
        is_inside = self.top + self.rows <= form.image_rows and self.left + self.width <= form.width
        require(min(self.rows, self.width) > 0 and is_inside, "an arrangement has an inset beyond the border")
        return form.of_size(self.rows, self.width), form

    def covers_most_of(self, other: Inset) -> bool:
        """Whether half of another one or more lies within this one."""
        rows = min(self.top + self.rows, other.top + other.rows) - max(self.top, other.top)
        width = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        return 2 * max(0, rows) * max(0, width) >= other.rows * other.width

    def apply(self, planes: Sequence[Plane], form: Form) -> tuple[list[Plane], list[Plane]]:
        """The planes of the inset, and those that it stands in, which it still covers."""
        own, _ = self.forms(form)
        inside = [self._within(plane, form).reshape(own.rows, own.width) for plane in planes]
        return [np.ascontiguousarray(plane) for plane in inside], list(planes)

    def undo(self, both: Sequence[Sequence[Plane]], form: Form) -> list[Plane]:
        """The planes of the form, given those of both."""
        joined = [np.array(plane) for plane in both[1]]
        for plane, inside in zip(joined, both[0], strict=True):
            within = self._within(plane, form)
            within[:] = inside.reshape(within.shape)
        return joined

    def _within(self, plane: Plane, form: Form) -> Plane:
        """The place of the inset in each image, as it is: (images, rows, width)."""
        images = plane.reshape(form.images, form.image_rows, form.width)
        return images[:, self.top : self.top + self.rows, self.left : self.left + self.width]

    def __str__(self) -> str:
        return f"{self.rows} rows x {self.width} columns from row {self.top}, column {self.left} on"
