"""Tables of steps that encoders choose, and what one that is partly guessed was: an encoder's affair."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from sofc.jpeg.dct import Coefficients
from sofc.jpeg.origin import CHROMINANCE_TABLES, LUMINANCE, Steps, scaled_steps, standard_tables

BEST_QUALITY = 90
"""Qualities from this on have fine steps."""
MOZJPEG = (
    16, 16, 16, 18, 25, 37, 56, 85, 16, 17, 20, 27, 34, 40, 53, 75,
    16, 20, 24, 31, 43, 62, 91, 135, 18, 27, 31, 40, 53, 74, 106, 156,
    25, 34, 43, 53, 69, 94, 131, 189, 37, 40, 62, 74, 94, 124, 169, 238,
    56, 53, 91, 106, 131, 169, 226, 311, 85, 75, 135, 156, 189, 238, 311, 418,
)  # fmt: skip
"""What MozJPEG 4 scales for a quality, as others do the standard tables."""
JPEGLI = (
    (
        26301, 36541, 61981, 59694, 70890, 73520, 81517, 82136,
        36541, 44425, 60373, 57404, 73024, 67191, 85432, 85654,
        61981, 60373, 62804, 71881, 76819, 82877, 79769, 89956,
        59694, 57404, 71881, 71745, 88472, 101992, 101522, 97754,
        70890, 73024, 76819, 88472, 97205, 104494, 118304, 116423,
        73520, 67191, 82877, 101992, 104494, 115421, 108108, 129192,
        81517, 85432, 79769, 101522, 118304, 108108, 115421, 114688,
        82136, 85654, 89956, 97754, 116423, 129192, 114688, 92930,
    ),
    (
        25380, 30668, 54269, 46569, 56959, 52713, 62660, 67500,
        30668, 41641, 52018, 42549, 52261, 46436, 58910, 61274,
        54269, 52018, 52451, 47586, 50851, 54814, 56387, 64172,
        46569, 42549, 47586, 44885, 57617, 57569, 62985, 68156,
        56959, 52261, 50851, 57617, 44666, 68393, 52126, 65547,
        52713, 46436, 54814, 57569, 68393, 58669, 67458, 99003,
        62660, 58910, 56387, 62985, 52126, 67458, 107014, 97829,
        67500, 61274, 64172, 68156, 65547, 99003, 97829, 821265,
    ),
)  # fmt: skip
"""Steps of luminance and chrominance at distance 1 in 1/JPEGLI_UNIT, as jpegli has them at 4:2:0: found so that they
give all tables that pyjpegli 0.3.2 writes, of qualities 1 to 100."""
JPEGLI_POWERS = (
    100, 51, 67, 74, 100, 100, 100, 100, 51, 66, 69, 87, 100, 100, 100, 100,
    67, 69, 84, 83, 96, 100, 100, 100, 74, 87, 83, 100, 100, 91, 91, 100,
    100, 100, 96, 100, 100, 100, 100, 100, 100, 100, 100, 91, 100, 100, 100, 100,
    100, 100, 100, 91, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
)  # fmt: skip
"""From JPEGLI_FAR on, steps grow as such powers of the distance, in hundredths, or half as much as it."""
JPEGLI_UNIT, JPEGLI_FAR = 10000, 1.5
Mask = npt.NDArray[np.bool_]


def jpegli_steps(base: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """What jpegli makes of ``base`` for each quality, (100, 64)."""
    quality = np.arange(1, CHROMINANCE_TABLES + 1)[:, None]
    low = 53 / 3000 * quality**2 - 23 / 20 * quality + 25
    distance = np.where(quality < 30, low, np.where(quality < 100, 0.1 + 0.09 * (100 - quality), 0.01))
    powers = np.array(JPEGLI_POWERS) / 100
    far = np.maximum(distance / 2, JPEGLI_FAR ** (1 - powers) * distance**powers)
    sizes = np.array(base) / JPEGLI_UNIT * np.where(distance < JPEGLI_FAR, distance, far)
    steps: npt.NDArray[np.int64] = np.clip(np.floor(sizes + 0.5), 1, 255).astype(np.int64)
    return steps


@cache
def known_tables() -> tuple[npt.NDArray[np.int64], Mask]:
    """Tables that encoders choose, (tables, 64), and which of them are hardly ever for luminance: the standard ones,
    those of MozJPEG, the standard ones for chrominance with the mean as fine as that of luminance (libjpeg 9), and
    those of jpegli."""
    standard = standard_tables()
    tables = np.concatenate([standard, scaled_steps(MOZJPEG), _equal_means(), *map(jpegli_steps, JPEGLI)])
    return tables, np.isin(np.arange(len(tables)) // CHROMINANCE_TABLES, (1, 3, 5))


@cache
def _equal_means() -> npt.NDArray[np.int64]:
    """The standard tables of chrominance as libjpeg 9 has them, (100, 64)."""
    equal: npt.NDArray[np.int64] = standard_tables()[CHROMINANCE_TABLES:].copy()
    equal[:, 0] = scaled_steps(LUMINANCE)[:, 0]
    return equal


@cache
def fine_tables() -> npt.NDArray[np.int64]:
    """Tables of luminance that encoders choose for the best qualities, (tables, 64), the coarser first of each."""
    tables = standard_tables()[:CHROMINANCE_TABLES], scaled_steps(MOZJPEG)
    return np.concatenate([each[BEST_QUALITY - 1 :] for each in tables])


@cache
def _places() -> dict[bytes, int]:
    """The first place of each known table."""
    tables = known_tables()[0]
    return {tables[place].tobytes(): place for place in range(len(tables) - 1, -1, -1)}


def is_known(table: Steps) -> bool:
    """Whether a table is one of those."""
    return table.tobytes() in _places()


def completed(table: Steps, coefficients: Sequence[Coefficients]) -> Steps:
    """The first known table whose steps of all coefficients that are not zero everywhere are those of ``table``, which
    is guessed where they are; ``table`` itself where there is none."""
    if is_known(table):
        return table
    seen = np.logical_or.reduce([each.any(axis=(0, 1)) for each in coefficients])
    known = known_tables()[0]
    agreeing = known[(known[:, seen] == table[seen]).all(axis=1)]
    return agreeing[0] if len(agreeing) else table


def table_beside(luminance: Steps) -> Steps:
    """The table of chrominance to be expected beside one of luminance."""
    place = _places().get(luminance.tobytes(), -1)
    # Of the standard tables and jpegli's those of chrominance follow; MozJPEG has the same for both.
    return known_tables()[0][place + CHROMINANCE_TABLES] if place // CHROMINANCE_TABLES in (0, 4) else luminance


def with_equal_mean(table: Steps) -> list[Steps]:
    """A table, and, where it is a standard one of chrominance, what libjpeg 9 has in its place."""
    equal = _equal_means()
    others = equal[(equal[:, 1:] == table[1:]).all(axis=1) & (equal[:, 0] != table[0])]
    return [table, *others[:1]]
