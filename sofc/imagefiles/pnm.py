"""Portable anymaps: PBM, PGM and PPM with raw or plain samples, and PAM. Pillow rescales them; this does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UsageError
from sofc.image import Meaning
from sofc.imagefiles.rows import InFile, stored_rows
from sofc.imagefiles.samples import Samples, meaning_of
from sofc.rows import Array, FileRows

PAM = b"P7\n"
_PAM_END = b"\nENDHDR\n"
MAGICS = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", PAM)
_TUPLES = {
    (b"GRAYSCALE", 1): Meaning.GRAY,
    (b"GRAYSCALE_ALPHA", 2): Meaning.GRAY_ALPHA,
    (b"RGB", 3): Meaning.RGB,
    (b"RGB_ALPHA", 4): Meaning.RGBA,
}
_PLAIN = (b"P1", b"P2", b"P3")
_BLANK = re.compile(rb"(?:\s|#[^\n]*\n?)*")
_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEAD_BYTES = 1 << 12
_BEGINNING = re.compile(rb"P[1-6]" + _GAP + rb"\d+" + _GAP + rb"\d")
_BITMAP_HEAD = re.compile(rb"P[14]" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_GRAY_HEAD = re.compile(rb"P[2356]" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")


def is_anymap(path: Path) -> bool:
    """Whether the file begins as anymaps do: texts may begin with the same two letters."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return head.startswith(PAM) or _BEGINNING.match(head) is not None


