"""Spec wide-samples/tables: wide numbers as numbers of entries in tables, many of which are computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.container.wide import PER_COMPONENT, PER_IMAGE, Scaling, Table, Tables, float_of
from sofc.errors import FormatError
from sofc.image import SampleType
from sofc.planes import Plane
from sofc.transforms.numbers import LAYOUTS, Keys, to_order

INTEGERS = 0
"""The form of integers: a i + b modulo 2**bits."""
MULTIPLY_ADD, ADD_MULTIPLY, DIVIDE_ADD, ADD_DIVIDE = 1, 2, 3, 4
"""Forms of floating-point values: a i + b, (i + b) a, i / a + b, (i + b) / a."""
IN_FLOAT32 = 8
"""Added to a form whose every step is rounded to float32."""
FORMS = (MULTIPLY_ADD, ADD_MULTIPLY, DIVIDE_ADD, ADD_DIVIDE)


def computed(form: int, a: float, b: float, numbers: npt.NDArray[np.int64], number: SampleType) -> Keys:
    """Spec wide-samples/scalings. The keys of the values of a form, each step rounded as the form says."""
    real = np.float32 if form & IN_FLOAT32 else np.float64
    x: npt.NDArray[Any] = numbers.astype(real)
    scale, offset = np.array([a]).astype(real), np.array([b]).astype(real)
    with np.errstate(all="ignore"):
        match form & ~IN_FLOAT32:
            case 1:
                values = x * scale + offset
            case 2:
                values = (x + offset) * scale
            case 3:
                values = x / scale + offset
            case 4:
                values = (x + offset) / scale
            case _:
                raise FormatError(f"form {form} of table entries is not known")
        made = values.astype(number.dtype_name)
    if not np.isfinite(made).all():
        raise FormatError("a computed table entry is not finite")
    return to_order(made.view(f"u{number.bits // 8}").astype(np.uint64), number)


def entries(table: Table, number: SampleType) -> Keys:
    """The keys of a table's entries. Raises FormatError where a scaling cannot be."""
    parts = [_scaled(one, number) for one in table.scalings]
    return np.concatenate([*parts, np.array(table.keys, np.uint64)])


def _scaled(one: Scaling, number: SampleType) -> Keys:
    numbers = np.arange(one.first, one.first + one.entries, dtype=np.int64)
    mask = np.uint64((1 << number.bits) - 1)
    if number not in LAYOUTS:
        if one.form != INTEGERS:
            raise FormatError(f"form {one.form} is not one of integers")
        words = numbers.astype(np.uint64) * np.uint64(one.scale) + np.uint64(one.offset)
        keys = to_order(words & mask, number)
    elif number is SampleType.BFLOAT16 or one.form & ~IN_FLOAT32 not in FORMS:
        raise FormatError(f"form {one.form} of table entries is not one of {number.name.lower()}")
    else:
        keys = computed(one.form, float_of(one.scale), float_of(one.offset), numbers, number)
    if one.corrections is not None:
        keys = (keys + np.array(one.corrections, np.int64).astype(np.uint64)) & mask
    return keys


def restore(numbers: list[Plane], tables: Tables, number: SampleType, image_rows: int) -> Keys:
    """The keys that table entries stand for; shape (planes, rows, width). Raises FormatError."""
    stacked = np.stack(numbers)
    places = pieces(stacked.shape, tables.sharing, image_rows)
    if len(tables.tables) != len(places):
        raise FormatError(f"{len(tables.tables)} tables stand where {len(places)} must")
    keys = np.empty(stacked.shape, np.uint64)
    for piece, table in zip(places, tables.tables, strict=True):
        known = entries(table, number)
        if int(stacked[piece].max()) >= len(known):
            raise FormatError(f"entry {int(stacked[piece].max())} is not in a table of {len(known)}")
        keys[piece] = known[stacked[piece]]
    return keys


def pieces(shape: tuple[int, ...], sharing: int, image_rows: int) -> list[tuple[slice, slice]]:
    """The planes and rows that each table is for: those of an image next to each other."""
    images = [slice(row, row + image_rows) for row in range(0, shape[1], image_rows)]
    components = [slice(k, k + 1) for k in range(shape[0])]
    return [
        (component, rows)
        for rows in (images if sharing & PER_IMAGE else [slice(None)])
        for component in (components if sharing & PER_COMPONENT else [slice(None)])
    ]
