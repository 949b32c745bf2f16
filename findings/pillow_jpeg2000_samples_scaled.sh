#!/usr/bin/env bash
# Surprise: Pillow opens JPEG 2000 of 9 to 15 bits as mode "I;16" and hands on the samples times 2**(16 - bits), and of
#   signed data the samples plus 32768; RGB of 16 bits comes as 8. None of it raises or warns.
# Good guess that is wrong: "I;16" holds the samples of the file, as it does for PNG and TIFF of 10, 12 and 16 bits.
# Versions: Pillow 12.0.0, imagecodecs 2025.11.11 (OpenJPEG, as a second reader), NumPy 2.3.5.
# Seen: samples 0, 1, 100, 4095 of 12 bits come back as 0, 16, 1600, 65520; signed -2000, -1, 0, 2000 as 30768, 32767,
#   32768, 34768; 1, 256, 65535 in RGB of 16 bits as 0, 1, 0 of 8. imagecodecs gives all as they were.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==12.0.0 imagecodecs==2025.11.11 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import io

import imagecodecs
import numpy as np
from PIL import Image


def both(samples, bits):
    data = imagecodecs.jpeg2k_encode(samples, level=0, reversible=True, mct=False, codecformat="jp2", bitspersample=bits)
    assert np.array_equal(imagecodecs.jpeg2k_decode(data), samples), "the second reader differs, too"
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, np.asarray(image)[0]


deep = np.array([[0, 1, 100, 4095]] * 4, np.uint16)
mode, seen = both(deep, 12)
print("12 bits:", deep[0].tolist(), "->", mode, seen.tolist())
assert mode == "I;16" and seen.tolist() == [0, 16, 1600, 65520]

signed = np.array([[-2000, -1, 0, 2000]] * 4, np.int16)
mode, seen = both(signed, 16)
print("16 bits, signed:", signed[0].tolist(), "->", mode, seen.tolist())
assert mode == "I;16" and seen.tolist() == [30768, 32767, 32768, 34768]

colour = np.full((4, 4, 3), (1, 256, 65535), np.uint16)
mode, seen = both(colour, 16)
print("16 bits, RGB:", colour[0, 0].tolist(), "->", mode, seen.dtype, seen[0].tolist())
assert mode == "RGB" and seen.dtype == np.uint8
PYTHON
