"""What image files hold beside their samples: read into metadata items, and put back where a format can hold it.

Profiles, EXIF, XMP, data sets of DICOM and heads of volumes are kept byte for byte, texts as UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError
from sofc.imagefiles import codecs, kind_of
from sofc.metadata import dicom, pillow, png, tiff, volume

Items = list[Metadata]


def read(path: Path, images: int) -> list[Items]:
    """The items of each of the file's ``images`` images.

    Raises FormatError where they cannot be read; the samples may be whole all the same.
    """
    kind = kind_of(path)
    try:
        if kind in ("png", "pillow", *codecs.KINDS):
            items = png.read(path) if kind == "png" else pillow.read(path)
            # Frames of an animation come in colours.
            return [items if images == 1 else [item for item in items if not is_palette(item)]] * images
        if kind == "tiff":
            return tiff.read(path, images)
        if kind == "dicom":
            return [dicom.read(path)] * images
        if kind == "nifti":
            return [volume.read(path)] * images
    except (ValueError, LookupError, EOFError) as error:
        raise FormatError(f"{path}: its metadata cannot be read: {error}") from error
    return [[]] * images


def is_palette(item: Metadata) -> bool:
    """Whether the item gives the samples their colours, so that they are of little use without it."""
    return item.kind == MetadataKind.PALETTE


def split(items: Sequence[Items]) -> tuple[Items, list[Items]]:
    """The items that all images have, and what each has besides."""
    common = [item for item in items[0] if all(item in others for others in items[1:])]
    return common, [[item for item in own if item not in common] for own in items]


def put_back(data: bytes, file_format: str, items: Sequence[Metadata]) -> bytes:
    """``data``, a PNG or TIFF file as ``imagefiles.write`` makes it, with what such a file can hold of the items.

    Other formats hold nothing.
    """
    if file_format == "png":
        return png.put_back(data, items)
    if file_format == "tiff":
        return tiff.put_back(data, items)
    return data
