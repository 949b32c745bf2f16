"""Which images of a group follow from the one before, as bands of a spectrum and frames do: the encoder's policy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sofc.band.follow import FACTOR_BITS, ONE_BITS, Follow
from sofc.band.steps import Form
from sofc.planes import Plane

LEAST_BITS = 8
PROBE_ROWS, PROBE_WIDTH = 64, 256
"""Images are judged by so many samples from their middle."""
FOLLOWS = 0.9
"""An image follows where neighbours differ by so much less once what follows is taken off; and so a group."""


def find_following(planes: Sequence[Plane], form: Form) -> Follow | None:
    """The step that makes of a group what its images differ by; None where these have little in common."""
    if form.images < 2 or form.bits < LEAST_BITS or min(form.image_rows, form.width) < 2:
        return None
    top, left = max(0, form.image_rows - PROBE_ROWS) // 2, max(0, form.width - PROBE_WIDTH) // 2
    probes = np.stack([plane.reshape(form.images, form.image_rows, form.width) for plane in planes], axis=1)[
        :, :, top : top + PROBE_ROWS, left : left + PROBE_WIDTH
    ].astype(np.int64)
    slopes = np.diff(probes, axis=3)
    numbers, own, left_over = [], 0, 0
    for before, image, flat_before, flat in zip(probes, probes[1:], slopes, slopes[1:], strict=False):
        factor, offset = 0, 0
        rough = rest = int(np.abs(flat).sum())
        if energy := int((flat_before * flat_before).sum()):
            wanted = (int((flat_before * flat).sum()) << ONE_BITS) // energy
            factor = min(max(0, wanted), (1 << FACTOR_BITS) - 1)
            departs = image - (before * factor >> ONE_BITS)
            rest = int(np.abs(np.diff(departs, axis=2)).sum())
            offset = (int(np.median(departs)) - (1 << form.bits - 1)) % (1 << form.bits)
        if rest >= FOLLOWS * rough:
            factor, offset, rest = 0, 0, rough
        numbers.append((factor, offset))
        own, left_over = own + rough, left_over + rest
    if left_over >= FOLLOWS * own:
        return None
    factors, offsets = zip(*numbers, strict=True)
    return Follow(factors, offsets)
