"""What a decoder is willing to spend on bytes it does not trust."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Upper bounds that a decoder enforces before it allocates. Raise one by passing another instance.

    ``max_pixels``: width x height of one image. ``max_band_samples``: samples (width x rows x
    components) of one band or group, which bounds the memory of decoding. ``max_chunk_bytes``: body of
    one chunk. ``max_codebook_bytes``: an embedded or installed codebook. ``max_images``: images in one
    file. ``max_components``: components of one image.
    """

    max_pixels: int = 1 << 34
    max_band_samples: int = 1 << 26
    max_chunk_bytes: int = 1 << 28
    max_codebook_bytes: int = 1 << 26
    max_images: int = 1 << 24
    max_components: int = 4096
