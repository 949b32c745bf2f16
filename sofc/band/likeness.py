"""Spec likeness: samples that are predicted from an earlier image of the file."""

from __future__ import annotations

from collections.abc import Mapping as Pairs
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.likeness import CONSTANT, FLIP_COLUMNS, FLIP_ROWS, REFLECT, TRANSPOSE, WRAP, Placing
from sofc.entropy.binary import OK, Coding, Reader, Writer, code_bypass
from sofc.entropy.departures import (
    IS_KEPT,
    IS_SAME,
    RATE_BITS,
    Field,
    State,
    code_departures,
    code_flag,
    code_table,
    fresh_state,
)
from sofc.errors import FormatError
from sofc.planes import Plane

Cube = npt.NDArray[np.int32]
Table = npt.NDArray[np.int32]


class Reference(NamedTuple):
    """An earlier image: its planes, samples from 0 to 2**``bits`` - 1."""

    planes: Sequence[Plane]
    bits: int


class Lines(NamedTuple):
    """Where in a line (row or column) of the reference samples come from, and where there is none for them."""

    places: npt.NDArray[np.int64]
    is_outside: npt.NDArray[np.bool_]


def reduced(plane: Plane, reduction: int) -> Plane:
    """Spec likeness/placing. Rounded means of squares of 2**reduction samples a side; what is left over is left out.

    Raises FormatError where nothing is left.
    """
    if reduction == 0:
        return plane
    side = 1 << reduction
    rows, width = plane.shape[0] >> reduction, plane.shape[1] >> reduction
    if rows == 0 or width == 0:
        raise FormatError("an image is predicted from one that is too small to be reduced")
    squares = plane[: rows * side, : width * side].reshape(rows, side, width, side)
    sums = squares.sum(axis=(1, 3), dtype=np.int64)
    means: Plane = ((sums + (side * side >> 1)) >> 2 * reduction).astype(np.int32)
    return means


def arranged(plane: Plane, arrangement: int) -> Plane:
    """Spec likeness/placing. Transposed first, then flipped."""
    plane = plane.T if arrangement & TRANSPOSE else plane
    plane = plane[::-1] if arrangement & FLIP_ROWS else plane
    return plane[:, ::-1] if arrangement & FLIP_COLUMNS else plane


def lines(first: int, count: int, size: int, outside: int) -> Lines:
    """Spec likeness/placing. The places of ``count`` lines from ``first`` on in one of ``size`` lines."""
    wanted = np.arange(first, first + count, dtype=np.int64)
    is_outside = (wanted < 0) | (wanted >= size)
    if outside == WRAP:
        return Lines(wanted % size, is_outside)
    if outside == REFLECT and size > 1:
        places = wanted % (2 * size - 2)
        return Lines(np.minimum(places, 2 * size - 2 - places), is_outside)
    return Lines(wanted.clip(0, size - 1), is_outside)


class Placed(NamedTuple):
    """The planes of a reference where an image wants them, (components, rows, width), before tables give what they
    become; which samples have none of their own, (rows, width); and the whole planes that are taken, each once."""

    planes: Cube
    is_outside: npt.NDArray[np.bool_]
    whole: list[Plane]


def placed(reference: Reference, placing: Placing, components: int, rows: range, width: int) -> Placed:
    """Spec likeness/placing. What is taken for ``rows`` of an image of so many components and columns.

    Raises FormatError where the reference has no such component.
    """
    count = len(reference.planes)
    if placing.component >= count:
        raise FormatError(f"an image is predicted from component {placing.component} of one that has {count}")
    taken = [(placing.component + k) % count for k in range(components)]
    own = {k: arranged(reduced(reference.planes[k], placing.reduction), placing.arrangement) for k in set(taken)}
    height, across = own[taken[0]].shape
    vertical = lines(rows.start + placing.down, len(rows), height, placing.outside)
    horizontal = lines(placing.across, width, across, placing.outside)
    grid = np.ix_(vertical.places, horizontal.places)
    planes = np.stack([own[k][grid] for k in taken])
    is_outside = vertical.is_outside[:, None] | horizontal.is_outside[None]
    return Placed(planes, is_outside, list(own.values()))


