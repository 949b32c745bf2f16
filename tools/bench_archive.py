#!/usr/bin/env python3
"""Compare what `sofc archive` made of a tree with JPEG XL and with zstd.

    tools/bench_archive.py TREE ARCHIVE [--no-restore]

JPEG XL (imagecodecs): JPEG files by transcoding, images of other files at effort 7, and what it cannot code, or not
smaller, counts as it is. zstd: `zstd -19 --long=27` of a tar of the tree, where the command is there. All that the
archive's folder takes counts. The archive is restored and compared with the tree, which is counted by itself.
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
from peers import PEERS

from sofc.archive.restoring import restore
from sofc.errors import SofcError
from sofc.imagefiles import load, sources, why_no_image


def by_jpegxl(path: Path) -> int:
    """Bytes of a file as JPEG XL, or as it is."""
    size = path.stat().st_size
    data = path.read_bytes()
    if data.startswith(b"\xff\xd8\xff"):
        try:
            return min(size, len(imagecodecs.jpegxl_encode_jpeg(data)))
        except imagecodecs.JpegxlError:
            return size
    codec = PEERS["jxl7"]()
    total = 0
    try:
        if why_no_image(path):
            return size
        for source in sources([path]):
            samples = load(source)
            if samples.array.dtype.itemsize > 2 or not codec.accepts(np.asarray(samples.array)):
                return size
            total += len(codec.encode(codec.convert(samples.array), samples.declared_bits))
    except (SofcError, OSError, imagecodecs.JpegxlError, RuntimeError, ValueError):
        return size
    return min(size, total)


def by_zstd(tree: Path) -> int | None:
    """Bytes of a tar of the tree, packed."""
    if shutil.which("zstd") is None or shutil.which("tar") is None:
        return None
    with subprocess.Popen(["tar", "-C", tree, "-cf", "-", "."], stdout=subprocess.PIPE) as tar:
        packed = subprocess.run(
            ["zstd", "-19", "--long=27", "-q", "-c"], stdin=tar.stdout, stdout=subprocess.PIPE, check=True
        )
    return len(packed.stdout)


def files_below(folder: Path) -> list[Path]:
    """All files, without following links."""
    found = [Path(base) / name for base, _, names in os.walk(folder) for name in names]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--no-restore", action="store_true", help="do not restore the archive")
    args = parser.parse_args()
    files = files_below(args.tree)
    stored = sum(path.stat().st_size for path in files_below(args.archive))
    print(f"files: {len(files)}, {sum(path.stat().st_size for path in files)} bytes")
    print(f"sofc: {stored}")
    known: dict[bytes, int] = {}  # of copies the size is the same
    jpegxl = 0
    for path in files:
        digest = hashlib.sha256(path.read_bytes()).digest()
        if digest not in known:
            known[digest] = by_jpegxl(path)
        jpegxl += known[digest]
    print(f"JPEG XL: {jpegxl}, sofc has {stored / jpegxl:.3f} of it")
    zstd = by_zstd(args.tree)
    if zstd is not None:
        print(f"zstd -19 --long: {zstd}, sofc has {stored / zstd:.3f} of it")
    print(f"the better: sofc has {stored / min(jpegxl, zstd or jpegxl):.3f} of it")
    if not args.no_restore:
        with tempfile.TemporaryDirectory() as place:
            restore(args.archive, Path(place) / "back")
            back = Path(place) / "back"
            same = [path for path in files if filecmp.cmp(path, back / path.relative_to(args.tree), shallow=False)]
            print(f"restored: {len(files_below(back))} files, {len(same)} the same byte for byte")
            if len(same) != len(files) or len(files_below(back)) != len(files):
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
