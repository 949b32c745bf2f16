#!/usr/bin/env python3
"""Look for images that a higher effort makes larger: tools/check_efforts.py FOLDER... [--images N] [--train FOLDER].

Of each folder it codes N images, evenly spread, or of large ones 512 x 512 pixels, and a small crop of each, at every
effort named, and prints the sums and whatever grew from one effort to the next; then it ends with 1. With the built-in
codebook, or with one trained on the images of another folder. No test run calls this.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

import sofc
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.collection import encode_collection
from sofc.errors import SofcError
from sofc.imagefiles import Samples, load, sources
from sofc.stream.encoder import CodebookPicker

LARGE = 512
SMALL = 64, 96, 128, 200


def main() -> int:
    """A line for each folder; 1 if an image grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--images", type=int, default=2, metavar="N", help="of each folder (default 2)")
    parser.add_argument("--efforts", default="3,5,7,9", help="in order (default 3,5,7,9)")
    parser.add_argument("--train", type=Path, metavar="FOLDER", help="trains a codebook on at most 12 of its images")
    parser.add_argument("--for", type=int, dest="for_images", metavar="N", help="images to come, for --train")
    options = parser.parse_args()
    efforts = [int(effort) for effort in options.efforts.split(",")]
    codebook: Codebook | CodebookPicker = builtin_codebook
    if options.train:
        mined = spread(options.train, 12)
        codebook = sofc.train(mined, name="efforts", for_images=options.for_images).codebook
    grew = 0
    for folder in options.folders:
        sums, larger = np.zeros(len(efforts), np.int64), []
        for name, image in images_of(folder, options.images):
            sizes = [
                sum(map(len, encode_collection([image], codebook=codebook, effort=effort, verify=False)))
                for effort in efforts
            ]
            sums += sizes
            if any(higher > lower for lower, higher in pairwise(sizes)):
                larger.append(f"{name} {sizes}")
        print(f"{folder}: {sums.tolist()}", *larger, sep="\n  larger: ", flush=True)
        grew += len(larger)
    print(f"{grew} larger")
    return grew > 0


def spread(folder: Path, count: int) -> list[Path]:
    """At most so many of the files of a folder and of those below, evenly spread."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return paths if len(paths) <= count else [paths[len(paths) * k // count] for k in range(count)]


def images_of(folder: Path, count: int) -> Iterator[tuple[str, Samples]]:
    """The first image of each of so many files, or a part of it, and a smaller part."""
    for number, path in enumerate(spread(folder, count)):
        try:
            image = load(sources([path])[0])
        except (SofcError, OSError) as error:
            print(f"{path}: left out: {error}", file=sys.stderr)
            continue
        random = np.random.RandomState(number)
        height, width = image.array.shape[:2]
        yield path.name, image if height * width <= LARGE * LARGE else cropped(image, LARGE, random)
        if min(height, width) > SMALL[1]:
            yield f"crop of {path.name}", cropped(image, SMALL[number % len(SMALL)], random)


def cropped(image: Samples, side: int, random: np.random.RandomState) -> Samples:
    """So many rows and columns of it, where it has as many, from anywhere."""
    places = [random.randint(max(1, size - side + 1)) for size in image.array.shape[:2]]
    rows, columns = (slice(place, place + side) for place in places)
    return image._replace(array=np.ascontiguousarray(image.array[rows, columns]), jpeg=None)


if __name__ == "__main__":
    sys.exit(main())
