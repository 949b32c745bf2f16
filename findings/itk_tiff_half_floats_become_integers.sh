#!/usr/bin/env bash
# Surprise: SimpleITK reads a TIFF file of float16 samples as uint16: the bits of each number are taken for an integer,
#   although the tag SampleFormat says floating point. No error, no warning. float32 is read as float32.
# Good guess that is wrong: a library without a type of 16-bit floats refuses such a file or gives float32.
# Versions: SimpleITK 2.5.7, tifffile 2026.3.3, NumPy 2.4.6.
# Seen: 0.5 -1.0 100.0 come back as 14336 48128 22080.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  simpleitk==2.5.7 tifffile==2026.3.3 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import numpy as np
import SimpleITK
import tifffile

for dtype in (np.float32, np.float16):
    samples = np.array([[0.5, -1.0, 100.0]], dtype)
    tifffile.imwrite("a.tif", samples, photometric="minisblack")
    assert np.array_equal(tifffile.imread("a.tif"), samples)
    array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("a.tif"))
    print(samples.dtype, samples[0].tolist(), "->", array.dtype, array[0].tolist())
    expected = samples if dtype is np.float32 else samples.view(np.uint16)
    assert array.dtype == expected.dtype and np.array_equal(array, expected)
PYTHON
