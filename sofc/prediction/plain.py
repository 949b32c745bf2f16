"""What planes are under the simplest of models, counted: an encoder's guess of what they take without a trained one."""

from __future__ import annotations

import numpy as np

from sofc.entropy.digits import bit_length
from sofc.jit.decorators import kernel
from sofc.jit.types import Table, Vector

ACTIVITIES = 21
"""Contexts: bits of the sum of three differences of samples of 18 bits, signs included."""
DIRECT_BITS = 7
TOKENS = (1 << DIRECT_BITS) + 20
"""Residuals of DIRECT_BITS bits, the sign as the lowest, and for each number of more bits another."""


@kernel
def count_residuals(plane: Vector[np.int32], width: int, image_rows: int, counts: Table[np.int32]) -> int:
    """Count, by activity, the residuals of the median predictor (MED of JPEG-LS, ITU-T T.87), save those of first rows
    and of first and last columns.

    ``plane`` (rows * width,): samples of 18 bits at most, signs included, of images of ``image_rows`` rows;
    ``counts`` (ACTIVITIES, TOKENS): zeros before. Returns how many plain bits follow the tokens.
    """
    plain = 0
    for y in range(plane.shape[0] // width):
        if y % image_rows == 0:
            continue
        above, row = plane[(y - 1) * width :], plane[y * width :]
        for x in range(1, width - 1):
            w, n, nw, ne = int(row[x - 1]), int(above[x]), int(above[x - 1]), int(above[x + 1])
            activity = abs(w - nw) + abs(n - nw) + abs(ne - n)
            residual = int(row[x]) - max(min(w, n), min(max(w, n), w + n - nw))
            folded = (residual << 1) ^ (residual >> 63)
            bits, token = bit_length(folded), folded
            if bits > DIRECT_BITS:
                token = (1 << DIRECT_BITS) + bits - DIRECT_BITS - 1
                plain += bits - 1
            counts[min(ACTIVITIES - 1, bit_length(activity)), min(TOKENS - 1, token)] += 1
    return plain
