"""Spec dct/prediction: what a coefficient, and the size of what then remains, are predicted from; and training of the
weights.

Blocks are gone through in raster order, their coefficients from the highest frequency to the lowest: what has the same
frequency in one direction lies around a coefficient, be it in its own block or in those above and to the left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector
from sofc.jpeg.dct import SIDE, SIZE, ZIGZAG
from sofc.jpeg.origin import VALUE_LIMIT

ORDER = np.ascontiguousarray(ZIGZAG[::-1]).astype(np.uint8)
"""Coefficients from the highest frequency to the lowest: of a type without negative numbers, which kernels would have
to tell from others at each use."""
DIAGONALS = 2 * SIDE - 1
ENDS = np.array([sum(SIDE - abs(SIDE - 1 - s) for s in range(first, DIAGONALS)) for first in range(DIAGONALS + 1)])
"""Diagonal s, on which the frequencies add up to s, is ORDER[ENDS[s + 1] : ENDS[s]]."""
MEANS = 4 * SIDE + 4
"""Numbers a coefficient is predicted from: the column above, the row to the left, its own column and row as far as they
are known, the same coefficient in the two blocks diagonally above, and in two references."""
SIZES = 26
"""Numbers the size of the error is predicted from."""
PREDICTORS = 8
"""Predictors that training begins with; a component's stream says which one serves it."""
EXTENTS = (10, 21, 43)
"""Blocks with no more than so many coefficients to code have rows of weights of their own in each predictor."""
ROWS = (len(EXTENTS) + 1) * SIZE
"""Rows of weights of a predictor."""
WEIGHT_BITS, SIZE_BITS = 10, 8
"""Weights of what coefficients are predicted from are in 1 / 2**WEIGHT_BITS, of what sizes are in 1 / 2**SIZE_BITS."""
LARGEST = 1 << 15
"""Coefficients lie within this."""
LOG_LIMIT, LOG_STEPS = 65535, 48
"""The function L is the same from here on; its values are below LOG_STEPS."""
WIDEST = 1 << 12
"""In training, values count no more than this."""
EMPHASIS = 24
"""In training a coefficient counts 2**EMPHASIS times the square of its step over what is expected, in 1/16."""


STRIDE = SIDE + 2
"""Between the rows of a block that has zeros around it: two behind each row, one row above and two below."""
BORDERED = (SIDE + 3) * STRIDE + 2


class Around(NamedTuple):
    """What is known of the blocks in the row that is being coded and in the one above it, by the parity of the row and
    the column of ``Component.values``: few enough to stay in the cache.

    ``turned`` (2, columns + 2, 64): values, column by column of their block; ``sizes`` and ``errors`` (2, columns + 2,
    BORDERED): sizes of values, and by how much the prediction of each was wrong, with zeros around; ``tails`` (2,
    columns + 2, 64): of each block the sum of the sizes of values up to each coefficient in ORDER; ``ends`` (2,
    columns + 2): how many of its diagonals are coded.
    """

    turned: Cube[np.int32]
    sizes: Cube[np.int32]
    errors: Cube[np.int32]
    tails: Cube[np.int32]
    ends: Table[np.int64]

    @classmethod
    def of(cls, columns: int) -> Around:
        """What is known before the first block."""
        turned, tails = (np.zeros((2, columns + 2, SIZE), np.int32) for _ in range(2))
        sizes, errors = (np.zeros((2, columns + 2, BORDERED), np.int32) for _ in range(2))
        return cls(turned, sizes, errors, tails, np.zeros((2, columns + 2), np.int64))


class Component(NamedTuple):
    """A component whose coefficients are coded one after the other.

    ``coefficients`` (rows, columns, 64); ``values`` (rows + 1, columns + 2, 64): coefficients times their steps as far
    as they are known, below a row of zero blocks and between two columns of them; ``first`` and ``second``, of that
    shape: what two references give, or (1, 1, 64) zeros for one that is not there (``within``). ``table``
    (64,): steps; ``around``: of blocks nearby, what else is known.
    """

    coefficients: Cube[np.int32]
    values: Cube[np.int32]
    first: Cube[np.int32]
    second: Cube[np.int32]
    table: Vector[np.int64]
    around: Around


