"""Coefficients of blocks with unknown samples, the surest first, beside a plain-Python twin; Y, Cb and Cr by turns."""

from __future__ import annotations

import io
import os

import naive_nearest_plane as naive
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sofc.jpeg import dct, nearest_plane, solve
from sofc.jpeg.dct import ACCURATE, LARGEST, SIDE, SIZE
from sofc.jpeg.inverses import draw, multipliers
from sofc.jpeg.origin import standard_table
from sofc.jpeg.recover import recover_planes
from sofc.transforms.components import LATTICE

COMPILED = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="solves whole images: slow")


def drawn(blocks, table):
    """Samples of blocks, (rows of blocks, blocks in a row, 64)."""
    rows, columns, _ = blocks.shape
    plane = np.zeros((SIDE * rows, SIDE * columns), np.int32)
    factors = multipliers(ACCURATE, table)
    draw(blocks, factors, ACCURATE, plane, np.zeros(plane.shape, np.uint8), np.zeros(SIZE, np.int64))
    return plane


@settings(max_examples=6, deadline=None)
@example(1)
@example(2)
@example(5)
@given(st.integers(0, 2**32 - 1))
def test_nearest_plane(seed):
    """Blocks that are blown out in a part, of which some rows are unknown, and some coefficients 0."""
    rng = np.random.default_rng(seed)
    table = standard_table(int(rng.integers(30, 90)))
    true = np.rint(rng.normal(size=(1, 2, SIZE)) * 150 / (1 + np.arange(SIZE)) / table).astype(np.int32)
    true[:, :, 0] = rng.integers(500, 900, 2) // table[0]
    nothing = 1 + rng.permutation(SIZE - 1)[: int(rng.integers(0, SIZE))]
    true[:, :, nothing] = 0
    plane = drawn(true, table)
    lowest, highest = plane.copy(), np.where(plane == LARGEST, solve.FREE, plane).astype(np.int32)
    rows = int(rng.integers(0, 5))
    lowest[SIDE - rows :], highest[SIDE - rows :] = -solve.FREE, solve.FREE
    lowest[0, 1], highest[0, 1] = lowest[0, 1] - 2, highest[0, 1] + 1
    seen = solve.Guessed(plane << 4, lowest, highest)
    inversion = solve.Inversion.of(table, ACCURATE)
    variances = rng.random(SIZE) * 40000 / (1 + np.arange(SIZE)) ** 2 + 1
    variances[nothing] = 0
    start = (true + rng.integers(-2, 3, true.shape)).astype(np.int32)
    found, room, held = solve.Solved.unsolved(start.copy()), solve.scratch(), nearest_plane.belief()
    solve.solve_again(seen, inversion, solve.HOPELESS, found, room, np.zeros(SIZE, np.int32))
    again = found.coefficients.copy()
    nearest_plane.round_blocks(seen, inversion, found, found.unfinished, variances, room, held)
    solved = solve.Solved.of(seen, inversion).coefficients
    patterns = dct.patterns(dct.COSINES).T.tolist()
    for number in range(2):
        solve.load(seen, 0, number, room)
        low, high = ([(each / 65536) for each in bounds.tolist()] for bounds in (room.low, room.high))
        is_open = any(above - below > nearest_plane.NARROW for below, above in zip(low, high, strict=True))
        samples = list(zip((room.target / 16).tolist(), low, high, strict=True))

        def wrong(block, number=number):
            solve.load(seen, 0, number, room)
            return solve.draw_block(np.array(block, np.int32), inversion, room)

        first = min((start[0, number].tolist(), solved[0, number].tolist()), key=wrong)
        rounded = naive.rounded(samples, table.tolist(), variances.tolist(), patterns) if is_open else first
        assert again[0, number].tolist() == first
        assert found.coefficients[0, number].tolist() == min((first, rounded), key=wrong)
        assert found.wrong[0, number] == wrong(found.coefficients[0, number])


