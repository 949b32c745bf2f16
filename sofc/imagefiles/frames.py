"""Frames of animations (APNG, GIF, WebP), as Pillow puts them together."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from sofc.image import Meaning
from sofc.imagefiles.pillow import unbounded
from sofc.imagefiles.samples import Samples, meaning_of

ANIMATED = ("PNG", "GIF", "WEBP")


class _Kept(threading.local):
    """The animation that this thread read last, open: a frame is made from those before it."""

    file: tuple[str, int, int] | None = None
    image: Any = None


_kept = _Kept()


def count(image: Any) -> int:
    """Frames of an open image of Pillow's; 1 where Pillow would cut their samples to 8 bits, and of other formats."""
    if image.format not in ANIMATED or is_deep(image):
        return 1
    return int(getattr(image, "n_frames", 1))


def is_deep(image: Any) -> bool:
    """Whether an open image has samples of more than 8 bits, before it is loaded."""
    return any("16" in str(tile.args) for tile in getattr(image, "tile", ())) and image.format == "PNG"


def load(path: Path, index: int) -> Samples:
    """Frame ``index`` of an animation, as it is shown: whole, and in colours where the file has palettes."""
    from PIL import Image

    stat = path.stat()
    file = os.fspath(path), stat.st_mtime_ns, stat.st_size
    if _kept.file != file:
        _kept.file, _kept.image = None, None
        with unbounded():
            _kept.image = Image.open(path, formats=ANIMATED)
        _kept.file = file
    image = _kept.image
    with unbounded():
        image.seek(index)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    array = np.array(image)
    if index == getattr(_kept.image, "n_frames", 1) - 1:
        _kept.file, _kept.image = None, None
    components = array.shape[2] if array.ndim == 3 else 1
    bits = 1 if array.dtype == np.bool_ else None
    return Samples(array, bits, meaning_of(components) if components != 1 else Meaning.GRAY)
