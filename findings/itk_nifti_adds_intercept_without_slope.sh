#!/usr/bin/env bash
# Surprise: SimpleITK adds scl_inter to the samples of a NIfTI file whose scl_slope is 0, where the format says that
#   with a slope of 0 nothing is scaled: int16 becomes float32, and all values are moved. nibabel gives the stored
#   integers.
# Good guess that is wrong: scl_slope 0 means "no scaling" to every reader, so that files with it give the stored
#   integers anywhere.
# Versions: SimpleITK 2.5.7, nibabel 5.4.2, NumPy 2.4.6.
# Seen: slope 0, intercept 5: -3 0 7 come back as 2.0 5.0 12.0.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  simpleitk==2.5.7 nibabel==5.4.2 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PYTHON'
import nibabel
import numpy as np
import SimpleITK


SAMPLES = np.array([-3, 0, 7], "<i2")

for slope, intercept in ((0, 0), (0, 5), (1, 5)):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(SAMPLES.dtype)
    header.set_data_shape((3, 1, 1))
    header["vox_offset"], header["pixdim"][1:4] = 352, 1
    header["scl_slope"], header["scl_inter"] = slope, intercept
    with open("a.nii", "wb") as file:
        file.write(header.binaryblock + bytes(4) + SAMPLES.tobytes())
    first = np.asanyarray(nibabel.load("a.nii").dataobj).ravel()
    second = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("a.nii")).ravel()
    print("slope", slope, "intercept", intercept, "-> nibabel", first.tolist(), "SimpleITK", second.tolist())
    assert np.array_equal(first, SAMPLES + slope * intercept)
    assert np.array_equal(second, SAMPLES + intercept)
PYTHON
