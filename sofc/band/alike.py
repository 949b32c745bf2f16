"""Which earlier image an image is like, and how it follows from that. The encoder's own: nothing here is normative.

Small pictures of all kept images are compared first, in all eight arrangements; what is like is then moved until it
fits, which phase correlation finds (Kuglin and Hines, 1975), and last the tables of values are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sofc.band.coding import Samples
from sofc.band.likeness import Likeness, Reference, Table, Tables, arranged, placed, reduced
from sofc.band.predicted import reference_of
from sofc.coders.bilevel.guide import features_of
from sofc.coders.bilevel.kernel_guide import FEATURES
from sofc.container.likeness import ARRANGEMENTS, CONSTANT, EDGE, REFLECT, TRANSPOSE, WRAP, Placing
from sofc.entropy.logarithms import LOG_ONE, times_log2
from sofc.image import ImageHeader
from sofc.planes import Plane

Picture = npt.NDArray[np.float32]

LEAST_SAMPLES = 1 << 12
"""Of smaller images many are alike, and there is little to save."""
MOST_SAMPLES = 1 << 23
"""What is larger is not held whole to be looked at."""
SQUARES = 16
SIDE = SQUARES - 4
SAMPLED = 128
"""A small picture is made of at least so many rows and columns, if there are as many."""
LEAST_SPREAD = 1e-3
LEAST_CORRELATION = 0.9
MOST_CANDIDATES = 2
REDUCTIONS = (0, 1, 2)
MOST_MOVED = 4
"""Images may be larger than what they are predicted from, or smaller, by one part in so many."""
WINDOWS = (128, 256)
"""Sides of the squares that are compared, of small images and of others."""
LARGE = 512
LEAST_PEAK = 0.03
"""Of a cross-power spectrum of unit length: noise gives 0.02 or less."""
PEAKS = 2
LEAST_EXPECTED = 0.5
"""Share of the samples in a square that must be as expected."""

MOST_COMPONENTS, LEAST_INFORMATION = 4, 0.02
"""Components of an image that may be guides; what share of all that there is to say of samples one must say."""


@dataclass(frozen=True, eq=False)
class Kept:
    """An image that others may be predicted from: its number in the file, and its samples."""

    number: int
    header: ImageHeader
    samples: Samples

    @cached_property
    def pictures(self) -> Picture:
        """Small pictures of it in all arrangements, (ARRANGEMENTS, SIDE * SIDE); zeros where they say nothing."""
        picture = small_picture(self.samples)
        if picture is None:
            return np.zeros((ARRANGEMENTS, SIDE * SIDE), np.float32)
        return np.stack([_turned(picture, one).reshape(-1) for one in range(ARRANGEMENTS)])

    @cached_property
    def is_binary(self) -> bool:
        """Whether it takes no more than two values."""
        return is_binary(self.samples, self.header)


def may_be_like(header: ImageHeader) -> bool:
    """Whether images of a head are looked at."""
    if header.height is None or header.format.wide is not None:
        return False
    return LEAST_SAMPLES <= header.row_samples * header.height <= MOST_SAMPLES


def small_picture(samples: Samples) -> Picture | None:
    """Sums of SQUARES x SQUARES squares and those around, but for those at the border: SIDE x SIDE numbers, less their
    mean and of unit length. None where all are about equal."""
    if min(samples.shape[:2]) < SQUARES:
        return None
    down, across = (max(1, size // SAMPLED) for size in samples.shape[:2])
    sampled = samples[::down, ::across].astype(np.float32)
    gray = sampled if sampled.ndim == 2 else sampled.sum(axis=2)
    for axis in (0, 1):
        edges = np.arange(SQUARES) * gray.shape[axis] // SQUARES
        counts = np.diff(np.append(edges, gray.shape[axis])).astype(np.float32)
        gray = np.add.reduceat(gray, edges, axis=axis) / np.expand_dims(counts, 1 - axis)
    # Moved by a few samples it is still the same, and with a narrow border.
    gray = gray[:-2] + gray[1:-1] + gray[2:]
    gray = (gray[:, :-2] + gray[:, 1:-1] + gray[:, 2:])[1:-1, 1:-1]
    gray = gray - gray.mean()
    length = float(np.sqrt((gray * gray).sum()))
    if length <= LEAST_SPREAD * max(1.0, float(np.abs(samples[:: 4 * down, :: 4 * across]).max())):
        return None
    return np.asarray(gray / length, np.float32)


def is_binary(samples: Samples, header: ImageHeader) -> bool:
    """Whether an image of one component takes no more than two values."""
    if header.format.components > 1 or header.format.wide is not None or header.height is None:
        return False
    least, most = samples.min(), samples.max()
    return bool(((samples == least) | (samples == most)).all())


def best_guide(samples: Samples, rows: range, guides: Sequence[Kept]) -> tuple[Kept, int] | None:
    """Which of some images of one size, and which of its components, says most about ``rows`` of a binary image; None
    where none says much.

    What it says is the mutual information of each sample and the features of one in four.
    """
    binary = (samples == samples.max())[::2, ::2].reshape(-1)
    best: tuple[float, Kept, int] | None = None
    for guide in guides:
        planes = reference_of(guide.samples[rows.start : rows.stop : 2, ::2], guide.header.format).planes
        for component, plane in enumerate(planes[:MOST_COMPONENTS]):
            _, middle, gray = features_of(plane, guide.header.format.coded_bits).reshape(FEATURES, -1)
            said = _information(binary, middle.astype(np.int64) << 4 | gray)
            if best is None or said > best[0]:
                best = said, guide, component
    return None if best is None or best[0] < LEAST_INFORMATION else best[1:]


def _information(binary: npt.NDArray[np.bool_], cells: npt.NDArray[np.int64]) -> float:
    """Bits that cells, numbers below 256, say about binary samples, less what so many say by chance; of the share of
    all that there is to say."""
    ones, all_of_them = np.bincount(cells[binary], minlength=256), np.bincount(cells, minlength=256)
    used = all_of_them > 0
    whole = _entropy(np.array([binary.sum()]), np.array([binary.size]))
    said = whole - _entropy(ones, all_of_them) - LOG_ONE * int(used.sum())
    return said / whole if whole else 0.0


def _entropy(ones: npt.NDArray[np.integer], counts: npt.NDArray[np.integer]) -> int:
    """Bits, in 1 / LOG_ONE, of decisions of which some of each count are 1."""
    return times_log2(counts) - times_log2(ones) - times_log2(counts - ones)


def _turned(picture: npt.NDArray[np.float32], arrangement: int) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(arranged(picture.view(np.int32), arrangement)).view(np.float32)


def found_likeness(samples: Samples, header: ImageHeader, earlier: Sequence[Kept]) -> Likeness | None:
    """How an image follows from one of those that are kept; None where it follows from none."""
    picture = small_picture(samples) if earlier else None
    if picture is None:
        return None
    planes: list[Plane] = []
    own = Reference(planes, header.format.coded_bits)
    for candidate, arrangement, reduction in _candidates(picture, header, earlier):
        if not planes:
            planes.extend(reference_of(samples, header.format).planes)
        likeness = _fitted(own, candidate, Placing(candidate.number, arrangement, EDGE, reduction))
        if likeness is not None:
            return likeness
    return None


def _candidates(picture: Picture, header: ImageHeader, earlier: Sequence[Kept]) -> Iterator[tuple[Kept, int, int]]:
    """Images, arrangements and reductions, the most alike first."""
    all_of_them = np.stack([one.pictures for one in earlier])
    likeness = np.abs(all_of_them @ picture.reshape(-1))
    # Of those that are alike to the last digits, such as a symmetric image turned, the first is taken.
    order = np.argsort(np.round(-likeness.reshape(-1), 5), kind="stable")
    given = 0
    for place in order[: 8 * MOST_CANDIDATES]:
        number, arrangement = divmod(int(place), ARRANGEMENTS)
        if likeness[number, arrangement] < LEAST_CORRELATION or given == MOST_CANDIDATES:
            return
        reduction = _reduction(header, earlier[number].header, arrangement)
        if reduction is not None:
            given += 1
            yield earlier[number], arrangement, reduction


def _reduction(header: ImageHeader, other: ImageHeader, arrangement: int) -> int | None:
    """By how much another image is reduced to have about the size of one; None where it cannot be."""
    rows, width = header.height or 1, header.width
    height, across = other.height or 1, other.width
    if arrangement & TRANSPOSE:
        height, across = across, height
    for reduction in REDUCTIONS:
        moved = abs((height >> reduction) - rows), abs((across >> reduction) - width)
        if moved[0] * MOST_MOVED <= rows and moved[1] * MOST_MOVED <= width:
            return reduction
    return None


def _gray(reference: Reference, placing: Placing) -> Plane:
    total = reference.planes[0] if len(reference.planes) == 1 else np.add.reduce(list(reference.planes))
    return arranged(reduced(total, placing.reduction), placing.arrangement)


def _fitted(own: Reference, candidate: Kept, placing: Placing) -> Likeness | None:
    """How an image follows from a candidate, moved to where it fits; None where it does not."""
    reference = reference_of(candidate.samples, candidate.header.format)
    rows, width = own.planes[0].shape
    square = None
    best = (LEAST_EXPECTED, placing)
    for down, across in _moves(_gray(own, Placing(0)), _gray(reference, placing)):
        moved = placing._replace(down=down, across=across)
        if square is None:
            side = min(WINDOWS[-1], rows, width)
            square = slice((rows - side) // 2, (rows + side) // 2), slice((width - side) // 2, (width + side) // 2)
        share = _expected_share(own, reference, moved, *square)
        if share > best[0]:
            best = share, moved
    if best[0] == LEAST_EXPECTED:
        return None
    return _with_outside(own, reference, best[1])


def _moves(gray: Plane, other: Plane) -> Iterator[tuple[int, int]]:
    """Where in another plane the first row and column of one may stand, the most likely first."""
    shared = [min(sizes) for sizes in zip(gray.shape, other.shape, strict=True)]
    wanted = WINDOWS[int(min(shared) >= LARGE)]
    side = min(wanted, 1 << (min(shared).bit_length() - 1))
    y, x = ((size - side) // 2 for size in shared)
    windows = [plane[y : y + side, x : x + side].astype(np.float32) for plane in (gray, other)]
    spectra = [np.fft.rfft2(window - window.mean()) for window in windows]
    product = spectra[1] * np.conj(spectra[0])
    product /= np.abs(product) + 1e-6
    surface = np.abs(np.fft.irfft2(product, (side, side)))
    for place in np.argpartition(surface.reshape(-1), -PEAKS)[: -PEAKS - 1 : -1]:
        y, x = divmod(int(place), side)
        if surface[y, x] >= LEAST_PEAK:
            yield y - side if y > side // 2 else y, x - side if x > side // 2 else x


def _counts(values: Plane, samples: Plane) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of a value and what it becomes, most frequent last of each value, and how often each is there."""
    pairs = (values.reshape(-1).astype(np.int64) << 16) | samples.reshape(-1)
    if int(values.max(initial=0)) < 256 and int(samples.max(initial=0)) < 256:
        counts = np.bincount((pairs >> 8 | pairs & 255).reshape(-1), minlength=1 << 16)
        found = np.flatnonzero(counts)
        pairs, counts = found >> 8 << 16 | found & 255, counts[found]
    else:
        pairs, counts = np.unique(pairs, return_counts=True)
    order = np.lexsort((-pairs, counts, pairs >> 16))
    return pairs[order], counts[order]


