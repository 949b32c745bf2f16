"""What stands more than once in planes, found as the twins find it."""

from __future__ import annotations

import naive_repeated as naive
import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from sofc.prediction.repeated import (
    ONE_IN,
    RUN,
    RUN_CHANGES,
    Limits,
    Search,
    add_component,
    choose_runs,
    find_rectangles,
    hash_squares,
)

ENOUGH = 1 << 20


def drawn(seed: int, rows: int, width: int, bits: int) -> npt.NDArray[np.int32]:
    """Pieces of noise of few values that stand here and there."""
    random = np.random.default_rng(seed)
    image = np.zeros((rows, width), np.int32)
    pieces = random.integers(0, 1 << bits, (2, 7, 9), dtype=np.int32)
    for _ in range(int(rows * width) // 60):
        piece = pieces[random.integers(2), : random.integers(3, 8), : random.integers(3, 10)]
        y, x = random.integers(0, rows), random.integers(0, width)
        place = image[y : y + len(piece), x : x + piece.shape[1]]
        place[:] = piece[: len(place), : place.shape[1]]
    return image


@given(st.integers(0, 999), st.integers(1, 12), st.integers(1, 60), st.integers(1, 16), st.integers(1, 4))
def test_runs_are_chosen_as_the_twin_chooses_them(seed: int, rows: int, width: int, bits: int, count: int) -> None:
    planes = [drawn(seed + k, rows, width, bits) for k in range(count)]
    words = np.zeros(rows * width, np.int32)
    for plane in planes:
        add_component(plane.reshape(-1), words)
    wanted = naive.words([plane.tolist() for plane in planes])
    assert words.tolist() == [word for row in wanted for word in row]
    chosen = np.zeros(rows * width, np.int64)
    found = chosen[: choose_runs(words, width, chosen)].tolist()
    assert found == naive.chosen(wanted, RUN, RUN_CHANGES, ONE_IN)
    few = chosen[: len(found) // 2].copy()
    few[:] = 0
    assert choose_runs(words, width, few) == len(few)
    assert few.tolist() == found[: len(few)]


@given(st.integers(0, 999), st.integers(2, 4))
def test_many_runs_are_chosen_one_in_so_many(seed: int, bits: int) -> None:
    words, chosen = np.zeros(20000, np.int32), np.zeros(9999, np.int64)
    add_component(np.random.default_rng(seed).integers(0, 1 << bits, 20000, dtype=np.int32), words)
    assert 0.6 < choose_runs(words, 10000, chosen) * ONE_IN / 20000 < 1.5


@given(st.integers(0, 999), st.integers(4, 30), st.integers(4, 40), st.integers(1, 3), st.integers(1, 12))
def test_rectangles_are_those_of_the_twin(seed: int, rows: int, width: int, bits: int, least: int) -> None:
    side, tries = 4, 3
    image = drawn(seed, rows, width, bits)
    colours = image.astype(np.int64) * 0x123456789
    changes = np.pad(np.diff(image, axis=1) != 0, ((0, 0), (1, 0))).astype(np.int32)
    sums = np.pad(changes.cumsum(0).cumsum(1), ((1, 0), (1, 0))).astype(np.int32)
    shape = rows - side + 1, width - side + 1
    hashes = np.zeros(shape[0] * shape[1], np.int64)
    hash_squares(colours, side, np.arange(len(hashes)), hashes)
    last: dict[int, int] = {}
    before: dict[int, int] = {}
    for place, value in enumerate(hashes.tolist()):
        y, x = divmod(place, shape[1])
        folded = colours[y : y + side, x : x + side].reshape(-1)
        assert value == naive.hashed(((folded ^ folded >> 31) & (2**31 - 1)).tolist(), 7)
        if value in last:
            before[place] = last[value]
        last[value] = place
    begin = np.random.default_rng(seed).permutation(np.array(list(before), np.int64))
    wanted = naive.rectangles(image.tolist(), changes.tolist(), before, begin.tolist(), side, tries, least)
    chain = np.array([before.get(place, -1) for place in range(len(hashes))])
    for most in (len(wanted) + 1, len(wanted) // 2):
        found, covered = np.zeros((most, 6), np.int32), np.zeros((rows, width), np.uint8)
        limits = Limits(side, tries, least, rows, ENOUGH)
        count = find_rectangles(Search(colours, sums, covered, chain), begin, limits, np.zeros((3, 4), np.int64), found)
        assert found[:count].tolist() == wanted[:most]
        assert covered.sum() == sum(rectangle[2] * rectangle[3] for rectangle in wanted[:most])


def test_a_search_ends_when_it_has_compared_enough() -> None:
    colours = np.tile(np.arange(64).reshape(8, 8), (4, 4))
    sums = np.pad(np.ones((32, 32), np.int32).cumsum(0).cumsum(1), ((1, 0), (1, 0))).astype(np.int32)
    chain = np.full(29 * 29, -1)
    squares = [29 * y + x for y, x in ((8, 0), (16, 0), (0, 8))]
    chain[squares] = [0, 0, 0]
    counts = []
    for compared in (-1, 0, ENOUGH):
        search = Search(colours, sums, np.zeros((32, 32), np.uint8), chain)
        limits, found = Limits(4, 4, 4, 99, compared), np.zeros((9, 6), np.int32)
        counts.append(find_rectangles(search, np.array(squares), limits, np.zeros((3, 4), np.int64), found))
    assert counts == [0, 1, 2]  # rows from 8 on lie in the first, those above on the right of it do not
