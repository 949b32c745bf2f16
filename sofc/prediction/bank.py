"""Spec context/neighbours, prediction and log-errors: the predictor bank: neighbourhoods, their classes, linear
prediction, and what errors to expect.

A padded plane has PAD rows and columns on each side; row y, column x of the plane stand at [y + PAD, x + PAD].
Borders of the plane being coded are filled as coding goes on: left of a row stands the sample above its first one,
right of it its last one, above the first row the sample to the left. A reference plane is padded by repeating its
edge::

    own plane                              reference
                     NNNN                  P_NW  P_N  P_NE
               NNNW  NNN  NNNE             P_W   P    P_E
         NNWW  NNW   NN   NNE  NNEE        P_SW  P_S  P_SE
    NWWW NWW   NW    N    NE   NEE  NEEE
    WWWW WWW   WW    W    x
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import inlined, kernel
from sofc.jit.types import Cube, Table, Vector

PAD = 4
OWN = np.array(
    [
        (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2), (-2, -1), (-2, 1),
        (0, -3), (-3, 0), (-2, -2), (-2, 2), (0, -4), (-1, -3), (-1, 3), (-3, -1), (-3, 1), (-4, 0),
    ],
    dtype=np.int64,
)  # fmt: skip
"""(row, column) offsets of the causal samples in the plane being coded: W, N, NW, NE, WW, NN, ..."""
REFERENCE = np.array([(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, 1), (1, -1)], dtype=np.int64)
"""Offsets in a reference plane: P, P_W, P_N, P_E, P_S, P_NW, P_NE, P_SE, P_SW."""
FIRST, SECOND = len(OWN), len(OWN) + len(REFERENCE)
"""Where the taps of the first and of the second reference begin."""
MOST_TAPS = len(OWN) + 2 * len(REFERENCE)
CONSTANT = 8
"""Value of the last tap, which stands for a constant."""

TEXTURE = 0
"""Class map for images without a grid: 8 activities x 8 textures, or disagreements with the reference."""
GRID = 1
"""Class map for images with an 8 x 8 grid: 64 places in the grid x 4 activities."""
CLASSES = (64, 256)
THRESHOLDS = (7, 3)
"""Activities that split the classes of each map."""
WEIGHT_BITS = 13
WEIGHT_LIMIT = 1 << 18
"""Of a weight's absolute value, in 1 / 2**WEIGHT_BITS."""
FRACTION_BITS = 3
"""A prediction carries this many bits after the point: it is in eighths."""

EXPECTED = 256
"""Expected errors, as quantised log errors, lie below this."""
START_ERROR = 24
"""The quantised log error above the first row: an error of 6 eighths."""
ERROR_TABLE = 1 << 12
ERROR_STEP = 9
"""Larger errors are looked up by their bits from this one on."""

Padded = Table[np.int32]
Errors = Table[np.uint8]


class Neighbourhood(NamedTuple):
    """Planes as the bank takes them: the one being coded and two references, padded, each with its quantised log
    errors; ``references``: how many of the references count. The plane stands in for a missing one.
    """

    plane: Padded
    first: Padded
    second: Padded
    errors: Errors
    first_errors: Errors
    second_errors: Errors
    references: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the plane."""
        return self.plane.shape[0] - 2 * PAD, self.plane.shape[1] - 2 * PAD


class Bank(NamedTuple):
    """The predictors of a plane of samples 0 .. ``maximum``, as kernels take them.

    ``grid_row``, ``grid_column``: place of the first sample in the grid. ``thresholds``: activities that split the
    classes, rising. ``weights`` (classes, taps) in 1 / 2**WEIGHT_BITS. ``offsets`` (classes,) and ``error_weights``
    (14,): the expected error, in 1/256.
    """

    class_map: int
    grid_row: int
    grid_column: int
    thresholds: Vector[np.int64]
    weights: Padded
    offsets: Vector[np.int64]
    error_weights: Vector[np.int64]
    maximum: int


class Traced(NamedTuple):
    """What is known of each sample of a plane that was predicted, each (rows, width): ``fine`` predictions in eighths,
    the ``predictors`` used, the errors ``expected``."""

    fine: Table[np.int32]
    predictors: Table[np.int32]
    expected: Table[np.int32]

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Traced:
        """To be filled."""
        return cls(*(np.empty(shape, np.int32) for _ in range(3)))


def taps(references: int) -> int:
    """Number of weights of a predictor: own samples, reference samples and the constant."""
    return len(OWN) + references * len(REFERENCE) + 1


def padded(plane: npt.NDArray[Any], middle: int, *, edges: bool) -> npt.NDArray[Any]:
    """A padded copy. ``edges`` repeats the edges, as for a reference plane; else the corner is set to ``middle``."""
    result = np.zeros((plane.shape[0] + 2 * PAD, plane.shape[1] + 2 * PAD), plane.dtype)
    result[PAD:-PAD, PAD:-PAD] = plane
    if edges:  # np.pad takes long for small planes
        result[:, :PAD], result[:, -PAD:] = result[:, PAD : PAD + 1], result[:, -PAD - 1 : -PAD]
        result[:PAD], result[-PAD:] = result[PAD], result[-PAD - 1]
    else:
        result[: PAD + 1, :PAD] = middle
    return result


def inside(padded_plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The plane without its padding."""
    return padded_plane[PAD:-PAD, PAD:-PAD]


