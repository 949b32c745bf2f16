"""Spec arrangement/overlay: one colour that was laid over an image, in each place as opaque as it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sofc.band.steps import Form, require
from sofc.planes import Plane


@dataclass(frozen=True)
class Overlay:
    """A colour, a value for each component, that covers an image as far as the opacity says, 0 to all bits ones."""

    colour: tuple[int, ...]

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Overlay:
        return cls(tuple(next(numbers) for _ in range(form.components)))

    def arguments(self) -> Sequence[int]:
        return self.colour

    def forms(self, form: Form) -> tuple[Form, Form]:
        """That of the opacity, and that of the image below. Raises FormatError where the colour is none."""
        is_colour = all(value < 1 << form.bits for value in self.colour)
        require(is_colour, "an arrangement has an overlay of a colour that images cannot have")
        return replace(form, components=1), form

    def undo(self, both: Sequence[Sequence[Plane]], form: Form) -> list[Plane]:
        """The planes of the form, given the opacity and those below."""
        ((opacity,), below) = both
        return [blended(value, plane, opacity, form.bits) for value, plane in zip(self.colour, below, strict=True)]

    def __str__(self) -> str:
        return f"opacity of the colour {' '.join(map(str, self.colour))}"


def blended(value: int, below: Plane, opacity: Plane, bits: int) -> Plane:
    """Spec arrangement/overlay. The samples of a component of which ``value`` covers what is below."""
    most = (1 << bits) - 1
    total = below.astype(np.int64) * (most - opacity) + value * opacity.astype(np.int64)
    return ((2 * total + most) // (2 * most)).astype(np.int32)
