"""Spec likeness/guide: what an earlier image adds to the forecast of a binary one.

The forecast of the coder and bit models in contexts of the guide are mixed by one more set of weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.entropy.bit_models import NEUTRAL, learned
from sofc.entropy.mixing import CONSTANT, SQUASH, STRETCH, STRETCH_LIMIT
from sofc.jit.decorators import inlined
from sofc.jit.types import Cube, Table, Vector

FEATURES = 3
FEATURE_BITS = 4
CONTEXTS = 8
LEVELLED = 3
"""Contexts, the first, that hold the level of the forecast, and start as if they had seen SEEN bits of that."""
LEVELS, SEEN = 22, 6
CONTEXT_BITS = 16
BLANK = 1 << 8
ROWS = BLANK + 1
"""Rows of weights: by the eight nearest neighbours; the last is for blank samples."""
INPUTS = CONTEXTS + 2
FORECAST, CONTEXT = 45000, 8000
"""Weights at the start, in 1/65536. The last input is a constant, whose weight starts at 0."""
RATE = 3
"""Chosen, as the contexts were, on four images each of drive/train, with their vessels and fields of view."""


class Guide(NamedTuple):
    """``features`` (FEATURES, rows, width), below 16; of no planes where there is no guide. What is learned:
    ``models`` (CONTEXTS << CONTEXT_BITS,) and ``weights`` (ROWS, INPUTS). Scratch: ``slots`` and ``stretched``."""

    features: Cube[np.uint8]
    models: Vector[np.uint32]
    weights: Table[np.int32]
    slots: Vector[np.int64]
    stretched: Vector[np.int64]


def guide_for(features: npt.NDArray[np.uint8] | None) -> Guide:
    """A guide before any sample; None: none."""
    if features is None:
        none = np.zeros(0, np.int64)
        return Guide(np.zeros((0, 0, 0), np.uint8), np.zeros(0, np.uint32), np.zeros((0, 0), np.int32), none, none)
    centres = np.arange(LEVELS) * 256 + 128
    starts = SQUASH[np.minimum(centres, 2 * STRETCH_LIMIT)].astype(np.int64) << 16 | SEEN
    models = np.full(CONTEXTS << CONTEXT_BITS, NEUTRAL, np.uint32)
    for k in range(LEVELLED):
        models[(k << CONTEXT_BITS) : (k << CONTEXT_BITS) + (LEVELS << 8)] = np.repeat(starts, 256)
    weights = np.full((ROWS, INPUTS), CONTEXT, np.int32)
    weights[:, -2], weights[:, -1] = FORECAST, 0
    return Guide(features, models, weights, np.zeros(CONTEXTS, np.int64), np.full(INPUTS, CONSTANT, np.int64))


@inlined
def _feature(guide: Guide, k: int, y: int, x: int) -> int:
    """A feature at the nearest place inside."""
    rows, width = guide.features.shape[1], guide.features.shape[2]
    return int(np.int64(guide.features[k, max(0, min(rows - 1, y)), max(0, min(width - 1, x))]))


@inlined
def mix_guided(y: int, x: int, around: int, forecast: int, row: int, guide: Guide) -> int:
    """The stretched probability of a sample, from what is forecast without the guide."""
    near, middle, gray = _feature(guide, 0, y, x), _feature(guide, 1, y, x), _feature(guide, 2, y, x)
    level = (forecast + STRETCH_LIMIT) >> 8
    slots = guide.slots
    four = around & 1 | (around >> 2 & 7) << 1
    slots[0] = level << 8 | middle << 4 | near
    slots[1] = level << 8 | _feature(guide, 1, y, x + 2) >> 1 << 3 | _feature(guide, 1, y + 2, x) >> 1
    slots[2] = level << 8 | gray << 4 | near
    slots[3] = ((four << 4 | middle) << 4 | near) << 4 | gray
    slots[4] = ((four << 4 | middle) << 4 | _feature(guide, 1, y, x + 2)) << 4 | _feature(guide, 1, y + 2, x)
    slots[5] = ((four << 4 | near) << 4 | _feature(guide, 0, y, x + 1)) << 4 | _feature(guide, 0, y + 1, x)
    slots[6] = ((four << 4 | middle) << 4 | _feature(guide, 1, y, x - 3)) << 4 | _feature(guide, 1, y - 3, x)
    slots[7] = around << 4 | middle
    weights = guide.weights[row]
    total = np.int64(0)
    for i in range(CONTEXTS):
        slots[i] += i << CONTEXT_BITS
        guide.stretched[i] = STRETCH[np.int64(guide.models[slots[i]]) >> 20]
        total += np.int64(weights[i]) * guide.stretched[i]
    guide.stretched[CONTEXTS] = forecast
    total += np.int64(weights[CONTEXTS]) * forecast + np.int64(weights[CONTEXTS + 1]) * CONSTANT
    return max(-STRETCH_LIMIT, min(STRETCH_LIMIT, int(total >> 16)))


@inlined
def learn_guided(bit: int, output: int, row: int, guide: Guide) -> None:
    """Move weights and bit models towards the bit."""
    error = ((bit << 16) - np.int64(SQUASH[output + STRETCH_LIMIT])) * RATE
    weights = guide.weights[row]
    for i in range(INPUTS):
        moved = weights[i] + ((guide.stretched[i] * error + (1 << 17)) >> 18)
        weights[i] = max(-(1 << 22), min(1 << 22, moved))
    for i in range(CONTEXTS):
        guide.models[guide.slots[i]] = learned(int(np.int64(guide.models[guide.slots[i]])), bit)
