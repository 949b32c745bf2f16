"""Spec arrangement/demosaic: colours made from a mosaic, as programs make them that read sensors with a Bayer filter.

Each place of a mosaic has a sample of one component. ``phase`` tells where component 0 stands: in rows y with
y % 2 == phase // 2, and of those in columns x with x % 2 == phase % 2. Component 2 stands where neither is so,
component 1 where one is. Mosaics here are arrays (images, rows, width), int32, of samples from 0 below 2**16; the
colours made of them are (3, images, rows, width).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import IntFlag
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

PHASES = 4
LEAST_SIDE = 4
"""Rows of a part, and columns, without which the rules at edges would meet."""

Samples = npt.NDArray[np.int32]


class Edges(IntFlag):
    """The sides of an image at which its mosaic ended. At the others it was cut off later, or goes on elsewhere."""

    NONE = 0
    TOP = 1
    BOTTOM = 2
    LEFT = 4
    RIGHT = 8
    ALL = 15


def component_at(row: int, column: int, phase: int) -> int:
    """The component whose samples a mosaic has in rows and columns of this parity."""
    return (row + phase // 2) % 2 + (column + phase) % 2


def pattern(phase: int) -> str:
    """The components of the first two places of the first two rows, as raw formats name them: RGGB, say."""
    return "".join("RGB"[component_at(row, column, phase)] for row, column in np.ndindex(2, 2))


def moved(phase: int, rows: int, columns: int) -> int:
    """The phase of what is left of a mosaic without its first rows and columns."""
    return phase ^ 2 * (rows & 1) ^ (columns & 1)


# Means, each of two samples or of four around a place: above, below, on the left and on the right.


def _rounded(a: Samples, b: Samples) -> Samples:
    return (a + b + 1) >> 1


def _rounded_four(above: Samples, below: Samples, left: Samples, right: Samples) -> Samples:
    return (above + below + left + right + 2) >> 2


def _along_edge(above: Samples, below: Samples, left: Samples, right: Samples) -> Samples:
    """Of the two that differ less, those above and below only if they do so by less than the others."""
    falls = np.abs(left - right) > np.abs(above - below)
    return np.where(falls, _rounded(above, below), _rounded(left, right))


def _cut(a: Samples, b: Samples) -> Samples:
    return (a + b) >> 1


def _cut_four(above: Samples, below: Samples, left: Samples, right: Samples) -> Samples:
    return (above + below + left + right) >> 2


def _pairs(above: Samples, below: Samples, left: Samples, right: Samples) -> Samples:
    return _rounded(_rounded(above, below), _rounded(left, right))


def _even(a: Samples, b: Samples) -> Samples:
    total = a + b
    return (total + (total >> 1 & 1)) >> 1


def _even_four(above: Samples, below: Samples, left: Samples, right: Samples) -> Samples:
    total = above + below + left + right
    return (total + 1 + (total >> 2 & 1)) >> 2


Two = Callable[[Samples, Samples], Samples]
Four = Callable[[Samples, Samples, Samples, Samples], Samples]


class Means(NamedTuple):
    """``two``: of samples in one line; ``cross``: above, below, left, right; ``corners``: above left, below left, above
    right, below right."""

    two: Two
    cross: Four
    corners: Four


def _pairs_of_rows(above_left: Samples, below_left: Samples, above_right: Samples, below_right: Samples) -> Samples:
    return _rounded(_rounded(above_left, above_right), _rounded(below_left, below_right))


ROUNDED = Means(_rounded, _rounded_four, _rounded_four)
ALONG_EDGE = Means(_rounded, _along_edge, _rounded_four)
CUT = Means(_cut, _cut_four, _cut_four)
PAIRS = Means(_rounded, _pairs, _pairs_of_rows)
EVEN = Means(_even, _even_four, _even_four)


# What is made of the samples around.


def _mirrored(size: int) -> npt.NDArray[np.intp]:
    """The places -1 .. size of a line, mirrored at its ends."""
    places = np.arange(-1, size + 1)
    places[0], places[-1] = 1, size - 2
    return places


class Ends(NamedTuple):
    """The rows, and columns, that stand for those from one before the first to one after the last."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]


def _ends(mosaic: Samples) -> Ends:
    return Ends(_mirrored(mosaic.shape[1]), _mirrored(mosaic.shape[2]))


