#!/usr/bin/env python3
"""What codebooks of collections save once their own bytes are counted.

    tools/totals.py scans/train:scans/test photos/train:photos/test --json totals.json

For each pair of folders a codebook is trained on the images of the first, as `sofc train` does, and the images of the
second are stored, each in a file. Total: their bytes and those of the codebook, over the bytes that they take with the
built-in codebook. Where training says that the codebook does not pay, none is used, as the command writes none, and the
total is 1. Seconds are those of the processors, of training; times: over those of encoding the same images once with
the built-in codebook at effort 5.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import sofc
from sofc.codebook import Codebook
from sofc.codebook.builtin import builtin_codebook
from sofc.imagefiles import ImageSource, Samples, load, sources
from sofc.stream.encoder import CodebookPicker


@dataclass(frozen=True)
class Row:
    """One pair of folders; sizes are in bytes."""

    folders: str
    trained_on: int
    stored: int
    builtin: int
    files: int
    codebook: int
    is_worthwhile: bool
    training_seconds: float
    encoding_seconds: float

    @property
    def total(self) -> float:
        """Files and codebook over the files with the built-in one."""
        return (self.files + self.codebook) / self.builtin if self.is_worthwhile else 1.0

    def line(self) -> str:
        """For people."""
        paying = f"{self.files:9}  {self.codebook:8}" if self.is_worthwhile else f"({self.files:8} {self.codebook:8})"
        return (
            f"{self.folders:44} {self.trained_on:5} {self.stored:5}  {self.builtin:9}  {paying}  {self.total:6.4f}"
            f"  {self.training_seconds:7.1f} {self.training_seconds / self.encoding_seconds:6.2f}"
        )


HEADER = (
    f"{'mined : stored':44} {'':5} {'':5}  {'built-in':>9}  {'files':>9}  {'codebook':>8}  {'total':>6}"
    f"  {'seconds':>7} {'times':>6}"
)


def main() -> int:
    """Train, store, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="TRAIN:TEST")
    parser.add_argument("--most", type=int, metavar="N", help="at most so many images of each folder, evenly spread")
    parser.add_argument("--for", type=int, dest="for_images", metavar="N", help="images to come (default: those mined)")
    parser.add_argument("--effort", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    print(HEADER)
    rows = []
    for pair in options.pairs:
        mined, _, stored = pair.partition(":")
        rows.append(measured(pair, spread(mined, options.most), spread(stored, options.most), options))
        print(rows[-1].line(), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) | {"total": row.total} for row in rows], indent=1) + "\n")
    return 0


def spread(folder: str, most: int | None) -> list[ImageSource]:
    """At most so many of the images of a folder and of those below, evenly spread."""
    found = sources([folder], recursive=True)
    step = 1 if most is None else max(1, -(-len(found) // most))
    return found[::step]


def measured(
    pair: str, mined: Sequence[ImageSource], stored: Sequence[ImageSource], options: argparse.Namespace
) -> Row:
    """Train on some images, store others."""
    size_of([load(mined[0])], builtin_codebook, options.effort)  # kernels are loaded or compiled
    start = time.process_time()
    result = sofc.train(mined, name="totals", for_images=options.for_images)
    trained = time.process_time()
    size_of(map(load, mined), builtin_codebook, 5)
    encoded = time.process_time()
    images = list(map(load, stored))
    builtin, files = (size_of(images, one, options.effort) for one in (builtin_codebook, result.codebook))
    return Row(
        pair,
        len(mined),
        len(stored),
        builtin,
        files,
        len(result.codebook.to_bytes()),
        result.report.is_worthwhile,
        trained - start,
        encoded - trained,
    )


def size_of(images: Iterable[Samples], codebook: Codebook | CodebookPicker, effort: int) -> int:
    """Bytes of a file of each image."""
    return sum(
        len(sofc.encode(array, declared_bits=bits, meaning=meaning, codebook=codebook, effort=effort))
        for array, bits, meaning, _ in images
    )


if __name__ == "__main__":
    sys.exit(main())
