"""Windows icons (.ico): one picture in several sizes, each an image of its own, as it is shown."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import exact, png
from sofc.imagefiles.exact import KEEP
from sofc.imagefiles.samples import Samples

MAGIC = b"\x00\x00\x01\x00"
_ENTRY = struct.Struct("<8xII")
_BITMAP = struct.Struct("<IiiHHI12xI")
OPAQUE = 255


def count(path: Path) -> int:
    """Sizes in the file. Raises FormatError where there are none."""
    with path.open("rb") as file:
        head = file.read(6)
    if len(head) < 6 or head[4:] == b"\0\0":
        raise FormatError(f"{path}: the icon holds no image")
    return int.from_bytes(head[4:], "little")


def end(path: Path) -> int:
    """Where the last size ends."""
    data = path.read_bytes()
    entries = (_ENTRY.unpack_from(data, len(MAGIC) + 2 + _ENTRY.size * index) for index in range(count(path)))
    return max(int(start + size) for size, start in entries)


def load(path: Path, index: int) -> Samples:
    """Size ``index`` of the icon: RGBA, but for what stands there as a PNG file of another kind."""
    with path.open("rb") as file:
        file.seek(len(MAGIC) + 2 + _ENTRY.size * index)
        entry = file.read(_ENTRY.size)
        if len(entry) < _ENTRY.size:
            raise FormatError(f"{path}: the head of the icon is cut off")
        size, start = _ENTRY.unpack(entry)
        file.seek(start)
        body = file.read(size)
    if len(body) < size:
        raise FormatError(f"{path}: image {index} of the icon is cut off")
    return _png(path, body) if body.startswith(png.SIGNATURE) else Samples(_bitmap(path, body), 8, Meaning.RGBA)


def _png(path: Path, data: bytes) -> Samples:
    from PIL import Image

    png.check_chunks(io.BytesIO(data), str(path))
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        layout = exact.described(image, str(path))
        if layout.bits > 8:
            raise UnsupportedError(f"{path}: the icon has an image of 16 bits, which Pillow would cut to 8; {KEEP}")
        if layout.meaning == Meaning.PALETTE:
            return Samples(np.asarray(image.convert("RGBA")), 8, Meaning.RGBA)
        return exact.samples(image, str(path))


def _bitmap(path: Path, data: bytes) -> npt.NDArray[np.uint8]:
    """A bitmap without a file's head, shape (height, width, 4), the last row first: colours, then a mask of one bit for
    what is not shown, of which nothing counts where there is alpha."""
    if len(data) < _BITMAP.size or (head := _BITMAP.unpack_from(data))[0] < 40:
        raise FormatError(f"{path}: the icon has an image that cannot be read")
    head_bytes, width, both, _, bits, packing, entries = head
    if bits not in (1, 4, 8, 24, 32) or packing:
        raise UnsupportedError(f"{path}: the icon has an image of {bits} bits a pixel in packing {packing}; {KEEP}")
    height = both // 2
    entries = (entries or 1 << bits) if bits <= 8 else 0
    row_bytes, mask_bytes = (width * bits + 31) // 32 * 4, (width + 31) // 32 * 4
    start = head_bytes + 4 * entries
    middle, end = start + row_bytes * height, start + (row_bytes + mask_bytes) * height
    if width < 1 or height < 1 or len(data) < (middle if bits == 32 else end):
        raise FormatError(f"{path}: {width}x{height} samples of the icon are announced but not all there")
    rows = np.frombuffer(data, np.uint8, row_bytes * height, start).reshape(height, row_bytes)
    image = np.empty((height, width, 4), np.uint8)
    if bits == 32:
        image[:] = rows.reshape(height, width, 4)[..., [2, 1, 0, 3]]
        return image[::-1]
    mask = np.frombuffer(data, np.uint8, mask_bytes * height, middle).reshape(height, mask_bytes)
    image[..., 3] = np.where(np.unpackbits(mask, axis=1, count=width), 0, OPAQUE)
    if bits == 24:
        image[..., :3] = rows[:, : 3 * width].reshape(height, width, 3)[..., ::-1]
        return image[::-1]
    places = np.unpackbits(rows, axis=1)[:, : width * bits].reshape(height, width, bits)
    numbers = places @ (1 << np.arange(bits, dtype=np.uint16)[::-1])
    palette = np.frombuffer(data, np.uint8, 4 * entries, head_bytes).reshape(entries, 4)
    if int(numbers.max()) >= entries:
        raise FormatError(f"{path}: a sample of the icon is beyond its palette")
    image[..., :3] = palette[numbers][..., 2::-1]
    return image[::-1]
