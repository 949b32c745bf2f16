#!/usr/bin/env bash
# Surprise: of a DICOM image of signed samples of 12 bits, compressed by JPEG-LS, pydicom hands on samples without their
#   sign: -1 comes as 4095 in an array of int16. Of the same bits as they are, and packed by RLE, -1 comes as -1.
# Good guess that is wrong: the transfer syntax, lossless in each case, does not change samples; and what is of type int16
#   and says PixelRepresentation 1 has its sign.
# Versions: pydicom 3.0.2, pyjpegls 1.5.1, imagecodecs 2026.3.6, NumPy 2.4.6.
# Seen: native and RLE -2048, -1, 0, 1, 2047; JPEG-LS 2048, 4095, 0, 1, 2047.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    pydicom==3.0.2 pyjpegls==1.5.1 imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import imagecodecs
import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless, SecondaryCaptureImageStorage

SAMPLES = np.tile(np.array([-2048, -1, 0, 1, 2047], np.int16), (4, 2))
BITS = SAMPLES.view(np.uint16) & 0xFFF
SEEN = {
    ExplicitVRLittleEndian: [-2048, -1, 0, 1, 2047],
    RLELossless: [-2048, -1, 0, 1, 2047],
    JPEGLSLossless: [2048, 4095, 0, 1, 2047],
}


def image(syntax):
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = syntax
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = SecondaryCaptureImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = "1.2.3.4"
    found.Rows, found.Columns = SAMPLES.shape
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 12, 11, 1
    return found


for syntax, seen in SEEN.items():
    if syntax == JPEGLSLossless:
        coded = image(syntax)
        data = imagecodecs.jpegls_encode(BITS)
        assert (imagecodecs.jpegls_decode(data) == BITS).all()
        coded.PixelData = encapsulate([data])
    else:
        coded = image(ExplicitVRLittleEndian)
        coded.PixelData = SAMPLES.tobytes()
        if syntax == RLELossless:
            coded.compress(RLELossless)
    coded.save_as("x.dcm", enforce_file_format=True)
    read = dcmread("x.dcm").pixel_array
    print(syntax.name, read.dtype, read[0, :5].tolist())
    assert read.dtype == np.int16 and read[0, :5].tolist() == seen
PYTHON
