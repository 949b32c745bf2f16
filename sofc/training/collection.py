"""The images that a codebook is mined from: each once, by kind, some of them held out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.kinds import Kind
from sofc.errors import UsageError
from sofc.imagefiles import ImageSource
from sofc.imagefiles import sources as find_sources
from sofc.stream.layout import FRAME_SAMPLES
from sofc.training.held_out import HELD_OUT_FROM, RUN, file_of, split
from sofc.training.settings import Settings
from sofc.training.survey import Facts

TrainingImages = Iterable[str | os.PathLike[str] | ImageSource | npt.NDArray[Any]]

FEW_OFF_LATTICE = 8
"""Fewer images than this off the colour lattice are helped out with images on it: they are of one collection."""


def image_sources(sources: TrainingImages) -> list[ImageSource]:
    """Every image once; those from files sorted by path, arrays behind them in the order given."""
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    given = list(sources)
    paths = [item for item in given if isinstance(item, str | os.PathLike)]
    images = find_sources(paths) + [item for item in given if isinstance(item, ImageSource)]
    arrays = [
        ImageSource(index=number, array=item) for number, item in enumerate(given) if isinstance(item, np.ndarray)
    ]
    if strangers := [
        type(item).__name__ for item in given if not isinstance(item, (str, os.PathLike, ImageSource, np.ndarray))
    ]:
        raise UsageError(f"cannot train on a {strangers[0]}; give paths, ImageSource objects or arrays")
    filed = {(image.path, image.index): image for image in images if image.path is not None}
    arrays = [image for image in images if image.path is None] + arrays
    return sorted(filed.values(), key=lambda image: (image.path or Path(), image.index)) + arrays


Member = tuple[ImageSource, Facts]
"""An image, and what is known of it."""


def helpers_of(kind: Kind, members: Sequence[Member], everything: Sequence[Member]) -> list[Member]:
    """Images of another kind that new models are trained on beside the ``members`` of a kind, where these are few."""
    related = [one for one in everything if one[1].kind == replace(kind, lattice=True)]
    if kind.lattice or not related or len(members) >= FEW_OFF_LATTICE:
        return []
    return related[:: -(-len(related) // (FEW_OFF_LATTICE - len(members)))]


def runs(members: Sequence[Member], count: int, samples: int) -> Iterator[Sequence[Member]]:
    """Evenly spread runs of images, at most ``count``: each of one file, of at most so many pixels, or one image."""
    step = -(-len(members) // count)
    for first in range(0, len(members), step):
        end, room = first + 1, samples - members[first][1].pixels
        for image, facts in members[end : first + step]:
            room -= facts.pixels
            if file_of(image) != file_of(members[first][0]) or room < 0:
                break
            end += 1
        yield members[first:end]


def _are_grouped(members: Sequence[Member]) -> bool:
    """Whether most images are so small that those of one file are stored in groups, with such neighbours; arrays are as
    if of one."""
    grouped = sum(
        facts.pixels * facts.kind.components <= FRAME_SAMPLES and file_of(image) == file_of(before)
        for (before, _), (image, facts) in pairwise(members)
    )
    return 2 * grouped >= len(members)


@dataclass(frozen=True)
class Collection:
    """The images of one kind, mined and held out; of those mined the last ``helpers`` are of another. ``number_bits``:
    bits of samples where values are numbered of those that lack some; 0 if none does."""

    kind: Kind
    max_bits: int
    number_bits: int
    mined: list[ImageSource]
    pixels: list[int]
    held_out: list[ImageSource]
    held_out_bytes: int
    helpers: int = 0

    @classmethod
    def of(
        cls,
        kind: Kind,
        members: Sequence[Member],
        settings: Settings,
        helpers: Sequence[Member] = (),
        fewest: int = HELD_OUT_FROM,
    ) -> Collection:
        """That of ``members`` of a kind, of which from ``fewest`` on some are held out. Raises UsageError."""
        aside = set(split(len(members), settings.held_out, fewest, RUN if _are_grouped(members) else 1))
        if len(members) + len(helpers) - len(aside) < settings.min_images:  # which all of them may be
            aside = set()
        used = [one for position, one in enumerate(members) if position not in aside] + [*helpers]
        mined = [image for image, _ in used]
        if settings.min_images > len(mined):
            raise UsageError(
                f"patches found in at least {settings.min_images} images are wanted, "
                f"but there are only {len(mined)} {kind} to mine"
            )
        max_bits = kind.bits if kind.bits < 16 else max(fact.coded_bits for _, fact in members)
        are_sparse = any(fact.number_bits for _, fact in used)
        return cls(
            kind,
            max_bits,
            max(fact.number_bits or max_bits for _, fact in used) if are_sparse else 0,
            mined,
            [fact.pixels for _, fact in used],
            [members[position][0] for position in sorted(aside)],
            sum(members[position][1].sample_bytes for position in aside),
            len(helpers),
        )

    @property
    def given(self) -> int:
        """How many images of the kind there are."""
        return len(self.mined) + len(self.held_out) - self.helpers

    def sample(self, samples: int) -> tuple[ImageSource, ...]:
        """Evenly spread images of at most so many pixels, one at least."""
        return tuple(self.thinned(samples).mined)

    def thinned(self, samples: int, images: int = 1) -> Collection:
        """The same, but of those mined only evenly spread ones of at most so many pixels; so many images at least, if
        there are as many."""
        step = max(1, min(-(-sum(self.pixels) // samples), len(self.mined) // images))
        return replace(self, mined=self.mined[::step], pixels=self.pixels[::step])

    def only(self, numbers: Sequence[int]) -> Collection:
        """The same, but of those mined only these."""
        return replace(
            self, mined=[self.mined[number] for number in numbers], pixels=[self.pixels[number] for number in numbers]
        )
