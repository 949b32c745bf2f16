"""How often every shape was placed in training: sections for people, which no model names and no coder reads.

Such a section stands right behind the section of parameters that it belongs to. It is one block of range-coded numbers
(``encode_numbers``): the count of each symbol of the code with shapes, in the order of codewords, each below the number
before it. Of large pages only what was mined is counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.codebook import Codebook
from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.huffman import HuffmanCode
from sofc.coders.shape.kernel_range import decode_numbers, encode_numbers
from sofc.coders.shape.parameters import ShapeModel
from sofc.errors import FormatError

PARAMETERS = 0
"""Kind of the sections that models name."""

COUNTS = 1
"""Kind of the sections of counts."""

MAX_COUNT = (1 << 31) - 1

Integers = npt.NDArray[np.int64]


def build_counts(counts: Integers, code: HuffmanCode) -> bytes:
    """The section for counts of escape, singles and shapes (int64); counts above MAX_COUNT are taken as MAX_COUNT."""
    values = np.clip(counts, 0, MAX_COUNT)[code.symbols]
    return encode_numbers(values, _before(values.size))


def parse_counts(data: bytes, code: HuffmanCode) -> Integers:
    """The counts (int64) of escape, singles and shapes. Raises FormatError where ``data`` is not their section."""
    values = decode_numbers(data, _before(code.symbols.size))
    counts = np.zeros(values.size, np.int64)
    counts[code.symbols] = values
    if build_counts(counts, code) != data:
        raise FormatError("a section of counts does not fit the shapes before it")
    return counts


def _before(count: int) -> Integers:
    return np.arange(count, dtype=np.int64) - 1


class MinedPlane(NamedTuple):
    """The shapes that a codebook's model has for one plane. ``counts`` (int64) are those of escape, singles and shapes,
    None where the codebook does not keep them."""

    model: int
    plane: int
    shapes: ShapeModel
    counts: Integers | None

    @property
    def shape_counts(self) -> Integers | None:
        """How often each shape of several samples was placed."""
        return None if self.counts is None else self.counts[self.shapes.singles + 1 :]

    @property
    def order(self) -> Integers:
        """Numbers of the shapes, those placed most often first; without counts, those with the shortest codewords."""
        shapes = self.shapes.shapes
        lengths = self.shapes.code.lengths[self.shapes.singles + 1 :]
        counts = np.zeros_like(lengths) if self.shape_counts is None else self.shape_counts
        return np.lexsort((np.arange(len(shapes)), -shapes.sizes, lengths, -counts)).astype(np.int64)


def mined_planes(codebook: Codebook) -> list[MinedPlane]:
    """What the shape coder's models hold, plane by plane. Raises FormatError where a section breaks its layout."""
    planes = []
    for number, model in enumerate(codebook.models):
        if model.coder != ShapeCoder.id:
            continue
        coder = ShapeCoder.from_sections([codebook.sections[section].data for section in model.sections])
        for plane, (section, parameters) in enumerate(zip(model.sections, coder.parameters, strict=True)):
            counts = None
            for behind in codebook.sections[section + 1 : section + 2]:
                if (behind.coder, behind.kind) == (ShapeCoder.id, COUNTS):
                    counts = parse_counts(behind.data, parameters.shapes.code)
            planes.append(MinedPlane(number, plane, parameters.shapes, counts))
    return planes
