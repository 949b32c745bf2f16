"""Plain-Python twins of the context coder's kernels: definitions over dictionaries and lists, no padding, no buffers.

Whatever is coded goes through ``decide(bit, chance)`` of a Writer (which takes the bit) or a Reader (which ignores
it); both return the bit. Adaptive probabilities are found by name, not by place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

Rows = list[list[int]]


class BrokenError(Exception):
    """A stream leads outside what may be coded."""


class Writer:
    """A range of 32-bit numbers that shrinks with every decision; equal leading bytes are written."""

    def __init__(self) -> None:
        self.low, self.high, self.written = 0, 2**32 - 1, []

    def decide(self, bit: int, chance: int) -> int:
        split = self.low + (self.high - self.low) * chance // 65536
        if bit:
            self.high = split
        else:
            self.low = split + 1
        while self.low // 2**24 == self.high // 2**24:
            self.written.append(self.low // 2**24)
            self.low = self.low % 2**24 * 256
            self.high = self.high % 2**24 * 256 + 255
        return bit

    def finish(self) -> bytes:
        """The range spans two leading bytes: the second with zeros after it lies inside. So does zero itself."""
        tail = [self.low // 2**24 + 1] if self.low else []
        return bytes(self.written + tail).rstrip(b"\0")


class Reader:
    """The same range, followed by the number that the stream spells, zeros after its end."""

    def __init__(self, stream: bytes) -> None:
        self.low, self.high, self.rest = 0, 2**32 - 1, list(stream)
        self.number = 0
        for _ in range(4):
            self.number = self.number * 256 + self.next_byte()

    def next_byte(self) -> int:
        return self.rest.pop(0) if self.rest else 0

    def decide(self, _: int, chance: int) -> int:
        split = self.low + (self.high - self.low) * chance // 65536
        bit = int(self.number <= split)
        if bit:
            self.high = split
        else:
            self.low = split + 1
        while self.low // 2**24 == self.high // 2**24:
            self.low = self.low % 2**24 * 256
            self.high = self.high % 2**24 * 256 + 255
            self.number = self.number % 2**24 * 256 + self.next_byte()
        return bit


Coder = Writer | Reader


class Adaptive:
    """Adaptive probabilities by name, evens unless ``start`` says otherwise, and what is coded with them."""

    def __init__(self, coder: Coder, start: dict[Hashable, int] | None = None) -> None:
        self.coder = coder
        self.chances: dict[Hashable, int] = defaultdict(lambda: 32768)
        self.chances.update(start or {})

    def decide(self, bit: int, name: Hashable) -> int:
        chance = self.chances[name]
        bit = self.coder.decide(bit, sorted((32, chance, 65504))[1])
        self.chances[name] = chance + (65535 * bit - chance) // 64
        return bit

    def plain(self, value: int, bits: int) -> int:
        """A number of some bits, each even."""
        found = 0
        for place in reversed(range(bits)):
            found = 2 * found + self.coder.decide(value >> place & 1, 32768)
        return found

    def integer(self, value: int, name: Hashable) -> int:
        """Elias gamma of value + 1."""
        length = 0
        while self.decide(int(value + 1 >= 2 ** (length + 1)), (name, length)):
            length += 1
            if length > 30:
                raise BrokenError
        return 2**length + self.plain(max(0, value + 1) % 2**length, length) - 1


def code_table(coder: Coder, shape: tuple[int, int], table: Rows | None) -> Rows:
    """Entries as differences from the row above: changed?, negative?, how far."""
    adaptive = Adaptive(coder)
    found: Rows = []
    for row in range(shape[0]):
        found.append([])
        for column in range(shape[1]):
            above = found[row - 1][column] if row else 0
            difference = table[row][column] - above if table else 0
            if adaptive.decide(int(difference != 0), (column, "changed")):
                negative = adaptive.decide(int(difference < 0), (column, "negative"))
                size = adaptive.integer(abs(difference) - 1, (column, "size")) + 1
                difference = -size if negative else size
            if table is None and abs(above + difference) > 2**29:
                raise BrokenError
            found[row].append(above + difference)
    return found


def code_sparse(coder: Coder, rows: int, width: int, plane: Rows | None) -> Rows:
    """Zero or not in the context of four neighbours, then three digits in base 511, folded around 255."""
    quiet = ("zero", (False, False, False, False))
    adaptive = Adaptive(coder, {quiet: 64})
    found: dict[tuple[int, int], int] = {}
    for y in range(rows):
        for x in range(width):
            near = ((y, x - 1), (y - 1, x), (y - 1, x - 1), (y - 1, x + 1))
            around = tuple(found.get(place, 0) != 0 for place in near)
            value = plane[y][x] if plane else 0
            found[y, x] = 0
            if adaptive.decide(int(value != 0), ("zero", around)):
                digits = [(value - 1) // 511**2, (value - 1) // 511 % 511, (value - 1) % 511]
                for channel, digit in enumerate(digits):
                    away = digit - 255
                    folded = adaptive.integer(2 * away if away >= 0 else -2 * away - 1, channel)
                    if folded > 510:
                        raise BrokenError
                    digits[channel] = 255 + (folded // 2 if folded % 2 == 0 else -(folded + 1) // 2)
                found[y, x] = 1 + (digits[0] * 511 + digits[1]) * 511 + digits[2]
    return [[found[y, x] for x in range(width)] for y in range(rows)]


def code_counters(coder: Coder, count: int, nodes: int, symbols: list[int] | None) -> list[int]:
    """Touched or not after whether the one before was; then five bits of chance and two of experience, as trees."""
    adaptive = Adaptive(coder)
    found: list[int] = []
    for i in range(count):
        node, touched_before = i % nodes, bool(found) and found[-1] > 0
        symbol = symbols[i] if symbols else 0
        if not adaptive.decide(int(symbol > 0), (node, touched_before)):
            found.append(0)
            continue
        path = ""
        for bit in f"{max(0, symbol - 1):07b}":
            # The first five bits are one tree; below each of its leaves is a small one.
            path += str(adaptive.decide(int(bit), (node, "tree", path)))
        found.append(1 + int(path, 2))
    return found


# Prediction.

OWN = [
    "W", "N", "NW", "NE", "WW", "NN", "NWW", "NEE", "NNW", "NNE",
    "WWW", "NNN", "NNWW", "NNEE", "WWWW", "NWWW", "NEEE", "NNNW", "NNNE", "NNNN",
]  # fmt: skip
AROUND = ["P", "W", "N", "E", "S", "NW", "NE", "SE", "SW"]


def offset(name: str) -> tuple[int, int]:
    """(rows, columns) that a name walks."""
    return name.count("S") - name.count("N"), name.count("E") - name.count("W")


def clamp(value: int, low: int, high: int) -> int:
    return low if value < low else high if value > high else value


@dataclass
class Image:
    """A plane while it is coded: what is known of it in ``samples``; its references are whole."""

    rows: int
    width: int
    middle: int
    references: Sequence[Rows]
    samples: dict[tuple[int, int], int]

    @classmethod
    def of(cls, plane: Rows, middle: int, references: Sequence[Rows]) -> Image:
        """All of a plane known: borders do not look at what is yet to come."""
        samples = {(y, x): value for y, row in enumerate(plane) for x, value in enumerate(row)}
        return cls(len(plane), len(plane[0]), middle, references, samples)

    def own(self, y: int, x: int, current: tuple[int, int]) -> int:
        """A sample as seen from the ``current`` one."""
        if y < 0 and current[0] == 0:
            return self.own(0, current[1] - 1, current)
        if y < 0:
            # As the first row left it: what was to the left of the last sample whose surroundings reached there.
            return self.own(0, min(x + 4, self.width - 1) - 1, current)
        if x < 0:
            return self.samples[y - 1, 0] if y else self.middle
        return self.samples[y, min(x, self.width - 1)]

    def reference(self, number: int, y: int, x: int) -> int:
        return self.references[number][clamp(y, 0, self.rows - 1)][clamp(x, 0, self.width - 1)]

    def around(self, y: int, x: int) -> dict[str, int]:
        """All neighbours by name: own ones, then those of the first reference after "p", the second after "q"."""
        names = {name: self.own(y + offset(name)[0], x + offset(name)[1], (y, x)) for name in OWN}
        for number, letter in enumerate("pq"[: len(self.references)]):
            for name in AROUND:
                down, right = offset(name)
                names[letter + name] = self.reference(number, y + down, x + right)
        return names


def taps_of(names: dict[str, int]) -> list[int]:
    return [*names.values(), 8]


def class_of(names: dict[str, int], grid: bool, row: int, column: int, thresholds: Sequence[int]) -> int:
    if "pP" in names:
        amount = sum(abs(names["pP"] - names["p" + side]) for side in "WNES")
    else:
        amount = abs(names["W"] - names["N"]) + abs(names["N"] - names["NE"]) + abs(names["W"] - names["NW"])
    level = sum(amount > threshold for threshold in thresholds)
    if grid:
        return 32 * (row % 8) + 4 * (column % 8) + level
    if "pP" in names:
        apart = [names[side] - names["p" + side] for side in ("W", "N", "NW")]
        amount = sum(abs(apart[i] - apart[i - 1]) for i in range(3))
        return 8 * sum(2 * amount > threshold for threshold in thresholds) + level
    four = [names[side] for side in ("W", "N", "NE", "NW")]
    return level + sum(8 << i for i in range(3) if 4 * four[i] > sum(four))


def predict(taps: Sequence[int], weights: Sequence[int], maximum: int) -> int:
    """In eighths."""
    return clamp(sum(tap * weight for tap, weight in zip(taps, weights, strict=True)) // 2**13, 0, 8 * maximum)


def energy(errors: dict[tuple[int, int], int], y: int, x: int) -> int:
    places = [(y, x - 1), (y, x - 1), (y - 1, x), (y - 1, x), (y - 1, x - 1), (y - 1, x + 1), (y, x - 2), (y - 2, x)]
    return sum(errors.get(place, 0) for place in places)


def accumulate(
    image: Image, grid: int | None, thresholds: Sequence[int], stride: int
) -> dict[tuple[int, int, int], int]:
    """(class, row, column) -> sum of products, nothing above the diagonal. ``grid``: None for textures."""
    sums: dict[tuple[int, int, int], int] = defaultdict(int)
    places = [(y, x) for y in range(image.rows) for x in range(image.width)]
    for y, x in places[stride - 1 :: stride]:
        names = image.around(y, x)
        row, column = divmod(grid or 0, 8)
        number = class_of(names, grid is not None, row + y, column + x, thresholds)
        line = [*taps_of(names), image.samples[y, x]]
        if grid is None:
            relative = [*range(20), len(line) - 1]
            line = [value - names["W"] if i in relative else value for i, value in enumerate(line)]
        for i, down in enumerate(line):
            for j, across in enumerate(line[: i + 1]):
                sums[number, i, j] += down * across
    return {key: value for key, value in sums.items() if value}


def survey(
    image: Image,
    grid: int | None,
    thresholds: Sequence[int],
    weights: Sequence[Sequence[int]],
    maximum: int,
    shift: int,
    cells: int,
) -> dict[tuple[int, int], int]:
    """(energy, column of the residual) -> how often."""
    found: dict[tuple[int, int], int] = defaultdict(int)
    errors: dict[tuple[int, int], int] = {}
    row, column = divmod(grid or 0, 8)
    for y, x in ((y, x) for y in range(image.rows) for x in range(image.width)):
        names = image.around(y, x)
        number = class_of(names, grid is not None, row + y, column + x, thresholds)
        fine = predict(taps_of(names), weights[number], maximum)
        residual = abs(image.samples[y, x] - (fine + 4) // 8)
        size = residual if residual < 8 else 4 + residual.bit_length()
        found[min(energy(errors, y, x) // 2**shift, cells - 1), size] += 1
        errors[y, x] = abs(fine - 8 * image.samples[y, x]) // 2
    return dict(found)


def grid_errors(
    plane: Rows, thresholds: Sequence[int], weights: Sequence[Sequence[int]], maximum: int, stride: int
) -> list[int]:
    """Errors of all 64 places; borders repeat the edge, the first row does not count."""
    rows, width = len(plane), len(plane[0])
    places = [(y, x) for y in range(1, rows) for x in range(width)][stride - 1 :: stride]
    totals = [0] * 64
    for y, x in places:
        names = {}
        for name in OWN:
            down, right = offset(name)
            names[name] = plane[clamp(y + down, 0, rows - 1)][clamp(x + right, 0, width - 1)]
        for place in range(64):
            number = class_of(names, True, place // 8 + y, place % 8 + x, thresholds)
            totals[place] += abs(predict(taps_of(names), weights[number], maximum) - 8 * plane[y][x])
    return totals


# Context mixing.


def terms_of(
    names: dict[str, int], fine: int, level: int, shift: int, predictor: int, place: int, y: int, x: int
) -> list[int]:
    """What contexts are made of, by number."""
    scale = 2**shift
    mu = (fine + 4) // 8
    v: Callable[[str], int] = names.__getitem__
    median = sorted((v("W"), v("N"), v("W") + v("N") - v("NW")))[1]
    z = defaultdict(int, names)  # references that are missing count as zeros
    known = "pP" in names

    def near(value: int) -> int:
        return clamp((value - mu) // scale, -20, 20)

    return [
        level,
        level // 2,
        (fine + 4) % 8 // 2,
        mu // scale,
        predictor,
        place,
        *(near(v(side)) for side in ("W", "N", "NW", "NE", "WW", "NN")),
        near(median),
        near(v("W") + z["pP"] - z["pW"] if known else median),
        near(v("N") + z["pP"] - z["pN"] if known else v("W")),
        near(v("W") + v("N") - v("NW")),
        near(v("W") + v("NE") - v("N")),
        near(2 * v("N") - v("NN")),
        near(2 * v("W") - v("WW")),
        near(v("N") + v("NE") - v("NNE")),
        clamp(2 * (median - mu) // scale, -8, 8),
        v("W") // scale,
        v("N") // scale,
        min(y, 63),
        min(x, 63),
        near(v("NWW")),
        z["pP"] // scale,
        z["qP"] // scale,
        (z["pP"] - z["pW"]) // scale,
        (z["pP"] - z["pN"]) // scale,
        (z["qP"] - z["qW"]) // scale,
        (z["qP"] - z["qN"]) // scale,
        near(v("W") + z["qP"] - z["qW"]),
        near(v("N") + z["qP"] - z["qN"]),
        near(z["pP"]),
        near(z["qP"]),
        near(v("NE") + z["pP"] - z["pNE"]),
        near(v("NW") + z["pP"] - z["pNW"]),
        (z["pP"] - z["pE"]) // scale,
        (z["pP"] - z["pS"]) // scale,
        near(v("W") + v("N") - v("NW") + z["pP"] - (z["pW"] + z["pN"] - z["pNW"])),
        z["pW"] // scale,
        z["pN"] // scale,
        *[0] * 5,
    ]


def place_of(context: int, terms: Sequence[int], slots: int) -> int:
    """First of the 16 counters that a context has now."""
    h = (context + 1) * 0x9E3779B1 % 2**32
    for term in terms:
        h = (h ^ term % 65536) * 0x2C1B3C6D % 2**32
        h ^= h >> 15
    h = h * 0x85EBCA77 % 2**32
    h ^= h >> 13
    return h % (slots // 16) * 16


@dataclass
class Mixing:
    """Coding one plane; state as plain lists that are changed. ``tables``: the lists of STRETCH and SQUASH."""

    plan: Any
    contexts: Sequence[Sequence[int]]
    sets: int
    tables: tuple[list[int], list[int]]
    counters: Rows
    mixers: Rows
    final: Rows
    adaptive: Adaptive

    def code(self, image: Image, plane: Rows | None, grid: int, maximum: int) -> Rows:
        """Encode ``plane``, or decode where it is None, into the image's samples."""
        errors: dict[tuple[int, int], int] = {}
        plan = self.plan
        weights = plan.weights.tolist()
        for y, x in ((y, x) for y in range(image.rows) for x in range(image.width)):
            names = image.around(y, x)
            row, column = grid // 8 + y, grid % 8 + x
            number = class_of(names, plan.class_map == 1, row, column, plan.thresholds.tolist())
            fine = predict(taps_of(names), weights[number], maximum)
            level = sum(energy(errors, y, x) > bound for bound in plan.levels.tolist())
            place = row % 8 * 8 + column % 8 if plan.class_map == 1 else number % 64
            terms = terms_of(names, fine, level, plan.shift, number, place, y, x)
            bases = [
                place_of(i, [terms[t] for t in chosen if t >= 0], len(self.counters[i]))
                for i, chosen in enumerate(self.contexts)
            ]
            where = (bases, level, place, (fine + 4) % 8 // 2, terms[13] + 20)
            mu = (fine + 4) // 8
            sample = plane[y][x] if plane else mu
            if maximum:
                sample = mu + self.residual(sample - mu, mu, maximum, int(plan.low_bits[level]), where)
            if not 0 <= sample <= maximum:
                raise BrokenError
            image.samples[y, x] = sample
            errors[y, x] = abs(fine - 8 * sample) // 2
        return [[image.samples[y, x] for x in range(image.width)] for y in range(image.rows)]

    def residual(self, residual: int, mu: int, maximum: int, low: int, where: Any) -> int:
        """Zero?, sign, how often 2**low, the rest."""
        if not self.decide(int(residual != 0), 0, where):
            return 0
        both = 0 < mu < maximum
        positive = self.decide(int(residual > 0), 1, where) if both else int(mu == 0)
        rest = max(0, abs(residual) - 1)
        most = ((maximum - mu if positive else mu) - 1) // 2**low
        steps = 0
        while steps < min(most, 24):
            if not self.decide(int(rest // 2**low > steps), 2 + positive + 2 * min(steps, 6), where):
                break
            steps += 1
        else:
            if most > 24:
                steps = min(24 + self.adaptive.integer(rest // 2**low - 24, "beyond"), most + 1)
        prefix = "1"
        for bit in f"{rest % 2**low:0{low}b}"[:low]:
            if len(prefix) <= 3:
                prefix += str(self.adaptive.decide(int(bit), (where[1], min(steps, 7), positive, prefix)))
            else:
                prefix += str(self.adaptive.plain(int(bit), 1))
        size = 1 + steps * 2**low + int(prefix, 2) - 2**low
        return size if positive else -size

    def decide(self, bit: int, node: int, where: Any) -> int:
        """One mixed decision; everything that had an opinion learns from the outcome."""
        bases, level, place, quarter, bend = where
        stretch, squash = self.tables
        opinions = [stretch[self.counters[i][base + node] >> 20] for i, base in enumerate(bases)] + [256]
        rows = [node * 16 + level, 256 + node * 64 + place, 1280 + node * 64 + bend][: self.sets]
        dots = []
        for row in rows:
            dot = sum(weight * opinion for weight, opinion in zip(self.mixers[row], opinions, strict=True))
            dots.append(clamp(dot // 65536, -2815, 2815))
        mean = sum(dots) // self.sets
        refining = self.final[(node * 16 + level) * 4 + quarter]
        cell, right = divmod((clamp(mean, -2047, 2047) + 2048) * 32, 4096)
        refined = (refining[cell] * (4096 - right) + refining[cell + 1] * right) // 4096
        bit = self.adaptive.coder.decide(bit, clamp((squash[mean + 2815] + refined) // 2, 4, 65532))

        for column, share in ((cell, 4096 - right), (cell + 1, right)):
            refining[column] += (65535 * bit - refining[column]) * share // 2**18
        for row, dot in zip(rows, dots, strict=True):
            error = 3 * (65536 * bit - squash[dot + 2815])
            self.mixers[row] = [
                weight + (opinion * error + 32768) // 65536
                for weight, opinion in zip(self.mixers[row], opinions, strict=True)
            ]
        for i, base in enumerate(bases):
            chance, seen = divmod(self.counters[i][base + node], 1024)
            rate = 655360 // (10 * seen + 16)
            chance += (2**22 - 1 - chance) * rate // 65536 if bit else -(chance * rate // 65536)
            self.counters[i][base + node] = chance * 1024 + min(seen + 1, max(seen, 255))
        return bit


# The colour lattice.


def to_rgb(y: int, cb: int, cr: int) -> tuple[int, int, int]:
    """ITU-T T.871 in 16-bit fixed point."""
    u, v = cb - 128, cr - 128
    red = y + (91881 * v + 32768) // 65536
    green = y + (32768 - 22554 * u - 46802 * v) // 65536
    blue = y + (116130 * u + 32768) // 65536
    return clamp(red, 0, 255), clamp(green, 0, 255), clamp(blue, 0, 255)


@cache
def _chroma(factor: int) -> dict[tuple[int, int], list[int]]:
    """(Y, red or blue) -> every Cr or Cb that gives it."""
    found = defaultdict(list)
    for y in range(256):
        for chroma in range(256):
            found[y, clamp(y + (factor * (chroma - 128) + 32768) // 65536, 0, 255)].append(chroma)
    return found


def is_reached(red: int, green: int, blue: int) -> bool:
    """Whether any Y, Cb, Cr converts to a triple, by trying all that give its red and blue."""
    return any(
        to_rgb(y, cb, cr)[1] == green
        for y in range(256)
        for cr in _chroma(91881).get((y, red), [])
        for cb in _chroma(116130).get((y, blue), [])
    )
