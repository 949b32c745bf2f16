#!/usr/bin/env bash
# Surprise: tifffile writes PackBits with a horizontal predictor where it is asked to, and undoes it on reading. libtiff
#   has predictors for LZW, deflate, LZMA and Zstandard alone and passes over the field, so that Pillow (and all that
#   reads by libtiff) shows the differences of samples as the samples, without a word.
# Good guess that is wrong: a field of a TIFF file that says how samples were changed is undone, or refused, by whoever
#   knows the field.
# Versions: tifffile 2026.3.3, imagecodecs 2026.3.6, Pillow 13.0.0, NumPy 2.4.6.
# Seen: samples 10, 20, 30, 40 come back from tifffile, and are 10, 10, 10, 10 in Pillow; with LZW both have them.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    tifffile==2026.3.3 imagecodecs==2026.3.6 pillow==13.0.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image

SAMPLES = np.tile(np.array([10, 20, 30, 40], np.uint8), (4, 1))
DIFFERENCES = [10, 10, 10, 10]

for compression, in_pillow in (("lzw", SAMPLES[0].tolist()), ("packbits", DIFFERENCES)):
    tifffile.imwrite("x.tif", SAMPLES, compression=compression, predictor=True)
    by_tifffile = tifffile.imread("x.tif")[0].tolist()
    with Image.open("x.tif") as image:
        by_pillow = np.asarray(image)[0].tolist()
    print(compression, "tifffile:", by_tifffile, "Pillow:", by_pillow)
    assert (by_tifffile, by_pillow) == (SAMPLES[0].tolist(), in_pillow)
PYTHON