class Tables(NamedTuple):
    """What the values of a component become, None where they stay, and what is expected where there are none."""

    table: Table | None
    fill: int


class Departures:
    """A stream of departures: images one after the other, in either direction."""

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._state: State = fresh_state()

    def code(
        self, samples: Cube | None, found: Placed, placing: Placing, tables: Sequence[Tables], bits: tuple[int, int]
    ) -> Cube:
        """One image or band: ``samples`` (components, rows, width), None when decoding, which gives them.

        ``tables``: one for each component when encoding. ``bits``: of the reference's samples, and of these.
        Raises FormatError where the stream breaks the rules.
        """
        top = (1 << bits[1]) - 1
        expected = np.empty_like(found.planes)
        used = np.zeros(1 << bits[0], np.uint8)
        for plane in found.whole:
            used[plane.reshape(-1)] = 1
        table: Table | None = None
        for k in range(len(expected)):
            given = tables[k] if tables else Tables(None, 0)
            table = self._table(k, given.table, table, used, bits)
            fill = given.fill
            if placing.outside == CONSTANT:
                fill = self._checked(code_bypass(self._coding.encodes, fill, bits[1], self._coding.stream))
            plane = found.planes[k]
            expected[k] = np.minimum(plane, top) if table is None else table[plane]
            if placing.outside == CONSTANT:
                expected[k][found.is_outside] = fill
        result = np.zeros_like(expected) if samples is None else np.ascontiguousarray(samples)
        field = Field(result, expected, top, max(0, bits[1] - RATE_BITS))
        self._checked(code_departures(self._coding.encodes, field, self._state, self._coding.stream))
        return result

    def _table(
        self,
        component: int,
        given: Table | None,
        before: Table | None,
        used: npt.NDArray[np.uint8],
        bits: tuple[int, int],
    ) -> Table | None:
        """Spec likeness/value-tables. The table of a component, None where values stay."""
        encodes, stream = self._coding.encodes, self._coding.stream
        if component > 0:
            same = given is before or (given is not None and before is not None and np.array_equal(given, before))
            if self._checked(code_flag(encodes, int(same), IS_SAME, self._state, stream)):
                return before
        if self._checked(code_flag(encodes, int(given is None), IS_KEPT, self._state, stream)):
            return None
        table = np.zeros(1 << bits[0], np.int32) if given is None else given
        self._checked(code_table(encodes, table, used, (1 << bits[1]) - 1, self._state, stream))
        return table

    @staticmethod
    def _checked(status: int) -> int:
        if status < OK:
            raise FormatError("what samples depart from what is expected of them is damaged")
        return status


class Likeness(NamedTuple):
    """How the samples of an image are predicted: where they come from, and of each component the tables."""

    placing: Placing
    tables: list[Tables]


class Image(NamedTuple):
    """What is coded of one image: ``rows`` of it, of so many columns, components and bits."""

    rows: range
    width: int
    components: int
    bits: int


def encode_departures(
    images: Sequence[tuple[Sequence[Plane], Likeness]], references: Pairs[int, Reference], size: Image
) -> bytes | None:
    """The stream of departures of images of one size, planes of samples from 0 each; None where samples take less."""
    samples = len(images) * size.components * len(size.rows) * size.width
    departures = Departures(writer := Writer((samples * size.bits >> 3) + 4096))
    try:
        for planes, (placing, tables) in images:
            reference = references[placing.reference]
            found = placed(reference, placing, size.components, size.rows, size.width)
            departures.code(np.stack(planes), found, placing, tables, (reference.bits, size.bits))
    except FormatError:
        return None
    return writer.finish()


def decode_departures(
    stream: bytes, placings: Sequence[Placing], references: Pairs[int, Reference], size: Image
) -> list[Cube]:
    """The samples of images again, (components, rows, width) each. Raises FormatError."""
    departures = Departures(Reader(stream))
    result = []
    for placing in placings:
        reference = references[placing.reference]
        found = placed(reference, placing, size.components, size.rows, size.width)
        result.append(departures.code(None, found, placing, (), (reference.bits, size.bits)))
    return result
