"""Pictures of a codebook, so that a person can look at what was mined: its shapes, and what its predictors learnt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.cli import drawing
from sofc.cli.console import count_of
from sofc.cli.drawing import FAINT, Image
from sofc.codebook import Codebook
from sofc.coders.shape.counts import MinedPlane, mined_planes
from sofc.errors import UsageError

PAGE = 1400
"""Pixels that pages are wide."""
MAX_SHAPES = 1000
"""Shapes drawn of one plane; the most frequent ones."""
_CELL, _MOST = 40, 10
"""A shape is enlarged to about this many pixels, but at most so many times."""


def render_codebook(codebook: Codebook, path: Path) -> str:
    """Write a picture of what a codebook holds, and say in words what was drawn. Raises UsageError as ``drawn``."""
    picture, words = drawn(codebook)
    drawing.save(picture, path)
    return words


def drawn(codebook: Codebook) -> tuple[Image, str]:
    """A picture of what a codebook holds, and in words what was drawn.

    The shapes of each plane stand by their size, the sizes that are placed most often first; below a shape is how often
    it was placed in training. Of predictors each class, or frequency, shows what its prediction is made of.

    Raises UsageError where there is nothing to draw.
    """
    from sofc.cli.render_predictors import predictors

    planes = mined_planes(codebook)
    learnt = list(predictors(codebook))
    if not planes and not learnt:
        raise UsageError(f"codebook {codebook.name!r} has neither shapes nor predictors to draw")
    title = drawing.text(f"codebook {codebook.name}", 22)
    shelves = [drawing.on_shelves(learnt, PAGE, 2 * drawing.GAP)] if learnt else []
    picture = drawing.below([title, *map(_page, planes), *shelves], 2 * drawing.GAP)
    shapes = sum(min(len(plane.shapes.shapes), MAX_SHAPES) for plane in planes)
    words = [count_of(shapes, "shape")] if planes else []
    words += [count_of(len(learnt), "set") + " of predictors"] if learnt else []
    return picture, f"{' and '.join(words)} drawn"


def _page(plane: MinedPlane) -> Image:
    """All shapes of one plane."""
    largest = max(1, int(plane.shapes.shapes.pool.max(initial=1)))
    groups = sorted(_groups(plane), key=lambda group: -sum(shown.share for shown in group[1]))
    pictures = [_group(size, members, largest, _is_counted(plane)) for size, members in groups]
    shelves = [drawing.on_shelves(pictures, PAGE, 20)] if pictures else []
    return drawing.below([drawing.text(_title(plane), 16), *shelves])


class _Shown(NamedTuple):
    """A shape with its ``use``, which is how often it was placed, and its ``share`` of all placings of shapes."""

    samples: npt.NDArray[np.int32]
    use: int
    share: float


def _groups(plane: MinedPlane) -> Iterable[tuple[tuple[int, int], list[_Shown]]]:
    """The shapes of each size, the most frequent first."""
    shapes = plane.shapes.shapes
    uses = plane.shapes.counts[1:]
    groups: dict[tuple[int, int], list[_Shown]] = {}
    for number in range(min(MAX_SHAPES, len(shapes))):
        shape = shapes[number]
        shown = _Shown(shape, int(uses[number]), float(uses[number] / max(1, uses.sum())))
        groups.setdefault((shape.shape[0], shape.shape[1]), []).append(shown)
    return groups.items()


def _title(plane: MinedPlane) -> str:
    total = len(plane.shapes.shapes)
    drawn = f", the {MAX_SHAPES} most frequent drawn" if total > MAX_SHAPES else ""
    name = f"model {plane.model}, plane {plane.plane}"
    told = ", with their share; below each how often it was placed in training" if _is_counted(plane) else ""
    return f"{name}: {count_of(total, 'shape')}{drawn}, by rows x columns{told}"


def _is_counted(plane: MinedPlane) -> bool:
    """Whether training placed the shapes: one pass, as published, only finds them."""
    return bool(plane.shapes.counts[1:].any())


def _group(size: tuple[int, int], members: list[_Shown], largest: int, is_counted: bool) -> Image:
    """The shapes of one size, with their use where that ``is_counted``."""
    share = f", {100 * sum(shown.share for shown in members):.2g} %" if is_counted else ""
    heading = drawing.text(f"{size[0]} x {size[1]}: {len(members)}{share}", 13)
    cells = [_cell(shown.samples, _short(shown.use) if is_counted else "", largest) for shown in members]
    return drawing.below([heading, drawing.on_shelves(cells, PAGE, 8)], 4)


def _cell(shape: npt.NDArray[np.int32], use: str, largest: int) -> Image:
    """A shape above its use."""
    scale = int(np.clip(_CELL // max(shape.shape), 1, _MOST))
    colours = drawing.heat(0.35 + 0.65 * shape / largest, 1)
    colours[shape == 0] = (44, 44, 56)
    return drawing.below([drawing.of_colours(colours, scale), drawing.text(use, 11, FAINT)], 2)


def _short(number: int) -> str:
    """Three figures of a number."""
    for factor, unit in ((10**6, "M"), (10**3, "k")):
        if number >= factor:
            return f"{number / factor:.3g}{unit}"
    return str(number)
