"""A picture of a codebook's shapes, so that a person can look at what was mined."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.coders.shape import ShapeCoder
from sofc.errors import UsageError
from sofc.files import replacing

CELL = 64
WINDOW = 44
COLUMNS = 20
LABEL = 14
HEADING = 22
MAX_SHAPES = 1000
"""Shapes drawn of one plane; the most frequent ones."""


def render_shapes(codebook: Codebook, path: Path) -> int:
    """Draw the shapes of every plane, the most frequent first, and return their number.

    Below a shape stand its size and the length of its codeword in bits, which follows from its count: a shape
    of length L makes up about one in 2**L of all that was placed. Samples are drawn dark for zero to bright for
    the plane's largest. Raises UsageError where there is no model of the shape coder.
    """
    planes = [
        (f"model {number}, plane {plane}", parameters.shapes)
        for number, model in enumerate(codebook.models)
        if model.coder == ShapeCoder.id
        for plane, parameters in enumerate(
            ShapeCoder.from_sections([codebook.sections[section].data for section in model.sections]).parameters
        )
    ]
    if not planes:
        raise UsageError(f"codebook {codebook.name!r} has no shapes to draw")
    drawn = sum(min(len(shapes.shapes), MAX_SHAPES) for _, shapes in planes)
    picture = _picture(planes)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    with replacing(path) as file:
        file.write(buffer.getvalue())
    return drawn


def _picture(planes: list[tuple[str, Any]]) -> Any:
    from PIL import Image, ImageDraw

    heights = [HEADING + CELL * -(-min(len(model.shapes), MAX_SHAPES) // COLUMNS) for _, model in planes]
    picture = Image.new("L", (COLUMNS * CELL, sum(heights)), 32)
    draw = ImageDraw.Draw(picture)
    top = 0
    for (title, model), space in zip(planes, heights, strict=True):
        lengths = model.code.lengths[model.singles + 1 :]
        order = np.lexsort((-model.shapes.sizes, lengths))[:MAX_SHAPES]
        count = f"{len(model.shapes)} shapes"
        if len(order) < len(model.shapes):
            count += f", the {len(order)} most frequent drawn"
        draw.text(
            (6, top + 4), f"{title}: {count}; below each its rows x columns and codeword length in bits", fill=255
        )
        largest = max(1, int(model.shapes.pool.max(initial=1)))
        for place, number in enumerate(order):
            x = place % COLUMNS * CELL
            y = top + HEADING + place // COLUMNS * CELL
            window = Image.fromarray(_window(model.shapes[int(number)], largest))
            picture.paste(window, (x + (CELL - window.width) // 2, y + (WINDOW - window.height) // 2))
            height, width = model.shapes[int(number)].shape
            label = f"{height}x{width} {int(lengths[number])}"
            draw.text((x + (CELL - draw.textlength(label)) / 2, y + CELL - LABEL - 2), label, fill=200)
        top += space
    return picture


def _window(shape: npt.NDArray[np.int32], largest: int) -> npt.NDArray[np.uint8]:
    """The shape's samples as gray squares, as large as the cell allows."""
    scale = max(1, (WINDOW - 2) // max(shape.shape))
    gray = (64 + shape.astype(np.int64) * 191 // largest).astype(np.uint8)
    gray[shape == 0] = 0
    return np.kron(gray, np.ones((scale, scale), np.uint8))