class Predicted(NamedTuple):
    """A coefficient before it is coded: the prediction in quarters of a step (``fine``), rounded (``mu``), and which
    ``quarter``; how large an error is to be expected (``expected``), and its ``level``."""

    fine: int
    mu: int
    quarter: int
    expected: int
    level: int


class Predictor(NamedTuple):
    """Weights by ``row_of``: ``means`` (predictors * ROWS, MEANS) of coefficients, ``sizes`` (predictors * ROWS, SIZES)
    of their errors."""

    means: Table[np.int32]
    sizes: Table[np.int32]


def _logs() -> npt.NDArray[np.uint8]:
    number = np.arange(LOG_LIMIT + 1, dtype=np.int64) + 1
    bits = np.floor(np.log2(number)).astype(np.int64)
    part = (number << 2 >> bits) & 3
    return np.minimum(LOG_STEPS - 1, 3 * bits + np.where(bits > 0, part * 3 >> 2, 0)).astype(np.uint8)


LOGS = _logs()
"""The function L: about three times the logarithm to base 2 of each number plus 1."""


@inlined
def log(value: int) -> int:
    """Spec dct/prediction. L(value), of which what is beyond LOG_LIMIT is the same."""
    return int(np.int64(LOGS[min(value, LOG_LIMIT)]))


@kernel
def inverse_of(step: int) -> int:
    """What ``over`` takes for a step: 2**34 / step, rounded up; of one above 255 the step itself, negative."""
    return ((1 << 34) + step - 1) // step if step < 256 else -step


@kernel
def _divided(value: int, step: int) -> int:
    """``value`` // step: apart, as no step of most images asks for it."""
    return value // step


@inlined
def over(value: int, inverse: int) -> int:
    """``value`` // step for value >= 0, by a multiplication where steps are small: divisions took longer. What is 2**26
    or more is cut there."""
    return (min(value, (1 << 26) - 1) * inverse) >> 34 if inverse > 0 else int(_divided(value, -inverse))


@inlined
def extent_of(start: int) -> int:
    """Spec dct/prediction. Which rows of weights serve a block whose coefficients are coded from place ``start`` of
    ORDER on."""
    extent = 0
    for i in range(len(EXTENTS)):
        extent += 1 if SIZE - start > EXTENTS[i] else 0
    return extent


@inlined
def row_of(index: int, extent: int, number: int, predictors: int) -> int:
    """Spec dct/prediction. The row of weights of coefficient ``index`` in one of so many predictors: rows that are
    alike stand next to each other."""
    return ((len(EXTENTS) + 1) * index + extent) * predictors + number


@inlined
def start_of(block: Vector[np.int32]) -> int:
    """The place in ORDER from which the coefficients of a block are coded."""
    for s in range(DIAGONALS - 1, -1, -1):
        for place in range(ENDS[s + 1], ENDS[s]):
            if block[ORDER[place]] != 0:
                return int(ENDS[s + 1])
    return SIZE


@inlined
def place_of(index: int) -> int:
    """Where a coefficient stands in a block with zeros around."""
    return STRIDE * (((index >> 3) & 7) + 1) + (index & 7)


@inlined
def begin(around: Around, row: int, column: int) -> None:
    """Nothing is known yet of a block."""
    here = row & 1
    turned, tails = around.turned[here, column], around.tails[here, column]
    sizes, errors = around.sizes[here, column], around.errors[here, column]
    for i in range(SIZE):
        turned[i] = 0
        tails[i] = 0
    for i in range(BORDERED):
        sizes[i] = 0
        errors[i] = 0


@inlined
def within(place: int, count: int) -> int:
    """A row or column of a reference of which there are so many: a reference that is not there has one of each."""
    return min(place, count - 1)


