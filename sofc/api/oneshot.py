"""Whole files in one call. What needs numpy or a coder is loaded when it is called."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Unpack

from sofc.api.each import Given, encode_each
from sofc.api.headers import header_for, header_of
from sofc.api.kept import kept_images
from sofc.api.reader import open_reader
from sofc.api.sources import Source, finder, folder_of, opened
from sofc.container.records import Metadata
from sofc.errors import UsageError
from sofc.files import replacing
from sofc.image import Meaning, SampleType
from sofc.limits import Limits
from sofc.stream.codebooks import Codebooks
from sofc.stream.settings import DecodeSettings, EncoderSettings, EncodeSettings

if TYPE_CHECKING:
    from sofc.band.coding import Samples

_READ_BYTES = 1 << 18


def encode(
    image: Samples,
    /,
    *,
    batch: bool = False,
    declared_bits: int | None = None,
    meaning: Meaning | int = Meaning.UNSPECIFIED,
    sample_type: SampleType | None = None,
    jpeg: bytes | None = None,
    **settings: Unpack[EncoderSettings],
) -> bytes:
    """The file of one image, shape (height, width) or (height, width, components), where components may be 1.

    Samples are bool, integers of 8 to 64 bits, floats of 16 to 64 bits or complex; ``sample_type`` BFLOAT16 says that
    uint16 samples are the bits of such floats. ``jpeg``: the JPEG data that the image was decoded from, where it is at
    hand; what it says is compared with the samples, and need not be sought in them. ``batch``: the first axis counts
    images of equal size. ``settings`` are those of Encoder: codebook, embed_codebook, coder, effort, band_rows, verify,
    threads, metadata, digest, limits; without ``codebook`` a built-in one is used. Raises UsageError.
    """
    if not batch:
        header = header_for(image, declared_bits=declared_bits, meaning=meaning, sample_type=sample_type)
        return b"".join(encode_each([Given(image, header, jpeg)], **settings))
    if jpeg is not None:
        raise UsageError("a batch has no JPEG data of its own: encode its images one by one, or without jpeg")
    header = header_of(image, getattr(image, "shape", ())[1:], declared_bits, meaning, sample_type)
    return b"".join(encode_each((Given(one, header) for one in image), **settings))


def encode_images(
    images: Iterable[Samples],
    /,
    *,
    declared_bits: int | None = None,
    meaning: Meaning | int = Meaning.UNSPECIFIED,
    sample_type: SampleType | None = None,
    **settings: Unpack[EncoderSettings],
) -> bytes:
    """The file of several images of any sizes and types. Small ones of one kind that follow each other are grouped."""
    with_headers = (
        Given(image, header_for(image, declared_bits=declared_bits, meaning=meaning, sample_type=sample_type))
        for image in images
    )
    return b"".join(encode_each(with_headers, **settings))


def decode(
    data: Source,
    /,
    *,
    image: int | None = None,
    codebooks: Codebooks | None = None,
    limits: Limits | None = None,
    threads: int = 1,
) -> Samples:
    """The image in the bytes of a file, shape (height, width) or (height, width, components > 1), checked in full.

    Of several images ``image`` picks one by its number, decoding that one only; without it, images of equal
    shape and type come stacked along a first axis. Codebooks: see ``open_reader``. Raises UsageError where the
    images do not stack, and what Decoder raises.
    """
    if image is not None:
        with open_reader(data, codebooks=codebooks, limits=limits, threads=threads) as reader:
            return reader.read_image(image)
    images = decode_images(data, codebooks=codebooks, limits=limits, threads=threads)
    if len(images) == 1:
        return images[0]
    import numpy as np

    if len({(one.shape, one.dtype) for one in images}) > 1:
        raise UsageError(
            f"the file has {len(images)} images of different kinds, which make no array: read them one by one"
        )
    return np.stack(images)


def decode_images(
    data: Source,
    /,
    *,
    codebooks: Codebooks | None = None,
    limits: Limits | None = None,
    threads: int = 1,
) -> list[Samples]:
    """All images of a file, checked in full, digests included.

    Of a file that has none and keeps another whole, the images that are read from that. Raises FormatError, UsageError
    or UnsupportedError where that is no file of images, and what Decoder raises.
    """
    import numpy as np

    from sofc.stream.decoder import Decoder
    from sofc.stream.events import BandReady, GroupReady, ImageEnded, MetadataRead

    metadata: list[Metadata] = []
    images: list[Samples] = []
    rows: list[Samples] = []
    limits = limits or Limits()
    decoder = Decoder(codebooks=finder(codebooks, folder_of(data), limits), limits=limits, threads=threads)
    with ExitStack() as stack:
        file = opened(data, stack)
        while not decoder.eof and (piece := file.read(_READ_BYTES)):
            decoder.feed(piece)
            for event in decoder.events():
                if isinstance(event, BandReady):
                    rows.append(event.band.rows)
                elif isinstance(event, ImageEnded):
                    images.append(rows[0] if len(rows) == 1 else np.concatenate(rows))
                    rows = []
                elif isinstance(event, GroupReady):
                    images.extend(event.images)
                elif isinstance(event, MetadataRead) and event.image is None:
                    metadata.append(event.metadata)
        decoder.finish()
    return images or [samples.array for samples in kept_images(metadata, decoder.codebook, limits)]


def read(src: Source, /, *, image: int | None = None, **settings: Unpack[DecodeSettings]) -> Samples:
    """The image of a file: ``decode`` for a path or a binary file object."""
    return decode(src, image=image, **settings)


def write(dst: str | os.PathLike[str] | BinaryIO, image: Samples, /, **settings: Unpack[EncodeSettings]) -> None:
    """Write a file with ``encode``'s settings. A path is replaced once all is written; raises OSError too."""
    data = encode(image, **settings)
    if isinstance(dst, (str, os.PathLike)):
        with replacing(Path(dst)) as file:
            file.write(data)
    else:
        dst.write(data)
