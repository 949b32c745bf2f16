"""What takes decoded samples, and how rows become whole images."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.cli.outputs import Output
from sofc.cli.spool import Spool, is_large
from sofc.container.records import Metadata
from sofc.image import ImageHeader
from sofc.stream.events import BandReady, DamagedBand, Event, GroupReady, HeaderReady, ImageEnded, MetadataRead

Samples = npt.NDArray[Any]


class Finished(NamedTuple):
    """What was written: a file, if it is one, whose name may change until it is published, and words."""

    output: Output | None
    text: str
    left_out: str = ""
    """Of what the sofc file holds."""

    def __str__(self) -> str:
        return self.text if self.output is None else f"{self.output.path}{self.text}"


class Sink(contextlib.ExitStack, ABC):
    """Takes what a decoder gives, in its order. Leaving it by an error leaves no half-written file.

    ``wants_images``: whether it is to get images at all costs, be it those of a file that is kept whole.
    """

    wants_images = True

    def __init__(self) -> None:
        super().__init__()
        self._header: ImageHeader | None = None

    def take(self, event: Event) -> None:
        """What a decoder reports."""
        if isinstance(event, MetadataRead):
            self.metadata(event.metadata, event.image)
        elif isinstance(event, HeaderReady):
            self.header(event.image, event.header)
        elif isinstance(event, BandReady):
            self.rows(event.band.rows)
        elif isinstance(event, GroupReady):
            for number, image in enumerate(event.images, event.image):
                self.image(number, image)
        elif isinstance(event, DamagedBand) and event.rows is not None:
            self.lost_rows(event.rows)
        elif isinstance(event, ImageEnded):
            self.end()

    @abstractmethod
    def metadata(self, metadata: Metadata, image: int | None) -> None:
        """A metadata item of the file, or of the images that began last with number ``image``."""

    @abstractmethod
    def header(self, image: int, header: ImageHeader) -> None:
        """Image number ``image``, or a run of images from it on, begins."""

    @abstractmethod
    def rows(self, rows: Samples) -> None:
        """The next rows of the image."""

    def lost_rows(self, count: int) -> None:
        """Rows of the image that cannot be decoded: zeros take their place."""
        if self._header is not None:
            self.rows(zeros_for(self._header, count))

    @abstractmethod
    def end(self) -> None:
        """The image has all its rows."""

    @abstractmethod
    def image(self, number: int, samples: Samples) -> None:
        """A whole image."""

    @abstractmethod
    def finish(self) -> Finished:
        """The file ends; says what was written."""


def zeros_for(header: ImageHeader, rows: int) -> Samples:
    """Rows that take the place of lost ones."""
    components = header.format.components
    shape = (rows, header.width) if components == 1 else (rows, header.width, components)
    return np.zeros(shape, header.format.dtype_name)


class WholeImages(Sink):
    """Puts the rows of each image together. ``spools_at``: where those of large ones go to disk, None for nowhere."""

    spools_at: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self._spool: Spool | None = None
        self._parts: list[Samples] = []
        self._whole: Samples | None = None
        self._rows = 0
        self._number = 0

    def header(self, image: int, header: ImageHeader) -> None:
        """An image begins; what is left of one that lost its end is kept."""
        self.end()
        self._number = image
        self._header = header

    def rows(self, rows: Samples) -> None:
        """Take rows of the image."""
        height = None if self._header is None else self._header.height
        if self._header is not None and self.spools_at is not None and self._rows == 0 and is_large(self._header):
            self._spool = Spool(self.spools_at, self._header)
            self.callback(self._spool.close)
        if self._spool is not None:
            self._spool.add(rows)
        elif self._whole is None and not self._parts and height is not None and len(rows) < height:
            self._whole = np.zeros((height, *rows.shape[1:]), rows.dtype)
        if self._whole is not None and self._rows + len(rows) <= len(self._whole):
            self._whole[self._rows : self._rows + len(rows)] = rows
        elif self._spool is None:
            self._parts.append(rows)
        self._rows += len(rows)

    def end(self) -> None:
        """The image has all its rows."""
        whole, self._whole = self._whole, None
        spool, self._spool = self._spool, None
        parts, self._parts = self._parts, []
        rows, self._rows = self._rows, 0
        if whole is not None:
            parts.insert(0, whole[: min(rows, len(whole))])
        if spool is not None:
            self.spooled(self._number, spool)
        elif parts:
            self.image(self._number, parts[0] if len(parts) == 1 else np.concatenate(parts))

    def spooled(self, number: int, spool: Spool) -> None:
        """A whole image, on disk."""
        raise NotImplementedError
