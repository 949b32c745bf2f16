"""Spec coding-tools: what several coders use."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from pathlib import Path
from typing import Any, Protocol

from .notation import Reader, clamp, require

MASK_32 = 0xFFFFFFFF
HALF = 0x8000
"""One half as a probability of 16 bits."""
INTEGER_BITS = 31
"""Of an integer and 1."""

Range = tuple[int, int]
Sampler = Callable[[int, int], int]
"""A sample by its row and column, inside an image or beyond its borders."""
Models = list["array[int]"]
"""Adaptive bit models of each context."""


@dataclass(frozen=True)
class Area:
    """What a coder knows of a band or group: image_rows is the height of a group's images (Spec container/group)."""

    rows: int
    width: int
    image_rows: int

    @property
    def size(self) -> int:
        return self.rows * self.width

    @property
    def image_starts(self) -> range:
        """Where each image begins in a plane."""
        return range(0, self.size, self.image_rows * self.width)


# Spec coding-tools/component-transforms

NONE, PAPERS, GREEN_FIRST, SUBTRACT_GREEN, YCOCG, JFIF_YCBCR, CHAIN = range(7)

# Spec coding-tools/conversions

CORRECTIONS = 511**3 + 1
CONVERSIONS = (
    (16, 65536, 32768, 32768, 32768, 91881, -22554, -46802, 116130, 0),
    (16, 65536, 32768, 32768, 32768, 91881, -22553, -46802, 116130, 0),
    (22, 4194304, 2097152, 2097152, 2097552, 5880414, -1443412, -2995305, 7432307, 0),
    (16, 65536, 0, 0, 0, 91880, -22552, -46800, 116128, 16),
    (13, 8192, 4096, 4096, 4096, 11485, -2819, -5850, 14516, 0),
    (16, 65793, 0, 0, 0, 91881, -22554, -46802, 116130, 0),
    (22, 4194304, 0, 0, 0, 5880414, -1443412, -2995305, 7432307, 0),
    (22, 4194304, 2097152, 2243953, 2097152, 5880414, -1442841, -2994733, 7432307, 0),
    (20, 1048576, 524288, 524288, 524288, 1470208, -360960, -748800, 1858048, 16),
)
MAX_CORRECTION = len(CONVERSIONS) * CORRECTIONS - 1
"""Three differences of -255 .. 255 as digits of base 511, and one more number for no difference at all."""


def plane_ranges(transform: int, components: int, bits: int) -> list[Range]:
    """Ranges of the planes of a transform, which must accept the image."""
    top = (1 << bits) - 1
    require(transform <= CHAIN, "unknown transform")
    require(transform in (NONE, CHAIN) or components == 3, "transform is for three components")
    require(transform != JFIF_YCBCR or bits == 8, "JFIF YCbCr is for eight bits")
    plain, difference = (0, top), (-top, top)
    if transform in (PAPERS, SUBTRACT_GREEN, YCOCG):
        return [plain, difference, difference]
    return [plain] * components + ([(0, MAX_CORRECTION)] if transform == JFIF_YCBCR else [])


def undo_pixel(transform: int, first: int, second: int, third: int) -> tuple[int, int, int]:
    """R, G, B from the planes of transforms 1 to 4."""
    if transform == PAPERS:
        green = first - ((second + third) >> 2)
        return second + green, green, third + green
    if transform == GREEN_FIRST:
        return second, first, third
    if transform == SUBTRACT_GREEN:
        return second + first, first, third + first
    middle = first - (third >> 1)
    blue = middle - (second >> 1)
    return blue + second, third + middle, blue


