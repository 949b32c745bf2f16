"""Spec dct/prediction: what the sizes of errors are expected to be, as coding sums it up.

Most of what is added up is known before a block is begun. That is done for all its coefficients at once, many at a
time; of each coefficient, which waits for what is decoded before it, only what the block itself says is left to add.
``gather_sizes`` of ``kernel_prediction`` lists the numbers, for training.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.dct.kernel_prediction import (
    BORDERED,
    EXTENTS,
    ROWS,
    SIZES,
    STRIDE,
    Around,
    Component,
    Predictor,
    place_of,
    row_of,
    within,
)
from sofc.jit.decorators import inlined
from sofc.jit.types import Table, Vector
from sofc.jpeg.dct import SIDE, SIZE


class Ahead(NamedTuple):
    """Of the sums that tell the sizes of a block's errors, what is known before any of its coefficients is.

    ``weights`` (extents, SIZES * BORDERED): those of one predictor; of each of the SIZES numbers for all coefficients,
    in the places of a block with zeros around, or one behind the other for numbers that have none around; ``nearby``
    (BORDERED,) and ``elsewhere`` (64,): the sums of the former, from the first coefficient on, and of the latter.
    """

    weights: Table[np.int32]
    nearby: Vector[np.int64]
    elsewhere: Vector[np.int64]

    @classmethod
    def of_block(cls) -> Ahead:
        """Room for one predictor and one block."""
        weights = np.zeros((len(EXTENTS) + 1, SIZES * BORDERED), np.int32)
        return cls(weights, np.zeros(BORDERED, np.int64), np.zeros(SIZE, np.int64))


@inlined
def turn_weights(predictor: Predictor, number: int, ahead: Ahead) -> None:
    """Fill the weights of ``ahead`` with those of predictor ``number``."""
    predictors = predictor.sizes.shape[0] // ROWS
    for index in range(SIZE):
        for extent in range(len(EXTENTS) + 1):
            row = row_of(index, extent, number, predictors)
            for i in range(SIZES):
                place = index if i == 0 or 14 <= i < 18 else place_of(index)
                ahead.weights[extent, i * BORDERED + place] = predictor.sizes[row, i]


@inlined
def look_ahead(component: Component, row: int, column: int, lines: int, w: Vector[np.int32], ahead: Ahead) -> None:
    """Spec dct/prediction. The sums of all that the sizes of a block's errors are predicted from but what is its own,
    for the first ``lines`` rows of coefficients: many at a time, while nothing waits for what is decoded. ``w``: their
    row of weights."""
    around, nearby, elsewhere, here = component.around, ahead.nearby, ahead.elsewhere, row & 1
    above = here ^ 1
    n, west = around.sizes[above, column], around.sizes[here, column - 1]
    nw, ne = around.sizes[above, column - 1], around.sizes[above, column + 1]
    for p in range(STRIDE * lines):
        nearby[p] = (
            np.int64(n[p + STRIDE]) * np.int64(w[BORDERED + STRIDE + p])
            + np.int64(west[p + STRIDE]) * np.int64(w[2 * BORDERED + STRIDE + p])
            + np.int64(nw[p + STRIDE]) * np.int64(w[3 * BORDERED + STRIDE + p])
            + np.int64(ne[p + STRIDE]) * np.int64(w[4 * BORDERED + STRIDE + p])
            + np.int64(np.int32(n[p + 2 * STRIDE] + n[p + STRIDE + 1])) * np.int64(w[5 * BORDERED + STRIDE + p])
            + np.int64(np.int32(west[p + 2 * STRIDE] + west[p + STRIDE + 1])) * np.int64(w[6 * BORDERED + STRIDE + p])
            + np.int64(np.int32(n[p] + n[p + STRIDE - 1])) * np.int64(w[11 * BORDERED + STRIDE + p])
            + np.int64(np.int32(west[p] + west[p + STRIDE - 1])) * np.int64(w[12 * BORDERED + STRIDE + p])
        )
    n, west = around.errors[above, column], around.errors[here, column - 1]
    nw, ne = around.errors[above, column - 1], around.errors[above, column + 1]
    for p in range(STRIDE * lines):
        nearby[p] += (
            np.int64(n[p + STRIDE]) * np.int64(w[18 * BORDERED + STRIDE + p])
            + np.int64(west[p + STRIDE]) * np.int64(w[19 * BORDERED + STRIDE + p])
            + np.int64(nw[p + STRIDE]) * np.int64(w[20 * BORDERED + STRIDE + p])
            + np.int64(ne[p + STRIDE]) * np.int64(w[21 * BORDERED + STRIDE + p])
        )
    tails_n, tails_w = around.tails[above, column], around.tails[here, column - 1]
    first, second = component.first, component.second
    of_first = first[within(row, first.shape[0]), within(column, first.shape[1])]
    of_second = second[within(row, second.shape[0]), within(column, second.shape[1])]
    for k in range(SIDE * lines):
        elsewhere[k] = (
            component.table[k] * np.int64(w[k])
            + np.int64(tails_n[k]) * np.int64(w[14 * BORDERED + k])
            + np.int64(tails_w[k]) * np.int64(w[15 * BORDERED + k])
            + np.int64(abs(of_first[k])) * np.int64(w[16 * BORDERED + k])
            + np.int64(abs(of_second[k])) * np.int64(w[17 * BORDERED + k])
        )


@inlined
def expected_size(
    component: Component, row: int, column: int, index: int, tail: int, w: Vector[np.int32], ahead: Ahead
) -> int:
    """Spec dct/prediction. The sum of SIZES numbers times their weights: what was summed up ahead, and what is of the
    block itself. ``w``: the row of weights; ``tail``: sum of the sizes of what is before the coefficient in the order.
    """
    place, here = place_of(index), row & 1
    own, missed = component.around.sizes[here, column], component.around.errors[here, column]
    return int(
        ahead.nearby[place - STRIDE]
        + ahead.elsewhere[index]
        + np.int64(own[place + STRIDE]) * np.int64(w[7 * BORDERED + place])
        + np.int64(own[place + 1]) * np.int64(w[8 * BORDERED + place])
        + np.int64(own[place + STRIDE + 1]) * np.int64(w[9 * BORDERED + place])
        + np.int64(own[place + 2 * STRIDE] + own[place + 2]) * np.int64(w[10 * BORDERED + place])
        + tail * np.int64(w[13 * BORDERED + place])
        + np.int64(missed[place + STRIDE]) * np.int64(w[22 * BORDERED + place])
        + np.int64(missed[place + 1]) * np.int64(w[23 * BORDERED + place])
        + np.int64(missed[place + STRIDE + 1]) * np.int64(w[24 * BORDERED + place])
        + np.int64(missed[place + 2 * STRIDE] + missed[place + 2]) * np.int64(w[25 * BORDERED + place])
    )


@inlined
def size_around(around: Around, row: int, column: int, index: int) -> int:
    """Spec dct/terms-of-coefficients. The sizes of the same coefficient in blocks around, those next to this one
    twice."""
    above, west, place = around.sizes[(row & 1) ^ 1], around.sizes[row & 1, column - 1], place_of(index)
    twice = int(above[column, place]) + int(west[place])
    return 2 * twice + int(above[column - 1, place]) + int(above[column + 1, place])


@inlined
def size_beside(around: Around, row: int, column: int, index: int) -> int:
    """Spec dct/terms-of-coefficients. The sizes of the next higher coefficients of the same block."""
    own, place = around.sizes[row & 1, column], place_of(index)
    return int(own[place + STRIDE]) + int(own[place + 1]) + int(own[place + STRIDE + 1])
