"""The examples do what they say."""

from __future__ import annotations

import subprocess
import sys
from multiprocessing import get_all_start_methods
from pathlib import Path

import numpy as np
import pytest

import sofc

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"


def run(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f'"{path.name}"' in text


def test_training_on_a_folder(tmp_path: Path) -> None:
    printed = run("train_on_a_folder.py", tmp_path).stdout
    assert "held-out images" in printed
    images = sorted((tmp_path / "packed").glob("*.sofc"))
    assert len(images) == 3
    for path in images:
        with sofc.open_reader(path) as reader:
            assert [reference.name for reference, _ in reader.codebooks] == ["scans"]


def test_streaming_from_a_camera(tmp_path: Path) -> None:
    lines = run("stream_from_a_camera.py", tmp_path).stdout.splitlines()
    assert lines[0] == "an image of width 1024, 12 bits"
    assert [line.split(",")[0] for line in lines[1:6]] == [f"rows {y} to {y + 63}" for y in range(0, 320, 64)]
    assert lines[6].startswith("the image has 320 rows")


def test_a_zarr_store(tmp_path: Path) -> None:
    pytest.importorskip("zarr", minversion="3", reason='needs the extra "zarr": pip install "sofc[zarr]"')
    run("zarr_store.py", tmp_path)
    chunks = [path for path in (tmp_path / "stack.zarr" / "c").rglob("*") if path.is_file()]
    assert len(chunks) == 3
    assert all(sofc.is_sofc(path.read_bytes()) for path in chunks)


def test_a_data_loader(tmp_path: Path) -> None:
    lines = run("data_loader.py", tmp_path).stdout.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["100 images in batches of 16"] * len(get_all_start_methods())


def test_a_dicom_series(tmp_path: Path) -> None:
    pytest.importorskip("pydicom", minversion="3", reason='needs the extra "dicom": pip install "sofc[dicom]"')
    assert "slice 6 is instance 7" in run("dicom_series.py", tmp_path).stdout
    with sofc.open_reader(tmp_path / "series.sofc") as reader:
        assert len(reader) == 12
        assert reader.header.format.signed


def test_a_batch_in_threads(tmp_path: Path) -> None:
    done = run("batch_in_threads.py", tmp_path)
    assert done.stdout.startswith("12 of 13 images")
    assert done.stderr.startswith("left out: ")
    assert "broken.png" in done.stderr
    packed = sorted((tmp_path / "packed").iterdir())
    assert len(packed) == 12
    assert sofc.read(packed[0]).dtype == np.uint8
    # Only what is missing is done again.
    packed[3].unlink()
    again = run("batch_in_threads.py", tmp_path, "images", "packed")
    assert again.stdout.startswith("1 of 2 images")
    assert len(list((tmp_path / "packed").iterdir())) == 12


def test_an_archive_in_a_loader(tmp_path: Path) -> None:
    words = run("archive_in_a_loader.py", tmp_path).stdout.split()
    assert words[0] == "192"
    assert int(words[3]) > 170
