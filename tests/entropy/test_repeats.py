"""Numbers that repeat earlier ones, against a plain reading of the specification."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minidec.wide import Repeats

import sofc
from sofc.entropy import repeats
from sofc.entropy.repeats import LEAST_BITS, decode_repeats, encode_repeats


@given(st.integers(0, 1 << 32), st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_origins_come_back_and_the_second_decoder_agrees(
    seed: int, rows: int, width: int, steps: int, values: int
) -> None:
    random = np.random.default_rng(seed)
    bits_of_steps = random.integers(LEAST_BITS - 2, 52, steps).astype(np.uint8)
    numbers = random.integers(0, steps, rows * width).astype(np.int32)
    bits = bits_of_steps[numbers]
    remainders = random.integers(0, values, rows * width) & ((1 << bits.astype(np.int64)) - 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_WORTH", 1 << 40)
        origins, stream = encode_repeats(numbers, width, remainders, bits)
    assert np.array_equal(remainders[origins], remainders)
    assert np.array_equal(numbers[origins], numbers)
    assert np.array_equal(origins[origins], origins)
    assert np.array_equal(decode_repeats(numbers, width, bits, stream), origins)
    assert Repeats(stream, width).origins(numbers.tolist(), bits.tolist()) == origins.tolist()


@given(st.binary(min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_any_stream_gives_origins_in_the_same_step(stream: bytes) -> None:
    steps = (np.arange(60, dtype=np.int32) * 7 % 4).astype(np.int32)
    bits = np.full(60, 20, np.uint8)
    origins = decode_repeats(steps, 10, bits, stream)
    assert (origins <= np.arange(60)).all() and np.array_equal(steps[origins], steps)
    assert Repeats(stream, 10).origins(steps.tolist(), bits.tolist()) == origins.tolist()


def test_noise_does_not_repeat() -> None:
    random = np.random.default_rng(3)
    steps, bits = random.integers(0, 50, 3000).astype(np.int32), np.full(3000, 30, np.uint8)
    origins, stream = encode_repeats(steps, 50, random.integers(0, 1 << 30, 3000), bits)
    assert stream == b"" and np.array_equal(origins, np.arange(3000))


def test_dots_that_are_the_same_are_coded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dots of few heights, beside noise that never repeats: they take less than with remainders of their own."""
    random = np.random.default_rng(11)
    spot = random.random((2, 2))
    image = np.kron(random.integers(0, 3, (40, 40)) + 1.0, np.ones((2, 2))) * np.tile(spot, (40, 40))
    image[:, 40:] += 1000 * random.normal(size=(80, 40))
    data = sofc.encode(image, codebook=None)
    assert sofc.decode(data).tobytes() == image.tobytes()
    monkeypatch.setattr(repeats, "_WORTH", 2.0**-40)  # so that no repeats pay
    assert len(data) < len(sofc.encode(image, codebook=None))
