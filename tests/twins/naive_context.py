"""Plain-Python twins of the context coder's kernels: definitions over dictionaries and lists, no padding, no buffers.

Whatever is coded goes through ``decide(bit, chance)`` of a Writer (which takes the bit) or a Reader (which ignores
it); both return the bit. Bit models are found by name, not by place.
"""

from __future__ import annotations

import math
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


class Counting:
    """Adaptive bit models by name, and what is coded with them: a chance in 2**22, and what was seen, ``seen`` at
    first."""

    def __init__(self, coder: Coder, seen: int = 0) -> None:
        self.coder = coder
        self.models: dict[Hashable, tuple[int, int]] = defaultdict(lambda: (2**21, seen))

    def decide(self, bit: int, *name: Hashable, least: int = 32) -> int:
        chance, seen = self.models[name]
        bit = self.coder.decide(bit, sorted((least, chance // 64, 65536 - least))[1])
        chance += ((bit * (2**22 - 1) - chance) * (655360 // (10 * seen + 16))) // 65536
        self.models[name] = chance, min(255, seen + 1)
        return bit

    def count(self, number: int, limit: int, *name: Hashable) -> int:
        """A number in unary, below the limit."""
        found = 0
        while self.decide(int(found < number), *name, found):
            found += 1
            if found == limit:
                raise BrokenError
        return found

    def size(self, size: int, limit: int, *name: Hashable) -> int:
        """A number from 1 up of at most so many bits: how many follow the highest, the first of them, the rest."""
        digits = f"{size or 1:b}"[1:]
        length = self.count(len(digits), limit, *name, "length")
        found = "1"
        for place in range(length):
            bit = int(digits[place : place + 1] or 0)
            found += str(self.coder.decide(bit, 32768) if place else self.decide(bit, *name, "first", length))
        return int(found, 2)

    def plain(self, value: int, bits: int) -> int:
        """A number of some bits, each even."""
        found = 0
        for place in reversed(range(bits)):
            found = 2 * found + self.coder.decide(value >> place & 1, 32768)
        return found

    def integer(self, value: int, name: Hashable) -> int:
        """A number from 0 up, of which one more has at most 31 bits."""
        return self.size(max(0, value + 1), 31, name) - 1


def code_table(coder: Coder, shape: tuple[int, int], table: Rows | None) -> Rows:
    """Entries as differences from the row above: changed?, negative?, how far."""
    adaptive = Counting(coder)
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
    adaptive = Counting(coder)
    adaptive.models["zero", (False, False, False, False)] = 64 * 64, 60
    found: dict[tuple[int, int], int] = {}
    for y in range(rows):
        for x in range(width):
            near = ((y, x - 1), (y - 1, x), (y - 1, x - 1), (y - 1, x + 1))
            around = tuple(found.get(place, 0) != 0 for place in near)
            value = plane[y][x] if plane else 0
            found[y, x] = 0
            if adaptive.decide(int(value != 0), "zero", around, least=2):
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
    """Is any of a block touched, after whether any of the last block was? Then for each of its counters: touched or
    not after whether the one before was; five bits of chance and two of experience, as trees. A counter that is
    alone in its block needs no block.
    """
    adaptive = Counting(coder)
    found: list[int] = []
    touched_block = 1
    for i in range(count):
        node, touched_before = i % nodes, bool(found) and found[-1] > 0
        symbol = symbols[i] if symbols else 0
        if node == 0 and nodes > 1:
            touched_block = adaptive.decide(int(any((symbols or [])[i : i + nodes])), ("block", touched_block))
        if not touched_block or not adaptive.decide(int(symbol > 0), (node, touched_before)):
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
            return self.own(0, x, current)
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
    return clamp(sum(tap * weight for tap, weight in zip(taps, weights, strict=True)) // 2**10, 0, 8 * maximum)


def mark(error: int) -> int:
    """Eight times log2(error + 2) of an error in eighths, less eight; straight between powers of two.

    A large error counts in units of 512: nine powers of two.
    """
    if error > 4096:
        return mark(min(error // 512, 4096)) + 72
    power = (error + 2).bit_length() - 1
    return 8 * (power - 1) + 8 * (error + 2) // 2**power - 8


START_MARK = 24
"""Stands where nothing was coded yet."""
MARKS = ["W", "WW", "N", "NW", "NE", "NN", "pP", "pW", "pE", "pN", "pS", "qP", "qW", "qE"]


def expected_error(marks: dict[str, int], start: int, weights: Sequence[int]) -> int:
    """The mark to be expected, from the marks around by name; what is not there counts as zero."""
    total = start + sum(marks.get(name, 0) * weight for name, weight in zip(MARKS, weights, strict=True))
    return clamp(total // 256, 0, 255)


class Correction:
    """Least squares over the samples of each stripe of eight columns: errors of the bank from differences around.

    ``sums``: stripe -> (tap, tap or "error") -> sum of products; ``weights``: (stripe, tap) -> 1/8192 eighth.
    """

    def __init__(self, references: int) -> None:
        letters = "pq"[:references]
        self.own = OWN[: 14 - 4 * references]
        self.of_references = [letter + side for letter in letters for side in "WNES"]
        self.names = self.own + self.of_references
        self.sums: dict[int, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
        self.weights: dict[tuple[int, str], int] = defaultdict(int)

    def taps(self, names: dict[str, int], mu: int) -> dict[str, int]:
        """Own samples less the prediction, those of a reference less the one in place."""
        own = {name: names[name] - mu for name in self.own}
        return own | {name: names[name] - names[name[0] + "P"] for name in self.of_references}

    def correct(self, stripe: int, taps: dict[str, int]) -> int:
        return sum(taps[name] * self.weights[stripe, name] for name in self.names) // 8192

    def learn(self, stripe: int, taps: dict[str, int], error: int, share: int) -> None:
        for row in self.names:
            for column, value in (*taps.items(), ("error", error)):
                self.sums[stripe][row, column] += share * taps[row] * value

    def solve(self, stripe: int) -> None:
        """Two sweeps of Gauss-Seidel over the sums of three stripes, scaled to 28 bits; then its own sums fade."""
        pairs = [(row, column) for row in self.names for column in (*self.names, "error")]
        near = {pair: sum(self.sums[place][pair] for place in (stripe - 1, stripe, stripe + 1)) for pair in pairs}
        scale = 2 ** max(0, max(near[name, name] for name in self.names).bit_length() - 28)
        matrix = {pair: value // scale for pair, value in near.items()}
        for name in self.names:
            matrix[name, name] += max(1, 2**18 // scale)
        for name in self.names * 2:
            missing = 8192 * matrix[name, "error"]
            missing -= sum(self.weights[stripe, other] * matrix[name, other] for other in self.names)
            diagonal = matrix[name, name]
            step = clamp(missing, -(2**19) * diagonal, 2**19 * diagonal) * (2**40 // diagonal) // 2**40
            self.weights[stripe, name] = clamp(self.weights[stripe, name] + step, -(2**18), 2**18)
        for pair, value in self.sums[stripe].items():
            self.sums[stripe][pair] = value - value // 8


def layer_of(weights: Rows, biases: Sequence[int], inputs: Sequence[int]) -> list[int]:
    return [
        (sum(weight * value for weight, value in zip(row, inputs, strict=True)) + bias) // 1024
        for row, bias in zip(weights, biases, strict=True)
    ]


def outputs_of(network: Any, inputs: Sequence[int], kind: int = 0) -> list[int]:
    """What a network says of a question of this kind."""
    first, second, last = ((weights.tolist(), biases.tolist()) for weights, biases in network)
    one = [clamp(value, 0, 2047) for value in layer_of(first[0], first[1][kind], inputs)]
    two = [clamp(value, 0, 2047) for value in layer_of(second[0], second[1][0], one)]
    return layer_of(last[0], last[1][0], two)


def network_inputs(image: Image, seen: Predicted, shift: int, maximum: int, at: tuple[int, int]) -> list[int] | None:
    """What a network sees of a sample; None where it is not asked."""
    (y, x), mu = at, seen.mu
    places = [(y, x - left) for left in range(1, 5)]
    places += [(y - up, x + right) for up in range(1, 5) for right in range(-4, 5)]
    around = [image.own(*place, at) for place in places]
    if set(around) == {mu}:
        return None
    values = [clamp((value - mu) * 8 // 2**shift, -2047, 2047) for value in around]
    values += [
        2048 * mu // (maximum + 1) - 1024,
        32 * min(y, 63) - 1024,
        32 * min(x, 63) - 1024,
        8 * seen.expected - 1024,
    ]
    return values + [256 if seen.names[name] == end else 0 for end in (0, maximum) for name in ("W", "N")]


def forecast_by(
    network: Any, image: Image, seen: Predicted, shift: int, maximum: int, at: tuple[int, int]
) -> Callable[[int], int] | None:
    """The mass of all samples below one, as a network says it; None where it is not asked."""
    values = network_inputs(image, seen, shift, maximum, at)
    if values is None:
        return None
    says = outputs_of(network, values)
    count = len(says) // 3
    components = []
    for weight, mean, scale in zip(says[:count], says[count : 2 * count], says[2 * count :], strict=True):
        whole, part = divmod(min(2560, max(says[:count]) - weight), 256)
        # 2**(-part / 256) is half of 2**((256 - part) / 256).
        share = round(2 ** (15 + (256 - part) % 256 / 256)) // 2 ** (3 + whole + (part > 0))
        up, part = divmod(1536 - clamp(scale, -1536, 1536), 256)
        slope = round(2 ** (15 + part / 256)) * 2**up // 8
        components.append((share, seen.fine + clamp(mean, -8192, 8192) * 2**shift, slope))

    def below(end: int) -> int:
        if end <= 0:
            return 0
        total = 4096 * end
        for share, mean, slope in components:
            cell, right = divmod(clamp((8 * end - 4 - mean) * slope // 2 ** (9 + shift), -65535, 65535) + 65536, 128)
            low, high = (round(2**24 / (1 + math.exp(16 - place / 32))) for place in (cell, cell + 1))
            total += share * (low + (high - low) * right // 128 if end <= maximum else 2**24)
        return total

    return below


@dataclass
class Predicted:
    """What is known of a sample before it is coded: ``plain`` is the bank's prediction, ``fine`` the corrected one."""

    names: dict[str, int]
    predictor: int
    place: int
    plain: int
    fine: int
    expected: int
    taps: dict[str, int]

    @property
    def mu(self) -> int:
        return (self.fine + 4) // 8


class Predictor:
    """Predictions of an image's samples, one after the other, and the marks of their errors."""

    def __init__(self, prediction: Any, image: Image, marks: Image, grid: int, maximum: int) -> None:
        self.image, self.marks, self.maximum = image, marks, maximum
        self.grid = divmod(grid, 8)
        self.has_grid = prediction.class_map == 1
        self.thresholds, self.weights = prediction.thresholds.tolist(), prediction.weights.tolist()
        self.starts, self.mark_weights = prediction.offsets.tolist(), prediction.error_weights.tolist()
        self.shift = prediction.shift
        self.correction = Correction(len(prediction.references)) if prediction.adapts else None

    def predict(self, y: int, x: int) -> Predicted:
        names = self.image.around(y, x)
        row, column = self.grid[0] + y, self.grid[1] + x
        number = class_of(names, self.has_grid, row, column, self.thresholds)
        place = row % 8 * 8 + column % 8 if self.has_grid else number % 64
        plain = fine = predict(taps_of(names), self.weights[number], self.maximum)
        taps: dict[str, int] = {}
        if self.correction:
            if x % 8 == 0:
                self.correction.solve(x // 8)
            taps = self.correction.taps(names, (plain + 4) // 8)
            fine = clamp(plain + self.correction.correct(x // 8, taps), 0, 8 * self.maximum)
        expected = expected_error(self.marks.around(y, x), self.starts[number], self.mark_weights)
        return Predicted(names, number, place, plain, fine, expected, taps)

    def learn(self, y: int, x: int, seen: Predicted) -> None:
        """Once sample (y, x) is known. It counts the less the larger its error was and was expected to be."""
        sample = 8 * self.image.samples[y, x]
        found = self.marks.samples[y, x] = mark(abs(sample - seen.fine))
        if self.correction:
            excess = max(0, seen.expected + found - 16 * self.shift - 24)
            self.correction.learn(x // 8, seen.taps, sample - seen.plain, max(1, round(8192 / 2 ** (excess / 8))))


def accumulate(image: Image, predictors: Rows, weights: Rows, bases: Sequence[int]) -> dict[tuple[int, int, int], int]:
    """(predictor, row, column) -> sum of products, nothing above the diagonal."""
    sums: dict[tuple[int, int, int], int] = defaultdict(int)
    for y, x in ((y, x) for y in range(image.rows) for x in range(image.width)):
        line = [*taps_of(image.around(y, x)), image.samples[y, x]]
        relative = [value - line[base] if base >= 0 else value for value, base in zip(line, bases, strict=True)]
        for i, down in enumerate(relative):
            for j, across in enumerate(relative[: i + 1]):
                sums[predictors[y][x], i, j] += weights[y][x] * down * across
    return {key: value for key, value in sums.items() if value}


def trace(prediction: Any, image: Image, marks: Image, grid: int, maximum: int) -> list[tuple[int, int, int, int]]:
    """(fine prediction, predictor, expected error, mark) of each sample."""
    predictor = Predictor(prediction, image, marks, grid, maximum)
    found = []
    for y, x in ((y, x) for y in range(image.rows) for x in range(image.width)):
        seen = predictor.predict(y, x)
        predictor.learn(y, x, seen)
        found.append((seen.fine, seen.predictor, seen.expected, marks.samples[y, x]))
    return found


def list_inputs(
    prediction: Any, image: Image, marks: Image, grid: int, maximum: int
) -> dict[tuple[int, int], tuple[list[int], int, int]]:
    """By place what a network sees, the fine prediction and the sample, of those that it is asked of."""
    predictor = Predictor(prediction, image, marks, grid, maximum)
    found = {}
    for y, x in ((y, x) for y in range(image.rows) for x in range(image.width)):
        seen = predictor.predict(y, x)
        predictor.learn(y, x, seen)
        inputs = network_inputs(image, seen, predictor.shift, maximum, (y, x))
        if inputs is not None:
            found[y, x] = inputs, seen.fine, image.samples[y, x]
    return found


def mark_sums(classes: Rows, planes: Sequence[Rows]) -> tuple[dict[Any, int], dict[Any, int]]:
    """(mark, mark) -> sum of products and (class, mark) -> sum, for the marks around each sample and its own.

    ``planes``: the plane's own marks and those of its references; edges are repeated.
    """
    products: dict[Any, int] = defaultdict(int)
    sums: dict[Any, int] = defaultdict(int)
    places = {name: (" pq".index(name[0]) if name[0] in "pq" else 0, *offset(name)) for name in MARKS}
    image = Image(len(classes), len(classes[0]), 0, planes, {})
    for y, x in ((y, x) for y in range(image.rows) for x in range(image.width)):
        line = {
            name: image.reference(plane, y + down, x + right)
            for name, (plane, down, right) in places.items()
            if plane < len(planes)
        }
        line["own"] = planes[0][y][x]
        for name, one in line.items():
            sums[classes[y][x], name] += one
            for other, two in line.items():
                products[name, other] += one * two
    return products, sums


# Context mixing.


def terms_of(
    seen: Predicted, level: int, shift: int, west_error: int, north_error: int, y: int, x: int
) -> dict[int, int]:
    """What contexts are made of, by number; those that are missing are zero."""
    scale = 2**shift
    mu = seen.mu
    v: Callable[[str], int] = seen.names.__getitem__
    z = defaultdict(int, seen.names)  # references that are missing count as zeros
    median = sorted((v("W"), v("N"), v("W") + v("N") - v("NW")))[1]
    known = "pP" in seen.names

    def near(value: int) -> int:
        return clamp((value - mu) // scale, -20, 20)

    def scaled(error: int) -> int:
        return clamp(error // (4 * scale), -20, 20)

    terms = {
        **{number: near(v(name)) for number, name in enumerate(("W", "N", "NW", "NE", "WW", "NN"))},
        6: near(median),
        7: near(v("W") + v("pP") - v("pW") if known else median),
        8: near(v("N") + v("pP") - v("pN") if known else v("W")),
        9: near(v("W") + v("N") - v("NW")),
        10: near(v("W") + v("NE") - v("N")),
        11: near(2 * v("N") - v("NN")),
        12: near(2 * v("W") - v("WW")),
        13: near(v("N") + v("NE") - v("NNE")),
        14: near((v("W") + v("NE")) // 2),
        15: near(v("N") + (v("W") - v("NW") + v("NE") - v("N")) // 2),
        16: near(v("pP") + (v("W") - v("pW") + v("N") - v("pN")) // 2 if known else (v("W") + v("N")) // 2),
        32: mu // scale,
        33: v("W") // scale,
        34: v("N") // scale,
        48: level,
        49: level // 2,
        50: (seen.fine + 4) % 8 // 2,
        51: seen.place,
        52: seen.expected // 4,
        53: clamp(2 * (median - mu) // scale, -8, 8),
        54: min(y, 63),
        55: min(x, 63),
        56: scaled(west_error),
        57: scaled(north_error),
        58: scaled(seen.plain - seen.fine),
    }
    if known:
        terms |= {
            17: near(v("W") + z["qP"] - z["qW"]),
            18: near(v("N") + z["qP"] - z["qN"]),
            19: near(v("pP")),
            20: near(z["qP"]),
            21: near(v("NE") + v("pP") - v("pNE")),
            22: near(v("NW") + v("pP") - v("pNW")),
            23: near(v("W") + v("N") - v("NW") + v("pP") - (v("pW") + v("pN") - v("pNW"))),
            35: v("pP") // scale,
            36: z["qP"] // scale,
            37: (v("pP") - v("pW")) // scale,
            38: (v("pP") - v("pN")) // scale,
            39: (z["qP"] - z["qW"]) // scale,
            40: (z["qP"] - z["qN"]) // scale,
        }
    return terms


def hash_of(terms: Sequence[int]) -> int:
    """32 bits of at most four terms, each taken modulo 65536."""
    a, b, c, d = [*(term % 65536 for term in terms), 0, 0, 0, 0][:4]
    h = ((a + 65536 * b) * 0x2C1B3C6D + (c + 65536 * d) * 0x85EBCA77) % 2**32
    h = (h ^ h >> 15) * 0x9E3779B1 % 2**32
    return h ^ h >> 13


@dataclass
class Followed:
    """What followed neighbours: by place a key, a sample and how often it came true."""

    size: int
    entries: dict[int, tuple[int, int, int]]

    @classmethod
    def of(cls, samples: int) -> Followed:
        return cls(next((2**bits for bits in range(10, 18) if 2**bits >= samples), 2**18), {})

    def key(self, names: dict[str, int]) -> int:
        h = (names["W"] * 0x9E3779B1 + names["N"] * 0x85EBCA77 + names.get("pP", 0) * 0xC2B2AE3D) % 2**32
        h = (h ^ h >> 15) * 0x2C1B3C6D % 2**32
        return h ^ h >> 13

    def ask(self, key: int) -> tuple[int, int] | None:
        check, sample, count = self.entries.get(key % self.size, (-1, 0, 0))
        return (sample, count) if check == key // 2**18 else None

    def learn(self, key: int, sample: int) -> None:
        check, old, count = self.entries.get(key % self.size, (-1, 0, 0))
        if (check, old) == (key // 2**18, sample):
            count = min(count + 1, 3)
        elif count >= 2:
            count //= 2
        else:
            check, old, count = key // 2**18, sample, 0
        self.entries[key % self.size] = (check, old, count)


@dataclass
class Mixing:
    """Coding one plane; state as plain lists that are changed. ``tables``: the lists of STRETCH and SQUASH.

    ``counters``: by context and block, eight each; ``mixers``: rows of a weight for each context and the constant.
    """

    plan: Any
    sets: int
    tables: tuple[list[int], list[int]]
    counters: list[Rows]
    mixers: Rows
    final: Rows
    adaptive: Counting
    network: Any = None
    last: int = 256
    forecast: Any = None

    def code(self, image: Image, marks: Image, plane: Rows | None, grid: int, maximum: int) -> Rows:
        """Encode ``plane``, or decode where it is None, into the image's samples."""
        predictor = Predictor(self.plan.prediction, image, marks, grid, maximum)
        contexts, levels = self.plan.contexts.tolist(), self.plan.levels.tolist()
        errors: dict[tuple[int, int], int] = defaultdict(int)
        followed = Followed.of(image.rows * image.width)
        for y, x in ((y, x) for y in range(image.rows) for x in range(image.width)):
            seen = predictor.predict(y, x)
            level = sum(seen.expected > bound for bound in levels)
            terms = terms_of(seen, level, predictor.shift, errors[y, x - 1], errors[y - 1, x], y, x)
            hashes = [hash_of([terms.get(term, 0) for term in chosen]) for chosen in contexts]
            where = (hashes, level, seen.place, (seen.fine + 4) % 8 // 2, terms[7] + 20)
            mu = seen.mu
            if self.network:
                self.forecast = forecast_by(self.network, image, seen, predictor.shift, maximum, (y, x))
                self.last = 0
            sample = plane[y][x] if plane else mu
            key = followed.key(seen.names)
            recalls = self.plan.matches and not self.network and seen.expected >= 24
            recalled = followed.ask(key) if recalls else None
            if recalled and self.is_right(recalled, sample, mu, level):
                sample = recalled[0]
            elif maximum:
                sample = mu + self.residual(sample - mu, mu, maximum, int(self.plan.low_bits[level]), where)
            if not 0 <= sample <= maximum:
                raise BrokenError
            followed.learn(key, sample)
            image.samples[y, x] = sample
            errors[y, x] = 8 * sample - seen.fine
            predictor.learn(y, x, seen)
        return [[image.samples[y, x] for x in range(image.width)] for y in range(image.rows)]

    def is_right(self, recalled: tuple[int, int], sample: int, mu: int, level: int) -> int:
        value, count = recalled
        return self.adaptive.decide(int(value == sample), ("right", level, min(abs(value - mu).bit_length(), 7), count))

    def residual(self, residual: int, mu: int, maximum: int, low: int, where: Any) -> int:
        """Zero?, sign, how often 2**low, the rest."""
        low += 2 if self.forecast else 0
        below = self.forecast or (lambda end: 0)
        total = below(maximum + 1)
        others = total - below(mu + 1) + below(mu)
        self.expect(others, total)
        if not self.decide(int(residual != 0), 0, where):
            return 0
        both = 0 < mu < maximum
        if both:
            self.expect(total - below(mu + 1), others)
        positive = self.decide(int(residual > 0), 1, where) if both else int(mu == 0)

        def beyond(nearest: int) -> int:
            """The mass of samples on this side that differ from mu by more than that."""
            return total - below(min(mu + nearest, maximum) + 1) if positive else below(mu - nearest)

        rest = max(0, abs(residual) - 1)
        most = ((maximum - mu if positive else mu) - 1) // 2**low
        steps = 0
        while steps < min(most, 24):
            self.expect(beyond((steps + 1) * 2**low), beyond(steps * 2**low))
            if not self.decide(int(rest // 2**low > steps), 2 + positive + 2 * min(steps, 6), where):
                break
            steps += 1
        else:
            if most > 24:
                steps = min(24 + self.adaptive.integer(rest // 2**low - 24, "beyond"), most + 1)
        prefix = "1"
        for bit in f"{rest % 2**low:0{low}b}"[:low]:
            if self.forecast:
                room = 2 ** (low - len(prefix))
                done = steps * 2**low + int(prefix[1:] or "0", 2) * 2 * room
                first, middle, end = (beyond(done + room * half) for half in range(3))
                chance = (middle - end) * 65536 // max(1, first - end)
                prefix += str(self.adaptive.coder.decide(int(bit), clamp(chance, 32, 65504)))
            elif len(prefix) <= 3:
                prefix += str(self.adaptive.decide(int(bit), (where[1], min(steps, 7), positive, prefix)))
            else:
                prefix += str(self.adaptive.plain(int(bit), 1))
        size = 1 + steps * 2**low + int(prefix, 2) - 2**low
        return size if positive else -size

    def expect(self, part: int, whole: int) -> None:
        """What the mass of samples says of the next decision, if there is a forecast: that of those that it is 1 for,
        and that of all."""
        if whole:
            self.last = self.tables[0][min(65535, part * 65536 // whole) // 16]

    def decide(self, bit: int, node: int, where: Any, counter: int | None = None) -> int:
        """One mixed decision; everything that had an opinion learns from the outcome. ``counter``: of the blocks, if
        that is not the node's."""
        hashes, level, place, quarter, bend = where
        stretch, squash = self.tables
        counter = node if counter is None else counter
        # Counters from 8 on have blocks of their own.
        blocks = [
            context[(h if counter < 8 else h >> 15) % len(context)]
            for h, context in zip(hashes, self.counters, strict=True)
        ]
        opinions = [stretch[block[counter % 8] >> 20] for block in blocks] + [self.last]
        rows = [node * 16 + level, 256 + node * 64 + place, 1280 + node * 64 + bend][: self.sets]
        dots = []
        for row in rows:
            dot = sum(weight * opinion for weight, opinion in zip(self.mixers[row], opinions, strict=True))
            dots.append(clamp(dot // 65536, -2815, 2815))
        mean = sum(dots) // self.sets
        chance, shares = squash[mean + 2815], {}
        if self.final:
            refining = self.final[(node * 16 + level) * 4 + quarter]
            cell, right = divmod((clamp(mean, -2047, 2047) + 2048) * 32, 4096)
            shares = {cell: 4096 - right, cell + 1: right}
            chance = (chance + sum(refining[column] * share for column, share in shares.items()) // 4096) // 2
        bit = self.adaptive.coder.decide(bit, clamp(chance, 4, 65532))

        for column, share in shares.items():
            refining[column] += (65535 * bit - refining[column]) * share // 2**18
        for row, dot in zip(rows, dots, strict=True):
            error = 3 * (65536 * bit - squash[dot + 2815])
            self.mixers[row] = [
                weight + (opinion * error + 32768) // 65536
                for weight, opinion in zip(self.mixers[row], opinions, strict=True)
            ]
        for block in blocks:
            chance, seen = divmod(block[counter % 8], 1024)
            chance += ((2**22 - 1) * bit - chance) * (655360 // (10 * seen + 16)) // 65536
            block[counter % 8] = chance * 1024 + min(seen + 1, 255)
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
