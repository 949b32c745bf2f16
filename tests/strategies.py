"""Hypothesis strategies: images of every kind, and ways to cut things."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sofc.image import ImageHeader, Meaning, PixelFormat

FEW = st.integers(1, 5)
SIDES = st.one_of(st.just(1), st.integers(1, 24))


@st.composite
def pixel_formats(draw: st.DrawFn, components: st.SearchStrategy[int] = FEW) -> PixelFormat:
    """Any format of a few components."""
    return PixelFormat(
        draw(components),
        draw(st.one_of(st.sampled_from([1, 8, 16]), st.integers(1, 16))),
        draw(st.one_of(st.sampled_from([1, 8, 16]), st.integers(1, 16))),
        draw(st.booleans()),
        draw(st.sampled_from(Meaning)),
    )


@st.composite
def samples(draw: st.DrawFn, pixel_format: PixelFormat, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """An array of a format: arbitrary, noisy, smooth, or of extremes."""
    low, high = pixel_format.low, pixel_format.high
    if pixel_format.components > 1:
        shape = (*shape, pixel_format.components)
    kind = draw(st.sampled_from(["any", "noise", "smooth", "extremes", "flat"]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "any" and np.prod(shape) <= 64:
        wide = draw(hnp.arrays(np.int64, shape, elements=st.integers(low, high)))
    elif kind == "smooth":
        ramp = sum(np.ix_(*(np.arange(length) for length in shape)))
        wide = low + (ramp + random.integers(0, 2, shape)) % (high - low + 1)
    elif kind == "extremes":
        wide = random.choice([low, high], shape)
    elif kind == "flat":
        wide = np.full(shape, draw(st.integers(low, high)))
    else:
        wide = random.integers(low, high, shape, endpoint=True)
    return np.asarray(wide).astype(pixel_format.dtype_name)


@st.composite
def images(
    draw: st.DrawFn,
    components: st.SearchStrategy[int] = FEW,
    heights: st.SearchStrategy[int] = SIDES,
    widths: st.SearchStrategy[int] = SIDES,
) -> tuple[ImageHeader, np.ndarray[Any, Any]]:
    """A header and an image that fits it."""
    pixel_format = draw(pixel_formats(components))
    header = ImageHeader(draw(widths), draw(heights), pixel_format)
    assert header.height is not None
    return header, draw(samples(pixel_format, (header.height, header.width)))


CUTS = st.lists(st.integers(0, 1 << 16), max_size=12)
ROW_COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any)
CODERS = st.sampled_from(["raw", "shape"])
