"""Random images of one file in the workers of a data loader, as training a network asks for them.

    python data_loader.py [FILE.sofc]

A reader is a sequence that can be pickled: it goes to workers as it is, forked or spawned. In torch that is
``DataLoader(sofc.open_reader("cells.sofc"), batch_size=32, shuffle=True, num_workers=2)``; here a pool of processes
does the same, so that nothing needs to be installed. Effort 1 is for images that are decoded over and over, and
``key_interval=1`` keeps each readable by itself.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

import sofc

Image = npt.NDArray[np.generic]
BATCH, WORKERS = 16, 2


def make_file(path: Path) -> Path:
    """Many small images of a kind."""
    noise = np.random.default_rng(3)
    slope = np.add.outer(np.arange(64), np.arange(64)) % 200
    images = [(slope + noise.integers(0, 20, slope.shape)).astype(np.uint8) for _ in range(100)]
    path.write_bytes(sofc.encode_images(images, effort=1, key_interval=1))
    return path


_images: sofc.Reader


def _start(images: sofc.Reader) -> None:
    """What each worker begins with: the reader, inherited or unpickled."""
    global _images
    _images = images


def _batch(numbers: list[int]) -> Image:
    return np.stack([_images[number] for number in numbers])


def loader(images: sofc.Reader, start_method: str, order: list[int]) -> Iterator[Image]:
    """Batches of images in this order."""
    batches = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
    context = multiprocessing.get_context(start_method)
    with context.Pool(WORKERS, initializer=_start, initargs=(images,)) as pool:
        yield from pool.imap(_batch, batches)


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) == 2 else make_file(Path("images.sofc"))
    with sofc.open_reader(path) as images:
        order = random.Random(0).sample(range(len(images)), len(images))
        for start_method in multiprocessing.get_all_start_methods():
            first = 0
            for batch in loader(images, start_method, order):
                assert (batch[0] == images[order[first]]).all()
                first += len(batch)
            print(f"{start_method}: {first} images in batches of {BATCH}")


if __name__ == "__main__":
    main()
