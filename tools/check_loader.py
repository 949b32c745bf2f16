"""Random images of a collection in the workers of a data loader: sofc beside PNG files.

    python tools/check_loader.py FOLDER [--images N] [--runs N] [--effort N] [--codebook FILE]

For each way to start processes, as many runs as asked for: N images in random order through two workers, once started,
from one file of sofc and from PNG files, alternating; every image is compared by its checksum. Said are the time, what
of it processors worked at reading, which a busy machine changes less, and the memory of a worker of each, beyond that
of one that has only imported numpy. Ends with status 1 where an image differs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.pool
import random
import statistics
import tempfile
import time
import zlib
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt

import sofc
from sofc.codebook.builtin import builtin_codebook
from sofc.codebook.store import read_codebook
from sofc.imagefiles import each, sources

WORKERS = 2


class PngFolder:
    """Images as PNG files, by number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, number: int) -> npt.NDArray[np.generic]:
        import imageio.v3 as reading

        image: npt.NDArray[np.generic] = reading.imread(self._folder / f"{number}.png")
        return image


_images: PngFolder | sofc.Reader | None


def _start(images: PngFolder | sofc.Reader | None) -> None:
    global _images
    _images = images


def _check(number: int) -> tuple[int, float]:
    """The checksum of an image, and the processor time that it took to read it."""
    assert _images is not None
    start = time.process_time()
    image = _images[number]
    spent = time.process_time() - start
    return zlib.crc32(image.tobytes()), spent


def _resident(_: int) -> float:
    """MB that this process holds for itself."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty")) / 1000


def _pool(start_method: str, images: PngFolder | sofc.Reader | None) -> multiprocessing.pool.Pool:
    pool = multiprocessing.get_context(start_method).Pool(WORKERS, initializer=_start, initargs=(images,))
    if images is not None:
        pool.map(_check, [0] * WORKERS, chunksize=1)  # imports, and a first image
    return pool


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000, help="how many are read (default: 1000)")
    parser.add_argument("--runs", type=int, default=20, help="default: 20")
    parser.add_argument("--effort", type=int, default=1, help="default: 1")
    parser.add_argument(
        "--codebook", type=Path, help="of the collection, by which images are coded (default: built in)"
    )
    options = parser.parse_args()
    codebook = read_codebook(options.codebook) if options.codebook else None
    codebooks = [] if codebook is None else [codebook]
    found = (samples.array for samples in each(sources([options.folder], recursive=True)))
    # What PNG files of imageio hold: 16 bits of gray alone.
    images = [image for image in found if image.dtype == np.uint8 or (image.dtype == np.uint16 and image.ndim == 2)]
    if not images:
        parser.error(f"there are no images in {options.folder}")
    sums = [zlib.crc32(image.tobytes()) for image in images]
    chosen = random.Random(0).choices(range(len(images)), k=options.images)
    wanted = [sums[number] for number in chosen]
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, image in enumerate(images):
            iio.imwrite(folder / f"{number}.png", image)
        path = folder / "images.sofc"
        path.write_bytes(
            sofc.encode_images(images, effort=options.effort, key_interval=1, codebook=codebook or builtin_codebook)
        )
        png_bytes = sum(found.stat().st_size for found in folder.glob("*.png"))
        print(f"{len(images)} images: PNG {png_bytes} bytes, sofc at effort {options.effort} {path.stat().st_size}")
        for start_method in ("fork", "spawn"):
            with (
                sofc.open_reader(path, codebooks={one.id: one for one in codebooks}) as reader,
                _pool(start_method, reader) as by_sofc,
                _pool(start_method, PngFolder(folder)) as by_png,
                _pool(start_method, None) as bare,
            ):
                times: dict[str, list[float]] = {"sofc": [], "PNG": []}
                work: dict[str, list[float]] = {"sofc": [], "PNG": []}
                for _ in range(options.runs):
                    for kind, pool in (("sofc", by_sofc), ("PNG", by_png)):
                        start = time.perf_counter()
                        given = pool.map(_check, chosen, chunksize=32)
                        times[kind].append(time.perf_counter() - start)
                        work[kind].append(sum(seconds for _, seconds in given))
                        wrong += [found for found, _ in given] != wanted
                spent = {kind: statistics.median(found) for kind, found in times.items()}
                worked = {kind: statistics.median(found) for kind, found in work.items()}
                held = {
                    kind: max(pool.map(_resident, range(WORKERS), chunksize=1))
                    for kind, pool in (("sofc", by_sofc), ("PNG", by_png), ("numpy", bare))
                }
                print(
                    f"{start_method}: {options.images} images, median of {options.runs} runs: sofc "
                    f"{spent['sofc']:.3f} s, PNG {spent['PNG']:.3f} s, {spent['sofc'] / spent['PNG']:.2f} of it; "
                    f"at work {worked['sofc']:.3f} and {worked['PNG']:.3f} s, {worked['sofc'] / worked['PNG']:.2f}; "
                    f"{wrong} wrong; a worker beyond numpy's: sofc {held['sofc'] - held['numpy']:.0f} MB, "
                    f"PNG {held['PNG'] - held['numpy']:.0f} MB"
                )
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
