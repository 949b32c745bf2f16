"""Spec arrangement/coding-of-an-arrangement: steps between the samples of a band and those that coders see.

A band may hold the image that its own was made from: without the components that say nothing, in another order,
turned, scaled. Every step has an inverse, and none makes an image larger, so that what bounds a band bounds all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.chunks import pack_numbers, unpack_numbers
from sofc.errors import FormatError
from sofc.image import PixelFormat
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

MAX_ENTRIES = 64
"""Parts, splits and steps of one arrangement."""
MAX_COMPONENTS = 4096
MAX_BITS = 16
MAX_FACTOR = 1 << 32


def require(rule: bool, message: str) -> None:
    """Raises FormatError where a rule is broken."""
    if not rule:
        raise FormatError(message)


@dataclass(frozen=True)
class Form:
    """What is known of planes without looking at them: their samples lie in 0 .. 2**bits - 1."""

    components: int
    bits: int
    rows: int
    width: int
    image_rows: int

    @property
    def format(self) -> PixelFormat:
        """The format of an image of such samples."""
        return PixelFormat(self.components, self.bits, self.bits)

    @property
    def images(self) -> int:
        """Images that stand one below the other."""
        return self.rows // self.image_rows

    def of_size(self, image_rows: int, width: int, components: int | None = None) -> Form:
        """The form of as many images of another size."""
        components = self.components if components is None else components
        return Form(components, self.bits, self.images * image_rows, width, image_rows)


class Step:
    """One step. ``id`` and the numbers that ``arguments`` gives stand for it in a file.

    ``core`` gives the form of what is coded for planes of a form and raises FormatError where the step is not for such;
    ``apply`` makes those planes, which is the encoder's affair; ``undo`` gives the planes of the form again.
    """

    id: ClassVar[int]

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Step:
        raise NotImplementedError

    def arguments(self) -> Sequence[int]:
        raise NotImplementedError

    def core(self, form: Form) -> Form:
        raise NotImplementedError

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        raise NotImplementedError

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        raise NotImplementedError

    def __str__(self) -> str:
        raise NotImplementedError


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
class Scale(Step):
    """Spec arrangement/scale. A sample is ``offset`` and ``factor`` times that of the core, or less it."""

    id = 3
    bits: int
    factor: int
    offset: int
    falls: bool = False

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Scale:
        kind = next(numbers)
        return cls(kind >> 1, next(numbers), next(numbers), bool(kind & 1))

    def arguments(self) -> list[int]:
        return [self.bits << 1 | self.falls, self.factor, self.offset]

    def core(self, form: Form) -> Form:
        require(1 <= self.bits <= form.bits, "an arrangement scales to more bits")
        require(1 <= self.factor < 1 << form.bits, "a factor of an arrangement is out of range")
        require(self.offset < 1 << form.bits, "an offset of an arrangement is out of range")
        return replace(form, bits=self.bits)

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        sign = -1 if self.falls else 1
        return [(plane - self.offset) // (sign * self.factor) for plane in planes]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        sign = -1 if self.falls else 1
        wide = [plane.astype(np.int64) * (sign * self.factor) + self.offset for plane in planes]
        require(
            all(int(plane.min()) >= 0 and int(plane.max()) >> form.bits == 0 for plane in wide),
            "an arrangement scales a sample out of its range",
        )
        return [plane.astype(np.int32) for plane in wide]

    def __str__(self) -> str:
        times = "" if self.factor == 1 else f" times {self.factor}"
        if self.falls:
            return f"{self.offset} less {self.bits} bits{times}"
        return f"{self.bits} bits{times}" + (f" and {self.offset}" if self.offset else "")


@dataclass(frozen=True)
class Turn(Step):
    """Spec arrangement/turn. A sample is the core's and ``offset``, modulo the number of values."""

    id = 4
    offset: int

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Turn:
        return cls(next(numbers))

    def arguments(self) -> list[int]:
        return [self.offset]

    def core(self, form: Form) -> Form:
        require(1 <= self.offset < 1 << form.bits, "an offset of an arrangement is out of range")
        return form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return [(plane - self.offset) & ((1 << form.bits) - 1) for plane in planes]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return [(plane + self.offset) & ((1 << form.bits) - 1) for plane in planes]

    def __str__(self) -> str:
        return f"{self.offset} added, around the range"


@dataclass(frozen=True)
class SwapBytes(Step):
    """Spec arrangement/swap-bytes. A sample of 16 bits is the core's with its two bytes exchanged."""

    id = 5

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> SwapBytes:
        return cls()

    def arguments(self) -> list[int]:
        return []

    def core(self, form: Form) -> Form:
        require(form.bits == MAX_BITS, "only samples of 16 bits have bytes to exchange")
        return form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return [plane >> 8 | (plane & 255) << 8 for plane in planes]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return self.apply(planes, form)

    def __str__(self) -> str:
        return "bytes exchanged"


@dataclass(frozen=True)
class ReverseBits(Step):
    """Spec arrangement/reverse-bits. A sample is the core's, its last bit first."""

    id = 6

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> ReverseBits:
        return cls()

    def arguments(self) -> list[int]:
        return []

    def core(self, form: Form) -> Form:
        return form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        values = np.arange(1 << form.bits, dtype=np.int32)
        table = np.zeros_like(values)
        for bit in range(form.bits):
            table = table << 1 | values >> bit & 1
        return [table[plane] for plane in planes]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return self.apply(planes, form)

    def __str__(self) -> str:
        return "bits reversed"


