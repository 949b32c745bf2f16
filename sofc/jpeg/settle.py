"""Coefficients that rounding took to the wrong side: with steps of 1 or 2 the rounding of samples blurs them so far.

A decoder's samples differ from the inverse transform of the right coefficients by half a sample at most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.jit.decorators import kernel

Integers = npt.NDArray[np.int64]

REST_BITS = 10
"""Differences of samples are in 2**-REST_BITS."""
TOLERANCE = 514
"""Differences that say nothing: half a sample, and what decoders round on the way."""
FARTHEST = 2048
"""Where a sample is farther beyond that, it did not come out of such coefficients: it was clipped, say."""
FINE = 2
"""The largest step of coefficients that are moved."""
MOVES = 6


@kernel
def settle(coefficients: npt.NDArray[np.int32], rests: Integers, steps: Integers, waves: Integers) -> int:
    """Move coefficients by one, the one that helps most first, as long as squares of what goes beyond TOLERANCE shrink.

    ``coefficients`` (blocks, 64), in any order that ``steps`` (64,) and ``waves`` (64, 64) have too: the samples that a
    coefficient of 1 adds to a block, in 2**-REST_BITS. ``rests`` (blocks, 64): samples less what coefficients make of
    them; they are used up. Returns 0.
    """
    for block in range(coefficients.shape[0]):
        rest = rests[block]
        beyond, farthest = np.int64(0), np.int64(0)
        for i in range(rest.shape[0]):
            excess = max(0, abs(rest[i]) - TOLERANCE)
            beyond += excess * excess
            farthest = max(farthest, excess)
        if farthest > FARTHEST:
            continue
        for _ in range(MOVES):
            least, best, direction = beyond, -1, 0
            for k in range(steps.shape[0]):
                if beyond == 0 or steps[k] > FINE:
                    continue
                for sign in (-1, 1):
                    change = sign * steps[k]
                    total = np.int64(0)
                    for i in range(rest.shape[0]):
                        excess = max(0, abs(rest[i] - change * waves[k, i]) - TOLERANCE)
                        total += excess * excess
                    if total < least:
                        least, best, direction = total, k, sign
            if best < 0:
                break
            coefficients[block, best] += direction
            for i in range(rest.shape[0]):
                rest[i] -= direction * steps[best] * waves[best, i]
            beyond = least
    return 0
