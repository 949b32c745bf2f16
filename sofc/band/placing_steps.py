"""Steps of an arrangement that put samples elsewhere, leave them out or repeat them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sofc.band.steps import Form, Step, require
from sofc.planes import Plane


@dataclass(frozen=True)
class Choose(Step):
    """Spec arrangement/choose. Each component is constant (``values``), or one of the core's (``sources``, else -1)."""

    id = 2
    sources: tuple[int, ...]
    values: tuple[int, ...]

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Choose:
        sources, values = [], []
        for _ in range(form.components):
            sources.append(next(numbers) - 1)
            values.append(next(numbers) if sources[-1] < 0 else 0)
        return cls(tuple(sources), tuple(values))

    def arguments(self) -> list[int]:
        return [
            number
            for source, value in zip(self.sources, self.values, strict=True)
            for number in ((source + 1,) if source >= 0 else (0, value))
        ]

    def core(self, form: Form) -> Form:
        count = max(self.sources) + 1
        require(count > 0, "all components of an arrangement are constant")
        require(count <= form.components and {*range(count)} <= {*self.sources}, "an arrangement skips a component")
        require(max(self.values) >> form.bits == 0, "a constant of an arrangement is out of range")
        return replace(form, components=count)

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return [planes[self.sources.index(k)] for k in range(max(self.sources) + 1)]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return [
            planes[source] if source >= 0 else np.full((form.rows, form.width), value, np.int32)
            for source, value in zip(self.sources, self.values, strict=True)
        ]

    def __str__(self) -> str:
        both = zip(self.sources, self.values, strict=True)
        return "components " + ", ".join(str(source) if source >= 0 else f"always {value}" for source, value in both)


@dataclass(frozen=True)
class Tile(Step):
    """Spec arrangement/tile. One component that is ``count`` of the core, one above the other (0), side by side (1),
    or row by row (2) or sample by sample (3) in turn."""

    id = 7
    kind: int
    count: int

    def core(self, form: Form) -> Form:
        require(form.components == 1 and self.kind < 4 and self.count > 1, "an arrangement tiles what it cannot")
        divided = form.width if self.kind & 1 else form.image_rows
        require(divided % self.count == 0, f"{divided} rows or columns are not {self.count} components")
        down, across = (1, self.count) if self.kind & 1 else (self.count, 1)
        return form.of_size(form.image_rows // down, form.width // across, self.count)

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self.core(form)
        parts = planes[0].reshape(self._split(form))
        return [
            np.ascontiguousarray(np.take(parts, k, self._axis)).reshape(core.rows, core.width)
            for k in range(self.count)
        ]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self.core(form)
        parts = [plane.reshape(core.images, core.image_rows, core.width) for plane in planes]
        return [np.stack(parts, self._axis).reshape(form.rows, form.width)]

    @property
    def _axis(self) -> int:
        return (1, 2, 2, 3)[self.kind]

    def _split(self, form: Form) -> tuple[int, ...]:
        core = self.core(form)
        sizes = [core.images, core.image_rows, core.width]
        sizes.insert(self._axis, self.count)
        return tuple(sizes)

    def __str__(self) -> str:
        how = ("one above the other", "side by side", "row by row", "sample by sample")[self.kind]
        return f"{self.count} components {how}"


@dataclass(frozen=True)
class Orient(Step):
    """Spec arrangement/orient. The core transposed (4), then mirrored left to right (2) and upside down (1)."""

    id = 8
    how: int

    def core(self, form: Form) -> Form:
        require(1 <= self.how <= 7, "an arrangement turns an image in no known way")
        return form.of_size(form.width, form.image_rows) if self.how & 4 else form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self.core(form)
        return [self._turned(self._mirrored(plane, form), core) for plane in planes]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self.core(form)
        result = []
        for plane in planes:
            images = plane.reshape(core.images, core.image_rows, core.width)
            images = images.transpose(0, 2, 1) if self.how & 4 else images
            result.append(self._turned(self._mirrored(images, form), form, transposed=False))
        return result

    def _mirrored(self, plane: Plane, form: Form) -> Plane:
        images = plane.reshape(form.images, form.image_rows, form.width)
        return images[:, :: -1 if self.how & 1 else 1, :: -1 if self.how & 2 else 1]

    def _turned(self, images: Plane, form: Form, *, transposed: bool | None = None) -> Plane:
        turned = bool(self.how & 4) if transposed is None else transposed
        images = images.transpose(0, 2, 1) if turned else images
        return np.ascontiguousarray(images).reshape(form.rows, form.width)

    def __str__(self) -> str:
        names = ("", "upside down", "mirrored", "turned by 180 degrees", "transposed")
        further = ("turned by 90 degrees left", "turned by 90 degrees right", "transposed the other way")
        return (*names, *further)[self.how]


@dataclass(frozen=True)
class MoveAxis(Step):
    """Spec arrangement/move-axis. Rows of the image are components of the core (0), or its columns are (1)."""

    id = 9
    kind: int

    def core(self, form: Form) -> Form:
        require(self.kind < 2, "an arrangement moves axes in no known way")
        if self.kind:
            return form.of_size(form.image_rows, form.components, form.width)
        return form.of_size(form.width, form.components, form.image_rows)

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self.core(form)
        samples = np.stack(planes, -1).reshape(form.images, form.image_rows, form.width, form.components)
        samples = np.moveaxis(samples, 2 if self.kind else 1, 0)
        return [np.ascontiguousarray(plane).reshape(core.rows, core.width) for plane in samples]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self.core(form)
        samples = np.stack(planes).reshape(core.components, core.images, core.image_rows, core.width)
        samples = np.moveaxis(samples, 0, 2 if self.kind else 1)
        return [np.ascontiguousarray(plane).reshape(form.rows, form.width) for plane in np.moveaxis(samples, -1, 0)]

    def __str__(self) -> str:
        return "columns as components" if self.kind else "rows as components"


@dataclass(frozen=True)
class Repeat(Step):
    """Spec arrangement/repeat. Each of the core's samples ``down`` x ``across`` times; ``top`` rows and ``left``
    columns of the first are cut off."""

    id = 10
    down: int
    across: int
    top: int = 0
    left: int = 0

    def core(self, form: Form) -> Form:
        require(self.top < self.down and self.left < self.across, "an arrangement repeats samples in no known way")
        require(self.down <= form.image_rows and self.across <= form.width, "an arrangement repeats samples too often")
        rows = -(-(form.image_rows + self.top) // self.down)
        return form.of_size(rows, -(-(form.width + self.left) // self.across))

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self.core(form)
        rows = np.maximum(0, np.arange(core.image_rows) * self.down - self.top)
        columns = np.maximum(0, np.arange(core.width) * self.across - self.left)
        return [
            plane.reshape(form.images, form.image_rows, form.width)[:, rows][:, :, columns].reshape(
                core.rows, core.width
            )
            for plane in planes
        ]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        core = self.core(form)
        rows = (np.arange(form.image_rows) + self.top) // self.down
        columns = (np.arange(form.width) + self.left) // self.across
        return [
            plane.reshape(core.images, core.image_rows, core.width)[:, rows][:, :, columns].reshape(
                form.rows, form.width
            )
            for plane in planes
        ]

    def __str__(self) -> str:
        return f"each sample {self.down} x {self.across} times"
