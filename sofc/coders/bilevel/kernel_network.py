"""Spec bilevel/network: the small network, which sees more of the image than contexts can: asked, and fitted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.coders.bilevel.terms import SMALL_SIDE
from sofc.coders.bilevel.window import Image
from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector

UP = 12
SIDE = 12
"""Rows above, and columns to either side, that the network sees."""
ROW_INPUTS = 2 * SIDE + 1
OWN_ROW = UP * ROW_INPUTS
FIRST_ROW = OWN_ROW + SIDE
FIRST_COLUMN = FIRST_ROW + SMALL_SIDE
CONSTANT = FIRST_COLUMN + SMALL_SIDE
INPUTS = CONSTANT + 1
"""Inputs: the rows above, the nearest first; the sample's own row; in small images the number of the sample's row and
that of its column, one input for each; the constant."""

WEIGHT_BITS = 12
"""Weights are in 1 / 2**WEIGHT_BITS."""
ACTIVITY_LIMIT = 1 << 17
OUTPUT_LIMIT = 2303

SURE = 0.001
"""Samples predicted with no more error are not learned from: they would take time and change next to nothing."""
MOST_SAMPLE_WEIGHT = 4.0


class Network(NamedTuple):
    """Weights of u units in the first layer and v in the second: ``first`` (INPUTS, u), ``second`` (v, u + 1) and
    ``third`` (1, v + 1), each with the constants last. A network without units is not asked."""

    first: Table[np.int32]
    second: Table[np.int32]
    third: Table[np.int32]


@inlined
def is_small(image: Image) -> bool:
    """Spec bilevel/terms. Whether an image has terms, and inputs, of position."""
    rows, width = image.shape
    return int(rows) <= SMALL_SIDE and int(width) <= SMALL_SIDE


@inlined
def _seen(image: Image, up: int, x: int) -> tuple[int, int, int]:
    """Spec bilevel/network. Columns of the row ``up`` rows above that the network sees, from and to, and the input of
    column 0."""
    high = min(image.shape[1], x + SIDE + 1) if up > 0 else x
    return max(0, x - SIDE), high, ((up - 1) * ROW_INPUTS if up > 0 else OWN_ROW) + SIDE - x


@inlined
def _rectified(activity: int) -> int:
    return max(0, min(ACTIVITY_LIMIT, activity))


@inlined
def ask_network(image: Image, y: int, x: int, network: Network, hidden: Vector[np.int64]) -> int:
    """Spec bilevel/network. The network's stretched probability for sample (y, x). Scratch: ``hidden`` (units,)."""
    first, second, third = network.first, network.second, network.third[0]
    units = second.shape[1] - 1
    for j in range(units):
        hidden[j] = first[CONSTANT, j]
    # Few inputs are 1: to add up their weights is less work than a product of all of them.
    for up in range(min(UP, y) + 1):
        low, high, start = _seen(image, up, x)
        for column in range(low, high):
            if image[y - up, column]:
                for j in range(units):
                    hidden[j] += first[start + column, j]
    if is_small(image):
        for j in range(units):
            hidden[j] += np.int64(first[FIRST_ROW + y, j]) + first[FIRST_COLUMN + x, j]
    for j in range(units):
        hidden[j] = _rectified(int(hidden[j]))
    out = np.int64(third[second.shape[0]])
    for i in range(second.shape[0]):
        total = np.int64(second[i, units]) << WEIGHT_BITS
        for j in range(units):
            total += np.int64(second[i, j]) * hidden[j]
        out += (_rectified(int(total >> WEIGHT_BITS)) * np.int64(third[i])) >> WEIGHT_BITS
    return max(-OUTPUT_LIMIT, min(OUTPUT_LIMIT, int(out >> (WEIGHT_BITS - 8))))


class Fitting(NamedTuple):
    """A network that is being fitted, its weights laid out as in ``Network``, and scratch: both layers, what is passed
    ``back`` to the first, the ``inputs`` that are 1, and the state of the ``lottery`` (1,) that draws samples."""

    first: Table[np.float32]
    second: Table[np.float32]
    third: Table[np.float32]
    one: Vector[np.float32]
    two: Vector[np.float32]
    back: Vector[np.float32]
    inputs: Vector[np.int64]
    lottery: Vector[np.int64]


