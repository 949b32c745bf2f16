"""The settings of encoders and decoders by name and type, for the functions that hand them on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sofc.codebook import Codebook
    from sofc.container.records import Metadata
    from sofc.image import Meaning, PixelFormat, SampleType
    from sofc.limits import Limits
    from sofc.stream.codebooks import Codebooks


class DecodeSettings(TypedDict, total=False):
    """What ``decode`` takes besides the number of an image."""

    codebooks: Codebooks | None
    limits: Limits | None
    threads: int


class CodingSettings(TypedDict, total=False):
    """What ``Encoder`` takes besides the first header and the codebook; it says what each means."""

    embed_codebook: bool
    coder: str | None
    effort: int
    band_rows: int | None
    key_interval: int | None
    verify: bool
    threads: int
    metadata: Iterable[Metadata]
    digest: bool | None
    limits: Limits | None
    on_codebook: Callable[[Codebook], None] | None


class EncoderSettings(CodingSettings, total=False):
    """What ``Encoder`` takes besides the first header."""

    codebook: Codebook | Callable[[PixelFormat], Codebook | None] | None


class UntoldSettings(TypedDict, total=False):
    """What samples alone do not tell of themselves."""

    declared_bits: int | None
    meaning: Meaning | int
    sample_type: SampleType | None


class EncodeSettings(EncoderSettings, UntoldSettings, total=False):
    """What ``encode`` takes."""

    batch: bool
    jpeg: bytes | None


class WriteSettings(CodingSettings, UntoldSettings, total=False):
    """What plug-ins take, where the codebook may be named."""
