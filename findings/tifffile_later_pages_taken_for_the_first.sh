#!/usr/bin/env bash
# Surprise: where a TIFF file begins with ImageJ's description of a stack (or tifffile's own), tifffile reads the fields of
#   the first page alone and takes them for those of all others: a later page that another program appended or packed
#   anew, here with a predictor, comes back as other samples, without a word. Without the description, and by Pillow,
#   each page is read by its own fields.
# Good guess that is wrong: a description is only read for axes and metadata; how a page is stored is asked of the page.
# Versions: tifffile 2026.3.3, imagecodecs 2026.3.6, Pillow 13.0.0, NumPy 2.4.6.
# Seen: of the second page, samples 20, 21, 22, 23 are 20, 1, 1, 1 in tifffile with either description.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    tifffile==2026.3.3 imagecodecs==2026.3.6 pillow==13.0.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image

FIRST, SECOND = (np.tile(np.arange(start, start + 4, dtype=np.uint8), (4, 1)) for start in (10, 20))
DESCRIPTIONS = {
    "none": "",
    "ImageJ's": "ImageJ=1.53t\nimages=2\nslices=2\nloop=false\n",
    "tifffile's": '{"shape": [2, 4, 4]}',
}

for name, description in DESCRIPTIONS.items():
    with tifffile.TiffWriter("x.tif") as file:
        head = {"description": description, "software": "tifffile.py"}
        for page, more in ((FIRST, head), (SECOND, {"predictor": True})):
            file.write(page, compression="zlib", metadata=None, contiguous=False, photometric="minisblack", **more)
    with tifffile.TiffFile("x.tif") as file:
        images = [image for series in file.series for image in series.asarray().reshape(-1, 4, 4)]
    by_tifffile = images[1][0].tolist()
    with Image.open("x.tif") as image:
        image.seek(1)
        by_pillow = np.asarray(image)[0].tolist()
    print(f"description {name}: tifffile {by_tifffile}, Pillow {by_pillow}")
    assert by_pillow == SECOND[0].tolist()
    assert by_tifffile == ([20, 1, 1, 1] if description else SECOND[0].tolist())
PYTHON
