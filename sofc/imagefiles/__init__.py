"""Image files of other formats: finding them, reading them without changing a sample, and writing them.

Samples come out as stored: never rescaled, never clipped. What cannot be read that way is refused.
"""

from __future__ import annotations

from sofc.imagefiles.folders import Entry, entries, sources, walk, why_no_image, why_none_inside
from sofc.imagefiles.held import each_in, images_in, on_disk
from sofc.imagefiles.raw import RawLayout
from sofc.imagefiles.rows import InFile
from sofc.imagefiles.samples import Samples
from sofc.imagefiles.save import FORMATS, fits_png, format_for, is_format_of, save, usual_format
from sofc.imagefiles.source import (
    JPEG_REMARK,
    ImageSource,
    each,
    each_again,
    each_in_file,
    is_jpeg,
    is_lossy_jpeg,
    kind_of,
    load,
    reading_of,
    remarks,
)
from sofc.imagefiles.suffixes import SUFFIXES, may_be_called, without_suffix

__all__ = [
    "FORMATS",
    "JPEG_REMARK",
    "SUFFIXES",
    "Entry",
    "ImageSource",
    "InFile",
    "RawLayout",
    "Samples",
    "each",
    "each_again",
    "each_in",
    "each_in_file",
    "entries",
    "fits_png",
    "format_for",
    "images_in",
    "is_format_of",
    "is_jpeg",
    "is_lossy_jpeg",
    "kind_of",
    "load",
    "may_be_called",
    "on_disk",
    "reading_of",
    "remarks",
    "save",
    "sources",
    "usual_format",
    "walk",
    "why_no_image",
    "why_none_inside",
    "without_suffix",
]
