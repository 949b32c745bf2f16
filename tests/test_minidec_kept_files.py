"""The small decoder restores kept files from the text alone, as the library does."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from typing import Any

import minidec
import numpy as np
import pytest
from minidec import kept_files

from sofc.container.original import Jpeg, Original, to_metadata
from sofc.container.records import Metadata
from sofc.keepfile import keep, lzw
from tests import test_keepfile as files
from tests import test_keepfile_jpeg as jpeg_files

RANDOM = np.random.default_rng(8)


def restored(items: Sequence[Metadata], images: Sequence[np.ndarray]) -> bytes:
    """What minidec makes of kept items and images."""
    metadata = [minidec.Metadata(int(item.kind), item.key, item.value) for item in items]
    little = sys.byteorder == "little"
    arrays = [
        minidec.Image(image.shape, image.dtype.name, (image if little else image.byteswap()).tobytes())
        for image in images
    ]
    kept = kept_files.restore(metadata, arrays)
    assert kept is not None
    found: bytes = kept.data
    return found


# Wide samples become images of words only on the command line.
@pytest.mark.parametrize("name", [name for name in files.FILES if not name.startswith("wide")])
def test_files(tmp_path: Any, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(files.FILES[name]())
    images = files.images_of(path)
    kept = keep(name, path.read_bytes(), images)
    assert restored(kept.items, images) == path.read_bytes()


@pytest.mark.parametrize(
    "settings",
    [
        {"quality": 75, "subsampling": 2},
        {"quality": 90, "subsampling": 1, "optimize": True},
        {"quality": 100, "subsampling": 0},
        {"quality": 80, "restart_marker_blocks": 3},
        {"qtables": [[1 + place // 3 for place in range(64)]]},
    ],
    ids=["halved", "optimised", "settled", "restarts", "steps"],
)
@pytest.mark.parametrize("array", [jpeg_files.GRAY[:25, :19], jpeg_files.COLOUR[:37, :21]], ids=["gray", "colour"])
def test_jpeg_data(array: np.ndarray, settings: dict[str, Any]) -> None:
    data = jpeg_files.written(array, **settings)
    image = jpeg_files.read(data)
    parts = jpeg_files.jpeg.find_samples(data, [image])  # even where keeping the file whole takes less
    assert parts is not None and isinstance(parts[0], Jpeg)
    items = to_metadata(Original("a.jpg", len(data), hashlib.sha256(data).digest(), parts))
    assert restored(items, [image]) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a",
        bytes(70000),
        RANDOM.integers(0, 256, 30000).astype(np.uint8).tobytes(),
        # First compressible, then not: libtiff clears its table before it is full.
        bytes(3000) * 5 + RANDOM.integers(0, 3, 40000).astype(np.uint8).tobytes() + RANDOM.bytes(9000),
        (np.arange(150000) % 251 // 3).astype(np.uint8).tobytes(),
    ],
    ids=["empty", "one", "zeros", "noise", "mixed", "ramps"],
)
def test_lzw_data(data: bytes) -> None:
    assert kept_files.compress_lzw(data) == lzw.compress(data)


def test_broken_recipes_end_with_a_format_error() -> None:
    image = files.GRAY
    items = keep("a.png", files.FILES["gray.png"](), [image]).items
    value = items[0].value
    for place in range(len(value)):
        changed = value[:place] + bytes([value[place] ^ 1 << place % 8]) + value[place + 1 :]
        with pytest.raises(minidec.FormatError):
            restored([Metadata(items[0].kind, "", changed)], [image])
