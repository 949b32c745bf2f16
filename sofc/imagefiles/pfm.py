"""PFM files: float32 samples, gray or RGB, the last row first."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from sofc.errors import FormatError
from sofc.image import Meaning
from sofc.imagefiles.samples import Samples

MAGICS = (b"PF", b"Pf")
_HEAD_BYTES = 1 << 8
_HEAD = re.compile(rb"P([Ff])\s+(\d+)\s+(\d+)\s+([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s")


def load(path: Path) -> Samples:
    """The image; the scale, but for its sign, which is that of the byte order, does not change samples."""
    data = path.read_bytes()
    head = _HEAD.match(data)
    if head is None:
        raise FormatError(f"{path}: the head of the PFM file cannot be read")
    components, width, height = 3 if head[1] == b"F" else 1, int(head[2]), int(head[3])
    size = 4 * components * width * height
    body = data[head.end() :]
    if len(body) != size:
        raise FormatError(f"{path}: the PFM file has {len(body)} bytes of samples and its head speaks of {size}")
    order = "<" if head[4].startswith(b"-") else ">"
    shape = (height, width) if components == 1 else (height, width, components)
    array = np.frombuffer(body, order + "f4").reshape(shape)[::-1]
    return Samples(array, None, Meaning.GRAY if components == 1 else Meaning.RGB)


def scale(path: Path) -> float:
    """What the head says that samples stand for, with the sign of the byte order."""
    with path.open("rb") as file:
        head = _HEAD.match(file.read(_HEAD_BYTES))
    return float(head[4]) if head is not None else 1.0
