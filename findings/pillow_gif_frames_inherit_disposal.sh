#!/usr/bin/env bash
# Surprise: a GIF frame that does not say what becomes of it (disposal 0: it stays) is disposed of by Pillow as the last
#   frame before it that did say. After a first frame that is cleared (2) no later frame adds to another any more.
# Good guess that is wrong: the graphic control of a frame holds for that frame, as GIF89a has it.
# Versions: Pillow 13.0.0, pyvips 3.2.0 with pyvips-binary 8.18.7 (the second reader), NumPy 2.4.6.
# Seen: frames of a red picture (2), a green spot (0) and a blue spot (0): in the third libvips shows both spots, Pillow
#   the blue one alone.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    pillow==13.0.0 pyvips==3.2.0 pyvips-binary==8.18.7 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import struct

import numpy as np
import pyvips
from PIL import Image

SIZE = 8
RED, GREEN, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]


def frame(left, size, index, disposal):
    """A square of one colour; its codes are of three bits, each behind one that empties the table."""
    codes = [code for _ in range(size * size) for code in (4, index)] + [5]
    bits = sum(code << 3 * place for place, code in enumerate(codes))
    data = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    head = b"\x21\xf9\x04" + bytes([disposal << 2, 5, 0, 0, 0])
    head += b"," + struct.pack("<HHHHB", left, 0, size, size, 0) + b"\x02"
    return head + b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)) + b"\0"


palette = bytes([0, 0, 0, *RED, *GREEN, *BLUE])
file = b"GIF89a" + struct.pack("<HHBBB", SIZE, SIZE, 0xF1, 0, 0) + palette
file += frame(0, SIZE, 1, 2) + frame(0, 2, 2, 0) + frame(4, 2, 3, 0) + b";"
with open("x.gif", "wb") as out:
    out.write(file)
third = pyvips.Image.new_from_file("x.gif", n=-1).numpy()[2 * SIZE :, :, :3]
with Image.open("x.gif") as image:
    image.seek(2)
    shown = np.asarray(image.convert("RGB"))
for name, picture in (("libvips", third), ("Pillow", shown)):
    print(name, "at the green spot:", picture[0, 0].tolist(), "at the blue one:", picture[0, 4].tolist())
assert third[0, 0].tolist() == GREEN and third[0, 4].tolist() == shown[0, 4].tolist() == BLUE
assert shown[0, 0].tolist() != GREEN
PYTHON
