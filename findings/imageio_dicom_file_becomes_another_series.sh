#!/usr/bin/env bash
# Surprise: imageio.v3.imread of one DICOM file gives the images of other files: it looks through the folder of that
#   file and all folders below, sorts what it finds into series, and gives the first of these, whichever file was asked
#   for. A file beside a folder of other scans comes back as these scans, with another shape. imageio.v2.imread gives
#   the file that was named.
# Good guess that is wrong: a path to a file names this file; series are for folders, or for volread.
# Versions: imageio 2.38.1, pydicom 3.0.2 (to write), NumPy 2.4.6.
# Seen: a file of 2 x 3 samples, all 7, beside a folder with three slices of 4 x 5 of another series: v3 gives (3, 4,
#   5), beginning with 100; v2 (2, 3), all 7.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  imageio==2.38.1 pydicom==3.0.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import contextlib
import io
import os

import imageio.v2
import imageio.v3
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset


def write(name, samples, series, number):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{series}.{number}"
    data.SeriesInstanceUID, data.InstanceNumber, data.Modality = series, number, "CT"
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [1, 1], 1
    data.Rows, data.Columns = samples.shape
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 0, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelData = samples.astype("<u2").tobytes()
    data["PixelData"].VR = "OW"
    data.save_as(name, enforce_file_format=True)


os.makedirs("mine/others")
write("mine/scan.dcm", np.full((2, 3), 7), "1.2.9.1", 1)
for number in range(3):
    write(f"mine/others/{number}.dcm", np.full((4, 5), 100 + number), "1.2.9.0", number + 1)
with contextlib.redirect_stdout(io.StringIO()):
    older, newer = imageio.v2.imread("mine/scan.dcm"), imageio.v3.imread("mine/scan.dcm")
print("asked for mine/scan.dcm, (2, 3), all 7")
print("v2.imread:", older.shape, older.ravel()[:3].tolist())
print("v3.imread:", newer.shape, newer.ravel()[:3].tolist())
assert np.array_equal(older, np.full((2, 3), 7))
assert newer.shape == (3, 4, 5) and newer[:, 0, 0].tolist() == [100, 101, 102]
PYTHON
