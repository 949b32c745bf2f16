"""DICOM files through pydicom: the samples as stored, before any rescaling, windowing or palette."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, SofcError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import codecs, dataset, encapsulated, exact, photometric, pixel_data
from sofc.imagefiles.heads import head_of
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.samples import Samples

PREAMBLE = 128
MAGIC = b"DICM"
_NEEDED = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation"),
)
"""Without these there are no integer samples."""
_TAGS = (
    *(*_NEEDED, "NumberOfFrames", "HighBit", "Modality", "SOPClassUID"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
)
_JPEG, _SCAN, _ADOBE, _JFIF = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xee\x00\x0eAdobe", b"JFIF\0"
_LIMIT = "supported"
"""What pydicom says, in more words, of data that its decoders are not made for."""
_TRANSFORM = 15
"""Where in Adobe's mark it says whether the colours were transformed."""
_LOOKED_AT = 1 << 16
_JPEG_2000, _SIGN_PLACE, _SIGN = b"\xff\x4f\xff\x51", 42, 0x80
"""What JPEG 2000 data begin with, and where they say whether the first component is signed."""
_OVERLAYS = range(0x6000, 0x6020, 2)
_OVERLAY_BIT, _OVERLAY_DATA = 0x0102, 0x3000
_COMPONENTS, _ALLOCATED = (1, 3), (1, 8, 16, 32, 64)
_HALVED = "YBR_FULL_422"
"""Of the second and third component each sample stands for two pixels."""
_PALETTE = "PALETTE COLOR"
_FLOATS = {0x7FE00008: "f4", 0x7FE00009: "f8"}
"""Elements with floating-point samples, and their types."""


def is_dicom(path: Path) -> bool:
    """Whether the file has the preamble of DICOM files, or begins as their data sets do, whatever its name."""
    head = head_of(path)[: dataset.HEAD_BYTES]
    return head[PREAMBLE:].startswith(MAGIC) or dataset.is_data_set(head, path.stat().st_size)


def holds_image(path: Path) -> bool:
    """Whether the DICOM file has an image: reports, directories and the like have none."""
    return "Rows" in _read(path)


def count(path: Path) -> int:
    """Frames of the file. Raises FormatError where it holds no image, UnsupportedError without pydicom."""
    data_set = _read(path)
    if "Rows" not in data_set:
        kind = getattr(data_set.get("SOPClassUID"), "name", "") or data_set.get("Modality") or "of unknown kind"
        raise FormatError(f"{path}: the DICOM file holds no image ({kind})")
    if _float_tag(path) is None:
        _check(path, data_set)
    return int(data_set.get("NumberOfFrames") or 1)


