#!/usr/bin/env python3
"""Compare how small files are when they are kept byte for byte: by sofc, by JPEG XL where they are JPEG, and by LZMA.

    tools/bench_kept.py bccd/test --codebook cells.sofcb

Every file is given back and compared. JPEG XL codes the coefficients of a JPEG file again (imagecodecs); files that it
does not take count whole for it.
"""

from __future__ import annotations

import argparse
import lzma
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs

import sofc
from sofc.imagefiles import load, sources, walk
from sofc.keepfile import keep, keep_coefficients, read_file, restore_items


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
        images = list(sofc.decode_images(coded, codebooks=books)) if len(reader) else []
        return restore_items(reader.metadata, images, reader.codebook)


def kept_by_jpegxl(data: bytes) -> bytes:
    """JPEG XL data that a JPEG file can be made from, or the file itself."""
    try:
        coded: bytes = imagecodecs.jpegxl_encode_jpeg(data)
    except imagecodecs.JpegxlError:
        return data
    return coded


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all files and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, or folders with all below them")
    parser.add_argument("--codebook", type=Path, metavar="FILE", help="sofc's codebook (default: the built-in ones)")
    parser.add_argument("--effort", type=int, default=5, help="sofc's effort (default: 5)")
    options = parser.parse_args(arguments)
    codebook = sofc.load_codebook(options.codebook) if options.codebook else None
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
        for name, size in (
            ("bytes", len(data)),
            ("sofc", len(coded)),
            ("jpegxl", len(kept_by_jpegxl(data))),
            ("lzma", len(lzma.compress(data))),
        ):
            sums[name] += size
    if not sums["files"]:
        raise SystemExit("no files of images there")
    print(f"{sums['files']} files of {sums['bytes']} bytes")
    for name in ("sofc", "jpegxl", "lzma"):
        print(f"{name:8}{sums[name]:12} bytes, {sums[name] / sums['bytes']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
