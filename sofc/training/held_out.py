"""What a codebook gains on images it was not mined from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, groupby
from operator import attrgetter

from sofc.codebook import Codebook
from sofc.collection import encode_collection
from sofc.image import PixelFormat
from sofc.imagefiles import ImageSource, each
from sofc.stream.settings import EncoderSettings
from sofc.training.shards import cut

file_of = attrgetter("path", "place")
"""What tells an image's file; of all arrays it is the same."""


HELD_OUT_FROM, FEW_HELD_OUT_FROM = 5, 3
"""Of so many images one is held out at least, and where few are to come, as then models are changed in seconds, with
that one, too."""


RUN, LEAST_RUN = 8, 4
"""Of images that are stored in groups so many neighbours are held out together: alone, or among others, other models
would code them. Of few it is a third, or LEAST_RUN, as two or three are hardly a group, of no less than twice as many.
"""


def split(count: int, share: float, fewest: int = HELD_OUT_FROM, run: int = 1) -> list[int]:
    """Positions of the held-out images among ``count``: evenly spread, one at least, none of less than ``fewest``.
    ``run``: so many neighbours together, or fewer of few."""
    if count < fewest or share == 0:
        return []
    run = max(1, min(run, max(count // 3, min(LEAST_RUN, count // 2))))
    held = max(run, int(count * share))
    runs = -(-held // run)
    sizes = [held * (k + 1) // runs - held * k // runs for k in range(runs)]
    starts = [(2 * k + 1) * count // (2 * runs) - size // 2 for k, size in enumerate(sizes)]
    return [start + k for start, size in zip(starts, sizes, strict=True) for k in range(size)]


def files_of(sources: Sequence[ImageSource]) -> list[list[ImageSource]]:
    """Runs of neighbours for workers, each with all images of its files: what names a codebook, and what is learned
    within a file, would count more than once in parts of one."""
    files = [list(members) for _, members in groupby(sources, key=file_of)]
    return [list(chain.from_iterable(run)) for run in cut(files)]


def coded_size(
    sources: Sequence[ImageSource],
    *,
    codebook: Codebook | Callable[[PixelFormat], Codebook | None],
    coder: str | None = None,
    effort: int,
) -> int:
    """What files of the images take at an effort that refer to the codebook, or are given the one that is built in.

    Images of one file are stored in one file, and so are all arrays: each file has to name its codebook.
    """
    settings = EncoderSettings(codebook=codebook, coder=coder, effort=effort, verify=False, digest=False)
    files = (each(members) for _, members in groupby(sources, key=file_of))
    return sum(len(piece) for images in files for piece in encode_collection(images, **settings))
