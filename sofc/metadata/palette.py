"""The colours that the samples of palette images stand for, as a metadata item.

Its key says what an entry holds, its value has the entries from number 0 on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.records import Metadata, MetadataKind

_LAYOUTS = {"RGB8": (3, 1), "RGBA8": (4, 1), "RGB16": (3, 2)}
OPAQUE = 255


class Palette(NamedTuple):
    """``colours``: uint8 or uint16, shape (entries, 3); ``alpha``: uint8, shape (entries,), or None: all are opaque."""

    colours: npt.NDArray[np.unsignedinteger]
    alpha: npt.NDArray[np.uint8] | None = None


def palette_item(palette: Palette) -> Metadata:
    """The item of a palette."""
    colours = palette.colours
    if palette.alpha is not None:
        return Metadata(MetadataKind.PALETTE, "RGBA8", np.column_stack((colours, palette.alpha)).tobytes())
    wide = colours.dtype == np.uint16
    value = colours.astype("<u2").tobytes() if wide else colours.tobytes()
    return Metadata(MetadataKind.PALETTE, "RGB16" if wide else "RGB8", value)


def palette_of(item: Metadata) -> Palette | None:
    """The palette of an item, which is untrusted; None where it is none."""
    components, size = _LAYOUTS.get(item.key, (0, 0))
    if item.kind != MetadataKind.PALETTE or not components or not item.value:
        return None
    if len(item.value) % (components * size):
        return None
    entries = np.frombuffer(item.value, "<u2" if size == 2 else "u1").reshape(-1, components)
    if components == 4:
        return Palette(entries[:, :3], entries[:, 3])
    return Palette(entries.astype(np.uint16) if size == 2 else entries)


def in_8_bits(palette: Palette) -> npt.NDArray[np.uint8]:
    """The colours, of 16 bits the upper 8."""
    colours = palette.colours
    return (colours >> 8).astype(np.uint8) if colours.dtype == np.uint16 else colours.astype(np.uint8)


def in_16_bits(palette: Palette) -> npt.NDArray[np.uint16]:
    """The colours, those of 8 bits spread over the range."""
    colours = palette.colours.astype(np.uint16)
    return colours if palette.colours.dtype == np.uint16 else colours * 257


def narrowed(colours: npt.NDArray[np.uint16]) -> npt.NDArray[np.unsignedinteger]:
    """Colours of 16 bits as 8 where ``in_16_bits`` brings back the same."""
    return (colours >> 8).astype(np.uint8) if not np.any(colours % 257) else colours