def _made(mosaic: Samples, phase: int, means: Means, ends: Ends) -> Samples:
    """The colours of all places by those around."""
    images, rows, width = mosaic.shape
    around = mosaic[:, ends.rows][:, :, ends.columns]
    made = np.empty((3, images, rows, width), np.int32)

    for y, x in np.ndindex(2, 2):
        near = {
            (down, across): around[:, y + 1 + down : rows + 1 + down : 2, x + 1 + across : width + 1 + across : 2]
            for down in (-1, 0, 1)
            for across in (-1, 0, 1)
        }
        own, places = component_at(y, x, phase), made[:, :, y::2, x::2]
        places[own] = near[0, 0]
        if own == 1:
            beside = component_at(y, x + 1, phase)
            places[beside] = means.two(near[0, -1], near[0, 1])
            places[2 - beside] = means.two(near[-1, 0], near[1, 0])
        else:
            places[1] = means.cross(near[-1, 0], near[1, 0], near[0, -1], near[0, 1])
            places[2 - own] = means.corners(near[-1, -1], near[1, -1], near[-1, 1], near[1, 1])
    return made


# What is made at edges.


def _alike_at_edges(mosaic: Samples, phase: int, means: Means, edges: Edges) -> Samples:
    """Colours are made at edges as elsewhere, of a mirrored mosaic."""
    return _made(mosaic, phase, means, _ends(mosaic))


