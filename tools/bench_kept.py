#!/usr/bin/env python3
"""Compare how small files are when they are kept byte for byte: by sofc, by JPEG XL where they are JPEG, and by LZMA.

    tools/bench_kept.py bccd/test --codebook cells.sofcb
    tools/bench_kept.py --samples MADE

Every file is given back and compared. JPEG XL codes the coefficients of a JPEG file again (imagecodecs); files that it
does not take count whole for it. How fast files are given back, from memory to memory, is told of those that both take:
in time of a processor, as that of other programs does not count then, the best of a few.

With --samples, what Pillow decodes of JPEG files is compressed without them, and how the samples came about is to be
found: sampling, place and steps of all coefficients that are not zero everywhere.
tools/make_jpegs.py makes a set of JPEG files as they come from many programs.
"""

from __future__ import annotations

import argparse
import io
import lzma
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

import sofc
from sofc.imagefiles import load, sources, walk
from sofc.jpeg.origin import Origin
from sofc.jpeg.recover import recover_planes
from sofc.jpeg.stream import read_picture
from sofc.keepfile import keep, keep_coefficients, original_in, read_file, restore
from sofc.keepfile.coefficients import origins_of
from sofc.transforms.components import LATTICE

Samples = npt.NDArray[np.uint8]
TIMES = 3
"""How often giving a file back is timed."""


def kept_by_sofc(path: Path, data: bytes, codebook: sofc.Codebook | None, effort: int) -> bytes:
    """The sofc file that keeps a file of images, JPEG data by coefficients. Raises SofcError where nothing opens it."""
    found = keep_coefficients(path.name, data, codebook, effort)
    if found is not None and 2 * found.share > 1:
        return sofc.Encoder(codebook=found.codebook, metadata=found.items).finish()
    images = [load(source).array for source in sources([path], recursive=False)]
    settings: dict[str, Any] = {} if codebook is None else {"codebook": codebook}
    return sofc.encode_images(images, metadata=keep(path.name, data, images).items, effort=effort, **settings)


def given_back(coded: bytes, codebook: sofc.Codebook | None) -> bytes:
    """The file that a sofc file keeps."""
    books = {} if codebook is None else {codebook.id: codebook}
    with sofc.open_reader(coded, codebooks=books) as reader:
        original = original_in(reader.metadata)
        images = list(sofc.decode_images(coded, codebooks=books)) if original.from_samples else []
        return restore(original, images, reader.codebook)


def kept_by_jpegxl(data: bytes) -> bytes | None:
    """JPEG XL data that a JPEG file can be made from; None where it takes no such file."""
    try:
        coded: bytes = imagecodecs.jpegxl_encode_jpeg(data)
    except imagecodecs.JpegxlError:
        return None
    return coded


def seconds(work: Callable[[], object]) -> float:
    """The time of a processor that it takes at best."""
    best = float("inf")
    for _ in range(TIMES):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def is_same(found: Origin, true: Origin) -> bool:
    """Whether a component was found with its sampling, its place and its steps, as far as it shows them."""
    seen = np.flatnonzero(true.coefficients.reshape(-1, true.table.size).any(axis=0))
    if not seen.any():
        return True  # flat: it may have been enlarged by anything
    return found.grid == true.grid and np.array_equal(found.table[seen], true.table[seen])


def faults_of(data: bytes, samples: Samples) -> str:
    """Which components of JPEG data are not found in the samples, by their numbers; "-" where all are."""
    picture = read_picture(data, np.frombuffer(bytearray(data), np.uint8), 0)
    assert picture is not None, "Pillow decoded it"
    true = origins_of(picture[0])
    planes = [np.ascontiguousarray(plane, np.int32) for plane in np.moveaxis(np.atleast_3d(samples), 2, 0)]
    found = recover_planes(LATTICE.forward(planes) if len(planes) == 3 else planes, len(planes))
    if found is None:
        return "all"
    return "".join(str(k) for k, pair in enumerate(zip(found.origins, true, strict=True)) if not is_same(*pair)) or "-"


