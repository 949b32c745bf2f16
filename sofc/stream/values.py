"""Whether an image is better not in one group with others, whose values it leaves out. Nothing here is normative.

A band's numbers of those values that occur take less than the values where many are missing, and its models spend
nothing on values that never come. In a group it is what occurs in any of its images that counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.band.coding import Samples
from sofc.entropy.logarithms import LOG_ONE, log2
from sofc.image import PixelFormat
from sofc.stream.layout import is_flat

LEAST_SAMPLES = 1 << 15
"""Of a component: fewer do not tell which values are left out from those that are rare."""
MOST_VALUES = 1 << 20
"""Of all components together: what counting takes."""
REACH = 8
"""A value is judged by so many on either side."""
EXPECTED = 4
"""A value is left out where those around it come so often on average that it would be missing once in fifty times."""
PEAK = 4
"""So many times as often as values occur on average one counts at most: backgrounds say nothing of their
neighbours, and take little."""
LOSS_SHIFT = 4
"""A group is ended before an image where one in it would lose more than 2**-4 bits a sample: more than images of this
size gain by a group where they are frames, .04 bits."""

_WIDTH = 2 * REACH + 1
_SAVED = log2(np.array([_WIDTH])) - log2(np.arange(1, _WIDTH + 1))


@dataclass(frozen=True, eq=False)
class Values:
    """How often each value occurs in images, shape (components, 2**coded_bits), int64, peaks cut off; ``samples``: of
    the images."""

    counts: npt.NDArray[np.int64]
    samples: int

    @classmethod
    def of(cls, image: Samples, pixel_format: PixelFormat) -> Values | None:
        """Those of an image, (rows, width[, components]); None where they tell nothing of groups: in wide samples,
        small images, and in flat ones, which take little with any values."""
        size = 1 << pixel_format.coded_bits
        samples = image.shape[0] * image.shape[1]
        if pixel_format.wide is not None or samples < LEAST_SAMPLES or size * pixel_format.components > MOST_VALUES:
            return None
        if is_flat(image):
            return None
        planes = image.reshape(samples, -1).T
        low = np.int32(pixel_format.low)
        counts = np.stack([np.bincount(plane.astype(np.int32) - low, minlength=size) for plane in planes])
        occurring = np.count_nonzero(counts, axis=1)
        most = -(-PEAK * samples // occurring)
        return cls(np.minimum(counts, most[:, None]), image.size)

    def with_others(self, others: Values) -> Values:
        """Those of both."""
        return Values(self.counts + others.counts, self.samples + others.samples)

    def lose_with(self, others: Values) -> bool:
        """Whether these images, or the others, take clearly more where those values occur, too, that they leave out."""
        return self._loses(others) or others._loses(self)

    def _loses(self, others: Values) -> bool:
        left_out = (self.counts == 0) & (_around(self.counts) >= EXPECTED * _WIDTH)
        lost = _around((left_out & (others.counts > 0)).astype(np.int64))
        bits = int((self.counts * _SAVED[_WIDTH - 1 - lost]).sum())
        return bits << LOSS_SHIFT > self.samples * LOG_ONE


def _around(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sums of numbers, (components, values), and of those within ``REACH``."""
    sums = np.cumsum(np.pad(numbers, ((0, 0), (REACH + 1, REACH))), axis=1)
    return sums[:, _WIDTH:] - sums[:, :-_WIDTH]
