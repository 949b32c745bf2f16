"""Spec likeness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .coding_tools import UNTRAINED, Decisions, from_zigzag, learn, med
from .notation import Reader, clamp, require


@dataclass
class Reference:
    """An earlier image: of each component its rows of samples from 0 to 2^bits - 1."""

    components: list[list[list[int]]]
    bits: int


# Spec likeness/plan


@dataclass
class Placing:
    """Where an image is expected to come from."""

    reference: int
    arrangement: int
    outside: int
    reduction: int
    component: int
    down: int
    across: int


@dataclass
class Plan:
    """The placings by the place of an image in its group, and how the other images are coded."""

    placings: dict[int, Placing]
    way: int
    mode: int
    model: int


GUIDED, GOES_ON = 1, 2


def read_plan(data: bytes, images: int) -> Plan:
    """The plan of a group of so many images."""
    reader = Reader(data)
    if data[:1] == bytes([GOES_ON]):
        reader.u8()
        model, reference = reader.varint(), reader.varint()
        reader.end()
        require(model not in (4, 5), "model of a group that goes on")
        return Plan({0: Placing(reference, 0, 0, 0, 0, 0, 0)}, GOES_ON, 0, model)
    way, mode, model, count = reader.u8(), reader.u8(), reader.varint(), reader.varint()
    require(way <= GUIDED and mode in (0, 2, 4, 6) and model not in (4, 5), "way, mode or model of predicted images")
    require(1 <= count <= 65536, "number of predicted images")
    placings = {}
    place = -1
    for _ in range(count):
        place += reader.varint() + 1
        reference, turning, component = reader.varint(), reader.u8(), reader.varint()
        down, across = from_zigzag(reader.varint()), from_zigzag(reader.varint())
        require(place < images and turning < 128, "placing out of range")
        require(max(abs(down), abs(across)) <= 1 << 31, "placing out of range")
        placings[place] = Placing(reference, turning & 7, turning >> 3 & 3, turning >> 5, component, down, across)
    reader.end()
    return Plan(placings, way, mode, model)


# Spec likeness/cost


@dataclass
class Account:
    """What a band or group of so many samples costs."""

    samples: int
    cost: int = 0
    place: int = -1

    def ask(self, samples: int, place: int | None = None, decoding: int = 0, tables: int = 0) -> None:
        """Ask for an image of so many samples; ``place``: where its band or group begins, if that is another one."""
        self.cost += samples + tables // 8
        if place not in (None, self.place):
            self.place = place or 0
            self.cost += decoding
        require(self.cost <= min((1 << 20) + 256 * self.samples, (1 << 24) + 4 * self.samples), "too much is asked for")


# Spec likeness/placing


def reduce(rows: list[list[int]], reduction: int) -> list[list[int]]:
    side = 1 << reduction
    height, width = len(rows) >> reduction, len(rows[0]) >> reduction
    require(height > 0 and width > 0, "reference too small to be reduced")
    return [
        [
            (sum(rows[side * y + i][side * x + j] for i in range(side) for j in range(side)) + side * side // 2)
            // (side * side)
            for x in range(width)
        ]
        for y in range(height)
    ]


def arrange(rows: list[list[int]], arrangement: int) -> list[list[int]]:
    if arrangement & 4:
        rows = [list(column) for column in zip(*rows, strict=True)]
    if arrangement & 1:
        rows = rows[::-1]
    return [row[::-1] for row in rows] if arrangement & 2 else rows


def line(number: int, count: int, outside: int) -> int:
    """The row or column that is taken, of so many."""
    if outside == 2:
        return number % count
    if outside == 3 and count > 1:
        place = number % (2 * count - 2)
        return min(place, 2 * count - 2 - place)
    return clamp(number, 0, count - 1)


@dataclass
class Field:
    """An image or band that is being decoded: rows and columns, where its first row is, components and bits."""

    first_row: int
    rows: int
    width: int
    components: int
    bits: int


class Departures:
    """Reads the stream of departures."""

    def __init__(self, stream: bytes) -> None:
        self.decisions = Decisions(stream)
        self.models: dict[tuple[str, int], int] = {}
        self.rate = [[0] * 4096 for _ in range(3)]

    # Spec likeness/value-tables

    def rare(self, name: str, index: int = 0) -> int:
        model = self.models.get((name, index), UNTRAINED)
        bit = self.decisions.decide(clamp(model >> 16, 2, 65534))
        self.models[name, index] = learn(model, bit)
        return bit

    def number(self, name: str, index: int) -> int:
        digits = 0
        while self.rare(name, 18 * index + digits):
            digits += 1
            require(digits < 18, "number too long")
        value = 2 + self.rare("highest", digits) if digits else 1
        return self.decisions.bypass_bits(max(0, digits - 1), value) - 1

    def image(self, placing: Placing, reference: Reference, field: Field) -> list[list[list[int]]]:
        """The components of the next image."""
        count = len(reference.components)
        require(placing.component < count, "no such component of a reference")
        taken = [
            arrange(
                reduce(reference.components[(placing.component + c) % count], placing.reduction), placing.arrangement
            )
            for c in range(field.components)
        ]
        used = {value for component in taken for row in component for value in row}
        expected = []
        table: Callable[[int], int] = int
        for c, component in enumerate(taken):
            if c == 0 or not self.rare("is_same"):
                table = self.table(reference.bits, field.bits, used)
            fill = self.decisions.bypass_bits(field.bits, 0) if placing.outside == 0 else 0
            expected.append(expect(component, table, fill, placing, field))
        return self.samples(expected, field)

    def table(self, bits: int, own_bits: int, used: set[int]) -> Callable[[int], int]:
        top = (1 << own_bits) - 1
        if self.rare("is_kept"):
            return lambda value: min(value, top)
        values: dict[int, int] = {}
        value = context = 0
        for entry in sorted(used):
            z = self.number("step", context)
            value += from_zigzag(z)
            require(0 <= value <= top, "entry of a table out of range")
            values[entry] = value
            context = context % 5 * 5 + {0: 0, 2: 1, 1: 2, 4: 3}.get(z, 4)
        return values.__getitem__

    # Spec likeness/departures

    def samples(self, expected: list[list[list[int]]], field: Field) -> list[list[list[int]]]:
        found: list[list[list[int]]] = [[] for _ in expected]
        above = 0
        for y in range(field.rows):
            some = self.rare("row", above)
            above = (2 * above + some) % 4
            for c, component in enumerate(found):
                component.append([] if some else expected[c][y][:])
            for x in range(field.width if some else 0):
                for c in range(field.components):
                    found[c][y].append(self.sample(found, expected, (c, y, x), field))
        return found

    def sample(
        self, found: list[list[list[int]]], expected: list[list[list[int]]], place: tuple[int, int, int], field: Field
    ) -> int:
        c, y, x = place
        own = expected[c][y][x]

        def departs(dy: int, dx: int, component: int = c) -> int:
            inside = y + dy >= 0 and 0 <= x + dx < field.width
            return int(inside and found[component][y + dy][x + dx] != expected[component][y + dy][x + dx])

        rates, r = self.rate[min(c, 2)], own >> max(0, field.bits - 12)
        level = sum(rates[r] >= start for start in (512, 2048, 6144, 16384, 32768, 49152, 60000))
        around = departs(0, -1) + 2 * departs(-1, 0) + 4 * departs(-1, 1) + 8 * departs(-1, -1) + 16 * departs(0, -2)
        around += 32 * departs(0, 0, c - 1) + 64 if c > 0 else 0
        bit = self.rare("departs", 8 * around + level)
        rates[r] += (65535 * bit - rates[r]) >> 5
        return self.departing(found[c], expected[c], y, x, field) if bit else own

    def departing(self, found: list[list[int]], expected: list[list[int]], y: int, x: int, field: Field) -> int:
        own = expected[y][x]
        last = x == field.width - 1
        west = found[y][x - 1] if x else found[y - 1][x] if y else own
        north = found[y - 1][x] if y else west
        corner = found[y - 1][x - 1] if y and x else north
        beyond = found[y - 1][x + 1] if y and not last else north
        far = abs(west - expected[y][x - 1]) if x else 0
        far += abs(north - expected[y - 1][x]) if y else 0
        far += abs(beyond - expected[y - 1][x + 1]) if y and not last else 0
        rough = abs(west - corner) + abs(north - corner) + abs(beyond - north)
        trusts = int(far <= rough)
        z = self.number("size", 8 * trusts + min(7, min(far, rough).bit_length())) + trusts
        value = (own if trusts else med(west, north, corner)) + from_zigzag(z)
        require(0 <= value < 1 << field.bits, "departing sample out of range")
        return value


def expect(
    component: list[list[int]], table: Callable[[int], int], fill: int, placing: Placing, field: Field
) -> list[list[int]]:
    """What is expected of a component of an image."""
    height, width = len(component), len(component[0])
    result = []
    for y in range(field.first_row + placing.down, field.first_row + placing.down + field.rows):
        row = component[line(y, height, placing.outside)]
        is_there = 0 <= y < height
        result.append(
            [
                fill
                if placing.outside == 0 and not (is_there and 0 <= x < width)
                else table(row[line(x, width, placing.outside)])
                for x in range(placing.across, placing.across + field.width)
            ]
        )
    return result


# Spec likeness/guide


def features_of(placing: Placing, guide: Reference, field: Field) -> list[list[list[int]]]:
    """The three features of each sample of a guide."""
    require(placing.component < len(guide.components), "no such component of a guide")
    plane = arrange(reduce(guide.components[placing.component], placing.reduction), placing.arrangement)
    plane = expect(plane, lambda value: value << (16 - guide.bits), 0, placing, field)
    near, middle, far = (means(plane, reach) for reach in (1, 4, 12))
    gray = [[min(value >> 12, 15) for value in row] for row in near]
    return [levels(near, middle), levels(near, far), gray]


def means(plane: list[list[int]], reach: int) -> list[list[int]]:
    """The means of the squares around samples."""
    side = 2 * reach + 1
    for _ in range(2):  # along rows, then along columns, which are rows meanwhile
        sums = []
        for row in plane:
            wide = [row[0]] * reach + row + [row[-1]] * reach
            sums.append([sum(wide[x : x + side]) for x in range(len(row))])
        plane = [list(column) for column in zip(*sums, strict=True)]
    return [[value // side**2 for value in row] for row in plane]


def levels(first: list[list[int]], second: list[list[int]]) -> list[list[int]]:
    """The levels of differences."""
    differences = [[a - b for a, b in zip(*rows, strict=True)] for rows in zip(first, second, strict=True)]
    count = len(first) * len(first[0])
    size = max(1, sum(abs(value) for row in differences for value in row) // count)
    return [[clamp(2 * value // size + 8, 0, 15) for value in row] for row in differences]
