#!/usr/bin/env python3
"""Measure what likeness to earlier images saves: tools/check_likeness.py FOLDER [--images N] [--effort E].

FOLDER has the data sets, as `drive/test` and `binary-masks/drive-vessels/test`. The first table puts files that hold
each image, the same again, and it mirrored, shifted by three columns and brightened, beside files of the images alone;
the second masks behind their images beside masks alone. Every file is decoded and compared. No test run calls this.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import sofc
from sofc.imagefiles import load, sources

Image = npt.NDArray[Any]
SETS = ("drive/test", "bccd/test", "kodak/test", "medical16/mr-t1/test")
MASKS = {"drive-vessels": "drive", "drive-fov": "drive", "ph2-lesions": "ph2"}


def images_of(folder: Path, count: int) -> Iterator[tuple[str, Image]]:
    """The name and samples of each image of a folder."""
    for source in sources([path for path in sorted(folder.iterdir()) if path.is_file()][:count]):
        yield Path(source.name).name, load(source).array


def encoded(images: list[Image], effort: int) -> int:
    """Bytes of a file of images, which decodes to these."""
    data = sofc.encode_images(images, effort=effort)
    for image, again in zip(images, sofc.decode_images(data), strict=True):
        if not np.array_equal(image, again):
            raise SystemExit("an image does not come back as it was")
    return len(data)


def brightened(image: Image) -> Image:
    top = 255 if image.dtype == np.uint8 else 4095
    return np.clip(image * 1.1 + 5, 0, top).astype(image.dtype)


def versions(image: Image) -> list[Image]:
    """What stands beside an image."""
    mirrored = np.ascontiguousarray(image[:, ::-1])
    return [image.copy(), mirrored, np.roll(image, 3, axis=1), brightened(image)]


def in_order(images: list[Image], order: str) -> list[Image]:
    """All versions, those of an image next to each other, or all of a version."""
    columns = [[image, *versions(image)] for image in images]
    if order == "by image":
        return [one for column in columns for one in column]
    return [column[k] for k in range(len(columns[0])) for column in columns]


def with_masks(data: Path, count: int, effort: int) -> None:
    """Print the second table."""
    print("\n| masks | pairs | alone | behind their images | ratio |\n| --- | --- | --- | --- | --- |")
    for kind, folder in MASKS.items():
        named = {
            key[: 6 if folder == "ph2" else 2]: image
            for split in ("train", "test")
            for key, image in images_of(data / folder / split, 1 << 20)
        }
        pairs = [
            (named[key[: 6 if folder == "ph2" else 2]], mask.squeeze())
            for split in ("test", "train")
            for key, mask in images_of(data / "binary-masks" / kind / split, 1 << 20)
            if key[: 6 if folder == "ph2" else 2] in named
        ][:count]
        if not pairs:
            print(f"| {kind} | 0 | no mask has its image here | | |")
            continue
        alone = encoded([mask for _, mask in pairs], effort)
        images = encoded([image for image, _ in pairs], effort)
        both = encoded([one for pair in pairs for one in pair], effort)
        print(f"| {kind} | {len(pairs)} | {alone} | {both - images} | {(both - images) / alone:.4f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=4, help="of each set (default 4)")
    parser.add_argument("--effort", type=int, default=5)
    args = parser.parse_args()
    print("| set | images | alone | with four versions each | ratio | by version | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in SETS:
        images = [image for _, image in images_of(args.data / name, args.images)]
        alone = encoded(images, args.effort)
        found = [encoded(in_order(images, order), args.effort) for order in ("by image", "by version")]
        ratios = " | ".join(f"{size} | {size / alone:.4f}" for size in found)
        print(f"| {name} | {len(images)} | {alone} | {ratios} |", flush=True)
    with_masks(args.data, args.images, args.effort)


if __name__ == "__main__":
    main()