def undo_jfif_pixel(y: int, cb: int, cr: int, correction: int) -> tuple[int, int, int]:
    """R, G, B from Y, Cb, Cr and the correction, which says the conversion, too (Spec coding-tools/jfif-ycbcr)."""
    conversion, rest = divmod(correction, CORRECTIONS)
    bits, scale, rh, gh, bh, rv, gu, gv, bu, cut = CONVERSIONS[conversion]
    u, v = cb - 128, cr - 128
    red = clamp((scale * y + rh + rv * v) >> bits, 0, 255)
    green = clamp((scale * y + gh + ((gu * u >> cut) << cut) + gv * v) >> bits, 0, 255)
    blue = clamp((scale * y + bh + bu * u) >> bits, 0, 255)
    if rest:
        digits = rest - 1
        red += digits // 511**2 - 255
        green += digits // 511 % 511 - 255
        blue += digits % 511 - 255
    return red, green, blue


def undo_transform(transform: int, planes: list[list[int]], bits: int) -> list[list[int]]:
    """The components of planes, which must be samples of so many bits."""
    components = planes
    if transform not in (NONE, CHAIN):
        pixels = zip(*planes, strict=True)
        if transform == JFIF_YCBCR:
            colours = [undo_jfif_pixel(*values) for values in pixels]
        else:
            colours = [undo_pixel(transform, *values) for values in pixels]
        components = [list(component) for component in zip(*colours, strict=True)]
    for component in components:
        require(min(component) >= 0 and max(component) >> bits == 0, "sample out of range")
    return components


def check_sample(sample: int, low: int, high: int) -> int:
    """The sample, if it is in range."""
    require(low <= sample <= high, "sample out of range")
    return sample


# Spec coding-tools/zigzag-values


def from_zigzag(value: int) -> int:
    """The signed number of a zigzag value."""
    return -((value + 1) >> 1) if value & 1 else value >> 1


# Spec coding-tools/med-prediction


def med(west: int, north: int, north_west: int) -> int:
    """The median edge detector's prediction."""
    if north_west >= max(west, north):
        return min(west, north)
    if north_west <= min(west, north):
        return max(west, north)
    return west + north - north_west


# Spec coding-tools/binary-range-coder


