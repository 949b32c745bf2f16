#!/usr/bin/env python3
"""Make a set of JPEG files as they come from many programs, of photographs that are at hand: for tools/bench_kept.py.

    tools/make_jpegs.py DATA FOLDER [--count 40] [--split test] [--seed 0] [--side 384]

Photographs are pieces of those of the sets kodak, tecnick, classic, ph2 and drive below DATA, some with a black
surround or blown out. Encoders are those of Pillow, imagecodecs (libjpeg-turbo), jpeglib 1.0.2 (libjpeg 9f, mozjpeg
4.0.3) and pyjpegli 0.3.2; what is not installed is left out, and said. The same versions make the same files again.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Samples = npt.NDArray[np.uint8]
SETS = ("kodak", "tecnick", "classic", "ph2", "drive")
FACTORS = {"444": (1, 1), "422": (1, 2), "420": (2, 2), "440": (2, 1), "411": (1, 4)}
"""Rows and columns of luminance for each of chrominance."""
LEAST_QUALITY, MOST_QUALITY = 30, 100


class Wanted(NamedTuple):
    """How a file is to be: ``sampling`` as in FACTORS, or "gray"."""

    sampling: str
    quality: int
    is_progressive: bool


def by_pillow(image: Samples, wanted: Wanted) -> bytes:
    """By Pillow."""
    data = io.BytesIO()
    sampling = {} if wanted.sampling == "gray" else {"subsampling": ("444", "422", "420").index(wanted.sampling)}
    Image.fromarray(image).save(data, "JPEG", quality=wanted.quality, progressive=wanted.is_progressive, **sampling)
    return data.getvalue()


def by_turbo(image: Samples, wanted: Wanted) -> bytes:
    """By libjpeg-turbo, with best Huffman codes."""
    import imagecodecs

    sampling = {} if wanted.sampling == "gray" else {"subsampling": wanted.sampling}
    return bytes(imagecodecs.jpeg8_encode(image, level=wanted.quality, optimize=True, **sampling))


def by_version(version: str) -> Callable[[Samples, Wanted], bytes]:
    """By a version of libjpeg that jpeglib has."""

    def encode(image: Samples, wanted: Wanted) -> bytes:
        jpeglib = importlib.import_module("jpeglib")
        with jpeglib.version(version), tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file.jpg")
            made: Any = jpeglib.from_spatial(image.reshape(*image.shape[:2], -1))
            if wanted.sampling != "gray":
                made.samp_factor = [FACTORS[wanted.sampling], (1, 1), (1, 1)]
            flags = ["+FORCE_BASELINE", ("+" if wanted.is_progressive else "-") + "PROGRESSIVE_MODE"]
            made.write_spatial(str(path), qt=wanted.quality, flags=flags)
            return path.read_bytes()

    return encode


def by_jpegli(image: Samples, wanted: Wanted) -> bytes:
    """By jpegli, which chooses all but the quality."""
    return bytes(
        importlib.import_module("pyjpegli").encode(image.tobytes(), image.shape[1], image.shape[0], wanted.quality)
    )


class Encoder(NamedTuple):
    """An encoder, the module that has it, and what it can make."""

    module: str
    encode: Callable[[Samples, Wanted], bytes]
    samplings: tuple[str, ...]
    progressive: tuple[bool, ...] = (False, True)


ALL = (*FACTORS, "gray")
ENCODERS = {
    "pillow": Encoder("PIL", by_pillow, ("444", "422", "420", "gray")),
    "turbo": Encoder("imagecodecs", by_turbo, ALL, (False,)),
    "libjpeg9": Encoder("jpeglib", by_version("9f"), ALL),
    "mozjpeg": Encoder("jpeglib", by_version("mozjpeg403"), ALL),
    "jpegli": Encoder("pyjpegli", by_jpegli, ("444",), (True,)),
}


def photographs(data: Path, split: str) -> list[Path]:
    """Those of all sets, one of each set after the other."""
    sets = [
        [path for path in sorted((data / name / split).glob("*")) if path.suffix in (".png", ".tif", ".bmp")]
        for name in SETS
    ]
    longest = max(map(len, sets), default=0)
    return [each[number] for number in range(longest) for each in sets if number < len(each)]


def piece_of(path: Path, side: int, draw: random.Random) -> Samples:
    """A piece of a photograph with such sides or less, where it is not all one thing: RGB."""
    with Image.open(path) as image:
        whole = np.asarray(image.convert("RGB"))
    rows, width = (min(side - draw.randrange(16), size) for size in whole.shape[:2])
    top, left = whole.shape[0] - rows, whole.shape[1] - width
    return np.ascontiguousarray(whole[top // 2 : top // 2 + rows, left // 2 : left // 2 + width])


def surrounded(image: Samples) -> Samples:
    """With black around a disc, as lenses leave it."""
    rows, width = image.shape[:2]
    down, across = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : width * 1j]
    return np.where((down**2 + across**2 < 0.85)[:, :, None], image, 0).astype(np.uint8)


def blown_out(image: Samples) -> Samples:
    """With so much light that a fifth is white."""
    brightest = max(1.0, float(np.percentile(image, 80)))
    brighter: Samples = np.minimum(image * (255 / brightest), 255).astype(np.uint8)
    return brighter


CHANGES: dict[str, Callable[[Samples], Samples]] = {
    "plain": lambda image: image,
    "surround": surrounded,
    "blown": blown_out,
}


def choose(encoders: Sequence[str], number: int, draw: random.Random) -> tuple[str, Wanted]:
    """An encoder and what it is to make: samplings in turn, about a third of the files progressive."""
    sampling, is_progressive = ALL[number % len(ALL)], draw.random() < 1 / 3
    able = [
        name
        for name in encoders
        if sampling in ENCODERS[name].samplings and is_progressive in ENCODERS[name].progressive
    ]
    wanted = Wanted(sampling, draw.randint(LEAST_QUALITY, MOST_QUALITY), is_progressive)
    return (draw.choice(able) if able else ""), wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder of the sets")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")
    parser.add_argument("--count", type=int, default=40, metavar="N", help="so many files (default: 40)")
    parser.add_argument("--split", default="test", help="train or test images of the sets (default: test)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another number makes another set")
    parser.add_argument("--side", type=int, default=384, metavar="N", help="of pieces, at most (default: 384)")
    options = parser.parse_args(arguments)
    encoders = [name for name, one in ENCODERS.items() if importlib.util.find_spec(one.module) is not None]
    for name in ENCODERS.keys() - set(encoders):
        print(f"{name}: left out, {ENCODERS[name].module} is not installed", file=sys.stderr)
    paths = photographs(options.data, options.split)
    if not paths:
        raise SystemExit(f"no images of {', '.join(SETS)} below {options.data}")
    options.folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(options.seed)
    for number in range(options.count):
        path = paths[number % len(paths)]
        name, wanted = choose(encoders, number, draw)
        change = draw.choices(list(CHANGES), (3, 1, 1))[0]
        if not name:
            continue
        image = CHANGES[change](piece_of(path, options.side, draw))
        if wanted.sampling == "gray":
            image = np.asarray(Image.fromarray(image).convert("L"))
        kind = "progressive" if wanted.is_progressive else "sequential"
        words = (f"{number:03}", path.stem, change, name, wanted.sampling, f"q{wanted.quality}", kind)
        (options.folder / f"{'-'.join(words)}.jpg").write_bytes(ENCODERS[name].encode(image, wanted))
    return 0


if __name__ == "__main__":
    sys.exit(main())
