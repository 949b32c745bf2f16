"""What pieces of planes tell of their size."""

from __future__ import annotations

import tracemalloc

import numpy as np

from sofc.band.pieces import plain_size


def test_residuals_that_lie_far_apart_are_counted_in_little_memory() -> None:
    rng = np.random.default_rng(1)
    plane = np.cumsum(rng.integers(-3, 4, (64, 64)), axis=1, dtype=np.int32)
    expected = plain_size([plane], 64)

    tracemalloc.start()
    size = plain_size([plane << 20], 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size == expected, "as many different ones occur as often"
    assert peak < 1 << 20, "there is no counter for each number between them"
