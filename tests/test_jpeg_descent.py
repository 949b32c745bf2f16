"""Coefficients of blocks with clipped samples, sought by going downhill, beside a plain-Python twin."""

from __future__ import annotations

import io
import os

import naive_descent
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from sofc.jpeg import descent, solve
from sofc.jpeg.dct import ACCURATE, LARGEST, MIDDLE, ROW_SHIFT, SIDE, SIZE, invert
from sofc.jpeg.inverses import draw, multipliers
from sofc.jpeg.known import read_known
from sofc.jpeg.origin import standard_table

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
COMPILED = pytest.mark.skipif(INTERPRETED, reason="solves whole images: slow")


def drawn(blocks, table):
    """Samples of blocks, (rows of blocks, blocks in a row, 64)."""
    rows, columns, _ = blocks.shape
    plane = np.zeros((SIDE * rows, SIDE * columns), np.int32)
    factors = multipliers(ACCURATE, table)
    draw(blocks, factors, ACCURATE, plane, np.zeros(plane.shape, np.uint8), np.zeros(SIZE, np.int64))
    return plane


def dark(rng, count):
    """Blocks of which some samples are black, and their table."""
    table = standard_table(int(rng.integers(30, 90)))
    blocks = np.rint(rng.normal(size=(1, count, SIZE)) * 150 / (1 + np.arange(SIZE)) / table).astype(np.int32)
    blocks[:, :, 0] = -rng.integers(600, 1000, count) // table[0]
    return blocks, table


def guessed(plane):
    """Samples as they are seen."""
    lowest, highest = np.where(plane == 0, -solve.FREE, plane), np.where(plane == LARGEST, solve.FREE, plane)
    return solve.Guessed(*(np.ascontiguousarray(each, np.int32) for each in (plane << 4, lowest, highest)))


def exact(block, table):
    """What the decoder makes of a block before it rounds, in 1/65536, as a list of numbers."""
    work = np.array(block, np.int64) * table
    invert(work)
    return [(int(each) - (1 << ROW_SHIFT - 1)) >> (ROW_SHIFT - 16) for each in work]


@settings(max_examples=1 if INTERPRETED else 8, deadline=None)
@example(1)
@example(3)
@given(st.integers(0, 2**32 - 1))
def test_descent(seed):
    rng = np.random.default_rng(seed)
    true, table = dark(rng, 2)
    seen = guessed(drawn(true, table))
    # From far off, as few samples are right in the end as in the beginning: the block stays as it was.
    share, farthest = ((0.1, 2), (1, 3))[seed % 2]
    away = (rng.random(true.shape) < share) * rng.integers(-farthest, farthest + 1, true.shape)
    start = (true + away).astype(np.int32)
    found = start.copy()
    wrong = np.full((1, 2), SIZE, np.int32)
    descent.go_downhill(seen, solve.Inversion.of(table, ACCURATE), solve.Solved(found, wrong))
    for number in range(2):
        inside = np.s_[:, SIDE * number : SIDE * (number + 1)]
        low = [-solve.FREE if each <= 0 else each for each in seen.lowest[inside].ravel().tolist()]
        high = [solve.FREE if each >= LARGEST else each for each in seen.highest[inside].ravel().tolist()]
        expected = naive_descent.descend(
            start[0, number].tolist(),
            table.tolist(),
            [((each - MIDDLE) << 16) - (1 << 15) for each in low],
            [((each - MIDDLE) << 16) + (1 << 15) for each in high],
            solve.PATTERNS.tolist(),
            lambda block: exact(block, table),
        )
        assert found[0, number].tolist() == expected


@COMPILED
@pytest.mark.parametrize("quality", [45, 60, 80])
def test_dark_pictures_come_out(quality):
    """Where a channel was cut off at black luminance is known to be less than it seems; rounding the transform fails
    there, but many such blocks come out in the end."""
    rng = np.random.default_rng(quality)
    down, across = np.mgrid[:192, :192]
    image = 40 + 30 * np.sin(down / 4 + rng.random()) * np.sin(across / 5) + rng.normal(size=(192, 192)) * 4
    data = io.BytesIO()
    Image.fromarray(image.astype(np.uint8)).save(data, "JPEG", quality=quality)
    with Image.open(data) as decoded:
        plane = np.asarray(decoded).astype(np.int32)
    known = read_known(data.getvalue())
    assert known is not None
    table = known.origins[0].table
    is_cut = plane < 25
    seems = np.where(is_cut, plane + rng.integers(0, 13, plane.shape), plane).astype(np.int32)
    seen = solve.Guessed(seems << 4, np.where(is_cut, 0, plane).astype(np.int32), seems)
    inversion = solve.Inversion.of(table, ACCURATE)
    found = solve.Solved.of(seen, inversion)

    def wrong():
        made = drawn(found.coefficients, table)
        misses = (made < seen.lowest) | (made > seen.highest)
        return np.count_nonzero(misses.reshape(24, SIDE, 24, SIDE).any(axis=(1, 3)))

    before = wrong()
    assert before >= 20
    descent.improve(seen, inversion, found)
    assert 4 * wrong() <= 3 * before