def _check(path: Path, data_set: Any) -> None:
    """Raise FormatError or UnsupportedError where these are no integer samples that pydicom reads as they are."""
    lacking = [name for name in _NEEDED if data_set.get(name) is None]
    if lacking:
        raise FormatError(f"{path}: the DICOM file does not say what its samples are: it lacks {', '.join(lacking)}")
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    if syntax is not None and not (syntax.is_private or syntax.is_transfer_syntax):
        raise UnsupportedError(
            f"{path}: the samples of this DICOM file are coded in a way that pydicom does not know (TransferSyntaxUID "
            f"{syntax}); {exact.KEEP}"
        )
    stored, high = int(data_set.BitsStored), data_set.get("HighBit")
    shape = [int(data_set[name].value) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")]
    if min(shape) < 1:
        raise FormatError(f"{path}: the DICOM file has {shape[0]} rows of {shape[1]} samples: it holds no image")
    if shape[2] not in _COMPONENTS or shape[3] not in _ALLOCATED:
        raise UnsupportedError(
            f"{path}: the DICOM file has {shape[2]} samples a pixel in {shape[3]} bits each; what is read are 1 or 3, "
            f"in {', '.join(map(str, _ALLOCATED))} bits; {exact.KEEP}"
        )
    there, needed = _plain_bytes(path, data_set)
    if there is not None and data_set.PhotometricInterpretation == _HALVED and there >= needed + needed // 2:
        raise UnsupportedError(
            f"{path}: the DICOM file says that it has half of the colours ({_HALVED}), but has all: readers give "
            f"different samples; {exact.KEEP}"
        )
    if there is not None and there < needed:
        raise FormatError(f"{path}: the DICOM file has {there} bytes of samples, not {needed}: some are missing")
    if not 1 <= stored <= int(data_set.BitsAllocated):
        raise FormatError(
            f"{path}: the DICOM file says {stored} bits of {data_set.BitsAllocated} are stored, which cannot be"
        )
    if high is not None and int(high) != stored - 1:
        raise UnsupportedError(
            f"{path}: the samples of this DICOM file do not stand in the lowest bits (HighBit {high}, BitsStored "
            f"{stored}), where pydicom takes them to be; {exact.KEEP}"
        )


def _plain_bytes(path: Path, data_set: Any) -> tuple[int | None, int]:
    """The bytes of samples that the file has, None where they are compressed or none, and those that it needs."""
    bits = math.prod(int(data_set[name].value) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"))
    needed = -(-bits * int(data_set.get("NumberOfFrames") or 1) // 8)
    if data_set.PhotometricInterpretation == _HALVED:
        needed = needed * 2 // 3
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    if syntax is not None and (syntax.is_compressed or syntax.is_deflated):
        return None, needed
    place = pixel_data.find(path)
    if place.tag != pixel_data.PIXEL_DATA or place.length is None:
        return None, needed
    return min(place.length, path.stat().st_size - place.start), needed


def remarks(path: Path) -> Iterator[str]:
    """What is not stored of this file, in words: what stands in the bits above those of the samples, or behind them."""
    data_set = _read(path)
    if any(data_set.get(name) is None for name in _NEEDED):
        return
    there, needed = _plain_bytes(path, data_set)
    if there is not None and there > needed + needed % 2:
        yield f"the DICOM file has {there - needed} bytes behind its samples, not stored; {exact.ALL}"
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    frames = pixel_data.frames_there(path) if syntax is not None and syntax.is_compressed else 0
    if (more := frames - int(data_set.get("NumberOfFrames") or 1)) > 0:
        what = "frame" if more == 1 else "frames"
        yield f"the DICOM file has {more} more {what} than it says (Number of Frames), not stored; {exact.ALL}"
    try:
        if data_set.PhotometricInterpretation == _PALETTE:
            palette_of(path)
    except FormatError as error:
        yield f"{str(error).removeprefix(f'{path}: ')}; its colours are not stored; {exact.ALL}"
    if _has_more_bits(path, data_set):
        what = "an overlay" if _has_overlay(path) else "other data"
        bits = f"the bits above the {data_set.BitsStored} of each sample"
        yield f"the DICOM file has {what} in {bits}, not stored; {exact.ALL}"


def _has_more_bits(path: Path, data_set: Any) -> bool:
    """Whether bits above those of the samples are neither zero nor copies of the sign.

    Compressed samples are not decoded for that: of them only what the file says is known.
    """
    stored, allocated = int(data_set.BitsStored), int(data_set.BitsAllocated)
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    if not 1 < stored < allocated:
        return False
    if syntax is not None and (syntax.is_compressed or syntax.is_deflated):
        return _has_overlay(path)
    from pydicom.pixels import iter_pixels

    source: Any = path if syntax is not None else _with_syntax(path)
    try:
        for array in iter_pixels(source, raw=True, correct_unused_bits=False):
            bits = array.view(f"u{array.itemsize}")
            above = bits >> stored
            signs = (bits >> (stored - 1)) & 1 if int(data_set.PixelRepresentation) else np.zeros_like(bits)
            if np.any((above != 0) & (above != signs * ((1 << (allocated - stored)) - 1))):
                return True
    except (AttributeError, ValueError):  # as loading will say
        pass
    return False


def _has_overlay(path: Path) -> bool:
    """Whether the file says that a bit of its samples belongs to an overlay."""
    import pydicom

    data_set = pydicom.dcmread(path, stop_before_pixels=True)
    return any(data_set.get((group, _OVERLAY_BIT)) and (group, _OVERLAY_DATA) not in data_set for group in _OVERLAYS)


def photometric_of(path: Path) -> photometric.Photometric:
    """What the samples that ``load`` gives stand for.

    Raises UnsupportedError for JPEG data that bear Adobe's mark of YCbCr, for which the decoder gives RGB.
    """
    data_set = _read(path)
    interpretation, components = str(data_set.PhotometricInterpretation), int(data_set.SamplesPerPixel)
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    head = _jpeg_head(path) if components == 3 and syntax is not None and syntax.is_compressed else b""
    mark = head.find(_ADOBE)
    transformed = mark >= 0 and head[mark + _TRANSFORM : mark + _TRANSFORM + 1] != b"\0"
    if transformed or (mark >= 0 and interpretation.startswith("YBR_FULL")):
        raise UnsupportedError(
            f"{path}: the JPEG data of this DICOM file are in {data_set.PhotometricInterpretation} and bear Adobe's "
            f"mark, for which pydicom's decoder converts them to RGB; {exact.KEEP}"
        )
    if mark < 0 and _JFIF in head and not interpretation.startswith("YBR"):
        # Files that are said to be RGB: what JFIF is, is YCbCr, and pydicom takes it so, too.
        interpretation = "YBR_FULL"
    return photometric.of_dicom(interpretation, components)


def _jpeg_head(path: Path) -> bytes:
    """The head of the first frame, where that is JPEG data: what stands before the start of its scan."""
    begin = _first_bytes(path)
    return begin[begin.find(_JPEG) :].partition(_SCAN)[0] if _JPEG in begin else b""


def _first_bytes(path: Path) -> bytes:
    """What the data of the first frame begin with, behind the table of offsets."""
    with path.open("rb") as file:
        file.seek(pixel_data.find(path).start)
        return file.read(_LOOKED_AT)


def _check_compressed(path: Path, data_set: Any, count: int) -> None:
    """Raise UnsupportedError where compressed samples have a sign that the file says they have not, or stand in boxes
    that say they are to be changed, of which readers make different samples, and FormatError where a table leads to
    other frames than those that are there."""
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_compressed:
        return
    begin = _first_bytes(path)
    if (boxed := begin.find(codecs.JP2)) >= 0:  # against the standard
        codecs.check_boxes(path, begin[boxed:])
    place = begin.find(_JPEG_2000) + _SIGN_PLACE
    if place >= _SIGN_PLACE and begin[place : place + 1] >= bytes([_SIGN]) and not int(data_set.PixelRepresentation):
        raise UnsupportedError(
            f"{path}: the JPEG 2000 data of this DICOM file are signed, and the file says that its samples are not "
            f"(PixelRepresentation 0): readers give different samples; {exact.KEEP}"
        )
    offsets, lengths = (data_set.get(name) or b"" for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"))
    if not pixel_data.fit(offsets, lengths, count):
        raise FormatError(
            f"{path}: the table of this DICOM file that says where its frames stand (Extended Offset Table) does not "
            "fit them; keep the file: sofc encode --keep-file"
        )


def palette_of(path: Path) -> npt.NDArray[np.unsignedinteger] | None:
    """The colours of the samples of a palette image from 0 on: uint8 or uint16, shape (entries, 3); None for others.

    Raises FormatError where they cannot be read.
    """
    data_set = _read(path)
    if data_set.get("PhotometricInterpretation") != _PALETTE:
        return None
    import pydicom
    from pydicom.pixels import apply_color_lut

    bits = min(16, int(data_set.BitsStored))
    indices = np.arange(1 << bits, dtype=np.uint8 if bits <= 8 else np.uint16)
    try:
        colours: npt.NDArray[np.unsignedinteger] = apply_color_lut(
            indices, pydicom.dcmread(path, stop_before_pixels=True)
        )
    except (AttributeError, ValueError, TypeError) as error:
        raise FormatError(f"{path}: the palette of this DICOM file cannot be read: {error}") from error
    return colours


class _Floats:
    """Floating-point samples of a file, which stand there as they are, or deflated with all else."""

    def __init__(self, path: Path, tag: int) -> None:
        import pydicom

        data_set = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        components = int(data_set.get("SamplesPerPixel") or 1)
        if components > 1:
            raise UnsupportedError(
                f"{path}: the DICOM file has {components} floating-point samples a pixel, which the standard does not "
                f"provide for; {exact.KEEP}"
            )
        self._shape = int(data_set.Rows), int(data_set.Columns)
        self._dtype = np.dtype(("<" if data_set.original_encoding[1] else ">") + _FLOATS[tag])
        self._path = path
        deflated = bool(getattr(data_set.file_meta.get("TransferSyntaxUID"), "is_deflated", False))
        place = pixel_data.find(path)
        self._whole = pydicom.dcmread(path, force=True)[tag].value if deflated else None
        self._start = place.start
        there = place.length or 0 if self._whole is None else len(self._whole)
        frames = int(data_set.get("NumberOfFrames") or 1)
        if there != frames * self._frame_bytes:
            samples = there // self._dtype.itemsize
            raise FormatError(f"{path}: the DICOM file has {samples} samples, not {frames} frames of {self._shape}")

    @property
    def _frame_bytes(self) -> int:
        return math.prod(self._shape) * self._dtype.itemsize

    def frame(self, index: int) -> npt.NDArray[np.floating]:
        """A frame. Raises FormatError where it is not there."""
        first = index * self._frame_bytes
        if self._whole is not None:
            data = self._whole[first : first + self._frame_bytes]
        else:
            with self._path.open("rb") as file:
                file.seek(self._start + first)
                data = file.read(self._frame_bytes)
        if len(data) < self._frame_bytes:
            raise FormatError(f"{self._path}: frame {index} of this DICOM file is cut off")
        return np.frombuffer(data, self._dtype).reshape(self._shape)


def _float_tag(path: Path) -> int | None:
    """The element with samples that are no integers, where there is one."""
    import pydicom

    data_set = pydicom.dcmread(path, specific_tags=list(_FLOATS), defer_size=1024, force=True)
    return next((tag for tag in _FLOATS if tag in data_set), None)


_kept_floats = Lasting(lambda path: None if (tag := _float_tag(path)) is None else _Floats(path, tag))


class _Frames:
    """The frames of a file, which are mostly wanted in their order: pydicom reads on from the one before."""

    def __init__(self, path: Path) -> None:
        data_set = _read(path)
        _check(path, data_set)
        self.meaning = photometric_of(path).meaning
        self.bits = int(data_set.BitsStored)
        self.count = int(data_set.get("NumberOfFrames") or 1)
        syntax = data_set.file_meta.get("TransferSyntaxUID")
        self._path = path
        self._is_signed = bool(int(data_set.PixelRepresentation))
        _check_compressed(path, data_set, self.count)
        self._encapsulated = _encapsulated(path, data_set, self.count)
        self._source: Any = path if syntax is not None else _with_syntax(path)
        # pydicom finds single frames neither in deflated files nor where they begin within a byte.
        deflated = syntax is not None and syntax.is_deflated
        self._whole = _of_deflated(path) if deflated else None
        plain = syntax is not None and not syntax.is_compressed
        self._is_compressed = syntax is not None and not plain
        packed = int(data_set.BitsAllocated) == 1 and not deflated
        self._packed = _PackedBits(path, data_set) if packed and plain else None
        if packed and not plain and self.count > 1:
            self._whole = self._all()
        self._following: Iterator[Any] | None = None
        self._next = 0

    def frame(self, index: int) -> Any:
        """A frame, its samples with the sign that the file says they have."""
        array = self._decoded(index)
        if not self._is_compressed:
            return array
        return _with_sign(array, self.bits, self._is_signed, str(self._path))

    def _decoded(self, index: int) -> Any:
        """A frame as its decoder has it."""
        if self._encapsulated is not None:
            return self._encapsulated.frame(index)
        if self._whole is not None:
            return self._whole[index] if self.count > 1 else self._whole
        if self._packed is not None:
            return self._packed.frame(index)
        from pydicom.pixels import iter_pixels, pixel_array

        if index == 0:
            self.close()
            self._following, self._next = iter_pixels(self._source, raw=True), 0
        if self._following is None or index != self._next:
            return pixel_array(self._source, index=index, raw=True)
        self._next += 1
        try:
            return next(self._following)
        except StopIteration:
            raise FormatError(f"{self._path}: the DICOM file has fewer frames than it says ({self.count})") from None
        except ValueError:
            # pydicom (3.0.2) cannot mend the sign of JPEG 2000 samples in frames that it gives one after the other.
            self._following = None
            return pixel_array(self._source, index=index, raw=True)

    def _all(self) -> Any:
        from pydicom.pixels import pixel_array

        return pixel_array(self._source, raw=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._encapsulated is not None:
            self._encapsulated.close()
        if self._following is not None:
            self._following.close()  # type: ignore[attr-defined]
        self._following = None


def _encapsulated(path: Path, data_set: Any, count: int) -> encapsulated.Frames | None:
    """The frames where they are compressed in a way that is not left to pydicom."""
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    components = int(data_set.SamplesPerPixel)
    if syntax is None or not encapsulated.is_read(str(syntax), int(data_set.BitsStored), components):
        return None
    shape = (int(data_set.Rows), int(data_set.Columns), *((components,) if components > 1 else ()))
    return encapsulated.Frames(path, syntax, shape, count)


def _with_sign(array: npt.NDArray[Any], bits: int, is_signed: bool, name: str) -> npt.NDArray[Any]:
    """Samples of ``bits`` bits that decoders give in wider types, some without their sign (pydicom 3.0.2 of JPEG-LS).

    Data of fewer bits than the file says are read as they are. Raises UnsupportedError where the bits above are neither
    zero nor copies of the sign.
    """
    if 8 * array.itemsize < bits:
        array = array.astype(f"{array.dtype.kind}{2 if bits <= 16 else 4}")
    unsigned = array.view(f"u{array.itemsize}")
    lowest = unsigned & ((1 << bits) - 1)
    above = 8 * array.itemsize - bits
    extended = (lowest << above).view(f"i{array.itemsize}") >> above
    expected = extended if is_signed else lowest
    if not np.array_equal(unsigned, lowest) and not np.array_equal(unsigned, extended.view(unsigned.dtype)):
        raise UnsupportedError(
            f"{name}: the compressed samples of this DICOM file have more than {bits} bits; {exact.KEEP}"
        )
    return expected


class _PackedBits:
    """Samples of one bit, which stand packed in the file, all frames in one run."""

    def __init__(self, path: Path, data_set: Any) -> None:
        self._path = path
        self._shape = int(data_set.Rows), int(data_set.Columns)
        if int(data_set.SamplesPerPixel) != 1:
            raise UnsupportedError(f"{path}: frames of 1-bit samples of several components are not read; {exact.KEEP}")
        place = pixel_data.find(path)
        if place.tag != pixel_data.PIXEL_DATA:
            raise FormatError(f"{path}: the DICOM file describes an image, but has no samples (Pixel Data)")
        self._start = place.start
        self._swapped = place.kind == b"OW" and place.order == "big"

    def frame(self, index: int) -> npt.NDArray[np.uint8]:
        """Samples 0 and 1, shape (rows, columns)."""
        size = self._shape[0] * self._shape[1]
        first, last = index * size // 16 * 2, -(-(index + 1) * size // 16) * 2  # whole words of two bytes
        with self._path.open("rb") as file:
            file.seek(self._start + first)
            data = np.frombuffer(file.read(last - first).ljust(last - first, b"\0"), "<u2")
            end = file.seek(0, 2)
        if end < self._start + -(-(index + 1) * size // 8):
            raise FormatError(f"{self._path}: the samples of this DICOM file are cut off in frame {index}")
        bits = np.unpackbits((data.byteswap() if self._swapped else data).view(np.uint8), bitorder="little")
        return bits[index * size - 8 * first :][:size].reshape(self._shape)


_lasting = Lasting(_Frames, _Frames.close)


def load(path: Path, index: int) -> Samples:
    """Frame ``index``: signed where its PixelRepresentation says so, and with its BitsStored as declared bits.

    1-bit frames become bool. Colours are left in the colour space of the file; palettes are not applied.
    """
    if (floats := _kept_floats.of(path)) is not None:
        return Samples(floats.frame(index), None, Meaning.GRAY)
    try:
        file = _lasting.of(path)
        array = file.frame(index)
    except RuntimeError as error:
        _lasting.drop()
        raise _undecoded(path, error) from error
    except AttributeError as error:
        _lasting.drop()
        if "Pixel Data" not in str(error):
            raise
        raise FormatError(f"{path}: the DICOM file describes an image, but has no samples (Pixel Data)") from error
    except BaseException:
        _lasting.drop()
        raise
    if index + 1 == file.count:
        _lasting.drop()
    if file.bits == 1:
        array = array.astype(np.bool_)
    return Samples(array, file.bits if file.bits <= 16 else None, file.meaning)


def _of_deflated(path: Path) -> Any:
    import pydicom
    from pydicom.pixels import pixel_array

    return pixel_array(pydicom.dcmread(path), raw=True)


def _read(path: Path) -> Any:
    """What the file says of its image."""
    try:
        import pydicom
    except ImportError as error:
        raise UnsupportedError(
            f"{path}: DICOM files need pydicom; install it with: pip install 'sofc[dicom]'"
        ) from error
    return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=True)


def _with_syntax(path: Path) -> Any:
    """The data set of a file that does not name its transfer syntax, with the one that pydicom found it to have.

    Raises FormatError for compressed samples, which nothing then says how to decode.
    """
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    data_set = pydicom.dcmread(path, force=True)
    is_implicit, is_little_endian = data_set.original_encoding
    if ("PixelData" in data_set and data_set["PixelData"].is_undefined_length) or not is_little_endian:
        raise FormatError(
            f"{path}: the DICOM file does not say how its samples are coded: it lacks TransferSyntaxUID, and they are "
            f"not plain; {exact.KEEP}"
        )
    data_set.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
    return data_set


def _undecoded(path: Path, error: RuntimeError) -> SofcError:
    """Why compressed samples cannot be had: pydicom lists what each of its decoders said, or lacks."""
    import pydicom
    from pydicom.pixels import get_decoder

    syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return UnsupportedError(f"{path}: pydicom cannot decode {syntax.name}: convert the file, or use --keep-file")
    if not decoder.is_available:
        lacking = "; ".join(decoder.missing_dependencies)
        return UnsupportedError(
            f"{path}: its samples are compressed with {syntax.name}, for which pydicom has no decoder here; "
            f"install those it knows with: pip install 'sofc[dicom-decoders]' ({lacking})"
        )
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    if _LIMIT in said[-1]:
        named = f"{path}: its samples, compressed with {syntax.name}, are of a kind that pydicom does not decode"
        return UnsupportedError(f"{named} ({said[-1]}); {exact.KEEP}")
    return FormatError(f"{path}: its samples, compressed with {syntax.name}, are damaged: {said[-1]}")
