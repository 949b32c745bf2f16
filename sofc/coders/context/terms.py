"""Spec 8.6: the terms of contexts, by name, and the contexts that training chooses from.

P and Q stand for the sample at the same place in the first and the second reference, mu for the rounded prediction.
``kernel.fill_terms`` computes them.
"""

from __future__ import annotations

from sofc.entropy.contexts import NamedTerm

CLAMP = 20
"""Terms near the prediction are clamped to this many steps of the plane's scale."""
COUNT = 64
"""Room for terms; numbers without a name are always 0."""
NO_TERM = COUNT - 1
"""What stands past the last term of a context."""


class Term(NamedTerm):
    """The terms, by their numbers in sections."""

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
    NWW = 14, "near(NWW)"
    MEAN_W_NE = 15, "near((W + NE) >> 1)"
    MEAN_TURN = 16, "near(N + ((W - NW + NE - N) >> 1))"
    MEAN_BY_P = 17, "near(P + ((W - PW + N - PN) >> 1))"
    W_BY_Q = 18, "near(W + Q - QW)"
    N_BY_Q = 19, "near(N + Q - QN)"
    P = 20, "near(P)"
    Q = 21, "near(Q)"
    NE_BY_P = 22, "near(NE + P - PNE)"
    NW_BY_P = 23, "near(NW + P - PNW)"
    PLANE_BY_P = 24, "near(W + N - NW + P - (PW + PN - PNW))"
    MEAN_BY_Q = 25, "near(Q + ((W - QW + N - QN) >> 1))"
    MU = 32, "mu >> shift"
    VALUE_W = 33, "W >> shift"
    VALUE_N = 34, "N >> shift"
    VALUE_P = 35, "P >> shift"
    VALUE_Q = 36, "Q >> shift"
    P_FROM_W = 37, "(P - PW) >> shift"
    P_FROM_N = 38, "(P - PN) >> shift"
    Q_FROM_W = 39, "(Q - QW) >> shift"
    Q_FROM_N = 40, "(Q - QN) >> shift"
    P_FROM_E = 41, "(P - PE) >> shift"
    P_FROM_S = 42, "(P - PS) >> shift"
    VALUE_PW = 43, "PW >> shift"
    VALUE_PN = 44, "PN >> shift"
    P_BEND_ACROSS = 45, "(2 P - PW - PE) >> shift"
    P_BEND_DOWN = 46, "(2 P - PN - PS) >> shift"
    LEVEL = 48, "level"
    LEVEL_PAIR = 49, "level >> 1"
    QUARTER = 50, "quarter"
    PREDICTOR = 51, "predictor"
    PLACE = 52, "place"
    EXPECTED_4 = 53, "expected >> 2"
    EXPECTED_2 = 54, "expected >> 1"
    MED_OFFSET = 55, "clamp((2 (m - mu)) >> shift, -8, 8)"
    ROW = 56, "min(y, 63)"
    COLUMN = 57, "min(x, 63)"
    ERROR_W = 58, "scaled(error e, 8.5, of the sample on the left; 0 if x = 0)"
    ERROR_N = 59, "scaled(error e, 8.5, of the sample above; 0 if y = 0)"
    EQUAL = 60, "(W = N) + 2 (N = NE) + 4 (W = NW) + 8 (N = NW) + 16 (W = WW) + 32 (N = NN)"
    CORRECTION = 61, "scaled(first - fine)"


LAST_NEAR = Term.MEAN_BY_Q
LAST_NEAR_ALONE = Term.MEAN_BY_P
LAST_VALUE = Term.P_BEND_DOWN
LAST_VALUE_ALONE = Term.VALUE_N
"""Terms that are near the prediction, and that are values, end with these; the second of each without references."""

