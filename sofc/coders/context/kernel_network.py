"""Spec context/network: what the network sees of a sample, and what it says of each decision of the residual."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.entropy.binary import Stream, code_bit
from sofc.entropy.mixing import STRETCH
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Vector
from sofc.prediction.bank import FRACTION_BITS, PAD, Neighbourhood, Traced, close_row, open_sample
from sofc.prediction.logistics import Logistics, fill_logistics, logistics_of, mass_below
from sofc.prediction.network import ACTIVITY_LIMIT, Activities, Network, Samples, Scale, activities_of, ask

WEST = PAD
SIDE = PAD
ROW = 2 * SIDE + 1
NEIGHBOURS = WEST + PAD * ROW
"""Neighbours that it sees: those to the left, and rows above, the nearest first."""
INPUTS = NEIGHBOURS + 8
"""Behind the neighbours: the prediction, row, column, expected error, four flags."""
MIDDLE = 1024
"""What is taken off inputs that are not less than 0."""


class Forecast(NamedTuple):
    """A network, one without units is not asked; scratch: its activities, and the distribution that it says."""

    network: Network
    activities: Activities
    logistics: Logistics


def forecast_of(network: Network) -> Forecast:
    """A network with its scratch."""
    return Forecast(network, activities_of(network), logistics_of(len(network.last.weights) // 3))


class Expected(NamedTuple):
    """What is known of a sample: the prediction in eighths and rounded, its expected error, row and column."""

    fine: int
    mu: int
    error: int
    row: int
    column: int


@inlined
def _bounded(difference: int, shift: int) -> int:
    return max(-ACTIVITY_LIMIT, min(ACTIVITY_LIMIT, (difference << 3) >> shift))


@inlined
def fill_inputs(
    inputs: Vector[np.int16], around: Neighbourhood, y: int, x: int, sample: Expected, shift: int, maximum: int
) -> bool:
    """Spec context/network. What the network sees of sample (y, x) (padded indices). Whether it is asked: not where all
    neighbours are as predicted."""
    plane, mu = around.plane, sample.mu
    differs = 0
    for i in range(WEST):
        difference = int(plane[y, x - 1 - i]) - mu
        differs |= difference
        inputs[i] = _bounded(difference, shift)
    for up in range(PAD):
        above = plane[y - 1 - up]
        for i in range(ROW):
            difference = int(above[x - SIDE + i]) - mu
            differs |= difference
            inputs[WEST + ROW * up + i] = _bounded(difference, shift)
    if differs == 0:
        return False
    inputs[NEIGHBOURS] = (2 * MIDDLE * mu) // (maximum + 1) - MIDDLE
    inputs[NEIGHBOURS + 1] = 32 * min(sample.row, 63) - MIDDLE
    inputs[NEIGHBOURS + 2] = 32 * min(sample.column, 63) - MIDDLE
    inputs[NEIGHBOURS + 3] = 8 * sample.error - MIDDLE
    west, north = int(plane[y, x - 1]), int(plane[y - 1, x])
    inputs[NEIGHBOURS + 4] = 256 if west == 0 else 0
    inputs[NEIGHBOURS + 5] = 256 if north == 0 else 0
    inputs[NEIGHBOURS + 6] = 256 if west == maximum else 0
    inputs[NEIGHBOURS + 7] = 256 if north == maximum else 0
    return True


@inlined
def forecast_sample(forecast: Forecast, fine: int, shift: int) -> None:
    """Spec context/network. The distribution of a sample, from the inputs."""
    ask(forecast.network, forecast.activities, 0)
    fill_logistics(forecast.activities.outputs, fine, shift, forecast.logistics)


class Spread(NamedTuple):
    """The distribution of a sample around ``mu``, within 0 .. ``maximum``; ``shift``: scale of the plane;
    ``is_known``: whether the network says it."""

    mu: int
    maximum: int
    shift: int
    logistics: Logistics
    is_known: bool


@inlined
def _below(spread: Spread, end: int) -> int:
    return mass_below(min(end, spread.maximum + 1), spread.maximum, spread.shift, spread.logistics)


@inlined
def mass_of_all(spread: Spread) -> int:
    """The mass of all samples."""
    return _below(spread, spread.maximum + 1)


@inlined
def mass_but_for_mu(spread: Spread) -> int:
    """The mass of all samples but mu."""
    return mass_of_all(spread) - _below(spread, spread.mu + 1) + _below(spread, spread.mu)


@inlined
def mass_beyond(spread: Spread, sign: int, distance: int) -> int:
    """The mass of samples above mu (sign 1) or below, but for the ``distance`` next to it."""
    if sign:
        return mass_of_all(spread) - _below(spread, spread.mu + 1 + distance)
    return _below(spread, spread.mu - distance)


@inlined
def code_forecast_bits(
    encode: bool, value: int, bits: int, start: int, sign: int, spread: Spread, stream: Stream
) -> int:
    """Spec context/network. The lowest bits of a magnitude, the highest first, of which it is known that it is
    ``start`` or more. Returns the bits as a number."""
    low = 0
    for shift in range(bits - 1, -1, -1):
        first = start + low
        above = mass_beyond(spread, sign, first + (2 << shift))
        part = mass_beyond(spread, sign, first + (1 << shift)) - above
        p = chance(part, mass_beyond(spread, sign, first) - above)
        low |= code_bit(encode, (value >> shift) & 1, max(32, min(65504, p)), stream) << shift
    return low


@inlined
def chance(part: int, whole: int) -> int:
    """What part of a mass is, in 1/65536."""
    return (part << 16) // max(1, whole)


@inlined
def stretched(p: int) -> int:
    return int(STRETCH[max(0, min(65535, p)) >> 4])


@kernel
def list_inputs(around: Neighbourhood, traced: Traced, first_row: int, scale: Scale, samples: Samples) -> int:
    """What the network sees of the samples of some rows of a known plane that was ``traced``: as many as ``samples``
    has room for, from ``first_row`` on, but for those of which it is not asked. Returns how many there are."""
    width = traced.fine.shape[1]
    count = 0
    for number in range(samples.values.shape[0]):
        row, column = first_row + number // width, number % width
        y, x = row + PAD, column + PAD
        open_sample(around, y, x)
        fine = int(traced.fine[row, column])
        mu = (fine + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS
        sample = Expected(fine, mu, int(traced.expected[row, column]), row, column)
        if fill_inputs(samples.inputs[count], around, y, x, sample, scale.shift, scale.maximum):
            samples.fine[count], samples.values[count] = fine, around.plane[y, x]
            count += 1
        if column == width - 1:
            close_row(around, y)
    return count