def fitting_of(units: int, deeper: int, random: np.random.Generator) -> Fitting:
    """A network of so many units in its two layers, with random weights."""
    first, second, third = (
        (random.normal(size=size) * scale).astype(np.float32)
        for size, scale in (
            ((INPUTS, units), 0.08),
            ((deeper, units + 1), (1.4 / units) ** 0.5),
            ((1, deeper + 1), (1 / deeper) ** 0.5),
        )
    )
    one, two, back = (np.zeros(size, np.float32) for size in (units, deeper, units))
    return Fitting(first, second, third, one, two, back, np.zeros(INPUTS, np.int64), np.ones(1, np.int64))


@inlined
def _list_inputs(image: Image, y: int, x: int, inputs: Vector[np.int64]) -> tuple[int, bool]:
    """Spec bilevel/network. Put the numbers of the inputs that are 1 into ``inputs``: how many, and whether any is
    near."""
    count = 0
    near = False
    for up in range(min(UP, y) + 1):
        low, high, first = _seen(image, up, x)
        for column in range(low, high):
            if image[y - up, column]:
                inputs[count] = first + column
                count += 1
                if up <= 2 and abs(column - x) <= 3:
                    near = True
    if is_small(image):
        inputs[count], inputs[count + 1] = FIRST_ROW + y, FIRST_COLUMN + x
        count += 2
    return count, near


@inlined
def _draw(near: bool, kept: int, lottery: Vector[np.int64]) -> float:
    """The weight of a sample, 0 if it is passed over: of those without ink nearby ``kept`` in 256 are drawn."""
    if near:
        return 1.0
    lottery[0] = (lottery[0] * 1103515245 + 12345) & 0x7FFFFFFF
    return 256.0 / kept if (lottery[0] >> 16) & 255 < kept else 0.0


@inlined
def _go_forward(fitting: Fitting, count: int) -> float:
    """The output for the ``count`` inputs listed, as ln(p / (1 - p))."""
    one, two, second, third = fitting.one, fitting.two, fitting.second, fitting.third[0]
    for j in range(one.shape[0]):
        one[j] = fitting.first[CONSTANT, j]
    for k in range(count):
        source = fitting.inputs[k]
        for j in range(one.shape[0]):
            one[j] += fitting.first[source, j]
    for j in range(one.shape[0]):
        one[j] = max(one[j], 0)
    out = third[two.shape[0]]
    for i in range(two.shape[0]):
        total = second[i, one.shape[0]]
        for j in range(one.shape[0]):
            total += second[i, j] * one[j]
        two[i] = max(total, 0)
        out += two[i] * third[i]
    return max(-20.0, min(20.0, out))  # type: ignore[no-any-return]


@inlined
def _go_back(fitting: Fitting, count: int, pull: np.float32) -> None:
    """Move all weights along the gradient of the output, by ``pull``."""
    one, two, back, second, third = fitting.one, fitting.two, fitting.back, fitting.second, fitting.third[0]
    back[:] = 0
    third[two.shape[0]] += pull
    for i in range(two.shape[0]):
        if two[i] > 0:
            deep = pull * third[i]
            third[i] += pull * two[i]
            second[i, one.shape[0]] += deep
            for j in range(one.shape[0]):
                back[j] += deep * second[i, j]
                second[i, j] += deep * one[j]
    for j in range(one.shape[0]):
        if one[j] <= 0:
            back[j] = 0
        fitting.first[CONSTANT, j] += back[j]
    for k in range(count):
        source = fitting.inputs[k]
        for j in range(one.shape[0]):
            fitting.first[source, j] += back[j]


@kernel
def fit_network(images: Cube[np.uint8], kept: int, step: float, fitting: Fitting) -> float:
    """One pass of stochastic gradient descent over images of one shape.

    Samples without ink nearby are drawn with probability ``kept`` / 256 and weigh more for it, at most
    MOST_SAMPLE_WEIGHT times. Returns the bits that the samples would have taken, in all.
    """
    bits = 0.0
    for number in range(images.shape[0]):
        image = images[number]
        for y in range(image.shape[0]):
            for x in range(image.shape[1]):
                count, near = _list_inputs(image, y, x, fitting.inputs)
                weight = _draw(near, kept, fitting.lottery)
                if weight == 0:
                    continue
                p = 1 / (1 + np.exp(-_go_forward(fitting, count)))
                bit = image[y, x]
                bits -= weight * np.log2(p if bit else 1 - p)
                if p > SURE if not bit else p < 1 - SURE:
                    _go_back(fitting, count, np.float32((bit - p) * step * min(weight, MOST_SAMPLE_WEIGHT)))
    return bits
