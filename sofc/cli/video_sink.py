"""Decoded images as the frames of a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sofc.cli.outputs import OutputFiles
from sofc.cli.raw_sinks import RawSink
from sofc.cli.sinks import Finished, Samples
from sofc.container.records import Metadata
from sofc.errors import FormatError, UsageError
from sofc.imagefiles import y4m
from sofc.metadata.video import FORMAT, SUFFIX, Y4M


class VideoSink(RawSink):
    """A Y4M file, as the kept ``head`` says: its line, then each frame's planes. One image is held at a time.

    Raises UsageError where there is no head of a video, FormatError where it cannot be read.
    """

    _suffix = SUFFIX

    def __init__(self, output: Path | None, *, head: Metadata | None, complete: bool, files: OutputFiles) -> None:
        if head is None or head.key != Y4M:
            raise UsageError(f"the sofc file holds no head of a video, which --format {FORMAT} needs")
        self._video = y4m.read_head(head.value)
        self._held: list[Samples] = []
        self._count = 0
        super().__init__(output, complete=complete, files=files)
        self._write(self._video.head)

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

    def image(self, number: int, samples: Samples) -> None:
        """Write a whole image."""
        self.rows(samples)
        self.end()

    def finish(self) -> Finished:
        """All is written. Raises FormatError where the last frame is not whole."""
        if self._count % len(self._video.images):
            raise FormatError(f"the file has {self._count} images, which are no whole frames of the video")
        return super().finish()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._written += len(data)
