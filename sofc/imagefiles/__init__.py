"""Image files of other formats: finding them, reading them without changing a sample, and writing them.

Samples come out as stored: never rescaled, never clipped. What cannot be read that way is refused.
"""

from __future__ import annotations

from sofc.imagefiles.folders import Entry, entries, sources, walk, why_no_image
from sofc.imagefiles.held import images_in, on_disk
from sofc.imagefiles.raw import RawLayout
from sofc.imagefiles.rows import InFile
from sofc.imagefiles.samples import Samples
from sofc.imagefiles.save import FORMATS, fits_png, format_for, save, usual_format
from sofc.imagefiles.source import JPEG_REMARK, ImageSource, each, each_in_file, is_jpeg, kind_of, load, remarks
from sofc.imagefiles.suffixes import SUFFIXES, without_suffix

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
    "each_in_file",
    "entries",
    "fits_png",
    "format_for",
    "images_in",
    "is_jpeg",
    "kind_of",
    "load",
    "on_disk",
    "remarks",
    "save",
    "sources",
    "usual_format",
    "walk",
    "why_no_image",
    "without_suffix",
]
