"""Scans of JPEG data, as the plain twins have them, and what encoders may do one way or another."""

from __future__ import annotations

from typing import Any

import naive
import numpy as np
import pytest
import test_keepfile_jpeg as files

from sofc.entropy.binary import BROKEN
from sofc.errors import FormatError
from sofc.jpeg import scan
from sofc.jpeg.dct import ZIGZAG
from sofc.jpeg.freedom import hear, pack_numbers, say, unpack_numbers
from sofc.jpeg.headers import codes_of
from sofc.jpeg.stream import read_picture, write_picture

RANDOM = np.random.default_rng(8)


def test_numbers_come_back() -> None:
    numbers = RANDOM.integers(0, 1 << 35, 200) >> RANDOM.integers(0, 35, 200)
    assert np.array_equal(unpack_numbers(pack_numbers(numbers)), numbers)
    for bad in (b"\x80", b"\xff\xff\xff\xff\xff\x01"):
        with pytest.raises(FormatError):
            unpack_numbers(bad)


def test_freedom_comes_back() -> None:
    counts, fills = RANDOM.integers(0, 8, 30), RANDOM.integers(0, 3, 30)
    pads = RANDOM.integers(0, 128, 30) & ((1 << counts) - 1)
    notes = RANDOM.integers(0, 2, 500) * (RANDOM.integers(0, 0x8000, 500) | RANDOM.integers(0, 4, 500) << 16)
    ends = (counts << scan.PAD_BITS_SHIFT | fills << scan.FILL_SHIFT | pads).astype(np.int32)
    found = hear(say(0, scan.Freedom(notes.astype(np.int32), ends)), 500, 30)
    assert np.array_equal(found.notes, notes) and np.array_equal(found.ends, ends & 0xFFFFFF)


def code_of(counts: list[int], symbols: list[int]) -> tuple[bytes, dict[int, tuple[int, int]]]:
    return bytes(counts + symbols), naive.huffman_codes(counts, symbols)


def of_sixteen() -> tuple[bytes, dict[int, tuple[int, int]]]:
    return code_of([0] * 4 + [16] + [0] * 11, list(range(16)))


def of_all() -> tuple[bytes, dict[int, tuple[int, int]]]:
    return code_of([0, 1, 0, 4] + [0] * 7 + [251] + [0] * 4, list(range(256)))


def scan_of(blocks: np.ndarray, kind: int, band: tuple[int, int, int], restart: int, longest: int) -> scan.Layout:
    members = np.array([[0, 0, 1, len(blocks)]], np.int64)
    tables = np.array([[0, 4]], np.int64)
    return scan.Layout(members, tables, len(blocks), restart, kind, *band, scan.MOST_CORRECTIONS, longest)


def code(encode: bool, blocks: np.ndarray, data: np.ndarray, layout: scan.Layout, codes: scan.Codes, pad: int) -> int:
    units = len(blocks) // len(layout.members)
    freedom = scan.Freedom(np.zeros(len(blocks), np.int32), np.full(units + 1, pad, np.int32))
    return scan.code_scan(encode, blocks, units, layout, codes, freedom, scan.bits_in(data, 3))


@pytest.mark.parametrize(("members", "restart", "padding"), [([0], 0, 1), ([0, 0, 1, 2], 2, 0), ([0, 1], 3, 1)])
def test_sequential_scans_are_as_by_the_plain_twin(members: list[int], restart: int, padding: int) -> None:
    (first, first_book), (others, others_book) = of_sixteen(), of_all()
    codes = codes_of(((0, first), (4, others)))
    units = 7
    blocks = RANDOM.geometric(0.02, (units * len(members), 64)) * RANDOM.integers(-1, 2, (units * len(members), 64))
    blocks[:, 1:] *= RANDOM.random((len(blocks), 63)) < 0.1
    plain = naive.jpeg_scan(blocks.tolist(), members, [(0, 4)] * 3, restart, padding, {0: first_book, 4: others_book})
    own = np.zeros_like(blocks, np.int32)
    own[:, ZIGZAG] = blocks
    places = np.array([(m, k, len(members), 0) for k, m in enumerate(members)], np.int64)
    tables = np.array([(0, 4)] * 3, np.int64)
    layout = scan.Layout(places, tables, units, restart, scan.SEQUENTIAL, 0, 63, 0, 1, 1)
    buffer = np.zeros(1 << 16, np.uint8)
    size = code(True, own, buffer, layout, codes, 127 * padding)
    assert buffer[:size].tobytes() == plain
    found = np.zeros_like(own)
    data = np.frombuffer(bytearray(plain + b"\xff\xd9"), np.uint8)
    assert code(False, found, data, layout, codes, 0) == units
    assert np.array_equal(found, own)
    # Too little room, no code for a size, and data that is cut off.
    assert code(True, own, np.zeros(500, np.uint8), layout, codes, 0) == scan.TOO_LONG
    for place in (0, 5):
        large = own.copy()
        large[0, place] = 1 << 16
        assert code(True, large, buffer, layout._replace(restart=0), codes, 0) == BROKEN
    for cut in range(0, len(plain), 7):
        found[:] = 0
        whole = code(False, found, np.ascontiguousarray(data[:cut]), layout, codes, 0)
        assert whole < units and np.array_equal(found[: whole * len(members)], own[: whole * len(members)])
        scan.take_back(found, whole, whole + 1, layout)
        assert not found[whole * len(members) :].any()