@inlined
def referred(reference: Cube[np.int32], row: int, column: int, index: int) -> int:
    """What a reference gives for a coefficient."""
    return int(reference[within(row, reference.shape[0]), within(column, reference.shape[1]), index])


@inlined
def gather_means(component: Component, row: int, column: int, index: int, means: Vector[np.int32]) -> None:
    """Spec dct/prediction. The numbers that coefficient ``index`` of a block is predicted from: ``means`` (MEANS,) is
    filled; ``row`` and ``column`` as in values."""
    values, around = component.values, component.around
    u, v, here = (index >> 3) & 7, index & 7, row & 1
    north, own = around.turned[here ^ 1, column], around.turned[here, column]
    west, across = values[row, column - 1], values[row, column]
    for k in range(SIDE):
        means[k] = north[SIDE * v + k]
        means[SIDE + k] = west[SIDE * u + k]
        means[2 * SIDE + k] = own[SIDE * v + k]
        means[3 * SIDE + k] = across[SIDE * u + k]
    means[4 * SIDE], means[4 * SIDE + 1] = values[row - 1, column - 1, index], values[row - 1, column + 1, index]
    means[4 * SIDE + 2] = referred(component.first, row, column, index)
    means[4 * SIDE + 3] = referred(component.second, row, column, index)


@inlined
def gather_sizes(component: Component, row: int, column: int, index: int, tail: int, z: Vector[np.int32]) -> None:
    """Spec dct/prediction. The numbers that the size of a coefficient's error is predicted from: ``z`` (SIZES,) is
    filled; ``tail``: sum of the sizes of what is before the coefficient in the order."""
    around, here = component.around, row & 1
    above, place = here ^ 1, place_of(index)
    first, second = referred(component.first, row, column, index), referred(component.second, row, column, index)
    n, w, o = around.sizes[above, column], around.sizes[here, column - 1], around.sizes[here, column]
    z[0] = component.table[index]
    z[1], z[2] = n[place], w[place]
    z[3], z[4] = around.sizes[above, column - 1, place], around.sizes[above, column + 1, place]
    z[5] = n[place + STRIDE] + n[place + 1]
    z[6] = w[place + STRIDE] + w[place + 1]
    z[7], z[8], z[9] = o[place + STRIDE], o[place + 1], o[place + STRIDE + 1]
    z[10] = o[place + 2 * STRIDE] + o[place + 2]
    z[11] = n[place - STRIDE] + n[place - 1]
    z[12] = w[place - STRIDE] + w[place - 1]
    z[13], z[14], z[15] = tail, around.tails[above, column, index], around.tails[here, column - 1, index]
    z[16], z[17] = abs(first), abs(second)
    missed = around.errors[here, column]
    z[18], z[19] = around.errors[above, column, place], around.errors[here, column - 1, place]
    z[20], z[21] = around.errors[above, column - 1, place], around.errors[above, column + 1, place]
    z[22], z[23], z[24] = missed[place + STRIDE], missed[place + 1], missed[place + STRIDE + 1]
    z[25] = missed[place + 2 * STRIDE] + missed[place + 2]


@inlined
def weighted_around(component: Component, row: int, column: int, index: int, weights: Vector[np.int32]) -> int:
    """Spec dct/prediction. The same numbers times their weights, added up where they stand: vectors of what was just
    gathered would wait for it. One loop over all four lines, as processors add up many numbers of such at a time."""
    values, around = component.values, component.around
    u, v, here = SIDE * ((index >> 3) & 7), SIDE * (index & 7), row & 1
    north, own = around.turned[here ^ 1, column], around.turned[here, column]
    west, across = values[row, column - 1], values[row, column]
    total = np.int64(values[row - 1, column - 1, index]) * np.int64(weights[4 * SIDE])
    total += np.int64(values[row - 1, column + 1, index]) * np.int64(weights[4 * SIDE + 1])
    total += np.int64(referred(component.first, row, column, index)) * np.int64(weights[4 * SIDE + 2])
    total += np.int64(referred(component.second, row, column, index)) * np.int64(weights[4 * SIDE + 3])
    for k in range(SIDE):
        total += (
            np.int64(north[v + k]) * np.int64(weights[k])
            + np.int64(west[u + k]) * np.int64(weights[SIDE + k])
            + np.int64(own[v + k]) * np.int64(weights[2 * SIDE + k])
            + np.int64(across[u + k]) * np.int64(weights[3 * SIDE + k])
        )
    return int(total)


