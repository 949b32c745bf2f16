"""What Y, Cb and Cr tell of each other is told where much is to be told; paint is sought where colours change much."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sofc.jpeg import agreement
from sofc.jpeg.bounds import MOST_PAINTS, Seen, bounded, clipped, painted
from sofc.jpeg.dct import LARGEST, SIDE
from sofc.jpeg.known import read_known
from sofc.transforms.components import LATTICE

SIZE = 256


def blown_out() -> tuple[bytes, np.ndarray]:
    """A JPEG image of which parts are white, and its samples."""
    down, across = np.mgrid[:SIZE, :SIZE]
    waves = [120 * np.sin(down / (11 + k)) * np.sin(across / (13 + k)) + 40 * np.cos(across / 31) for k in range(3)]
    noise = np.random.default_rng(5).normal(size=(SIZE, SIZE, 1)) * 12
    image = np.clip(170 + np.stack(waves, axis=2) + noise - 20 * np.arange(3), 0, LARGEST).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=80, subsampling=0)
    with Image.open(file) as decoded:
        return file.getvalue(), np.asarray(decoded)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="solves blocks: slow")
@pytest.mark.parametrize(("count", "is_told"), [(1, False), (40, True)])
def test_colours_are_told_by_turns_where_much_is_to_tell(count: int, is_told: bool) -> None:
    """Blocks of Y that are cut and do not come out: one of a large image is left, many are found again."""
    data, image = blown_out()
    known = read_known(data)
    assert known is not None
    shown = LATTICE.forward([np.ascontiguousarray(plane, np.int32) for plane in np.moveaxis(image, 2, 0)])
    seen = Seen.of(shown)
    cut = clipped(seen.samples).reshape(SIZE // SIDE, SIDE, -1, SIDE).sum(axis=(1, 3))
    rows, columns = np.nonzero((cut >= SIDE) & (cut <= 4 * SIDE))
    right = known.origins[0].coefficients
    wrong = right.copy()
    wrong[rows[:count], columns[:count], 0] += 2
    assert len(rows) >= count and not seen.covered.any()
    origins = [replace(known.origins[0], coefficients=wrong), *known.origins[1:]]
    found = agreement.agreed(bounded(shown[:3], seen), shown[:3], seen, origins).origins[0].coefficients
    mended = np.count_nonzero((found == right).all(axis=2)) - np.count_nonzero((wrong == right).all(axis=2))
    assert mended > count // 2 if is_told else np.array_equal(found, wrong)


def test_paint_is_sought_beside_large_changes() -> None:
    """A box of one colour among more flat areas, each larger than it, than colours are looked at."""
    bands = np.repeat(np.arange(2 * MOST_PAINTS, dtype=np.int32) * 5 + 60, 12)
    image = np.tile(bands, (64, 1))
    image[20:30, 40:50] = 200
    box = np.zeros(image.shape, np.bool_)
    box[20:30, 40:50] = True
    assert np.array_equal(painted([image]), box)
    assert np.array_equal(painted([image, image + 3, image - 7]), box)
