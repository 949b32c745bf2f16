"""The step of an arrangement by which each image of a group follows from the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.band.steps import Form, Step, require
from sofc.planes import Plane

ONE_BITS = 12
"""Factors are in units of 2^-12."""
FACTOR_BITS = 16


@dataclass(frozen=True)
class Follow(Step):
    """Spec arrangement/follow. A sample is the core's, an offset, and a factor times the sample of the image before,
    modulo the number of values; the first image is the core's."""

    id = 16
    factors: tuple[int, ...]
    offsets: tuple[int, ...]

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Follow:
        pairs = [(next(numbers), next(numbers)) for _ in range(form.images - 1)]
        return cls(tuple(factor for factor, _ in pairs), tuple(offset for _, offset in pairs))

    def arguments(self) -> list[int]:
        return [number for pair in zip(self.factors, self.offsets, strict=True) for number in pair]

    def core(self, form: Form) -> Form:
        require(form.images > 1, "an arrangement has an image follow from none")
        require(len(self.factors) == len(self.offsets) == form.images - 1, "images follow without a factor")
        require(max(self.factors) < 1 << FACTOR_BITS, "a factor of an arrangement is out of range")
        require(max(self.offsets) < 1 << form.bits, "an offset of an arrangement is out of range")
        return form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = [_images(plane, form).copy() for plane in planes]
        for plane, images in zip(planes, core, strict=True):
            for number, expected in enumerate(map(self._expected, _images(plane, form)[:-1], *self._numbers), 1):
                images[number] = (images[number] - expected) & ((1 << form.bits) - 1)
        return [images.reshape(form.rows, form.width) for images in core]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        made = [_images(plane, form).copy() for plane in planes]
        for images in made:
            for number, (factor, offset) in enumerate(zip(*self._numbers, strict=True), 1):
                expected = self._expected(images[number - 1], factor, offset)
                images[number] = (images[number] + expected) & ((1 << form.bits) - 1)
        return [images.reshape(form.rows, form.width) for images in made]

    @property
    def _numbers(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.factors, self.offsets

    @staticmethod
    def _expected(before: Plane, factor: int, offset: int) -> npt.NDArray[np.int64]:
        return (before.astype(np.int64) * factor >> ONE_BITS) + offset

    def __str__(self) -> str:
        return "each image from the one before"


def _images(plane: Plane, form: Form) -> Plane:
    return plane.reshape(form.images, form.image_rows, form.width)
