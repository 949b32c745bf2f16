"""Images of any kinds into one file, as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, NamedTuple, Unpack

from sofc.api.headers import rows_of
from sofc.container.records import Metadata
from sofc.image import ImageHeader
from sofc.stream.layout import is_frame, is_small
from sofc.stream.settings import EncoderSettings

if TYPE_CHECKING:
    from sofc.band.coding import Samples
    from sofc.rows import FileRows

_PIECE_SAMPLES = 1 << 22
"""Of an image that is handed to the encoder at once: what it makes of them is held in memory."""


class Given(NamedTuple):
    """An image that is to be encoded; ``jpeg``: the JPEG data that it was decoded from, where that is at hand."""

    image: Samples | FileRows
    header: ImageHeader
    jpeg: bytes | None = None


_Kind = tuple[ImageHeader, tuple[Metadata, ...]]


class EachEncoder:
    """Encodes images of any kinds as they come, and groups small ones and frames.

    It keeps nothing of an image that the caller may change afterwards: of a frame that may be the first of many it
    holds a copy. ``settings`` are those of ``Encoder``; with ``band_rows`` among them small images are cut into bands
    too, and ``key_interval`` 1 keeps each by itself.
    """

    def __init__(self, **settings: Unpack[EncoderSettings]) -> None:
        from sofc.stream.encoder import Encoder

        self._encoder = Encoder(**settings)
        self._may_group = not settings.get("band_rows") and settings.get("key_interval") != 1
        self._kind: _Kind | None = None  # of the images being grouped
        self._held: tuple[Given, _Kind] | None = None  # a frame that is grouped if others of its kind follow

    def add(self, given: Given, metadata: Sequence[Metadata] = ()) -> Iterator[bytes]:
        """Take an image, and its metadata besides that of the file; gives bytes that are complete, in pieces."""
        kind = given.header, tuple(metadata)
        yield from self._write_held(followed_by=kind)
        is_grouped = kind == self._kind or (self._may_group and is_small(given.header))
        if not is_grouped and self._may_group and is_frame(given.header):
            self._held = given._replace(image=given.image[:].copy()), kind
        else:
            yield from self._write(given, kind, is_grouped=is_grouped)

    def finish(self) -> Iterator[bytes]:
        """The last bytes. Raises UsageError where there is no image, unless the metadata keeps another file whole."""
        yield from self._write_held(followed_by=None)
        yield self._encoder.finish()

    def _write_held(self, followed_by: _Kind | None) -> Iterator[bytes]:
        if self._held is not None:
            (given, kind), self._held = self._held, None
            yield from self._write(given, kind, is_grouped=kind == followed_by)

    def _write(self, given: Given, kind: _Kind, *, is_grouped: bool) -> Iterator[bytes]:
        (image, header, jpeg), own = given, kind[1]
        if kind != self._kind:
            # A small image as a group of one has the bytes that write would give it.
            self._kind = kind if is_grouped else None
            yield self._encoder.begin_image(header, metadata=own, jpeg=None if is_grouped else jpeg)
        if is_grouped:
            yield self._encoder.write_group(rows_of(image[:])[None], jpegs=[jpeg])
            return
        step = max(1, _PIECE_SAMPLES // header.row_samples)
        for start in range(0, len(image), step):
            yield self._encoder.write(rows_of(image[start : start + step]))


def encode_each(
    images: Iterable[Given],
    *,
    metadata_of_images: Iterable[Sequence[Metadata]] = (),
    **settings: Unpack[EncoderSettings],
) -> Iterator[bytes]:
    """The file of all the images in pieces, holding one image or one group of small ones at a time. None need
    stay as it is once the next is asked for.

    ``metadata_of_images``: of the first image, the second and so on, besides that of the file. ``settings`` are those
    of ``EachEncoder``, as is what is raised.
    """
    encoder = EachEncoder(**settings)
    for given, own in zip(images, chain(metadata_of_images, repeat(())), strict=False):
        yield from encoder.add(given, own)
    yield from encoder.finish()