def tap_scratch() -> npt.NDArray[np.int32]:
    """Scratch for the taps of a sample, the constant, and the sample itself."""
    return np.zeros(MOST_TAPS + 2, np.int32)


def _log_error_table() -> npt.NDArray[np.uint8]:
    """Of an error of e < ERROR_TABLE eighths: eight times log2(e + 2), piecewise linear, from 0 up."""
    table = np.zeros(ERROR_TABLE + 2, np.uint8)
    for error in range(len(table)):
        size = (error + 2).bit_length() - 1
        table[error] = 8 * size + ((((error + 2) << 3) >> size) & 7) - 8
    return table


LOG_ERRORS = _log_error_table()


@inlined
def log_error(error: int) -> int:
    """Spec context/log-errors. The quantised log error of an absolute prediction error in eighths."""
    if error <= ERROR_TABLE:
        return int(LOG_ERRORS[error])
    return int(LOG_ERRORS[min(error >> ERROR_STEP, ERROR_TABLE)]) + 8 * ERROR_STEP


@inlined
def _open_first(plane: Any, x: int) -> None:
    """What stands above sample x of the first row: the sample to the left."""
    left = plane[PAD, x - 1]
    for i in range(PAD):
        for j in range(-PAD, PAD + 1):
            plane[i, x + j] = left


@inlined
def _close(plane: Any, y: int) -> None:
    """What stands right of row y, and, once the first row is known, above it."""
    last = plane.shape[1] - PAD - 1
    for i in range(PAD):
        plane[y, last + 1 + i] = plane[y, last]
    if y == PAD:
        for i in range(PAD):
            for x in range(plane.shape[1]):
                plane[i, x] = plane[PAD, x]


@inlined
def open_sample(around: Neighbourhood, y: int, x: int) -> None:
    """Spec context/neighbours. Fill the borders that sample (y, x) (padded indices) is the first to see."""
    if y == PAD:
        _open_first(around.plane, x)
        _open_first(around.errors, x)
    elif x == PAD:
        for i in range(PAD):
            around.plane[y, i] = around.plane[y - 1, PAD]
            around.errors[y, i] = around.errors[y - 1, PAD]


@inlined
def close_row(around: Neighbourhood, y: int) -> None:
    """Spec context/neighbours. Fill the borders that row y decides."""
    _close(around.plane, y)
    _close(around.errors, y)


@inlined
def _gather_reference(values: Vector[np.int32], count: int, plane: Table[np.int32], y: int, x: int) -> int:
    """Write the taps of a reference behind ``count`` others; returns how many there are then."""
    values[count], values[count + 1], values[count + 2] = plane[y, x], plane[y, x - 1], plane[y - 1, x]
    values[count + 3], values[count + 4] = plane[y, x + 1], plane[y + 1, x]
    values[count + 5], values[count + 6] = plane[y - 1, x - 1], plane[y - 1, x + 1]
    values[count + 7], values[count + 8] = plane[y + 1, x + 1], plane[y + 1, x - 1]
    return count + SECOND - FIRST


@inlined
def gather(values: Vector[np.int32], around: Neighbourhood, y: int, x: int) -> int:
    """Spec context/prediction. Write the taps of sample (y, x) (padded indices) to ``values``; returns how many, the
    constant too."""
    plane = around.plane
    values[0], values[1], values[2] = plane[y, x - 1], plane[y - 1, x], plane[y - 1, x - 1]
    values[3], values[4], values[5] = plane[y - 1, x + 1], plane[y, x - 2], plane[y - 2, x]
    values[6], values[7], values[8] = plane[y - 1, x - 2], plane[y - 1, x + 2], plane[y - 2, x - 1]
    values[9], values[10], values[11] = plane[y - 2, x + 1], plane[y, x - 3], plane[y - 3, x]
    values[12], values[13], values[14] = plane[y - 2, x - 2], plane[y - 2, x + 2], plane[y, x - 4]
    values[15], values[16], values[17] = plane[y - 1, x - 3], plane[y - 1, x + 3], plane[y - 3, x - 1]
    values[18], values[19] = plane[y - 3, x + 1], plane[y - 4, x]
    count = FIRST
    if around.references > 0:
        count = _gather_reference(values, count, around.first, y, x)
    if around.references > 1:
        count = _gather_reference(values, count, around.second, y, x)
    values[count] = CONSTANT
    return count + 1


