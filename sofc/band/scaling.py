"""What wide numbers were made from: the encoder's search for tables that hold all of them. Nothing here is normative."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sofc.container.wide import Scaling, Table, Tables
from sofc.image import SampleType
from sofc.planes import Plane
from sofc.transforms.numbers import Keys

MAX_ENTRIES = 1 << 16


class Found(NamedTuple):
    """``planes``: table entries' numbers. ``is_sure``: whether nothing else can be as small."""

    tables: Tables
    planes: list[Plane]
    is_sure: bool


def found_tables(keys: Keys, number: SampleType, image_rows: int) -> Found | None:
    """Tables of the keys, shape (planes, rows, width), that occur; None where they are too many to be worth it."""
    known, numbers = np.unique(keys, return_inverse=True)
    if len(known) > MAX_ENTRIES:
        return None
    table = Table([], known.tolist())
    planes = list(numbers.reshape(keys.shape).astype(np.int32))
    return Found(Tables(0, [table]), planes, 64 * len(known) < keys.size)