@inlined
def weighted(numbers: Vector[np.int32], weights: Vector[np.int32], count: int) -> int:
    """The sum of ``count`` numbers times their weights; ``count``, MEANS or SIZES, is known when it is compiled."""
    total = np.int64(0)
    for i in range(count):
        total += np.int64(numbers[i]) * np.int64(weights[i])
    return int(total)


@inlined
def enter(component: Component, row: int, column: int, index: int, tail: int) -> int:
    """Take in a coefficient that has become known; ``tail``: that of those before it. Returns it with this one."""
    value = int(component.coefficients[row - 1, column - 1, index]) * component.table[index]
    value = max(-VALUE_LIMIT, min(VALUE_LIMIT, value))
    component.values[row, column, index] = value
    u, v, here = (index >> 3) & 7, index & 7, row & 1
    component.around.turned[here, column, SIDE * v + u] = value
    component.around.sizes[here, column, place_of(index)] = abs(value)
    tail += abs(value)
    component.around.tails[here, column, index] = tail
    return int(tail)


@inlined
def predicted(total: int, step: int, inverse: int) -> int:
    """Spec dct/prediction. ``fine``: a coefficient in quarters of a step, from the weighted sum of MEANS numbers."""
    quarters = (4 * total + (step << (WEIGHT_BITS - 1))) >> WEIGHT_BITS
    # Which sign it has is anyone's guess, processors' too: no branch.
    sign = quarters >> 63
    fine = over(quarters ^ sign, inverse) ^ sign
    return max(-4 * LARGEST, min(4 * LARGEST, fine))


@inlined
def enter_error(component: Component, row: int, column: int, index: int, fine: int) -> None:
    """Spec dct/prediction. Take in by how much the prediction of a coefficient, which has become known, was wrong."""
    error = abs(4 * int(component.values[row, column, index]) - fine * component.table[index]) >> 2
    component.around.errors[row & 1, column, place_of(index)] = min(VALUE_LIMIT, error)


TRIED, TRIED_BLOCKS = 4, 512
"""An encoder that looks for the best predictor looks at every so many rows of blocks, or fewer where these have many
more blocks than TRIED_BLOCKS, and at one at least."""
COST_BITS = 3
"""Costs that it compares are in 1 / 2**COST_BITS of the function L."""


