"""What names say about files: suffixes of images, alone or with that of a packer behind them."""

from __future__ import annotations

import itertools
from pathlib import PurePath

from sofc.imagefiles.signatures import name_in

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
_OF_TIFF = (".tif", ".tiff", ".svs", ".ndpi", ".lsm", ".stk", ".btf", ".tf8")
BY_FORMAT: dict[str, tuple[str, ...]] = {
    **{"JPEG": JPEG_SUFFIXES, "PNG": (".png", ".apng"), "GIF": (".gif",), "WebP": (".webp",), "BMP": (".bmp",)},
    **{"TIFF": _OF_TIFF, "BigTIFF": _OF_TIFF, "NPY": (".npy",), "Y4M": (".y4m",), "NIfTI": (".nii",)},
    **{"PNM": (".pnm", ".pbm", ".pgm", ".ppm", ".pam"), "FITS": (".fits", ".fit", ".fts")},
    **{"DICOM": (".dcm", ".dicom"), "JPEG 2000": (".jp2", ".j2k", ".j2c", ".jpx")},
}
"""By what files call themselves (``signatures.name_in``), the most usual first."""
SUFFIXES = frozenset(
    (
        *itertools.chain.from_iterable(BY_FORMAT.values()),
        *(".npz", ".pfm", ".exr", ".idx", ".mgh", ".mgz", ".avif", ".sgi", ".rgb", ".rgba", ".bw", ".tga", ".pcx"),
        *(".ico", ".icns", ".dds", ".psd", ".xbm", ".xpm", ".ras"),
    )
)
"""Usual suffixes of image files."""
RAW_SUFFIX = ".raw"
"""Of files that hold nothing but samples, which only a person can tell."""
PACKERS = (".gz", ".bz2")
IDX_NAME = "-ubyte"
"""How the names of MNIST's files end, which have no suffix."""


def without_suffix(name: str) -> str:
    """The name without its image suffix, and without that of a packer behind one; other names as they are."""
    unpacked = name[: name.rindex(".")] if name.lower().endswith(PACKERS) else name
    if PurePath(unpacked).suffix.lower() in SUFFIXES | {RAW_SUFFIX}:
        return PurePath(unpacked).stem
    return unpacked if names_image(unpacked) else name


def names_image(name: str) -> bool:
    """Whether the name ends as those of image files, not packed, do."""
    return PurePath(name).suffix.lower() in SUFFIXES or name.lower().endswith(IDX_NAME)


def may_be_called(suffix: str, name: str, head: bytes) -> bool:
    """Whether a file called ``name``, which begins with ``head``, may be given a name with this suffix of images, in
    lower case: one of its own format, which its name tells or, where that does not, its contents."""
    own = PurePath(name).suffix.lower()
    if suffix == own or any({suffix, own} <= {*alike} for alike in BY_FORMAT.values()):
        return True
    called = name_in(head)
    return not names_image(name) if called is None else suffix in BY_FORMAT.get(called, ())
