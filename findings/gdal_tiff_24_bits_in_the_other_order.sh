#!/usr/bin/env bash
# Surprise: 24-bit integers in a TIFF file of GDAL (NBITS=24) stand in the order of bytes that the file's head does not
#   name: most significant first in a little-endian file ("II"), least significant first in a big-endian one ("MM").
#   GDAL reads both back, so nothing shows there. tifffile reads the first as GDAL does, the second times 256.
# Good guess that is wrong: whole bytes follow the order of bytes of the head, as 16 and 32 bits do, and what one of the
#   two programs writes the other reads.
# Versions: rasterio 1.4.4 (with its GDAL), tifffile 2026.3.3, imagecodecs 2026.3.6, NumPy 2.4.6.
# Seen: the integers 1 and 70000 are the bytes 000001 011170 in "II" and 010000 701101 in "MM"; tifffile gives 1, 70000
#   and 256, 17920000.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    rasterio==1.4.4 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

import numpy as np
import rasterio
import tifffile

SAMPLES = np.array([[1, 70000]], np.uint32)
SEEN = {"LITTLE": (b"II", "000001011170", [1, 70000]), "BIG": (b"MM", "010000701101", [256, 17920000])}

for order, (mark, stored, read) in SEEN.items():
    with rasterio.open(
        "x.tif", "w", driver="GTiff", width=2, height=1, count=1, dtype="uint32", nbits=24, endianness=order
    ) as file:
        file.write(SAMPLES, 1)
    with rasterio.open("x.tif") as file:
        assert (file.read(1) == SAMPLES).all()
    data = Path("x.tif").read_bytes()
    with tifffile.TiffFile("x.tif") as file:
        start = file.pages[0].dataoffsets[0]
    samples = tifffile.imread("x.tif").ravel().tolist()
    print(data[:2].decode(), data[start : start + 6].hex(), samples)
    assert (data[:2], data[start : start + 6].hex(), samples) == (mark, stored, read)
PYTHON
