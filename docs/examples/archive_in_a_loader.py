"""Feed a training loop with batches of images out of an archive, read by several processes.

    python archive_in_a_loader.py [ARCHIVE]

The archive is handed to the processes once; each opens it for itself. A torch Dataset whose __getitem__ is
``archive[paths[number]]`` works in the same way.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt

import sofc

BATCH = 8
opened: sofc.Archive


def make_archive(tree: Path, folder: Path) -> Path:
    """Some small images, bright and dark ones, as ``sofc archive`` stores them."""
    from sofc.archive.making import archive

    random = np.random.default_rng(4)
    for number in range(32):
        level = 180 if number % 2 else 60
        path = tree / ("bright" if number % 2 else "dark") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        iio.imwrite(path, (level + random.integers(-20, 20, (16, 16))).astype(np.uint8))
    archive(tree, folder)
    return folder


def begin(archive: sofc.Archive) -> None:
    """In each process, once."""
    global opened
    opened = archive


def load(path: str) -> tuple[npt.NDArray[np.float32], int]:
    """An image and its label."""
    return opened[path].astype(np.float32) / 255, int(path.startswith("bright"))


def batches(archive: sofc.Archive, epochs: int) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
    """Shuffled batches."""
    random = np.random.default_rng(1)
    paths = [path for path in archive if path.endswith(".png")]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn, initializer=begin, initargs=(archive,)) as pool:
        for _ in range(epochs):
            random.shuffle(paths)
            for start in range(0, len(paths), BATCH):
                images, labels = zip(*pool.map(load, paths[start : start + BATCH]), strict=True)
                yield np.stack(images), np.array(labels)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else make_archive(Path("tree"), Path("archive"))
    weight, bias = 0.0, 0.0
    right = seen = 0
    with sofc.open_archive(folder) as archive:
        for images, labels in batches(archive, epochs=6):
            brightness = images.mean(axis=(1, 2)) - 0.5
            chance = 1 / (1 + np.exp(-(weight * brightness + bias)))
            right, seen = right + int(((chance > 0.5) == labels).sum()), seen + len(labels)
            weight += 20 * float(((labels - chance) * brightness).mean())
            bias += float((labels - chance).mean())
    print(f"{seen} images seen, {right} of them told right")


if __name__ == "__main__":
    main()
