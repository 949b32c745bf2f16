"""The place in the 8 x 8 grid, as encoders guess it."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import enlarged

from sofc.prediction.grid import find_grid


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("column", [0, 1])
def test_grid_goes_by_rows_worked_out(row, column):
    """Samples that were there before stand at even places, whatever the first plane's steps say."""
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 9, (64, 80)).astype(np.int32)
    place = find_grid([noise, enlarged(rng, 66, 82)[row : row + 64, column : column + 80]])
    assert (place // 8 % 2, place % 2) == (row, column)


def test_grid_of_blocks():
    """Without such samples it is told by the steps at borders of blocks; in few rows by nothing."""
    rng = np.random.default_rng(8)
    blocks = np.kron(rng.integers(0, 200, (10, 12)), np.ones((8, 8), int)) + rng.integers(0, 5, (80, 96))
    for top, left in ((0, 0), (3, 6), (5, 1)):
        planes = [blocks[top:, left:].astype(np.int32), rng.integers(0, 9, (80 - top, 96 - left)).astype(np.int32)]
        assert find_grid(planes) == top * 8 + left
    assert find_grid([np.zeros((23, 23), np.int32)]) == 0