def load(path: Path) -> Samples:
    """The first image of the file. Bitmaps become bool with True for white, as Pillow has them."""
    data = path.read_bytes()
    if data.startswith(PAM):
        return _load_pam(path, data)
    bitmap = data[:2] in (b"P1", b"P4")
    head = (_BITMAP_HEAD if bitmap else _GRAY_HEAD).match(data)
    if head is None:
        raise FormatError(f"{path}: the head of this {data[:2].decode()} file cannot be read")
    numbers = [int(group) for group in head.groups()]
    width, height = numbers[:2]
    maximum = 1 if bitmap else numbers[2]
    if not (width and height and 1 <= maximum <= 65535):
        raise FormatError(f"{path}: width, height or largest value is out of range ({numbers})")
    components = 3 if data[:2] in (b"P3", b"P6") else 1
    body = memoryview(data)[head.end() :]
    shape = (height, width, components) if components > 1 else (height, width)
    array: npt.NDArray[np.unsignedinteger]
    try:
        if data[:2] in _PLAIN:
            array = _plain(bytes(body), bitmap, height * width * components).reshape(shape)
        elif bitmap:
            packed = np.frombuffer(body, np.uint8, height * ((width + 7) // 8)).reshape(height, -1)
            array = np.unpackbits(packed, axis=1, count=width)
        else:
            array = np.frombuffer(body, np.uint8 if maximum < 256 else ">u2", height * width * components)
            array = array.reshape(shape)
    except ValueError as error:
        raise FormatError(
            f"{path}: {width}x{height} samples are announced but not all there, or not numbers of samples"
        ) from error
    if int(array.max()) > maximum:
        raise FormatError(f"{path}: a sample is larger than the announced maximum {maximum}")
    if bitmap:
        return Samples(array == 0, 1, meaning_of(1))
    return Samples(array.astype(np.uint8 if maximum < 256 else np.uint16), maximum.bit_length(), meaning_of(components))


def _pam_fields(head: bytes) -> dict[bytes, bytes]:
    return dict(line.split(None, 1) for line in head.splitlines()[1:] if len(line.split(None, 1)) == 2)


def _pam_numbers(fields: dict[bytes, bytes]) -> list[int]:
    """Columns, rows, components and the largest value; nothing where these cannot be."""
    try:
        numbers = [int(fields[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")]
    except (KeyError, ValueError):
        return []
    return numbers if min(numbers) >= 1 and numbers[3] <= 65535 else []


def _pam_bytes(data: bytes) -> int:
    """Bytes of the samples of the image that this begins with, 0 where its head cannot be read."""
    numbers = _pam_numbers(_pam_fields(data.partition(_PAM_END)[0]))
    return numbers[0] * numbers[1] * numbers[2] * (1 if numbers[3] < 256 else 2) if numbers else 0


def _load_pam(path: Path, data: bytes) -> Samples:
    """An image of any number of components. One called BLACKANDWHITE becomes bool, True for white."""
    head, found, body = data.partition(_PAM_END)
    fields = _pam_fields(head)
    numbers = _pam_numbers(fields)
    if not found or not numbers:
        raise FormatError(f"{path}: the head of this PAM file cannot be read")
    width, height, components, maximum = numbers
    dtype = np.dtype("u1" if maximum < 256 else ">u2")
    if len(body) < width * height * components * dtype.itemsize:
        raise FormatError(f"{path}: {width}x{height} samples are announced but not all there")
    array = np.frombuffer(body, dtype, width * height * components).reshape(height, width, components)
    if int(array.max()) > maximum:
        raise FormatError(f"{path}: a sample is larger than the announced maximum {maximum}")
    if components == 1:
        array = array[:, :, 0]
    kind = fields.get(b"TUPLTYPE", b"").strip()
    if kind == b"BLACKANDWHITE" and components == maximum == 1:
        return Samples(array != 0, 1, Meaning.GRAY)
    meaning = _TUPLES.get((kind, components), Meaning.UNSPECIFIED)
    return Samples(array.astype(dtype.newbyteorder("=")), maximum.bit_length(), meaning)


def in_file(path: Path) -> InFile | None:
    """The first image of the file where it is large and of whole bytes, not plain, else None."""
    with path.open("rb") as file:
        data = file.read(_HEAD_BYTES)
    head = _GRAY_HEAD.match(data)
    if head is None or data[:2] not in (b"P5", b"P6"):
        return None
    width, height, maximum = (int(group) for group in head.groups())
    if not (width and height and 1 <= maximum <= 65535):
        return None
    shape = (height, width) if data[:2] == b"P5" else (height, width, 3)
    rows = stored_rows(path, head.end(), shape, np.dtype("u1" if maximum < 256 else ">u2"))
    if rows is None:
        return None

    def read(first: int, end: int) -> Array:
        array = rows.read(first, end)
        if int(array.max()) > maximum:
            raise FormatError(f"{path}: a sample is larger than the announced maximum {maximum}")
        return array

    meaning = meaning_of(shape[2] if len(shape) == 3 else 1)
    return InFile(FileRows(rows.shape, rows.dtype, read), maximum.bit_length(), meaning)


def has_more(path: Path) -> bool:
    """Whether another image follows the first one."""
    try:
        place = end(path)
    except FormatError:
        return False
    with path.open("rb") as file:
        file.seek(place)
        data = file.read(_HEAD_BYTES)
    return data.startswith(PAM) or (_GRAY_HEAD.match(data) or _BITMAP_HEAD.match(data)) is not None


def end(path: Path) -> int:
    """Where the first image ends, with white space and comments behind it.

    Raises FormatError where the head cannot be read, or the samples of a plain file are not all there.
    """
    with path.open("rb") as file:
        data = file.read(_HEAD_BYTES)
        place = data.find(_PAM_END) + len(_PAM_END) + _pam_bytes(data)
        if not data.startswith(PAM) or _PAM_END not in data:
            head = _GRAY_HEAD.match(data) or _BITMAP_HEAD.match(data)
            if head is None:
                raise FormatError(f"{path}: the head of this {data[:2].decode('latin-1')} file cannot be read")
            width, height, *maximum = (int(group) for group in head.groups())
            columns = width * (3 if data[:2] in (b"P3", b"P6") else 1)
            if data[:2] in _PLAIN:
                body = data[head.end() :] + file.read()
                return head.end() + _plain_end(path, body, not maximum, columns * height)
            row = columns * (2 if maximum[0] > 255 else 1) if maximum else (width + 7) // 8
            place = head.end() + height * row
        file.seek(place)
        return place + len(_BLANK.match(file.read(_HEAD_BYTES))[0])  # type: ignore[index]


def _plain_end(path: Path, body: bytes, bitmap: bool, count: int) -> int:
    """Where in ``body`` the last of so many numbers ends, or digits of a bitmap, and what is blank behind it."""
    text = np.frombuffer(re.sub(rb"#[^\n]*", lambda comment: b" " * len(comment[0]), body), np.uint8) > ord(" ")
    ends = np.flatnonzero(text if bitmap else text & ~np.append(text[1:], False)) + 1
    if not 0 < count <= len(ends):
        raise FormatError(f"{path}: {count} samples are announced but not all there")
    place = int(ends[count - 1])
    return place + (int(np.argmax(text[place:])) if text[place:].any() else len(body) - place)


def largest(path: Path) -> int:
    """The value that the head says stands for white; 1 for bitmaps, and where it cannot be read."""
    with path.open("rb") as file:
        data = file.read(_HEAD_BYTES)
    if data.startswith(PAM):
        return (_pam_numbers(_pam_fields(data.partition(_PAM_END)[0])) or [1])[-1]
    head = _GRAY_HEAD.match(data)
    return int(head[3]) if head is not None else 1


def head(path: Path) -> bytes:
    """What stands before the samples, comments among it; nothing where that cannot be read."""
    with path.open("rb") as file:
        data = file.read(_HEAD_BYTES)
    if data.startswith(PAM):
        return data.partition(_PAM_END)[0] if _PAM_END in data else b""
    found = _GRAY_HEAD.match(data) or _BITMAP_HEAD.match(data)
    return b"" if found is None else found[0]


def unknown_tuple(path: Path) -> str:
    """What a PAM file calls its pixels where that says more than how many components they have; else ""."""
    fields = _pam_fields(head(path))
    name, depth = fields.get(b"TUPLTYPE", b"").strip(), fields.get(b"DEPTH", b"").strip()
    known = {*_TUPLES, (b"BLACKANDWHITE", 1)}
    is_known = not name or (depth.isdigit() and (name, int(depth)) in known)
    return "" if is_known else name.decode("latin-1")


def _plain(text: bytes, bitmap: bool, count: int) -> npt.NDArray[np.uint16]:
    """The first numbers of a body. Raises ValueError where something else stands there, or what no sample can be."""
    words = re.sub(rb"#[^\n]*", b" ", text).split()
    if bitmap:
        numbers = np.frombuffer(b"".join(words)[:count], np.uint8).astype(np.int64) - ord("0")
        most = 1
    else:
        numbers = np.array(words[:count]).astype(np.int64)
        most = 65535
    if numbers.size and not 0 <= int(numbers.min()) <= int(numbers.max()) <= most:
        raise ValueError
    return numbers.astype(np.uint16)


def pack(array: npt.NDArray[np.generic], declared_bits: int | None) -> bytes:
    """The bytes of a PBM (bool), PGM or PPM (uint8, uint16) file. Raises UsageError for any other array."""
    return b"".join(packed(FileRows(array.shape, array.dtype, lambda first, end: array[first:end]), declared_bits))


def packed(rows: FileRows, declared_bits: int | None) -> Iterator[bytes]:
    """The same in pieces."""
    height, width = rows.shape[:2]
    components = rows.shape[2] if rows.ndim == 3 else 1
    if rows.dtype == np.bool_ and components == 1:
        yield b"P4\n%d %d\n" % (width, height)
        for piece in rows.pieces():
            yield np.packbits(~piece.astype(np.bool_), axis=1).tobytes()
        return
    if rows.dtype not in (np.uint8, np.uint16) or components not in (1, 3):
        raise UsageError(
            f"PNM holds one or three components of unsigned samples, not {components} of {rows.dtype}; use .tif or .npy"
        )
    maximum = _maximum(rows, declared_bits)
    yield b"P%d\n%d %d\n%d\n" % (5 if components == 1 else 6, width, height, maximum)
    for piece in rows.pieces():
        yield piece.astype("u1" if maximum < 256 else ">u2").tobytes()


def _maximum(rows: FileRows, declared_bits: int | None) -> int:
    type_bits = 8 * rows.dtype.itemsize
    largest = (1 << (declared_bits or type_bits)) - 1
    return largest if largest >= (1 << type_bits) - 1 or int(rows.max()) <= largest else (1 << type_bits) - 1