@kernel
def weigh_predictors(
    component: Component, predictor: Predictor, charge: int, means: Vector[np.int32], costs: Table[np.int64]
) -> int:
    """About what each predictor makes coefficients cost: logarithms of what it gets wrong beyond half a step, and a
    ``charge`` for each prediction, added up to ``costs``.

    ``costs`` (predictors + 1, DIAGONALS): the last row is of coefficients that are not predicted; ``means`` (MEANS,):
    scratch. ``values`` and ``around`` of ``component`` are zeros, and are filled. Returns 0.
    """
    count, rows = predictor.means.shape[0] // ROWS, component.values.shape[0]
    stride = max(TRIED, (rows - 1) * (component.values.shape[1] - 2) // TRIED_BLOCKS)
    for row in range(min(1 + stride // 2, rows - 1), rows, stride):
        if row > 1:
            for column in range(1, component.values.shape[1] - 1):
                for index in range(SIZE):
                    enter(component, row - 1, column, index, 0)
        for column in range(1, component.values.shape[1] - 1):
            begin(component.around, row, column)
            start = start_of(component.coefficients[row - 1, column - 1])
            extent = extent_of(start)
            for place in range(start, SIZE):
                index = int(ORDER[place])
                step, diagonal = component.table[index], (index >> 3) + (index & 7)
                gather_means(component, row, column, index, means)
                enter(component, row, column, index, 0)
                value = int(component.values[row, column, index])
                for number in range(count):
                    total = weighted(means, predictor.means[row_of(index, extent, number, count)], MEANS)
                    quarters = abs((value << WEIGHT_BITS) - total) >> (WEIGHT_BITS - 2)
                    costs[number, diagonal] += (log(max(0, quarters // step - 2)) << COST_BITS) + charge
                costs[count, diagonal] += log(max(0, 4 * abs(value) // step - 2)) << COST_BITS
    return 0


class Equations(NamedTuple):
    """Lower halves of normal equations, (predictors * ROWS, MEANS + 1, MEANS + 1) and (predictors * ROWS, SIZES + 1,
    SIZES + 1): the last row is of the number to predict."""

    means: Cube[np.int64]
    sizes: Cube[np.int64]


@inlined
def _add(numbers: Vector[np.int32], target: int, share: int, equations: Table[np.int64]) -> None:
    """Add one sample that counts ``share`` times."""
    count = numbers.shape[0]
    for i in range(count):
        if numbers[i] != 0:
            weight = share * np.int64(numbers[i])
            for j in range(i + 1):
                equations[i, j] += weight * np.int64(numbers[j])
            equations[count, i] += weight * target


@kernel
def accumulate(
    component: Component,
    predictor: Predictor,
    number: int,
    equations: Equations,
    means: Vector[np.int32],
    sizes: Vector[np.int32],
) -> int:
    """Add a component, whose ``values`` and ``around`` are zeros and are filled, to the equations of
    training predictor ``number``.

    A coefficient is to be predicted, and the size of what the predictor makes wrong. The larger that is to be expected
    the less it counts: by ``predictor.sizes`` for the coefficient, by the coefficients around for its size. ``means``
    (MEANS,), ``sizes`` (SIZES,): scratch. Returns 0.
    """
    predictors = predictor.means.shape[0] // ROWS
    for row in range(1, component.values.shape[0]):
        for column in range(1, component.values.shape[1] - 1):
            tail = 0
            begin(component.around, row, column)
            start = start_of(component.coefficients[row - 1, column - 1])
            extent = extent_of(start)
            for place in range(start, SIZE):
                index = int(ORDER[place])
                at = row_of(index, extent, number, predictors)
                step = component.table[index]
                gather_means(component, row, column, index, means)
                gather_sizes(component, row, column, index, tail, sizes)
                tail = enter(component, row, column, index, tail)
                value = int(component.values[row, column, index])
                fine = predicted(weighted(means, predictor.means[at], MEANS), step, inverse_of(step))
                enter_error(component, row, column, index, fine)
                for i in range(MEANS):
                    means[i] = max(-WIDEST, min(WIDEST, int(means[i])))
                for i in range(SIZES):
                    sizes[i] = min(WIDEST, int(sizes[i]))
                # In 1/16. Less than about two steps makes little difference to the bits that are coded.
                expected = 32 * step + max(0, weighted(sizes, predictor.sizes[at], SIZES) >> (SIZE_BITS - 4))
                share = max(1, (step * step << EMPHASIS) // (expected * expected))
                _add(means, max(-WIDEST, min(WIDEST, value)), share, equations.means[at])
                total = weighted(means, predictor.means[at], MEANS)
                mu = (total + (step << (WEIGHT_BITS - 1))) // (step << WEIGHT_BITS)
                around = int(sizes[1]) + int(sizes[2]) + int(sizes[7]) + int(sizes[8])
                share = 1024 // (step + (around >> 2))
                _add(sizes, min(20 * step, abs(value - mu * step)), share, equations.sizes[at])
    return 0
