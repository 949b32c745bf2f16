"""Spec bilevel/terms: the terms of contexts, by name, and the contexts of all efforts.

s(y, x) is the sample at row y and column x; ``kernel._fill_terms`` computes the terms.
"""

from __future__ import annotations

from typing import NamedTuple

from sofc.entropy.contexts import NamedTerm

SMALL_SIDE = 64
"""An image is small if it has at most so many rows and columns; only then are there terms of position."""
MOST_TERMS = 3
"""Terms of a context."""


class Term(NamedTerm):
    """A term: its number, as sections keep it, and what it is, as the specification prints it.

    The first three are 0 if the image is not small.
    """

    PLACE = 1, "64 y + x"
    ROW = 2, "y"
    COLUMN = 3, "x"
    RUN = 4, "2 min(run, 31) + s(y, x-1)"
    ABOVE = 5, "min(above[x], 31)"
    CHANGE = 6, "change[x]"
    FROM_FIRST = 7, "min(y - first, 31) if y >= first, else 32"
    FROM_LEFT = 8, "clamp(x - left, -31, 31) + 31"
    FROM_RIGHT = 9, "clamp(right - x, -31, 31) + 31"
    CHANGE_THERE = 10, "change[min(x + change[x], width - 1)]"


COUNT = max(Term) + 1
"""Numbers of terms; 0 stands for none."""


class Context(NamedTuple):
    """The nearest ``neighbours`` of the window, and up to MOST_TERMS terms."""

    neighbours: int
    terms: tuple[int, ...] = ()


T = Term
LARGE = (
    Context(12), Context(24), Context(10, (T.RUN, T.CHANGE)), Context(36), Context(16),
    Context(6, (T.RUN, T.CHANGE, T.CHANGE_THERE)), Context(44), Context(20), Context(30, (T.CHANGE, T.ABOVE)),
    Context(12, (T.RUN, T.ABOVE)), Context(60), Context(12, (T.CHANGE, T.CHANGE_THERE)), Context(28), Context(8),
    Context(20, (T.CHANGE,)), Context(4),
)  # fmt: skip
"""Contexts of images of any size, best first."""

SMALL = (
    Context(12, (T.FROM_FIRST, T.FROM_LEFT)), Context(36), Context(8, (T.PLACE,)), Context(16),
    Context(6, (T.RUN, T.CHANGE, T.CHANGE_THERE)), Context(25), Context(12, (T.RUN, T.ABOVE)),
    Context(20, (T.ROW, T.COLUMN)), Context(8), Context(44), Context(30, (T.ROW,)),
    Context(12, (T.CHANGE, T.CHANGE_THERE)), Context(6, (T.FROM_LEFT, T.FROM_RIGHT, T.FROM_FIRST)),
    Context(6, (T.FROM_FIRST, T.FROM_RIGHT)), Context(12, (T.ROW,)), Context(12, (T.COLUMN,)),
    Context(4, (T.PLACE,)), Context(20), Context(30), Context(12),
)  # fmt: skip
"""Contexts of small images, best first."""
