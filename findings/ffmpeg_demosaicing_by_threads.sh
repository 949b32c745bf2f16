#!/usr/bin/env bash
# Surprise: the colours that FFmpeg makes of a Bayer mosaic (bayer_rggb8 and the like to rgb24) depend on the number of
#   threads. Its scaler cuts a picture into as many slices of rows as there are threads, and where a slice begins or ends
#   it copies whole blocks of 2 x 2 instead of interpolating, as at the edges of the picture. On a machine with more
#   processors the same command makes other samples of the same file, along rows in the midst of the picture.
# Good guess that is wrong: threads change the speed of a conversion, never its result; -threads says how many.
# Versions: imageio-ffmpeg 0.8.1 (FFmpeg 9.0.2), NumPy 2.3.5.
# Seen: a mosaic of 64 x 96 samples made into rgb24 by the scale filter with 1, 2 and 4 threads: three pictures. Those of 2
#   and 4 threads differ from that of one in the two rows before and after row 32, and rows 16, 32 and 48.
# Exits with another status than 0 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check imageio-ffmpeg==0.8.1 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import subprocess

import imageio_ffmpeg
import numpy as np

ROWS, COLUMNS = 64, 96
MOSAIC = np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS), dtype=np.uint8)


def colours(threads: int) -> np.ndarray:
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-filter_threads", str(threads),
        "-f", "rawvideo", "-pix_fmt", "bayer_rggb8", "-s", f"{COLUMNS}x{ROWS}", "-i", "-",
        "-vf", "scale", "-pix_fmt", "rgb24", "-f", "rawvideo", "-",
    ]
    made = subprocess.run(command, input=MOSAIC.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(made, np.uint8).reshape(ROWS, COLUMNS, 3)


one = colours(1)
assert np.array_equal(one, colours(1))
for threads, cuts in ((2, (32,)), (4, (16, 32, 48))):
    rows = sorted(set(np.nonzero(colours(threads) != one)[0].tolist()))
    print(threads, "threads: other samples in rows", rows)
    assert rows == [row for cut in cuts for row in range(cut - 2, cut + 2)]
PYTHON
