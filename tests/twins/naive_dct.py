"""Plain-Python twins of the DCT coder's kernels: definitions over dictionaries and lists, no borders, no buffers.

Blocks are dictionaries or lists of 64 numbers, 8 * vertical + horizontal frequency. Whatever is coded goes through the
coders, adaptive probabilities and mixers of ``naive_context``.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import naive_context
import numpy as np
from naive_context import BrokenError, Counting, Mixing, Rows, clamp, hash_of
from naive_inverses import INVERSES, enlarge_finely, sixteenths

# What a decoder makes of coefficients.


def eight_samples(frequencies: Sequence[int]) -> list[int]:
    """The inverse transform of Loeffler, Ligtenberg and Moschytz along a line, times sqrt(8) * 2**13.

    All constants are rounded to 13 bits, each for itself.
    """

    def times(constant: float, value: int) -> int:
        return round(constant * 2**13) * value

    x0, x1, x2, x3, x4, x5, x6, x7 = frequencies
    rotated = times(0.541196100, x2 + x6)
    high, low = rotated + times(0.765366865, x2), rotated - times(1.847759065, x6)
    outer, inner = times(1, x0 + x4), times(1, x0 - x4)
    even = [outer + high, inner + low, inner - low, outer - high]
    everything = times(1.175875602, x1 + x3 + x5 + x7)
    a, b = times(0.899976223, x7 + x1), times(2.562915447, x5 + x3)
    c, d = times(1.961570560, x7 + x3), times(0.390180644, x5 + x1)
    odd = [
        times(1.501321110, x1) - a + everything - d,
        times(3.072711026, x3) - b + everything - c,
        times(2.053119869, x5) - b + everything - d,
        times(0.298631336, x7) - a + everything - c,
    ]
    return [*map(sum, zip(even, odd, strict=True)), *(e - o for e, o in zip(even[::-1], odd[::-1], strict=True))]


def inverse(block: Sequence[int]) -> list[int]:
    """64 samples less 128, half a sample more than that, times 2**18: columns first, rounded to 2 bits, then rows."""
    columns = [eight_samples([block[8 * down + right] for down in range(8)]) for right in range(8)]
    rounded = [[(value + 2**10) // 2**11 for value in column] for column in columns]
    return [value + 2**17 for row in zip(*rounded, strict=True) for value in eight_samples(row)]


def fast_eight(frequencies: Sequence[int]) -> list[int]:
    """The inverse transform of Arai, Agui and Nakajima along a line, all products cut to whole numbers."""

    def times(constant: float, value: int) -> int:
        return int(constant * 2**8 + 0.5) * value // 2**8

    x0, x1, x2, x3, x4, x5, x6, x7 = frequencies
    turned = times(1.414213562, x2 - x6) - (x2 + x6)
    even = [x0 + x4 + x2 + x6, x0 - x4 + turned, x0 - x4 - turned, x0 + x4 - x2 - x6]
    outer, inner, gap, step = x1 + x7, x5 + x3, x1 - x7, x5 - x3
    shared = times(1.847759065, step + gap)
    first = outer + inner
    second = -669 * step // 2**8 + shared - first
    third = times(1.414213562, outer - inner) - second
    odd = [first, second, third, shared - times(1.082392200, gap) - third]
    return [*map(sum, zip(even, odd, strict=True)), *(e - o for e, o in zip(even[::-1], odd[::-1], strict=True))]


def fast_factor(down: int, right: int) -> int:
    """What the fast transform leaves to the steps, times 2**14."""
    scales = [1.0, *(math.sqrt(2) * math.cos(k * math.pi / 16) for k in range(1, 8))]
    return round(scales[down] * scales[right] * 2**14)


def fast_inverse(block: Sequence[int], table: Sequence[int]) -> list[int]:
    """64 samples less 128, times 2**18, of coefficients that are not multiplied by their steps."""
    steps = [(step * fast_factor(*divmod(k, 8)) + 2**11) // 2**12 for k, step in enumerate(table)]
    values = [value * step for value, step in zip(block, steps, strict=True)]
    columns = [fast_eight(values[right::8]) for right in range(8)]
    return [value * 2**13 for row in zip(*columns, strict=True) for value in fast_eight(row)]


def samples_of_eight(frequencies: Sequence[int], factor: int) -> list[int]:
    """Eight samples or sixteen, times sqrt(8) * 2**13."""
    if factor == 1:
        return eight_samples(frequencies)
    line = [sum(weight * value for weight, value in zip(row, frequencies, strict=True)) for row in LONG]
    signs = [value * (-1) ** k for k, value in enumerate(frequencies)]
    return line + [sum(weight * value for weight, value in zip(row, signs, strict=True)) for row in LONG[::-1]]


LONG = [
    [8192, 11529, 11363, 11086, 10703, 10217, 9632, 8956],
    [8192, 11086, 9633, 7350, 4433, 1136, -2260, -5461],
    [8192, 10217, 6437, 1136, -4433, -8955, -11363, -11086],
    [8192, 8956, 2260, -5461, -10703, -11086, -6436, 1137],
    [8192, 7350, -2260, -10217, -10703, -3363, 6436, 11529],
    [8192, 5461, -6437, -11529, -4433, 7349, 11363, 3363],
    [8192, 3363, -9633, -8955, 4433, 11529, 2260, -10217],
    [8192, 1136, -11363, -3363, 10703, 5461, -9632, -7350],
]
"""libjpeg 7's rotations come to these: about 2**13.5 times the cosines, some off by one."""


