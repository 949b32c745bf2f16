"""Spec arrangement/divide: two images that stand side by side, or one above the other, in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sofc.band.steps import Form, require
from sofc.planes import Plane


@dataclass(frozen=True)
class Division:
    """Where an image is divided: the first ``place`` rows (``axis`` 0) or columns (1) of it are an image of their own,
    the others are another."""

    axis: int
    place: int

    @classmethod
    def read(cls, numbers: Iterator[int], _: Form) -> Division:
        return cls(next(numbers), next(numbers))

    def arguments(self) -> Sequence[int]:
        return self.axis, self.place

    def forms(self, form: Form) -> tuple[Form, Form]:
        """Those of both. Raises FormatError where images of this form cannot be divided so."""
        rows, width = form.image_rows, form.width
        require(self.axis < 2, "an arrangement divides images in no known way")
        require(1 <= self.place < (rows, width)[self.axis], "an arrangement divides images beyond their border")
        if self.axis:
            return form.of_size(rows, self.place), form.of_size(rows, width - self.place)
        return form.of_size(self.place, width), form.of_size(rows - self.place, width)

    def apply(self, planes: Sequence[Plane], form: Form) -> tuple[list[Plane], list[Plane]]:
        """The planes of both."""
        pieces = [np.split(self._images(plane, form), [self.place], 1 + self.axis) for plane in planes]
        first, rest = (
            [np.ascontiguousarray(piece[k]).reshape(own.rows, own.width) for piece in pieces]
            for k, own in enumerate(self.forms(form))
        )
        return first, rest

    def undo(self, both: Sequence[Sequence[Plane]], form: Form) -> list[Plane]:
        """The planes of the form, given those of both."""
        joined = []
        for pieces in zip(*both, strict=True):
            images = [self._images(*one) for one in zip(pieces, self.forms(form), strict=True)]
            joined.append(np.concatenate(images, 1 + self.axis).reshape(form.rows, form.width))
        return joined

    def _images(self, plane: Plane, form: Form) -> Plane:
        return plane.reshape(form.images, form.image_rows, form.width)

    def __str__(self) -> str:
        return f"{self.place} {('rows', 'columns')[self.axis]}"
