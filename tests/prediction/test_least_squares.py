"""Weights from normal equations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sofc.prediction import bank
from sofc.prediction.least_squares import solve


@given(st.integers(0, 2**32 - 1), st.sampled_from([[], [0], [0, 16, 25]]))
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_solve(seed, firsts):
    """Weights of a group add up exactly, and near enough they are those that made the samples."""
    rng = np.random.default_rng(seed)
    count = 31
    bases = np.full(count + 1, -1, np.int64)
    for start, stop in zip(firsts, [*firsts[1:], count - 1], strict=False):
        bases[start:stop] = start
    bases[-1] = 0 if firsts else -1
    wanted = rng.normal(0, 0.3, count)
    values = rng.integers(-200, 200, (500, count)).astype(np.float64)
    values[:, -1] = bank.CONSTANT
    values[:, firsts] = 0
    table = np.column_stack([values, values @ wanted])
    equations = np.zeros((64, count + 1, count + 1))
    equations[3] = np.tril(table.T @ table)
    weights = solve(equations, bases, 1e-5)
    free = np.setdiff1d(np.arange(count), firsts)
    np.testing.assert_allclose(weights[3, free] / (1 << bank.WEIGHT_BITS), wanted[free], atol=0.01)
    for start in firsts:
        total = weights[:, bases[:-1] == start].sum(axis=1)
        assert (total == (1 << bank.WEIGHT_BITS if start == 0 else 0)).all()