def sparse(count: int, share: float) -> np.ndarray:
    blocks = RANDOM.geometric(0.2, (count, 64)) * RANDOM.integers(-1, 2, (count, 64))
    return np.ascontiguousarray(blocks * (RANDOM.random(blocks.shape) < share), np.int32)


@pytest.mark.parametrize("longest", [scan.LONGEST_RUN, 5, 1])
@pytest.mark.parametrize("restart", [0, 30])
@pytest.mark.parametrize(("kind", "low", "share"), [
    (scan.AC_FIRST, 0, 0.01), (scan.AC_FIRST, 2, 0.4), (scan.AC_REFINED, 0, 0.3), (scan.AC_REFINED, 1, 0.9)
])  # fmt: skip
def test_progressive_scans_are_as_by_the_plain_twin(
    kind: int, low: int, share: float, restart: int, longest: int
) -> None:
    others, book = of_all()
    codes = codes_of(((4, others),))
    blocks = sparse(200, share)
    first, last = (1, 63) if share < 0.8 else (6, 30)
    layout = scan_of(blocks, kind, (first, last, low), restart, longest)
    bands = blocks[:, ZIGZAG[first : last + 1]].tolist()
    plain = naive.progressive_scan(bands, low, kind == scan.AC_REFINED, restart, book, longest)
    buffer = np.zeros(1 << 18, np.uint8)
    size = code(True, blocks, buffer, layout, codes, 127)
    assert buffer[:size].tobytes() == plain
    found = np.zeros_like(blocks)
    kept_bits = low + (kind == scan.AC_REFINED)
    band = ZIGZAG[first : last + 1]
    if kind == scan.AC_REFINED:
        found[:, band] = np.sign(blocks[:, band]) * (np.abs(blocks[:, band]) >> kept_bits << kept_bits)
    before = found.copy()
    data = np.frombuffer(bytearray(plain + b"\xff\xd9"), np.uint8)
    assert code(False, found, data, layout, codes, 0) == len(blocks)
    assert np.array_equal(found[:, band], np.sign(blocks[:, band]) * (np.abs(blocks[:, band]) >> low << low))
    scan.take_back(found, 0, len(blocks), layout)
    assert np.array_equal(found, before)


@pytest.mark.parametrize("low", [0, 3])
def test_first_coefficients_in_two_scans(low: int) -> None:
    first, _ = of_sixteen()
    codes = codes_of(((0, first),))
    blocks = np.zeros((50, 64), np.int32)
    blocks[:, 0] = RANDOM.integers(-1000, 1000, 50)
    found = np.zeros_like(blocks)
    for kind, bit in ((scan.DC_FIRST, low + 1), (scan.DC_REFINED, low)):
        layout = scan_of(blocks, kind, (0, 0, bit), 7, 1)
        buffer = np.zeros(1 << 16, np.uint8)
        size = code(True, blocks, buffer, layout, codes, 0)
        data = np.ascontiguousarray(buffer[:size])
        assert code(False, found, data, layout, codes, 0) == len(blocks)
        assert np.array_equal(found[:, 0], blocks[:, 0] >> bit << bit)
        before = found.copy()
        scan.take_back(found, 10, 50, layout)
        assert np.array_equal(found[:10], before[:10])
        assert not (found[10:, 0] & ((1 << (bit + 1)) - 1)).any()
        found[:] = before


@pytest.mark.parametrize("settings", files.ARITHMETIC)
def test_arithmetic_scans_come_back(settings: dict[str, Any]) -> None:
    """The plain twin, which writes them too, is that of minidec: tests/test_minidec_kept_files.py."""
    data = files.arithmetic(files.written(files.COLOUR[:24, :32], **settings))
    for size in (len(data), len(data) - 40):
        found = read_picture(data[:size], np.frombuffer(bytearray(data[:size]), np.uint8), 0)
        assert found is not None
        picture, end = found
        assert b"".join(write_picture(picture, len(data))) == data[:end]
        assert size < len(data) or end == size - 2
