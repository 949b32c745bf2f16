"""Spec labels/terms: what of a sample's surroundings its contexts are made of."""

from __future__ import annotations

from sofc.entropy.contexts import NamedTerm, named_contexts

PAD, PAD_ROWS = 3, 3
"""Columns of zeros on both sides of an image, and rows of zeros above it."""
MATES = 6
"""Labels that a sample may be one of: those of four neighbours, that of the image before, the next on the right above.
"""
NEW, QUESTIONS = 6, 8
"""The number of the question after those for the mates: is it the greatest label and one? The last one: is it 0?"""
BLOCK_BITS = 15
"""Each context has 2**BLOCK_BITS blocks of bit models."""


class Term(NamedTerm):
    """A term of a sample: what its neighbours, which the formulas name by where they lie, say of its label.

    Classes tell labels apart: 0 for that of W, 1 of N, 2 of NE, 3 for others.
    """

    NEAR = 0, "N = W; classes of NE, NW; W = 0; N = 0"
    SECOND = 1, "classes of WW, NN, NNE, NNW, NEE, NWW"
    THIRD = 2, "classes of WWW, NNN, NNEE, NNWW, NEEE, NWWW"
    AHEAD = 3, "run of W; distances to the next label on the right in the rows above"
    BEHIND = 4, "distances to the next label on the left in the rows above"
    PAST = 5, "classes of the image before: here, E, S, W; which of E, S, W it has alike"
    NOTHING = 6, "0"


CONTEXTS = named_contexts(
    Term,
    "NEAR;NEAR SECOND;NEAR SECOND THIRD;NEAR AHEAD;NEAR SECOND AHEAD BEHIND;NEAR SECOND PAST;NEAR AHEAD PAST",
)
