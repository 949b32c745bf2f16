"""A small decoder of sofc files, written from the specification alone: it shows that the text is complete.

It is plain and slow and uses the standard library only. Each module stands for a file of the text, in the same order;
comments and docstrings name its sections ("Spec context/log-errors"). It supports all profiles.

    python spec/minidec FILE.sofc [--codebook FILE.sofcb] [-o OUT_PREFIX] [--kept-file OUT]
    python spec/minidec --vectors spec/vectors

In the folder `spec`, `python -m minidec` does the same.
"""

from .container import PROFILES, DecodedFile, Image, Metadata, decode_file
from .notation import FormatError, MissingCodebookError, ProfileError

__all__ = [
    "PROFILES",
    "DecodedFile",
    "FormatError",
    "Image",
    "Metadata",
    "MissingCodebookError",
    "ProfileError",
    "decode_file",
]
