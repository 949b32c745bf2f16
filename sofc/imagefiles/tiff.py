"""TIFF files: tifffile reads any depth, Pillow what tifffile needs further packages for, where it is exact."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sofc.errors import UnsupportedError
from sofc.image import Meaning
from sofc.imagefiles.samples import Samples, meaning_of, palette_samples

if TYPE_CHECKING:
    import tifffile

LOGGER = logging.getLogger("tifffile")
# Otherwise what it finds wrong would go to standard error as it is; complaints() has it, or an error follows.
LOGGER.addHandler(logging.NullHandler())
MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def count(path: Path) -> int:
    """Full-size images in the file."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        return _frames(file.series[0]) if file.series else 0


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


def load(path: Path, index: int) -> Samples:
    """Image ``index`` of the file; of a palette image the indices. 1-bit images become bool with True for white."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0] if not file.series else file.series[0].keyframe
        bits = int(page.bitspersample)
        if bits == 1:
            return _through_pillow(path, index)
        try:
            array = _frame(file.series[0], index)
        except (ValueError, NotImplementedError) as error:
            # tifffile has LZW, CCITT and odd depths only together with imagecodecs.
            if "imagecodecs" not in str(error):
                raise
            palette = page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.samplesperpixel == 1 and bits <= 8
            exact = palette or ((bits == 8 or (bits == 16 and page.samplesperpixel == 1)) and page.sampleformat == 1)
            if not exact or page.photometric == tifffile.PHOTOMETRIC.MINISWHITE or page.planarconfig != 1:
                raise UnsupportedError(f"{path}: {error}; install it with: pip install imagecodecs") from error
            return _through_pillow(path, index)
        components = array.shape[2] if array.ndim == 3 else 1
        meaning = meaning_of(components)
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            # Behind the indices there may be alpha.
            return palette_samples(array, bits) if components == 1 else Samples(array, bits, Meaning.UNSPECIFIED)
        if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
            meaning = Meaning.CMYK
        return Samples(array, bits if bits <= 16 else None, meaning)


def _frames(series: tifffile.TiffPageSeries) -> int:
    frames = 1
    for axis, length in zip(series.axes, series.shape, strict=True):
        if axis not in "YXS":
            frames *= length
    return frames


def _frame(series: tifffile.TiffPageSeries, index: int) -> npt.NDArray[Any]:
    frames = _frames(series)
    page: Any = series.pages[index] if len(series.pages) == frames else None
    if page is not None:
        array: npt.NDArray[Any] = page.asarray()
        axes = series.keyframe.axes
    else:
        # Pages that exist only as a run of samples behind the first one (ImageJ hyperstacks).
        axes = "".join(axis for axis in series.axes if axis in "YXS")
        leading = [axis for axis in series.axes if axis not in "YXS"]
        order = [series.axes.index(axis) for axis in leading] + [series.axes.index(axis) for axis in axes]
        stack = series.asarray().transpose(order)
        array = stack.reshape(frames, *stack.shape[len(leading) :])[index]
    return np.moveaxis(array, 0, 2) if axes == "SYX" else array


def _through_pillow(path: Path, index: int) -> Samples:
    from PIL import Image

    with Image.open(path, formats=["TIFF"]) as image:
        image.seek(index)
        layout: Any = image.tile[0].args if image.tile else ("",)
        bits = {"P;1": 1, "P;2": 2, "P;4": 4}.get(layout[0], 8)
        array = np.asarray(image)
        if image.mode == "P":
            return palette_samples(array, bits)
    components = array.shape[2] if array.ndim == 3 else 1
    meaning = Meaning.CMYK if image.mode == "CMYK" else meaning_of(components)
    return Samples(array, 1 if array.dtype == np.bool_ else 8 * array.dtype.itemsize, meaning)
