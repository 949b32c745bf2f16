#!/usr/bin/env bash
# Surprise: SimpleITK gives the samples of a DICOM file whose photometric interpretation is MONOCHROME1 inverted:
#   2^BitsStored - 1 less each. pydicom gives those that are stored. A model trained on arrays of one of them sees
#   negatives through the other, and writing such an array back beside the old data set shows a negative everywhere.
# Good guess that is wrong: MONOCHROME1 is a matter of display; what libraries for arrays give are stored values, at
#   most rescaled.
# Versions: SimpleITK 2.5.7, pydicom 3.0.2, NumPy 2.4.6.
# Seen: 0 1 1000 4095 of 12 bits come back as 4095 4094 3095 0, with MONOCHROME2 as they are.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  simpleitk==2.5.7 pydicom==3.0.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import numpy as np
import SimpleITK
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset

SAMPLES = np.array([[0, 1, 1000, 4095]], "<u2")


def seen(interpretation):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.Rows, data.Columns = SAMPLES.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, interpretation
    data.PixelData = SAMPLES.tobytes()
    data["PixelData"].VR = "OW"
    data.save_as("a.dcm", enforce_file_format=True)
    assert np.array_equal(dcmread("a.dcm").pixel_array, SAMPLES)
    array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("a.dcm"))[0]
    print(interpretation, SAMPLES[0].tolist(), "-> pydicom the same, SimpleITK", array[0].tolist())
    return array


assert np.array_equal(seen("MONOCHROME2"), SAMPLES)
assert np.array_equal(seen("MONOCHROME1"), 4095 - SAMPLES)
PYTHON
