"""LZW data as libraries write it, against a plain twin."""

from __future__ import annotations

import naive_lzw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sofc.container.original import OF_IMAGECODECS, OF_LIBTIFF
from sofc.keepfile import lzw, lzw_codes

RANDOM = np.random.default_rng(7)
RULES = OF_LIBTIFF, OF_IMAGECODECS


def as_the_twin(data: bytes) -> None:
    for rule in RULES:
        assert lzw.compress(data, rule) == naive_lzw.compress(data, lzw.FULL[rule], rule == OF_LIBTIFF)


@given(
    st.lists(st.sampled_from([b"a", b"ab", b"b", bytes(3), bytes(90), bytes(range(150))]), max_size=30).map(b"".join)
)
def test_codes(data: bytes) -> None:
    as_the_twin(data)


@pytest.mark.parametrize("size", range(3834, 3842))
def test_a_table_that_is_full_at_the_end(size: int) -> None:
    as_the_twin((np.arange(size) * np.arange(size) // 7 % 251).astype(np.uint8).tobytes())


def test_a_table_that_is_cleared_as_data_get_worse() -> None:
    data = bytes(15000) + RANDOM.integers(0, 3, 14000).astype(np.uint8).tobytes() + RANDOM.bytes(3000)
    as_the_twin(data)
    assert lzw.compress(data, OF_LIBTIFF) != lzw.compress(data, OF_IMAGECODECS)


@pytest.mark.parametrize("room", [0, 1, 5, 30, 300])
def test_room_that_is_too_small(room: int) -> None:
    data = np.frombuffer(bytearray(RANDOM.bytes(300)), np.uint8)
    assert (
        lzw_codes.write_codes(data, 4094, True, lzw_codes.sequences(), np.zeros(room, np.uint8)) == lzw_codes.TOO_LONG
    )


@pytest.mark.parametrize("full", [-1, lzw_codes.FIRST, lzw_codes.CODES + 1])
def test_tables_that_cannot_be(full: int) -> None:
    data = np.frombuffer(bytearray(b"abc"), np.uint8)
    assert lzw_codes.write_codes(data, full, True, lzw_codes.sequences(), np.zeros(99, np.uint8)) == lzw_codes.TOO_LONG
