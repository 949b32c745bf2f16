"""Files of many images are gone through a few times, not once for each image."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import GifImagePlugin, Image, TiffImagePlugin
from test_imagefiles_medical import pydicom, write_dicom

import sofc
from sofc.cli.__main__ import main
from sofc.imagefiles.lasting import Lasting

FRAMES = np.random.default_rng(2).integers(0, 256, (60, 9, 7)).astype(np.uint8)


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, calls: Counter[str]) -> None:
    """Count the calls of a function."""
    function = getattr(owner, name)

    def counting(*arguments: Any, **settings: Any) -> Any:
        calls[name] += 1
        return function(*arguments, **settings)

    monkeypatch.setattr(owner, name, counting)


def encoded(path: Path) -> np.ndarray:
    assert main(["encode", "-q", "-f", "--coder", "raw", str(path), "-o", str(path.with_suffix(".sofc"))]) == 0
    return sofc.read(path.with_suffix(".sofc"))


@pytest.mark.parametrize("kind", ["pages", "run", "imagej", "bits"])
def test_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path, frames = tmp_path / "a.tif", FRAMES > 99 if kind == "bits" else FRAMES
    if kind in ("pages", "bits"):
        with tifffile.TiffWriter(path) as file:
            for frame in frames:
                file.write(frame, photometric="minisblack", contiguous=False, metadata=None)
    else:
        tifffile.imwrite(path, frames, photometric="minisblack", imagej=kind == "imagej")
    calls: Counter[str] = Counter()
    counted(monkeypatch, tifffile.TiffFile, "__init__", calls)
    counted(monkeypatch, TiffImagePlugin.TiffImageFile, "_open", calls)
    counted(monkeypatch, tifffile.TiffPageSeries, "asarray", calls)
    assert np.array_equal(encoded(path), frames)
    assert calls["__init__"] <= 8 and calls["_open"] <= 3 and calls["asarray"] <= 1


def test_gif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [Image.fromarray(frame) for frame in FRAMES]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:])
    calls: Counter[str] = Counter()
    counted(monkeypatch, GifImagePlugin.GifImageFile, "_seek", calls)
    encoded(tmp_path / "a.gif")
    assert calls["_seek"] <= 8 * len(FRAMES)


@pytest.mark.parametrize("kind", ["gray", "bits", "packed"])
def test_dicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    module = pydicom()
    path, frames = tmp_path / "a.dcm", FRAMES > 99 if kind == "bits" else FRAMES
    write_dicom(path, frames, bits=1 if kind == "bits" else 8)
    if kind == "packed":
        data_set = module.dcmread(path)
        data_set.compress(module.uid.RLELossless)
        data_set.save_as(path)
    calls: Counter[str] = Counter()
    counted(monkeypatch, module, "dcmread", calls)
    counted(monkeypatch, module.pixels, "pixel_array", calls)
    assert np.array_equal(encoded(path), frames)
    assert calls["dcmread"] <= 13 and calls["pixel_array"] <= 1


def test_a_file_that_changes_is_opened_anew(tmp_path: Path) -> None:
    closed = []
    lasting = Lasting(Path.read_bytes, closed.append)
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"a")
    two.write_bytes(b"b")
    assert [lasting.of(one), lasting.of(one), lasting.of(two)] == [b"a", b"a", b"b"]
    two.write_bytes(b"changed")
    assert lasting.of(two) == b"changed"
    lasting.drop()
    lasting.drop()
    assert closed == [b"a", b"b", b"changed"]


def test_one_file_after_the_other(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        with tifffile.TiffWriter(tmp_path / name) as file:
            for frame in FRAMES[:4]:
                file.write(frame if name == "a.tif" else 255 - frame, contiguous=False, metadata=None)
    from sofc.imagefiles import ImageSource, load

    for index in (3, 0, 2, 1, 1):
        first, second = (load(ImageSource(tmp_path / name, index)).array for name in ("a.tif", "b.tif"))
        assert np.array_equal(first, FRAMES[index]) and np.array_equal(second, 255 - FRAMES[index])
