"""What stands behind the end of an image file is named, and nothing where nothing does."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from sofc.imagefiles import remarks
from sofc.imagefiles.ends import behind

COLOURS = np.arange(9 * 7 * 3, dtype=np.uint8).reshape(9, 7, 3)
FILES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("PNG", {}),
    ("PNG", {"save_all": True, "append_images": [Image.fromarray(255 - COLOURS)]}),
    ("GIF", {}),
    ("GIF", {"save_all": True, "append_images": [Image.fromarray(255 - COLOURS)], "comment": b"x" * 300}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"save_all": True, "append_images": [Image.fromarray(255 - COLOURS)]}),
    ("BMP", {}),
)


def made(file_format: str, settings: dict[str, Any], mode: str = "RGB") -> bytes:
    """A file of that format."""
    file = io.BytesIO()
    Image.fromarray(COLOURS).convert(mode).save(file, file_format, **settings)
    return file.getvalue()


@pytest.mark.parametrize(("file_format", "settings"), FILES)
def test_what_stands_behind(tmp_path: Path, file_format: str, settings: dict[str, Any]) -> None:
    path, data = tmp_path / "a", made(file_format, settings)
    for rest in (b"", bytes(5), b"\0\0more\0", data):
        path.write_bytes(data + rest)
        expected = len(rest.rstrip(b"\0"))
        assert behind(path) == expected
        said = [one for one in remarks(path) if "behind its end" in one]
        assert said == ([] if not expected else [said[0]]) and all(f" {expected} bytes" in one for one in said)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA"])
@pytest.mark.parametrize("file_format", ["PNG", "GIF", "BMP"])
def test_other_kinds_of_pixels(tmp_path: Path, file_format: str, mode: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(made(file_format, {}, mode))
    assert behind(path) == 0
    path.write_bytes(made(file_format, {}, mode) + b"more")
    assert behind(path) == 4


def test_size_in_the_head_of_a_bmp_file_may_be_wrong(tmp_path: Path) -> None:
    path, data = tmp_path / "a", made("BMP", {})
    for size in (0, 54, len(data) + 3):  # the last covers what a program put there
        path.write_bytes(data[:2] + size.to_bytes(4, "little") + data[6:] + b"end")
        assert behind(path) == (0 if size > len(data) else 3)


@pytest.mark.parametrize(("file_format", "settings"), FILES)
def test_files_that_are_cut_off_or_damaged(tmp_path: Path, file_format: str, settings: dict[str, Any]) -> None:
    path, data = tmp_path / "a", made(file_format, settings)
    for end in range(len(data)):
        path.write_bytes(data[:end])
        assert behind(path) == 0


@pytest.mark.skipif(not features.check("avif"), reason="Pillow is without AVIF here")
def test_avif_file_behind_another(tmp_path: Path) -> None:
    path, data = tmp_path / "a", made("AVIF", {})
    for rest, expected in ((b"", 0), (data, len(data)), (data[:30], 30)):
        path.write_bytes(data + rest)
        assert behind(path) == expected
    for end in range(len(data)):
        path.write_bytes(data[:end])
        assert behind(path) == 0


def test_chunks_of_webp_have_an_even_length(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"RIFF\5\0\0\0WEBPx\0more")
    assert behind(path) == 4


def test_a_bmp_file_with_runs_ends_where_its_head_says(tmp_path: Path) -> None:
    path, data = tmp_path / "a", made("BMP", {}, "L")
    data = data[:30] + b"\1" + data[31:]
    for size, expected in ((len(data) - 9, 12), (0, 0)):  # 0: where it ends is not known
        path.write_bytes(data[:2] + size.to_bytes(4, "little") + data[6:] + b"end")
        assert behind(path) == expected


@pytest.mark.skipif(not features.check("avif"), reason="Pillow is without AVIF here")
def test_boxes_may_have_long_sizes(tmp_path: Path) -> None:
    path, data = tmp_path / "a", made("AVIF", {})
    path.write_bytes(data + b"\0\0\0\1free" + (18).to_bytes(8, "big") + b"ab" + data)
    assert behind(path) == len(data)
