#!/usr/bin/env python3
"""What becomes of decoded JPEG images, by decoder and by what was done to them afterwards: the table in docs.

    tools/jpeg_origins.py FOLDER [--images N] [--side N] [--made FOLDER ...] > docs/jpeg-origins.md

takes pieces of the images of a folder that never were JPEG files. Pillow writes JPEG files of them; what it decodes is
stored as samples, by a built-in codebook, and each figure is the bytes of that over those of the JPEG files.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench_kept import measure_samples
from PIL import Image

import sofc
from sofc.jpeg.colour import CONVERSIONS, reached
from sofc.jpeg.dct import (
    ACCURATE,
    BUTTERFLIES,
    FAST,
    FINE,
    HALVES,
    LIFTED,
    NARROW,
    REPLICATED,
    ROTATED,
    SCALED,
    SHORT,
    SHORTER,
    SIMPLE,
    STEPWISE,
    TRIANGLE,
    Decoder,
)
from sofc.jpeg.known import read_known

Array = npt.NDArray[Any]
QUALITIES = (75, 92)
SAMPLINGS = {"4:2:0": 2, "4:2:2": 1, "4:4:4": 0, "gray": None}
HEAD = """# Which decoded JPEG images are recognised

Bytes of the samples, stored without the JPEG file at hand, over those of the JPEG files that they were decoded from, at
qualities 75 and 92; below 1: recognised. Made by

    tools/jpeg_origins.py {arguments}

Decoders other than Pillow's are those of `sofc/jpeg`, which tests compare with real ones. `sofc encode photo.jpg` needs
none of this: it reads the coefficients from the file.
"""
MADE = """
## Files of many encoders

Files as they come from libjpeg-turbo, libjpeg 9, MozJPEG and jpegli (gray and five samplings; qualities 30 to 100; some
with a black surround or blown out), of pieces of images that Pillow decoded: `tools/make_jpegs.py DATA FOLDER --split
train`, also with `--seed N`. Found: sampling, place and all steps of all components.

| files | found | bytes of the samples over the files' | at most |
| --- | ---: | ---: | ---: |
"""


def decoded_by(decoder: Decoder, conversion: int = 0) -> Callable[[bytes], Array]:
    """What a decoder makes of JPEG data, and the conversion of that number of it."""

    def decode(data: bytes) -> Array:
        known = read_known(data)
        assert known is not None, "Pillow wrote it"
        planes = [
            replace(one, decoder=decoder if one.grid.is_enlarged else decoder._replace(upsampling=TRIANGLE)).draw(
                known.shape
            )[0]
            for one in known.origins
        ]
        samples = planes if len(planes) == 1 else reached(planes, CONVERSIONS[conversion])
        return np.stack(samples, axis=2).astype(np.uint8).squeeze()

    return decode


def pillow(data: bytes) -> Array:
    """RGB or gray."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def unconverted(data: bytes) -> Array:
    """Y, Cb and Cr."""
    with Image.open(io.BytesIO(data)) as image:
        if image.mode != "L":
            image.draft("YCbCr", image.size)
        return np.asarray(image)


def changed(change: Callable[[Array], Array], data: bytes) -> Array:
    """What Pillow decodes, changed."""
    return change(pillow(data))


