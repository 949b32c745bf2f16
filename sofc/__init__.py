"""Lossless compression for collections of similar images, with a codebook mined from them.

The public names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sofc.api.headers import header_for as header_for
    from sofc.api.oneshot import decode as decode
    from sofc.api.oneshot import decode_images as decode_images
    from sofc.api.oneshot import encode as encode
    from sofc.api.oneshot import encode_images as encode_images
    from sofc.api.oneshot import read as read
    from sofc.api.oneshot import write as write
    from sofc.api.probe import Info as Info
    from sofc.api.probe import is_sofc as is_sofc
    from sofc.api.probe import probe as probe
    from sofc.api.reader import Reader as Reader
    from sofc.api.reader import open_reader as open_reader
    from sofc.api.writer import Writer as Writer
    from sofc.api.writer import open_writer as open_writer
    from sofc.archive.access import Archive as Archive
    from sofc.archive.access import open_archive as open_archive
    from sofc.codebook import Codebook as Codebook
    from sofc.codebook.store import find_codebook as find_codebook
    from sofc.codebook.store import install_codebook as install_codebook
    from sofc.codebook.store import list_codebooks as list_codebooks
    from sofc.codebook.store import load_codebook as load_codebook
    from sofc.container.records import CodebookReference as CodebookReference
    from sofc.container.records import Metadata as Metadata
    from sofc.container.records import MetadataKind as MetadataKind
    from sofc.errors import ChecksumError as ChecksumError
    from sofc.errors import CodebookError as CodebookError
    from sofc.errors import FormatError as FormatError
    from sofc.errors import LimitError as LimitError
    from sofc.errors import NotSofcError as NotSofcError
    from sofc.errors import SofcError as SofcError
    from sofc.errors import TruncatedError as TruncatedError
    from sofc.errors import UnsupportedError as UnsupportedError
    from sofc.errors import UsageError as UsageError
    from sofc.image import Band as Band
    from sofc.image import ImageHeader as ImageHeader
    from sofc.image import Meaning as Meaning
    from sofc.image import PixelFormat as PixelFormat
    from sofc.image import SampleType as SampleType
    from sofc.limits import Limits as Limits
    from sofc.stream.decoder import Decoder as Decoder
    from sofc.stream.encoder import Encoder as Encoder
    from sofc.stream.events import NEED_DATA as NEED_DATA
    from sofc.stream.events import BandReady as BandReady
    from sofc.stream.events import CodebookWanted as CodebookWanted
    from sofc.stream.events import DamagedBand as DamagedBand
    from sofc.stream.events import FileEnded as FileEnded
    from sofc.stream.events import FileStart as FileStart
    from sofc.stream.events import GroupReady as GroupReady
    from sofc.stream.events import HeaderReady as HeaderReady
    from sofc.stream.events import ImageEnded as ImageEnded
    from sofc.stream.events import MetadataRead as MetadataRead
    from sofc.training import TrainingResult as TrainingResult
    from sofc.training import train as train

__version__ = "0.1.0"

_NAMES = {
    "sofc.api.headers": ("header_for",),
    "sofc.api.oneshot": ("decode", "decode_images", "encode", "encode_images", "read", "write"),
    "sofc.api.probe": ("Info", "is_sofc", "probe"),
    "sofc.api.reader": ("Reader", "open_reader"),
    "sofc.api.writer": ("Writer", "open_writer"),
    "sofc.archive.access": ("Archive", "open_archive"),
    "sofc.codebook": ("Codebook",),
    "sofc.codebook.store": ("find_codebook", "install_codebook", "list_codebooks", "load_codebook"),
    "sofc.container.records": ("CodebookReference", "Metadata", "MetadataKind"),
    "sofc.errors": (
        "ChecksumError",
        "CodebookError",
        "FormatError",
        "LimitError",
        "NotSofcError",
        "SofcError",
        "TruncatedError",
        "UnsupportedError",
        "UsageError",
    ),
    "sofc.image": ("Band", "ImageHeader", "Meaning", "PixelFormat", "SampleType"),
    "sofc.limits": ("Limits",),
    "sofc.stream.decoder": ("Decoder",),
    "sofc.stream.encoder": ("Encoder",),
    "sofc.stream.events": (
        "NEED_DATA",
        "BandReady",
        "CodebookWanted",
        "DamagedBand",
        "FileEnded",
        "FileStart",
        "GroupReady",
        "HeaderReady",
        "ImageEnded",
        "MetadataRead",
    ),
    "sofc.training": ("TrainingResult", "train"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'sofc' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
