"""Spec likeness/cost: how much a band or group may ask of the images before it.

All numbers are of samples, or of what takes about as long as one does.
"""

from __future__ import annotations

from typing import NamedTuple

LEAST_OF_CHUNK = 1 << 10
"""To find a band or group and its model takes no less than so many samples do."""
FEW, FEW_TIMES = 1 << 20, 256
"""A band or group of few samples may cost so many, and so many times its own."""
MANY, MANY_TIMES = 1 << 24, 4
"""And one of many so many."""
TABLE_VALUES, TABLE_SHIFT = 1 << 13, 3
"""To begin a component takes as long as so many values of its table; so many of them, as a power of two, as a
sample."""


def decoding_cost(samples: int, cost: int = 0) -> int:
    """What it takes to decode a band or group of so many samples, which itself costs ``cost``."""
    return max(samples, LEAST_OF_CHUNK) + cost


class Asked(NamedTuple):
    """An earlier image that is asked for: ``samples`` of so many ``bits``. ``begins`` tells what it stands in from
    other bands and groups, None in the same one; ``decoding``: what it takes to decode that."""

    samples: int
    bits: int
    begins: int | None = None
    decoding: int = 0


class Account(NamedTuple):
    """What images of a band or group cost so far, and where the one asked for last stands of those outside it."""

    cost: int = 0
    begins: int | None = None

    def after(self, asked: Asked, tables: int = 0) -> Account:
        """That with another image, of so many tables, which follows from one."""
        cost = self.cost + asked.samples + (tables * ((1 << asked.bits) + TABLE_VALUES) >> TABLE_SHIFT)
        if asked.begins is None or asked.begins == self.begins:
            return Account(cost, self.begins)
        return Account(cost + asked.decoding, asked.begins)

    def fits(self, samples: int) -> bool:
        """Whether a band or group of so many samples may cost this."""
        return self.cost <= min(FEW + FEW_TIMES * samples, MANY + MANY_TIMES * samples)
