"""The predictor bank against its twin."""

from __future__ import annotations

import naive_context as naive
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scenes import Scene, random_planes, random_prediction

from sofc.planes import PlaneRange
from sofc.prediction import bank, expected_error

SEEDS = st.integers(0, 2**32 - 1)
SMALL = st.tuples(st.integers(1, 6), st.integers(1, 9))
MAPS = st.sampled_from([bank.TEXTURE, bank.GRID])


@given(SEEDS, SMALL)
def test_equations(seed, shape):
    """Of taps that are relative to an earlier one, to themselves or to none."""
    rng = np.random.default_rng(seed)
    planes = random_planes(rng, [PlaneRange(0, 65535)] * 3, shape)
    scene = Scene.of(rng, planes, random_prediction(rng, 2, bank.TEXTURE, 65535).references, 65535)
    size = bank.taps(len(scene.references)) + 1
    bases = np.array([rng.integers(-1, i + 1) for i in range(size)])
    predictors = rng.integers(0, 64, shape).astype(np.int32)
    weights = rng.integers(0, 257, shape)
    equations = np.zeros((64, size, size), np.int64)
    bank.accumulate(scene.around(), predictors, weights, bases, bank.tap_scratch(), equations)
    tables = (predictors.tolist(), weights.tolist(), bases.tolist())
    places = np.argwhere(equations)
    found = {tuple(place): int(equations[tuple(place)]) for place in places.tolist()}
    assert found == naive.accumulate(scene.images()[0], *tables)


def test_log_errors():
    """Every small error, and large ones up to the largest that 17 bits have."""
    for error in [*range(5000), *range(5000, 1 << 20, 997), (1 << 20) - 8, 1 << 21]:
        assert bank.log_error(error) == naive.mark(error) < 256


@given(SEEDS, st.integers(0, 2))
def test_expected_error(seed, count):
    rng = np.random.default_rng(seed)
    planes = rng.integers(0, 256, (3, 5, 5)).astype(np.uint8)
    weights = rng.integers(
        -expected_error.WEIGHT_LIMIT, expected_error.WEIGHT_LIMIT + 1, expected_error.WEIGHTS
    ) // int(rng.integers(1, 60))
    start = int(rng.integers(-expected_error.OFFSET_LIMIT, expected_error.OFFSET_LIMIT + 1))
    names = {}
    for name in naive.OWN[:6]:
        down, right = naive.offset(name)
        names[name] = int(planes[0][2 + down, 2 + right])
    for letter, plane in zip("pq"[:count], planes[1:], strict=False):
        for name in naive.AROUND:
            down, right = naive.offset(name)
            names[letter + name] = int(plane[2 + down, 2 + right])
    padded = [np.ascontiguousarray(plane) for plane in planes]
    around = bank.Neighbourhood(*([np.zeros((5, 5), np.int32)] * 3), *padded, count)
    assert bank.expected_error(around, 2, 2, start, weights) == naive.expected_error(names, start, weights.tolist())
