"""What image files hold beside their samples: read into metadata items, and put back where a format can hold it.

Profiles, EXIF, XMP, data sets of DICOM and heads of volumes are kept byte for byte, texts as UTF-8.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from sofc.container.records import Metadata, MetadataKind
from sofc.errors import FormatError
from sofc.imagefiles import codecs, exact, kind_of, pcx, sun
from sofc.imagefiles.pillow import is_of_disk
from sofc.metadata import blocks, boxes, dicom, heads, pillow, png, tiff, video, volume
from sofc.metadata.palette import Palette, palette_item
from sofc.metadata.photometric import photometric_of

Items = list[Metadata]
_ALIKE = (MetadataKind.TEXT, MetadataKind.EXIF, MetadataKind.ICC, MetadataKind.XMP, MetadataKind.RESOLUTION)
_HOLDERS: dict[int, tuple[str, ...]] = {
    **dict.fromkeys(_ALIKE, ("png", "tiff")),
    **{MetadataKind.PALETTE: ("png", "tiff", "dicom"), MetadataKind.PHOTOMETRIC: ("tiff", "dicom")},
    **{MetadataKind.TIFF: ("tiff",), MetadataKind.PNG: ("png",), MetadataKind.DICOM: ("dicom",)},
    **{MetadataKind.VOLUME: ()},
}
"""The formats of files that have a place for items of a kind."""


_OF_PAGES = ("tiff", "dicom", "nifti", "fits", "npy", "png", "pillow")
"""Kinds of files whose images are pages, slices or frames of one, as against icons and archives of arrays."""
_NAMED = 12
"""Of things that are not kept."""


def read(path: Path, images: int) -> list[Items]:
    """The items of each of the file's ``images`` images.

    Raises FormatError where they cannot be read; the samples may be whole all the same.
    """
    kind = kind_of(path)
    try:
        if kind in ("png", "pillow", "bmp", *codecs.KINDS):
            items = png.read(path) if kind == "png" else _of_others(path, kind)
            # Frames of an animation come in colours.
            return [items if images == 1 else [item for item in items if not is_palette(item)]] * images
        if kind == "tiff":
            return tiff.read(path, images)
        if kind == "dicom":
            return [dicom.read(path)] * images
        if kind in ("sun", "pcx"):
            colours = (sun if kind == "sun" else pcx).palette(path)
            items = [] if colours is None else [palette_item(Palette(colours))]
            return [[*items, *heads.read(path, kind)]]
        if kind == "nifti":
            return [volume.read(path)] * images
        if kind == "y4m":
            return [video.read(path)] * images
        if kind == "npz":
            return heads.read_names(path)
        return [heads.read(path, kind)] * images
    except (ValueError, LookupError, EOFError, OSError, zipfile.BadZipFile) as error:
        if is_of_disk(error):
            raise
        raise FormatError(f"{path}: its metadata cannot be read: {error}") from error


def _of_others(path: Path, kind: str) -> Items:
    """What Pillow finds, and what it does not look for."""
    if kind in codecs.IN_BOXES:
        items = boxes.read(path)
        known = {(item.kind, item.key) for item in items}
        return items + [item for item in pillow.read(path) if (item.kind, item.key) not in known]
    return pillow.read(path)


def unkept(path: Path) -> str:
    """What of a file's metadata ``read`` makes no items of, in a sentence; "" where there is nothing. What is said of
    samples, of further images and of what stands behind them is not among it."""
    kind = kind_of(path)
    try:
        if kind == "tiff":
            found = tiff.unkept(path)
        elif kind == "png":
            found = png.unkept(path)
        elif kind in codecs.IN_BOXES:
            found = boxes.unkept(path)
        else:
            found = blocks.unkept(path) if kind in ("pillow", "bmp") else heads.unkept(path, kind)
    except (struct.error, ValueError, LookupError, EOFError, FormatError, zipfile.BadZipFile):  # as reading will say
        return ""
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"of its metadata is not stored: {', '.join(found[:_NAMED])}{more}; {exact.ALL}" if found else ""


def is_palette(item: Metadata) -> bool:
    """Whether the item gives the samples their colours."""
    return item.kind == MetadataKind.PALETTE


def is_needed_to_view(item: Metadata) -> bool:
    """Whether the samples show another picture without the item."""
    return item.kind in (MetadataKind.PALETTE, MetadataKind.PHOTOMETRIC) or _is_transparent_colour(item)


def _is_transparent_colour(item: Metadata) -> bool:
    return item.kind == MetadataKind.PNG and item.key == "tRNS"


def pages_item(path: Path, images: int) -> list[Metadata]:
    """The item that says that the images of this file are to come back as one file; none where they are not."""
    return [Metadata(MetadataKind.PAGES, "", b"")] if images > 1 and kind_of(path) in _OF_PAGES else []


def split(items: Sequence[Items]) -> tuple[Items, list[Items]]:
    """The items that all images have, and what each has besides."""
    common = [item for item in items[0] if all(item in others for others in items[1:])]
    return common, [[item for item in own if item not in common] for own in items]


def needs_tiff(items: Sequence[Metadata]) -> bool:
    """Whether some items can be held by TIFF files alone."""
    kinds = (MetadataKind.TIFF, MetadataKind.PHOTOMETRIC)
    return any(item.kind in kinds or tiff.describes_axes(item) for item in items)


def makes_pages(items: Sequence[Metadata]) -> bool:
    """Whether the items of a first image make the images pages of one TIFF file."""
    kinds = {item.kind for item in items}
    described = any(tiff.describes_axes(item) and not tiff.is_of_several_files(item) for item in items)
    return MetadataKind.PAGES in kinds or (described and MetadataKind.NAMES not in kinds)


def left_out(file_format: str, items: Iterable[Metadata]) -> list[str]:
    """In words, what of the items files of a format (png, tiff, pnm, npy, dicom) have no place for."""
    items = list(items)
    lost = [item for item in items if item.kind in _HOLDERS and file_format not in _HOLDERS[item.kind]]
    words = [f"{MetadataKind(kind).name} metadata" for kind in dict.fromkeys(item.kind for item in lost)]
    if (photometric := photometric_of(lost)) is not None:
        words.append(f"what its components are ({photometric.text}), so that it shows another picture")
    if any(map(_is_transparent_colour, lost)):
        words.append("the colour that is transparent, so that it shows another picture")
    if file_format == "tiff" and (keys := [item.key for item in items if not tiff.has_field(item)]):
        words.append(f"texts that have no field ({', '.join(keys)})")
    return words


def put_back(data: bytes, file_format: str, items: Sequence[Metadata], *, pages: int = 0) -> bytes:
    """``data``, a PNG or TIFF file as ``imagefiles.write`` makes it, with what such a file can hold of the items.

    Other formats hold nothing. ``pages``: 1 where it is a TIFF file of all images, which a description may speak of.
    """
    if file_format == "png":
        return png.put_back(data, tiff.with_orientation(items))
    if file_format == "tiff":
        return tiff.put_back(data, items, pages=pages)
    return data