def _expected_share(own: Reference, reference: Reference, placing: Placing, down: slice, across: slice) -> float:
    """The share of the samples in a square that follow from those of a reference."""
    rows = range(down.start, down.stop)
    moved = placing._replace(across=placing.across + across.start)
    found = placed(reference, moved, len(own.planes), rows, across.stop - across.start)
    inside = ~found.is_outside
    total = int(inside.sum()) * len(own.planes)
    if 4 * total < inside.size * len(own.planes):
        return 0.0
    expected = 0
    for plane, values in zip(own.planes, found.planes, strict=True):
        pairs, counts = _counts(values[inside], plane[down, across][inside])
        last = np.append(pairs[1:] >> 16 != pairs[:-1] >> 16, True)
        expected += int(counts[last].sum())
    return expected / total


def _with_outside(own: Reference, reference: Reference, placing: Placing) -> Likeness:
    """The likeness of a placing, with what is best expected where the reference has no samples."""
    rows, width = own.planes[0].shape
    found = placed(reference, placing, len(own.planes), range(rows), width)
    inside = ~found.is_outside
    tables = _tables(
        [plane[inside] for plane in own.planes], [values[inside] for values in found.planes], own, reference
    )
    if inside.all():
        return Likeness(placing, [Tables(_kept(table, found.whole), 0) for k, table in enumerate(tables)])
    border = [plane[found.is_outside] for plane in own.planes]
    fills = [int(np.bincount(values).argmax()) for values in border]
    right = {CONSTANT: sum(int((values == fill).sum()) for values, fill in zip(border, fills, strict=True))}
    for outside in (EDGE, WRAP, REFLECT):
        other = placed(reference, placing._replace(outside=outside), len(own.planes), range(rows), width)
        right[outside] = sum(
            int((tables[k][other.planes[k][found.is_outside]] == border[k]).sum()) for k in range(len(border))
        )
    best = max(right, key=lambda outside: right[outside])
    kept_tables = [Tables(_kept(table, found.whole), fills[k]) for k, table in enumerate(tables)]
    return Likeness(placing._replace(outside=best), kept_tables)


