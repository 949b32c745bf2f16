#!/usr/bin/env bash
# Surprise: a half transparent APNG frame that lies "over" an opaque one (blend_op 1) makes the picture half
#   transparent in Pillow: it mixes the alpha of the two frames as if it were a fourth colour. PNG's third edition
#   defines the operation as ordinary alpha compositing, by which what lies over an opaque pixel stays opaque.
# Good guess that is wrong: frames that Pillow puts together are what a viewer shows, up to rounding.
# Versions: Pillow 12.0.0, NumPy 2.3.5; the second reader is the formula of the specification, reckoned here.
# Seen: red, alpha 255, then blue, alpha 128, over it: alpha 191 where 255 is right. Pillow's own alpha_composite
#   gives 255 for the same two frames.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==12.0.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import io
import struct
import zlib

import numpy as np
from PIL import Image

SIZE = 4
UNDER, OVER = (255, 0, 0, 255), (0, 0, 255, 128)


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def samples(colour):
    return zlib.compress((b"\0" + bytes(colour) * SIZE) * SIZE)


def control(number, blend):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, SIZE, SIZE, 0, 0, 1, 10, 0, blend))


data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0))
data += chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0, 0) + chunk(b"IDAT", samples(UNDER))
data += control(1, 1) + chunk(b"fdAT", struct.pack(">I", 2) + samples(OVER)) + chunk(b"IEND", b"")
with Image.open(io.BytesIO(data)) as image:
    image.seek(1)
    shown = np.asarray(image.convert("RGBA"))[0, 0].tolist()
flat = [Image.new("RGBA", (SIZE, SIZE), colour) for colour in (UNDER, OVER)]
composite = np.asarray(Image.alpha_composite(*flat))[0, 0].tolist()
print("frame 1 as Pillow shows it:", shown, "- alpha_composite of the same frames:", composite)
alpha = OVER[3] / 255
right = round(255 * (alpha + UNDER[3] / 255 * (1 - alpha)))
print("alpha by the specification:", right)
assert right == composite[3] == 255
assert abs(shown[3] - 191) <= 1
PYTHON
