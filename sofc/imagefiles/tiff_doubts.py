"""Pages of TIFF files of which tifffile (2026.3.3) and libtiff make different samples: these are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sofc.errors import UnsupportedError
from sofc.imagefiles.exact import KEEP

_NO_PREDICTOR, _OF_FLOATS = 1, 3
_PREDICTED = {2: (8, 16, 32, 64), _OF_FLOATS: (16, 32, 64)}
"""Predictors of libtiff, and the bits of the samples that they take. tifffile undoes them in others, too, and may then
give samples of more bits than the file has."""
_FLOATS = 3
_WITH_PREDICTOR = (5, 8, 32946, 34925, 50000)
"""Ways of compression that have predictors in libtiff: LZW, deflate, LZMA, Zstandard. tifffile undoes one in others,
too, but for plain strips of 16 bits and more."""
_IMAGES = (6, 7, 22610, 33003, 33004, 33005, 33007, 34712, 34887, 34892, 34933, 34934, 48124, 50001, 50002, 52546)
"""Ways of compression that code images, where both pass over a predictor."""
_JPEG = (6, 7, 33007, 34892)
_OCTETS, _CONTIGUOUS = 8, 1
_RGB, _YCBCR = 2, 6
_LOOKED_AT = 1 << 16
_APP14, _SCAN, _FIRST_FRAME, _LAST_FRAME, _NO_FRAMES = 0xEE, 0xDA, 0xC0, 0xCF, (0xC4, 0xC8, 0xCC)


def refuse(path: Path, page: Any) -> None:
    """Raise UnsupportedError where the two differ on a page. ``page``: tifffile's, with all its fields."""
    compression = int(page.compression)
    if page.predictor != _NO_PREDICTOR and compression not in (*_WITH_PREDICTOR, *_IMAGES):
        raise UnsupportedError(
            f"{path}: this TIFF file has a predictor, which its compression ({compression}) has none of: some readers "
            f"undo it and others do not; {KEEP}"
        )
    if page.predictor != _NO_PREDICTOR and compression not in _IMAGES and not _is_predicted_by_all(page):
        raise UnsupportedError(
            f"{path}: nothing proves how this TIFF file's predictor ({int(page.predictor)}) of samples of "
            f"{page.bitspersample} bits is undone; {KEEP}"
        )
    if compression in _JPEG and _is_converted_otherwise(page):
        raise UnsupportedError(
            f"{path}: the colours of the JPEG data of this TIFF file are converted by some readers and not by others "
            f"(PhotometricInterpretation {int(page.photometric)}); {KEEP}"
        )


def refuse_compression(path: Path, page: Any) -> None:
    """Raise UnsupportedError where tifffile does not know a page's way of compression, imagecodecs or not."""
    import tifffile

    number = int(page.compression)
    try:
        _ = tifffile.TIFF.DECOMPRESSORS[number]
    except KeyError as error:
        if "imagecodecs" not in str(error):
            name = f", {page.compression.name}" if hasattr(page.compression, "name") else ""
            raise UnsupportedError(
                f"{path}: its samples are compressed in a way that is not read (Compression {number}{name}); {KEEP}"
            ) from error


def takes_planes_for_colours(page: Any) -> bool:
    """Whether tifffile takes each plane, which is JPEG data of one component, for RGB, and fails: GDAL writes such."""
    of_colours = page.photometric == _RGB and not page.extrasamples and page.planarconfig != _CONTIGUOUS
    return bool(of_colours and page.bitspersample == _OCTETS and page.compression in _JPEG and not page.is_jfif)


def _is_predicted_by_all(page: Any) -> bool:
    """Whether libtiff has a page's predictor for samples of its kind, which of floating point it asks for itself."""
    is_of_kind = page.predictor != _OF_FLOATS or page.sampleformat == _FLOATS
    return is_of_kind and page.bitspersample in _PREDICTED.get(int(page.predictor), ())


def _is_converted_otherwise(page: Any) -> bool:
    """Whether tifffile converts colours that libtiff leaves as they are, or the other way round.

    libtiff goes by PhotometricInterpretation alone; what tifffile leaves open libjpeg tells by the JPEG data.
    """
    components = page.samplesperpixel
    if page.bitspersample != _OCTETS or page.planarconfig != _CONTIGUOUS or components not in (3, 4):
        return False
    by_data = _is_transformed(_head(page), components)
    if page.extrasamples or page.photometric not in (_RGB, _YCBCR):
        converts = by_data
    else:
        converts = by_data if page.photometric == _YCBCR or page.is_jfif else False
    return bool(converts != (page.photometric == _YCBCR))


def _head(page: Any) -> bytes:
    """The beginning of the JPEG data of the first strip or tile that there is."""
    file = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count:
            file.seek(offset)
            data: bytes = file.read(min(count, _LOOKED_AT))
            return data
    return b""


def _is_transformed(head: bytes, components: int) -> bool:
    """Whether libjpeg takes JPEG data of three components for YCbCr, of four for YCCK."""
    place, adobe, names = 2, None, b""
    while place + 4 <= len(head) and head[place] == 0xFF and head[place + 1] != _SCAN:
        marker, size = head[place + 1], int.from_bytes(head[place + 2 : place + 4], "big")
        body = head[place + 4 : place + 2 + size]
        if marker == 0xE0 and body.startswith(b"JFIF\0") and components == 3:
            return True
        if marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        if _FIRST_FRAME <= marker <= _LAST_FRAME and marker not in _NO_FRAMES:
            names = body[6::3]
        place += 2 + size
    if components == 4:
        return adobe == 2
    return adobe != 0 if adobe is not None else names != b"RGB"