@pytest.mark.parametrize(("blocks", "tried"), [(nearest_plane.FEW_BLOCKS, 2), (nearest_plane.FEW_BLOCKS + 1, 1)])
def test_what_is_taken_to_vary(monkeypatch, blocks, tried):
    """Of few blocks coefficients up to the highest diagonal that occurs, once more by DOUBT times as much; of more
    blocks those that occur."""
    coefficients = np.zeros((1, blocks, SIZE), np.int32)
    coefficients[0, :, 0], coefficients[0, 3, SIDE + 2] = 5, -4
    table = np.arange(SIZE) + 3
    seen = []
    monkeypatch.setattr(nearest_plane, "round_blocks", lambda *arguments: seen.append(arguments[4].copy()))
    empty = np.zeros((SIDE, SIDE * blocks), np.int32)
    inversion = solve.Inversion.of(table, ACCURATE)
    nearest_plane.round_surest(solve.Guessed(empty, empty, empty), inversion, solve.Solved.unsolved(coefficients))
    squares = {0: 25.0, SIDE + 2: 16 / blocks}
    few = [k for k in range(SIZE) if sum(divmod(k, SIDE)) <= 3]
    expected = np.zeros(SIZE)
    for k in squares if tried == 1 else few:
        expected[k] = (squares.get(k, 0) + nearest_plane.LEAST_VARIANCE) * table[k] ** 2
    np.testing.assert_allclose(np.stack(seen), np.stack([expected, nearest_plane.DOUBT * expected][:tried]))


def blown_out(colours, sampling, quality, side):
    """A decoded JPEG image of which a part is white."""
    down, across = np.mgrid[:side, :side]
    rng = np.random.default_rng(quality)
    waves = [120 * np.sin(down / (4 + k)) * np.sin(across / (5 + k)) + 40 * np.cos(across / 31) for k in range(colours)]
    image = 200 + np.stack(waves, axis=2) + rng.normal(size=(side, side, 1)) * 30 - 60 * np.arange(colours)
    data = io.BytesIO()
    settings = {} if sampling is None else {"subsampling": sampling}
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8).squeeze()).save(data, "JPEG", quality=quality, **settings)
    with Image.open(data) as decoded:
        return np.asarray(decoded)


@COMPILED
@pytest.mark.parametrize(("colours", "sampling", "quality", "side"), [(3, 0, 80, 160), (3, 2, 80, 160)])
def test_blown_out_pictures_are_recovered(colours, sampling, quality, side):
    """Nearly all blocks come out: by rounding alone, and one component after the other, 0.97 to 0.996 of samples do."""
    samples = blown_out(colours, sampling, quality, side)
    planes = [np.ascontiguousarray(plane, np.int32) for plane in np.moveaxis(np.atleast_3d(samples), 2, 0)]
    found = recover_planes(LATTICE.forward(planes) if colours > 1 else planes, colours)
    assert found is not None
    assert np.count_nonzero(samples == LARGEST) > samples.size / 50

    assert found.share > 0.999


@COMPILED
def test_steps_of_1_are_not_found_of_drawings():
    """All of a few flat colours comes out by them, but takes far more than by none."""
    image = Image.new("RGB", (64, 64), (255, 255, 255))
    draw_on, rng = ImageDraw.Draw(image), np.random.default_rng(3)
    for _ in range(6):
        x, y = rng.integers(0, 44, 2).tolist()
        draw_on.ellipse((x, y, x + 20, y + 15), fill=tuple(rng.integers(0, 256, 3).tolist()))
    shares = []
    for plane in np.moveaxis(np.asarray(image, np.int32), 2, 0):
        found = recover_planes([np.ascontiguousarray(plane)], 1)
        shares.append(0.0 if found is None else found.share)
    assert max(shares) < 0.9


def test_squares_add_up() -> None:
    """Those of all blocks, for each frequency by itself."""
    coefficients = np.random.default_rng(4).integers(-30000, 30000, (3, 5, SIZE)).astype(np.int32)
    squares = np.ones(SIZE, np.int64)
    nearest_plane.add_squares(coefficients, squares)
    expected = [1 + sum(int(block[i]) ** 2 for row in coefficients for block in row) for i in range(SIZE)]
    assert squares.tolist() == expected
