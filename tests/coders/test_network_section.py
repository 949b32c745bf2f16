"""Mixing weights in sections; networks in theirs are tested with the coders that have them."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import packed_weights

from sofc.coders.context.section import NETWORKS
from sofc.coders.network_section import unpack_mixers
from sofc.entropy.mixing import WEIGHT_ROWS
from sofc.entropy.mixture import WEIGHT_LIMIT, neutral_weights
from sofc.entropy.tables import code_tables
from sofc.errors import FormatError
from sofc.prediction.network import NO_NETWORK

SEEDS = st.integers(0, 2**32 - 1)
INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
FEW = 3 if INTERPRETED else settings.default.max_examples


@settings(max_examples=FEW)
@given(SEEDS, st.integers(1, 8 if INTERPRETED else 32), st.integers(1, 3))
def test_weights_come_back_about(seed, contexts, sets):
    weights = neutral_weights(contexts)
    used = weights[:, : contexts + 1]
    used += np.random.default_rng(seed).integers(-(1 << 17), 1 << 17, used.shape).astype(np.int32)
    data = packed_weights(contexts, sets, weights)
    *found, again, network = unpack_mixers(data, NETWORKS)
    assert network is NO_NETWORK
    assert found == [contexts, sets] and again.dtype == np.int32 and abs(again - weights).max() <= 256
    assert packed_weights(contexts, sets, again) == data


def test_heads_out_of_range():
    weights = packed_weights(2, 1, neutral_weights(2))
    for head in (b"\0\1", b"\x21\1", b"\2\0", b"\2\4"):
        with pytest.raises(FormatError, match="out of range"):
            unpack_mixers(head + weights[2:], NETWORKS)


def test_weights_out_of_range():
    """Those that would make sums of votes too large are refused."""
    for value in (WEIGHT_LIMIT, WEIGHT_LIMIT + 1, -WEIGHT_LIMIT, -WEIGHT_LIMIT - 1):
        kept = np.zeros((sum(WEIGHT_ROWS), 3), np.int64)
        kept[-1, -1] = value
        data = b"\2\1" + code_tables([kept])
        if abs(value) <= WEIGHT_LIMIT:
            unpack_mixers(data, NETWORKS)
            continue
        with pytest.raises(FormatError, match="has entries that are not"):
            unpack_mixers(data, NETWORKS)
