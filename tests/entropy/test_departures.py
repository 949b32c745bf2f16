"""Departures and tables of values, held against the small decoder, which reads them from the text alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from minidec.likeness import Departures
from minidec.likeness import Field as Naive

from sofc.entropy.binary import BROKEN, OK, Reader, Writer, code_bypass
from sofc.entropy.departures import (
    IS_KEPT,
    RATE_BITS,
    Field,
    code_departures,
    code_flag,
    code_table,
    fresh_state,
)

Cube = npt.NDArray[np.int32]


def departing(seed: int, bits: int, share: float, planes: int = 2, rows: int = 9, width: int = 11) -> tuple[Cube, Cube]:
    """What is expected, and samples of which a share departs, near or far; some rows do not."""
    random = np.random.default_rng(seed)
    top = (1 << bits) - 1
    expected = random.integers(0, top, (planes, rows, width), endpoint=True).astype(np.int32)
    far = random.random(expected.shape) < 0.5
    other = np.where(far, random.integers(0, top, expected.shape, endpoint=True), expected + random.integers(-3, 4))
    departs = (random.random(expected.shape) < share) & (random.random((1, rows, 1)) < 0.7)
    return expected, np.where(departs, other, expected).clip(0, top).astype(np.int32)


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.6, 1.0])
def test_departures(bits: int, share: float) -> None:
    writer = Writer(1 << 14)
    state = fresh_state()
    both = [departing(seed, bits, share) for seed in (1, 2)]
    shift = max(0, bits - RATE_BITS)
    for expected, samples in both:
        assert code_departures(True, Field(samples, expected, (1 << bits) - 1, shift), state, writer.stream) == OK
    data = writer.written()
    reader, state, naive = Reader(data), fresh_state(), Departures(data)
    for expected, samples in both:
        again = np.zeros_like(samples)
        assert code_departures(False, Field(again, expected, (1 << bits) - 1, shift), state, reader.stream) == OK
        np.testing.assert_array_equal(again, samples)
        field = Naive(0, samples.shape[1], samples.shape[2], len(samples), bits)
        assert naive.samples(expected.tolist(), field) == samples.tolist()
    if share == 0.0:
        assert len(data) <= 4


def test_tables() -> None:
    random = np.random.default_rng(3)
    tables = [
        np.clip(np.arange(256) * 1.1 + 5, 0, 255).astype(np.int32),
        random.integers(0, 256, 256).astype(np.int32),
        np.arange(256)[::-1].astype(np.int32),
    ]
    used = (random.random(256) < 0.8).astype(np.uint8)
    writer, state = Writer(1 << 14), fresh_state()
    for table in tables:
        code_flag(True, 0, IS_KEPT, state, writer.stream)
        assert code_table(True, table, used, 255, state, writer.stream) == OK
        assert code_bypass(True, 77, 8, writer.stream) == 77
    data = writer.written()
    reader, state, naive = Reader(data), fresh_state(), Departures(data)
    for table in tables:
        again = np.zeros(256, np.int32)
        assert code_flag(False, 0, IS_KEPT, state, reader.stream) == 0
        assert code_table(False, again, used, 255, state, reader.stream) == OK
        assert code_bypass(False, 0, 8, reader.stream) == 77
        places = np.flatnonzero(used)
        np.testing.assert_array_equal(again[places], table[places])
        found = naive.table(8, 8, {int(place) for place in places})
        assert [found(int(place)) for place in places] == table[places].tolist()
        assert naive.decisions.bypass_bits(8, 0) == 77


def test_broken_streams() -> None:
    """Any bytes give samples within their range, or a status."""
    random = np.random.default_rng(4)
    statuses = set()
    for _ in range(60):
        reader, state = Reader(random.bytes(60)), fresh_state()
        expected, samples = departing(5, 8, 0.5)
        samples[:] = 0
        statuses.add(code_departures(False, Field(samples, expected, 255, 0), state, reader.stream))
        assert samples.min() >= 0 and samples.max() <= 255
        table = np.zeros(256, np.int32)
        statuses.add(code_table(False, table, np.ones(256, np.uint8), 255, state, reader.stream))
        assert table.min() >= 0 and table.max() <= 255
    assert BROKEN in statuses


def test_no_room() -> None:
    expected, samples = departing(6, 16, 1.0)
    writer = Writer(8)
    assert code_departures(True, Field(samples, expected, 65535, 4), fresh_state(), writer.stream) == OK
    assert writer.finish() is None
