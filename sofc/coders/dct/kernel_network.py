"""Spec dct/network: what a network sees of a coefficient, and what it says of the decisions about it.

What the size of an error is predicted from, and coefficients around with their signs, as logarithms: of these a network
of two hidden layers makes more than two linear predictors do. It says no distribution but the stretched probability of
each mixed decision, which is one more input to the mixing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.dct.kernel_prediction import SIZES, Component, Predicted, gather_sizes, log, over, referred
from sofc.entropy.mixing import STRETCH_LIMIT
from sofc.jit.decorators import inlined
from sofc.jit.types import Table, Vector
from sofc.prediction.network import Activities, Network, activities_of, ask

SIGNED, ENDS_SEEN = 16, 3
"""Inputs that have signs, and numbers of coded diagonals."""
INPUTS = SIZES + SIGNED + ENDS_SEEN + 3
"""Sizes, numbers with signs, coded diagonals, the fraction of the prediction, its expected error, and how many
coefficients of the block are not zero."""
DECISIONS = 8
"""Bins of mixed decisions: what a network says."""
LOG_UNIT = 32
"""A step of the function L, in 1/256."""


class Known(NamedTuple):
    """Of a block, what is known of the coefficients before this one in the order: how many are ``nonzero``, the sum of
    the sizes of their values (``tail``), the ``last`` of them and the one before it."""

    nonzero: int
    tail: int
    last: int
    before_last: int


class Questions(NamedTuple):
    """What a network was asked: ``inputs`` (n, INPUTS), which coefficients (``kinds``) and by how much these differed
    from mu (``residuals``), (n,): of each ``every``-th one, as many as there is room for. ``asked`` (1,): of how many
    it was."""

    inputs: Table[np.int16]
    kinds: Vector[np.uint8]
    residuals: Vector[np.int16]
    asked: Vector[np.int64]
    every: int

    @classmethod
    def of(cls, room: int, every: int = 1) -> Questions:
        """Room for so many."""
        kinds, residuals = np.zeros(room, np.uint8), np.zeros(room, np.int16)
        return cls(np.zeros((room, INPUTS), np.int16), kinds, residuals, np.zeros(1, np.int64), every)


class Forecast(NamedTuple):
    """A network, one without units is not asked; scratch: its activities, and the ``sizes`` (SIZES,) that it sees; and
    what it was asked."""

    network: Network
    activities: Activities
    sizes: Vector[np.int32]
    questions: Questions


def forecast_of(network: Network, questions: Questions | None = None) -> Forecast:
    """A network with its scratch; nothing is noted where there are no ``questions``."""
    return Forecast(network, activities_of(network), np.zeros(SIZES, np.int32), questions or Questions.of(0))


@inlined
def _size(size: int, inverse: int) -> int:
    """The function G."""
    return LOG_UNIT * log(over(4 * size, inverse))


@inlined
def _signed(value: int, inverse: int) -> int:
    """The function H."""
    sign = value >> 63
    return (_size((value ^ sign) - sign, inverse) ^ sign) - sign


@inlined
def fill_inputs(
    forecast: Forecast,
    component: Component,
    row: int,
    column: int,
    index: int,
    found: Predicted,
    known: Known,
    inverse: int,
) -> None:
    """Spec dct/network. What the network sees of a coefficient."""
    inputs, z = forecast.activities.inputs, forecast.sizes
    gather_sizes(component, row, column, index, known.tail, z)
    inputs[0] = LOG_UNIT * log(int(z[0]))
    for i in range(1, SIZES):
        inputs[i] = _size(int(z[i]), inverse)
    values, first, second = component.values, component.first, component.second
    u, v, own = (index >> 3) & 7, index & 7, values[row, column]
    k = SIZES
    inputs[k] = _signed(int(values[row - 1, column, index]), inverse)
    inputs[k + 1] = _signed(int(values[row, column - 1, index]), inverse)
    inputs[k + 2] = _signed(int(values[row - 1, column - 1, index]), inverse)
    inputs[k + 3] = _signed(int(values[row - 1, column + 1, index]), inverse)
    inputs[k + 4] = _signed(int(values[row - 2, column, index]) if row > 1 else 0, inverse)
    inputs[k + 5] = _signed(int(values[row, column - 2, index]) if column > 1 else 0, inverse)
    inputs[k + 6] = _signed(int(own[index + 8]) if u < 7 else 0, inverse)
    inputs[k + 7] = _signed(int(own[index + 1]) if v < 7 else 0, inverse)
    inputs[k + 8] = _signed(int(own[index + 9]) if u < 7 and v < 7 else 0, inverse)
    inputs[k + 9] = _signed(int(own[index + 16]) if u < 6 else 0, inverse)
    inputs[k + 10] = _signed(int(own[index + 2]) if v < 6 else 0, inverse)
    inputs[k + 11] = _signed(referred(first, row, column, index), inverse)
    inputs[k + 12] = _signed(referred(second, row, column, index), inverse)
    inputs[k + 13] = _signed(referred(first, row, column + 1, index), inverse)
    inputs[k + 14] = _signed(referred(first, row + 1, column, index), inverse)
    sign = found.fine >> 63
    inputs[k + 15] = (LOG_UNIT * log((found.fine ^ sign) - sign) ^ sign) - sign
    k += SIGNED
    ends, here = component.around.ends, row & 1
    inputs[k] = 64 * (ends[here, column] - u - v)
    inputs[k + 1] = 64 * (ends[here ^ 1, column] - u - v)
    inputs[k + 2] = 64 * (ends[here, column - 1] - u - v)
    k += ENDS_SEEN
    inputs[k] = 128 * (found.quarter - 2)
    inputs[k + 1] = LOG_UNIT * found.expected
    inputs[k + 2] = 16 * known.nonzero


@inlined
def consult(forecast: Forecast, index: int, residual: int) -> None:
    """Spec dct/network. What the network says of the inputs, about coefficient ``index``; what it is asked is noted."""
    ask(forecast.network, forecast.activities, index)
    questions = forecast.questions
    asked = questions.asked[0]
    at = asked // questions.every
    if at < questions.residuals.shape[0] and asked % questions.every == 0:
        for i in range(INPUTS):
            questions.inputs[at, i] = forecast.activities.inputs[i]
        questions.kinds[at] = index
        questions.residuals[at] = max(-(1 << 14), min(1 << 14, residual))
    questions.asked[0] = asked + 1


@inlined
def said(forecast: Forecast, decision: int) -> int:
    """Spec dct/network. The stretched probability of a decision."""
    return max(-STRETCH_LIMIT, min(STRETCH_LIMIT, int(forecast.activities.outputs[decision])))
