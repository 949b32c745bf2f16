#!/usr/bin/env python3
"""Compare what `sofc/jpeg` makes of JPEG data with what other programs do. No test run calls this.

    tools/check_jpeg_decoders.py

Needs Pillow 13.0.0, av 17.0.0 (FFmpeg), pydicom 3.0.2 with pylibjpeg-libjpeg 2.5.0, the command `node` with jpeg-js
0.4.4 where NODE_PATH says, and the command `go` 1.27.3; what is missing is left out, and said. Exit status 1 if
anything differs that should not.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from programs import MissingError, command, module

from sofc.jpeg.colour import CONVERSIONS, reached
from sofc.jpeg.dct import (
    ACCURATE,
    BUTTERFLIES,
    FINE,
    LIFTED,
    NARROW,
    REPLICATED,
    SIMPLE,
    TRIANGLE,
    Decoder,
)
from sofc.jpeg.known import read_known

Samples = npt.NDArray[np.uint8]
SAMPLINGS: dict[str, int | None] = {"4:2:0": 2, "4:2:2": 1, "4:4:4": 0, "gray": None}
SHAPES = ((96, 112), (98, 118))
MOST_DIFFERENT = 1e-3
"""Share of samples that may differ where a program counts in floating point."""
GO = """package main
import ("image"; "image/jpeg"; "os")
func main() {
	picture, err := jpeg.Decode(os.Stdin)
	if err != nil { panic(err) }
	box, out := picture.Bounds(), []byte{}
	for y := box.Min.Y; y < box.Max.Y; y++ { for x := box.Min.X; x < box.Max.X; x++ {
		if gray, is := picture.(*image.Gray); is { out = append(out, gray.GrayAt(x, y).Y); continue }
		r, g, b, _ := picture.At(x, y).RGBA()
		out = append(out, byte(r>>8), byte(g>>8), byte(b>>8))
	} }
	os.Stdout.Write(out)
}
"""
NODE = """const jpeg = require('jpeg-js'), fs = require('fs');
process.stdout.write(Buffer.from(jpeg.decode(fs.readFileSync(0), {useTArray: true, formatAsRGBA: false}).data));
"""


def shape_of(data: bytes) -> tuple[int, ...]:
    with Image.open(io.BytesIO(data)) as image:
        return (image.height, image.width) if image.mode == "L" else (image.height, image.width, 3)


def pillow(data: bytes) -> Samples:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def ffmpeg(data: bytes) -> Samples:
    with module("av").open(io.BytesIO(data), format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
        made: Samples = frame.to_ndarray(format="gray" if len(shape_of(data)) == 2 else "rgb24")
    return made


def pydicom(plugin: str) -> Callable[[bytes], Samples]:
    def decode(data: bytes) -> Samples:
        dataset, uid = module("pydicom.dataset"), module("pydicom.uid").JPEGBaseline8Bit
        if plugin == "pylibjpeg":
            module("libjpeg")
        shape = shape_of(data)
        one = dataset.Dataset()
        one.file_meta = dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = uid
        one.Rows, one.Columns = shape[:2]
        one.SamplesPerPixel = 1 if len(shape) == 2 else 3
        one.PhotometricInterpretation = "MONOCHROME2" if len(shape) == 2 else "YBR_FULL_422"
        if len(shape) == 3:
            one.PlanarConfiguration = 0
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 8, 8, 7, 0
        one.PixelData = module("pydicom.encaps").encapsulate([data])
        one["PixelData"].VR = "OB"
        decoder = module("pydicom.pixels").get_decoder(uid)
        made: Samples = decoder.as_array(one, decoding_plugin=plugin, raw=False)[0]
        return made

    return decode


def go(data: bytes) -> Samples:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "main.go"
        program.write_text(GO)
        made = subprocess.run(command("go", "run", str(program)), input=data, capture_output=True, check=True).stdout
    return np.frombuffer(made, np.uint8).reshape(shape_of(data))


def jpeg_js(data: bytes) -> Samples:
    made = subprocess.run(command("node", "-e", NODE), input=data, capture_output=True, check=True).stdout
    shape = shape_of(data)
    samples = np.frombuffer(made, np.uint8).reshape(*shape[:2], 3)
    return samples if len(shape) == 3 else samples[:, :, 0]


PROGRAMS: dict[str, tuple[Callable[[bytes], Samples], Decoder, int, int]] = {
    "Pillow": (pillow, Decoder(ACCURATE, TRIANGLE), 0, 0),
    "FFmpeg": (ffmpeg, Decoder(SIMPLE, REPLICATED), 3, 4),
    "pydicom with Pillow": (pydicom("pillow"), Decoder(ACCURATE, TRIANGLE), 2, 2),
    "pydicom with pylibjpeg": (pydicom("pylibjpeg"), Decoder(NARROW, FINE), 2, 2),
    "Go": (go, Decoder(LIFTED, REPLICATED), 5, 5),
    "jpeg-js": (jpeg_js, Decoder(BUTTERFLIES, REPLICATED), 6, 6),
}
"""What decodes, its kinds, and the numbers of its conversions: where chrominances have fewer samples, and as many."""


def made_by(data: bytes, decoder: Decoder, conversions: tuple[int, int]) -> Samples:
    """What ``sofc/jpeg`` makes of JPEG data."""
    known = read_known(data)
    assert known is not None, "Pillow wrote it"
    suited = [decoder if one.grid.is_enlarged else decoder._replace(upsampling=TRIANGLE) for one in known.origins]
    planes = [replace(one, decoder=kind).draw(known.shape)[0] for one, kind in zip(known.origins, suited, strict=True)]
    if len(planes) == 1:
        return planes[0].astype(np.uint8)
    number = conversions[0] if known.origins[1].grid.is_enlarged else conversions[1]
    return np.stack(reached(planes, CONVERSIONS[number]), axis=2).astype(np.uint8)


def jpeg_data(shape: tuple[int, int], sampling: int | None, random: np.random.Generator) -> bytes:
    """Waves and noise, as JPEG data."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [90 * np.sin(x / (4 + k) + y / (9 - k)) + 128 for k in range(3)]
    image = np.clip(np.stack(waves, axis=2) + random.normal(0, 12, (*shape, 3)), 0, 255).astype(np.uint8)
    data = io.BytesIO()
    if sampling is None:
        Image.fromarray(image[:, :, 0]).save(data, "JPEG", quality=80)
    else:
        Image.fromarray(image).save(data, "JPEG", quality=80, subsampling=sampling)
    return data.getvalue()


def main() -> int:
    """One line for each program."""
    random = np.random.default_rng(1)
    files = {(name, shape): jpeg_data(shape, one, random) for name, one in SAMPLINGS.items() for shape in SHAPES}
    status = 0
    for name, (decode, decoder, fewer, as_many) in PROGRAMS.items():
        try:
            shares = {
                key: float(np.mean(decode(data) != made_by(data, decoder, (fewer, as_many))))
                for key, data in files.items()
            }
        except MissingError as error:
            print(f"{name}: left out, {error}")
            continue
        wrong = {key: share for key, share in shares.items() if share > MOST_DIFFERENT}
        print(f"{name}: {wrong or 'as it should be'}")
        status = 1 if wrong else status
    return status


if __name__ == "__main__":
    sys.exit(main())
