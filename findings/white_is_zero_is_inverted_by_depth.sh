#!/usr/bin/env bash
# Surprise: Pillow and OpenCV invert the samples of a TIFF file whose photometric interpretation is WhiteIsZero if they
#   have 8 bits, and do not if they have 16: one radiograph saved at both depths comes back as a negative of itself.
#   OpenCV inverts int8, too, where 0 becomes -1. GDAL and tifffile never invert.
# Good guess that is wrong: a reader either shows the picture or gives the samples, whatever their depth.
# Versions: Pillow 13.0.0, OpenCV 5.0.0.93, tifffile 2026.3.3, rasterio 1.4.4, NumPy 2.4.6.
# Seen: 0 1 200 255 of 8 bits come back as 255 254 55 0, of 16 bits as they are.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  pillow==13.0.0 opencv-python-headless==5.0.0.93 tifffile==2026.3.3 rasterio==1.4.4 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import warnings

import cv2
import numpy as np
import rasterio
import tifffile
from PIL import Image

warnings.simplefilter("ignore")  # rasterio's, that the file has no place on earth


def seen(samples):
    tifffile.imwrite("a.tif", samples, photometric="miniswhite")
    assert np.array_equal(tifffile.imread("a.tif"), samples)
    with rasterio.open("a.tif") as file:
        assert np.array_equal(file.read(1), samples)
    with Image.open("a.tif") as image:
        pillow = np.asarray(image)
    opencv = cv2.imread("a.tif", cv2.IMREAD_UNCHANGED)
    print(samples.dtype, samples[0].tolist(), "-> Pillow", pillow[0].tolist(), "OpenCV", opencv[0].tolist())
    return pillow, opencv


narrow = np.array([[0, 1, 200, 255]], np.uint8)
assert all(np.array_equal(array, 255 - narrow) for array in seen(narrow))
wide = narrow.astype(np.uint16)
assert all(np.array_equal(array, wide) for array in seen(wide))
signed = np.array([[0, 1, -1, 127]], np.int8)
tifffile.imwrite("a.tif", signed, photometric="miniswhite")
array = cv2.imread("a.tif", cv2.IMREAD_UNCHANGED)
print(signed.dtype, signed[0].tolist(), "-> OpenCV", array[0].tolist())
assert np.array_equal(array, ~signed)
PYTHON
