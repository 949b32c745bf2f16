#!/usr/bin/env bash
# Surprise: OpenCV gives the samples of a TIFF file of 12 bits times 16, and those of 10 and 14 bits times 64 and 4,
#   with IMREAD_UNCHANGED, too, in arrays of 16 bits that do not say so. tifffile, GDAL and Pillow give them as they
#   are; and OpenCV itself does so of a PGM file or JPEG 2000 data of 12 bits.
# Good guess that is wrong: samples of 12 bits are unpacked into the lowest bits of 16, as by everyone else, so that a
#   threshold of 1000 means the same whatever read the file.
# Versions: OpenCV 5.0.0.93, tifffile 2026.3.3, imagecodecs 2026.3.6, Pillow 13.0.0, rasterio 1.4.4, NumPy 2.4.6.
# Seen: 0 1 1000 4095 come back as 0 16 16000 65520.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 tifffile==2026.3.3 imagecodecs==2026.3.6 pillow==13.0.0 rasterio==1.4.4 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import struct
import warnings

import cv2
import numpy as np
import rasterio
import tifffile
from PIL import Image

warnings.simplefilter("ignore")  # rasterio's, that the file has no place on earth
SAMPLES = np.array([[0, 1, 1000, 4095], [5, 6, 7, 8]], np.uint16)


def packed(bits):
    """Rows of whole bytes, the highest bits first."""
    rows = (SAMPLES % (1 << bits))[..., None] >> np.arange(bits)[::-1] & 1
    return np.packbits(rows.reshape(len(rows), -1), axis=1).tobytes()


def write(bits):
    """A TIFF file, little-endian, of one strip."""
    data = packed(bits)
    tags = {256: 4, 257: 2, 258: bits, 259: 1, 262: 1, 273: 134, 277: 1, 278: 2, 279: len(data), 339: 1}
    entries = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags.items())
    with open("a.tif", "wb") as file:
        file.write(struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data)


for bits, times in ((10, 64), (12, 16), (14, 4)):
    write(bits)
    samples = SAMPLES % (1 << bits)
    assert np.array_equal(tifffile.imread("a.tif"), samples)
    with rasterio.open("a.tif") as file:
        assert np.array_equal(file.read(1), samples)
    if bits == 12:
        with Image.open("a.tif") as image:
            assert np.array_equal(np.asarray(image), samples)
    array = cv2.imread("a.tif", cv2.IMREAD_UNCHANGED)
    print(bits, "bits:", samples[0].tolist(), "->", array.dtype, array[0].tolist())
    assert np.array_equal(array, times * samples)
with open("a.pgm", "wb") as file:
    file.write(b"P5\n4 2\n4095\n" + SAMPLES.astype(">u2").tobytes())
assert np.array_equal(cv2.imread("a.pgm", cv2.IMREAD_UNCHANGED), SAMPLES)
PYTHON