def _blocks_at_edges(mosaic: Samples, phase: int, means: Means, edges: Edges) -> Samples:
    """Blocks of two rows and columns at an edge have one red and one blue."""
    made = _made(mosaic, phase, means, _ends(mosaic))
    _, rows, width = (side // 2 * 2 for side in mosaic.shape)
    for edge, place in (
        (Edges.TOP, np.s_[:2, :width]),
        (Edges.BOTTOM, np.s_[rows - 2 : rows, :width]),
        (Edges.LEFT, np.s_[:rows, :2]),
        (Edges.RIGHT, np.s_[:rows, width - 2 : width]),
    ):
        if edges & edge:
            made[:, :, *place] = _as_blocks(mosaic[:, *place], phase)
    return made


def _as_blocks(mosaic: Samples, phase: int) -> Samples:
    made = np.empty((3, *mosaic.shape), np.int32)
    greens = []
    for y in range(2):
        for x in range(2):
            own, samples = component_at(y, x, phase), mosaic[:, y::2, x::2]
            if own == 1:
                greens.append((y, x, samples))
            else:
                for place in np.ndindex(2, 2):
                    made[own, :, place[0] :: 2, place[1] :: 2] = samples
    for place in np.ndindex(2, 2):
        made[1, :, place[0] :: 2, place[1] :: 2] = _cut(greens[0][2], greens[1][2])
    for y, x, samples in greens:
        made[1, :, y::2, x::2] = samples
    return made


def _stale_rows(mosaic: Samples, phase: int, means: Means, edges: Edges) -> Samples:
    """Below the last row is the last but three; the last but one column has on its right what it has on its left."""
    ends = _ends(mosaic)
    _, rows, width = mosaic.shape
    if edges & Edges.BOTTOM:
        ends.rows[-1] = rows - 4
    made = _made(mosaic, phase, means, ends)
    if edges & Edges.RIGHT:
        first = (width - 4) & ~1
        last = mosaic[:, :, first:].copy()
        last[:, :, -1] = last[:, :, -3]
        columns = Ends(ends.rows, _mirrored(width - first))
        made[:, :, :, width - 2] = _made(last, phase, means, columns)[:, :, :, -2]
    return made


def _means_at_edges(mosaic: Samples, phase: int, means: Means, edges: Edges) -> Samples:
    """The places next to an edge have the means of those samples around that there are."""
    made = _made(mosaic, phase, means, _ends(mosaic))
    _, rows, width = mosaic.shape
    if edges & Edges.TOP:
        made[:, :, 0] = _means_within(mosaic[:, :2], phase)[:, :, 0]
    if edges & Edges.BOTTOM:
        made[:, :, -1] = _means_within(mosaic[:, -2:], moved(phase, rows - 2, 0))[:, :, -1]
    if edges & Edges.LEFT:
        made[:, :, :, 0] = _means_within(mosaic[:, :, :2], phase)[:, :, :, 0]
    if edges & Edges.RIGHT:
        made[:, :, :, -1] = _means_within(mosaic[:, :, -2:], moved(phase, 0, width - 2))[:, :, :, -1]
    return made


def _means_within(strip: Samples, phase: int) -> Samples:
    """The colours of the places of a strip by those of the nine around that are in it."""
    standing = np.empty(strip.shape, np.int32)
    for y, x in np.ndindex(2, 2):
        standing[:, y::2, x::2] = component_at(y, x, phase)
    made = np.empty((3, *strip.shape), np.int32)
    for component in range(3):
        here = standing == component
        total, count = _sums_of_nine(np.where(here, strip, 0)), _sums_of_nine(here.astype(np.int32))
        made[component] = np.where(here, strip, total // np.maximum(1, count))
    return made


def _sums_of_nine(strip: Samples) -> Samples:
    around = np.pad(strip, ((0, 0), (1, 1), (1, 1)))
    _, rows, width = strip.shape
    total = np.zeros_like(strip)
    for y, x in np.ndindex(3, 3):
        total += around[:, y : y + rows, x : x + width]
    return total


class Method(NamedTuple):
    """A way to make colours of a mosaic. ``hides_border``: in the end the places next to an edge get the colours of
    those one further in, so that the mosaic's samples there are not among the colours. Then there are no parts."""

    name: str
    means: Means
    make: Callable[[Samples, int, Means, Edges], Samples]
    hides_border: bool = False


METHODS = {
    1: Method("OpenCV, bilinear", ROUNDED, _alike_at_edges, hides_border=True),
    2: Method("OpenCV, edge-aware", ALONG_EDGE, _alike_at_edges, hides_border=True),
    3: Method("FFmpeg", CUT, _blocks_at_edges),
    4: Method("GStreamer", PAIRS, _stale_rows),
    5: Method("LibRaw, linear", CUT, _means_at_edges),
    6: Method("bilinear, halves to even", EVEN, _alike_at_edges, hides_border=True),
}
"""By their numbers in files."""


def demosaiced(mosaic: Samples, method: int, phase: int, edges: Edges, parts: Sequence[int] = ()) -> Samples:
    """The colours that a program makes of a mosaic.

    ``parts``: the rows of all parts but the last, where the program made colours of parts of the mosaic one by one.
    Each part, and the last, has at least LEAST_SIDE rows; a row has at least LEAST_SIDE samples. A border that repeats
    is another matter: see ``border_repeated``.
    """
    how = METHODS[method]
    if not parts:
        return how.make(mosaic, phase, how.means, edges)
    made = np.empty((3, *mosaic.shape), np.int32)
    for first, last in _rows_of_parts(parts, mosaic.shape[1]):
        inner = edges | (Edges.TOP if first else 0) | (Edges.BOTTOM if last < mosaic.shape[1] else 0)
        made[:, :, first:last] = how.make(mosaic[:, first:last], moved(phase, first, 0), how.means, Edges(inner))
    return made


def _rows_of_parts(parts: Sequence[int], rows: int) -> Iterator[tuple[int, int]]:
    first = 0
    for count in parts:
        yield first, first + count
        first += count
    yield first, rows


def kept(colours: Samples, phase: int) -> Samples:
    """The samples of colours (3, images, rows, width) that a mosaic of this phase has."""
    mosaic = np.empty(colours.shape[1:], np.int32)
    for y, x in np.ndindex(2, 2):
        mosaic[:, y::2, x::2] = colours[component_at(y, x, phase), :, y::2, x::2]
    return mosaic


def others(colours: Samples, phase: int) -> Samples:
    """The samples that it has not, shape (2, images, rows, width), of each place in the order of components."""
    result = np.empty((2, *colours.shape[1:]), np.int32)
    for y, x in np.ndindex(2, 2):
        two = [c for c in range(3) if c != component_at(y, x, phase)]
        result[:, :, y::2, x::2] = colours[two, :, y::2, x::2]
    return result


def correct(made: Samples, corrections: Samples, phase: int, bits: int) -> None:
    """Adds corrections (2, images, rows, width), less half their range, modulo 2**bits, to the samples that the mosaic
    has not."""
    half, top = 1 << (bits - 1), (1 << bits) - 1
    for y, x in np.ndindex(2, 2):
        two = [c for c in range(3) if c != component_at(y, x, phase)]
        for component, correction in zip(two, corrections, strict=True):
            place = made[component, :, y::2, x::2]
            place[...] = (place + correction[:, y::2, x::2] - half) & top


def inside(edges: Edges, rows: int, width: int) -> tuple[slice, slice]:
    """The rows and columns of an image that are not next to an edge."""
    down = slice(bool(edges & Edges.TOP), rows - bool(edges & Edges.BOTTOM))
    return down, slice(bool(edges & Edges.LEFT), width - bool(edges & Edges.RIGHT))


def border_repeated(colours: Samples, edges: Edges) -> Samples:
    """Colours, those of the places next to an edge replaced by the ones further in."""
    *_, rows, width = colours.shape
    down, across = inside(edges, rows, width)
    places = (
        np.clip(np.arange(rows), down.start, down.stop - 1),
        np.clip(np.arange(width), across.start, across.stop - 1),
    )
    return colours[:, :, places[0]][:, :, :, places[1]]
