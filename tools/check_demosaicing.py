#!/usr/bin/env python3
"""Compare the rules of `sofc/transforms/mosaic.py` with the programs that they are of. No test run calls this.

    tools/check_demosaicing.py [FOLDER]

Needs opencv-python-headless 5.0.0.93, rawpy 0.28.0 (LibRaw 0.22.2), imageio-ffmpeg 0.8.1 (FFmpeg 9.0.2),
colour-demosaicing 0.2.7 and the command gst-launch-1.0 (GStreamer 1.22.0, plug-in "bayer"); what is missing is left
out, and said. Mosaics of noise are compared first. With a folder of photographs, mosaics are made of crops of 384 x 256
of them, and what their colours take is put beside what the mosaics take as gray images. Exit status 1 if anything
differs.
"""

from __future__ import annotations

import argparse
import io
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from programs import MissingError, command, module

import sofc
from sofc.imagefiles import load, sources
from sofc.transforms.mosaic import METHODS, Edges, border_repeated, demosaiced, kept, pattern

Image = npt.NDArray[Any]
CROP = (256, 384)


def run(words: list[str], data: bytes = b"") -> bytes:
    return subprocess.run(words, input=data, capture_output=True, check=True).stdout


def opencv(mosaic: Image, phase: int, suffix: str = "") -> Image:
    # OpenCV names a mosaic by the second and third sample of its second row.
    name = {"RGGB": "BG", "GRBG": "GB", "GBRG": "GR", "BGGR": "RG"}[pattern(phase)]
    cv2 = module("cv2")
    colours: Image = cv2.cvtColor(mosaic, getattr(cv2, f"COLOR_Bayer{name}2RGB{suffix}"))
    return colours


def opencv_edge_aware(mosaic: Image, phase: int) -> Image:
    return opencv(mosaic, phase, "_EA")


def ffmpeg(mosaic: Image, phase: int) -> Image:
    bits = 8 * mosaic.dtype.itemsize
    endian, out = ("", "rgb24") if bits == 8 else ("le", "rgb48le")
    rows, width = mosaic.shape
    source = ["-f", "rawvideo", "-pix_fmt", f"bayer_{pattern(phase).lower()}{bits}{endian}", "-s", f"{width}x{rows}"]
    begin = [module("imageio_ffmpeg").get_ffmpeg_exe(), "-v", "error", *source, "-i", "-", "-f", "rawvideo"]
    data = run([*begin, "-pix_fmt", out, "-"], mosaic.tobytes())
    return np.frombuffer(data, mosaic.dtype).reshape(rows, width, 3)


def gstreamer(mosaic: Image, phase: int) -> Image:
    if mosaic.dtype != np.uint8:
        raise MissingError("bayer2rgb 1.22 knows 8 bits")
    launch = command("gst-launch-1.0", "-q")
    rows, width = mosaic.shape
    padded = np.pad(mosaic, ((0, 0), (0, -width % 4)))
    with tempfile.TemporaryDirectory() as folder:
        source, sink = Path(folder) / "in", Path(folder) / "out"
        source.write_bytes(padded.tobytes())
        caps = f"video/x-bayer,format={pattern(phase).lower()},width={width},height={rows},framerate=1/1"
        read = ["filesrc", f"location={source}", f"blocksize={padded.size}", "!", caps, "!"]
        run([*launch, *read, "bayer2rgb", "!", "video/x-raw,format=RGBx", "!", "filesink", f"location={sink}"])
        return np.frombuffer(sink.read_bytes(), np.uint8)[: 4 * rows * width].reshape(rows, width, 4)[..., :3]


def libraw(mosaic: Image, phase: int) -> Image:
    if mosaic.dtype != np.uint16:
        raise MissingError("LibRaw works on 16 bits")
    rawpy = module("rawpy")
    with rawpy.imread(io.BytesIO(dng(mosaic, phase))) as raw:
        colours: Image = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm.LINEAR, output_color=rawpy.ColorSpace.raw, gamma=(1, 1),
            no_auto_bright=True, user_wb=[1, 1, 1, 1], output_bps=16, user_black=0, user_sat=65535, user_flip=0,
        )  # fmt: skip
    return colours


def colour_demosaicing(mosaic: Image, phase: int) -> Image:
    """Its borders are darker or brighter than they should be, and no rule of ours; what is further in is compared."""
    made = module("colour_demosaicing").demosaicing_CFA_Bayer_bilinear(mosaic.astype(np.float64), pattern(phase))
    rounded: Image = np.rint(made[1:-1, 1:-1]).astype(np.int64)
    return rounded


PROGRAMS: dict[int, Callable[[Image, int], Image]] = {
    1: opencv, 2: opencv_edge_aware, 3: ffmpeg, 4: gstreamer, 5: libraw, 6: colour_demosaicing
}  # fmt: skip


