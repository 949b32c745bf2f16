"""Which mosaic colours were made of, and how, found from its samples: the encoder's policy. Nothing here is normative.

A few rows tell of nearly all images that they are none. What may be one is looked at closer, last as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.band.demosaic import MOST_PARTS, Demosaic
from sofc.band.steps import Form
from sofc.planes import Plane
from sofc.transforms.mosaic import (
    CUT,
    LEAST_SIDE,
    METHODS,
    PHASES,
    Edges,
    Means,
    Samples,
    demosaiced,
    kept,
    others,
)

STRIPS, STRIP_ROWS, STRIP_WIDTH = 6, 4, 512
"""What is looked at first."""
LEAST_TOLD = 32
"""Samples between different ones, in one strip, that it takes to tell."""
LIKELY_SHARE = 0.9
"""Share of them that are means of those beside."""
PIECE = 64
"""Side of the piece around such a strip that is looked at next."""
LEAST_SHARE = 0.5
"""Share of the samples that come out of a mosaic if it is worth anything."""
SEAM_ROWS = 4
"""Rows around the seam of two parts that have colours of their own."""
SEAM_SHARE = 16
"""One sample in so many of each such row does not come out of the whole."""


class Guess(NamedTuple):
    """A phase and means, and the share of the samples of a piece that come out by these."""

    share: float
    phase: int
    means: Means


def find_mosaic(planes: Sequence[Plane], form: Form) -> Demosaic | None:
    """How three components (samples from 0) were made of a mosaic, if most of their samples come out of one again."""
    if form.components != 3 or min(form.image_rows, form.width) < 2 * LEAST_SIDE or form.bits < 2:
        return None
    first = form.images // 2 * form.image_rows
    image = [plane[first : first + form.image_rows] for plane in planes]
    place = _likely_place(image)
    if place is None:
        return None
    guess = _guess(image, *place)
    if guess.share < LEAST_SHARE or not _fits_all_over(image, guess):
        return None
    colours = np.stack(planes).reshape(3, form.images, form.image_rows, form.width)
    steps = [_fitted(colours, number, guess.phase) for number, method in METHODS.items() if method.means is guess.means]
    wrong = [_count_wrong(colours, step) for step in steps]
    best = int(np.argmin(wrong))
    return steps[best] if wrong[best] <= (1 - LEAST_SHARE) * 2 * planes[0].size else None


def _likely_place(image: Sequence[Plane]) -> tuple[int, int] | None:
    """Row and column of a strip whose red and blue samples are the means of those beside as in colours of a mosaic."""
    rows, width = image[0].shape
    left = max(0, width - STRIP_WIDTH) // 2 & ~1
    tops = [(rows - STRIP_ROWS) * (2 * number + 1) // (2 * STRIPS) & ~1 for number in range(STRIPS)]
    told, fit = np.zeros((PHASES, STRIPS), np.int64), np.zeros((PHASES, STRIPS), np.int64)
    for first, plane in ((0, image[0]), (1, image[2])):
        strips = np.stack([plane[top : top + STRIP_ROWS, left : left + STRIP_WIDTH] for top in tops])
        before, after = strips[:, :, :-2], strips[:, :, 2:]
        differ = before != after
        bends = 2 * strips[:, :, 1:-1]
        bends -= before
        bends -= after
        fits = differ & (np.abs(bends, out=bends) <= 1)
        counts, fitting = _by_place(differ), _by_place(fits)
        for phase in range(PHASES):
            # Red stands beside green in one row, blue in the other; here the first column is the second of a strip.
            down, across = (first + phase // 2) % 2, (first + phase) % 2
            told[phase] += counts[:, down, across]
            fit[phase] += fitting[:, down, across]
    likely = np.flatnonzero(((told >= LEAST_TOLD) & (fit >= LIKELY_SHARE * told)).any(axis=0))
    return (tops[likely[0]], left) if len(likely) else None


def _by_place(strips: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many are true in rows and columns of even and of odd number of each strip: (strips, 2, 2)."""
    whole = strips.shape[2] // 2 * 2
    by_row = np.stack([np.count_nonzero(strips[:, :, column:whole:2], axis=2) for column in range(2)], axis=2)
    result: npt.NDArray[np.int64] = by_row.reshape(len(strips), STRIP_ROWS // 2, 2, 2).sum(axis=1)
    return result


def _guess(image: Sequence[Plane], row: int, column: int) -> Guess:
    """The phase and the means by which most of a piece comes out."""
    rows, width = image[0].shape
    top, left = (max(0, min(place, side - PIECE)) & ~1 for place, side in ((row, rows), (column, width)))
    piece = np.stack([plane[top : top + PIECE, left : left + PIECE] for plane in image])[:, None]
    methods = {method.means: number for number, method in reversed(METHODS.items())}
    guesses = [
        Guess(_share(piece, Demosaic(number, phase, Edges.NONE)), phase, means)
        for phase in range(PHASES)
        for means, number in methods.items()
    ]
    return max(guesses, key=lambda guess: guess.share)


def _fits_all_over(image: Sequence[Plane], guess: Guess) -> bool:
    """Whether most of pieces from all over comes out by a guess, flat samples, which always do, not counted."""
    rows, width = (max(0, size - PIECE) for size in image[0].shape)
    number = next(number for number, method in METHODS.items() if method.means is guess.means)
    wrong = told = 0
    for place in range(STRIPS):
        top, left = (size * at // STRIPS & ~1 for size, at in ((rows, place), (width, 5 * place % STRIPS)))
        piece = np.stack([plane[top : top + PIECE, left : left + PIECE] for plane in image])[:, None]
        here = piece[..., 1:-1, 1:-1]
        differs = ((here != piece[..., 2:, 1:-1]) | (here != piece[..., 1:-1, 2:])).any(axis=0)
        missed = _wrong(piece, Demosaic(number, guess.phase, Edges.NONE))[..., 1:-1, 1:-1]
        wrong += int(np.count_nonzero(missed & differs))
        told += len(missed) * int(np.count_nonzero(differs))
    return wrong <= (1 - LEAST_SHARE) * told


def _share(piece: Samples, step: Demosaic) -> float:
    """How much of what is not at the edges of a piece comes out by a step."""
    wrong = _wrong(piece, step)[..., 1:-1, 1:-1]
    return 1 - np.count_nonzero(wrong) / wrong.size


def _wrong(colours: Samples, step: Demosaic) -> npt.NDArray[np.bool_]:
    """Where those samples that a mosaic has not do not come out of it."""
    made = demosaiced(kept(colours, step.phase), step.method, step.phase, step.edges, step.parts)
    wrong: npt.NDArray[np.bool_] = others(made, step.phase) != others(colours, step.phase)
    return wrong


def _count_wrong(colours: Samples, step: Demosaic) -> int:
    return int(np.count_nonzero(_wrong(colours, step)))


def _fitted(colours: Samples, method: int, phase: int) -> Demosaic:
    """The step by a method with those edges and parts that fit."""
    plain, edged = (Demosaic(method, phase, edges) for edges in (Edges.NONE, Edges.ALL))
    sides = {
        Edges.TOP: np.s_[:, :, :2],
        Edges.BOTTOM: np.s_[:, :, -2:],
        Edges.LEFT: np.s_[:, :, :, :2],
        Edges.RIGHT: np.s_[:, :, :, -2:],
    }
    edges = Edges.NONE
    if METHODS[method].hides_border:
        for edge, side in sides.items():
            first, second = np.split(colours[side], 2, axis=2 if edge & (Edges.TOP | Edges.BOTTOM) else 3)
            edges |= edge if np.array_equal(first, second) else Edges.NONE
        return Demosaic(method, phase, edges)
    without, with_edges = _wrong(colours, plain), _wrong(colours, edged)
    for edge, side in sides.items():
        edges |= edge if np.count_nonzero(with_edges[side]) < np.count_nonzero(without[side]) else Edges.NONE
    step = Demosaic(method, phase, edges)
    if METHODS[method].means is CUT:
        parted = Demosaic(method, phase, edges, _parts(without))
        if parted.parts and _count_wrong(colours, parted) < _count_wrong(colours, step):
            return parted
    return step


def _parts(wrong: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """The rows of all parts but the last, where around seams samples do not come out of the whole."""
    _, images, rows, width = wrong.shape
    bad = np.count_nonzero(wrong, axis=(0, 1, 3)) * SEAM_SHARE > images * width
    ends = np.flatnonzero(np.diff(np.concatenate(([False], bad, [False]))))
    seams = [
        (first + last) // 2
        for first, last in zip(ends[::2], ends[1::2], strict=True)
        if last - first == SEAM_ROWS and first >= LEAST_SIDE and last <= rows - LEAST_SIDE
    ]
    return tuple(int(after - before) for before, after in zip([0, *seams], seams[:MOST_PARTS], strict=False))
