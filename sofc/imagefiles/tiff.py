"""TIFF files: tifffile reads any depth, Pillow what tifffile needs further packages for, where it is exact."""

from __future__ import annotations

import bisect
import contextlib
import functools
import itertools
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sofc.errors import FormatError, UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles import exact, photometric, tiff_doubts
from sofc.imagefiles.lasting import Lasting
from sofc.imagefiles.pillow import opened, silent_libtiff
from sofc.imagefiles.rows import LARGE_BYTES, InFile, stored_rows
from sofc.imagefiles.samples import Samples, meaning_of, palette_samples
from sofc.imagefiles.tiff_stacks import open_file
from sofc.rows import Array, FileRows

if TYPE_CHECKING:
    import tifffile

LOGGER = logging.getLogger("tifffile")
# Otherwise what it finds wrong would go to standard error as it is; complaints() has it, or an error follows.
LOGGER.addHandler(logging.NullHandler())
PHOTOMETRIC, INK_SET, EXTRA_SAMPLES = 262, 332, 338
_PAGE_AXES = "YXS"
_FORMATS = {
    1: "integers",
    2: "signed integers",
    3: "floating-point numbers",
    5: "complex integers",
    6: "complex numbers",
}
_INTEGERS = (1, 2)
_THREE_BYTES = 24
_NOT_COMPRESSED = 1
_FAX = (2, 3, 4)
"""Compressions of CCITT, whose data have no check: what is damaged decodes to something else, and that is not said."""
_FAX_WORDS = 32771
MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def count(path: Path) -> int:
    """Full-size images in the file: those of all series, one series after the other."""
    with open_file(path) as file:
        return sum(map(_frames, file.series))


def pictures_left_out(path: Path) -> int:
    """Pictures that are no images of ``count``: smaller copies of them, and what only SubIFDs lead to."""
    with open_file(path) as file:
        levels = [series.levels for series in file.series]
        copies = sum(len(level.pages) for first, *others in levels for level in others)
        pages = [page for several in levels for level in several for page in level.pages]
        if None in pages:  # a run of samples behind one page
            return copies
        known = {page.offset for page in pages if page is not None}
        found = {page.offset for page in file.pages}
        for page in file.pages:
            found.update(getattr(page, "subifds", None) or ())
        return copies + len(found - known)


