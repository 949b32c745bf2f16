#!/usr/bin/env bash
# Surprise: the colours that FFmpeg makes of 4:2:0 pictures (yuvj420p, as of JPEG files, to rgb24) depend on whether the
#   picture's height is even. If it is, chrominance samples are repeated; if it is odd, another path of the scaler
#   interpolates them: the same samples at the top of a picture become other colours where one row is added at its end.
# Good guess that is wrong: how a decoder enlarges chrominance is a property of the decoder and its flags.
# Versions: imageio-ffmpeg 0.8.1 (FFmpeg 9.0.2), NumPy 2.3.5.
# Seen: of a picture of 64 x 64 with chrominance of noise, rows 0 .. 47 differ in most samples from those of the same
#   picture with a row more. With an even height all pixels of a block of 2 x 2 have the same difference of red and luma.
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

COLUMNS = 64
RANDOM = np.random.default_rng(0)
CHROMINANCE = RANDOM.integers(100, 156, (2, 33, COLUMNS // 2), dtype=np.uint8)


def colours(rows: int) -> np.ndarray:
    luminance = np.full((rows, COLUMNS), 128, np.uint8)
    chrominance = CHROMINANCE[:, : (rows + 1) // 2]
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuvj420p",
        "-s", f"{COLUMNS}x{rows}", "-i", "-", "-pix_fmt", "rgb24", "-f", "rawvideo", "-",
    ]
    data = luminance.tobytes() + chrominance.tobytes()
    made = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(made, np.uint8).reshape(rows, COLUMNS, 3)


even, odd = colours(64), colours(65)
red = even[:, :, 0].reshape(32, 2, 32, 2)
repeated = bool((red == red[:, :1, :, :1]).all())
differing = float(np.mean(even[:48] != odd[:48]))
print("even height: chrominance repeated:", repeated, "- share of samples that differ with a row more:", round(differing, 2))
assert repeated
assert differing > 0.5
PYTHON
