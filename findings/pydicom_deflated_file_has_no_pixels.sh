#!/usr/bin/env bash
# Surprise: pydicom reads a file of transfer syntax Deflated Explicit VR Little Endian by dcmread(path).pixel_array, but
#   pydicom.pixels.pixel_array(path) and iter_pixels(path), which are there to read no more of a file than they need,
#   say of the same file that it has no pixel data: they look for its elements in what is still deflated.
# Good guess that is wrong: pixel_array(path) is dcmread(path).pixel_array with less memory, for any file.
# Versions: pydicom 3.0.2, NumPy 2.4.6.
# Seen: of the file that is not deflated all three give the samples; of the deflated one dcmread does, the other two end in
#   AttributeError ("has no 'Pixel Data'").
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import iter_pixels, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

SAMPLES = bytes(range(16))
WAYS = {
    "dcmread(path).pixel_array": lambda path: dcmread(path).pixel_array,
    "pixel_array(path)": pixel_array,
    "iter_pixels(path)": lambda path: next(iter_pixels(path)),
}

for syntax in (ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.SOPClassUID, image.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    image.Rows = image.Columns = 4
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation, image.PixelData = 7, 0, SAMPLES
    image.save_as("x.dcm", enforce_file_format=True)
    for name, way in WAYS.items():
        try:
            seen = "the samples" if way("x.dcm").tobytes() == SAMPLES else "other samples"
        except AttributeError as error:
            seen = f"AttributeError: {error}"
        print(f"{syntax.name}: {name}: {seen}")
        if syntax == DeflatedExplicitVRLittleEndian and name != "dcmread(path).pixel_array":
            assert "has no 'Pixel Data'" in seen
        else:
            assert seen == "the samples"
PYTHON
