"""Pictures of images for people to look at: gray or colours of 8 bits, whatever the samples are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image
_MODES = ("L", "RGB", "RGBA")


def picture(image: npt.NDArray[np.generic], side: int | None = None) -> Image:
    """A picture of samples, shape (height, width[, components]), of at most ``side`` rows and columns if that is given.

    Samples of 8 bits are shown as they are, others from the least to the largest; of 2 components, or of more than 4,
    the first is. Raises ValueError for what cannot be shown.
    """
    import numpy as np
    from PIL import Image

    step = 1 if side is None else max(1, max(image.shape[:2]) // (4 * side))
    shown = image[::step, ::step]
    if shown.ndim == 3 and shown.shape[2] not in (3, 4):
        shown = shown[..., 0]
    if shown.dtype != np.uint8:
        real = np.abs(shown) if np.iscomplexobj(shown) else shown
        values: npt.NDArray[np.floating] = real.astype(np.float64 if real.dtype.itemsize > 4 else np.float32)
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        values = np.nan_to_num((values - low) * (255 / (high - low) if high > low else 1.0), posinf=255, neginf=0)
        shown = np.clip(values, 0, 255).astype(np.uint8)
    found = Image.fromarray(np.ascontiguousarray(shown))
    if side is not None:
        found.thumbnail((side, side))
    return found


def thumbnail(data: bytes, side: int) -> Image:
    """A small picture of an image file that Pillow reads, the right way up. Raises OSError, ValueError."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data)) as file:
            file.draft("RGB", (4 * side, 4 * side))
            found: Image.Image = ImageOps.exif_transpose(file)
            if found.mode not in _MODES:
                found = found.convert("RGBA" if found.has_transparency_data else "RGB")
            found.thumbnail((side, side))
            return found
    except (Image.DecompressionBombError, SyntaxError, EOFError) as error:
        raise ValueError(f"it cannot be shown: {error}") from None


def png_of(found: Image) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    found.save(buffer, "PNG")
    return buffer.getvalue()
