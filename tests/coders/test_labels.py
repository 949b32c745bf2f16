"""The labels coder against the second decoder, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minidec.coders.labels import decode_labels
from minidec.coding_tools import Area

import sofc
from sofc.coders.labels import LabelsCoder, looks_labelled
from sofc.planes import Plane, PlaneRange


@st.composite
def label_planes(draw: st.DrawFn) -> tuple[Plane, int]:
    """Images below each other, of blocks of labels or of any, and the rows of each."""
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    rows, width, images = draw(st.integers(1, 12)), draw(st.integers(1, 14)), draw(st.integers(1, 3))
    size = draw(st.integers(1, 5))
    top = draw(st.sampled_from([1, 3, 60, 70_000, (1 << 26) - 1]))
    blocks = random.integers(0, top + 1, (images, -(-rows // size), -(-width // size)))
    whole = np.kron(blocks, np.ones((1, size, size), np.int64))[:, :rows, :width]
    return whole.reshape(-1, width).astype(np.int32), rows


@given(label_planes())
@settings(max_examples=40, deadline=None)
def test_labels_come_back_and_the_second_decoder_agrees(made: tuple[Plane, int]) -> None:
    plane, image_rows = made
    top = int(plane.max())
    ranges = [PlaneRange(0, top)]
    streams = LabelsCoder().encode([plane], ranges, image_rows)
    (decoded,) = LabelsCoder().decode(streams, ranges, *plane.shape, image_rows)
    assert np.array_equal(decoded, plane)
    (naive,) = decode_labels(streams, [(0, top)], Area(*plane.shape, image_rows))
    assert naive == plane.ravel().tolist()


@given(st.binary(max_size=60))
@settings(max_examples=40, deadline=None)
def test_any_stream_gives_labels_in_range_or_an_error(stream: bytes) -> None:
    try:
        (plane,) = LabelsCoder().decode([stream], [PlaneRange(-3, 97)], 12, 9, 6)
    except sofc.FormatError:
        return
    assert plane.min() >= -3 and plane.max() <= 97


def test_label_images_are_coded_as_such() -> None:
    labels = np.kron(np.random.default_rng(8).integers(0, 200, (12, 14)), np.ones((9, 7), np.int64)).astype(np.uint8)
    assert looks_labelled(labels.astype(np.int32))
    assert not looks_labelled(np.arange(100, dtype=np.int32).reshape(10, 10))
    assert not looks_labelled(np.full((10, 10), 7, np.int32))
    as_any = len(sofc.encode(labels, coder="shape", codebook=None))
    assert len(sofc.encode(labels)) < as_any
    assert np.array_equal(sofc.decode(sofc.encode(labels)), labels)


def test_sections_are_refused() -> None:
    from sofc.coders.labels import CODER

    with pytest.raises(sofc.UnsupportedError):
        CODER.from_sections([b"x"])
