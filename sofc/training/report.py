"""What training found, for people and programs."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelReport:
    """One model of the codebook.

    Byte counts are of the held-out images: ``raw`` samples, ``plain`` files that use no codebook and ``coded``
    files that refer to this one. ``codebook`` is this model's share of the codebook's bytes.
    """

    kind: str
    images: int
    held_out: int
    findings: tuple[str, ...]
    codebook: int
    raw: int = 0
    plain: int = 0
    coded: int = 0

    @property
    def saved_per_image(self) -> float:
        """Bytes that the codebook saves on an image like the held-out ones."""
        return (self.plain - self.coded) / self.held_out if self.held_out else 0.0

    @property
    def pays_after(self) -> int | None:
        """After how many images the codebook has paid for its own bytes; None where it never does."""
        return math.ceil(self.codebook / self.saved_per_image) if self.saved_per_image > 0 else None

    def lines(self, *, findings: bool = True) -> list[str]:
        """For people; ``findings``: with what each coder found, for those who know how coders work."""
        text = [f"{self.kind}: mined {self.images}, held out {self.held_out}"]
        text += [f"  {finding}" for finding in self.findings if findings]
        if not self.held_out:
            text.append("  no image was held out (that takes 5 images and a share above 0), so the gain is not known")
            return text
        text.append(
            f"  held-out images: {self.raw} bytes of samples -> {self.coded} with the codebook "
            f"(ratio {self.raw / self.coded:.3f}), {self.plain} without (ratio {self.raw / self.plain:.3f})"
        )
        if self.pays_after is None:
            text.append("  warning: the codebook saves nothing on the held-out images; it is of no use for them")
        else:
            text.append(
                f"  it saves {self.saved_per_image:.0f} bytes an image and has paid for its own "
                f"{self.codebook} bytes after {self.pays_after} image{'' if self.pays_after == 1 else 's'} like these"
            )
        return text


@dataclass(frozen=True)
class TrainingReport:
    """All models of a codebook, its size in bytes, and whether parts of images can be seen in it."""

    models: tuple[ModelReport, ...]
    codebook: int
    holds_patches: bool

    def lines(self, *, findings: bool = True) -> list[str]:
        """For people; ``findings``: as for a model."""
        text = [line for model in self.models for line in model.lines(findings=findings)]
        if self.holds_patches:
            text.append("note: the codebook holds patches of its training images; pass it on only where they may go")
        return text
