"""What training found, for people and programs."""

from __future__ import annotations

import math
from dataclasses import dataclass

MARGIN = 2
"""So many times its bytes a codebook must save to be worth them: the images held out are few, others may differ."""


def pays(saved: float, size: float) -> bool:
    """Whether what is to save so many bytes is worth its own ``size``."""
    return saved > MARGIN * size


@dataclass(frozen=True)
class ModelReport:
    """One model of the codebook.

    Byte counts are of the held-out images: ``raw`` samples, ``builtin`` files that use the built-in codebook, as those
    do that are given none, and ``coded`` files that refer to this one. ``codebook`` is this model's share of the
    codebook's bytes. ``has_network``: whether new models have a small neural network, and ``network_saves`` what share
    these take off held-out images beyond what changes of the built-in models would, where that was compared.
    ``helpers``: how many of the ``images`` that were mined are of another kind. ``left_out``: whether the codebook has
    nothing for the kind, as that does not pay.
    """

    kind: str
    images: int
    held_out: int
    findings: tuple[str, ...]
    codebook: int
    helpers: int = 0
    left_out: bool = False
    raw: int = 0
    builtin: int = 0
    coded: int = 0
    has_network: bool = False
    network_saves: float | None = None

    @property
    def given(self) -> int:
        """How many images of the kind there were."""
        return self.images + self.held_out - self.helpers

    @property
    def saved_per_image(self) -> float:
        """Bytes that the codebook saves on an image like the held-out ones."""
        return (self.builtin - self.coded) / self.held_out if self.held_out else 0.0

    def pays_for(self, images: float) -> bool:
        """Whether its share of the codebook is worth it for so many images."""
        return pays(self.saved_per_image * images, self.codebook)

    @property
    def pays_after(self) -> int | None:
        """After how many images the codebook has paid for its own bytes; None where it never does."""
        return math.ceil(self.codebook / self.saved_per_image) if self.saved_per_image > 0 else None

    def lines(self, *, findings: bool = True) -> list[str]:
        """For people; ``findings``: with what each coder found, for those who know how coders work."""
        helped = f" ({self.helpers} of another kind)" if self.helpers else ""
        text = [f"{self.kind}: mined {self.images}{helped}, held out {self.held_out}"]
        text += [f"  {finding}" for finding in self.findings if findings]
        if self.network_saves is not None:
            text.append(
                f"  new models with a small neural network: held-out images take {self.network_saves:.1%} less than by "
                "changes of the built-in models"
            )
        elif self.has_network:
            text.append("  new models with a small neural network")
        if self.left_out:
            text.append(
                "  the codebook has nothing for them, as that is not known to pay: the built-in one serves them"
            )
            return text
        if not self.held_out:
            text.append(
                "  no image was held out (that takes 5 images, 3 where few are to come, and a share above 0), so the "
                "gain is not known"
            )
            return text
        text.append(
            f"  held-out images: {self.raw} bytes of samples -> {self.coded} with the codebook "
            f"(ratio {self.raw / self.coded:.3f}), {self.builtin} with the built-in one "
            f"(ratio {self.raw / self.builtin:.3f})"
        )
        if self.pays_after is None:
            text.append("  it saves nothing on the held-out images beyond what the built-in one does")
        else:
            images = f"{self.pays_after} image{'' if self.pays_after == 1 else 's'}"
            text.append(
                f"  it saves {self.saved_per_image:.0f} bytes an image beyond the built-in one, and has paid for its "
                f"own {self.codebook} bytes after {images} like these"
            )
        return text


@dataclass(frozen=True)
class TrainingReport:
    """All models of a codebook, its size in bytes, whether parts of images can be seen in it, and for how many
    ``images`` it is made."""

    models: tuple[ModelReport, ...]
    codebook: int
    holds_patches: bool
    images: int

    @property
    def saved(self) -> float | None:
        """Bytes that the codebook takes off ``images`` images of the kinds seen, in their shares, its own counted:
        below 0 where the built-in one alone does better. Of kinds of which no image was held out none is claimed; None
        where that is so of all."""
        if not any(model.held_out for model in self.models):
            return None
        given = sum(model.given for model in self.models)
        return sum(model.saved_per_image * model.given for model in self.models) / given * self.images - self.codebook

    @property
    def is_worthwhile(self) -> bool:
        """Whether it is known to take clearly more off those images than it has itself."""
        return self.saved is not None and pays(self.saved + self.codebook, self.codebook)

    def lines(self, *, findings: bool = True) -> list[str]:
        """For people; ``findings``: as for a model."""
        text = [line for model in self.models for line in model.lines(findings=findings)]
        if self.saved is not None:
            text.append(
                f"{self.images} images like these, codebook of {self.codebook} bytes included, take "
                f"{abs(self.saved):.0f} bytes {'less' if self.saved > 0 else 'more'} than with the built-in one"
            )
        if self.holds_patches:
            text.append("note: the codebook holds patches of its training images; pass it on only where they may go")
        return text