@dataclass(frozen=True)
class Tile(Step):
    """Spec arrangement/tile. One component that is ``count`` of the core, one above the other (0), side by side (1),
    or row by row (2) or sample by sample (3) in turn."""

    id = 7
    kind: int
    count: int

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Tile:
        return cls(next(numbers), next(numbers))

    def arguments(self) -> list[int]:
        return [self.kind, self.count]

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

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Orient:
        return cls(next(numbers))

    def arguments(self) -> list[int]:
        return [self.how]

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

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> MoveAxis:
        return cls(next(numbers))

    def arguments(self) -> list[int]:
        return [self.kind]

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

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Repeat:
        return cls(next(numbers), next(numbers), next(numbers), next(numbers))

    def arguments(self) -> list[int]:
        return [self.down, self.across, self.top, self.left]

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


@dataclass(frozen=True)
class Stretch(Step):
    """Spec arrangement/stretch. A sample is ``factor`` times the core's and ``addend``, over ``divisor``."""

    id = 11
    bits: int
    factor: int
    addend: int
    divisor: int

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Stretch:
        return cls(next(numbers), next(numbers), next(numbers), next(numbers))

    def arguments(self) -> list[int]:
        return [self.bits, self.factor, self.addend, self.divisor]

    def core(self, form: Form) -> Form:
        require(1 <= self.bits <= form.bits, "an arrangement stretches to fewer bits")
        largest = max(self.factor, self.addend, self.divisor)
        require(largest < MAX_FACTOR and self.divisor > 0, "a factor of an arrangement is out of range")
        return replace(form, bits=self.bits)

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        numbers = np.zeros(1 << form.bits, np.int32)
        values = self._values()
        inside = values < len(numbers)
        numbers[values[inside]] = np.flatnonzero(inside)
        return [numbers[plane] for plane in planes]

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        wide = [self._values()[plane] for plane in planes]
        require(
            all(int(plane.max()) >> form.bits == 0 for plane in wide),
            "an arrangement stretches a sample out of its range",
        )
        return [plane.astype(np.int32) for plane in wide]

    def _values(self) -> npt.NDArray[np.int64]:
        """The sample for each of the core's."""
        return (np.arange(1 << self.bits, dtype=np.int64) * self.factor + self.addend) // self.divisor

    def __str__(self) -> str:
        return f"{self.bits} bits stretched"


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


STEPS: dict[int, type[Step]] = {
    step.id: step
    for step in (Choose, Scale, Turn, SwapBytes, ReverseBits, Tile, Orient, MoveAxis, Repeat, Stretch, Demosaic)
}
CODED, SPLIT = 0, 1


class Part(NamedTuple):
    """Planes that a model codes: ``codebook`` is its number in the file, ``streams`` how many belong to it."""

    codebook: int
    model: int
    mapping: int
    streams: int


@dataclass(frozen=True)
class Split:
    """Spec arrangement/split. The first components, and the others, each an image of its own."""

    components: int
    first: Arrangement
    rest: Arrangement


@dataclass(frozen=True)
class Stepped:
    """A step, and how what it leads to is arranged."""

    step: Step
    core: Arrangement


Arrangement = Part | Split | Stepped


def pack_arrangement(arrangement: Arrangement) -> bytes:
    """The stream that says it."""
    return pack_numbers(_numbers(arrangement))


def _numbers(arrangement: Arrangement) -> Iterator[int]:
    if isinstance(arrangement, Part):
        yield CODED
        yield from arrangement
    elif isinstance(arrangement, Split):
        yield SPLIT
        yield arrangement.components
        yield from _numbers(arrangement.first)
        yield from _numbers(arrangement.rest)
    else:
        yield arrangement.step.id
        yield from arrangement.step.arguments()
        yield from _numbers(arrangement.core)


def unpack_arrangement(stream: bytes, form: Form) -> Arrangement:
    """How a band of this form is arranged. Raises FormatError."""
    numbers = unpack_numbers(stream)
    result, _ = _unpack(numbers, form, MAX_ENTRIES)
    require(next(numbers, None) is None, "an arrangement has bytes behind it")
    return result


def _unpack(numbers: Iterator[int], form: Form, left: int) -> tuple[Arrangement, int]:
    """An arrangement, and how many entries may still come."""
    require(left > 0, f"an arrangement has more than {MAX_ENTRIES} entries")
    left -= 1
    require(form.components <= MAX_COMPONENTS, f"an arrangement has more than {MAX_COMPONENTS} components")
    try:
        number = next(numbers)
        if number == CODED:
            return Part(next(numbers), next(numbers), next(numbers), next(numbers)), left
        if number == SPLIT:
            count = next(numbers)
            require(1 <= count < form.components, "an arrangement splits off no components, or all")
            first, left = _unpack(numbers, replace(form, components=count), left)
            rest, left = _unpack(numbers, replace(form, components=form.components - count), left)
            return Split(count, first, rest), left
        require(number in STEPS, f"step {number} of an arrangement is not known to this version of sofc")
        step = STEPS[number].read(numbers, form)
    except (StopIteration, RuntimeError):
        raise FormatError("an arrangement is cut off") from None
    core, left = _unpack(numbers, step.core(form), left)
    return Stepped(step, core), left


def parts_of(arrangement: Arrangement) -> list[Part]:
    """Its parts, in the order of their streams."""
    if isinstance(arrangement, Part):
        return [arrangement]
    if isinstance(arrangement, Split):
        return parts_of(arrangement.first) + parts_of(arrangement.rest)
    return parts_of(arrangement.core)


def describe(arrangement: Arrangement) -> str:
    """It in plain words."""
    if isinstance(arrangement, Part):
        return ""
    if isinstance(arrangement, Split):
        first, rest = describe(arrangement.first), describe(arrangement.rest)
        return f"{arrangement.components} components ({first or 'as they are'}), others apart ({rest or 'as they are'})"
    return ", ".join(filter(None, (str(arrangement.step), describe(arrangement.core))))
