"""Planes that are nearly all zeros against their twin."""

from __future__ import annotations

import naive_context as naive
import numpy as np
import pytest
from helpers import outcome
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sofc.entropy.binary import OK, Reader, Writer
from sofc.entropy.bit_models import INTEGER_MODELS, NEUTRAL
from sofc.entropy.sparse import MOST_KINDS, VALUES, code_sparse, decode_corrections, decode_sparse, encode_sparse
from sofc.errors import FormatError
from sofc.planes import has_any, zeros

CORRECTIONS = st.one_of(st.just(0), st.just(0), st.integers(1, 511**3), st.sampled_from([1, 511**3]))
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 9))


def start():
    models = np.full(16 + 3 * INTEGER_MODELS, NEUTRAL, np.uint32)
    models[0] = 64 << 16 | 60
    return models


@given(npst.arrays(np.int32, SHAPES, elements=CORRECTIONS))
def test_sparse(plane):
    writer = Writer(16 * plane.size + 64)
    assert code_sparse(True, plane, start(), writer.stream) == OK
    data = writer.written()
    twin = naive.Writer()
    naive.code_sparse(twin, *plane.shape, plane.tolist())
    assert data == twin.finish()
    check(data, plane.shape, plane.tolist())


@given(st.binary(max_size=60), SHAPES)
def test_sparse_of_anything(data, shape):
    check(data, shape, outcome(naive.code_sparse, naive.Reader(data), *shape, None))


def check(data, shape, expected):
    found = np.zeros(shape, np.int32)
    status = code_sparse(False, found, start(), Reader(data).stream)
    assert (found.tolist() if status == OK else None) == expected


def test_streams_begin_with_their_kind():
    for kind in range(MOST_KINDS):
        for plane in (np.eye(5, dtype=np.int32), np.zeros((5, 5), np.int32)):
            plane += np.int32(kind * VALUES)
            stream = encode_sparse(plane)
            assert stream[:1] == (bytes([1 + kind]) if plane.any() else b"")
            assert (decode_sparse(stream, 5, 5) == plane).all()
    for first in (0, MOST_KINDS + 1, 255):
        with pytest.raises(FormatError, match="begins with 1"):
            decode_sparse(bytes([first]) + stream[1:], 5, 5)


def test_corrections_have_a_bound():
    stream = encode_sparse(np.eye(5, dtype=np.int32) * 7)
    assert decode_corrections([stream, b""], [7, 0], 5, 5)[0].max() == 7
    with pytest.raises(FormatError, match="outside its range"):
        decode_corrections([stream], [6], 5, 5)


def test_zeros_take_no_memory():
    """A stream of no bytes gives a plane that tells at once that it has nothing, whatever its size."""
    plane = decode_sparse(b"", 1 << 20, 1 << 20)
    assert plane.shape == (1 << 20, 1 << 20)
    assert not has_any(plane)
    assert not has_any(np.zeros((3, 4), np.int32)) and not has_any(zeros(1, 1))
    assert has_any(np.eye(3, 4, dtype=np.int32)) and has_any(np.ones((1, 1), np.int32))
