"""Metadata of files that Pillow reads: JPEG, WebP, GIF, BMP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sofc.container.records import Metadata, MetadataKind
from sofc.imagefiles.pillow import opened
from sofc.metadata.palette import OPAQUE, Palette, palette_item
from sofc.metadata.texts import dots_item, text_item

_KINDS = {"icc_profile": MetadataKind.ICC, "exif": MetadataKind.EXIF, "xmp": MetadataKind.XMP}


def read(path: Path) -> list[Metadata]:
    """What Pillow finds in the file; nothing in one that it cannot open."""
    from PIL import UnidentifiedImageError

    try:
        with opened(path) as image:
            info = image.info
            palette = palette_in(image)
    except UnidentifiedImageError:
        return []
    items = [
        Metadata(kind, "", info[name].removeprefix(b"Exif\0\0"))
        for name, kind in _KINDS.items()
        if isinstance(info.get(name), bytes) and info[name]
    ]
    if palette is not None:
        items.append(palette_item(palette))
    if isinstance(comment := info.get("comment"), bytes):
        items.append(text_item("Comment", comment.decode("utf-8", "replace")))
    return items + dots_item(info.get("dpi"))


def palette_in(image: Any) -> Palette | None:
    """The colours of a palette image of Pillow's; None for other images, and those that are damaged."""
    if image.mode != "P":
        return None
    try:
        colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        with_alpha = np.array(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    except OSError:  # as getting at the samples will say
        return None
    if image.palette is not None and image.palette.mode == "RGBA":
        return Palette(colours, with_alpha[:, 3].copy())
    transparent = image.info.get("transparency")
    if isinstance(transparent, bytes):
        given = transparent.ljust(len(colours), bytes([OPAQUE]))[: len(colours)]
        return Palette(colours, np.frombuffer(given, np.uint8))
    if not isinstance(transparent, int) or transparent >= len(colours):
        return Palette(colours)
    alpha = np.full(len(colours), OPAQUE, np.uint8)
    alpha[transparent] = 0
    return Palette(colours, alpha)
