#!/usr/bin/env python3
"""Make a tree as people have them, of images of many kinds, copies, masks, texts and odd files, for `sofc archive`.

    tools/make_archive.py FOLDER [--data DATA] [--share 1.0] [--seed 1]

DATA is a folder of image sets, one a subfolder; without it the pictures of scikit-image are cut into sets. Of each set
so many files are taken as --share says, spread evenly. One seed gives the same tree each time. Above 1,500 files.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import make_tree
import numpy as np
import numpy.typing as npt
from PIL import Image

MOST_BYTES = 1 << 22
MOST_COPIED_BYTES = 1 << 16
COPIES = 150
TEXTS = 400
ODD_FILES = 250
SMALL_IMAGES = 900
SMALL = 28
TILE = 128


def sets_of(data: Path) -> list[Path]:
    """The files of a folder of image sets, but for the largest, which would outweigh all else."""
    files = (path for path in data.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in files if path.stat().st_size <= MOST_BYTES)


def take_sets(data: Path, folder: Path, share: float) -> list[Path]:
    """Copies of files of image sets, in the same folders."""
    paths = sets_of(data)
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, []).append(path)
    taken = []
    for found in by_folder.values():
        count = max(1, round(share * len(found)))
        for number in range(count):
            path = found[number * len(found) // count]
            target = folder / path.relative_to(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            taken.append(target)
    return taken


def make_sets(folder: Path, share: float) -> list[Path]:
    """Pictures of scikit-image, whole and in tiles, as PNG, JPEG and TIFF files."""
    from skimage import data

    taken = []
    for name in ("astronaut", "camera", "coffee", "chelsea", "moon", "page", "text", "brick", "grass", "gravel"):
        picture = getattr(data, name)()
        tiles = [
            picture[y : y + TILE, x : x + TILE]
            for y in range(0, picture.shape[0] - TILE + 1, TILE)
            for x in range(0, picture.shape[1] - TILE + 1, TILE)
        ]
        for number, tile in enumerate([picture, *tiles[: max(1, round(share * len(tiles)))]]):
            suffix = (".png", ".jpg", ".tif")[number % 3]
            path = folder / name / f"{name}-{number:03}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(tile).save(path)
            taken.append(path)
    return taken


def small_images(folder: Path, paths: list[Path], random: np.random.Generator) -> None:
    """Many small gray PNG files: pieces of the larger ones."""
    folder.mkdir(parents=True)
    pictures: list[npt.NDArray[Any]] = []
    for path in paths:
        if path.suffix.lower() in (".png", ".jpg", ".tif") and len(pictures) < 30:
            try:
                with Image.open(path) as image:
                    picture = np.asarray(image.convert("L"))
            except (OSError, ValueError, SyntaxError):
                continue
            if min(picture.shape) > 4 * SMALL:
                pictures.append(picture)
    for number in range(SMALL_IMAGES):
        picture = pictures[number % len(pictures)]
        y, x = (int(random.integers(0, size - SMALL)) for size in picture.shape)
        Image.fromarray(picture[y : y + SMALL, x : x + SMALL]).save(folder / f"{number:05}.png")


def masks(folder: Path, random: np.random.Generator) -> None:
    """Binary masks of ellipses, of 1 bit and of 8 bits."""
    folder.mkdir(parents=True)
    for number in range(60):
        y, x = np.mgrid[:200, :240]
        cy, cx, ry, rx = random.integers(60, 140, 4)
        mask = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
        Image.fromarray(mask if number % 2 else mask.astype(np.uint8) * 255).save(folder / f"mask-{number:03}.png")


def texts(folder: Path, paths: list[Path], random: np.random.Generator) -> None:
    """Notes, tables and JSON beside the images, as programs and people leave them."""
    folder.mkdir(parents=True)
    words = ["lesion", "margin", "left", "right", "unchanged", "since", "control", "slide", "stain", "scanner", "see"]
    for number in range(TEXTS):
        name = paths[int(random.integers(len(paths)))].name
        if number % 3 == 0:
            text = " ".join(random.choice(words, int(random.integers(20, 300)))) + f"\n{name}\n"
            (folder / f"note-{number:04}.txt").write_text(text)
        elif number % 3 == 1:
            table = io.StringIO()
            rows = csv.writer(table)
            rows.writerow(["image", "area", "mean", "reader"])
            rows.writerows([name, int(a), round(float(b), 3), "AB"] for a, b in random.random((40, 2)) * (9000, 255))
            (folder / f"table-{number:04}.csv").write_text(table.getvalue())
        else:
            content = {"image": name, "scanner": "S-3", "objective": 20, "at": int(random.integers(1 << 30))}
            (folder / f"info-{number:04}.json").write_text(json.dumps(content, indent=2))


def main() -> int:
    """Make the tree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where it is made; must not be there")
    parser.add_argument("--data", type=Path, help="a folder of image sets")
    parser.add_argument("--share", type=float, default=1.0, help="of each set (0 to 1)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    args.folder.mkdir(parents=True)
    sets = args.folder / "sets"
    taken = take_sets(args.data, sets, args.share) if args.data is not None else make_sets(sets, args.share)
    small_images(args.folder / "thumbnails", taken, random)
    masks(args.folder / "masks", random)
    texts(args.folder / "notes", taken, random)
    backup = args.folder / "backup of 2019"
    backup.mkdir()
    light = [path for path in taken if path.stat().st_size <= MOST_COPIED_BYTES]
    for number, place in enumerate(random.integers(0, len(light), COPIES)):
        shutil.copyfile(light[place], backup / f"{number:03} {light[place].name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_tree.make_tree(args.folder / "odd", ODD_FILES, args.seed)
    (args.folder / "empty folder").mkdir()
    (args.folder / "latest").symlink_to("notes")
    files = [path for path in args.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    print(f"{args.folder}: {len(files)} files, {sum(path.stat().st_size for path in files)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
