"""The raw coder beside a plain reading of its rule, and the memory that it takes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sofc.coders.raw import RawCoder
from sofc.planes import PlaneRange

LOW = -5


def plane(bits: int, rows: int, columns: int) -> tuple[np.ndarray, PlaneRange]:
    values = np.random.default_rng(bits).integers(0, 1 << bits, (rows, columns))
    return (values + LOW).astype(np.int32), PlaneRange(LOW, LOW + (1 << bits) - 1)


@pytest.mark.parametrize("bits", [0, 1, 3, 7, 8, 9, 12, 15, 16, 17, 24, 30])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_bits_one_after_the_other(bits: int, size: int) -> None:
    samples, span = plane(bits, 3, size)
    text = "".join(f"{value - LOW:0{bits}b}" if bits else "" for value in samples.ravel().tolist())
    expected = bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))
    coder = RawCoder()
    assert coder.encode_plane(samples, span, 3) == expected
    assert np.array_equal(coder.decode_plane(expected, span, samples.shape, 3), samples)


@pytest.mark.parametrize("bits", [3, 12])
def test_more_samples_than_are_taken_at_a_time(bits: int) -> None:
    """Twelve times 8 bytes for each sample were held at once, which for a group of frames are 200 MB."""
    samples, span = plane(bits, 515, 1021)
    coder = RawCoder()
    tracemalloc.start()
    stream = coder.encode_plane(samples, span, len(samples))
    back = coder.decode_plane(stream, span, samples.shape, len(samples))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(back, samples)
    assert peak < 5 * samples.nbytes
