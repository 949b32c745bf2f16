"""What a step of an arrangement is, and what is known of the planes between two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, cast

from sofc.errors import FormatError
from sofc.image import PixelFormat
from sofc.planes import Plane


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

    @property
    def samples(self) -> int:
        """Samples of all components."""
        return self.components * self.rows * self.width

    def of_size(self, image_rows: int, width: int, components: int | None = None) -> Form:
        """The form of as many images of another size."""
        components = self.components if components is None else components
        return Form(components, self.bits, self.images * image_rows, width, image_rows)


@dataclass(frozen=True)
class Step:
    """One step. ``id`` and the numbers that ``arguments`` gives stand for it in a file: its fields, unless it says so.

    ``core`` gives the form of what is coded for planes of a form and raises FormatError where the step is not for such;
    ``apply`` makes those planes, which is the encoder's affair; ``undo`` gives the planes of the form again.
    """

    id: ClassVar[int]

    @classmethod
    def read(cls, numbers: Iterator[int], form: Form) -> Step:
        make = cast(Callable[..., Step], cls)
        return make(*[next(numbers) for _ in fields(cls)])

    def arguments(self) -> Sequence[int]:
        return [getattr(self, field.name) for field in fields(self)]

    def core(self, form: Form) -> Form:
        return form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        raise NotImplementedError

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        """By default ``apply``, which is its own inverse."""
        return self.apply(planes, form)

    def __str__(self) -> str:
        raise NotImplementedError
