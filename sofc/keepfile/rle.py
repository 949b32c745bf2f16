"""The samples of TGA, SGI and PCX files inside their run lengths."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.original import BOTTOM_UP, REVERSED_COLOURS, REVERSED_COMPONENTS, Literal, Part, Window
from sofc.keepfile import runs
from sofc.keepfile.windows import window_bytes
from sofc.rows import FileRows

Image = npt.NDArray[Any] | FileRows
HEAD_BYTES = 18
"""Bytes that tell whether a file may be one of these."""
SGI = b"\x01\xda\x01\x01"
"""The first bytes of an SGI file of samples of 8 bits in runs."""
_TGA_HEAD, _SGI_HEAD, _PCX_HEAD = HEAD_BYTES, 512, 128
MOST_WINDOWS = 4000
"""Rows that are parts of their own: so many parts any file may have."""
_PCX, _TGA_RUNS = 10, (9, 10, 11)
_TGA_COLOURS = struct.Struct("<xBxxxHB")


class _Candidate(NamedTuple):
    """Where packets may stand, and of what."""

    start: int
    windows: tuple[Window, ...]
    form: int
    unit: int = 1


def may_have_runs(head: bytes) -> bool:
    """Whether a file that begins so may be one of those."""
    return len(head) >= _TGA_HEAD and (
        head.startswith(SGI) or head[2] in _TGA_RUNS or (head[0] == _PCX and head[2] == 1)
    )


def find_samples(data: bytes, images: Sequence[Image]) -> tuple[Part, ...] | None:
    """Parts that make a file of one image in run lengths of it; None where that cannot be done."""
    if len(images) != 1 or images[0].dtype.name not in ("uint8", "bool"):
        return None
    for start, windows, form, unit in _candidates(data, images[0]):
        made = b"".join(window_bytes(images[0], window) for window in windows)
        found = runs.find_samples(data[start:], windows, made, form, unit)
        if found is not None:
            return (Literal(data[:start]), *found)
    return None


def _candidates(data: bytes, image: Image) -> Iterator[_Candidate]:
    """As the first bytes of the file say."""
    rows, columns = image.shape[:2]
    components = image.shape[2] if image.ndim == 3 else 1
    if data.startswith(SGI):
        if (found := _sgi(data, rows, columns, components)) is not None:
            yield found
    elif data[2] in _TGA_RUNS and components in (1, 3, 4):
        name, count, bits = data[0], *_TGA_COLOURS.unpack_from(data)[1:]
        start = _TGA_HEAD + name + count * -(-bits // 8)
        for flags in (BOTTOM_UP, 0):
            order = {1: 0, 3: REVERSED_COMPONENTS, 4: REVERSED_COLOURS}[components]
            window = Window(0, rows, columns, components, 8, flags=flags | order)
            yield _Candidate(start, (window,), runs.TGA, components)
    elif data[0] == _PCX and components == 1:
        bits = 1 if image.dtype.name == "bool" else 8
        for alignment in (2, 1, 4):
            yield _Candidate(_PCX_HEAD, (Window(0, rows, columns, 1, bits, alignment=alignment),), runs.PCX)
    elif data[0] == _PCX and rows * components <= MOST_WINDOWS:
        planes = [divmod(place, components) for place in range(rows * components)]
        windows = [
            Window(0, 1, columns, 1, 8, first_row=row, first_component=plane, alignment=2) for row, plane in planes
        ]
        yield _Candidate(_PCX_HEAD, tuple(windows), runs.PCX)


def _sgi(data: bytes, rows: int, columns: int, components: int) -> _Candidate | None:
    """Of a file that says where each row of each plane begins, the last of the image first, and how long it is."""
    count = rows * components
    if len(data) < _SGI_HEAD + 8 * count:
        return None
    starts, lengths = np.frombuffer(data, ">u4", 2 * count, _SGI_HEAD).reshape(2, count).astype(np.int64)
    order = np.argsort(starts, kind="stable")
    if (starts[order][1:] != (starts + lengths)[order][:-1]).any():
        return None
    if (order == np.arange(count)).all():
        windows = [
            Window(0, rows, columns, 1, 8, first_component=plane, flags=BOTTOM_UP) for plane in range(components)
        ]
    elif count <= MOST_WINDOWS:
        places = [divmod(place, rows) for place in order.tolist()]
        windows = [
            Window(0, 1, columns, 1, 8, first_row=rows - 1 - row, first_component=plane) for plane, row in places
        ]
    else:
        return None
    return _Candidate(int(starts.min()), tuple(windows), runs.SGI)
