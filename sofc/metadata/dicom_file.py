"""DICOM files made again of a kept data set and the samples of its frames, which are not compressed in them.

Spec container/metadata
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError, SofcError, UnsupportedError, UsageError
from sofc.metadata.photometric import photometric_of
from sofc.rows import FileRows

FORMAT, SUFFIX = "dicom", ".dcm"
SUFFIXES = (SUFFIX, ".dicom")
_PIXEL_DATA = 0x7FE00010
FLOATS: dict[str, tuple[int, np.dtype[Any]]] = {"OF": (0x7FE00008, np.dtype("f4")), "OD": (0x7FE00009, np.dtype("f8"))}
"""Tags and types of samples that are no integers, by their value representations."""
_OF_COMPRESSED = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
"""Elements that speak of compressed frames."""
_WHOLE = {"YBR_FULL_422": "YBR_FULL", "YBR_ICT": "RGB", "YBR_RCT": "RGB"}
"""What decoders give for colours that only compressed samples are in."""
_HALVED = "YBR_FULL_422"
_MOST_BYTES = 0xFFFFFFFE
"""Of an element."""
_INSTEAD = "--format tiff writes the images alone"


def data_set_of(items: Sequence[Metadata]) -> Metadata:
    """The data set among the items of an image. Raises UsageError where there is none."""
    found = next((item for item in items if item.kind == MetadataKind.DICOM), None)
    if found is None:
        raise UsageError("the sofc file keeps no DICOM data set of the image, which --format dicom needs")
    return found


class _Layout(NamedTuple):
    """How the samples of ``frames`` frames, each an array of this ``shape``, stand between two pieces of the file.

    ``dtype``: with its byte order; bool for samples packed into bits. ``is_planar``: all of a component before the
    next; ``is_halved``: two pixels share their second and third component. ``changes``: what is otherwise, in words.
    """

    before: bytes
    after: bytes
    frames: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_planar: bool
    is_halved: bool
    changes: str

    @property
    def size(self) -> int:
        """Bytes of the samples of all frames, without the byte that makes them even."""
        bits = self.frames * math.prod(self.shape) * (1 if self.dtype == np.bool_ else 8 * self.dtype.itemsize)
        return -(-(bits * 2 // 3 if self.is_halved else bits) // 8)


class DicomWriter:
    """A DICOM file with the data set among ``items``: ``begin`` it, ``add`` each frame, ``finish`` it.

    ``frames``: how many it has, ``lacking``: of them those to come; ``changes``, in words: what it says of its samples
    that the kept data set does not.

    Where the samples were not compressed it is the file that they came from: the same bytes, but of what stood in
    unused bits and behind the samples. Where they were, they are plain and little-endian, and what says so is changed.

    Raises UsageError without a data set, FormatError where that, which is untrusted, is none or its frames are not
    those that come, UnsupportedError where no DICOM file can hold them.
    """

    def __init__(self, items: Sequence[Metadata]) -> None:
        self._layout = layout = _layout(items)
        self._bits = np.zeros(0, np.bool_)  # of samples packed into bits, those that make no byte yet
        self.frames = self.lacking = layout.frames
        self.changes = layout.changes

    def begin(self, file: BinaryIO) -> None:
        """Where the file is written."""
        self._file = file
        file.write(self._layout.before)

    def add(self, samples: npt.NDArray[Any] | FileRows) -> None:
        """The next frame."""
        layout = self._layout
        if not self.lacking:
            raise FormatError(
                f"there are more images than the {layout.frames} frames of the DICOM data set: {_INSTEAD}"
            )
        if samples.shape != layout.shape or not np.can_cast(samples.dtype, layout.dtype):
            raise FormatError(
                f"an image has samples of type {samples.dtype} and shape {samples.shape}, and its DICOM data set "
                f"speaks of {layout.dtype} and {layout.shape}: {_INSTEAD}"
            )
        for component in range(layout.shape[2]) if layout.is_planar else (...,):
            for rows in samples.pieces() if isinstance(samples, FileRows) else (samples,):
                self._write(rows[..., component] if layout.is_planar else rows)
        self.lacking -= 1

    def _write(self, rows: npt.NDArray[Any]) -> None:
        layout = self._layout
        if layout.dtype == np.bool_:
            bits = np.concatenate([self._bits, rows.ravel()])
            whole = len(bits) // 8 * 8
            self._bits = bits[whole:]
            self._file.write(np.packbits(bits[:whole], bitorder="little").tobytes())
            return
        if layout.is_halved:
            rows = _halved(rows)
        self._file.write(np.ascontiguousarray(rows, layout.dtype).tobytes())

    def finish(self) -> None:
        """All frames are there."""
        layout = self._layout
        if self.lacking:
            there = f"{layout.frames - self.lacking} of the {layout.frames} frames of the DICOM data set are there"
            raise FormatError(f"{there}: {_INSTEAD}")
        self._file.write(np.packbits(self._bits, bitorder="little").tobytes() + b"\0" * (layout.size % 2))
        self._file.write(layout.after)


def _halved(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of each two pixels both first components, then the others, which they share."""
    pairs = rows.reshape(len(rows), -1, 2, 3)
    if not np.array_equal(pairs[:, :, 0, 1:], pairs[:, :, 1, 1:]):
        raise FormatError(f"the DICOM data set says that pixels share their colours, and they do not: {_INSTEAD}")
    return np.concatenate([pairs[..., 0], pairs[:, :, 0, 1:]], axis=2)


