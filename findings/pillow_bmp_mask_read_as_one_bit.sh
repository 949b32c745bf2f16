#!/usr/bin/env bash
# Surprise: an uncompressed BMP of 8 bits a pixel whose palette has two colours, black and white (a mask, as many
#   programs write it), is read by Pillow as if it had 1 bit a pixel: eight pixels are made from each byte, most of
#   them black, the rest of the row is never looked at. No error, no warning. With a palette of two other colours, or of
#   three, the same bytes are read rightly.
# Good guess that is wrong: a palette of black and white only changes the mode to "1" or "L", not where samples are.
# Versions: Pillow 12.0.0, NumPy 2.3.5; the second reader is the format itself, one byte a pixel, unpacked here.
# Seen: rows 0 1 0 1 1 0 0 1 come back as rows of zeros; with the palette black and red they come back as they are.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==12.0.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import io
import struct

import numpy as np
from PIL import Image

MASK = np.array([[0, 1, 0, 1, 1, 0, 0, 1]] * 4, np.uint8)


def bitmap(second_colour):
    palette = bytes(4) + second_colour + b"\0"
    head = struct.pack("<IiiHHIIiiII", 40, 8, 4, 1, 8, 0, MASK.size, 0, 0, 2, 0)
    file = struct.pack("<2sIII", b"BM", 14 + 40 + 8 + MASK.size, 0, 14 + 40 + 8)
    return file + head + palette + MASK[::-1].tobytes()


def seen(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, np.asarray(image).astype(int)


mode, array = seen(bitmap(b"\xff\xff\xff"))
print("black and white:", MASK[0].tolist(), "->", mode, array[0].tolist())
assert mode == "1" and not array.any()
mode, array = seen(bitmap(b"\x00\x00\xff"))
print("black and red:  ", MASK[0].tolist(), "->", mode, array[0].tolist())
assert mode == "P" and np.array_equal(array, MASK)
PYTHON
