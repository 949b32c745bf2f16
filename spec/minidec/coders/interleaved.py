"""Spec interleaved: stripes decoded in turn, sums that wrap around, fixed tables read by three tANS states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from ..codebook import Section
from ..coding_tools import (
    Area,
    Decisions,
    Range,
    check_sample,
    finish_planes,
    from_zigzag,
    grid_position,
    modelled_planes,
    read_references,
    take_grid,
)
from ..notation import Reader, clamp, require

# Spec interleaved/section

ONE, TEXTURE, GRID, GRID_WITH_ERRORS = range(4)
TOTAL = 512
ESCAPE = 63
"""The token that 32 plain bits follow."""


@dataclass
class InterleavedPlan:
    """The section of a plane; ``tables``: for each context and each of its 512 states the token, and what it leaves."""

    references: list[int]
    class_map: int
    fraction: int
    error_shift: int
    start: int
    threshold: int
    error_weights: list[list[int]]
    edges: list[int]
    cells: list[list[int]]
    tables: list[list[tuple[int, int]]]
    weights: list[list[int]]


def token_table(frequencies: list[int]) -> list[tuple[int, int]]:
    """Spec interleaved/stream: the states of a context."""
    require(
        min(frequencies) >= 0 and frequencies[ESCAPE] >= 1 and sum(frequencies) == TOTAL, "frequencies out of range"
    )
    tokens, place = [0] * TOTAL, 0
    for token, frequency in enumerate(frequencies):
        for _ in range(frequency):
            tokens[place] = token
            place = (place + 323) % TOTAL
    left, states = list(frequencies), []
    for token in tokens:
        states.append((token, left[token]))
        left[token] += 1
    return states


def read_plan(data: bytes, plane: int) -> InterleavedPlan:
    """A section of kind 0."""
    head = Reader(data).take(9)
    references = read_references(head, plane)
    class_map, fraction, error_shift, levels, start, contexts = head[3:]
    require(class_map <= GRID_WITH_ERRORS and 5 <= fraction <= 10 and error_shift <= 16, "plan out of range")
    require(1 <= levels <= 32 and start < levels and contexts >= 1, "plan out of range")
    tables = Decisions(data, 9)
    (threshold,) = tables.column(1, 1 << 19, 0)
    terms = 12 if references else 7
    by_place = class_map == GRID_WITH_ERRORS
    error_weights = tables.table(64, terms, 128, 0) if by_place else [tables.column(terms, 128, 0)]
    require(all(sum(row) <= 128 for row in error_weights), "error weights too large")
    edges = tables.column(levels - 1, (1 << 15) - 1)
    require(all(lower < upper for lower, upper in pairwise(edges)), "edges do not rise")
    cells = tables.table(levels, 4, contexts - 1, 0)
    frequencies = [token_table(row) for row in tables.table(contexts, 64)]
    weights = tables.table((1, 6, 64, 64)[class_map], (14, 19, 22)[len(references)], (1 << 15) - 1)
    numbers = class_map, fraction, error_shift, start, threshold
    return InterleavedPlan(references, *numbers, error_weights, edges, cells, frequencies, weights)


def read_interleaved_model(sections: list[Section], transform_planes: int) -> list[InterleavedPlan]:
    """All sections of a model of coder 7."""
    require(1 <= len(sections) <= transform_planes, "number of sections does not fit")
    require(all(section.kind == 0 for section in sections), "section of another kind")
    return [read_plan(section.data, plane) for plane, section in enumerate(sections)]


# Spec interleaved/neighbours


@dataclass
class Striped:
    """A plane of one image, samples minus the middle of its range, with its errors, row by row; ``margins``: left and
    right of each row."""

    rows: int
    width: int
    margins: list[list[int]]
    samples: list[list[int]] = field(default_factory=list)
    errors: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.step = self.rows // 3 if self.rows >= 96 else 0
        self.samples = [[0] * self.width for _ in range(self.rows)]
        self.errors = [[0] * self.width for _ in range(self.rows)]
        self.read = [False] * self.rows

    def stripe(self, y: int) -> int:
        """Number of the stripe of a row."""
        return min(2, y // self.step) if self.step else 0

    def top(self, y: int) -> int:
        return self.stripe(y) * self.step

    def sample(self, r: int, c: int) -> int:
        """s(r, c)."""
        r = min(r, self.rows - 1)
        left, right = self.margins[r]
        if c < 0 or (c < left and not self.read[r]):
            return 0 if r == self.top(r) else self.sample(r - 1, left)
        if left + right == self.width:
            return 0 if r == self.top(r) else self.sample(r - 1, min(c, self.width - 1))
        return self.samples[r][clamp(c, left, self.width - right - 1)]

    def error(self, r: int, c: int) -> int:
        """e(r, c)."""
        r, c = min(r, self.rows - 1), clamp(c, 0, self.width - 1)
        left, right = self.margins[r]
        if left + right == self.width:
            return 0 if r == self.top(r) else self.error(r - 1, c)
        return self.errors[r][clamp(c, left, self.width - right - 1)]

    def inside(self, y: int) -> range:
        """Columns of a row that are coded."""
        left, right = self.margins[y]
        return range(left, self.width - right)

    def order(self) -> Iterator[tuple[int, int]]:
        """Spec interleaved/stream and Spec interleaved/margins: places in the order in which they are read."""
        for r in range(self.step):
            rows = [r + stripe * self.step for stripe in range(3)]
            start = max(self.margins[y][0] for y in rows)
            end = max(start, self.width - max(self.margins[y][1] for y in rows))
            yield from ((y, x) for y in rows for x in self.inside(y) if x < start)
            yield from ((y, x) for x in range(start, end) for y in rows)
            yield from ((y, x) for y in rows for x in self.inside(y) if x >= end)
            for y in rows:
                self.read[y] = True
        for y in range(3 * self.step, self.rows):
            yield from ((y, x) for x in self.inside(y))
            self.read[y] = True


# Spec interleaved/stream


class States:
    """The three states and the bits of a stream."""

    def __init__(self, stream: bytes) -> None:
        self.bits = int.from_bytes(stream, "little")
        self.left = 8 * len(stream)
        require(stream[:1] not in (b"", b"\0"), "no bit says where the stream begins")
        while self.take(1) == 0:
            pass
        self.states = [self.take(9) for _ in range(3)]

    def take(self, count: int) -> int:
        require(count <= self.left, "a stream ends too early")
        self.left -= count
        value = self.bits % (1 << count)
        self.bits >>= count
        return value

    def residual(self, stripe: int, table: list[tuple[int, int]]) -> int:
        token, rest = table[self.states[stripe]]
        count = 10 - rest.bit_length()
        self.states[stripe] = (rest << count) - TOTAL + self.take(count)
        if token <= 30:
            return token - 15
        if token == ESCAPE:
            return from_zigzag(self.take(32))
        count = 2 + ((token - 31) >> 1)
        value = 12 + (1 << count) + self.take(count)
        return -value if token % 2 == 0 else value

    def end(self) -> None:
        require(self.states == [0] * 3, "states do not end where they must")
        require(self.left == 0, "bits left over")


Place = Callable[[int, int], int]


@dataclass
class InterleavedPlane:
    """Decodes the images of a plane of samples ``low`` .. ``high``, less their middle; ``bits``: those that sums wrap
    around at."""

    plan: InterleavedPlan
    states: States
    low: int
    high: int
    bits: int
    grid: int

    def wrap(self, total: int) -> int:
        half = 1 << (self.bits - 1)
        return (total + half) % (1 << self.bits) - half

    def image(self, width: int, margins: list[list[int]], references: list[Striped]) -> Striped:
        """One image."""
        plan, own = self.plan, Striped(len(margins), width, margins)
        for y, x in own.order():
            if y == own.top(y):
                level = plan.start
                total = own.sample(y, x - 1)
                if references:
                    total += references[0].sample(y, x) - references[0].sample(y, x - 1)
                total = self.wrap(total << plan.fraction)
            else:
                activity, predictor = self.classify(own, references, y, x)
                level = sum(edge < self.expected_error(own, references, activity, y, x) for edge in plan.edges)
                taps = self.taps(own, references, y, x)
                weights = plan.weights[predictor]
                total = self.wrap(sum(tap * weight for tap, weight in zip(taps, weights, strict=True)))
            table = plan.tables[plan.cells[level][(total >> (plan.fraction - 2)) % 4]]
            sample = (total >> plan.fraction) + self.states.residual(own.stripe(y), table)
            own.samples[y][x] = check_sample(sample, self.low, self.high)
            own.errors[y][x] = min(255, abs(8 * sample - (total >> (plan.fraction - 3))) >> plan.error_shift)
        return own

    def taps(self, own: Striped, references: list[Striped], y: int, x: int) -> list[int]:
        """Spec interleaved/neighbours."""
        s, above, higher = own.sample, y - 1, max(y - 2, own.top(y))
        taps = [s(y, x - 1), s(y, x - 2), s(above, x), s(above, x - 1), s(above, x + 1), s(higher, x)]
        taps += [s(above, x - 2), s(above, x + 2), s(higher, x - 1), s(higher, x + 1), s(higher, x - 2)]
        taps += [s(higher, x + 2), s(above, x + 3)]
        if references:
            p = references[0].sample
            taps += [p(y, x), p(y, x - 1), p(y - 1, x), p(y, x + 1), p(y + 1, x)]
        if len(references) > 1:
            q = references[1].sample
            taps += [q(y, x), q(y, x - 1), q(y - 1, x)]
        return [*taps, 1]

    def classify(self, own: Striped, references: list[Striped], y: int, x: int) -> tuple[int, int]:
        """Spec interleaved/prediction: activity and class."""
        g, a, b = own.sample, y - 1, max(y - 2, own.top(y))
        if references:
            g, a, b = references[0].sample, y, y - 1
        along = abs(g(a, x) - g(a, x - 1)) + abs(g(a, x) - g(a, x + 1))
        left = abs(g(a, x - 1) - g(b, x - 1))
        activity = along + abs(g(a, x) - g(b, x)) + left
        turn = 4 * (along - left - abs(g(a, x + 1) - g(b, x + 1)))
        if self.plan.class_map in (GRID, GRID_WITH_ERRORS):
            return activity, grid_position(self.grid, y, x)
        if self.plan.class_map == TEXTURE:
            return activity, 3 * (activity > self.plan.threshold) + (turn > activity) + 2 * (turn < -activity)
        return activity, 0

    def expected_error(self, own: Striped, references: list[Striped], activity: int, y: int, x: int) -> int:
        """Spec interleaved/contexts."""
        e, above, higher = own.error, y - 1, max(y - 2, own.top(y))
        terms = [e(above, x), e(above, x - 1), e(above, x + 1), e(higher, x), e(above, x - 2), e(above, x + 2)]
        terms.append(min(255, 2 * activity >> self.plan.error_shift))
        if references:
            f = references[0].error
            terms += [f(y, x), f(y, x - 1), f(y, x + 1), f(y - 1, x), f(y + 1, x)]
        place = grid_position(self.grid, y, x) if self.plan.class_map == GRID_WITH_ERRORS else 0
        return sum(term * weight for term, weight in zip(terms, self.plan.error_weights[place], strict=True))


def read_margins(data: bytes, ranges: list[Range], area: Area) -> tuple[list[int], list[list[int]]]:
    """Spec interleaved/margins: the blank sample of each plane less the low end of its range, and left and right of
    each row."""
    require(area.width <= 1024, "margins of too wide an image")
    tables = Decisions(data, 0)
    blank = tables.column(len(ranges), least=0)
    for value, (low, high) in zip(blank, ranges, strict=True):
        check_sample(value, 0, high - low)
    margins = tables.table(area.rows, 2, area.width, 0)
    require(all(left + right <= area.width for left, right in margins), "margins wider than the image")
    return blank, margins


def decode_interleaved(
    plans: list[InterleavedPlan], streams: list[bytes], ranges: list[Range], area: Area
) -> list[list[int]]:
    """All planes of coder 7."""
    count = modelled_planes(plans, ranges)
    grid, first = take_grid(any(plan.class_map >= GRID for plan in plans), streams[0])
    planes: list[list[Striped]] = []
    blank, margins = [0] * count, [[0, 0]] * area.rows
    start = 2 + int.from_bytes(first[:2], "little")
    if start > 2:
        blank, margins = read_margins(first[2:start], ranges[:count], area)
    for plan, stream, (low, high) in zip(plans, [first[start:], *streams[1:count]], ranges, strict=False):
        largest = max(ranges[number][1] - ranges[number][0] for number in (len(planes), *plan.references))
        require(largest < 1 << (31 - plan.fraction), "range too large for the model")
        bits = 16 if largest < 1 << (15 - plan.fraction) else 32
        middle = (high - low + 1) // 2
        coder = InterleavedPlane(plan, States(stream), -middle, high - low - middle, bits, grid)
        images: list[Striped] = []
        for number in range(area.rows // area.image_rows):
            references = [planes[plane][number] for plane in plan.references]
            own = margins[number * area.image_rows :][: area.image_rows]
            images.append(coder.image(area.width, own, references))
        coder.states.end()
        planes.append(images)
    samples = [
        [
            row[x] + (high - low + 1) // 2 if x in image.inside(y) else value
            for image in images
            for y, row in enumerate(image.samples)
            for x in range(area.width)
        ]
        for images, value, (low, high) in zip(planes, blank, ranges, strict=False)
    ]
    return finish_planes(samples, streams, ranges, area)