def _tables(samples: list[Plane], values: list[Plane], own: Reference, reference: Reference) -> list[Table]:
    """What the values of each component become: the same of all where that is as good."""
    top = (1 << own.bits) - 1
    counted = [_counts(*pair) for pair in zip(values, samples, strict=True)]
    tables = [_table(*one, reference.bits, top) for one in counted]
    if len(tables) > 1:
        pairs, where = np.unique(np.concatenate([pairs for pairs, _ in counted]), return_inverse=True)
        counts = np.bincount(where, np.concatenate([counts for _, counts in counted])).astype(np.int64)
        order = np.lexsort((-pairs, counts, pairs >> 16))
        common = _table(pairs[order], counts[order], reference.bits, top)
        if sum(_right(common, *one) for one in counted) >= sum(
            _right(table, *one) for table, one in zip(tables, counted, strict=True)
        ):
            return [common] * len(tables)
    return tables


def _right(table: Table, pairs: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> int:
    """How many samples are what a table says."""
    return int(counts[table[pairs >> 16] == (pairs & 0xFFFF)].sum())


def _table(pairs: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], bits: int, top: int) -> Table:
    """What each value becomes most often; one that is not there is moved by as much as the one before it."""
    last = np.append(pairs[1:] >> 16 != pairs[:-1] >> 16, True)
    places, becomes = pairs[last] >> 16, pairs[last] & 0xFFFF
    every = np.arange(1 << bits)
    before = (np.searchsorted(places, every, side="right") - 1).clip(0)
    table: Table = (becomes[before] + every - places[before]).clip(0, top).astype(np.int32)
    return table


def _kept(table: Table, whole: list[Plane]) -> Table | None:
    """A table; None where it keeps all values that are there."""
    there = np.zeros(len(table), bool)
    for plane in whole:
        there[plane.reshape(-1)] = True
    every = np.flatnonzero(there)
    return None if bool((table[every] == every).all()) else table
