#!/usr/bin/env bash
# Surprise: SimpleITK divides the samples of a PNG file that has an sBIT chunk: where 12 of 16 bits are said to be
#   significant it gives sample // 16, as uint16 still, with nothing said. Pillow and OpenCV give the samples that are
#   in the file.
# Good guess that is wrong: sBIT is a remark about where the samples came from, which readers of arrays leave alone;
#   whoever wants the original depth shifts by himself.
# Versions: SimpleITK 2.5.7, Pillow 13.0.0, OpenCV 5.0.0.93, NumPy 2.4.6.
# Seen: 0 16 32768 65535 come back as 0 1 2048 4095; without the chunk as they are; of 8 bits, 5 of them significant, 8
#   100 255 as 1 12 31.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  simpleitk==2.5.7 pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import struct
import zlib

import cv2
import numpy as np
import SimpleITK
from PIL import Image


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def seen(row, significant):
    bits = 8 * row.dtype.itemsize
    head = struct.pack(">IIBBBBB", row.size, 1, bits, 0, 0, 0, 0)
    extra = chunk(b"sBIT", bytes([significant])) if significant else b""
    body = chunk(b"IDAT", zlib.compress(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes()))
    with open("a.png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + body + chunk(b"IEND", b""))
    with Image.open("a.png") as image:
        assert np.array_equal(np.asarray(image)[0], row)
    assert np.array_equal(cv2.imread("a.png", cv2.IMREAD_UNCHANGED)[0], row)
    array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("a.png"))
    print(row.tolist(), f"{significant} bits significant" if significant else "", "->", array.dtype, array[0].tolist())
    return array[0]


wide, narrow = np.array([0, 16, 32768, 65535], np.uint16), np.array([8, 100, 255], np.uint8)
assert np.array_equal(seen(wide, 0), wide)
assert np.array_equal(seen(wide, 12), wide // 16)
assert np.array_equal(seen(narrow, 5), narrow // 8)
PYTHON
