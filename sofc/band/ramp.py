"""The step of an arrangement by which samples rise evenly along rows and columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.band.steps import Form, Step, require
from sofc.planes import Plane

ONE_BITS = 24
"""Slopes are in units of 2^-24."""
MOST_PLACES = 1 << 20
"""Rows of an image and columns, at most, so that 64 bits hold all sums."""

Slope = tuple[int, int, int]
"""What samples begin at, and by how much they rise with each row and column, modulo the number of values."""


@dataclass(frozen=True)
class Ramp(Step):
    """Spec arrangement/ramp. A sample is the core's and a linear function of its row and column, which is rounded down,
    modulo the number of values; each component has its own."""

    id = 18
    slopes: tuple[Slope, ...]

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Ramp:
        return cls(tuple((next(numbers), next(numbers), next(numbers)) for _ in range(form.components)))

    def arguments(self) -> list[int]:
        return [number for slope in self.slopes for number in slope]

    def core(self, form: Form) -> Form:
        require(max(form.image_rows, form.width) <= MOST_PLACES, "samples of an arrangement rise over too many places")
        require(len(self.slopes) == form.components, "a component of an arrangement rises by nothing")
        require(max(map(max, self.slopes)) >> ONE_BITS + form.bits == 0, "a slope of an arrangement is out of range")
        return form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return self._moved(planes, form, -1)

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return self._moved(planes, form, 1)

    def _moved(self, planes: Sequence[Plane], form: Form, sign: int) -> list[Plane]:
        top, moved = (1 << form.bits) - 1, []
        for plane, (first, down, across) in zip(planes, self.slopes, strict=True):
            rises = (rising(form, down, across) + first >> ONE_BITS).astype(np.int32) & top
            images = plane.reshape(form.images, form.image_rows, form.width)
            moved.append((images + sign * rises & top).reshape(form.rows, form.width))
        return moved

    def __str__(self) -> str:
        return "samples that rise evenly"


def rising(form: Form, down: int, across: int) -> npt.NDArray[np.int64]:
    """By how much each place of an image, (rows, width), is above the first."""
    return down * np.arange(form.image_rows)[:, None] + across * np.arange(form.width)
