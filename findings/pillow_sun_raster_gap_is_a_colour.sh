#!/usr/bin/env bash
# Surprise: Pillow reads Sun raster files of 32 bits a pixel in wrong colours, without a word. The format has the unused byte
#   first (X, B, G, R; with type 3 X, R, G, B). Pillow takes it for last, so that it becomes a colour, and red, or blue, is lost.
# Good guess that is wrong: a format of 1989 that Pillow opens comes out right.
# Versions: Pillow 12.0.0, OpenCV 4.12.0.88 as the second reader, NumPy 2.2.6.
# Seen: 5 x 6 pixels, unused bytes 9: OpenCV gives back what was written (types 0 and 1; it does not read type 3); Pillow gives
#   (G, B, 9) for types 0 and 1, and (9, R, G) for type 3.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==12.0.0 opencv-python-headless==4.12.0.88 numpy==2.2.6
"$work/venv/bin/python" - "$work/image.ras" <<'PYTHON'
import struct
import sys

import cv2
import numpy as np
from PIL import Image

MAGIC, UNUSED, OLD, STANDARD, RGB = 0x59A66A95, 9, 0, 1, 3
COLOURS = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
for kind in (OLD, STANDARD, RGB):
    stored = COLOURS if kind == RGB else COLOURS[:, :, ::-1]
    pixels = np.concatenate([np.full((5, 6, 1), UNUSED, np.uint8), stored], axis=2).tobytes()
    with open(sys.argv[1], "wb") as file:
        file.write(struct.pack(">8I", MAGIC, 6, 5, 32, len(pixels), kind, 0, 0) + pixels)
    seen = np.asarray(Image.open(sys.argv[1]))
    red, green, blue = np.moveaxis(COLOURS, 2, 0)
    gap = np.full_like(red, UNUSED)
    assert np.array_equal(seen, np.dstack([gap, red, green] if kind == RGB else [green, blue, gap])), seen
    other = cv2.imread(sys.argv[1], cv2.IMREAD_COLOR)
    assert (other is None) if kind == RGB else np.array_equal(other[:, :, ::-1], COLOURS)
    print(f"type {kind}: written {COLOURS[0, 0].tolist()}, Pillow reads {seen[0, 0].tolist()}")
PYTHON