class _Hearing(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def complaints(path: Path) -> list[str]:
    """What tifffile finds wrong with the pages of a file that it can read all the same."""
    hearing = _Hearing()
    LOGGER.addHandler(hearing)
    try:
        count(path)
    finally:
        LOGGER.removeHandler(hearing)
    return hearing.heard


class _Opened:
    """A TIFF file that stays open from image to image."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = contextlib.ExitStack()
        file = self._stack.enter_context(open_file(path))
        self.series = list(file.series)
        self.ends = list(itertools.accumulate(map(_frames, self.series)))
        """The number of the image behind those of each series."""
        self._runs: dict[int, npt.NDArray[Any]] = {}
        self._pillow: Any = None

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()

    def place(self, index: int) -> tuple[tifffile.TiffPageSeries, int]:
        """The series that holds an image, and its number there."""
        if not 0 <= index < (self.ends[-1] if self.ends else 0):
            raise IndexError("the TIFF file has fewer images")
        number = bisect.bisect_right(self.ends, index)
        return self.series[number], index - (self.ends[number - 1] if number else 0)

    def of_run(self, series: tifffile.TiffPageSeries, index: int) -> npt.NDArray[Any]:
        """An image of a series that is one run of samples behind its first page. Its axes are those of a page."""
        leading = [axis for axis in series.axes if axis not in _PAGE_AXES]
        shape = [length for axis, length in zip(series.axes, series.shape, strict=True) if axis in _PAGE_AXES]
        plain = series.dataoffset is not None and series.keyframe.bitspersample % 8 == 0
        if plain and series.axes.startswith("".join(leading)):
            dtype = np.dtype(series.dtype).newbyteorder(series.keyframe.parent.byteorder)
            size = math.prod(shape)
            with self.path.open("rb") as file:
                file.seek(series.dataoffset + index * size * dtype.itemsize)
                data = file.read(size * dtype.itemsize)
            if len(data) < size * dtype.itemsize:
                raise FormatError(f"{self.path}: image {index} of this TIFF file is cut off")
            return np.frombuffer(data, dtype, size).reshape(shape)
        if id(series) not in self._runs:
            order = [series.axes.index(axis) for axis in (*leading, *(a for a in series.axes if a in _PAGE_AXES))]
            self._runs[id(series)] = series.asarray().transpose(order)
        stack: npt.NDArray[Any] = self._runs[id(series)]
        image: npt.NDArray[Any] = stack[np.unravel_index(index, stack.shape[: len(leading)])]
        return image

    def through_pillow(self, number: int) -> Samples:
        """Page ``number`` of all pages. Pillow reads on from the page before."""
        if self._pillow is None:
            self._pillow = self._stack.enter_context(opened(self.path, ("TIFF",)))
        with silent_libtiff():
            try:
                self._pillow.seek(number)
            except BaseException:
                self._pillow = None  # it would take itself to be at this page, with the samples of another
                raise
            return exact.samples(self._pillow, str(self.path))


_lasting = Lasting(_Opened, _Opened.close)


def load(path: Path, index: int) -> Samples:
    """Image ``index`` of the file; of a palette image the indices. 1-bit images become bool with True for white."""
    file = _lasting.of(path)
    try:
        samples = _load(file, index)
    except BaseException:
        _lasting.drop()
        raise
    if index + 1 == file.ends[-1]:
        _lasting.drop()
    return samples


def _load(file: _Opened, index: int) -> Samples:
    path = file.path
    series, index = file.place(index)
    page: Any = series.keyframe
    _refuse_cut_off(path, series, index)
    # The number among all pages of the file, which is how Pillow counts.
    number = getattr(series.pages[index], "index", None) if len(series.pages) > index else None
    if not isinstance(page.bitspersample, int):
        raise UnsupportedError(
            f"{path}: its components have {page.bitspersample} bits, which tifffile scales; {exact.KEEP}"
        )
    if page.dtype is None:
        raise UnsupportedError(
            f"{path}: its samples are {_FORMATS.get(page.sampleformat, 'something unknown')} of {page.bitspersample} "
            f"bits, which are not read; {exact.KEEP}"
        )
    if page.bitspersample == _THREE_BYTES and page.sampleformat in _INTEGERS:
        # The standard does not say, and libtiff and tifffile do not agree.
        raise UnsupportedError(f"{path}: its samples have 24 bits, whose order of bytes is not certain; {exact.KEEP}")
    tiff_doubts.refuse(path, page)
    if page.bitspersample == 1:
        return _bilevel(file, series, index, number)
    if isinstance(number, int) and tiff_doubts.takes_planes_for_colours(page):
        return file.through_pillow(number)
    tiff_doubts.refuse_compression(path, page)
    try:
        array = _frame(file, series, index)
    except (ValueError, NotImplementedError) as error:
        # tifffile has LZW, CCITT and odd depths only together with imagecodecs.
        if "imagecodecs" not in str(error):
            raise
        # Pillow takes signed samples of 8 bits for unsigned ones; of the rest the table of layouts knows.
        if isinstance(number, int) and page.sampleformat == 1:
            with contextlib.suppress(UnsupportedError):
                return file.through_pillow(number)
        raise UnsupportedError(f"{path}: {error}; install it with: pip install 'sofc[codecs]'") from error
    bits = page.bitspersample
    meaning = photometric_of(page, array.shape[2] if array.ndim == 3 else 1).meaning
    if meaning == Meaning.PALETTE:
        return palette_samples(array, bits)
    return Samples(array, bits if bits <= 16 else None, meaning)


def _refuse_cut_off(path: Path, series: tifffile.TiffPageSeries, index: int) -> None:
    """Raise FormatError where strips or tiles of an image reach beyond the end of the file: of JPEG data and some
    others decoders make up what is missing. Of plain samples the last strip may be said to be as long as the others
    though it has fewer rows: these are cut off where fewer bytes are there than the image has."""
    page: Any = series.pages[index] if len(series.pages) > index else None
    if page is None and len(series.pages) == _frames(series):
        raise FormatError(f"{path}: image {index} that the TIFF file announces is not there: readers would give zeros")
    if page is None:
        return
    size = path.stat().st_size
    keyframe: Any = series.keyframe
    if len(page.databytecounts) < len(page.dataoffsets):
        raise FormatError(f"{path}: the TIFF file does not say how many bytes each strip of image {index} has")
    ranges = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if keyframe.is_contiguous and not page.dataoffsets[0]:
        raise UnsupportedError(f"{path}: the samples of image {index} are not stored: readers give zeros; {exact.KEEP}")
    # What begins nowhere and has no bytes is a strip or tile that is not stored, all of whose samples are the same.
    if int(keyframe.compression) == _NOT_COMPRESSED and (0, 0) not in ranges:
        there = sum(max(0, min(count, size - offset)) for offset, count in ranges)
        is_cut_off = there < (_plain_bytes(keyframe) or sum(count for _, count in ranges))
    else:
        is_cut_off = any(offset + count > size for offset, count in ranges)
    if is_cut_off:
        raise FormatError(f"{path}: the TIFF file is cut off: samples of image {index} reach beyond its end")


def _plain_bytes(page: Any) -> int:
    """Bytes that the samples of a page take at least, where they are not compressed; 0 where strips or tiles tell."""
    bits = page.bitspersample
    if page.is_subsampled:
        return 0
    if bits in _WHOLE_BYTES:
        return int(page.size * bits // 8)
    if not isinstance(bits, int) or bits > _MOST_BITS or page.is_tiled:
        return 0
    planes, depth, length, width, samples = page.shaped  # rows begin with a byte
    return int(planes * depth * length * -(-width * samples * bits // 8))


_BY_BYTES = (1, 5, 8, 32773, 32946, 34925, 50000)
"""Ways of compression that know of bytes alone: none, LZW, deflate, PackBits, LZMA, Zstandard."""
_WHOLE_BYTES = (8, 16, 32, 64)
_MOST_BITS = 16
"""Of samples that are packed."""
_LINE_BYTES = 1 << 24
"""What a strip, or tiles beside each other, may take."""


def in_file(path: Path, index: int) -> InFile | None:
    """Image ``index`` of the file where it is large, and cut into strips or tiles of which some give some of its rows,
    else None."""
    series, number = _lasting.of(path).place(index)
    if len(series.pages) != _frames(series) or series.pages[number] is None:
        return None
    page: Any = series.pages[number]
    frame: Any = series.keyframe
    if frame.bitspersample not in _WHOLE_BYTES or frame.compression not in _BY_BYTES or frame.axes not in ("YX", "YXS"):
        return None
    tiff_doubts.refuse(path, frame)
    if frame.dtype is None or frame.nbytes < LARGE_BYTES or frame.imagedepth != 1 or frame.is_subsampled:
        return None
    if not _has_codecs(frame):
        return None
    rows = _stored(path, page, frame) or _cut_rows(path, page, frame)
    if rows is None:
        return None
    meaning = photometric_of(frame, frame.shape[2] if len(frame.shape) == 3 else 1).meaning
    return InFile(rows, frame.bitspersample if frame.bitspersample <= 16 else None, meaning)


def _has_codecs(frame: Any) -> bool:
    """Whether tifffile can unpack strips of a page as things are: some ways need imagecodecs."""
    import tifffile

    try:
        _ = tifffile.TIFF.DECOMPRESSORS[frame.compression], tifffile.TIFF.UNPREDICTORS[frame.predictor]
    except KeyError:
        return False
    return True


def _stored(path: Path, page: Any, frame: Any) -> FileRows | None:
    """The rows of a page that stands in the file as an array does."""
    dtype = np.dtype(frame.dtype).newbyteorder(frame.parent.byteorder)
    if not page.is_final or not page.dataoffsets[0] or math.prod(frame.shape) * dtype.itemsize != frame.nbytes:
        return None
    return stored_rows(path, page.dataoffsets[0], frame.shape, dtype)


def _cut_rows(path: Path, page: Any, frame: Any) -> FileRows | None:
    """The rows of a page that is cut into strips, or into tiles that lie beside each other."""
    height, width = frame.shape[:2]
    length, across = (frame.tilelength, frame.tilewidth) if frame.is_tiled else (min(frame.rowsperstrip, height), width)
    columns, lines = -(-width // across), -(-height // length)
    offsets, sizes = page.dataoffsets, page.databytecounts
    row = frame.nbytes // height
    if length * row > _LINE_BYTES or len(offsets) != columns * lines or len(sizes) != len(offsets) or 0 in sizes:
        return None
    decode = frame.decode

    @functools.lru_cache(maxsize=1)  # where a piece ends the next one begins
    def line_of(line: int) -> Array:
        """The rows of a strip, or of tiles beside each other."""
        result = np.empty((min(length, height - line * length), *frame.shape[1:]), frame.dtype)
        with path.open("rb") as file:
            for column in range(columns):
                number = line * columns + column
                file.seek(offsets[number])
                piece, _, _ = decode(file.read(sizes[number]), number, _fullsize=frame.is_tiled)
                part = result[:, column * across : (column + 1) * across]
                part[:] = piece[0, : part.shape[0], : part.shape[1]].reshape(part.shape)
        return result

    def read(first: int, end: int) -> Array:
        made = [line_of(line) for line in range(first // length, -(-end // length))]
        start = first // length * length
        return np.concatenate(made)[first - start : end - start]

    return FileRows(frame.shape, np.dtype(frame.dtype), read)


def photometric_of(page: Any, components: int) -> photometric.Photometric:
    """What the samples that ``load`` gives of tifffile's ``page`` stand for."""
    tags = page.tags
    if PHOTOMETRIC not in tags:  # against the standard
        return photometric.Photometric("")
    extras = tags.get(EXTRA_SAMPLES)
    given = None if extras is None else extras.value if isinstance(extras.value, tuple) else (extras.value,)
    return photometric.of_tiff(
        int(page.photometric),
        components,
        extras=given,
        bits=page.bitspersample if isinstance(page.bitspersample, int) else 0,
        compression=int(page.compression),
        planar=int(page.planarconfig),
        inks=int(tags.valueof(INK_SET, 1)),
    )


def _bilevel(file: _Opened, series: tifffile.TiffPageSeries, index: int, number: Any) -> Samples:
    """An image of 1-bit samples: Pillow knows more ways of compression, tifffile more layouts.

    Data of CCITT are read by both, and raise FormatError where these do not agree.
    """
    import tifffile

    page: Any = series.keyframe
    compression = int(page.compression)
    if compression == _FAX_WORDS:
        raise UnsupportedError(f"{file.path}: nothing proves how data of CCITT that fill words are read; {exact.KEEP}")
    first = None
    if isinstance(number, int) and page.samplesperpixel == 1 and not page.parent.is_bigtiff:
        with contextlib.suppress(OSError, ValueError, SyntaxError, UnsupportedError):
            first = file.through_pillow(number)
    if first is not None and not (compression in _FAX and _has_codecs(page)):
        return first
    array = _frame(file, series, index).astype(np.bool_)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        array = ~array
    if first is not None and not np.array_equal(first.array, array):
        raise FormatError(f"{file.path}: the data of CCITT in this TIFF file are damaged: two decoders differ on them")
    return Samples(array, 1, meaning_of(array.shape[2] if array.ndim == 3 else 1))


def _frames(series: tifffile.TiffPageSeries) -> int:
    frames = 1
    for axis, length in zip(series.axes, series.shape, strict=True):
        if axis not in _PAGE_AXES:
            frames *= length
    return frames


def _frame(file: _Opened, series: tifffile.TiffPageSeries, index: int) -> npt.NDArray[Any]:
    frames = _frames(series)
    page: Any = series.pages[index] if len(series.pages) == frames else None
    if page is not None:
        array: npt.NDArray[Any] = page.asarray()
        axes = series.keyframe.axes
    else:
        # Pages that exist only as a run of samples behind the first one (ImageJ hyperstacks).
        axes = "".join(axis for axis in series.axes if axis in _PAGE_AXES)
        array = file.of_run(series, index)
    return np.moveaxis(array, 0, 2) if axes == "SYX" else array
