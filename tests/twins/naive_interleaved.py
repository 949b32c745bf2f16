"""Plain-Python twin of the interleaved coder's kernels, from the definitions: an encoder of planes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Rows = list[list[int]]
STATES = 512


@dataclass
class Plane:
    """A known plane, less its middle; ``errors`` fill up row by row."""

    samples: Rows
    errors: Rows = field(default_factory=list)
    margins: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows, self.width = len(self.samples), len(self.samples[0])
        self.margins = self.margins or [(0, 0)] * self.rows
        self.known = self.rows
        third = self.rows // 3
        self.tops = [0, third, 2 * third] if self.rows >= 96 else [0]

    def stripe(self, y: int) -> int:
        return max(number for number, top in enumerate(self.tops) if top <= y)

    def s(self, y: int, x: int) -> int:
        y = min(y, self.rows - 1)
        left, inside = self.margins[y][0], self.inside(y)
        if x < 0 or (x < left and y >= self.known):
            return 0 if y in self.tops else self.s(y - 1, left)
        if not inside:
            return 0 if y in self.tops else self.s(y - 1, min(x, self.width - 1))
        return self.samples[y][max(inside[0], min(x, inside[-1]))]

    def e(self, y: int, x: int) -> int:
        y, x = min(y, self.rows - 1), max(0, min(x, self.width - 1))
        inside = self.inside(y)
        if not inside:
            return 0 if y in self.tops else self.e(y - 1, x)
        return self.errors[y][max(inside[0], min(x, inside[-1]))]

    def inside(self, y: int) -> range:
        """Columns of a row that are coded."""
        left, right = self.margins[y]
        return range(left, self.width - right)

    def order(self) -> list[tuple[int, int]]:
        """Places as they are coded: those of three stripes in turn, then rows left over."""
        third = self.rows // 3 if len(self.tops) == 3 else 0
        turns = []
        for rows in ([top + y for top in self.tops] for y in range(third)):
            ends = [(self.margins[y][0], self.width - self.margins[y][1]) for y in rows]
            start = max(first for first, _ in ends)
            end = max(start, min(end for _, end in ends))
            turns += [(y, x) for y in rows for x in self.inside(y) if x < start]
            turns += [(y, x) for x in range(start, end) for y in rows]
            turns += [(y, x) for y in rows for x in self.inside(y) if x >= end]
        return turns + [(y, x) for y in range(3 * third, self.rows) for x in self.inside(y)]


def margins_of(planes: list[Rows], image_rows: int) -> list[tuple[int, int]] | None:
    """Of each row of planes how many columns at its left and at its right have the first colour of all; None where
    there are too few."""
    rows, width = len(planes[0]), len(planes[0][0])
    found = []
    for y in range(rows):
        blank = [all(plane[y][x] == plane[0][0] for plane in planes) for x in range(width)]
        left = blank.index(False) if False in blank else width
        found.append((left, 0 if left == width else blank[::-1].index(False)))
    is_small = image_rows * width <= 1 << 15 and width <= 1024
    return found if is_small and 16 * sum(map(sum, found)) >= rows * width else None


def taps_of(own: Plane, references: list[Plane], y: int, x: int) -> list[int]:
    """All taps but the constant."""
    higher = max(y - 2, own.tops[own.stripe(y)])
    places = [(y, -1), (y, -2), (y - 1, 0), (y - 1, -1), (y - 1, 1), (higher, 0), (y - 1, -2), (y - 1, 2)]
    places += [(higher, -1), (higher, 1), (higher, -2), (higher, 2), (y - 1, 3)]
    values = [own.s(row, x + dx) for row, dx in places]
    around = [[(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0)], [(0, 0), (0, -1), (-1, 0)]]
    for reference, offsets in zip(references, around, strict=False):
        values += [reference.s(y + dy, x + dx) for dy, dx in offsets]
    return values


def texture_of(own: Plane, references: list[Plane], threshold: int, y: int, x: int) -> tuple[int, int]:
    """Activity, and the class of the texture map."""
    plane, here, above = own, y - 1, max(y - 2, own.tops[own.stripe(y)])
    if references:
        plane, here, above = references[0], y, y - 1
    middle = plane.s(here, x)
    along = abs(middle - plane.s(here, x - 1)) + abs(middle - plane.s(here, x + 1))
    down = {dx: abs(plane.s(here, x + dx) - plane.s(above, x + dx)) for dx in (-1, 0, 1)}
    activity = along + down[0] + down[-1]
    turn = 4 * (along - down[-1] - down[1])
    direction = 1 if turn > activity else 2 if turn < -activity else 0
    return activity, 3 * (activity > threshold) + direction


def wrapped(total: int, bits: int) -> int:
    total %= 1 << bits
    return total - (1 << bits) if total >> (bits - 1) else total


def trace(
    own: Plane, references: list[Plane], model: Any, grid: int, bits: int
) -> dict[tuple[int, int], tuple[int, int]]:
    """Residual and cell of each sample; fills the errors."""
    prediction = model.prediction
    shift, scale = prediction.error_shift, prediction.fraction
    found = {}
    for y in range(own.rows):
        own.errors.append([0] * own.width)
        own.known = y
        for x in own.inside(y):
            if y in own.tops:
                total, level = own.s(y, x - 1), model.start
                if references:
                    total += references[0].s(y, x) - references[0].s(y, x - 1)
                total *= 1 << scale
            else:
                activity, texture = texture_of(own, references, prediction.threshold, y, x)
                place = 8 * ((y + grid // 8) % 8) + (x + grid) % 8
                weights = prediction.weights[(0, texture, place)[prediction.class_map]].tolist()
                taps = [*taps_of(own, references, y, x), 1]
                total = sum(tap * weight for tap, weight in zip(taps, weights, strict=True))
                higher = max(y - 2, own.tops[own.stripe(y)])
                terms = [own.e(y - 1, x), own.e(y - 1, x - 1), own.e(y - 1, x + 1), own.e(higher, x)]
                terms += [own.e(y - 1, x - 2), own.e(y - 1, x + 2), min(255, 2 * activity >> shift)]
                if references:
                    terms += [references[0].e(y, x + dx) for dx in (0, -1, 1)]
                    terms += [references[0].e(y - 1, x), references[0].e(y + 1, x)]
                errors = prediction.error_weights[place if len(prediction.error_weights) > 1 else 0].tolist()
                expected = sum(term * weight for term, weight in zip(terms, errors, strict=True))
                level = sum(expected > edge for edge in model.edges.tolist())
            total = wrapped(total, bits)
            sample = own.samples[y][x]
            found[y, x] = sample - (total >> scale), 4 * level + (total >> (scale - 2)) % 4
            own.errors[y][x] = min(255, abs(8 * sample - (total >> (scale - 3))) >> shift)
    own.known = own.rows
    return found


def token_of(residual: int, frequencies: list[int]) -> tuple[int, int, int]:
    """Token, number of plain bits and plain bits."""
    size = abs(residual)
    if size <= 15:
        token, bits, plain = residual + 15, 0, 0
    else:
        bits = (size - 12).bit_length() - 1
        plain = size - 12 - (1 << bits)
        token = 31 + 2 * (bits - 2) + (residual < 0)
    if token >= 63 or frequencies[token] == 0:
        return 63, 32, 2 * residual if residual >= 0 else -2 * residual - 1
    return token, bits, plain


def stream_of(
    images: list[tuple[Plane, dict[tuple[int, int], tuple[int, int]]]], model: Any, margins: bytes = b""
) -> bytes:
    """The stream of a plane of a group; ``margins``: what says them, in that of the first."""
    states, bits = [0] * 3, ""  # the bit that is read first stands last
    cells = model.cells.ravel().tolist()
    tables = [states_of(row) for row in model.frequencies.tolist()]
    for own, found in reversed(images):
        for y, x in reversed(own.order()):
            residual, cell = found[y, x]
            frequencies = model.frequencies[cells[cell]].tolist()
            token, count, plain = token_of(residual, frequencies)
            stripe = own.stripe(y)
            bits += f"{plain:0{count}b}" if count else ""
            state, count = states[stripe] + STATES, 0
            while state >> count >= 2 * frequencies[token]:
                count += 1
            bits += f"{state % (1 << count):0{count}b}" if count else ""
            states[stripe] = tables[cells[cell]][token][(state >> count) - frequencies[token]]
    bits += "".join(f"{state:09b}" for state in reversed(states)) + "1"
    bits += "0" * (-len(bits) % 8)
    return margins + int(bits, 2).to_bytes(len(bits) // 8, "little")


def states_of(frequencies: list[int]) -> list[list[int]]:
    """The states of each token, rising."""
    found: list[list[int]] = [[] for _ in frequencies]
    place = 0
    for token, frequency in enumerate(frequencies):
        for _ in range(frequency):
            found[token].append(place)
            place = (place + 323) % STATES
    return [sorted(states) for states in found]
