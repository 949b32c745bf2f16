#!/usr/bin/env bash
# Surprise: OpenEXR.File opens a file whose samples cannot be decoded without an exception: the part is left out of
#   .parts, and a line is printed to standard output. The older OpenEXR.InputFile raises OSError for the same file.
# Good guess that is wrong: who got a File without an exception has all parts that the file has, and a program that
#   writes to standard output writes there only what it means to.
# Versions: OpenEXR 3.5.3, NumPy 2.4.6.
# Seen: no parts where there was one, "Warning: Exception raised reading pixel data for part 0" on standard output.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check OpenEXR==3.5.3 numpy==2.4.6
cd "$work"
cat >write.py <<'PYTHON'
import numpy as np
import OpenEXR

samples = np.add.outer(np.arange(32), np.arange(32)).astype(np.float32)
head = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
OpenEXR.File(head, {"Y": samples}).write("x.exr")
data = bytearray(open("x.exr", "rb").read())
assert len(OpenEXR.File("x.exr").parts) == 1
data[-20:] = bytes(20)
open("x.exr", "wb").write(data)
PYTHON
"$work/venv/bin/python" write.py
"$work/venv/bin/python" -c 'import OpenEXR, sys; sys.exit(len(OpenEXR.File("x.exr").parts))' >said 2>complaints
cat said
grep -q "Exception raised reading pixel data for part 0" said
"$work/venv/bin/python" - 2>>complaints <<'PYTHON'
import OpenEXR

try:
    OpenEXR.InputFile("x.exr").channel("Y")
except OSError as error:
    print("InputFile:", error)
else:
    raise SystemExit("InputFile does not raise")
PYTHON
