"""What names say about files: suffixes of images, alone or with that of a packer behind them."""

from __future__ import annotations

from pathlib import PurePath

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
SUFFIXES = frozenset(
    (
        *JPEG_SUFFIXES,
        *(".png", ".apng", ".tif", ".tiff", ".bmp", ".gif", ".webp"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".pam", ".npy", ".npz", ".pfm", ".exr", ".idx"),
        *(".dcm", ".dicom", ".nii", ".mgh", ".mgz"),
        *(".jp2", ".j2k", ".j2c", ".jpx", ".svs", ".ndpi", ".lsm", ".stk", ".btf", ".tf8"),
        *(".avif", ".sgi", ".rgb", ".rgba", ".bw", ".tga", ".pcx", ".ico", ".icns", ".dds", ".psd", ".xbm", ".xpm"),
        *(".ras", ".fits", ".fit", ".fts", ".y4m"),
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
