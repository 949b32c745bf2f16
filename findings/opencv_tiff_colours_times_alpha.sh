#!/usr/bin/env bash
# Surprise: OpenCV multiplies the colours of a TIFF file of 8-bit RGBA by their alpha, with IMREAD_UNCHANGED, too,
#   though the file says that its alpha is unassociated: what is transparent comes back black. The same samples in 16
#   bits, or in a PNG file, come back as they are.
# Good guess that is wrong: IMREAD_UNCHANGED gives the four channels as they are stored, as it does of PNG.
# Versions: OpenCV 5.0.0.93, tifffile 2026.3.3, Pillow 13.0.0, NumPy 2.4.6.
# Seen: red 200, green 100, blue 50, alpha 128 come back as 100, 50, 25, 128; with alpha 0 as 0, 0, 0, 0.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 tifffile==2026.3.3 pillow==13.0.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import cv2
import numpy as np
import tifffile
from PIL import Image

SAMPLES = np.array([[[200, 100, 50, 128], [200, 100, 50, 0], [200, 100, 50, 255]]], np.uint8)


def seen(name):
    return cv2.imread(name, cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]


Image.fromarray(SAMPLES).save("a.png")
assert np.array_equal(seen("a.png"), SAMPLES)
wide = SAMPLES.astype(np.uint16)
tifffile.imwrite("wide.tif", wide, photometric="rgb", extrasamples=["unassalpha"])
assert np.array_equal(seen("wide.tif"), wide)
tifffile.imwrite("a.tif", SAMPLES, photometric="rgb", extrasamples=["unassalpha"])
with Image.open("a.tif") as image:
    assert np.array_equal(np.asarray(image), SAMPLES)
array = seen("a.tif")
for before, after in zip(SAMPLES[0].tolist(), array[0].tolist(), strict=True):
    print(before, "->", after)
assert array[0].tolist() == [[100, 50, 25, 128], [0, 0, 0, 0], [200, 100, 50, 255]]
PYTHON