def draw_scaled(blocks: Sequence[Sequence[Sequence[int]]], table: Sequence[int], down: int, across: int) -> Rows:
    """A plane of blocks that are enlarged as they are transformed."""
    samples: Rows = [[0] * (8 * across * len(blocks[0])) for _ in range(8 * down * len(blocks))]
    for row, line in enumerate(blocks):
        for column, block in enumerate(line):
            values = [value * step for value, step in zip(block, table, strict=True)]
            tall = [samples_of_eight(values[right::8], down) for right in range(8)]
            for y in range(8 * down):
                wide = samples_of_eight([(each[y] + 2**10) // 2**11 for each in tall], across)
                for x, value in enumerate(wide):
                    place = 8 * down * row + y, 8 * across * column + x
                    samples[place[0]][place[1]] = clamp((value + 2**17) // 2**18 + 128, 0, 255)
    return samples


def draw(coefficients: Sequence[Sequence[Sequence[int]]], table: Sequence[int], kind: int = 0) -> tuple[Rows, Rows]:
    """Samples of a component, and eighths of a step that they came to before they were rounded down."""
    rows, columns = len(coefficients), len(coefficients[0])
    samples: Rows = [[0] * 8 * columns for _ in range(8 * rows)]
    eighths: Rows = [[0] * 8 * columns for _ in range(8 * rows)]
    for row, line in enumerate(coefficients):
        for column, block in enumerate(line):
            values = [value * step for value, step in zip(block, table, strict=True)]
            drawn = fast_inverse(block, table) if kind == 1 else INVERSES.get(kind, inverse)(values)
            for place, value in enumerate(drawn):
                y, x = 8 * row + place // 8, 8 * column + place % 8
                samples[y][x] = clamp(value // 2**18 + 128, 0, 255)
                eighths[y][x] = value // 2**15 % 8
    return samples, eighths


def shares(first: int, count: int, factor: int, further: int = 0) -> Iterator[list[tuple[int, int]]]:
    """For each of ``count`` samples of a line from ``first`` on: whence it comes, (place, share).

    Three parts of the sample that it was halved from, one of the neighbour on its side, as far as there is one: before
    the line where blocks begin, behind it what ``further`` samples cover.
    """
    low, high = 0, (first + count + further - 1) // factor
    for place in range(first, first + count):
        near = place // factor
        beside = clamp(near + (1 if place % 2 else -1), low, high)
        yield [(near, 3), (beside, 1)] if factor == 2 else [(near, 1)]


def fine_component(blocks: Sequence[Sequence[Sequence[int]]], table: Sequence[int]) -> Rows:
    """A component in 1/16 of samples, not cut but far beyond them."""
    lines: Rows = []
    for row in blocks:
        drawn = [sixteenths([value * step for value, step in zip(block, table, strict=True)]) for block in row]
        lines += [[clamp(n, -(2**24), 2**24) for one in drawn for n in one[8 * u : 8 * u + 8]] for u in range(8)]
    return lines


def enlarge(
    component: Rows, grid: Sequence[int], rows: int, width: int, kind: int = 0, further: tuple[int, int] = (0, 0)
) -> Rows:
    """The triangle filter; halves are rounded down and up in turn, along the rows where those are enlarged. By kind 3
    they are rounded up, by kind 4 after each direction."""
    down, across, top, left = grid[:4]
    if kind == 4 and down == across == 2:
        end = (left + width + further[1] - 1) // 2
        tall = enlarge(component, (2, 1, top, 0), rows, end + 1, 3, further)
        return enlarge(tall, (1, 2, 0, left), rows, width, 3, further)
    plane: Rows = []
    for y, tall in enumerate(shares(top, rows, down, further[0]), top):
        plane.append([])
        for x, wide in enumerate(shares(left, width, across, further[1]), left):
            total = sum(share * part * component[row][column] for row, share in tall for column, part in wide)
            parity = x % 2 if across == 2 else y % 2
            parts, half = {1: (1, 0), 2: (4, 1 + parity), 4: (16, 8 - parity)}[down * across]
            half = parts // 2 if kind else half
            plane[-1].append((total + half) // parts)
    return plane


# Coding blocks.

# fmt: off
ZIGZAG = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
]
# fmt: on
"""T.81, figure A.6."""
BACKWARDS = [divmod(index, 8) for index in reversed(ZIGZAG)]
"""(vertical, horizontal) frequencies from the highest to the lowest."""
OF_BLOCKS = 15


def logarithm(value: int) -> int:
    """Thirds of the logarithm to base 2 of value + 1: 1, 1.25, 1.5 and 1.75 times a power count 0, 0, 1, 2 thirds."""
    power = (value + 1).bit_length() - 1
    quarters = 4 * (value + 1) // 2**power % 4
    return min(47, 3 * power + (0, 0, 1, 2)[quarters])


Place = tuple[int, int, int, int]
"""Row and column of a block, vertical and horizontal frequency."""


@dataclass
class Component:
    """Coefficients times their steps, by place; what is not there is zero. Blocks count from 0."""

    table: Sequence[int]
    known: dict[Place, int]
    first: dict[Place, int]
    second: dict[Place, int]
    errors: dict[Place, int] = field(default_factory=dict)

    def at(self, row: int, column: int, down: int, right: int) -> int:
        return self.known.get((row, column, down, right), 0)

    def coefficient(self, row: int, column: int, down: int, right: int) -> int:
        value = self.at(row, column, down, right)
        return value // self.table[8 * down + right] if value else 0

    def size(self, row: int, column: int, *places: tuple[int, int]) -> int:
        """Sum of the sizes of some coefficients of a block; those beyond 0 and 7 are zero."""
        return sum(abs(self.at(row, column, *place)) for place in places)

    def tail(self, row: int, column: int, down: int, right: int) -> int:
        """Sizes of a block's coefficients from the highest frequency down to this one."""
        return self.size(row, column, *BACKWARDS[: BACKWARDS.index((down, right)) + 1])

    def references(self, row: int, column: int, down: int, right: int) -> tuple[int, int]:
        place = (row, column, down, right)
        return self.first.get(place, 0), self.second.get(place, 0)

    def means(self, row: int, column: int, down: int, right: int) -> list[int]:
        """What a coefficient is predicted from."""
        return [
            *(self.at(row - 1, column, k, right) for k in range(8)),
            *(self.at(row, column - 1, down, k) for k in range(8)),
            *(self.at(row, column, k, right) if k > down else 0 for k in range(8)),
            *(self.at(row, column, down, k) if k > right else 0 for k in range(8)),
            self.at(row - 1, column - 1, down, right),
            self.at(row - 1, column + 1, down, right),
            *self.references(row, column, down, right),
        ]

    def sizes(self, row: int, column: int, down: int, right: int) -> list[int]:
        """What the size of its difference is predicted from."""

        def wrong(row: int, column: int, *places: tuple[int, int]) -> int:
            return sum(self.errors.get((row, column, *place), 0) for place in places)

        here, north, west = (row, column), (row - 1, column), (row, column - 1)
        higher = [(down + 1, right), (down, right + 1)]
        lower = [(down - 1, right), (down, right - 1)]
        return [
            self.table[8 * down + right],
            self.size(*north, (down, right)),
            self.size(*west, (down, right)),
            self.size(row - 1, column - 1, (down, right)),
            self.size(row - 1, column + 1, (down, right)),
            self.size(*north, *higher),
            self.size(*west, *higher),
            self.size(*here, higher[0]),
            self.size(*here, higher[1]),
            self.size(*here, (down + 1, right + 1)),
            self.size(*here, (down + 2, right), (down, right + 2)),
            self.size(*north, *lower),
            self.size(*west, *lower),
            self.tail(*here, down, right),
            self.tail(*north, down, right),
            self.tail(*west, down, right),
            *map(abs, self.references(row, column, down, right)),
            wrong(*north, (down, right)),
            wrong(*west, (down, right)),
            wrong(row - 1, column - 1, (down, right)),
            wrong(row - 1, column + 1, (down, right)),
            wrong(*here, higher[0]),
            wrong(*here, higher[1]),
            wrong(*here, (down + 1, right + 1)),
            wrong(*here, (down + 2, right), (down, right + 2)),
        ]

    def fine(self, row: int, column: int, down: int, right: int, weights: Sequence[int]) -> int:
        """A coefficient as it is predicted, in quarters of a step."""
        step = self.table[8 * down + right]
        total = product(self.means(row, column, down, right), weights)
        return clamp((total + 128 * step) // (256 * step), -4 * 2**15, 4 * 2**15)

    def enter(self, row: int, column: int, down: int, right: int, coefficient: int, fine: int) -> None:
        """A coefficient becomes known, and by how much it was predicted wrongly."""
        step = self.table[8 * down + right]
        value = clamp(coefficient * step, -(2**23), 2**23)
        self.known[row, column, down, right] = value
        self.errors[row, column, down, right] = min(2**23, abs(4 * value - fine * step) // 4)


def row_of(index: int, places: int, predictor: int, weights: Rows) -> int:
    """The row of weights for a coefficient of a block of which so many are coded: by coefficient, extent, predictor."""
    extent = [places <= 10, places <= 21, places <= 43, True].index(True)
    return (4 * index + extent) * (len(weights) // 256) + predictor


def product(numbers: Sequence[int], weights: Sequence[int]) -> int:
    return sum(number * weight for number, weight in zip(numbers, weights, strict=True))


def near(value: int) -> int:
    return clamp(value, -20, 20) + 20


@dataclass
class Blocks:
    """Coding a component. ``mixing``: the counters, mixers and chances of the context coder's twin; ``plain``: the
    counters that no hash selects, eight in each block; ``level``: from which on these code coefficients."""

    component: Component
    mean_weights: Rows
    size_weights: Rows
    contexts: Rows
    groups: Rows
    mixing: Mixing
    plain: Rows
    predictor: int = 0
    diagonals: int = 0
    level: int = 0
    network: Any = None
    says: list[int] = field(default_factory=list)
    asked: list[tuple[list[int], int, int]] = field(default_factory=list)  # inputs, coefficients and residuals

    def code(self, rows: int, columns: int, coefficients: list[list[list[int]]] | None) -> list[list[list[int]]]:
        """Encode coefficients, or decode where they are None; ``predictor`` serves them, or is found out."""
        self.predictor = self.mixing.adaptive.plain(self.predictor, 3)
        self.diagonals = self.mixing.adaptive.plain(self.diagonals, 4)
        self.level = self.mixing.adaptive.plain(self.level, 4)
        self.ends: dict[tuple[int, int], int] = defaultdict(int)
        self.rows = rows
        if 256 * self.predictor >= len(self.mean_weights):
            raise BrokenError
        found = []
        for row in range(rows):
            found.append([])
            for column in range(columns):
                found[-1].append(self.block(row, column, coefficients[row][column] if coefficients else None))
        return found

    def inputs(self, place: Place, fine: int, expected: int, nonzero: int) -> list[int]:
        """What a network sees of a coefficient."""
        component, (row, column, down, right) = self.component, place
        step = component.table[8 * down + right]

        def grown(value: int) -> int:
            return int(math.copysign(32 * logarithm(4 * abs(value) // step), value))

        sizes = component.sizes(*place)
        around = [(-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2)]
        higher = [(1, 0), (0, 1), (1, 1), (2, 0), (0, 2)]
        below = min(row + 1, self.rows - 1)
        values = [
            *(component.at(row + up, column + left, down, right) for up, left in around),
            *(component.at(row, column, down + more, right + further) for more, further in higher),
            *component.references(*place),
            component.references(row, column + 1, down, right)[0],
            component.references(below, column, down, right)[0],
        ]
        ends = [self.ends.get(block, 0) for block in ((row, column), (row - 1, column), (row, column - 1))]
        return [
            32 * logarithm(step),
            *map(grown, sizes[1:]),
            *map(grown, values),
            int(math.copysign(32 * logarithm(abs(fine)), fine)),
            *(64 * (end - down - right) for end in ends),
            128 * ((fine + 2) % 4 - 2),
            32 * expected,
            16 * nonzero,
        ]

    def block(self, row: int, column: int, block: list[int] | None) -> list[int]:
        found = [0] * 64
        highest = max((sum(divmod(k, 8)) for k in range(64) if block and block[k]), default=-1)
        self.ends[row, column] = self.end(row, column, highest + 1)
        coded: list[int] = []
        lower = [place for place in BACKWARDS if sum(place) < self.ends[row, column]]
        for down, right in lower:
            index = row_of(8 * down + right, len(lower), self.predictor, self.mean_weights)
            fine = 0
            if down + right < self.diagonals:
                fine = self.component.fine(row, column, down, right, self.mean_weights[index])
            wanted = block[8 * down + right] if block else 0
            value = self.value(row, column, down, right, fine, self.size_weights[index], wanted, coded)
            if abs(value) > 2**15:
                raise BrokenError
            coded.append(value)
            found[8 * down + right] = value
            self.component.enter(row, column, down, right, value, fine)
        return found

    def end(self, row: int, column: int, end: int) -> int:
        """How many diagonals of a block are coded."""
        component, table = self.component, self.component.table
        here, north, west = (row, column), (row - 1, column), (row, column - 1)
        corners = [(row - 1, column - 1), (row - 1, column + 1)]
        ends = [self.ends.get(place, 0) for place in (north, west, *corners)]
        says = [component.references(*here, *place) for place in BACKWARDS]
        steps = [table[8 * down + right] for down, right in BACKWARDS]
        coded = zip(BACKWARDS, says, steps, strict=True)
        reached = [0, 0]
        for k, (place, said, step) in itertools.product(range(2), coded):
            if 2 * abs(said[k]) >= step:
                reached[k] = max(reached[k], sum(place) + 1)
        lowest = [component.tail(*place, 0, 1) for place in (north, west, *corners)]
        terms = [
            0,
            64,
            *ends,
            *reached,
            2 * (ends[0] + ends[1]) + ends[2] + ends[3],
            min(table[0], 31),
            logarithm(lowest[0] // table[1]),
            logarithm(lowest[1] // table[1]),
            logarithm((lowest[0] + lowest[1]) // table[1]),
            logarithm((lowest[2] + lowest[3]) // table[1]),
            logarithm((component.tail(*north, 2, 1) + component.tail(*west, 2, 1)) // table[17]),
            logarithm(sum(abs(number) for said in says[:-1] for number in said) // table[1]),
        ]
        hashes = [hash_of([terms[term] for term in chosen]) for chosen in self.groups]
        self.mixing.last = 0 if self.network else 256
        digits = "1"
        for bit, wanted in enumerate(f"{end:04b}"):
            node = int(digits, 2)
            where = (hashes, node, 16 * bit + (ends[0] + ends[1] + 1) // 2, 0, 16 * bit + reached[0])
            digits += str(self.mixing.decide(int(wanted), OF_BLOCKS, where, node))
        return int(digits, 2) - 16

    def value(
        self,
        row: int,
        column: int,
        down: int,
        right: int,
        fine: int,
        size_weights: Sequence[int],
        value: int,
        coded: list[int],
    ) -> int:
        """``coded``: the block's coefficients so far from the first diagonal that has any."""
        component, index = self.component, 8 * down + right
        step = component.table[index]
        mu, quarter = divmod(fine + 2, 4)
        sizes = component.sizes(row, column, down, right)
        expected = logarithm(max(0, product(sizes, size_weights) // (16 * step)))
        level = min(15, expected // 2)
        nonzero = sum(value != 0 for value in coded)

        def at(*place: int) -> int:
            return near(component.coefficient(*place))

        first, second = component.references(row, column, down, right)
        terms = [
            0,
            index,
            near(mu),
            clamp(fine, -40, 40) + 40,
            expected,
            at(row - 1, column, down, right),
            at(row, column - 1, down, right),
            near(first // step if first >= 0 else -(-first // step)),
            near(second // step if second >= 0 else -(-second // step)),
            nonzero,
            logarithm(sizes[13] // step),
            down + right,
            min(step, 31),
            logarithm((sizes[16] + sizes[17]) // step),
            near(coded[-1] if coded else 0),
            near(coded[-2] if len(coded) > 1 else 0),
            logarithm((2 * (sizes[1] + sizes[2]) + sizes[3] + sizes[4]) // step),
            logarithm((sizes[7] + sizes[8] + sizes[9]) // step),
        ]
        residual = value - mu
        if level >= self.level:
            sized, positive = self.plain_category(residual, (expected, mu, quarter, index, level))
            last = 8
        else:
            hashes = [hash_of([terms[term] for term in chosen]) for chosen in self.contexts]
            if self.network:
                seen = self.inputs((row, column, down, right), fine, expected, nonzero)
                self.says = naive_context.outputs_of(self.network, seen, index)
                self.asked.append((seen, index, residual))
            sized, positive = self.category(residual, (hashes, level, index, quarter, 4 * min(15, nonzero) + quarter))
            last = 5
        if sized == 0:
            return mu
        size = self.rest(abs(residual), sized, last, -mu if positive else mu)
        return mu + size if positive else mu - size

    def category(self, residual: int, where: Any) -> tuple[int, int]:
        """Zero?, sign, then whether there are more bits than one, two, three and four."""
        if not self.mixed(int(residual != 0), 0, where):
            return 0, 0
        positive = self.mixed(int(residual > 0), 1, where)
        for bits, node in enumerate((2 + positive, 4 + positive, 6, 7), 1):
            if not self.mixed(int(abs(residual).bit_length() > bits), node, where):
                return bits, positive
        return 5, positive

    def mixed(self, bit: int, node: int, where: Any) -> int:
        if self.network:
            self.mixing.last = clamp(self.says[node], -2815, 2815)
        return self.mixing.decide(bit, node, where)

    def counted(self, bit: int, block: int, number: int) -> int:
        """What one plain counter decides."""
        chance = self.plain[block][number] >> 16
        bit = self.mixing.adaptive.coder.decide(bit, clamp(chance, 32, 65504))
        self.learn(bit, block, number)
        return bit

    def learn(self, bit: int, block: int, number: int) -> None:
        chance, seen = divmod(self.plain[block][number], 1024)
        chance += ((2**22 - 1) * bit - chance) * (655360 // (10 * seen + 16)) // 65536
        self.plain[block][number] = chance * 1024 + min(seen + 1, 255)

    def plain_category(self, residual: int, where: tuple[int, int, int, int, int]) -> tuple[int, int]:
        """From the bits that are likely, up or down; then the sign."""
        expected, mu, quarter, index, level = where
        blocks = [9 * expected + 3 * min(abs(mu), 2) + abs(quarter - 2), 432 + 16 * index + level]
        possible = range(9)
        asked = clamp((2 * level - 11) // 3, 0, 5)
        while len(possible) > 1:
            chance = clamp(sum(self.plain[block][asked] >> 16 for block in blocks) // 2, 32, 65536 - 32)
            more = self.mixing.adaptive.coder.decide(int(abs(residual).bit_length() > asked), chance)
            for block in blocks:
                self.learn(more, block, asked)
            possible = range(asked + 1, possible.stop) if more else range(possible.start, asked + 1)
            asked += 1 if more else -1
        bits = possible.start
        if bits == 0:
            return 0, 0
        return bits, self.counted(int(residual > 0), 1456 + 4 * quarter + min(bits, 4) - 1, 2 + clamp(mu, -2, 2))

    def rest(self, size: int, bits: int, last: int, towards: int) -> int:
        """A size of so many bits, or of so many and more."""
        if bits == last:
            least = 2 ** (bits - 1)
            return least + self.mixing.adaptive.integer(max(0, size - least), "beyond")
        digits = "1"
        for place in reversed(range(bits - 1)):
            bit = size >> place & 1
            if len(digits) <= 3:
                bit = self.counted(bit, 1472 + 8 * bits + clamp(towards, 0, 7), int(digits, 2))
            else:
                bit = self.mixing.adaptive.plain(bit, 1)
            digits += str(bit)
        return int(digits, 2)


def accumulate(
    component: Component,
    coefficients: list[list[list[int]]],
    predictor: int,
    mean_weights: Rows,
    size_weights: Rows,
) -> list[Any]:
    """(row of weights, row, column) -> sums of products of training's normal equations, for means and for sizes."""
    means: dict[tuple[int, int, int], int] = defaultdict(int)
    sizes: dict[tuple[int, int, int], int] = defaultdict(int)
    blocks = [(row, column, block) for row, line in enumerate(coefficients) for column, block in enumerate(line)]
    for row, column, block in blocks:
        highest = max((k // 8 + k % 8 for k in range(64) if block[k]), default=-1)
        lower = [place for place in BACKWARDS if sum(place) <= highest]
        for down, right in lower:
            index = 8 * down + right
            at = row_of(index, len(lower), predictor, mean_weights)
            step = component.table[index]
            found = [min(4096, number) for number in component.sizes(row, column, down, right)]
            around = found[1] + found[2] + found[7] + found[8]
            seen = [clamp(number, -4096, 4096) for number in component.means(row, column, down, right)]
            fine = component.fine(row, column, down, right, mean_weights[at])
            component.enter(row, column, down, right, block[index], fine)
            value = component.at(row, column, down, right)
            sixteenths = 32 * step + max(0, product(found, size_weights[at]) // 16)
            share = max(1, 2**24 * step**2 // sixteenths**2)
            for (i, one), (j, two) in products([*seen, clamp(value, -4096, 4096)]):
                means[at, i, j] += share * one * two
            mu = (product(seen, mean_weights[at]) + step * 2**9) // (step * 2**10)
            error = min(20 * step, abs(value - mu * step))
            share = 1024 // (step + around // 4)
            for (i, one), (j, two) in products([*found, error]):
                sizes[at, i, j] += share * one * two
    return [{key: value for key, value in sums.items() if value} for sums in (means, sizes)]


def costs(component: Component, coefficients: list[list[list[int]]], mean_weights: Rows, charge: int) -> Rows:
    """About what each predictor, and last none, makes the coefficients of each diagonal in some rows of blocks cost, in
    eighths of L; each prediction costs ``charge``. All values are known."""
    found = [[0] * 15 for _ in range(len(mean_weights) // 256 + 1)]
    for row in range(min(2, len(coefficients) - 1), len(coefficients), 4):
        for column, block in enumerate(coefficients[row]):
            highest = max((k // 8 + k % 8 for k in range(64) if block[k]), default=-1)
            lower = [place for place in BACKWARDS if sum(place) <= highest]
            for place in lower:
                index = 8 * place[0] + place[1]
                means, wanted = component.means(row, column, *place), component.at(row, column, *place) * 2**10
                rows = [mean_weights[row_of(index, len(lower), k, mean_weights)] for k in range(len(found) - 1)]
                for costs_of_one, weights in zip(found, [*rows, [0] * len(means)], strict=True):
                    quarters = abs(wanted - product(means, weights)) // 2**8 // component.table[index]
                    costs_of_one[sum(place)] += 8 * logarithm(min(65535, max(0, quarters - 2))) + charge
                found[-1][sum(place)] -= charge
    return found


def products(numbers: Sequence[int]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """All pairs, each once, the later number first; the last number not with itself."""
    for i, one in enumerate(numbers):
        for j, two in enumerate(numbers[: i + 1]):
            if j < len(numbers) - 1:
                yield (i, one), (j, two)


# What drawn samples lack.


class Lacks(Counting):
    """Coding what a plane has that was not drawn."""

    def code(
        self,
        plane: Rows | None,
        drawn: Rows,
        eighths: Rows,
        others: dict[tuple[int, int], int],
        top: int,
        left: int,
        maximum: int,
    ) -> tuple[Rows, dict[tuple[int, int], int]]:
        """The plane, encoded, or decoded where it is None, and what was lacking by place, as ``others`` of the plane
        before."""
        rows, width = len(drawn), len(drawn[0])
        lacks: dict[tuple[int, int], int] = {}
        tiles: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for y in range(rows):
            for x in range(width):
                tiles[(top + y) // 8, (left + x) // 8].append((y, x))
        lacking: dict[tuple[int, int], int] = {}
        for (row, column), places in sorted(tiles.items()):
            first = min(y for y, _ in places)
            above = any(lacks.get((first - 1, x), 0) for y, x in places if y == first)
            other = any(others.get(place, 0) for place in places)
            some = int(any(plane[y][x] != drawn[y][x] for y, x in places)) if plane else 0
            name = ("tile", above, lacking.get((row, column - 1), 0), other)
            lacking[row, column] = self.decide(some, *name)
            for y, x in places if lacking[row, column] else []:
                lack = plane[y][x] - drawn[y][x] if plane else 0
                lacks[y, x] = self.lack(lack, drawn, eighths[y][x], lacks, bool(others.get((y, x), 0)), y, x)
                if not 0 <= drawn[y][x] + lacks[y, x] <= maximum:
                    raise BrokenError
        return [[drawn[y][x] + lacks.get((y, x), 0) for x in range(width)] for y in range(rows)], lacks

    def lack(
        self, lack: int, drawn: Rows, eighths: int, lacks: dict[tuple[int, int], int], other: bool, y: int, x: int
    ) -> int:
        west, north = lacks.get((y, x - 1), 0), lacks.get((y - 1, x), 0)
        corners = (bool(lacks.get((y - 1, x - 1), 0)), bool(lacks.get((y - 1, x + 1), 0)))
        doubt = min(eighths, 7 - eighths)
        if not self.decide(int(lack != 0), "lacks", bool(west), bool(north), corners, doubt, other):
            return 0
        beside = [drawn[y][x - 1] + west] if west else []
        beside += [drawn[y - 1][x] + north] if north else []
        # The value of the neighbour in the west, else in the north, if that is no lack of nothing.
        same = beside[0] - drawn[y][x] if beside else 0
        if same:
            kind = "one" if len(beside) == 1 else "alike" if beside[0] == beside[1] else "unlike"
            if self.decide(int(lack == same), "same", kind):
                return same
        signs = [(value > 0) - (value < 0) for value in (west, north)]
        negative = self.decide(int(lack < 0), "sign", *signs, eighths >= 4)
        size = self.size(abs(lack), 24, "size", max(abs(west), abs(north)) > 1)
        return -size if negative else size


# Whole streams.


WAVES = [
    [round(2**13 * (math.sqrt(1 / 8) if u == 0 else 0.5) * math.cos((2 * x + 1) * u * math.pi / 16)) for x in range(8)]
    for u in range(8)
]
"""The orthonormal cosine transform of eight samples, in 13 bits."""


class Reference:
    """What one component says of coefficients of another; grids are (down, across, top, left).

    Its samples, in sixteenths, added up over all that a sample of the other stands for, transformed.
    """

    def __init__(
        self, values: dict[Place, int], blocks: tuple[int, int], source: tuple[int, ...], target: tuple[int, ...]
    ) -> None:
        self.values, self.blocks, self.source, self.target = values, blocks, source, target
        self.samples: dict[tuple[int, int], int] = {}
        for row, column in np.ndindex(blocks) if source != target else ():
            drawn = inverse([values.get((row, column, *divmod(k, 8)), 0) for k in range(64)])
            for k, number in enumerate(drawn):
                sixteenths = (number - 2**17 + 2**13) // 2**14
                self.samples[8 * row + k // 8, 8 * column + k % 8] = clamp(sixteenths, -(2**20), 2**20)

    def block(self, row: int, column: int) -> list[int]:
        """All 64 numbers of a block."""
        if self.source == self.target:
            return [self.values.get((row, column, *divmod(k, 8)), 0) for k in range(64)]
        area = self.target[0] * self.target[1] * 16
        sums = [self.sum(8 * row + k // 8, 8 * column + k % 8) for k in range(64)]
        return [
            (sum(WAVES[u][k // 8] * WAVES[v][k % 8] * sums[k] for k in range(64)) + area * 2**25) // (area * 2**26)
            for u in range(8)
            for v in range(8)
        ]

    def sum(self, y: int, x: int) -> int:
        """The samples that sample (y, x) of the other stands for; the nearest where there are none."""
        ranges = []
        for axis, place in enumerate((y, x)):
            factor, first = self.target[axis], place * self.target[axis] - self.target[2 + axis]
            own = [(self.source[2 + axis] + first + k) // self.source[axis] for k in range(factor)]
            ranges.append([clamp(at, 0, 8 * self.blocks[axis] - 1) for at in own])
        return sum(self.samples[i, j] for i in ranges[0] for j in ranges[1])


@dataclass
class Stream:
    """What the head of a plane says - down, across, top and left, then the steps - and its stream behind all heads."""

    grid: tuple[int, ...]
    table: list[int]
    rest: bytes
    upsampling: int = 0
    inverse: int = 0
    further: tuple[int, int] = (0, 0)

    @classmethod
    def all_of(cls, streams: Sequence[bytes], tables: Sequence[list[int]]) -> list[Stream]:
        """Those of the planes of a single image; ``tables``: the standard ones, from number 1 on."""
        flags, rest = streams[0][0], streams[0][1:]
        above, below, before, behind = (flags // 2**bit % 2 for bit in (4, 5, 6, 7))
        found: list[Stream] = []
        for _ in streams:
            if found and rest[:1] == b"\xff":
                found, rest = [*found, found[-1]], rest[1:]
                continue
            head = rest.ljust(67, b"\0")
            down, across, top, left = 1 + head[0] % 2, 1 + head[0] // 2 % 2, head[1] % 16, head[1] // 16
            top = 16 if (down, top, above) == (2, 0, 1) else top
            left = 16 if (across, left, before) == (2, 0, 1) else left
            further = (down - 1) * below, (across - 1) * behind
            number, kinds = head[2], (head[0] // 4 % 7, head[0] // 28)
            table = tables[number - 1] if number else [*head[3:67]]
            rest = rest[3 if number else 67 :]
            found.append(cls((down, across, top, left), table, b"", *kinds, further))
        return [replace(each, rest=own) for each, own in zip(found, (rest, *streams[1:]), strict=True)]

    def blocks(self, rows: int, width: int) -> tuple[int, int]:
        down, across, top, left = self.grid[:4]
        last_row, last_column = top + rows + self.further[0] - 1, left + width + self.further[1] - 1
        return last_row // down // 8 + 1, last_column // across // 8 + 1

    def draw(self, coefficients: list[list[list[int]]], rows: int, width: int) -> tuple[Rows, Rows]:
        """The plane, and eighths of steps, which are nothing where the component is enlarged."""
        down, across, top, left = self.grid[:4]
        component, eighths = draw(coefficients, self.table, self.inverse)
        if self.upsampling == 2 and down * across > 1:
            scaled = draw_scaled(coefficients, self.table, down, across)
            plane = [line[left : left + width] for line in scaled[top : top + rows]]
        elif self.upsampling == 1:
            lines = [component[y // down] for y in range(top, top + rows)]
            plane = [[line[x // across] for x in range(left, left + width)] for line in lines]
        elif self.upsampling == 5 and down * across > 1:
            fine = fine_component(coefficients, self.table)
            plane = enlarge_finely(fine, self.grid, rows, width, self.further)
        else:
            plane = enlarge(component, self.grid, rows, width, self.upsampling, self.further)
        if down * across > 1:
            return plane, [[0] * width for _ in range(rows)]
        return plane, [line[left : left + width] for line in eighths[top : top + rows]]


# Finding coefficients.


def forward(samples: Sequence[float]) -> list[float]:
    """The orthonormal cosine transform of 8 x 8 samples."""

    def wave(frequency: int, place: int) -> float:
        height = math.sqrt(1 / 8) if frequency == 0 else 1 / 2
        return height * math.cos((2 * place + 1) * frequency * math.pi / 16)

    waves = np.array([[wave(frequency, place) for place in range(8)] for frequency in range(8)])
    found: list[float] = (waves @ np.reshape(samples, (8, 8)) @ waves.T).reshape(-1).tolist()
    return found


def shrunk(line: Sequence[float], weights: Sequence[float], first: int) -> list[float]:
    """The weighted least-squares origin of a line that was enlarged to twice its length."""
    count = (first + len(line) - 1) // 2 + 1
    matrix = np.zeros((len(line), count))
    for row, parts in zip(matrix, shares(first, len(line), 2), strict=True):
        for place, share in parts:
            row[place] += share / 4
    roots = np.sqrt(np.maximum(weights, 1 / 64))
    found: list[float] = np.linalg.lstsq(matrix * roots[:, None], np.array(line, float) * roots, rcond=None)[0].tolist()
    return found


def origins(red: int, green: int, blue: int) -> Any:
    """Every Y, Cb, Cr that converts to a colour, shape (any number, 3): ITU-T T.871 in 16-bit fixed point."""
    chroma = np.arange(-128, 128)
    found = [np.zeros((0, 3), int)]
    for y in range(256):
        # Red depends on Cr alone, blue on Cb.
        v = chroma[np.clip(y + (91881 * chroma + 32768) // 65536, 0, 255) == red]
        u = chroma[np.clip(y + (116130 * chroma + 32768) // 65536, 0, 255) == blue][:, None]
        fitting = np.argwhere(np.clip(y + (32768 - 22554 * u - 46802 * v) // 65536, 0, 255) == green)
        found.append(np.array([(y, u[i, 0] + 128, v[j] + 128) for i, j in fitting], int).reshape(-1, 3))
    return np.concatenate(found)
