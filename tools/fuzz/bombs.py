#!/usr/bin/env python3
"""What a tiny file can make a decoder do: for each coder a file of one band that claims as many samples as the limits
allow, with streams that are empty (behind their end zeros follow). Each is decoded in a process of its own; the table
has its size, what it claims, the error that it ends with, the seconds of the processor and the most memory beyond that
of an idle decoder.

    tools/fuzz/bombs.py [--samples N]      by default the limit, 2**26, and twice as many, which are refused at once
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

import sofc  # noqa: E402
from sofc.codebook.builtin import builtin_codebook  # noqa: E402
from sofc.coders.registry import CODERS, NEUTRAL_MODELS  # noqa: E402
from sofc.container import schema  # noqa: E402
from sofc.container.chunks import (  # noqa: E402
    pack_band,
    pack_builtin_codebook,
    pack_file_head,
    pack_image_head,
)
from sofc.container.records import FIRST_CODEBOOK_MODEL, RAW_MODEL, CodedBand, ImageHead  # noqa: E402
from sofc.container.walker import frame_chunk  # noqa: E402
from sofc.image import ImageHeader, PixelFormat  # noqa: E402
from sofc.transforms.components import TRANSFORMS  # noqa: E402


def bombs(samples: int) -> dict[str, bytes]:
    """A file for each model that needs no codebook of its own, by the coder's name."""
    found: dict[str, bytes] = {"raw": _file(PixelFormat(1, 8, 8), RAW_MODEL, 1, samples, None)}
    for number in NEUTRAL_MODELS:
        if number != RAW_MODEL:
            components = 3 if number == 2 else 1
            pixel_format = PixelFormat(components, 8, 8)
            streams = len(NEUTRAL_MODELS[number][0].ranges(components, 8))
            found[f"neutral model {number}"] = _file(pixel_format, number, streams, samples, None)
    for pixel_format in (PixelFormat(1, 1, 1), PixelFormat(1, 8, 8), PixelFormat(3, 8, 8), PixelFormat(1, 16, 16)):
        book = builtin_codebook(pixel_format)
        for number, model in enumerate(book.models):
            name = (
                f"{CODERS[model.coder].name}, effort {model.effort}, {pixel_format.components} x {model.max_bits} bits"
            )
            if model.components != pixel_format.components or name in found:
                continue
            streams = len(TRANSFORMS[model.transform].ranges(pixel_format.components, pixel_format.coded_bits))
            found[name] = _file(pixel_format, FIRST_CODEBOOK_MODEL + number, streams, samples, book)
    return found


def _file(pixel_format: PixelFormat, model: int, streams: int, samples: int, book: sofc.Codebook | None) -> bytes:
    width = 1 << 12
    rows = max(1, samples // (width * pixel_format.components))
    head = ImageHead(ImageHeader(width, rows, pixel_format), 0 if book is None else 1)
    data = pack_file_head()
    if book is not None:
        data += frame_chunk(schema.BUILTIN_CODEBOOK, pack_builtin_codebook(book.reference))
    data += frame_chunk(schema.IMAGE_HEAD, pack_image_head(head))
    band = CodedBand(model, 0, (b"",) * streams, image=0, first_row=0, rows=rows)
    return data + frame_chunk(schema.BAND, pack_band(band))


def explode(data: bytes) -> None:
    """Decode a file, and print how that went: the process is for this alone."""
    sofc.decode(sofc.encode(np.zeros((8, 8), np.uint8)))  # what an idle decoder holds
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    try:
        decoder = sofc.Decoder()
        decoder.feed(data)
        for _ in decoder.events():
            pass
        ending = "no error"
    except sofc.SofcError as error:
        ending = type(error).__name__
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{ending} | {time.process_time() - start:.1f} | {(peak - before) >> 10}")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, action="append", help="samples that the files claim")
    parser.add_argument("--explode", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.explode:
        explode(sys.stdin.buffer.read())
        return 0
    limit = sofc.Limits().max_band_samples
    print("| file | bytes | samples claimed | ends with | s | MB |\n| --- | --- | --- | --- | --- | --- |")
    for samples in arguments.samples or [limit, 2 * limit]:
        for name, data in bombs(samples).items():
            done = subprocess.run([sys.executable, __file__, "--explode"], input=data, capture_output=True, check=False)
            said = done.stdout.decode().strip() or f"killed ({done.returncode}) | | "
            print(f"| {name} | {len(data)} | {samples} | {said} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
