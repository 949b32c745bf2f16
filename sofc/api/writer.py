"""Files that are written as rows or images come."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Unpack

from sofc.api.closing import Closing
from sofc.container.records import Metadata
from sofc.files import replacing
from sofc.image import ImageHeader
from sofc.stream.settings import EncoderSettings

if TYPE_CHECKING:
    from sofc.band.coding import Samples
    from sofc.stream.encoder import Encoder


class Writer(Closing):
    """Writes a file as rows or images come; made by ``open_writer``. A context manager.

    A path appears once ``close`` has finished it; when the block ends with an error nothing is left behind.
    """

    def __init__(self, file: BinaryIO, encoder: Encoder, resources: ExitStack) -> None:
        self._file = file
        self._encoder = encoder
        super().__init__(resources)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._resources.__exit__(kind, error, traceback)

    def begin_image(self, header: ImageHeader, *, metadata: Iterable[Metadata] = ()) -> None:
        """As Encoder.begin_image."""
        self._file.write(self._encoder.begin_image(header, metadata=metadata))

    def write(self, rows: Samples) -> None:
        """As Encoder.write."""
        self._file.write(self._encoder.write(rows))

    def write_group(self, images: Samples) -> None:
        """As Encoder.write_group."""
        self._file.write(self._encoder.write_group(images))

    def close(self) -> None:
        """Finish the file. Raises UsageError where rows are missing, and then leaves no file."""
        if self._encoder.finished:
            return
        with self._resources:
            self._file.write(self._encoder.finish())


def open_writer(
    dst: str | os.PathLike[str] | BinaryIO, header: ImageHeader | None = None, /, **settings: Unpack[EncoderSettings]
) -> Writer:
    """Begin a file at a path or in a binary file object. ``settings`` are those of Encoder.

    Raises OSError, UsageError or LimitError.
    """
    from sofc.stream.encoder import Encoder

    encoder = Encoder(header, **settings)
    with ExitStack() as stack:
        file = stack.enter_context(replacing(Path(dst))) if isinstance(dst, (str, os.PathLike)) else dst
        return Writer(file, encoder, stack.pop_all())
