"""The small decoder restores kept files from the text alone, as the library does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import minidec
import numpy as np
import pytest
import test_keepfile as files
import test_keepfile_jpeg as jpeg_files
from hypothesis import given
from hypothesis import strategies as st
from minidec import kept_files
from minidec.codebook import Codebook, read_codebook

import sofc
from sofc.container.records import Metadata
from sofc.errors import FormatError
from sofc.keepfile import deflate, facsimile, gif_lzw, keep, keep_coefficients, lzw, runs

RANDOM = np.random.default_rng(8)
HEAD = 40
"""Bytes of an item before its stream."""


def restored(items: Sequence[Metadata], images: Sequence[np.ndarray], codebooks: Sequence[Any] = ()) -> bytes:
    """What minidec makes of kept items, images and codebooks."""
    metadata = [minidec.Metadata(int(item.kind), item.key, item.value) for item in items]
    little = sys.byteorder == "little"
    arrays = [
        minidec.Image(image.shape, image.dtype.name, (image if little else image.byteswap()).tobytes())
        for image in images
    ]
    kept = kept_files.restore(metadata, arrays, codebooks)
    assert kept is not None
    found: bytes = kept.data
    return found


def small(codebook: sofc.Codebook) -> Codebook:
    """A built-in codebook as minidec reads it."""
    return _small(codebook.to_bytes())


@cache
def _small(data: bytes) -> Codebook:
    def based(number: int) -> Codebook:
        raise AssertionError(f"a built-in codebook that is based on that of number {number}")

    return read_codebook(data, based)


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
        {"quality": 90, "progressive": True},
        {"quality": 60, "progressive": True, "restart_marker_blocks": 2},
    ],
    ids=["halved", "optimised", "finest", "restarts", "steps", "progressive", "progressive-restarts"],
)
@pytest.mark.parametrize("array", [jpeg_files.GRAY[:33, :29], jpeg_files.COLOUR[:37, :31]], ids=["gray", "colour"])
def test_jpeg_data(array: np.ndarray, settings: dict[str, Any]) -> None:
    data = jpeg_files.written(array, **settings)
    found = keep_coefficients("a.jpg", data, None, 5)
    assert found is not None
    assert restored(found.items, [], [small(found.codebook)]) == data


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
    for rule in lzw.FULL:
        assert kept_files.compress_lzw(data, rule) == lzw.compress(data, rule)


@given(
    st.lists(st.integers(0, 4), max_size=90).map(bytes),
    st.sampled_from([2, 3]),
    st.integers(0, 9),
    st.lists(st.integers(0, 3), max_size=9).map(bytes),
)
def test_gif_lzw_data(data: bytes, bits: int, run: int, changes: bytes) -> None:
    try:
        packed = gif_lzw.compress(data, bits, run, changes)
    except FormatError:
        with pytest.raises(minidec.FormatError):
            kept_files.compress_gif_lzw(data, bits, run, changes)
    else:
        assert kept_files.compress_gif_lzw(data, bits, run, changes) == packed


def test_gif_lzw_data_with_a_full_table() -> None:
    data = RANDOM.integers(0, 99, 9000, np.uint8).tobytes()
    for run, changes in ((0, b""), (3838, b""), (254, b"\x05\x00\x90\x1f\x00")):
        assert kept_files.compress_gif_lzw(data, 7, run, changes) == gif_lzw.compress(data, 7, run, changes)


def test_facsimile_data() -> None:
    image = RANDOM.random((30, 77)) < np.linspace(0, 1, 30)[:, None] ** 2
    wide = np.zeros((12, 5300), bool)
    for number in range(12):
        wide[number, number * 9 : (number * 9 + 450) * number] = True
    # Runs of all codes, below white rows, which cannot tell of them.
    lengths = np.array([*range(64), *range(64, 2688, 64)])[:, None]
    places = np.arange(5400)
    runs_of_all_codes = np.zeros((2 * len(lengths), 5400), bool)
    runs_of_all_codes[1::2] = (places >= lengths) & (places < lengths + lengths[::-1])
    for pixels in (image, wide, ~wide, image[:, :1], runs_of_all_codes):
        data = np.packbits(pixels, axis=1).tobytes()
        columns = pixels.shape[1]
        assert kept_files.compress_facsimile(data, columns) == facsimile.compress(data, columns)
    for rows, columns in ((b"a", 0), (b"abc", 9)):
        with pytest.raises(minidec.FormatError):
            kept_files.compress_facsimile(rows, columns)
        with pytest.raises(FormatError, match="whole rows"):
            facsimile.compress(rows, columns)


def test_frames_without_images() -> None:
    data = files.FILES["plain.gif"]()
    items = keep("a.gif", data, []).items
    assert items[0].value[0] == kept_files.APART
    assert restored(items, []) == data
    file = minidec.decode_file(sofc.Encoder(codebook=None, metadata=items).finish(), [])
    assert not file.images and len(file.metadata) == 1


@given(files.octets, st.integers(0, 4), st.sampled_from([1, 3]), st.integers(0, 9), st.integers(0, 3))
def test_runs_data(data: bytes, form: int, unit: int, row: int, pairs: int) -> None:
    data, settings = data * unit, (form, unit, row, pairs)
    for heads in (bytes(size) for size in range(len(data) // unit, -1, -1)):
        try:
            packed = runs.compress(data, settings, heads)
        except FormatError:
            with pytest.raises(minidec.FormatError):
                kept_files.compress_runs(data, list(settings), heads)
        else:
            assert kept_files.compress_runs(data, list(settings), heads) == packed
            break


def test_stored_blocks() -> None:
    data = RANDOM.bytes(70000)
    for lengths in ([70000 - 65535, 0, 65535], [65535, 70000 - 65535]):
        assert kept_files.cut_blocks(data, lengths) == deflate.stored(data, lengths)
    with pytest.raises(minidec.FormatError):
        kept_files.cut_blocks(data, [70000])


def test_broken_recipes_end_with_a_format_error() -> None:
    image = files.GRAY
    items = keep("a.png", files.FILES["gray.png"](), [image]).items
    value, unharmed = items[0].value, 0
    for place in range(len(value)):
        changed = value[:place] + bytes([value[place] ^ 1 << place % 8]) + value[place + 1 :]
        try:
            # What repeats in zlib's dictionary can be named in more than one way.
            assert restored([Metadata(items[0].kind, "", changed)], [image]) == files.FILES["gray.png"]()
            assert place > HEAD
            unharmed += 1
        except minidec.FormatError:
            continue
    assert unharmed < 4


@pytest.mark.parametrize("factors", [[0x41, 0x11, 0x11], [0x31, 0x21, 0x11], [0x22, 0x21, 0x22]])
def test_jpeg_data_of_any_sampling(factors: list[int]) -> None:
    data = jpeg_files.with_factors(factors, (20, 41))
    found = keep_coefficients("a.jpg", data, None, 5)
    assert found is not None
    assert restored(found.items, [], [small(found.codebook)]) == data


def test_damaged_jpeg_data() -> None:
    """Each as far as it can be read: bytes changed at random, which makes notes and ends of all kinds."""
    random = np.random.default_rng(3)
    book = None
    for settings in ({}, {"progressive": True}, {"progressive": True, "restart_marker_blocks": 3}):
        data = jpeg_files.written(jpeg_files.COLOUR, quality=90, **settings)
        start = data.index(b"\xff\xda")
        for _ in range(6):
            changed = bytearray(data)
            for place in random.integers(start, len(data), 3):
                changed[place] = int(random.integers(0, 256))
            found = keep_coefficients("a.jpg", bytes(changed), None, 5)
            if found is None:
                continue
            book = book or small(found.codebook)
            assert restored(found.items, [], [book]) == changed
    assert book is not None


@pytest.mark.parametrize("settings", jpeg_files.ARITHMETIC)
@pytest.mark.parametrize("conditions", [b"", b"\0\x53\x01\x11\x10\x01\x11\x3f"])
def test_arithmetic_codes(settings: dict[str, Any], conditions: bytes) -> None:
    data = jpeg_files.arithmetic(jpeg_files.written(jpeg_files.COLOUR[:37, :41], **settings), conditions)
    for stream in (data, data[: len(data) - 60]):
        found = keep_coefficients("a.jpg", stream, None, 5)
        assert found is not None
        assert restored(found.items, [], [small(found.codebook)]) == stream
