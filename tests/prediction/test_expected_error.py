"""What predicts errors, fitted from exact sums."""

from __future__ import annotations

import naive_context as naive
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sofc.prediction import bank, expected_error

SEEDS = st.integers(0, 2**32 - 1)
SMALL = st.tuples(st.integers(1, 6), st.integers(1, 9))


@given(SEEDS, SMALL, st.integers(0, 2))
def test_error_sums(seed, shape, references):
    """Sums over two images are exact, and the fit stays within what sections keep."""
    rng = np.random.default_rng(seed)
    found = expected_error.ErrorSums.empty(4, references)
    names = [*naive.MARKS[: expected_error.errors(references)], "own"]
    products, sums = np.zeros_like(found.products), np.zeros_like(found.sums)
    for _ in range(2):
        classes = rng.integers(0, 3, shape).astype(np.int32)
        planes = rng.integers(0, 256, (references + 1, *shape)).astype(np.uint8)
        own, *others = [bank.padded(plane, 0, edges=True) for plane in planes]
        found.add(classes, own, others)
        one, two = naive.mark_sums(classes.tolist(), planes.tolist())
        products += [[one[row, column] for column in names] for row in names]
        sums += [[two[row, column] for column in names] for row in range(4)]
    np.testing.assert_array_equal(found.products, products)
    np.testing.assert_array_equal(found.sums, sums)
    assert found.counts.sum() == 2 * shape[0] * shape[1] and found.counts[3] == 0
    offsets, weights = expected_error.fit_expected(found)
    assert abs(offsets).max() <= expected_error.OFFSET_LIMIT and abs(weights).max() <= expected_error.WEIGHT_LIMIT
    assert not weights[expected_error.errors(references) :].any()
