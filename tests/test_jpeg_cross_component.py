"""What colours that were cut tell of components once others are sure, beside a plain-Python twin."""

from __future__ import annotations

import naive_dct as naive
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sofc.jpeg.bounds import Bounded, Seen
from sofc.jpeg.colour import USUAL_CONVERSION, reached
from sofc.jpeg.cross_component import CLIP_REACH, NARROW, informed
from sofc.jpeg.solve import FREE


def told(colour, sure, hint):
    """The bounds of Y, Cb and Cr of a colour; ``sure``: those that are known; ``hint``: about what the others are."""
    every = naive.origins(*colour)
    near = np.abs(every - hint) <= CLIP_REACH
    is_open = [0 < channel < 255 for channel in colour]
    # What is not cut says what a component is, wherever that lies.
    near[:, 2] |= is_open[0]
    near[:, 1] |= is_open[2] or is_open[1]
    for k, known in enumerate(sure):
        near[:, k] = True if known is None else every[:, k] == known
    near[:, 0] |= sure[0] is None
    every = every[near.all(axis=1)]
    if not len(every):
        return [(-FREE, FREE)] * 3
    found = []
    for k, (low, high) in enumerate(zip(every.min(axis=0).tolist(), every.max(axis=0).tolist(), strict=True)):
        is_far = k > 0 and sure[k] is None
        low = -FREE if is_far and low <= hint[k] - CLIP_REACH else low
        found.append((low, FREE if is_far and high >= hint[k] + CLIP_REACH else high))
    return found


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_what_is_sure_tells_of_the_rest(seed, is_luminance):
    """Y tells of Cb and Cr, these of Y; where nothing is sure, or covered, nothing changes."""
    rng = np.random.default_rng(seed)
    shape = (3, 4)
    drawn = np.clip(np.stack([rng.choice([2, 20, 240, 254], shape), *rng.integers(100, 156, (2, *shape))]), 0, 255)
    drawn = drawn.astype(np.int32)
    # A colour that comes twice, about other samples: what is looked at is the first's.
    drawn[:, 2] = drawn[:, 0]
    colours = np.stack(reached(list(drawn)))
    guesses = np.clip(drawn + rng.integers(-9, 10, drawn.shape), 0, 255).astype(np.int32)
    lowest, highest = (
        np.where(rng.random(drawn.shape) < 0.5, end, guesses + away) for end, away in ((-FREE, -9), (FREE, 9))
    )
    planes = [
        Bounded(*(np.ascontiguousarray(each, np.int32) for each in plane))
        for plane in zip(guesses, lowest, highest, guesses, strict=True)
    ]
    sure = rng.random((3, *shape)) < 0.8
    asked = [1, 2] if is_luminance else [0]
    sure[asked] = False
    covered = rng.random(shape) < 0.1
    found = informed(
        planes, Seen(list(colours), covered, USUAL_CONVERSION, np.zeros_like(covered)), list(drawn), list(sure)
    )
    hints: dict[tuple[int | None, ...], list[int]] = {}
    for i, j in np.ndindex(shape):
        colour = tuple(colours[:, i, j].tolist())
        is_cut = min(colour) == 0 or max(colour) == 255
        expected = [tuple(int(values[i, j]) for values in plane) for plane in planes]
        if is_cut and not covered[i, j] and (sure[0, i, j] or sure[1:, i, j].all()):
            known = [int(drawn[k, i, j]) if sure[k, i, j] else None for k in range(3)]
            hint = hints.setdefault((*colour, *known), guesses[:, i, j].tolist())
            limits = told(colour, known, hint)
            for k in asked:
                (low, high), (sample, below, above, shown) = limits[k], expected[k]
                if max(low, below) <= min(high, above):
                    low, high = max(low, below), min(high, above)
                if high - low <= NARROW:
                    sample = (low + high + (low + high < 256)) >> 1
                expected[k] = sample, low, high, shown
        for plane, values in zip(found, expected, strict=True):
            assert tuple(int(each[i, j]) for each in plane) == values
    for k in {0, 1, 2} - set(asked):
        assert found[k] is planes[k]
