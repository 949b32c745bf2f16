"""One reader, many threads and processes: each gets the images that it asks for."""

from __future__ import annotations

import io
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import sofc

Image = npt.NDArray[np.uint8]
COUNT = 40
shared: sofc.Reader


def images() -> list[Image]:
    """Some of equal size, which are grouped, and some of a size of their own."""
    random = np.random.default_rng(5)
    sizes = [(9, 7) if number % 10 else (30 + number, 20) for number in range(COUNT)]
    return [random.integers(0, 1 + number, size).astype(np.uint8) for number, size in enumerate(sizes)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "images.sofc").write_bytes(sofc.encode_images(images(), effort=1, key_interval=4))
    return tmp_path / "images.sofc"


def wanted() -> list[int]:
    return np.random.default_rng(1).integers(0, COUNT, 600).tolist()


def sum_of(image: int) -> int:
    """Of an image of the reader that this process was forked with."""
    return int(shared[image].sum())


def sum_in(reader: sofc.Reader, image: int) -> int:
    return int(reader[image].sum())


@pytest.mark.parametrize("source", [Path, Path.read_bytes, lambda path: io.BytesIO(path.read_bytes()), Path.open])
def test_threads(path: Path, source: Callable[[Path], sofc.api.sources.Source]) -> None:
    opened = path.open("rb") if source is Path.open else source(path)
    with sofc.open_reader(opened) as reader, ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(lambda image: sum_in(reader, image), wanted()))
    assert sums == [int(images()[image].sum()) for image in wanted()]


class FewAtOnce(io.RawIOBase):
    """A file that gives at most so many bytes at once, as those without a buffer may."""

    def __init__(self, data: bytes, most: int) -> None:
        self._file = io.BytesIO(data)
        self._most = most

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(min(size, self._most))


@pytest.mark.parametrize("most", [1, 100, 1 << 14])
def test_files_that_give_less_than_they_are_asked_for(most: int) -> None:
    image = np.random.default_rng(2).integers(0, 256, (2, 150, 130), dtype=np.uint8)
    with sofc.open_reader(FewAtOnce(sofc.encode(image, batch=True, coder="raw"), most)) as reader:
        assert [np.array_equal(one, other) for one, other in zip(reader, image, strict=True)] == [True, True]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_forked_processes(path: Path) -> None:
    """They inherit the file's position, and would read each other's bytes if they moved it."""
    global shared
    with sofc.open_reader(path) as shared:
        assert sum_of(0) == int(images()[0].sum())
        with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork")) as pool:
            sums = list(pool.map(sum_of, wanted(), chunksize=5))
    assert sums == [int(images()[image].sum()) for image in wanted()]


def test_spawned_processes(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with sofc.open_reader(path) as reader, ProcessPoolExecutor(1, mp_context=context) as pool:
        sums = list(pool.map(sum_in, [reader] * 3, [0, 11, 39]))
    assert sums == [int(images()[image].sum()) for image in (0, 11, 39)]


def test_pickling(path: Path) -> None:
    for source in (path, str(path), path.read_bytes()):
        with sofc.open_reader(source) as reader, pickle.loads(pickle.dumps(reader)) as again:
            assert all((one == other).all() for one, other in zip(reader, again, strict=True))
    with path.open("rb") as file, sofc.open_reader(file) as reader, pytest.raises(TypeError, match="from a path"):
        pickle.dumps(reader)


def test_a_sequence(path: Path) -> None:
    with sofc.open_reader(path) as reader:
        assert len(reader) == len(list(reader)) == COUNT
        assert all((one == other).all() for one, other in zip(reader, images(), strict=True))
        assert (reader[-1] == images()[-1]).all()
        assert (reader[np.int64(3)] == images()[3]).all()
        assert [image.shape for image in reader[8:12]] == [image.shape for image in images()[8:12]]
        for wrong in (COUNT, -COUNT - 1):
            with pytest.raises(IndexError, match="there is no image"):
                reader[wrong]
