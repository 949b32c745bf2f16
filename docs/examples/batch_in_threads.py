"""Store all images of a folder, several at a time, and go on where an image cannot be stored.

    python batch_in_threads.py [IMAGES_FOLDER OUTPUT_FOLDER]

Threads are enough: coding lets go of Python's lock. Running it again does only what is missing.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import imageio.v3 as iio
import numpy as np

import sofc
from sofc.imagefiles import ImageSource, load, walk


def make_images(folder: Path) -> Path:
    """Some images, and a file that is none."""
    random = np.random.default_rng(9)
    folder.mkdir()
    for number in range(12):
        slope = np.add.outer(np.arange(120), np.arange(200)) // 2
        iio.imwrite(folder / f"{number:02}.png", (slope + random.integers(0, 9, slope.shape)).astype(np.uint8))
    (folder / "broken.png").write_bytes(b"not a picture")
    return folder


def store(path: Path, target: Path) -> tuple[int, int]:
    """Bytes of samples and of the file. The file appears whole or not at all, and only after it was verified."""
    samples = load(ImageSource(path))
    sofc.write(target, samples.array, declared_bits=samples.declared_bits, meaning=samples.meaning, verify=True)
    return samples.array.nbytes, target.stat().st_size


def main() -> None:
    images, output = map(Path, sys.argv[1:]) if len(sys.argv) == 3 else (make_images(Path("images")), Path("packed"))
    output.mkdir(exist_ok=True)
    targets = {path: output / f"{path.name}.sofc" for path in walk([images])}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(store, path, target): path for path, target in targets.items() if not target.exists()}
        done = before = after = 0
        for job in as_completed(jobs):
            try:
                raw, coded = job.result()
            except (sofc.SofcError, OSError) as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            done, before, after = done + 1, before + raw, after + coded
    print(f"{done} of {len(jobs)} images: {before} -> {after} bytes")


if __name__ == "__main__":
    main()
