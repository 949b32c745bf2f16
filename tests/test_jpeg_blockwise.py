"""Blocks of components as an encoder bounds and judges them, against a plain twin."""

from __future__ import annotations

import naive_blockwise as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sofc.jpeg.blockwise import (
    BIT_PARTS,
    COUNTS,
    ENOUGH_KNOWN,
    Judged,
    blocks_of,
    coefficient_bits,
    columns_of,
    judge,
    mark_whole,
)
from sofc.jpeg.bounds import Bounded
from sofc.jpeg.dct import Grid
from sofc.jpeg.solve import FREE
from sofc.jpeg.steps import _by_edges
from sofc.jpeg.subsampling import FACTORS, Shrunk

GRIDS = st.sampled_from(FACTORS).flatmap(
    lambda factors: st.builds(
        Grid,
        *map(st.just, factors),
        st.integers(0, 8 * factors[0]),
        st.integers(0, 8 * factors[1]),
        below=st.just(0),
        right=st.just(0),
    )
)
CASES = {"seed": st.integers(0, 2**32 - 1), "grid": GRIDS, "rows": st.integers(1, 40), "width": st.integers(1, 40)}
FEW = 40


def some_plane(rng, rows, width):
    """Samples that are known, nearly known or anything, the latter all over blocks, too."""
    samples = rng.integers(0, 256, (rows, width)).astype(np.int32)
    slack = rng.choice([0, 0, 0, 1, 5], (rows, width))
    if rng.random() < 0.7:
        slack[: rows // 2, : int(width * rng.random())] = 2 * FREE
    return Bounded(
        samples, *((samples + sign * (slack >> 1)).astype(np.int32) for sign in (-1, 1)), samples[::-1].copy()
    )


def plain(arrays):
    return [each.tolist() for each in arrays]


@settings(max_examples=FEW)
@given(**CASES)
def test_bounds_of_blocks(seed, grid, rows, width):
    """Guesses and bounds of every sample of whole blocks."""
    rng = np.random.default_rng(seed)
    plane = some_plane(rng, rows, width)
    shape = grid.samples((rows, width))
    component = Shrunk(rng.integers(0, 256 << 4, shape).astype(np.int32), rng.choice([0, 0.25, 0.5, 1.0], shape))
    found = blocks_of(plane, component, grid)
    expected = naive.bounded_blocks(plain(plane), plain(component), grid)
    for array, twin in zip(found, expected, strict=True):
        assert {place: int(value) for place, value in np.ndenumerate(array)} == twin


@settings(max_examples=FEW)
@given(**CASES)
def test_judging_blocks(seed, grid, rows, width):
    """Counts add up over planes."""
    rng = np.random.default_rng(seed)
    counts = np.zeros(COUNTS, np.int64)
    expected = np.zeros(COUNTS)
    for _ in range(2):
        plane = some_plane(rng, rows, width)
        drawn = np.where(rng.random((rows, width)) < 0.05, plane.highest + 3, plane.samples).astype(np.int32)
        blocks = (grid.top + rows - 1) // (8 * grid.down) + 1, (grid.left + width - 1) // (8 * grid.across) + 1
        coefficients = (rng.integers(-3000, 3000, (*blocks, 64)) * (rng.random((*blocks, 64)) < 0.02)).astype(np.int32)
        judge(plane, drawn, coefficients, grid, columns_of(drawn), counts)
        expected += naive.judged(plain(plane), drawn.tolist(), coefficients.tolist(), grid)
    assert counts[0] / BIT_PARTS == pytest.approx(expected[0], abs=counts.sum() / BIT_PARTS)
    assert counts[1:].tolist() == expected[1:].tolist()


@settings(max_examples=FEW)
@given(**CASES)
def test_whole_blocks(seed, grid, rows, width):
    """A sample is marked if no sample of its block leaves its bounds; coefficients take what ``judge`` counts."""
    rng = np.random.default_rng(seed)
    plane = some_plane(rng, rows, width)
    drawn = np.where(rng.random((rows, width)) < 0.02, plane.highest + 3, plane.samples).astype(np.int32)
    whole = np.full((rows, width), 7, np.uint8)
    mark_whole(plane, drawn, grid, columns_of(drawn), whole)
    assert whole.tolist() == naive.whole(plain(plane), drawn.tolist(), grid)
    blocks = (grid.top + rows - 1) // (8 * grid.down) + 1, (grid.left + width - 1) // (8 * grid.across) + 1
    coefficients = (rng.integers(-3000, 3000, (*blocks, 64)) * (rng.random((*blocks, 64)) < 0.02)).astype(np.int32)
    counts = np.zeros(COUNTS, np.int64)
    judge(plane, plane.samples, coefficients, grid, columns_of(drawn), counts)
    assert coefficient_bits(coefficients) == counts[0]


@pytest.mark.parametrize("known", [ENOUGH_KNOWN - 1, ENOUGH_KNOWN])
def test_known_blocks_alone_tell_where_they_are_enough(known):
    """Of few known blocks, all count."""
    found = Judged.of(np.array([5 * BIT_PARTS, 7, 60, 100, known, known]))
    assert found == Judged(5.0, 7, *((known, known) if known >= ENOUGH_KNOWN else (60, 100)))


@given(st.integers(0, 7), st.integers(0, 7), st.integers(0, 2**32 - 1))
def test_edges_of_blocks_come_first(top, left, seed):
    """The place of the grid in which flat blocks of different brightness begin is the first of all 64."""
    rng = np.random.default_rng(seed)
    blocks = rng.permutation(64).reshape(8, 8) * 16
    plane = np.kron(blocks, np.ones((8, 8), np.int64))[top:, left:].astype(np.int32)
    order = _by_edges(plane + rng.integers(0, 2, plane.shape).astype(np.int32))
    assert order[0] == 8 * top + left
    assert sorted(order) == list(range(64))
