"""Decoded images as the frames of a video."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from sofc.cli.outputs import OutputFiles
from sofc.cli.raw_sinks import RawSink
from sofc.cli.sinks import Finished, Samples
from sofc.container.records import Metadata
from sofc.errors import FormatError, UsageError
from sofc.image import ImageHeader
from sofc.imagefiles import y4m
from sofc.limits import Limits
from sofc.metadata.video import FORMAT, SUFFIX, Y4M


class VideoSink(RawSink):
    """A Y4M file, as the kept ``head`` says: its line, then each frame's planes. One image is held at a time.

    With ``salvage`` zeros take the place of what is lost of a frame; frames that are lost as a whole are missing.
    Raises UsageError where there is no head of a video, FormatError where it cannot be read.
    """

    _suffix = SUFFIX

    def __init__(
        self, output: Path | None, *, head: Metadata | None, complete: bool, files: OutputFiles, salvage: bool
    ) -> None:
        if head is None or head.key != Y4M:
            raise UsageError(f"the sofc file holds no head of a video, which --format {FORMAT} needs")
        self._video = y4m.read_head(head.value)
        self._held: list[Samples] = []
        self._salvage = salvage
        self._count = self._following = 0  # images written, and the number of the image that is to come
        super().__init__(output, complete=complete, files=files)
        self._write(self._video.head)

    def header(self, image: int, header: ImageHeader) -> None:
        """An image begins."""
        super().header(image, header)
        self._reach(image)

    def rows(self, rows: Samples) -> None:
        """Hold rows of an image."""
        self._held.append(rows)

    def end(self) -> None:
        """Write the image. Raises FormatError where it is none of those that the head speaks of."""
        samples = np.concatenate(self._held)
        self._held = []
        video, place = self._video, self._count % len(self._video.images)
        if samples.shape != video.images[place] or samples.dtype != video.dtype.newbyteorder("="):
            raise FormatError(
                f"image {self._count} has samples of type {samples.dtype} and shape {samples.shape}, and the head of "
                f"the video speaks of {video.dtype} and {video.images[place]}: --format png writes the images alone"
            )
        if place == 0:
            self._write(y4m.FRAME)
        planes = np.moveaxis(samples, 2, 0) if samples.ndim == 3 else samples
        self._write(planes.astype(video.dtype, copy=False).tobytes())
        self._count += 1
        self._following += 1

    def image(self, number: int, samples: Samples) -> None:
        """Write a whole image."""
        self._reach(number)
        self.rows(samples)
        self.end()

    def finish(self) -> Finished:
        """All is written. Raises FormatError where the last frame is not whole."""
        self._reach(None)
        if self._count % len(self._video.images):
            raise FormatError(f"the file has {self._count} images, which are no whole frames of the video")
        return super().finish()

    def _reach(self, number: int | None) -> None:
        """Where images before this one are lost, end the frame that lost them, and begin that of this image; None for
        the end of all."""
        if not self._salvage:
            return
        if self._held:
            self._fill()
        if number != self._following:
            images = len(self._video.images)
            while self._count % images:
                self._fill()
            while number is not None and self._count % images != number % images:
                self._fill()
            self._following = self._count if number is None else number

    def _fill(self) -> None:
        """Zeros for the rows that an image lacks. Raises LimitError where it would be larger than any band."""
        rows, *row = shape = self._video.images[self._count % len(self._video.images)]
        Limits().check_band(math.prod(shape))
        lacking = max(0, rows - sum(map(len, self._held)))
        self.rows(np.zeros((lacking, *row), self._video.dtype.newbyteorder("=")))
        self.end()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._written += len(data)
