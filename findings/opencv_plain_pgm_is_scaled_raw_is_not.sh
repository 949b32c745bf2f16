#!/usr/bin/env bash
# Surprise: OpenCV stretches the samples of a plain PGM file (P2, in decimal digits) to 0-255 where the file's greatest
#   value is below 255, and gives those of a raw one (P5) of the same picture as they are: two files that any converter
#   turns into each other without loss make two arrays. Above 255 neither is stretched.
# Good guess that is wrong: plain and raw are two spellings of one image; a reader that stretches does so for both.
# Versions: OpenCV 5.0.0.93, NumPy 2.4.6.
# Seen: 0 1 7 15 with 15 as the greatest value: plain 0 17 119 255, raw 0 1 7 15.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import cv2
import numpy as np


def seen(content):
    with open("a.pgm", "wb") as file:
        file.write(content)
    return cv2.imread("a.pgm", cv2.IMREAD_UNCHANGED)[0]


for greatest, row in ((15, [0, 1, 7, 15]), (100, [0, 1, 50, 100]), (1000, [0, 1, 500, 1000])):
    samples = np.array(row)
    head = b"\n%d 1\n%d\n" % (samples.size, greatest)
    plain = seen(b"P2" + head + b" ".join(b"%d" % value for value in row) + b"\n")
    raw = seen(b"P5" + head + samples.astype(">u2" if greatest > 255 else "u1").tobytes())
    print("greatest value", greatest, row, "-> plain", plain.tolist(), "raw", raw.tolist())
    assert np.array_equal(raw, samples)
    assert np.array_equal(plain, samples * 255 // greatest if greatest < 255 else samples)
PYTHON
