#!/usr/bin/env bash
# Surprise: three bands in a TIFF file of JPEG data that are no colours (PhotometricInterpretation MINISBLACK, as GDAL
#   writes bands of satellites; the same with Lab) come out of tifffile converted from YCbCr to RGB. libtiff goes by
#   PhotometricInterpretation and leaves them as they are; tifffile leaves it to libjpeg, which takes three components
#   without a mark for YCbCr. Of four components, or of three that are called RGB, both give the same.
# Good guess that is wrong: both decode JPEG data by libjpeg-turbo, so that they agree but for rounding.
# Versions: rasterio 1.4.4 (with its GDAL), tifffile 2026.3.3, imagecodecs 2026.3.6, NumPy 2.4.6.
# Seen: bands of 200, 100 and 50 come back as these from GDAL, and as 91, 255 and 150 from tifffile, without a warning.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    rasterio==1.4.4 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import rasterio
import tifffile

BANDS = (200, 100, 50)
SEEN = {"RGB": BANDS, "MINISBLACK": (91, 255, 150)}

for photometric, seen in SEEN.items():
    with rasterio.open(
        "x.tif", "w", driver="GTiff", width=32, height=32, count=3, dtype="uint8", compress="JPEG", interleave="pixel",
        photometric=photometric, jpeg_quality=100,
    ) as file:
        file.write(np.stack([np.full((32, 32), band, np.uint8) for band in BANDS]))
    with rasterio.open("x.tif") as file:
        by_gdal = file.read()[:, 16, 16].tolist()
    by_tifffile = tifffile.imread("x.tif")[16, 16].tolist()
    print(photometric, "GDAL:", by_gdal, "tifffile:", by_tifffile)
    assert np.abs(np.subtract(by_gdal, BANDS)).max() <= 1
    assert np.abs(np.subtract(by_tifffile, seen)).max() <= 1
PYTHON
