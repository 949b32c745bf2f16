"""Coefficients that training goes through again and again, kept in little room: the components of many images."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sofc.coders.dct.coder import component_of, referred
from sofc.coders.dct.kernel_prediction import Component
from sofc.jpeg.origin import Origin


@dataclass(frozen=True)
class PackedOrigin:
    """An origin that takes little room."""

    origin: Origin
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, origin: Origin) -> PackedOrigin:
        """Pack one."""
        coefficients = origin.coefficients
        planes = np.ascontiguousarray(coefficients.transpose(2, 0, 1).astype(np.int16))
        return cls(replace(origin, coefficients=coefficients[:0]), planes.shape, zlib.compress(planes.tobytes(), 1))

    def unpack(self) -> Origin:
        """It again."""
        planes = np.frombuffer(zlib.decompress(self.data), np.int16).reshape(self.shape)
        coefficients = np.ascontiguousarray(planes.transpose(1, 2, 0).astype(np.int32))
        return replace(self.origin, coefficients=coefficients, table=self.origin.table.copy())


Packed = tuple[PackedOrigin, ...]
"""The components of an image."""


def pack_origins(origins: Sequence[Origin]) -> Packed:
    """The components of an image, packed."""
    return tuple(map(PackedOrigin.of, origins))


def unpack_component(packed: Packed, number: int) -> Component:
    """Component ``number``, as kernels take it."""
    own, *before = (one.unpack() for one in reversed(packed[: number + 1]))
    return component_of(own, [referred(other.values(), other, own) for other in before])
