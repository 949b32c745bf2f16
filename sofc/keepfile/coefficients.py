"""Spec appendix-kept-files/jpeg-coefficients: the coefficients of all JPEG streams of a file as one stream.

They are coded by a dct model of a codebook; what it learns of one stream serves the next.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

import numpy as np

from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.dct import DctCoder
from sofc.coders.dct.coder import code_component, component_of, referred
from sofc.coders.dct.model import ComponentModel
from sofc.coders.registry import coder_for
from sofc.container.records import FIRST_CODEBOOK_MODEL
from sofc.entropy.binary import OK, Coding
from sofc.entropy.mixing import LEVELS
from sofc.entropy.mixture import MixingState
from sofc.errors import CodebookError
from sofc.image import PixelFormat
from sofc.jpeg.dct import SIZE, Coefficients, Grid
from sofc.jpeg.origin import Origin
from sofc.jpeg.stream import Picture

COLOURS = 3
_BITS = 8
FAST_LEVELS = {1: 0, 2: 0, 3: 4, 4: 6}
"""The highest level from which coefficients are plain at efforts below the default: faster, and what mixing would gain
is lost."""


def choose_model(codebook: Codebook | None, effort: int) -> tuple[Codebook, int]:
    """A codebook and the number of its model for coefficients: this one's, or that of the one that is built in.

    Models of colour images come before those of gray ones, then those of the nearest effort.
    """
    for book in (codebook, builtin_codebook(PixelFormat(COLOURS, _BITS, _BITS))):
        numbers = [number for number, model in enumerate(book.models if book else ()) if model.coder == DctCoder.id]
        if book is not None and numbers:
            models = book.models
            return book, min(numbers, key=lambda k: (-models[k].components, abs(models[k].effort - effort)))
    raise CodebookError("the built-in codebook has no model for the coefficients of JPEG files: install sofc again")


class CoefficientCoder:
    """Codes pictures, one after the other, from or to one stream. Raises CodebookError where there is no such model.

    ``highest``: as for ``code_component``. A context manager: the memory of its states is lent, and given back at the
    end.
    """

    def __init__(self, stream: Coding, codebook: Codebook, number: int, highest: int = LEVELS) -> None:
        if number >= len(codebook.models) or codebook.models[number].coder != DctCoder.id:
            raise CodebookError(
                f"codebook {codebook.name!r} has no model {number} for coefficients", codebook_id=codebook.id
            )
        pixel_format = PixelFormat(codebook.models[number].components, _BITS, _BITS)
        _, coder = coder_for(codebook, FIRST_CODEBOOK_MODEL + number, pixel_format)
        assert isinstance(coder, DctCoder), "the descriptor of the coder says so"
        self._stream = stream
        self._highest = highest
        self._models = coder.models
        self._states: dict[int, MixingState] = {}
        self._lent = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lent.close()

    def code(self, picture: Picture) -> int:
        """Code the coefficients of a picture; when decoding they are filled. Returns OK or BROKEN."""
        before: list[tuple[Coefficients, Origin]] = []
        seen: dict[tuple[int, Grid], Coefficients] = {}  # both chrominances usually have one grid
        for number, origin in enumerate(origins_of(picture)):
            for other, (values, source) in enumerate(before):
                if (other, origin.grid) not in seen:
                    seen[other, origin.grid] = _reference(values, source, origin)
            references = [seen[other, origin.grid] for other in range(number - 1, -1, -1)]
            component = component_of(origin, references)
            model = self._model(number, len(picture.components))
            if number not in self._states:
                self._states[number] = self._lent.enter_context(model.lent())
            status = code_component(self._stream, model, self._states[number], component, highest=self._highest)
            if status != OK:
                return status
            before.append((component.values, origin))
        return OK

    def _model(self, number: int, components: int) -> ComponentModel:
        of_colour = components >= COLOURS and number < len(self._models)
        return self._models[number if of_colour else 0]


def origins_of(picture: Picture) -> list[Origin]:
    """The components of a picture as coder dct has them."""
    return [
        Origin(_grid(picture, number), picture.steps(number), coefficients)
        for number, coefficients in enumerate(picture.components)
    ]


def _grid(picture: Picture, number: int) -> Grid:
    """How often a component's samples are repeated; factors that do not divide the largest are as good as none."""
    (down, across), one = picture.frame.most, picture.frame.components[number]
    if down % one.down or across % one.across:
        return Grid(0, 0, one.down, one.across)
    return Grid(down // one.down, across // one.across, 0, 0)


def _reference(values: Coefficients, source: Origin, target: Origin) -> Coefficients:
    """What one component gives for another: zeros where one's blocks do not lie together over the other's."""
    if 0 in (source.grid.down, target.grid.down) and source.grid != target.grid:
        rows, columns, _ = target.coefficients.shape
        return np.zeros((rows + 1, columns + 2, SIZE), np.int32)
    return referred(values, source, target)
