"""Logarithms and code lengths as whole numbers: what encoders choose by must not hang on the last bit of a machine's
``log2``, nor on the order in which it adds numbers up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LOG_ONE = 1 << 16
"""Logarithms are of base 2, in 1 / LOG_ONE."""


def log2(values: npt.NDArray[np.number]) -> npt.NDArray[np.int64]:
    """Those of numbers from 1 up, rounded."""
    rounded: npt.NDArray[np.int64] = np.rint(np.log2(values) * LOG_ONE).astype(np.int64)
    return rounded


def times_log2(counts: npt.NDArray[np.integer]) -> int:
    """The sum of n log2(n), over counts n that are together below 2^42. By what it is less than that of their total
    alone, ideal codes take bits, in 1 / LOG_ONE, for symbols that occur so often."""
    return int((counts * log2(np.maximum(counts, 1))).sum())