def _boxed(image: Array) -> Array:
    image = image.copy()
    rows, width = image.shape[:2]
    image[rows // 3 : rows // 2, width // 4 : width // 2] = 200
    return image


def _ringed(image: Array) -> Array:
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    cover = np.clip((3.5 - np.abs(np.hypot(y - 60, x % 50 - 25) - 18)) / 1.5, 0, 1)
    cover = cover.reshape(cover.shape + (1,) * (image.ndim - 2))
    return np.asarray(np.rint(image * (1 - cover) + 255 * cover), np.uint8)


def _twice(image: Array) -> Array:
    white = np.full_like(image[:, :9], 255)
    return np.concatenate([image, white, image[::-1, 5:]], axis=1)


def _framed(image: Array) -> Array:
    border = [(13, 21), (19, 11)] + [(0, 0)] * (image.ndim - 2)
    return np.pad(image, border, constant_values=37)


def _opaque(image: Array) -> Array:
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


DECODERS: dict[str, Callable[[bytes], Array]] = {
    "libjpeg-turbo (Pillow, OpenCV and most others)": pillow,
    "libjpeg 7 to 9 (SimpleITK, GDAL)": decoded_by(Decoder(ACCURATE, SCALED)),
    "replicated chrominance": decoded_by(Decoder(ACCURATE, REPLICATED)),
    "fast transform (TensorFlow, TurboJPEG)": decoded_by(Decoder(FAST, TRIANGLE)),
    "fast transform, replicated chrominance": decoded_by(Decoder(FAST, REPLICATED)),
    "Y, Cb and Cr not converted (DICOM)": unconverted,
    "pydicom, of what libjpeg-turbo decodes": decoded_by(Decoder(ACCURATE, TRIANGLE), 2),
    "pydicom with pylibjpeg": decoded_by(Decoder(NARROW, FINE), 2),
    "FFmpeg to rgb24, even height": decoded_by(Decoder(SIMPLE, REPLICATED), 3),
    "Go up to 1.25": decoded_by(Decoder(ROTATED, REPLICATED), 5),
    "Go from 1.26 on": decoded_by(Decoder(LIFTED, REPLICATED), 5),
    "jpeg-js": decoded_by(Decoder(BUTTERFLIES, REPLICATED), 6),
    "pdf.js": decoded_by(Decoder(BUTTERFLIES, REPLICATED), 7),
    "stb_image": decoded_by(Decoder(SHORT, HALVES), 8),
    "jpeg-decoder (Rust)": decoded_by(Decoder(SHORT, HALVES)),
    "zune-jpeg": decoded_by(Decoder(SHORTER, STEPWISE), 4),
}
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "blue first": lambda image: image[..., ::-1] if image.ndim == 3 else image,
    "with opaque alpha": _opaque,
    "16 bits, times 257": lambda image: image.astype(np.uint16) * 257,
    "mirrored": lambda image: image[:, ::-1],
    "upside down": lambda image: image[::-1],
    "turned by 90 degrees": lambda image: np.rot90(image),
    "turned by 180 degrees": lambda image: image[::-1, ::-1],
    "inverted": lambda image: 255 - image,
    "pixels doubled": lambda image: image.repeat(2, 0).repeat(2, 1),
    "cut off at 13, 7": lambda image: image[7:, 13:],
    "in a plain frame": _framed,
    "twice, side by side (over one file)": lambda image: np.concatenate([image, image[::-1]], axis=1),
    "twice, 9 columns of white between (over one file)": _twice,
    "a box painted": _boxed,
    "rings with soft edges painted": _ringed,
}


def pieces(folder: Path, count: int, side: int) -> list[Image.Image]:
    """The middle of the first images of a folder."""
    found = []
    for path in sorted(folder.iterdir())[:count]:
        with Image.open(path) as image:
            width, height = image.size
            left, top = max(0, width - side) // 2, max(0, height - side) // 2
            found.append(image.convert("RGB").crop((left, top, min(width, left + side), min(height, top + side))))
    return found


def jpeg_files(images: Sequence[Image.Image], sampling: int | None) -> list[bytes]:
    """JPEG files of images."""
    files = []
    for image in images:
        for quality in QUALITIES:
            data = io.BytesIO()
            if sampling is None:
                image.convert("L").save(data, "JPEG", quality=quality)
            else:
                image.save(data, "JPEG", quality=quality, subsampling=sampling)
            files.append(data.getvalue())
    return files


def ratio(files: Sequence[bytes], make: Callable[[bytes], Array]) -> str:
    """Bytes of what is made of files, over theirs."""
    size = sum(len(sofc.encode(np.ascontiguousarray(make(data)), verify=False)) for data in files)
    return f"{size / sum(map(len, files)):.2f}"


def table(title: str, rows: Mapping[str, Callable[[bytes], Any]], files: dict[str, list[bytes]]) -> None:
    """Print a table, a row at a time."""
    print(f"\n| {title} | {' | '.join(files)} |\n| --- |{' ---: |' * len(files)}")
    for name, make in rows.items():
        print(f"| {name} | {' | '.join(ratio(each, make) for each in files.values())} |", flush=True)


def main() -> None:
    """The tables, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=3, metavar="N", help="so many images (default: 3)")
    parser.add_argument("--side", type=int, default=320, metavar="N", help="pieces with such sides (default: 320)")
    parser.add_argument(
        "--made",
        type=Path,
        nargs="*",
        default=[],
        metavar="FOLDER",
        help="folders of tools/make_jpegs.py, too",
    )
    args = parser.parse_args()
    images = pieces(args.folder, args.images, args.side)
    files = {name: jpeg_files(images, sampling) for name, sampling in SAMPLINGS.items()}
    print(
        HEAD.format(
            arguments=f"{args.folder.parent.name}/{args.folder.name} --images {args.images} --side {args.side}"
            + "".join([" --made", *(f" {folder.name}" for folder in args.made)] if args.made else [])
        ),
        end="",
    )
    table("decoder", DECODERS, files)
    table("afterwards, of Pillow's", {name: partial(changed, change) for name, change in LAYOUTS.items()}, files)
    if args.made:
        print(MADE, end="")
    for folder in args.made:
        ratios, found, share = measure_samples(sorted(folder.glob("*.jp*g")), None, 5, tell=lambda _: None)
        print(f"| {folder.name} | {found} of {len(ratios)} | {share:.3f} | {max(ratios):.3f} |", flush=True)


if __name__ == "__main__":
    main()
