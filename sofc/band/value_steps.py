"""Steps of an arrangement that change each sample by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sofc.band.steps import Form, Step, require
from sofc.planes import Plane

MAX_BITS = 16
MAX_FACTOR = 1 << 32


@dataclass(frozen=True)
class Linear(Step):
    """A sample follows from one of the core, of ``bits`` bits, that is multiplied and moved."""

    bits: int
    factor: int
    offset: int

    def undo(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        wide = [self.samples_of(plane) for plane in planes]
        require(
            all(int(plane.min()) >= 0 and int(plane.max()) >> form.bits == 0 for plane in wide),
            "an arrangement scales a sample out of its range",
        )
        return [plane.astype(np.int32) for plane in wide]

    def samples_of(self, core: Plane) -> npt.NDArray[np.int64]:
        """The samples that a plane of the core stands for, which may be out of range."""
        raise NotImplementedError


@dataclass(frozen=True)
class Scale(Linear):
    """Spec arrangement/scale. A sample is ``offset`` and ``factor`` times that of the core, or less it."""

    id = 3
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

    def samples_of(self, core: Plane) -> npt.NDArray[np.int64]:
        """The samples that a plane of the core stands for."""
        return core.astype(np.int64) * (-self.factor if self.falls else self.factor) + self.offset

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

    def core(self, form: Form) -> Form:
        require(form.bits == MAX_BITS, "only samples of 16 bits have bytes to exchange")
        return form

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        return [plane >> 8 | (plane & 255) << 8 for plane in planes]

    def __str__(self) -> str:
        return "bytes exchanged"


@dataclass(frozen=True)
class ReverseBits(Step):
    """Spec arrangement/reverse-bits. A sample is the core's, its last bit first."""

    id = 6

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        values = np.arange(1 << form.bits, dtype=np.int32)
        table = np.zeros_like(values)
        for bit in range(form.bits):
            table = table << 1 | values >> bit & 1
        return [table[plane] for plane in planes]

    def __str__(self) -> str:
        return "bits reversed"


@dataclass(frozen=True)
class Stretch(Linear):
    """Spec arrangement/stretch. A sample is ``factor`` times the core's and ``offset``, over ``divisor``."""

    id = 11
    divisor: int

    def core(self, form: Form) -> Form:
        require(1 <= self.bits <= form.bits, "an arrangement stretches to fewer bits")
        largest = max(self.factor, self.offset, self.divisor)
        require(largest < MAX_FACTOR and self.divisor > 0, "a factor of an arrangement is out of range")
        return replace(form, bits=self.bits)

    def apply(self, planes: Sequence[Plane], form: Form) -> list[Plane]:
        numbers = np.zeros(1 << form.bits, np.int32)
        values = self._samples
        inside = values < len(numbers)
        numbers[values[inside]] = np.flatnonzero(inside)
        return [numbers[plane] for plane in planes]

    def samples_of(self, core: Plane) -> npt.NDArray[np.int64]:
        """The samples that a plane of the core stands for."""
        return self._samples[core]

    @property
    def _samples(self) -> npt.NDArray[np.int64]:
        """The sample for each value of the core."""
        return (np.arange(1 << self.bits, dtype=np.int64) * self.factor + self.offset) // self.divisor

    def __str__(self) -> str:
        return f"{self.bits} bits stretched"
