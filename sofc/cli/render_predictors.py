"""What the predictors of a codebook learnt, drawn: of the context coder each class, of the dct coder each frequency."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.cli import drawing
from sofc.cli.drawing import FAINT, Image
from sofc.codebook import Codebook
from sofc.coders.base import NamedCoder
from sofc.coders.context.coder import ContextCoder
from sofc.coders.dct.coder import DctCoder
from sofc.coders.dct.kernel_prediction import EXTENTS
from sofc.coders.dct.kernel_prediction import WEIGHT_BITS as DCT_WEIGHT_BITS
from sofc.coders.registry import CODERS, ready
from sofc.jpeg.dct import SIDE
from sofc.prediction import bank

_STRONG = 1.0
"""The weight that is drawn brightest."""
_ROWS, _COLUMNS = 5, 9
"""Of the samples of the own plane, and the one that is predicted, around it."""
_SAMPLE, _FREQUENCY = 7, 16
"""Pixels that a sample and a frequency take."""
_SOURCES = {
    "the block above": slice(0, SIDE),
    "the block to the left": slice(SIDE, 2 * SIDE),
    "its own column and row": slice(2 * SIDE, 4 * SIDE),
    "other components": slice(4 * SIDE + 2, 4 * SIDE + 4),
}
"""Of the numbers that a coefficient is predicted from, those that lie together."""


def predictors(codebook: Codebook) -> Iterator[Image]:
    """A picture of each plane's predictors, those that several models share once."""
    drawn = set()
    draw: dict[type[NamedCoder], Callable[[Any], Iterator[tuple[str, Image]]]] = {
        ContextCoder: _of_context,
        DctCoder: _of_dct,
    }
    for number, model in enumerate(codebook.models):
        coder_type = CODERS.get(model.coder)
        plans = model.sections[: len(model.sections) // 3]
        if coder_type is None or coder_type.coder not in draw or plans in drawn:
            continue
        drawn.add(plans)
        for title, image in draw[coder_type.coder](ready(codebook, number)):
            yield drawing.below([drawing.text(f"model {number}, coder {coder_type.name}, {title}", 16), image])


def _of_context(coder: ContextCoder) -> Iterator[tuple[str, Image]]:
    for plane, model in enumerate(coder.models):
        prediction = model.plan.prediction
        weights = prediction.weights / (1 << bank.WEIGHT_BITS)
        references = len(prediction.references)
        if prediction.class_map == bank.GRID:
            # Places in the grid below and beside each other; of the activities the middle one.
            chosen, side = weights.reshape(SIDE * SIDE, -1, weights.shape[1])[:, 1], "by place in an 8 x 8 grid"
        else:
            chosen, side = weights, "calm to busy from left to right, one texture a row"
        stencils = [_stencil(one, references) for one in chosen]
        rows = [drawing.beside(stencils[first : first + SIDE], 8) for first in range(0, len(stencils), SIDE)]
        told = f"the plane's own samples{', then those of planes before it' if references else ''}"
        words = f"blue counts against, orange for; {told}; {side}"
        yield (
            f"plane {plane}: what {len(weights)} classes of samples are predicted from",
            drawing.below([drawing.text(words, 12, FAINT), drawing.below(rows, 8)], 6),
        )


def _stencil(weights: npt.NDArray[np.floating[Any]], references: int) -> Image:
    """The weights of a class where the samples are that they belong to."""
    own = np.zeros((_ROWS, _COLUMNS))
    for (row, column), weight in zip(bank.OWN, weights, strict=False):
        own[_ROWS - 1 + row, _COLUMNS // 2 + column] = weight
    colours = drawing.signs(own, _STRONG)
    colours[-1, _COLUMNS // 2 :] = drawing.PAPER
    colours[-1, _COLUMNS // 2] = drawing.INK
    parts = [drawing.of_colours(colours, _SAMPLE)]
    for number in range(references):
        around = np.zeros((3, 3))
        first = len(bank.OWN) + number * len(bank.REFERENCE)
        for (row, column), weight in zip(bank.REFERENCE, weights[first:], strict=False):
            around[1 + row, 1 + column] = weight
        parts.append(drawing.of_colours(drawing.signs(around, _STRONG), _SAMPLE))
    return drawing.beside(parts, 3)


def _of_dct(coder: DctCoder) -> Iterator[tuple[str, Image]]:
    for component, model in enumerate(coder.models):
        weights = np.abs(model.plan.mean_weights / (1 << DCT_WEIGHT_BITS))
        # Of blocks with many coefficients.
        by_predictor = weights.reshape(SIDE * SIDE, len(EXTENTS) + 1, -1, weights.shape[1])[:, -1].swapaxes(0, 1)
        used = {name: part for name, part in _SOURCES.items() if by_predictor[..., part].any()}
        rows = []
        for number, one in enumerate(by_predictor):
            maps = []
            for name, part in used.items():
                strength = one[:, part].sum(axis=1).reshape(SIDE, SIDE)
                image = drawing.of_colours(drawing.heat(strength, 2 * _STRONG), _FREQUENCY)
                maps.append(drawing.below([image, drawing.text(name, 11, FAINT)], 2))
            rows.append(drawing.below([drawing.text(f"predictor {number}", 12), drawing.beside(maps, 20)], 2))
        words = "sums of weights by frequency, the mean of a block at the top left; bright: predicted from there"
        page = [
            drawing.text(words, 12, FAINT),
            drawing.scale_bar(2 * _STRONG, "in sum"),
            drawing.on_shelves(rows, 1400, 28),
        ]
        yield f"component {component}: what coefficients are predicted from", drawing.below(page, 6)
