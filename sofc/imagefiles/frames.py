"""Frames of animations (APNG, GIF, WebP), as Pillow puts them together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from sofc.errors import UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import exact, png
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.pillow import refuse_claims, unbounded
from sofc.imagefiles.samples import Samples, meaning_of

ANIMATED = ("PNG", "GIF", "WEBP")
OPAQUE = 255
_OVER = 1
"""Of the ways in which a frame of an APNG file meets those before it."""


def count(image: Any) -> int:
    """Frames of an open image of Pillow's; 1 where Pillow would cut their samples to 8 bits, and of other formats."""
    if image.format not in ANIMATED or is_deep(image):
        return 1
    return int(getattr(image, "n_frames", 1))


def is_deep(image: Any) -> bool:
    """Whether an open image has samples of more than 8 bits, before it is loaded."""
    return any("16" in str(tile.args) for tile in getattr(image, "tile", ())) and image.format == "PNG"


def _opened(path: Path) -> tuple[Any, exact.Layout]:
    from PIL import Image

    with unbounded():
        image = Image.open(path, formats=ANIMATED)
    refuse_claims(path, image)
    if image.format == "PNG":
        with path.open("rb") as file:
            png.check_chunks(file, os.fspath(path))
    return image, exact.described(image, os.fspath(path))


_lasting = Lasting(_opened, lambda opened: opened[0].close())
"""The animation that a thread read last: a frame is made from those before it."""


def load(path: Path, index: int) -> Samples:
    """Frame ``index`` of an animation, as it is shown: whole, and in colours where the file has palettes.

    Raises UnsupportedError where frames are mixed with those before them, which readers do differently.
    """
    image, layout = _lasting.of(path)
    if index < image.tell() and image.format == "PNG":  # Pillow (13.0) goes back to the first frame, and then not on
        _lasting.drop()
        image, layout = _lasting.of(path)
    last = index == getattr(image, "n_frames", 1) - 1
    with unbounded():
        _seek(image, index)
        refuse_claims(path, image)  # frames may be larger than the first
        image.load()
    if index and image.mode == "P" and layout.meaning != Meaning.PALETTE:
        raise UnsupportedError(
            f"{path}: frame {index} has a palette and those before it have none, which Pillow confuses; {exact.KEEP}"
        )
    mixed = index > 0 and image.format == "PNG" and _is_mixed(image)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    array = np.array(image)
    if last:
        _lasting.drop()
    components = array.shape[2] if array.ndim == 3 else 1
    if mixed:
        raise UnsupportedError(
            f"{path}: frame {index} is partly transparent and lies upon others, which Pillow mixes wrongly; "
            f"{exact.KEEP}"
        )
    if components == 1:
        return exact.samples_as(layout, array)
    return Samples(array, None, meaning_of(components))


def _seek(image: Any, index: int) -> None:
    """Go to a frame, through those before it. Of a GIF frame that does not say what becomes of it Pillow (13.0) assumes
    what one before it said."""
    if index < image.tell():
        image.seek(0)
    for number in range(image.tell() + 1, index + 1):
        if image.format == "GIF":
            image.disposal_method = 0
        image.seek(number)


def _is_mixed(image: Any) -> bool:
    """Whether the frame that was sought, of an APNG file, lies upon those before it in a way that Pillow does not know.

    It mixes the alpha of both as if it were a colour, and indices of palettes as if they were gray; and it takes gray
    samples for opaque.
    """
    if image.blend_op != _OVER:
        return False
    transparent = image.info.get("transparency")
    if image.mode == "P":
        return isinstance(transparent, bytes) and any(0 < alpha < OPAQUE for alpha in transparent)
    if image.mode in ("1", "L"):
        return transparent is not None
    if image.mode not in ("LA", "RGBA"):
        return False
    alpha = np.asarray(image)[..., -1]
    return bool(np.any((alpha > 0) & (alpha < OPAQUE)))
