#!/usr/bin/env bash
# Surprise: Pillow takes the signed 16-bit samples of FITS files for unsigned ones, and heeds neither BZERO nor BSCALE:
#   uint16, which FITS has as int16 with BZERO 32768, comes back 32768 off, and -1 as 65535. No error, no warning. It
#   also turns rows upside down against astropy, which counts them as the file has them.
# Good guess that is wrong: the one offset that each FITS file of unsigned samples has is applied by whatever reads
#   FITS at all.
# Versions: Pillow 13.0.0, astropy 8.0.2, NumPy 2.4.6.
# Seen: uint16 0 1 40000 come back as 32768 32769 7232; int16 -1 0 1 as 65535 0 1.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  pillow==13.0.0 astropy==8.0.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import numpy as np
from astropy.io import fits
from PIL import Image


def seen(samples):
    fits.PrimaryHDU(samples).writeto("a.fits", overwrite=True)
    assert np.array_equal(fits.getdata("a.fits"), samples)
    with Image.open("a.fits") as image:
        array = np.asarray(image)
    print(samples.dtype, samples.tolist(), "->", array.dtype, array.tolist())
    return array


unsigned = np.array([[0, 1, 40000], [2, 3, 4]], np.uint16)
assert np.array_equal(seen(unsigned)[::-1], unsigned ^ 32768)
signed = np.array([[-1, 0, 1], [2, 3, 4]], np.int16)
assert np.array_equal(seen(signed)[::-1], signed.view(np.uint16))
PYTHON
