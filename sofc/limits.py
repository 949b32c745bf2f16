"""What a decoder is willing to spend on bytes it does not trust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sofc.errors import LimitError

if TYPE_CHECKING:
    from sofc.image import ImageHeader


@dataclass(frozen=True)
class Limits:
    """Upper bounds that a decoder enforces before it allocates. Raise one by passing another instance.

    ``max_pixels``: width x height of one image. ``max_band_samples``: samples (width x rows x
    components) of one band or group, which bounds the memory of decoding; wide ones count as words of 16
    bits. ``max_chunk_bytes``: body of one chunk. ``max_codebook_bytes``: an embedded or installed
    codebook. ``max_images``: images in one file. ``max_components``: components of one image.
    ``max_metadata_bytes``: by how much packed metadata of one file may be larger unpacked.
    """

    max_pixels: int = 1 << 34
    max_band_samples: int = 1 << 26
    max_chunk_bytes: int = 1 << 28
    max_codebook_bytes: int = 1 << 26
    max_images: int = 1 << 24
    max_components: int = 4096
    max_metadata_bytes: int = 1 << 28

    def check_header(self, header: ImageHeader, *, rows: int = 1) -> None:
        """Raise LimitError where an image of this header, or of ``rows`` rows if that is more, is too large."""
        height = max(header.height or 0, rows)
        if header.width * height > self.max_pixels:
            raise LimitError(
                f"an image of {header.width} x {height} pixels is over the limit of {self.max_pixels}: raise max_pixels"
            )
        if header.format.components > self.max_components:
            raise LimitError(
                f"an image of {header.format.components} components is over the limit of {self.max_components}: "
                "raise max_components"
            )

    def check_band(self, samples: int) -> None:
        """Raise LimitError where a band or group of this many samples is too large."""
        if samples > self.max_band_samples:
            raise LimitError(
                f"a band or group of {samples} samples is over the limit of {self.max_band_samples}: "
                "raise max_band_samples"
            )

    def check_metadata(self, growth: int) -> None:
        """Raise LimitError where metadata that grows by so many bytes is too large."""
        if growth > self.max_metadata_bytes:
            raise LimitError(
                f"the metadata of the file unpacks to more than the limit of {self.max_metadata_bytes} bytes: "
                "raise max_metadata_bytes"
            )

    def check_images(self, images: int) -> None:
        """Raise LimitError where a file of this many images is too large."""
        if images > self.max_images:
            raise LimitError(f"the file has more images than the limit of {self.max_images}: raise max_images")
