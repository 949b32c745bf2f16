#!/usr/bin/env bash
# Surprise: imageio.v3.imread gives a PFM file of floats as uint8, rounded and cut to 0-255, once OpenCV is installed
#   in the same environment; without it as float32, exactly. Nothing imports OpenCV, and nothing is said.
# Good guess that is wrong: which packages lie beside imageio decides what it can read, not what the samples of a file
#   are that it reads anyway.
# Versions: imageio 2.38.1, Pillow 13.0.0, OpenCV 5.0.0.93, NumPy 2.4.6.
# Seen: 0.25 0.75 1.5 -3.0 1000.0: float32, the same, without OpenCV; with it uint8, 0 1 2 0 255.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  imageio==2.38.1 pillow==13.0.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import subprocess
import sys

import numpy as np

ROW = [0.25, 0.75, 1.5, -3.0, 1000.0]
with open("a.pfm", "wb") as file:
    file.write(b"Pf\n5 1\n-1.0\n" + np.array(ROW, "<f4").tobytes())


def seen():
    program = "import imageio.v3; a = imageio.v3.imread('a.pfm'); print(a.dtype, *a.ravel().tolist())"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


before = seen()
pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
subprocess.run([*pip, "opencv-python-headless==5.0.0.93", f"numpy=={np.__version__}"], check=True)
after = seen()
print(*ROW, "-> without OpenCV", *before)
print(*ROW, "-> with OpenCV   ", *after)
assert before == ["float32", *(str(value) for value in ROW)]
assert after == ["uint8", "0", "1", "2", "0", "255"]
PYTHON
