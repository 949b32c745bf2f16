#!/usr/bin/env bash
# Surprise: GDAL reads JPEG 2000 data of signed 8-bit samples as uint8, with 0 for all that is negative. No error, no
#   warning. Signed samples of 12 and 16 bits it reads as int16, rightly, and TIFF files of int8 as int8.
# Good guess that is wrong: a library that has int8, and knows signed JPEG 2000, puts the two together.
# Versions: rasterio 1.4.4 (with the GDAL of its wheel), imagecodecs 2026.3.6, NumPy 2.4.6.
# Seen: -128 -5 -1 0 1 127 come back as 0 0 0 0 1 127.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  rasterio==1.4.4 imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import warnings

import imagecodecs
import numpy as np
import rasterio

warnings.simplefilter("ignore")  # rasterio's, that the file has no place on earth
for bits, dtype, row in ((8, np.int8, [-128, -5, -1, 0, 1, 127]), (12, np.int16, [-2048, -300, -1, 0, 1, 2047])):
    samples = np.array([row] * 2, dtype)
    data = imagecodecs.jpeg2k_encode(samples, level=0, reversible=True, bitspersample=bits, codecformat="jp2")
    assert np.array_equal(imagecodecs.jpeg2k_decode(data), samples)
    with open("a.jp2", "wb") as file:
        file.write(data)
    with rasterio.open("a.jp2") as file:
        array = file.read(1)
    print(bits, "bits:", row, "->", array.dtype, array[0].tolist())
    if bits == 8:
        assert array.dtype == np.uint8 and np.array_equal(array, np.maximum(samples, 0))
    else:
        assert np.array_equal(array, samples)
PYTHON
