"""Lossless codecs of the `imagecodecs` package behind one small interface, for tools/bench.py and tools/papers.py.

Each is used as a careful person would: at the settings that compress best within its method, one thread, the
smallest container it offers, and with images handed over in a form that it takes (see ``unsigned``).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile

Image = npt.NDArray[Any]
"""Shape (height, width) or (height, width, components); bool, integers of 8 to 64 bits, or floating point."""
_HEAD = struct.Struct("<8s3I")


def is_narrow(image: Image) -> bool:
    """Whether samples are integers of at most 16 bits, which is what image formats hold."""
    return image.dtype.kind in "bui" and image.dtype.itemsize <= 2


def unsigned(image: Image) -> Image:
    """The image in a type that every codec knows.

    Binary samples become 0 and 1 in 8 bits. Signed ones keep their values where none is negative; otherwise
    half the range of the type is added to all.
    """
    if image.dtype == np.bool_:
        return image.astype(np.uint8)
    if image.dtype.kind == "i":
        bits = 8 * image.dtype.itemsize
        offset = 1 << (bits - 1) if int(image.min()) < 0 else 0
        return (image.astype(np.int32) + offset).astype(f"u{image.dtype.itemsize}")
    return image


def three_components(image: Image) -> Image:
    """As ``unsigned``, and gray as three equal components, for codecs that know only colour."""
    image = unsigned(image)
    return np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image


def components(image: Image) -> int:
    """Number of components."""
    return image.shape[2] if image.ndim == 3 else 1


@dataclass(frozen=True)
class Codec:
    """One way to code images. ``convert`` is no part of the coding: it only brings the image into a form that
    ``encode`` takes, without loss. ``accepts`` says whether it can. ``encode`` is also told how many bits a sample the
    source declares (None where it does not say), ``decode`` the number of components. ``checked``: the same as
    ``encode``, which decodes what it has made and compares it, where the library can."""

    name: str
    accepts: Callable[[Image], bool]
    convert: Callable[[Image], Image]
    encode: Callable[[Image, int | None], bytes]
    decode: Callable[[bytes, int], Image]
    checked: Callable[[Image, int | None], bytes] | None = None


def _png() -> Codec:
    return Codec(
        "PNG, level 9",
        lambda image: is_narrow(image) and components(image) <= 4,
        unsigned,
        lambda image, _: imagecodecs.png_encode(image, 9),
        lambda data, _: imagecodecs.png_decode(data),
    )


def _jpegls() -> Codec:
    return Codec(
        "JPEG-LS",
        lambda image: is_narrow(image) and components(image) in (1, 3, 4),
        unsigned,
        lambda image, _: imagecodecs.jpegls_encode(image),
        lambda data, _: imagecodecs.jpegls_decode(data),
    )


def _jpeg2000() -> Codec:
    return Codec(
        "JPEG 2000",
        is_narrow,
        unsigned,
        lambda image, _: imagecodecs.jpeg2k_encode(image, codecformat="j2k", reversible=True, mct=True, numthreads=1),
        lambda data, _: imagecodecs.jpeg2k_decode(data, numthreads=1),
    )


def _webp(method: int) -> Codec:
    return Codec(
        f"WebP, method {method}",
        lambda image: is_narrow(image) and components(image) in (1, 3, 4) and unsigned(image).dtype == np.uint8,
        three_components,
        lambda image, _: imagecodecs.webp_encode(image, lossless=True, method=method, numthreads=1),
        lambda data, components: imagecodecs.webp_decode(data, hasalpha=components == 4),
    )


def _jpegxl(effort: int) -> Codec:
    return Codec(
        f"JPEG XL, effort {effort}",
        lambda image: (is_narrow(image) or image.dtype == np.float32) and components(image) <= 4,
        unsigned,
        lambda image, _: imagecodecs.jpegxl_encode(
            image, effort=effort, lossless=True, usecontainer=False, numthreads=1
        ),
        lambda data, _: imagecodecs.jpegxl_decode(data, numthreads=1),
    )


def _numbers(
    name: str,
    accepts: Callable[[Image], bool],
    encode: Callable[[Image], bytes],
    decode: Callable[[bytes, tuple[int, ...], np.dtype[Any]], Image],
) -> Codec:
    """A codec of bare numbers, before which 20 bytes say their type and shape."""

    def with_head(image: Image) -> bytes:
        shape = (*image.shape, 0) if image.ndim == 2 else image.shape
        return _HEAD.pack(image.dtype.str.encode(), *shape) + encode(np.ascontiguousarray(image))

    def without_head(data: bytes) -> Image:
        kind, *shape = _HEAD.unpack_from(data)
        whole = tuple(length for length in shape if length)
        return decode(data[_HEAD.size :], whole, np.dtype(kind.rstrip(b"\0").decode()))

    return Codec(
        name, accepts, lambda image: image, lambda image, _: with_head(image), lambda data, _: without_head(data)
    )


def _zstd() -> Codec:
    return _numbers(
        "zstd, level 19",
        lambda image: True,
        lambda image: imagecodecs.zstd_encode(image.tobytes(), 19),
        lambda data, shape, dtype: np.frombuffer(imagecodecs.zstd_decode(data), dtype).reshape(shape),
    )


def _blosc2() -> Codec:
    settings = {"level": 9, "compressor": "zstd", "shuffle": "bitshuffle"}
    return _numbers(
        "Blosc2, bitshuffle and zstd",
        lambda image: True,
        lambda image: imagecodecs.blosc2_encode(image.tobytes(), typesize=image.dtype.itemsize, **settings),
        lambda data, shape, dtype: np.frombuffer(imagecodecs.blosc2_decode(data), dtype).reshape(shape),
    )


def _pcodec() -> Codec:
    return _numbers(
        "pcodec, level 12",
        lambda image: image.dtype.kind in "uif" and image.dtype.itemsize > 1,
        lambda image: imagecodecs.pcodec_encode(image.ravel(), level=12),
        lambda data, shape, dtype: imagecodecs.pcodec_decode(data, shape, dtype),
    )


def _zfp() -> Codec:
    return _numbers(
        "ZFP, reversible",
        lambda image: image.dtype in (np.float32, np.float64, np.int32, np.int64),
        lambda image: imagecodecs.zfp_encode(image, mode="R"),
        lambda data, _, __: imagecodecs.zfp_decode(data),
    )


def _tiff() -> Codec:
    def encode(image: Image, _: int | None) -> bytes:
        file = io.BytesIO()
        settings = {"compression": "zlib", "compressionargs": {"level": 9}, "photometric": "minisblack"}
        tifffile.imwrite(file, image, predictor=3 if image.dtype.kind == "f" else 2, **settings)
        return file.getvalue()

    return Codec(
        "TIFF, deflate, predictor",
        lambda image: image.dtype.kind in "uif",
        lambda image: image,
        encode,
        lambda data, _: tifffile.imread(io.BytesIO(data)),
    )


PEERS: dict[str, Callable[[], Codec]] = {
    "png": _png,
    "jpegls": _jpegls,
    "jpeg2000": _jpeg2000,
    "webp": partial(_webp, 6),
    "webp4": partial(_webp, 4),
    "zstd": _zstd,
    "blosc2": _blosc2,
    "pcodec": _pcodec,
    "zfp": _zfp,
    "tiff": _tiff,
    **{f"jxl{effort}": partial(_jpegxl, effort) for effort in range(1, 11)},
}
"""By the name that people type."""
