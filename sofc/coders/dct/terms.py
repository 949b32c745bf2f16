"""Spec dct/terms-of-coefficients to Spec dct/contexts: the terms of contexts, by name, and the contexts of
coefficients and of diagonals.

N, W, NW, NE and O stand for values of a coefficient in the blocks around and in its own, P and Q for what the first and
the second reference give; lower case for coefficients instead of values. ``kernel`` computes the terms.
"""

from __future__ import annotations

from sofc.entropy.contexts import NamedTerm, context_table

CLAMP = 20
"""Terms near a coefficient are clamped to this many steps either way."""
COUNT = 32
"""Room for terms; numbers without a name are always 0."""
NO_TERM = 0
"""What stands past the last term of a context."""


class Term(NamedTerm):
    """A term of a coefficient (u, v)."""

    INDEX = 1, "k"
    MU = 2, "C(mu)"
    QUARTER = 3, "quarter"
    LEVEL = 4, "level"
    LOUDNESS = 5, "expected error"
    N = 6, "C(n(u, v))"
    W = 7, "C(w(u, v))"
    LOWER = 8, "C(o(u+1, v))"
    RIGHT = 9, "C(o(u, v+1))"
    LOWER_RIGHT = 10, "C(o(u+1, v+1))"
    P = 11, "R(P(u, v))"
    Q = 12, "R(Q(u, v))"
    NONZERO = 13, "nonzero"
    TAIL = 14, "L(TO // step)"
    TAIL_N = 15, "L(TN // step)"
    TAIL_W = 16, "L(TW // step)"
    DIAGONAL = 17, "u + v"
    STEP = 18, "min(step, 31)"
    LAST = 19, "C(last)"
    BEFORE_LAST = 20, "C(before_last)"
    AROUND = 21, "L((2 * (z[1] + z[2]) + z[3] + z[4]) // step)"
    FINE = 22, "clamp(fine, -40, 40) + 40"
    BESIDE = 23, "L((z[7] + z[8] + z[9]) // step)"
    REFERENCES = 24, "L((z[16] + z[17]) // step)"


class DiagonalTerm(NamedTerm):
    """A term of a diagonal s."""

    TAIL_N = 14, "L(tn // step)"
    TAIL_W = 15, "L(tw // step)"
    AROUND = 16, "L(around // step)"
    STEP = 18, "min(step, 31)"
    DIAGONAL = 25, "s + 1"
    BLOCK_N = 26, "L((sum of |N(u, v)| over all u, v) // step[0])"
    BLOCK_W = 27, "L((sum of |W(u, v)| over all u, v) // step[0])"
    N = 28, "L(north // step)"
    W = 29, "L(west // step)"
    REFERENCES = 30, "L(here // step)"
    LOUDNESS = 31, "expected error"


T, D = Term, DiagonalTerm
_PAIRS = (
    ((T.INDEX, T.TAIL, T.NONZERO), (D.DIAGONAL, D.LOUDNESS, D.STEP)),
    ((T.INDEX, T.P, T.Q, T.MU), (D.DIAGONAL, D.N, D.W, D.AROUND)),
    ((T.MU, T.LOUDNESS, T.DIAGONAL), (D.DIAGONAL, D.TAIL_N, D.TAIL_W)),
    ((T.INDEX, T.N, T.W), (D.DIAGONAL, D.BLOCK_N, D.BLOCK_W)),
    ((T.FINE, T.LOUDNESS, T.STEP), (D.DIAGONAL, D.REFERENCES, D.TAIL_N, D.TAIL_W)),
    ((T.INDEX, T.REFERENCES, T.LOUDNESS), (D.DIAGONAL, D.REFERENCES, D.LOUDNESS)),
    ((T.INDEX, T.LAST, T.BEFORE_LAST, T.MU), (D.DIAGONAL, D.TAIL_N, D.N)),
    ((T.DIAGONAL, T.AROUND, T.BESIDE, T.REFERENCES), (D.DIAGONAL, D.TAIL_W, D.W)),
    ((T.INDEX, T.STEP, T.TAIL), (D.DIAGONAL, D.AROUND, D.LOUDNESS)),
    ((T.INDEX, T.Q, T.FINE), (D.DIAGONAL, D.STEP)),
    ((T.INDEX, T.P, T.TAIL), (D.DIAGONAL, D.N, D.REFERENCES)),
    ((T.INDEX, T.MU, T.TAIL), (D.DIAGONAL, D.W, D.REFERENCES)),
)
"""Terms of each context of coefficients and of diagonals, which share bit models; best first."""

CONTEXTS = context_table([terms for terms, _ in _PAIRS], NO_TERM)
DIAGONAL_CONTEXTS = context_table([terms for _, terms in _PAIRS], NO_TERM)
