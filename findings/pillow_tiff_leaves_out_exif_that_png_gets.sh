#!/usr/bin/env bash
# Surprise: of an Exif object whose inner directories were filled by get_ifd() (exposure, place) Pillow writes all into
#   PNG, JPEG and WebP files, and into TIFF files the outer fields alone, without a word. Its bytes, exif.tobytes(), make
#   a TIFF file that has them.
# Good guess that is wrong: save(exif=...) means the same whatever the format, above all for the one that EXIF is made of.
# Versions: Pillow 13.0.0.
# Seen: exposure 1/50 and N come back of PNG, JPEG and WebP, nothing of TIFF; the maker's name of all four.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
"$work/venv/bin/python" - <<'PYTHON'
import io

from PIL import Image

MAKER, EXIF, GPS, EXPOSURE, HEMISPHERE = 271, 0x8769, 0x8825, 33434, 1
exif = Image.Exif()
exif[MAKER] = "Maker"
exif.get_ifd(EXIF)[EXPOSURE] = (1, 50)
exif.get_ifd(GPS)[HEMISPHERE] = "N"


def back(file_format, given):
    """What a file has of the three fields."""
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, file_format, exif=given)
    with Image.open(file) as image:
        found = image.getexif()
        return found.get(MAKER), EXPOSURE in found.get_ifd(EXIF), HEMISPHERE in found.get_ifd(GPS)


for file_format in ("PNG", "JPEG", "WEBP", "TIFF"):
    print(file_format, back(file_format, exif))
for file_format in ("PNG", "JPEG", "WEBP"):
    assert back(file_format, exif) == ("Maker", True, True)
assert back("TIFF", exif) == ("Maker", False, False)
assert back("TIFF", exif.tobytes()) == ("Maker", True, True)
PYTHON