@inlined
def _activity(values: Vector[np.int32], references: int) -> int:
    """How much the samples around change: around P in the first reference, else among W, N, NW, NE."""
    if references > 0:
        p, total = values[FIRST], 0
        for i in range(FIRST + 1, FIRST + 5):
            total += abs(p - values[i])
        return int(total)
    return int(abs(values[0] - values[1]) + abs(values[1] - values[3]) + abs(values[0] - values[2]))


@inlined
def _texture(values: Vector[np.int32], references: int, thresholds: Vector[np.int64]) -> int:
    """How differently W, N and NW differ from the first reference; without one, which of W, N and NE lie above the
    mean of the four neighbours."""
    texture = 0
    if references > 0:
        west, north = values[0] - values[FIRST + 1], values[1] - values[FIRST + 2]
        northwest = values[2] - values[FIRST + 5]
        amount = int(abs(west - north) + abs(northwest - north) + abs(northwest - west))
        for i in range(7):
            if 2 * amount > thresholds[i]:
                texture += 1
        return texture
    total = values[0] + values[1] + values[2] + values[3]
    for i in range(2):
        if 4 * values[i] > total:
            texture += 1 << i
    if 4 * values[3] > total:
        texture += 4
    return texture


@inlined
def classify(values: Vector[np.int32], references: int, bank: Bank, row: int, column: int) -> int:
    """Spec context/prediction. The predictor's number in the bank; ``row`` and ``column`` in the plane."""
    level = 0
    amount = _activity(values, references)
    for i in range(3 if bank.class_map == GRID else 7):
        if amount > bank.thresholds[i]:
            level += 1
    if bank.class_map == GRID:
        return (((bank.grid_row + row) & 7) * 8 + ((bank.grid_column + column) & 7)) * 4 + level
    return _texture(values, references, bank.thresholds) * 8 + level


@inlined
def predict(values: Vector[np.int32], count: int, weights: Vector[np.int32], maximum: int) -> int:
    """Spec context/prediction. Prediction with FRACTION_BITS bits after the point, within 0 .. maximum."""
    total = np.int64(0)
    for i in range(count):
        total += np.int64(values[i]) * np.int64(weights[i])
    return max(0, min(maximum << FRACTION_BITS, int(total >> (WEIGHT_BITS - FRACTION_BITS))))


@inlined
def expected_error(around: Neighbourhood, y: int, x: int, offset: int, weights: Vector[np.int64]) -> int:
    """Spec context/log-errors. The quantised log error to expect at (y, x), 0 .. EXPECTED - 1, from those
    around it.

    ``weights`` in 1/256, of W, WW, N, NW, NE, NN; P, P_W, P_E, P_N, P_S of the first reference; P, P_W, P_E of the
    other. (CALIC's error energy, Wu and Memon 1997, with fitted weights.)
    """
    errors, first, second = around.errors, around.first_errors, around.second_errors
    total = offset
    total += int(errors[y, x - 1]) * weights[0] + int(errors[y, x - 2]) * weights[1]
    total += int(errors[y - 1, x]) * weights[2] + int(errors[y - 1, x - 1]) * weights[3]
    total += int(errors[y - 1, x + 1]) * weights[4] + int(errors[y - 2, x]) * weights[5]
    if around.references > 0:
        total += int(first[y, x]) * weights[6] + int(first[y, x - 1]) * weights[7]
        total += int(first[y, x + 1]) * weights[8] + int(first[y - 1, x]) * weights[9]
        total += int(first[y + 1, x]) * weights[10]
    if around.references > 1:
        total += int(second[y, x]) * weights[11] + int(second[y, x - 1]) * weights[12]
        total += int(second[y, x + 1]) * weights[13]
    return int(max(0, min(EXPECTED - 1, total >> 8)))


@kernel
def accumulate(
    around: Neighbourhood,
    predictors: Table[np.int32],
    sample_weights: Table[np.int64],
    bases: Vector[np.int64],
    values: Vector[np.int32],
    equations: Cube[np.int64],
) -> int:
    """Add the samples of a plane to the normal equations of their predictors, exact integers.

    ``predictors`` and ``sample_weights``, how much each sample counts, (rows, width). ``bases`` (taps + 1,): for each
    tap, and last the sample, the number of the one that it is taken relative to, itself or an earlier one, or -1.
    ``values``: of ``tap_scratch``. ``equations`` (classes, taps + 1, taps + 1): lower triangle of the products.
    Returns 0.
    """
    rows, width = predictors.shape
    for y in range(PAD, PAD + rows):
        for x in range(PAD, PAD + width):
            open_sample(around, y, x)
            count = gather(values, around, y, x)
            values[count] = around.plane[y, x]
            # From the last one down: what others are relative to comes before them.
            for i in range(count, -1, -1):
                if bases[i] >= 0:
                    values[i] -= values[bases[i]]
            weight = sample_weights[y - PAD, x - PAD]
            table = equations[predictors[y - PAD, x - PAD]]
            for i in range(count + 1):
                value = weight * np.int64(values[i])
                for j in range(i + 1):
                    table[i, j] += value * values[j]
        close_row(around, y)
    return 0