class Measured(NamedTuple):
    """What became of the samples of some JPEG files."""

    ratios: list[float]
    """Bytes over those of the JPEG file, of each."""
    found: int
    """Of how many all components were found."""
    share: float
    """All bytes over those of all JPEG files."""


def measure_samples(
    paths: Sequence[Path], codebook: sofc.Codebook | None, effort: int, tell: Callable[[str], None]
) -> Measured:
    """Compress what Pillow decodes of JPEG files, telling of each what became of it."""
    settings: dict[str, Any] = {} if codebook is None else {"codebook": codebook}
    ratios, right, sizes = [], 0, np.zeros(2, np.int64)
    for path in paths:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            samples = np.asarray(image)
        size = len(sofc.encode(samples, effort=effort, **settings))
        faults = faults_of(data, samples)
        right += faults == "-"
        ratios.append(size / len(data))
        sizes += size, len(data)
        tell(f"{ratios[-1]:.3f} {faults:4} {path.name}")
    if not ratios:
        raise SystemExit("no files there")
    return Measured(ratios, right, float(sizes[0] / sizes[1]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all files and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, or folders with all below them")
    parser.add_argument("--codebook", type=Path, metavar="FILE", help="sofc's codebook (default: the built-in ones)")
    parser.add_argument("--samples", action="store_true", help="compress what is decoded of JPEG files, without these")
    parser.add_argument("--effort", type=int, default=5, help="sofc's effort (default: 5)")
    options = parser.parse_args(arguments)
    codebook = sofc.load_codebook(options.codebook) if options.codebook else None
    if options.samples:
        paths = list(walk(options.paths, recursive=True))
        ratios, found, share = measure_samples(paths, codebook, options.effort, partial(print, flush=True))
        print(f"{found} of {len(ratios)} found, {share:.3f} of the files, at most {max(ratios):.3f}")
        return 0
    largest = 0.0
    taken = 0
    times = dict.fromkeys(("sofc", "jpegxl"), 0.0)
    sums = dict.fromkeys(("files", "bytes", "sofc", "jpegxl", "lzma"), 0)
    for path in walk(options.paths, recursive=True):
        data = read_file(path)[:]
        try:
            coded = kept_by_sofc(path, data, codebook, options.effort)
        except sofc.SofcError as error:
            print(f"{path}: left out: {error}", file=sys.stderr)
            continue
        if given_back(coded, codebook) != data:
            raise SystemExit(f"{path}: sofc gives back another file")
        sums["files"] += 1
        largest = max(largest, len(coded) / len(data))
        of_jpegxl = kept_by_jpegxl(data)
        if of_jpegxl is not None:
            taken += len(data)
            times["sofc"] += seconds(partial(given_back, coded, codebook))
            times["jpegxl"] += seconds(partial(imagecodecs.jpegxl_decode_jpeg, of_jpegxl))
        for name, size in (
            ("bytes", len(data)),
            ("sofc", len(coded)),
            ("jpegxl", len(data if of_jpegxl is None else of_jpegxl)),
            ("lzma", len(lzma.compress(data))),
        ):
            sums[name] += size
    if not sums["files"]:
        raise SystemExit("no files of images there")
    print(f"{sums['files']} files of {sums['bytes']} bytes")
    for name in ("sofc", "jpegxl", "lzma"):
        print(f"{name:8}{sums[name]:12} bytes, {sums[name] / sums['bytes']:.3f}")
    print(f"by sofc, no file takes more than {largest:.3f} of itself")
    if taken:
        speeds = {name: taken / 1e6 / spent for name, spent in times.items()}
        ratio = speeds["sofc"] / speeds["jpegxl"]
        print(f"given back at {speeds['sofc']:.2f} MB/s, by JPEG XL at {speeds['jpegxl']:.2f}: {ratio:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
