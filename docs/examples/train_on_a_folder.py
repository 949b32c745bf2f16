"""Train a codebook on a folder of images, then store other images of the kind with it.

    python train_on_a_folder.py [TRAINING_FOLDER IMAGES_FOLDER]

Without folders it makes images of its own. The codebook goes to ``scans.sofcb``, the images to ``packed``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np

import sofc
from sofc.imagefiles import load, sources


def make_images(folder: Path, count: int, seed: int) -> Path:
    """Cells under a microscope, in place of a collection of one's own: bright spots, brighter ones with more noise."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    y, x = np.mgrid[:96, :128]
    for number in range(count):
        light = np.full(y.shape, 20.0)
        for place in random.integers(0, 128, (12, 2)):
            light += 150 * np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / 60)
        iio.imwrite(folder / f"{number}.png", random.poisson(light).clip(0, 255).astype(np.uint8))
    return folder


def main() -> None:
    if len(sys.argv) == 3:
        training, images = map(Path, sys.argv[1:])
    else:
        training, images = make_images(Path("training"), 10, seed=1), make_images(Path("images"), 3, seed=2)

    result = sofc.train([training], name="scans")
    print(*result.report.lines(), sep="\n")
    Path("scans.sofcb").write_bytes(result.codebook.to_bytes())

    # The files only refer to the codebook. It is found beside them, in the folders of SOFC_CODEBOOK_PATH, or once
    # it is installed: sofc codebook install scans.sofcb
    packed = Path("packed")
    packed.mkdir()
    (packed / "scans.sofcb").write_bytes(result.codebook.to_bytes())
    for source in sources([images]):
        samples = load(source)
        path = packed / f"{Path(source.name).stem}.sofc"
        sofc.write(path, samples.array, declared_bits=samples.declared_bits, codebook=result.codebook, effort=7)
        assert np.array_equal(sofc.read(path), samples.array)
        print(f"{path}: {samples.array.nbytes} -> {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
