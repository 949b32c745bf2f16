"""How an encoder cuts images into bands and groups. Nothing here is normative."""

from __future__ import annotations

import numpy as np

from sofc.band.coding import Samples
from sofc.image import ImageHeader
from sofc.limits import Limits

BAND_PIXELS = 1 << 18
BINARY_BAND_PIXELS = 1 << 22
"""Binary samples are coded fast and take few bits, so that a restart weighs more."""
GENERAL_BAND_PIXELS = 1 << 20
"""Models of other images, and of few, and those of coefficients, leave each band more to learn than others do. Those
that learn nothing take more for its first rows: Kodak in two bands 0.26 %, DRIVE 0.4 % and a sixth of the time to
decode."""
PLANES_SAMPLES = 3 * GENERAL_BAND_PIXELS
"""Up to so many samples may be three planes one above the other, which only a band of all of them shows."""
MIN_BAND_ROWS = 64
BAND_ROWS_STEP = 8
SMALL_IMAGE_SAMPLES = 1 << 16
GROUP_SAMPLES = 1 << 20
FRAME_SAMPLES = 1 << 18
FRAMES = 16
"""Images of at most FRAME_SAMPLES that follow each other are worth a group, of at most this many where they are large:
within it each may be predicted from the ones before, and to read one all of the group are decoded."""
TRACED_GROUP_SAMPLES = 9 << 14
"""Three tiles of 128 x 128 from JPEG files: by themselves they take 1.01 times as much in groups of 2, and 0.996 times
in those of 4, and to read one takes 0.75 and 1.2 times as long (30 of BCCD). What long groups tell, going on from one
brings without that: ``stream/going_on.py``."""

FAST_GROUP_SAMPLES = 1 << 15
"""Images coded by models that learn nothing from those before: a tile of 128 x 128 by itself takes 0.997 of its single
file, 0.982 in a group of 21, out of which one is read ten times as slowly; cut anywhere out of JPEG files 1.13, as one
group has one grid of blocks (60 of BCCD)."""
MOST_EQUAL = 0.75
"""Share of samples equal to those on their left from which on images are flat: they take little, heads as much."""

PREDICTED_IN_GROUP = 8
"""A group may be so many times as large with images that are predicted from earlier ones."""


def default_band_rows(header: ImageHeader, *, general: bool = False) -> int:
    """Rows of a band: equal parts of at most 2**18 pixels (2**20 with ``general`` models, 2**22 where samples are
    binary), or parts of that size where the height is not known; a multiple of 8, at least 64 unless that breaks the
    default limits."""
    pixels = GENERAL_BAND_PIXELS if general else BAND_PIXELS
    if header.format.coded_bits == 1:
        pixels = BINARY_BAND_PIXELS
    wanted = max(1, pixels // header.width)
    if header.height is not None:
        wanted = -(-header.height // -(-header.height * header.width // pixels))
    rows = max(MIN_BAND_ROWS, -(-wanted // BAND_ROWS_STEP) * BAND_ROWS_STEP)
    allowed = Limits().max_band_samples // header.row_words
    return max(1, min(rows, allowed - allowed // 5))


def may_be_planes(header: ImageHeader) -> bool:
    """Whether an image of one component may be three planes, so that all of it is worth waiting for."""
    if header.height is None or header.format.components > 1 or header.format.coded_bits < 8:
        return False
    return header.height % 3 == 0 and header.row_samples * header.height <= PLANES_SAMPLES


def short_rows(band_rows: int) -> int:
    """A last band of fewer rows than this is joined to the band before: a quarter of a band."""
    return -(-band_rows // 4)


def group_images(header: ImageHeader) -> int:
    """Images in one group: about 2**20 samples, or up to 16 images of 2**22 samples in all."""
    size = header.row_samples * (header.height or 1)
    return max(1, GROUP_SAMPLES // size, min(FRAMES, FRAMES * FRAME_SAMPLES // size))


def traced_group_images(header: ImageHeader) -> int:
    """Images in one group where each follows from what was found of its origin: what one of them tells the next is
    little, and reading one by itself is slow."""
    return max(1, TRACED_GROUP_SAMPLES // (header.row_samples * (header.height or 1)))


def long_group_images(header: ImageHeader) -> int:
    """Images in one group of them from which others go on."""
    return max(1, GROUP_SAMPLES // (header.row_samples * (header.height or 1)))


def fast_group_images(header: ImageHeader) -> int:
    """Images in one group where one of them tells the next nothing."""
    return max(1, FAST_GROUP_SAMPLES // (header.row_samples * (header.height or 1)))


def is_flat(image: Samples) -> bool:
    """Whether most samples of an image, (rows, width[, components]), are equal to those on their left."""
    rows = image[::8]
    return bool(np.count_nonzero(rows[:, 1:] == rows[:, :-1]) >= MOST_EQUAL * rows[:, 1:].size)


def is_frame(header: ImageHeader) -> bool:
    """Whether images of this kind are worth a group where several follow each other."""
    return header.height is not None and header.row_samples * header.height <= FRAME_SAMPLES


def is_small(header: ImageHeader) -> bool:
    """Whether a whole image costs less as a group of one than as a band and an image end."""
    return header.height is not None and header.row_samples * header.height <= SMALL_IMAGE_SAMPLES
