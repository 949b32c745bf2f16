"""What a Decoder reports, in file order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from sofc.container.records import CodebookReference, Metadata
from sofc.errors import SofcError
from sofc.image import Band, ImageHeader

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class NeedData(Enum):
    """Type of NEED_DATA."""

    NEED_DATA = "NEED_DATA"


NEED_DATA: Final = NeedData.NEED_DATA
"""In place of an event: feed more bytes, or call finish()."""


@dataclass(frozen=True)
class FileStart:
    """The file's head: ``version`` is (major, minor)."""

    version: tuple[int, int]


@dataclass(frozen=True)
class CodebookWanted:
    """The file refers to a codebook that was not found: answer with ``supply()``, or go on without it."""

    reference: CodebookReference


@dataclass(frozen=True)
class OfImage:
    """What events that belong to an image, or to a run of images, have in common: the number of the (first) image."""

    image: int


@dataclass(frozen=True)
class HeaderReady(OfImage):
    """An image (or a run of grouped images) begins."""

    header: ImageHeader


@dataclass(frozen=True)
class MetadataRead:
    """Metadata of the file (``image`` None) or of what began with the last HeaderReady."""

    metadata: Metadata
    image: int | None


@dataclass(frozen=True)
class BandReady:
    """Decoded rows that match their check."""

    band: Band


@dataclass(frozen=True)
class GroupReady(OfImage):
    """Decoded images that match their check, shape (n, height, width) or (n, height, width, components > 1).

    They have no ImageEnded.
    """

    images: npt.NDArray[np.generic]


@dataclass(frozen=True)
class DamagedBand(OfImage):
    """Samples are lost (only with ``salvage``): ``rows`` rows from row ``y`` of image ``image``.

    ``rows`` is None where their number is not known. For a lost group ``images`` images from ``image`` on are
    gone whole, None where their number is not known. ``error`` says what was found.
    """

    y: int
    rows: int | None
    error: SofcError
    images: int | None = 1


@dataclass(frozen=True)
class ImageEnded(OfImage):
    """All rows of an image were read; ``digest`` is the SHA-256 that its samples were compared with, or b""."""

    height: int
    digest: bytes


@dataclass(frozen=True)
class FileEnded:
    """The end of the file; later bytes are in ``unused_data``."""


Event = (
    FileStart
    | CodebookWanted
    | HeaderReady
    | MetadataRead
    | BandReady
    | GroupReady
    | DamagedBand
    | ImageEnded
    | FileEnded
)
