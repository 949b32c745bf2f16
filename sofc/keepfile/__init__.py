"""Keeping a file of another format with its images, so that it comes back byte for byte.

The bytes of the file that are samples are found and left out; the rest is kept in a metadata item. Of a file whose
samples cannot be left out the whole is kept instead.
"""

from __future__ import annotations

from sofc.container.original import MAX_FILE_BYTES
from sofc.keepfile.data import FileData, pieces_of
from sofc.keepfile.keep import (
    Kept,
    KeptCoefficients,
    keep,
    keep_coefficients,
    keep_whole,
    keep_within,
    read_file,
    recipe,
    recipe_of,
)
from sofc.keepfile.plain_png import PlainPng, read_plain
from sofc.keepfile.restore import FileCodebooks, first_bytes, original_in, restore, restore_items, restore_pieces

__all__ = [
    "MAX_FILE_BYTES",
    "FileCodebooks",
    "FileData",
    "Kept",
    "KeptCoefficients",
    "PlainPng",
    "first_bytes",
    "keep",
    "keep_coefficients",
    "keep_whole",
    "keep_within",
    "original_in",
    "pieces_of",
    "read_file",
    "read_plain",
    "recipe",
    "recipe_of",
    "restore",
    "restore_items",
    "restore_pieces",
]
