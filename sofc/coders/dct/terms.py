"""Spec dct/terms-of-coefficients to Spec dct/contexts: the terms of contexts, by name, and the contexts of
coefficients and of blocks.

N, W, NW, NE and O stand for values of a coefficient in the blocks around and in its own, P and Q for what the first and
the second reference give; lower case for coefficients instead of values. ``kernel`` computes the terms.
"""

from __future__ import annotations

from sofc.entropy.contexts import NamedTerm, context_table

CLAMP = 20
"""Terms near a coefficient are clamped to this many steps either way."""
COUNT = 18
"""Room for terms; number 0 is always 0."""
NO_TERM = 0
"""What stands past the last term of a context."""


class Term(NamedTerm):
    """A term of a coefficient (u, v).

    In formulas C(d) = clamp(d, -CLAMP, CLAMP) + CLAMP, R(d) is C of d in steps, cut towards zero, and L(d) is about
    three times the logarithm to base 2 of d + 1.
    """

    INDEX = 1, "k"
    MU = 2, "C(mu)"
    FINE = 3, "clamp(fine, -40, 40) + 40"
    EXPECTED = 4, "expected error"
    N = 5, "C(n(u, v))"
    W = 6, "C(w(u, v))"
    P = 7, "R(P(u, v))"
    Q = 8, "R(Q(u, v))"
    NONZERO = 9, "nonzero"
    TAIL = 10, "L(TO // step)"
    DIAGONAL = 11, "u + v"
    STEP = 12, "min(step, 31)"
    REFERENCES = 13, "L((z[16] + z[17]) // step)"
    LAST = 14, "C(last)"
    BEFORE_LAST = 15, "C(before_last)"
    AROUND = 16, "L((2 * (z[1] + z[2]) + z[3] + z[4]) // step)"
    BESIDE = 17, "L((z[7] + z[8] + z[9]) // step)"


FURTHER = 6
"""Contexts beyond so many use terms that others do not."""


class BlockTerm(NamedTerm):
    """A term of a block."""

    BLOCK = 1, "64"
    N = 2, "dN"
    W = 3, "dW"
    NW = 4, "dNW"
    NE = 5, "dNE"
    P = 6, "dP"
    Q = 7, "dQ"
    MEAN = 8, "2 * (dN + dW) + dNW + dNE"
    STEP = 9, "min(step[0], 31)"
    TAIL_N = 10, "L(TN(1) // step[1])"
    TAIL_W = 11, "L(TW(1) // step[1])"
    SUM = 12, "L((TN(1) + TW(1)) // step[1])"
    AROUND = 13, "L((TNW(1) + TNE(1)) // step[1])"
    HIGH = 14, "L((TN(17) + TW(17)) // step[17])"
    REFERENCES = 15, "L((sum of |P(u, v)| + |Q(u, v)| over all but (0, 0)) // step[1])"


T, B = Term, BlockTerm
_PAIRS = (
    ((T.INDEX, T.TAIL, T.NONZERO), (B.BLOCK, B.N, B.W, B.P)),
    ((T.INDEX, T.P, T.Q, T.MU), (B.BLOCK, B.P, B.Q, B.MEAN)),
    ((T.MU, T.EXPECTED, T.DIAGONAL), (B.BLOCK, B.TAIL_N, B.TAIL_W, B.P)),
    ((T.INDEX, T.N, T.W), (B.BLOCK, B.SUM, B.MEAN, B.Q)),
    ((T.FINE, T.EXPECTED, T.STEP), (B.BLOCK, B.STEP, B.MEAN, B.REFERENCES)),
    ((T.INDEX, T.REFERENCES, T.EXPECTED), (B.BLOCK, B.REFERENCES, B.SUM, B.HIGH)),
    ((T.INDEX, T.LAST, T.BEFORE_LAST, T.MU), (B.BLOCK, B.N, B.W, B.HIGH)),
    ((T.DIAGONAL, T.AROUND, T.BESIDE, T.REFERENCES), (B.BLOCK, B.HIGH, B.SUM, B.P)),
    ((T.INDEX, T.STEP, T.TAIL), (B.BLOCK, B.NW, B.NE, B.N)),
    ((T.INDEX, T.Q, T.FINE), (B.BLOCK, B.Q, B.P, B.N)),
    ((T.INDEX, T.P, T.TAIL), (B.BLOCK, B.AROUND, B.SUM, B.P)),
    ((T.INDEX, T.MU, T.TAIL), (B.BLOCK, B.MEAN, B.REFERENCES, B.HIGH)),
)
"""Terms of each context of coefficients and of blocks, which share bit models; best first."""

CONTEXTS = context_table([terms for terms, _ in _PAIRS], NO_TERM)
BLOCK_CONTEXTS = context_table([terms for _, terms in _PAIRS], NO_TERM)
