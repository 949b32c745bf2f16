"""Remainders, against a plain reading of the specification."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minidec.wide import Remainders

import sofc
from sofc.entropy.remainders import MAX_BITS, decode_remainders, encode_remainders, estimate


@given(st.integers(0, 1 << 32), st.integers(1, 60), st.sampled_from(["noise", "zeros", "mixed"]))
@settings(max_examples=50, deadline=None)
def test_remainders_come_back_and_the_second_decoder_agrees(seed: int, count: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    bits = random.integers(0, MAX_BITS + 1, count).astype(np.uint8)
    if kind != "noise":
        bits[:] = np.repeat(random.integers(0, MAX_BITS + 1), count)
    values = random.integers(0, 1 << MAX_BITS, count) & ((np.int64(1) << bits.astype(np.int64)) - 1)
    if kind == "zeros":
        values[random.random(count) < 0.9] = 0
    masks, modelled, plain = encode_remainders(values, bits)
    assert np.array_equal(decode_remainders(masks, modelled, plain, bits), values)
    naive = Remainders(masks, modelled, plain)
    assert [naive.read(int(size)) for size in bits] == values.tolist()
    naive.end()
    assert estimate(values, bits) <= bits.sum() / 8


def test_structure_is_modelled_and_noise_is_not() -> None:
    bits = np.full(4000, 20, np.uint8)
    values = np.random.default_rng(9).integers(0, 1 << 10, 4000) << 10
    masks, _, plain = encode_remainders(values, bits)
    assert masks[20] & 1023 == 1023 and masks[20] >> 18 == 0
    assert len(plain) <= 4000 * 10 // 8
    with pytest.raises(sofc.FormatError):
        decode_remainders(masks, b"", plain + b"\0", bits)
