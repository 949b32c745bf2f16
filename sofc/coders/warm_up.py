"""Going through images as encoders would, before there is a model: into what they are cut, and what is learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sofc.entropy.priors import FOLDS

Image = TypeVar("Image")
Part = TypeVar("Part")
Table = npt.NDArray[np.int32]


def cut_rows(rows: int, samples: int, most: int) -> list[slice]:
    """The rows of an image of so many samples, cut into equal parts of at most ``most`` or little more, as into
    bands."""
    height = -(-rows // -(-samples // most) // 8) * 8
    return [slice(top, top + height) for top in range(0, rows, height)]


def grouped(small: Sequence[Image], sizes: Sequence[int], most: int, fewest: int) -> Iterator[list[Image]]:
    """Small images of these ``sizes`` in groups, as they would be coded: of at most ``most`` samples or little more,
    and of fewer where there would not be ``fewest`` of them."""
    wanted = max(1, min(most, sum(sizes) // fewest))
    group: list[Image] = []
    samples = 0
    for image, size in zip(small, sizes, strict=True):
        group.append(image)
        samples += size
        if samples >= wanted:
            yield group
            group, samples = [], 0
    if group:
        yield group


def alike(images: Iterable[Image], shape: Callable[[Image], tuple[int, ...]], most: int) -> Iterator[list[Image]]:
    """Images that follow each other and have one shape, together: of at most ``most`` samples, or one image."""
    held: list[Image] = []
    for image in images:
        if held and (shape(image) != shape(held[0]) or (len(held) + 1) * math.prod(shape(image)) > most):
            yield held
            held = []
        held.append(image)
    if held:
        yield held


def by_fold(images: Iterable[Sequence[Part]]) -> list[tuple[int, Part]]:
    """The parts of all images, each with the fold of its image."""
    return [(number % FOLDS, part) for number, image in enumerate(images) for part in image]


ROUND_SAMPLES = 1 << 22
"""Fewer samples than this are warmed up twice."""


def learn_in_rounds(
    start: Sequence[Table], images: Sequence[Image], samples: int, code: Callable[[Sequence[Table], Image], int]
) -> tuple[list[Table], int]:
    """Tables after warm-up with images of so many ``samples`` together, and the bytes of the first round."""
    tables, sizes = learn(start, lambda: [*images] * (2 if samples < ROUND_SAMPLES else 1), code)
    return tables, sum(sizes[: len(images)])


def learn(
    start: Sequence[Table], images: Callable[[], Iterable[Image]], code: Callable[[Sequence[Table], Image], int]
) -> tuple[list[Table], list[int]]:
    """Tables after warm-up, and the bytes of each image. ``code`` codes an image by tables, which learn from it.

    They are means over the second half: the last ones suit the last image best.
    """
    tables = [table.copy() for table in start]
    sums = [np.zeros(table.shape, np.int64) for table in tables]
    half = sum(1 for _ in images()) // 2
    sizes: list[int] = []
    for turn, image in enumerate(images()):
        sizes.append(code(tables, image))
        for total, table in zip(sums, tables, strict=True):
            total += table if turn >= half else 0
    return [(total // max(1, len(sizes) - half)).astype(np.int32) for total in sums], sizes
