"""A picture of a codebook's shapes, so that a person can look at what was mined."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.coders.shape.counts import MinedPlane, mined_planes
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

    Below a shape stand its size and how often it was placed in training (in a codebook without counts the length of its
    codeword in bits, which follows from them). Samples are drawn dark for zero to bright for the plane's largest.

    Raises UsageError where there is no model of the shape coder.
    """
    planes = mined_planes(codebook)
    if not planes:
        raise UsageError(f"codebook {codebook.name!r} has no shapes to draw")
    drawn = sum(min(len(plane.shapes.shapes), MAX_SHAPES) for plane in planes)
    picture = _picture(planes)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    with replacing(path) as file:
        file.write(buffer.getvalue())
    return drawn


def _picture(planes: list[MinedPlane]) -> Any:
    from PIL import Image, ImageDraw

    heights = [HEADING + CELL * -(-min(len(plane.shapes.shapes), MAX_SHAPES) // COLUMNS) for plane in planes]
    picture = Image.new("L", (COLUMNS * CELL, sum(heights)), 32)
    draw = ImageDraw.Draw(picture)
    top = 0
    for plane, space in zip(planes, heights, strict=True):
        shapes = plane.shapes.shapes
        draw.text((6, top + 4), _title(plane), fill=255)
        largest = max(1, int(shapes.pool.max(initial=1)))
        for place, number in enumerate(plane.order[:MAX_SHAPES]):
            shape = shapes[int(number)]
            x = place % COLUMNS * CELL
            y = top + HEADING + place // COLUMNS * CELL
            window = Image.fromarray(_window(shape, largest))
            picture.paste(window, (x + (CELL - window.width) // 2, y + (WINDOW - window.height) // 2))
            label = f"{shape.shape[0]}x{shape.shape[1]}: {_frequency(plane, int(number))}"
            draw.text((x + (CELL - draw.textlength(label)) / 2, y + CELL - LABEL - 2), label, fill=200)
        top += space
    return picture


def _title(plane: MinedPlane) -> str:
    total = len(plane.shapes.shapes)
    drawn = f", the {MAX_SHAPES} most frequent drawn" if total > MAX_SHAPES else ""
    label = "codeword length in bits" if plane.counts is None else "how often it was placed in training"
    return f"model {plane.model}, plane {plane.plane}: {total} shapes{drawn}; below each its rows x columns and {label}"


def _frequency(plane: MinedPlane, number: int) -> str:
    if plane.shape_counts is None:
        return str(int(plane.shapes.code.lengths[plane.shapes.singles + 1 + number]))
    return str(int(plane.shape_counts[number]))


def _window(shape: npt.NDArray[np.int32], largest: int) -> npt.NDArray[np.uint8]:
    """The shape's samples as gray squares, as large as the cell allows."""
    scale = max(1, (WINDOW - 2) // max(shape.shape))
    gray = (64 + shape.astype(np.int64) * 191 // largest).astype(np.uint8)
    gray[shape == 0] = 0
    return np.kron(gray, np.ones((scale, scale), np.uint8))
