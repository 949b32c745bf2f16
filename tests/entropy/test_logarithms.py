"""Logarithms and code lengths as whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from sofc.entropy.logarithms import LOG_ONE, log2, times_log2


def test_logarithms() -> None:
    powers = 1 << np.arange(42)
    assert log2(powers).tolist() == [LOG_ONE * k for k in range(42)]
    assert log2(np.arange(1, 1 << 12)).tolist() == sorted(log2(np.arange(1, 1 << 12)).tolist())
    assert log2(np.array([3])).tolist() == [103872]


def test_code_lengths() -> None:
    """What ideal codes take, whatever the order of the counts; nothing for one symbol."""
    counts = np.random.default_rng(0).integers(0, 1000, 300).astype(np.int32)
    total = int(counts.sum())
    taken = times_log2(np.array([total])) - times_log2(counts)
    shares = counts[counts > 0] / total
    assert taken / LOG_ONE == pytest.approx(-total * float((shares * np.log2(shares)).sum()), rel=1e-4)
    assert times_log2(counts[::-1]) == times_log2(np.sort(counts)) == times_log2(counts)
    assert times_log2(np.array([0, 1, 8])) == 24 * LOG_ONE
    assert times_log2(np.array([1 << 41])) == 41 * LOG_ONE << 41