T = Term
WITH_REFERENCES = (
    (
        (T.W_BY_P, T.N_BY_P, T.W_BY_Q),
        (T.VALUE_P, T.VALUE_Q, T.MU),
        (T.P, T.Q, T.QUARTER),
        (T.W_BY_Q, T.N_BY_Q, T.N_BY_P),
        (T.NE_BY_P, T.W_BY_P, T.N_BY_P),
        (T.W_BY_P, T.W_BY_Q, T.LEVEL),
        (T.ERROR_N, T.N_BY_P),
        (T.CORRECTION, T.LEVEL),
        (T.Q_FROM_W, T.Q_FROM_N, T.W_BY_Q, T.N_BY_Q),
        (T.NE_BY_P, T.NW_BY_P),
        (T.PLANE_BY_P, T.LEVEL),
        (T.P_FROM_W, T.Q_FROM_W, T.N_BY_P, T.MED_OFFSET),
        (T.LEVEL, T.QUARTER),
        (T.PLACE, T.LEVEL),
        (T.MU, T.QUARTER),
        (T.PLANE, T.W_BY_NE),
        (T.P_FROM_N, T.Q_FROM_N, T.W_BY_P, T.MED_OFFSET),
        (T.W, T.NW, T.N, T.LEVEL_PAIR),
        (T.PLACE, T.QUARTER, T.MED_OFFSET),
        (T.W_BY_P, T.N_BY_P),
        (T.VALUE_P, T.W_BY_P),
        (T.P_FROM_W, T.P_FROM_N, T.W, T.N),
        (T.N, T.NE),
    ),
    (
        (T.W_BY_P, T.N_BY_P, T.W_BY_Q),
        (T.PLACE, T.QUARTER, T.MED_OFFSET),
        (T.PLANE, T.W, T.N),
        (T.VALUE_P, T.VALUE_Q, T.MU),
        (T.W_BY_NE, T.N_BY_NN, T.LEVEL),
        (T.P_FROM_W, T.Q_FROM_W, T.N_BY_P, T.MED_OFFSET),
        (T.WW, T.W),
        (T.CORRECTION, T.LEVEL),
        (T.N_BY_NE, T.NE),
        (T.ERROR_W, T.ERROR_N, T.QUARTER),
        (T.P_FROM_N, T.Q_FROM_N, T.W_BY_P, T.MED_OFFSET),
        (T.LEVEL, T.QUARTER),
        (T.PLACE, T.LEVEL),
        (T.MU, T.QUARTER),
        (T.PLANE, T.W_BY_NE),
        (T.PLANE_BY_P, T.LEVEL),
        (T.W, T.NW, T.N, T.LEVEL_PAIR),
        (T.NE_BY_P, T.NW_BY_P),
        (T.P, T.Q, T.QUARTER),
        (T.W_BY_P, T.N_BY_P),
        (T.VALUE_P, T.W_BY_P),
        (T.P_FROM_W, T.P_FROM_N, T.W, T.N),
        (T.N, T.NE),
    ),
)
"""Contexts of a plane that has references, best first: candidates that training chooses from.

The first suits samples as they were taken, the second planes that went through JPEG. All were chosen greedily."""

WITHOUT_REFERENCES = (
    (
        (T.MED, T.LEVEL),
        (T.NN, T.N),
        (T.WW, T.W),
        (T.W, T.N, T.QUARTER),
        (T.W_BY_WW, T.N_BY_NE),
        (T.MEAN_BY_P, T.PLANE),
        (T.MU, T.LEVEL_PAIR),
        (T.CORRECTION, T.LEVEL),
        (T.ERROR_W, T.W),
        (T.PLACE, T.W, T.N),
        (T.MEAN_TURN, T.MEAN_W_NE, T.QUARTER),
        (T.LEVEL, T.QUARTER),
        (T.PLANE, T.W_BY_NE),
        (T.W, T.NW, T.N, T.LEVEL_PAIR),
        (T.N, T.NE, T.LEVEL_PAIR),
        (T.PLACE, T.LEVEL),
        (T.MU, T.QUARTER),
        (T.N_BY_NN, T.W_BY_WW),
        (T.N_BY_NE, T.NE),
        (T.VALUE_W, T.VALUE_N),
        (T.ROW, T.COLUMN, T.LEVEL_PAIR),
        (T.PLANE, T.W, T.N),
        (T.W_BY_NE, T.N_BY_NN, T.LEVEL),
    ),
    (
        (T.ERROR_W, T.ERROR_N, T.EXPECTED_4),
        (T.W_BY_WW, T.N_BY_NE),
        (T.MU, T.LEVEL_PAIR),
        (T.ERROR_N, T.N),
        (T.PLACE, T.EXPECTED_4),
        (T.ERROR_W, T.W),
        (T.W_BY_NE, T.N_BY_NN, T.LEVEL),
        (T.CORRECTION, T.LEVEL),
        (T.MU, T.QUARTER),
        (T.MEAN_BY_P, T.PLANE),
        (T.MU, T.EXPECTED_4),
        (T.LEVEL, T.QUARTER),
        (T.W, T.N, T.QUARTER),
        (T.PLANE, T.W_BY_NE),
        (T.W, T.NW, T.N, T.LEVEL_PAIR),
        (T.N, T.NE, T.LEVEL_PAIR),
        (T.PLACE, T.LEVEL),
        (T.MED, T.LEVEL),
        (T.N_BY_NN, T.W_BY_WW),
        (T.WW, T.W),
        (T.NN, T.N),
        (T.VALUE_W, T.VALUE_N),
        (T.PLANE, T.W, T.N),
    ),
)
"""The same for a plane without references: the first suits 8 bits, the second more."""
