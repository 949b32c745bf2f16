"""What pictures for people are put together from: colours of numbers, text, and images beside and below each other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.files import replacing

Image = Any
"""One of Pillow's, in RGB."""
Colours = npt.NDArray[np.uint8]
"""Shape (rows, columns, 3)."""

PAPER, INK, FAINT = (18, 18, 24), (235, 235, 235), (150, 150, 160)
GAP = 12
BAR_HEIGHT = 14
_HEAT = [(8, 6, 24), (52, 14, 94), (110, 26, 110), (165, 44, 96), (214, 72, 64), (243, 124, 28), (250, 192, 44)]
_HEAT += [(253, 253, 190)]
"""From little to much, ever brighter, so that it is read without seeing colours, too."""
_SIGNS = [(96, 176, 255), (40, 80, 140), (34, 34, 42), (150, 64, 30), (255, 150, 70)]
"""From negative to positive, what is near zero dark."""


def _coloured(values: npt.NDArray[np.floating[Any]], stops: Sequence[tuple[int, int, int]]) -> Colours:
    """Colours of values 0 to 1, which are between the stops."""
    table = np.array(stops, np.float64)
    place = np.clip(np.nan_to_num(values), 0, 1)
    given = np.linspace(0, 1, len(table))
    return np.stack([np.interp(place, given, table[:, k]) for k in range(3)], axis=-1).astype(np.uint8)


def heat(values: npt.NDArray[np.floating[Any]], most: float) -> Colours:
    """Colours of values from 0 to ``most``, shape (rows, columns)."""
    return _coloured(values / most if most > 0 else np.zeros_like(values), _HEAT)


def signs(values: npt.NDArray[np.floating[Any]], most: float) -> Colours:
    """Colours of values from -``most`` to ``most``."""
    return _coloured(values / most / 2 + 0.5 if most > 0 else np.full(values.shape, 0.5), _SIGNS)


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def text(words: str, size: int = 14, colour: tuple[int, int, int] = INK) -> Image:
    """A line of words."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    font = _font(size)
    left, _, right, _ = font.getbbox(words)
    image = Pillow.new("RGB", (max(1, int(right - min(0, left)) + 1), int(size * 1.4)), PAPER)
    ImageDraw.Draw(image).text((0, 0), words, fill=colour, font=font)
    return image


def of_colours(colours: Colours, scale: int = 1) -> Image:
    """An image of colours, each a square of ``scale`` pixels."""
    from PIL import Image as Pillow

    image = Pillow.fromarray(np.ascontiguousarray(colours))
    return image if scale == 1 else image.resize((image.width * scale, image.height * scale), Pillow.Resampling.NEAREST)


def below(images: Sequence[Image], gap: int = GAP) -> Image:
    """Images below each other."""
    return _pasted(images, [(0, sum(one.height + gap for one in images[:k])) for k in range(len(images))])


def beside(images: Sequence[Image], gap: int = GAP) -> Image:
    """Images beside each other, at one height at the top."""
    return _pasted(images, [(sum(one.width + gap for one in images[:k]), 0) for k in range(len(images))])


def on_shelves(images: Sequence[Image], width: int, gap: int = GAP) -> Image:
    """Images beside each other, in as many rows as a page of this width needs."""
    shelves: list[list[Image]] = [[]]
    for image in images:
        if shelves[-1] and sum(one.width + gap for one in shelves[-1]) + image.width > width:
            shelves.append([])
        shelves[-1].append(image)
    return below([beside(shelf, gap) for shelf in shelves if shelf], gap)


def _pasted(images: Sequence[Image], places: Sequence[tuple[int, int]]) -> Image:
    from PIL import Image as Pillow

    ends = [(x + one.width, y + one.height) for one, (x, y) in zip(images, places, strict=True)]
    result = Pillow.new("RGB", (max(x for x, _ in ends), max(y for _, y in ends)), PAPER)
    for image, place in zip(images, places, strict=True):
        result.paste(image, place)
    return result


def scale_bar(most: float, unit: str, width: int = 240) -> Image:
    """The colours of ``heat`` with what they stand for."""
    bar = of_colours(np.repeat(heat(np.linspace(0, 1, width)[None], 1), BAR_HEIGHT, axis=0))
    return beside([text("0", 12, FAINT), bar, text(f"{most:.3g} {unit} or more", 12, FAINT)], 6)


def png_of(picture: Image) -> bytes:
    """The page, with a margin, as a PNG file."""
    from PIL import ImageOps

    buffer = io.BytesIO()
    ImageOps.expand(picture, 16, PAPER).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def save(picture: Image, path: Path) -> None:
    """Write the page, with a margin, as a PNG file, whole or not at all."""
    with replacing(path) as file:
        file.write(png_of(picture))
