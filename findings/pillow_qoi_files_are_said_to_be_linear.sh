#!/usr/bin/env bash
# Surprise: Pillow writes into every QOI file that all its channels are linear (colorspace 1), unless save() is told
#   colorspace="sRGB": also for an image that it read from a QOI file that says sRGB (0). Samples are not changed.
# Good guess that is wrong: pixels as they come from PNG or JPEG files are written as sRGB, which is what they are.
# Versions: Pillow 13.0.0.
# Seen: the byte is 1 of a new image and of one that was read with 0; 0 with colorspace="sRGB"; the samples are the same.
# What follows: whoever acts on the byte shows such files too bright.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
"$work/venv/bin/python" - <<'PYTHON'
import io

from PIL import Image

PLACE = 13  # of the byte, behind magic, width, height and channels


def written(image, **settings):
    """A QOI file."""
    file = io.BytesIO()
    image.save(file, "QOI", **settings)
    return file.getvalue()


image = Image.new("RGB", (4, 4), (200, 100, 50))
plain, said = written(image), written(image, colorspace="sRGB")
with Image.open(io.BytesIO(said)) as opened:
    again = written(opened)
print("new:", plain[PLACE], "sRGB asked for:", said[PLACE], "read and written:", again[PLACE])
assert (plain[PLACE], said[PLACE], again[PLACE]) == (1, 0, 1)
assert plain[PLACE + 1 :] == said[PLACE + 1 :] == again[PLACE + 1 :]
PYTHON