def _layout(items: Sequence[Metadata]) -> _Layout:
    """Raises SofcError for whatever pydicom makes of an untrusted data set."""
    item = data_set_of(items)
    try:
        import pydicom
    except ImportError as error:
        raise UnsupportedError(
            "writing DICOM files needs pydicom; install it with: pip install 'sofc[dicom]'"
        ) from error
    try:
        return _laid_out(pydicom.dcmread(BytesIO(item.value), force=True), item, items)
    except SofcError:
        raise
    except Exception as error:
        raise FormatError(f"the DICOM data set cannot be read ({error}): {_INSTEAD}") from error


def _laid_out(data_set: Any, item: Metadata, items: Sequence[Metadata]) -> _Layout:
    from pydicom.uid import ExplicitVRLittleEndian

    rows, columns, components = (int(data_set.get(name) or 1) for name in ("Rows", "Columns", "SamplesPerPixel"))
    frames, bits = int(data_set.get("NumberOfFrames") or 1), int(data_set.BitsAllocated)
    is_implicit, is_little_endian = data_set.original_encoding
    syntax, value, changes = data_set.file_meta.get("TransferSyntaxUID"), item.value, ""
    is_plain = syntax is None or not (syntax.is_compressed or syntax.is_deflated)
    tag, dtype = _element(data_set, bits, item.key)
    if not is_plain:
        changes = f"samples not compressed, where they were in {syntax.name}"
        if not syntax.is_deflated:
            changes += _make_plain(data_set, components, items)
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        value = _bytes_of(data_set)
    is_colour = components > 1
    layout = _Layout(
        before=value,
        after=b"",
        frames=frames,
        shape=(rows, columns, components) if is_colour else (rows, columns),
        dtype=dtype.newbyteorder("<" if is_little_endian else ">"),
        is_planar=is_colour and int(data_set.get("PlanarConfiguration") or 0) == 1,
        is_halved=is_colour and data_set.get("PhotometricInterpretation") == _HALVED,
        changes=changes,
    )
    if layout.is_halved and columns % 2:
        raise UnsupportedError(
            f"the DICOM data set says that pixels share their colours in rows of {columns}: {_INSTEAD}"
        )
    if not 0 < layout.size <= _MOST_BYTES:
        raise UnsupportedError(f"{layout.size} bytes of samples are more than a DICOM file holds plain: {_INSTEAD}")
    start = _place_of(value, tag)
    is_as_it_was = (is_plain and is_little_endian) or item.key in FLOATS
    vr = "" if is_implicit else _representation(dtype, item.key if is_as_it_was else "")
    head = _head(tag, vr, layout.size + layout.size % 2, "<" if is_little_endian else ">")
    return layout._replace(before=value[:start] + head, after=value[start:])


def _element(data_set: Any, bits: int, kept: str) -> tuple[int, np.dtype[Any]]:
    """The tag of the element of the samples, and their type in it."""
    if kept in FLOATS:
        return FLOATS[kept]
    if bits == 1:
        return _PIXEL_DATA, np.dtype(np.bool_)
    if bits % 8:
        raise FormatError(f"the DICOM data set speaks of samples in {bits} bits, in which none are stored: {_INSTEAD}")
    return _PIXEL_DATA, np.dtype(f"{'i' if int(data_set.PixelRepresentation) else 'u'}{bits // 8}")


def _make_plain(data_set: Any, components: int, items: Sequence[Metadata]) -> str:
    """Let a data set of compressed samples speak of plain ones; in words, what of its colours is said otherwise."""
    for name in _OF_COMPRESSED:
        if name in data_set:
            delattr(data_set, name)
    if components == 1:
        return ""
    if "PlanarConfiguration" not in data_set:
        data_set.PlanarConfiguration = 0
    was = str(data_set.PhotometricInterpretation)
    photometric = photometric_of(items)
    # Colours that are said to be RGB are YCbCr in JPEG data that say so.
    is_ycbcr = photometric is not None and photometric.colours == "ycbcr"
    now = "YBR_FULL" if is_ycbcr else _WHOLE.get(was, was)
    if now == was:
        return ""
    data_set.PhotometricInterpretation = now
    return f", colours in {now}, where they were in {was}"


def _bytes_of(data_set: Any) -> bytes:
    file = BytesIO()
    data_set.save_as(file, enforce_file_format=False)
    return file.getvalue()


def _place_of(value: bytes, tag: int) -> int:
    """Where in a DICOM file an element of this tag belongs."""
    from pydicom.filereader import read_partial

    file = BytesIO(value)
    read_partial(file, stop_when=lambda found, vr, length: int(found) > tag, force=True)
    return file.tell()


def _representation(dtype: np.dtype[Any], kept: str) -> str:
    """The value representation of the samples: as it was, where that is kept."""
    if kept in ("OB", "OW", *FLOATS):
        return kept
    return "OB" if dtype.itemsize == 1 else "OW"


def _head(tag: int, vr: str, length: int, order: str) -> bytes:
    """The head of an element; ``vr`` is "" where value representations are implicit."""
    endian = "little" if order == "<" else "big"
    numbers = [(tag >> 16).to_bytes(2, endian), (tag & 0xFFFF).to_bytes(2, endian)]  # type: ignore[arg-type]
    numbers += [vr.encode() + bytes(2)] if vr else []
    return b"".join(numbers) + length.to_bytes(4, endian)  # type: ignore[arg-type]
