#!/usr/bin/env bash
# Surprise: Pillow swaps the bytes of a big-endian TIFF file of int16, int32 or float32 samples that is compressed
#   (deflate, LZW, PackBits): 1 comes back as 256, 1.0 as 4.6e-41. No error, no warning. The same files without
#   compression, little-endian ones, and compressed ones of uint16 are right; OpenCV, which reads through libtiff as
#   Pillow does, has all of them right.
# Good guess that is wrong: where a library knows a sample type and both orders of bytes, compression, which is undone
#   before either matters, changes nothing.
# Versions: Pillow 13.0.0, tifffile 2026.3.3, imagecodecs 2026.3.6, OpenCV 5.0.0.93, NumPy 2.4.6.
# Seen: 1 2 300 4 of int16 come back as 256 512 11265 1024.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  pillow==13.0.0 tifffile==2026.3.3 imagecodecs==2026.3.6 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import cv2
import numpy as np
import tifffile
from PIL import Image


def seen(samples, order, compression):
    tifffile.imwrite("a.tif", samples, byteorder=order, compression=compression)
    assert np.array_equal(cv2.imread("a.tif", cv2.IMREAD_UNCHANGED), samples)
    with Image.open("a.tif") as image:
        return np.asarray(image)


for dtype in (np.uint16, np.int16, np.int32, np.float32):
    samples = np.array([[1, 2, 300, 4]] * 2, dtype)
    assert np.array_equal(seen(samples, "<", "deflate"), samples)
    assert np.array_equal(seen(samples, ">", None), samples)
    for compression in ("deflate", "lzw", "packbits"):
        array = seen(samples, ">", compression)
        print(samples.dtype, compression, samples[0].tolist(), "->", array.dtype, array[0].tolist())
        expected = samples if dtype is np.uint16 else samples.byteswap()
        assert array.astype(dtype).tobytes() == expected.tobytes()
PYTHON