def dng(mosaic: Image, phase: int) -> bytes:
    """The least DNG file that LibRaw reads."""
    rows, width = mosaic.shape
    data = mosaic.astype("<u2").tobytes()
    unit = (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)
    colours = bytes("RGB".index(letter) for letter in pattern(phase))
    tags: list[tuple[int, str, Any]] = [
        (254, "L", (0,)), (256, "L", (width,)), (257, "L", (rows,)), (258, "H", (16,)), (259, "H", (1,)),
        (262, "H", (32803,)), (271, "A", b"Some\0"), (272, "A", b"Camera\0"), (273, "L", (0,)), (274, "H", (1,)),
        (277, "H", (1,)), (278, "L", (rows,)), (279, "L", (len(data),)), (33421, "H", (2, 2)), (33422, "B", colours),
        (50706, "B", bytes((1, 4, 0, 0))), (50708, "A", b"Some Camera\0"), (50717, "H", (65535,)), (50721, "R", unit),
        (50728, "P", (1, 1) * 3), (50778, "H", (21,)),
    ]  # fmt: skip
    kinds = {"B": 1, "A": 2, "H": 3, "L": 4, "P": 5, "R": 10}
    behind = 8 + 2 + 12 * len(tags) + 4

    def packed(kind: str, values: Any) -> tuple[int, bytes]:
        if kind in "BA":
            return len(values), values
        code = {"P": "L", "R": "l"}.get(kind, kind)
        return len(values) // (2 if kind in "PR" else 1), struct.pack(f"<{len(values)}{code}", *values)

    place = behind + sum(len(raw) + len(raw) % 2 for _, kind, values in tags if len(raw := packed(kind, values)[1]) > 4)
    entries, further = b"", b""
    for tag, kind, values in tags:
        count, raw = packed(kind, (place,) if tag == 273 else values)
        if len(raw) > 4:
            offset = struct.pack("<L", behind + len(further))
            further += raw + b"\0" * (len(raw) % 2)
            raw = offset
        entries += struct.pack("<HHL", tag, kinds[kind], count) + raw.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<LH", 8, len(tags)) + entries + bytes(4) + further + data


def by_rule(mosaic: Image, method: int, phase: int, parts: tuple[int, ...]) -> Image:
    made = demosaiced(mosaic[None].astype(np.int32), method, phase, Edges.ALL, parts)
    made = border_repeated(made, Edges.ALL) if METHODS[method].hides_border else made
    return np.moveaxis(made[:, 0], 0, -1)


def cuts(method: int, rows: int) -> Iterator[tuple[int, ...]]:
    """What a program may have cut the rows into."""
    yield ()
    if METHODS[method].name == "FFmpeg":
        for slices in range(2, 33):
            size = -(-rows // slices) + 1 & ~1
            yield (size,) * ((rows - 4) // size)


def compare() -> bool:
    """Whether all rules give what the programs do, of noise."""
    random = np.random.default_rng(1)
    good = True
    for method, program in PROGRAMS.items():
        for dtype in (np.uint8, np.uint16):
            try:
                wrong = 0
                for phase in range(4):
                    mosaic = random.integers(0, np.iinfo(dtype).max + 1, (64, 88)).astype(dtype)
                    made = program(mosaic, phase).astype(np.int64)
                    rules = [by_rule(mosaic, method, phase, parts) for parts in cuts(method, 64)]
                    inner = np.s_[1:-1, 1:-1] if made.shape[0] == 62 else np.s_[:]
                    wrong += min(int(np.count_nonzero(rule[inner] != made)) for rule in rules)
                print(f"{METHODS[method].name}, {dtype.__name__}: {wrong} samples differ")
                good = good and not wrong
            except MissingError as why:
                print(f"{METHODS[method].name}, {dtype.__name__}: left out, {why}")
    return good


def crops(folder: Path) -> Iterator[Image]:
    """Two of each photograph, which is laid on its side if it stands."""
    for source in sources([folder], recursive=True):
        image = load(source).array[..., :3]
        image = image if image.shape[0] <= image.shape[1] else image.swapaxes(0, 1)
        for top, left in ((0, 0), (image.shape[0] - CROP[0], image.shape[1] - CROP[1])):
            yield np.ascontiguousarray(image[top : top + CROP[0], left : left + CROP[1]])


def measure(folder: Path) -> None:
    """What colours take beside their mosaics."""
    totals: dict[int, list[int]] = {method: [0, 0] for method in PROGRAMS if method != 6}
    for number, crop in enumerate(crops(folder)):
        phase = number % 4
        mosaic = kept(np.moveaxis(crop, -1, 0)[:, None].astype(np.int32), phase)[0].astype(np.uint8)
        plain = len(sofc.encode(mosaic))
        for method, total in totals.items():
            try:
                made = np.ascontiguousarray(
                    libraw(257 * mosaic.astype(np.uint16), phase) if method == 5 else PROGRAMS[method](mosaic, phase)
                )
            except MissingError:
                continue
            data = sofc.encode(made)
            if not np.array_equal(sofc.decode(data), made):
                raise SystemExit(f"{METHODS[method].name}: an image does not come back")
            total[0] += len(data)
            total[1] += plain
    for method, (size, plain) in totals.items():
        if plain:
            print(f"{METHODS[method].name}: {size} bytes, {size / plain:.4f} of the mosaics' {plain}")


def main() -> int:
    """Compare, and measure if there is a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="photographs that were not demosaiced by these programs")
    options = parser.parse_args()
    good = compare()
    if options.folder is not None:
        measure(options.folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