class Decisions:
    """Reads binary decisions; zeros follow the stream."""

    def __init__(self, data: bytes, at: int = 0, change: bytes = b"") -> None:
        self.changes = Decisions(change) if change else None
        self.data = data
        self.at = at + 4
        self.low, self.high = 0, MASK_32
        self.code = int.from_bytes(data[at : at + 4].ljust(4, b"\0"), "big")

    def decide(self, probability: int) -> int:
        """A bit that is 1 with a probability in 1/65536."""
        split = self.low + ((self.high - self.low) * probability >> 16)
        if self.code <= split:
            bit = 1
            self.high = split
        else:
            bit = 0
            self.low = split + 1
        while self.low >> 24 == self.high >> 24:
            self.low = self.low << 8 & MASK_32
            self.high = (self.high << 8 & MASK_32) + 255
            byte = self.data[self.at] if self.at < len(self.data) else 0
            self.code = (self.code << 8 & MASK_32) + byte
            self.at += 1
        return bit

    def bypass(self) -> int:
        """A bit with probability one half."""
        return self.decide(HALF)

    def bypass_bits(self, count: int, value: int = 1) -> int:
        """A number that begins with the digits of `value` and goes on with so many bypass bits."""
        for _ in range(count):
            value = 2 * value + self.bypass()
        return value

    def integer(self, models: list[int], first: int = 0) -> int:
        """A number from 0 up, with the 62 bit models from `first` on (Spec coding-tools/integers)."""
        return self.size(models, first, INTEGER_BITS) - 1

    def table(self, rows: int, columns: int, most: int = 1 << 29, least: int | None = None) -> list[list[int]]:
        """A table, whose entries must lie in least .. most; least is -most if not given (Spec coding-tools/tables)."""
        least = -most if least is None else least
        models = [[UNTRAINED] * (2 + 2 * INTEGER_BITS) for _ in range(columns)]
        row = [0] * columns
        table = []
        for _ in range(rows):
            row = [above + self.difference(c) for above, c in zip(row, models, strict=True)]
            require(all(abs(entry) <= 1 << 29 for entry in row), "entry of a table out of range")
            table.append(row)
        if self.changes is not None:
            shift = self.changes.bypass_bits(4, 0)
            change = self.changes.table_change(rows, columns)
            table = [[a + (b << shift) for a, b in zip(*pair, strict=True)] for pair in zip(table, change, strict=True)]
        require(all(least <= entry <= most for row in table for entry in row), "entry of a table out of range")
        return table

    def difference(self, models: list[int]) -> int:
        """The difference of a table's entry to the one above."""
        if not self.modelled(models, 0):
            return 0
        negative = self.modelled(models, 1)
        size = self.integer(models, 2) + 1
        return -size if negative else size

    def modelled(self, models: list[int] | array[int], index: int, least: int = 32) -> int:
        """A decision by an adaptive bit model, which learns (Spec coding-tools/adaptive-bit-models)."""
        found = self.decide(clamp(models[index] >> 16, least, 0x10000 - least))
        models[index] = learn(models[index], found)
        return found

    def size(self, models: list[int], first: int, longest: int) -> int:
        """A number of at most so many bits, by twice as many bit models (Spec coding-tools/sizes)."""
        length = 0
        while self.modelled(models, first + length):
            length += 1
            require(length < longest, "number too long")
        size = 2 + self.modelled(models, first + longest + length) if length else 1
        return self.bypass_bits(max(0, length - 1), size)

    def graded(self, models: list[int], bits: int) -> int:
        """A number of at most so many bits, by a bit model for each such number (Spec coding-tools/graded-numbers)."""
        digits = 0
        while digits < bits and self.modelled(models, (1 << digits) // 2):
            digits += 1
        value = min(1, digits)
        for _ in range(digits - 1):
            value = 2 * value + self.modelled(models, (1 << (digits - 1)) + value)
        return value

    def sparse(self, rows: int, width: int) -> list[int]:
        """A plane that is nearly all zeros (Spec coding-tools/correction-planes)."""
        plane = [0] * (rows * width)
        nonzero = [64 << 16 | 60] + [UNTRAINED] * 15
        digits = [[UNTRAINED] * (2 * INTEGER_BITS) for _ in range(3)]
        for position in range(rows * width):
            y, x = divmod(position, width)
            around = int(x > 0 and plane[position - 1] != 0)
            around += 2 * int(y > 0 and plane[position - width] != 0)
            around += 4 * int(y > 0 and x > 0 and plane[position - width - 1] != 0)
            around += 8 * int(y > 0 and x + 1 < width and plane[position - width + 1] != 0)
            if self.modelled(nonzero, around, least=2):
                for models in digits:
                    value = self.integer(models)
                    require(value <= 510, "correction out of range")
                    plane[position] = 511 * plane[position] + from_zigzag(value) + 255
                plane[position] += 1
        return plane

    def table_change(self, rows: int, columns: int) -> list[list[int]]:
        """By how much a table changes, in multiples (Spec coding-tools/changes)."""
        changes = [k - CORRECTIONS // 2 if k else 0 for k in self.sparse(rows, columns)]
        require(all(abs(change) < 1 << 16 for change in changes), "change of a table out of range")
        return [changes[first : first + columns] for first in range(0, rows * columns, columns)]

    def column(self, rows: int, most: int = 1 << 29, least: int | None = None) -> list[int]:
        """A table of one column."""
        return [row[0] for row in self.table(rows, 1, most, least)]


# Spec coding-tools/stretched-probabilities


def read_text_table(name: str) -> list[int]:
    """A table of numbers that is part of the text."""
    return [int(line) for line in (Path(__file__).parent.parent / "tables" / name).read_text().split()]


STRETCH_LIMIT = 2815
STRETCH = read_text_table("stretch.txt")
SQUASH_FROM_0 = read_text_table("squash.txt")
"""SQUASH[x] stands at x + STRETCH_LIMIT."""


def squash(x: int) -> int:
    """SQUASH[x], x clamped to the table."""
    return SQUASH_FROM_0[clamp(x, -STRETCH_LIMIT, STRETCH_LIMIT) + STRETCH_LIMIT]


# Spec coding-tools/adaptive-bit-models

UNTRAINED = 0x80000000
"""The adaptive bit model with probability one half that has seen nothing."""
STEADY = UNTRAINED + 60
"""One that has seen 60 bits, half of them 1: for decisions that are mostly even."""
MAX_PROBABILITY = (1 << 22) - 1
RATE = [655360 // (10 * count + 16) for count in range(256)]


def learn(model: int, bit: int) -> int:
    """The bit model after it has seen a bit; it counts to 255."""
    probability, count = model >> 10, model & 1023
    probability += ((MAX_PROBABILITY * bit - probability) * RATE[count]) >> 16
    return probability << 10 | min(count + 1, 255)


# Spec coding-tools/trained-bit-models


@dataclass(frozen=True)
class ModelCode:
    """How trained bit models of a coder are written: the grid of probabilities, and the counts."""

    slope: int
    """Probability c of 32 is SQUASH[slope * (c - 15.5)]."""
    counts: tuple[int, int, int, int]

    def model(self, leaf: int, count: int) -> int:
        """The bit model that two numbers stand for."""
        return (squash(self.slope * (2 * leaf - 31) // 2) << 16) + self.counts[count]

    def read(self, modelled: Callable[[list[int], int], int], models: list[int]) -> int:
        """A trained bit model. Of the 129 models 2 say whether it is trained, the others are those of 7 bits."""
        digits = 1
        for _ in range(7):
            digits = 2 * digits + modelled(models, 1 + digits)
        return self.model(digits - 128 >> 2, digits & 3)


MODELS_OF_A_MODEL = 2 + 127


def split_streams(data: bytes, contexts: int) -> list[bytes]:
    """The streams of a section of trained bit models, one for each context."""
    reader = Reader(data)
    sizes = [reader.u32() for _ in range(contexts)]
    streams = [reader.take(size) for size in sizes]
    reader.end()
    return streams


@lru_cache(maxsize=16)
def read_models(data: bytes, contexts: int, size: int, code: ModelCode) -> Models:
    """The trained bit models of each context, `size` of them; not to be changed."""
    return [read_context(Decisions(stream), size, code) for stream in split_streams(data, contexts)]


def read_context(decisions: Decisions, size: int, code: ModelCode) -> array[int]:
    """The trained bit models of one context."""
    models = [UNTRAINED] * MODELS_OF_A_MODEL
    trained = 0
    found = array("I", [UNTRAINED]) * size
    for i in range(size):
        trained = decisions.modelled(models, trained)
        if trained:
            found[i] = code.read(decisions.modelled, models)
    return found


# Spec coding-tools/trained-slots

SLOT = 8
"""Adaptive bit models of a slot."""
SLOT_CODE = ModelCode(124, (2, 6, 20, 60))


def read_slots(data: bytes, slots: list[int], used: int) -> Models:
    """The trained bit models of the first `used` contexts, so many slots of them each."""
    models = []
    for stream, count in zip(split_streams(data, len(slots))[:used], slots, strict=False):
        modelled = Decisions(stream).modelled
        of_models = [[UNTRAINED] * MODELS_OF_A_MODEL for _ in range(SLOT)]
        of_slots = [UNTRAINED] * 2
        trained, slot_trained = 0, 1
        found = array("I", [UNTRAINED]) * (SLOT * count)
        for i in range(len(found)):
            if i % SLOT == 0:
                slot_trained = modelled(of_slots, slot_trained)
            if not slot_trained:
                trained = 0
                continue
            trained = modelled(of_models[i % SLOT], trained)
            if trained:
                found[i] = SLOT_CODE.read(modelled, of_models[i % SLOT])
        models.append(found)
    return models


# Spec coding-tools/context-hashing


def hash_terms(terms: Sequence[int]) -> int:
    """The hash of at most four terms."""
    t0, t1, t2, t3 = ([term & 0xFFFF for term in terms] + [0] * 4)[:4]
    h = ((t0 | t1 << 16) * 0x2C1B3C6D + (t2 | t3 << 16) * 0x85EBCA77) & MASK_32
    h = (h ^ h >> 15) * 0x9E3779B1 & MASK_32
    return h ^ h >> 13


# Spec coding-tools/adaptive-probability-maps


def start_apm(rows: int) -> list[list[int]]:
    """An adaptive probability map that changes nothing: 33 entries for stretched probabilities 128 apart."""
    return [[squash(128 * j - 2048) for j in range(33)] for _ in range(rows)]


def refine(row: list[int], stretched: int) -> tuple[int, int, int]:
    """Half a probability and half what an APM's row makes of it; then the row's entry, and the weight of the next."""
    position = 32 * (clamp(stretched, -2047, 2047) + 2048)
    entry, weight = position >> 12, position & 4095
    mapped = (row[entry] * (4096 - weight) + row[entry + 1] * weight) >> 12
    return (squash(stretched) + mapped) >> 1, entry, weight


def learn_refined(row: list[int], entry: int, weight: int, bit: int) -> None:
    """The two entries that `refine` looked at learn a bit."""
    target = 0xFFFF * bit
    row[entry] += (target - row[entry]) * (4096 - weight) >> 18
    row[entry + 1] += (target - row[entry + 1]) * weight >> 18


# Spec coding-tools/logistic-mixing

BINS, LEVELS, QUARTERS = 16, 16, 4
SELECTED = 64
"""Rows of each bin in the second and the third weight set, chosen by what the coder says."""
SECOND_SET = BINS * LEVELS
THIRD_SET = SECOND_SET + BINS * SELECTED
MIXER_ROWS = THIRD_SET + BINS * SELECTED
FULL_WEIGHT = 0x10000
BIAS = 256
"""The last input of every mixer."""


def read_mixers(data: bytes, contexts: int, change: bytes = b"") -> tuple[int, int, list[list[int]]]:
    """A section of kind 2 of coders 2 and 5: how many contexts are used, how many weight sets, and the weights."""
    used, sets = Reader(data).take(2)
    require(1 <= used <= contexts and 1 <= sets <= 3, "mixers out of range")
    # All start at 1.3 / used, so that the sum is somewhat surer than its inputs are on average; the bias at 0.
    return used, sets, read_weights(Decisions(data, 2, change), used, 13 * FULL_WEIGHT // 10, 0)


def read_weights(tables: Decisions, used: int, sum_of_starts: int, last: int) -> list[list[int]]:
    """The table of weights: those of contexts start with equal shares of a sum, that of the input behind them so."""
    starts = [sum_of_starts // used] * used + [last]
    changes = tables.table(MIXER_ROWS, used + 1, 4096)
    return [[512 * change + start for change, start in zip(row, starts, strict=True)] for row in changes]


class MixingPlan(Protocol):
    """What a plane's sections say about its adaptive bit models and mixers."""

    slot_bits: list[int]
    models: Models
    sets: int
    mixer: list[list[int]]


class Mixing:
    """Codes the decisions of a plane of coder 2 or 5, all of whose state learns. Those of coder 5 have no APM."""

    def __init__(self, plan: MixingPlan, apm_rows: int = BINS * LEVELS * QUARTERS) -> None:
        self.slot_bits, self.sets = plan.slot_bits, plan.sets
        self.models = [models[:] for models in plan.models]
        self.mixer = [row[:] for row in plan.mixer]
        self.apm = start_apm(apm_rows)
        self.hashes: list[int] = []
        self.level = self.quarter = 0
        self.last_input = BIAS

    def mixed(self, decisions: Decisions, number: int, shift: int, selectors: Sequence[int], apm_row: int = 0) -> int:
        """A decision of model `number` of slot (h >> shift) % 2^slot_bits of each context."""
        rows = [self.mixer[selector] for selector in selectors[: self.sets]]
        places = [
            (models, SLOT * ((h >> shift) % (1 << bits)) + number)
            for models, h, bits in zip(self.models, self.hashes, self.slot_bits, strict=False)
        ]
        inputs = [STRETCH[models[index] >> 20] for models, index in places] + [self.last_input]
        outputs = [clamp(sum(map(mul, row, inputs)) >> 16, -STRETCH_LIMIT, STRETCH_LIMIT) for row in rows]
        mean = sum(outputs) // len(outputs)
        if self.apm:
            probability, entry, weight = refine(self.apm[apm_row], mean)
            bit = decisions.decide(clamp(probability, 4, 0xFFFC))
            learn_refined(self.apm[apm_row], entry, weight, bit)
        else:
            bit = decisions.decide(squash(mean))
        for row, output in zip(rows, outputs, strict=True):
            error = 3 * (0x10000 * bit - squash(output))
            for i, value in enumerate(inputs):
                row[i] = wrap_32(row[i] + ((value * error + 0x8000) >> 16))
        for models, index in places:
            models[index] = learn(models[index], bit)
        return bit

    def decide_bin(self, decisions: Decisions, number: int, second: int, third: int) -> int:
        """The decision of a bin whose rows in the second and third weight set the coder selects."""
        first = LEVELS * number + self.level
        selectors = (first, SECOND_SET + SELECTED * number + second, THIRD_SET + SELECTED * number + third)
        shift = 15 if number >= SLOT else 0
        return self.mixed(decisions, number % SLOT, shift, selectors, QUARTERS * first + self.quarter)


def wrap_32(value: int) -> int:
    """A 32-bit integer in two's complement."""
    return (value + 0x80000000 & MASK_32) - 0x80000000


# Spec coding-tools/correction-planes


def decode_correction(stream: bytes, area: Area) -> list[int]:
    """A correction plane."""
    if not stream:
        return [0] * area.size
    require(1 <= stream[0] <= len(CONVERSIONS), "unknown form of a correction plane")
    plane = Decisions(stream, 1).sparse(area.rows, area.width)
    return [sample + (stream[0] - 1) * CORRECTIONS for sample in plane]


def finish_planes(planes: list[list[int]], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """Planes with the low ends of their ranges, then the correction planes."""
    out = [[value + low for value in plane] for plane, (low, _) in zip(planes, ranges, strict=False)]
    return out + [decode_correction(stream, area) for stream in streams[len(planes) :]]


def modelled_planes(plans: Sequence[Any], ranges: list[Range]) -> int:
    """How many planes a model of coder 2, 3 or 5 covers; those that follow must be correction planes."""
    require(all(bounds[1] == MAX_CORRECTION for bounds in ranges[len(plans) :]), "a plane that no section models")
    return len(plans)


# Spec coding-tools/references-and-grid


def read_references(head: bytes, plane: int) -> list[int]:
    """Bytes 0 to 2 of a plan of coder 2 or 3: numbers of the reference planes, the nearest first."""
    count, numbers = head[0], list(head[1:3])
    require(count <= 2, "too many references")
    require(all(number < plane for number in numbers[:count]), "reference is not before its plane")
    require(not any(numbers[count:]), "reference where there is none")
    return numbers[:count]


def take_grid(uses_grid: bool, stream: bytes) -> tuple[int, bytes]:
    """Where the grid begins, from the front of plane 0's stream, and the rest; 0 if no plane has the grid class map."""
    if not uses_grid:
        return 0, stream
    grid = stream[0] if stream else 0
    require(grid <= 63, "grid out of range")
    return grid, stream[1:]


def grid_position(grid: int, y: int, x: int) -> int:
    """The place of a sample in its square of 8 x 8, row by row."""
    return 8 * ((y + grid // 8) % 8) + (x + grid % 8) % 8


def nearest_sample(plane: list[int], start: int, rows: int, width: int) -> Sampler:
    """ref(r, c): the sample at the nearest place inside the image that begins at `start`."""
    return lambda r, c: plane[start + clamp(r, 0, rows - 1) * width + clamp(c, 0, width - 1)]
