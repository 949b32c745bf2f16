#!/usr/bin/env bash
# Surprise: pydicom's pixel_array(path, index=k) and iter_pixels(path) fail on files of 1-bit frames (segmentations)
#   whose frames do not begin and end with a byte: they read as many bytes as a frame has, rounded up, but a frame that
#   begins within a byte can reach into one more. Those frames end in "cannot reshape array of size 34 into shape (7,5)";
#   the others, and the file as a whole, come out right.
# Good guess that is wrong: frames can be had one by one wherever the whole can, only with less memory.
# Versions: pydicom 3.0.2, NumPy 2.3.5; the second reader is the format itself, numpy.unpackbits of all pixel data.
# Seen: of 15 frames of 7 x 5 samples four fail (2, 5, 10, 13), eleven are right; iter_pixels stops at frame 2.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2 numpy==2.3.5
"$work/venv/bin/python" - "$work/bits.dcm" <<'PYTHON'
import sys

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import iter_pixels, pixel_array
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

FRAMES = (np.random.default_rng(0).random((15, 7, 5)) < 0.5).astype(np.uint8)
data = Dataset()
data.file_meta = FileMetaDataset()
data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
data.SOPClassUID, data.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
data.NumberOfFrames, data.Rows, data.Columns = FRAMES.shape
data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
data.BitsAllocated = data.BitsStored = 1
data.HighBit = data.PixelRepresentation = 0
packed = np.packbits(FRAMES.ravel(), bitorder="little").tobytes()
data.PixelData = packed + b"\0" * (len(packed) % 2)
data["PixelData"].VR = "OB"
data.save_as(sys.argv[1], enforce_file_format=True)

assert np.array_equal(np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[: FRAMES.size], FRAMES.ravel())
assert np.array_equal(pixel_array(sys.argv[1]), FRAMES)
failed = []
for number, frame in enumerate(FRAMES):
    try:
        assert np.array_equal(pixel_array(sys.argv[1], index=number), frame)
    except ValueError as error:
        failed.append(number)
        print(f"frame {number}: {error}")
assert failed == [2, 5, 10, 13], failed
seen = 0
try:
    for _ in iter_pixels(sys.argv[1]):
        seen += 1
except ValueError:
    pass
print("the whole is right; iter_pixels gives", seen, "frames")
assert seen == 2
PYTHON
