"""Spec context/terms: the terms of contexts, by name, and the contexts that training chooses from.

P and Q stand for the sample at the same place in the first and the second reference, mu for the rounded prediction.
``kernel._fill_terms`` and ``_fill_all_terms`` compute them.
"""

from __future__ import annotations

from sofc.entropy.contexts import NamedTerm, named_contexts

CLAMP = 20
"""Terms near the prediction are clamped to this many steps of the plane's scale."""
COUNT = 64
"""Room for terms; numbers without a name are always 0."""
NO_TERM = COUNT - 1
"""What stands past the last term of a context: it is always 0, and never a term."""


class Term(NamedTerm):
    """A term of a sample.

    In formulas near(v) = clamp((v - mu) >> shift, -CLAMP, CLAMP), where the plane's scale is 1 << shift, and
    scaled(e) = clamp(e >> (shift + 2), -CLAMP, CLAMP); m is the median edge detector's prediction.
    """

    W = 0, "near(W)"
    N = 1, "near(N)"
    NW = 2, "near(NW)"
    NE = 3, "near(NE)"
    WW = 4, "near(WW)"
    NN = 5, "near(NN)"
    MED = 6, "near(m)"
    W_BY_P = 7, "near(W + P - PW)"
    N_BY_P = 8, "near(N + P - PN)"
    PLANE = 9, "near(W + N - NW)"
    W_BY_NE = 10, "near(W + NE - N)"
    N_BY_NN = 11, "near(2 N - NN)"
    W_BY_WW = 12, "near(2 W - WW)"
    N_BY_NE = 13, "near(N + NE - NNE)"
    MEAN_W_NE = 14, "near((W + NE) >> 1)"
    MEAN_TURN = 15, "near(N + ((W - NW + NE - N) >> 1))"
    MEAN_BY_P = 16, "near(P + ((W - PW + N - PN) >> 1))"
    W_BY_Q = 17, "near(W + Q - QW)"
    N_BY_Q = 18, "near(N + Q - QN)"
    P = 19, "near(P)"
    Q = 20, "near(Q)"
    NE_BY_P = 21, "near(NE + P - PNE)"
    NW_BY_P = 22, "near(NW + P - PNW)"
    PLANE_BY_P = 23, "near(W + N - NW + P - (PW + PN - PNW))"
    MU = 32, "mu >> shift"
    VALUE_W = 33, "W >> shift"
    VALUE_N = 34, "N >> shift"
    VALUE_P = 35, "P >> shift"
    VALUE_Q = 36, "Q >> shift"
    P_FROM_W = 37, "(P - PW) >> shift"
    P_FROM_N = 38, "(P - PN) >> shift"
    Q_FROM_W = 39, "(Q - QW) >> shift"
    Q_FROM_N = 40, "(Q - QN) >> shift"
    LEVEL = 48, "level"
    LEVEL_PAIR = 49, "level >> 1"
    QUARTER = 50, "quarter"
    PLACE = 51, "position"
    EXPECTED_4 = 52, "expected error >> 2"
    MED_OFFSET = 53, "clamp((2 (m - mu)) >> shift, -8, 8)"
    ROW = 54, "min(y, 63)"
    COLUMN = 55, "min(x, 63)"
    ERROR_W = 56, "scaled(error e of the sample on the left; 0 if x = 0)"
    ERROR_N = 57, "scaled(error e of the sample above; 0 if y = 0)"
    CORRECTION = 58, "scaled(first - fine)"


LAST_NEAR = Term.PLANE_BY_P
LAST_NEAR_ALONE = Term.MEAN_BY_P
LAST_VALUE = Term.Q_FROM_N
LAST_VALUE_ALONE = Term.VALUE_N
"""Terms that are near the prediction, and that are values, end with these; the second of each without references."""

AS_TAKEN = named_contexts(
    Term,
    """
    W_BY_P N_BY_P W_BY_Q; VALUE_P VALUE_Q MU; P Q QUARTER; W_BY_Q N_BY_Q N_BY_P; NE_BY_P W_BY_P N_BY_P;
    W_BY_P W_BY_Q LEVEL; ERROR_N N_BY_P; CORRECTION LEVEL; Q_FROM_W Q_FROM_N W_BY_Q N_BY_Q; NE_BY_P NW_BY_P;
    PLANE_BY_P LEVEL; P_FROM_W Q_FROM_W N_BY_P MED_OFFSET; LEVEL QUARTER; PLACE LEVEL; MU QUARTER;
    PLANE W_BY_NE; P_FROM_N Q_FROM_N W_BY_P MED_OFFSET; W NW N LEVEL_PAIR; PLACE QUARTER MED_OFFSET;
    W_BY_P N_BY_P; VALUE_P W_BY_P; P_FROM_W P_FROM_N W N; N NE
    """,
)
"""Contexts of a plane that has references, best first: candidates that training chooses from, for samples as they were
taken. All lists were chosen greedily."""

FROM_JPEG = named_contexts(
    Term,
    """
    W_BY_P N_BY_P W_BY_Q; PLACE QUARTER MED_OFFSET; PLANE W N; VALUE_P VALUE_Q MU; W_BY_NE N_BY_NN LEVEL;
    P_FROM_W Q_FROM_W N_BY_P MED_OFFSET; WW W; CORRECTION LEVEL; N_BY_NE NE; ERROR_W ERROR_N QUARTER;
    P_FROM_N Q_FROM_N W_BY_P MED_OFFSET; LEVEL QUARTER; PLACE LEVEL; MU QUARTER; PLANE W_BY_NE;
    PLANE_BY_P LEVEL; W NW N LEVEL_PAIR; NE_BY_P NW_BY_P; P Q QUARTER; W_BY_P N_BY_P; VALUE_P W_BY_P;
    P_FROM_W P_FROM_N W N; N NE
    """,
)
"""The same for planes that went through JPEG."""

EIGHT_BITS = named_contexts(
    Term,
    """
    MED LEVEL; NN N; WW W; W N QUARTER; W_BY_WW N_BY_NE; MEAN_BY_P PLANE; MU LEVEL_PAIR; CORRECTION LEVEL;
    ERROR_W W; PLACE W N; MEAN_TURN MEAN_W_NE QUARTER; LEVEL QUARTER; PLANE W_BY_NE; W NW N LEVEL_PAIR;
    N NE LEVEL_PAIR; PLACE LEVEL; MU QUARTER; N_BY_NN W_BY_WW; N_BY_NE NE; VALUE_W VALUE_N;
    ROW COLUMN LEVEL_PAIR; PLANE W N; W_BY_NE N_BY_NN LEVEL
    """,
)
"""The same for a plane without references, of 8 bits."""

MORE_BITS = named_contexts(
    Term,
    """
    ERROR_W ERROR_N EXPECTED_4; W_BY_WW N_BY_NE; MU LEVEL_PAIR; ERROR_N N; PLACE EXPECTED_4; ERROR_W W;
    W_BY_NE N_BY_NN LEVEL; CORRECTION LEVEL; MU QUARTER; MEAN_BY_P PLANE; MU EXPECTED_4; LEVEL QUARTER;
    W N QUARTER; PLANE W_BY_NE; W NW N LEVEL_PAIR; N NE LEVEL_PAIR; PLACE LEVEL; MED LEVEL; N_BY_NN W_BY_WW;
    WW W; NN N; VALUE_W VALUE_N; PLANE W N
    """,
)
"""The same for more bits."""

WITH_REFERENCES, WITHOUT_REFERENCES = (AS_TAKEN, FROM_JPEG), (EIGHT_BITS, MORE_BITS)
