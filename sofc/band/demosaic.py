"""The step of an arrangement that undoes demosaicing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.band.steps import Form, Step, require
from sofc.planes import Plane
from sofc.transforms.mosaic import (
    LEAST_SIDE,
    METHODS,
    PHASES,
    Edges,
    border_repeated,
    correct,
    demosaiced,
    inside,
    kept,
    others,
    pattern,
)
from sofc.transforms.mosaic_border import find_border

MOST_PARTS = 255
"""Parts of a mosaic besides the last: programs make one for each of their threads."""


@dataclass(frozen=True)
class Demosaic(Step):
    """Spec arrangement/demosaic. Three components that a program made of a mosaic: the core's first. Its others correct
    those two that the mosaic has not, in each place in the order of components.

    ``parts``: the rows of all but the last of those parts whose colours were made one by one.
    """

    id = 12
    method: int
    phase: int
    edges: Edges
    parts: tuple[int, ...] = ()

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Demosaic:
        method, phase, edges, count = (next(numbers) for _ in range(4))
        require(edges <= Edges.ALL, "an image has four edges")
        require(count <= MOST_PARTS and count * LEAST_SIDE < form.image_rows, "a mosaic has too many parts")
        return cls(method, phase, Edges(edges), tuple(next(numbers) for _ in range(count)))

    def arguments(self) -> list[int]:
        return [self.method, self.phase, int(self.edges), len(self.parts), *self.parts]

    def core(self, form: Form) -> Form:
        require(self.method in METHODS, f"demosaicing {self.method} is not known to this version of sofc")
        require(self.phase < PHASES and form.components == 3, "these are no colours of a mosaic")
        require(not (METHODS[self.method].hides_border and self.parts), "a mosaic has parts where there are none")
        last = form.image_rows - sum(self.parts)
        require(min(form.width, last, *self.parts, last) >= LEAST_SIDE, "a part of a mosaic is too small")
        return form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        colours = self._images(planes, form)
        mosaic, half, top = kept(colours, self.phase), 1 << (form.bits - 1), (1 << form.bits) - 1
        places = inside(Edges.NONE, form.image_rows, form.width)
        if METHODS[self.method].hides_border:
            find_border(mosaic, colours, self.phase, METHODS[self.method].means, self.edges, top)
            places = inside(self.edges, form.image_rows, form.width)
        wrong = others(colours, self.phase) - others(self._made(mosaic), self.phase)
        corrections = np.full_like(wrong, half)
        corrections[:, :, *places] = (wrong[:, :, *places] + half) & top
        return [plane.reshape(form.rows, form.width) for plane in (mosaic, *corrections)]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self._images(planes, form)
        colours = self._made(core[0])
        correct(colours, core[1:], self.phase, form.bits)
        if METHODS[self.method].hides_border:
            colours = border_repeated(colours, self.edges)
        return [np.ascontiguousarray(plane).reshape(form.rows, form.width) for plane in colours]

    def _images(self, planes: Sequence[Plane], form: Form) -> npt.NDArray[np.int32]:
        return np.stack(planes).reshape(form.components, form.images, form.image_rows, form.width)

    def _made(self, mosaic: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        return demosaiced(mosaic, self.method, self.phase, self.edges, self.parts)

    def __str__(self) -> str:
        return f"demosaiced from {pattern(self.phase)} ({METHODS[self.method].name})"
