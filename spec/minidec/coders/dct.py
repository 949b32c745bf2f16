"""Spec dct: the coefficients that a JPEG decoder made the samples from, and what the samples differ by."""

from __future__ import annotations

from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from operator import mul

from ..codebook import Section
from ..coding_tools import (
    INTEGER_BITS,
    LEVELS,
    QUARTERS,
    SECOND_SET,
    SELECTED,
    SLOT,
    STEADY,
    STRETCH_LIMIT,
    THIRD_SET,
    UNTRAINED,
    Area,
    Decisions,
    Mixing,
    Models,
    Range,
    check_sample,
    finish_planes,
    hash_terms,
    learn,
    modelled_planes,
    read_slots,
)
from ..inverses import OTHERS, fine_component, upsample_finely
from ..limits import MAX_BIT_MODELS
from ..notation import Reader, clamp, require
from .network import Network, Shape, read_network_mixers

# Spec dct/sections

CONTEXTS = 12
PLAIN_SLOTS = 1544
NETWORKS = Shape(inputs=48, kinds=64, outputs=8, components=1)


@dataclass
class DctPlan:
    """Sections of a plane."""

    means: list[list[int]]
    sizes: list[list[int]]
    slot_bits: list[int]
    plain: MutableSequence[int] = field(default_factory=list)
    models: Models = field(default_factory=list)
    sets: int = 0
    mixer: list[list[int]] = field(default_factory=list)
    network: Network | None = None


def read_plan(data: bytes, change: bytes = b"") -> DctPlan:
    """Section of kind 0."""
    require(bool(data) and 1 <= data[0] <= 8, "number of predictors out of range")
    tables, rows = Decisions(data, 1, change), 256 * data[0]
    return DctPlan(tables.table(rows, 36, 1 << 16), tables.table(rows, 26, 1 << 16), tables.column(CONTEXTS, 18, 4))


def read_dct_model(sections: list[Section], transform_planes: int) -> list[DctPlan]:
    """All sections of a model of coder 5; the last of the four planes of JFIF YCbCr is its correction plane."""
    count = 3 if transform_planes == 4 else 1
    kinds = [0] * count + [1] * count + [2] * count
    require([section.kind for section in sections] == kinds, "sections are not those of the planes")
    plans = [read_plan(section.data, section.change) for section in sections[:count]]
    size = sum(SLOT * (PLAIN_SLOTS + sum(1 << bits for bits in plan.slot_bits)) for plan in plans)
    require(size <= MAX_BIT_MODELS, "too many adaptive bit models for this decoder")
    for plan, models, mixers in zip(plans, sections[count : 2 * count], sections[2 * count :], strict=True):
        used, plan.sets, plan.mixer, plan.network = read_network_mixers(mixers.data, CONTEXTS, mixers.change, NETWORKS)
        slots = [PLAIN_SLOTS, *(1 << bits for bits in plan.slot_bits)]
        plan.plain, *plan.models = read_slots(models.data, slots, used + 1)
    return plans


# Spec dct/heads

LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *[99] * 32,
)  # fmt: skip


REPLICATED, SCALED, HALVES, STEPWISE, FINE, WIDE = range(1, 7)
FAST, IN_9_BITS = 1, 8
"""Kinds of upsampling, and of inverse transform, other than 0."""


@dataclass(frozen=True)
class DctHead:
    """The head of a stream: how many rows and columns a sample stands for, where the plane begins, the steps, and kinds
    of upsampling and inverse transform."""

    down: int
    across: int
    top: int
    left: int
    steps: tuple[int, ...]
    upsampling: int = 0
    inverse: int = 0
    below: int = 0
    behind: int = 0

    @property
    def layout(self) -> tuple[int, int, int, int]:
        return self.down, self.across, self.top, self.left

    def placed(self, row: int, column: int, flags: int) -> DctHead:
        """The head of a plane that begins there, of whose sides flags say beyond which the component goes on."""
        above, below, before, behind = (flags >> bit & 1 for bit in range(4, 8))
        top, left = row % (8 * self.down), column % (8 * self.across)
        if self.down == 2:
            top = 16 if above and top == 0 else top
        if self.across == 2:
            left = 16 if before and left == 0 else left
        return replace(self, top=top, left=left, below=below * (self.down == 2), behind=behind * (self.across == 2))


def standard_steps(table: int) -> tuple[int, ...]:
    """The steps of a standard table."""
    base, quality = (LUMINANCE, table) if table <= 100 else (CHROMINANCE, table - 100)
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(clamp((number * scale + 50) // 100, 1, 255) for number in base)


def read_dct_head(reader: Reader) -> DctHead:
    """One head."""
    factors, corner = reader.take(2)
    upsampling, inverse = factors // 4 % 7, factors // 28
    require(inverse <= IN_9_BITS, "unknown kind of decoder")
    require(upsampling != SCALED or inverse == 0, "kinds that do not go together")
    require(upsampling != FINE or inverse == IN_9_BITS, "kinds that do not go together")
    down, across, top, left = factors % 2 + 1, factors // 2 % 2 + 1, corner % 16, corner // 16
    if upsampling == WIDE:
        require(down == across == 1, "factors where others follow")
        upsampling, down, across = REPLICATED, corner % 16 + 1, corner // 16 + 1
        require(2 < max(down, across) <= 4, "samples repeated too little or too often")
        top, left = reader.take(2)
    (table,) = reader.take(1)
    require(top < 8 * down and left < 8 * across, "place in the first block out of range")
    require(table <= 200, "unknown table of steps")
    steps = standard_steps(table) if table else tuple(reader.take(64))
    require(min(steps) >= 1, "step of zero")
    return DctHead(down, across, top, left, steps, upsampling, inverse)


def read_dct_heads(
    stream: bytes, images: int, planes: int, before: list[DctHead] | None = None
) -> tuple[list[list[DctHead]], int]:
    """The heads of each image of a group, and where they end; zeros follow the stream. `before`: those of the image
    before."""
    reader = Reader(stream + bytes(256))
    heads: list[list[DctHead]] = []
    last = before or []
    while len(heads) < images:
        (flags,) = reader.take(1)
        count = flags % 8 + 1
        require(count <= images - len(heads), "heads of another number of images")
        if flags >> 3 & 1:
            require(bool(last) and all(max(head.down, head.across) <= 2 for head in last), "no heads to move")
            (corner,) = reader.take(1)
            own = [head.placed(corner % 16, corner // 16, flags) for head in last]
        else:
            own = []
            while len(own) < planes:
                if own and reader.data[reader.at] == 255:
                    reader.take(1)
                    own.append(own[-1])
                else:
                    head = read_dct_head(reader)
                    own.append(head.placed(head.top, head.left, flags))
        heads += [own] * count
        last = own
    return heads, reader.at


# Spec dct/blocks


OUTSIDE = 64  # where lists of a block's 64 numbers have a zero for all that lies outside


def place_of(u: int, v: int) -> int:
    """Where coefficient (u, v) stands in such a list."""
    return 8 * u + v if 0 <= u <= 7 and 0 <= v <= 7 else OUTSIDE


DIAGONALS = [
    [8 * u + s - u for u in (range(8) if s % 2 == 0 else range(7, -1, -1)) if 0 <= s - u <= 7] for s in range(15)
]
NEIGHBOURS = [  # places of (u+1, v), (u, v+1), (u+1, v+1), (u+2, v), (u, v+2), (u-1, v), (u, v-1)
    [place_of(u + du, v + dv) for du, dv in ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (-1, 0), (0, -1))]
    for u in range(8)
    for v in range(8)
]


MOST_VALUE = 1 << 23


class Block:
    """Coefficients, their values and errors, sums of the sizes of values up to each coefficient, and how many diagonals
    are coded."""

    def __init__(self) -> None:
        self.coefficients = [0] * 65
        self.values = [0] * 65
        self.errors = [0] * 65
        self.coded = 0
        self.totals = [0] * 65

    def finish(self) -> None:
        """Find the sums, when all coefficients are known."""
        total = 0
        for s in range(14, -1, -1):
            for k in DIAGONALS[s]:
                total += abs(self.values[k])
                self.totals[k] = total


NO_BLOCK = Block()


class Blocks:
    """The blocks of a component, which are appended one by one."""

    def __init__(self, head: DctHead, area: Area) -> None:
        self.head = head
        self.rows = (head.top + area.rows + head.below - 1) // head.down // 8 + 1
        self.columns = (head.left + area.width + head.behind - 1) // head.across // 8 + 1
        self.known: list[Block] = []

    def at(self, r: int, c: int) -> Block:
        """Block (r, c)."""
        if 0 <= r < self.rows and 0 <= c < self.columns:
            return self.known[r * self.columns + c]
        return NO_BLOCK


# Spec dct/references


BASIS = (
    (2896, 2896, 2896, 2896, 2896, 2896, 2896, 2896),
    (4017, 3406, 2276, 799, -799, -2276, -3406, -4017),
    (3784, 1567, -1567, -3784, -3784, -1567, 1567, 3784),
    (3406, -799, -4017, -2276, 2276, 4017, 799, -3406),
    (2896, -2896, -2896, 2896, 2896, -2896, -2896, 2896),
    (2276, -4017, 799, 3406, -3406, -799, 4017, -2276),
    (1567, -3784, 3784, -1567, -1567, 3784, -3784, 1567),
    (799, -2276, 3406, -4017, 4017, -3406, 2276, -799),
)


class Reference:
    """A component decoded before, as one on the grid of `head` sees it."""

    def __init__(self, blocks: Blocks, head: DctHead) -> None:
        self.blocks, self.head = blocks, head
        self.samples: list[list[int]] = []
        apart = blocks.head.layout != head.layout
        # Of kept JPEG files: factors that do not divide the largest.
        self.gives_nothing = apart and 0 in (blocks.head.down, head.down)
        if apart and not self.gives_nothing:
            self.samples = [
                [clamp((number - 122880) >> 14, -(1 << 20), 1 << 20) for number in row] for row in transform(blocks)
            ]

    def values(self, r: int, c: int) -> list[int]:
        """The numbers that it gives for block (r, c), and a zero behind them."""
        if self.gives_nothing:
            return NO_BLOCK.values
        if not self.samples:
            return self.blocks.at(r, c).values
        down, across, top, left = self.head.layout
        other = self.blocks.head
        rows = [
            [
                self.samples[clamp((other.top - top + down * i + a) // other.down, 0, len(self.samples) - 1)]
                for a in range(down)
            ]
            for i in range(8 * r, 8 * r + 8)
        ]
        last = len(self.samples[0]) - 1
        columns = [
            [clamp((other.left - left + across * j + b) // other.across, 0, last) for b in range(across)]
            for j in range(8 * c, 8 * c + 8)
        ]
        sums = [[sum(line[x] for line in lines for x in places) for places in columns] for lines in rows]
        lines = [[sum(map(mul, wave, row)) for wave in BASIS] for row in sums]
        area = 16 * down * across
        numbers = [
            ((area << 25) + sum(wave[y] * lines[y][v] for y in range(8))) // (area << 26)
            for wave in BASIS
            for v in range(8)
        ]
        return [*numbers, 0]


# Spec dct/contexts

COEFFICIENT_CONTEXTS = (
    (1, 10, 9), (1, 7, 8, 2), (2, 4, 11), (1, 5, 6), (3, 4, 12), (1, 13, 4),
    (1, 14, 15, 2), (11, 16, 17, 13), (1, 12, 10), (1, 8, 3), (1, 7, 10), (1, 2, 10),
)  # fmt: skip
BLOCK_CONTEXTS = (
    (1, 2, 3, 6), (1, 6, 7, 8), (1, 10, 11, 6), (1, 12, 8, 7), (1, 9, 8, 15), (1, 15, 12, 14),
    (1, 2, 3, 14), (1, 14, 12, 6), (1, 4, 5, 2), (1, 7, 6, 2), (1, 13, 12, 6), (1, 8, 15, 14),
)  # fmt: skip

BY_PLACE, SIGNS, LOW_BITS = 432, 1456, 1472
"""Where plain slots by coefficient and level, of signs and of low bits begin."""

BLOCK_BIN = 15
"""The bin whose rows serve the number of coded diagonals; 0 to 7 are those of coefficients."""

# Spec dct/terms-of-coefficients


def log_size(size: int) -> int:
    """L(d): a size on a scale of three steps for each doubling."""
    exponent = (size + 1).bit_length() - 1
    return min(47, 3 * exponent + (3 * ((4 * (size + 1) >> exponent) % 4) >> 2))


def near_zero(value: int) -> int:
    """C(d): a number near 0, from 0 up."""
    return clamp(value, -20, 20) + 20


def near_zero_steps(value: int, step: int) -> int:
    """R(d): the same of a value, in whole steps towards 0."""
    return near_zero(value // step if value >= 0 else -(-value // step))


@dataclass
class Progress:
    """What is known of a block before its next coefficient: how many are not 0, the sum of sizes, the two before."""

    nonzero: int = 0
    total: int = 0
    last: int = 0
    before_last: int = 0


class DctPlane(Mixing):
    """Decodes the coefficients of a plane."""

    def __init__(self, plan: DctPlan, stream: bytes, start: int, heads: list[DctHead]) -> None:
        super().__init__(plan, apm_rows=0)
        self.plan = plan
        self.open(stream, start, heads)
        self.escape_models = [STEADY] * (2 * INTEGER_BITS)
        self.plain = plan.plain[:]
        self.correction_models = [UNTRAINED] * CORRECTION_MODELS

    def open(self, stream: bytes, start: int, heads: list[DctHead]) -> None:
        """Begin with a stream of a group; the state is what it was."""
        self.heads = heads
        self.decisions = Decisions(stream, start)

    def decode(self, image: int, area: Area, before: list[Blocks]) -> Blocks:
        """All blocks of the next image."""
        return self.fill(self.heads[image], Blocks(self.heads[image], area), before)

    def fill(self, head: DctHead, blocks: Blocks, before: list[Blocks]) -> Blocks:
        """Which predictor serves the plane and how far, then all blocks in raster order."""
        self.head, self.blocks = head, blocks
        self.references = [Reference(other, head) for other in before]
        self.predictor = self.decisions.bypass_bits(3, 0)
        self.predicted = self.decisions.bypass_bits(4, 0)
        self.plain_level = self.decisions.bypass_bits(4, 0)
        self.predictors = len(self.plan.means) // 256
        require(self.predictor < self.predictors, "no such predictor")
        for r in range(self.blocks.rows):
            for c in range(self.blocks.columns):
                self.north, self.west = self.blocks.at(r - 1, c), self.blocks.at(r, c - 1)
                self.north_west, self.north_east = self.blocks.at(r - 1, c - 1), self.blocks.at(r - 1, c + 1)
                near = [reference.values(r, c) for reference in self.references]
                self.first, self.second = (near + [NO_BLOCK.values] * 2)[:2]
                self.blocks.known.append(self.block())
        return self.blocks

    # Spec dct/coefficients

    def block(self) -> Block:
        """One block: first how many diagonals are coded, then their coefficients from the highest frequencies down."""
        block, progress = Block(), Progress()
        if self.plan.network:
            self.last_input = 0
        block.coded = self.coded_diagonals()
        places = [k for diagonal in range(block.coded - 1, -1, -1) for k in DIAGONALS[diagonal]]
        self.extent = sum(len(places) > most for most in (10, 21, 43))
        for k in places:
            mu = self.predict(k, block, progress)
            coefficient = self.coefficient(k, mu, progress.nonzero)
            require(abs(coefficient) <= 1 << 15, "coefficient out of range")
            progress.last, progress.before_last = coefficient, progress.last
            progress.nonzero += coefficient != 0
            block.coefficients[k] = coefficient
            block.values[k] = clamp(coefficient * self.head.steps[k], -MOST_VALUE, MOST_VALUE)
            error = abs(4 * block.values[k] - self.fine * self.head.steps[k]) >> 2
            block.errors[k] = min(error, MOST_VALUE)
            progress.total += abs(block.values[k])
        block.finish()
        return block

    def coefficient(self, k: int, mu: int, nonzero: int) -> int:
        """Coefficient k, which mu predicts: the category of what it differs from that, sign, and low bits."""
        is_plain = self.level >= self.plain_level
        category, sign = self.plain_category(k, mu) if is_plain else self.mixed_category(k, nonzero)
        last = 8 if is_plain else 5
        if category == 0:
            return mu
        if category == last:
            size = (1 << (category - 1)) + self.decisions.integer(self.escape_models)
        else:
            size = self.low_bits(category, -mu if sign else mu)
        return mu + size if sign else mu - size

    def mixed_category(self, k: int, nonzero: int) -> tuple[int, int]:
        """A category up to 5, and the sign."""
        third = QUARTERS * min(nonzero, 15) + self.quarter
        outputs = self.plan.network.outputs(self.seen, k) if self.plan.network else []

        def decision(number: int) -> int:
            if outputs:
                self.last_input = clamp(outputs[number], -STRETCH_LIMIT, STRETCH_LIMIT)
            return self.decide_bin(self.decisions, number, k, third)

        if not decision(0):
            return 0, 0
        sign = decision(1)
        category = 1
        while category < 5 and decision(2 * category + sign if category < 3 else 3 + category):
            category += 1
        return category, sign

    def low_bits(self, category: int, towards: int) -> int:
        """A size of so many bits."""
        first = SLOT * (LOW_BITS + 8 * category + clamp(towards, 0, 7))
        size = 1
        for _ in range(category - 1):
            bit = self.modelled(first + size) if size < 8 else self.decisions.bypass()
            size = 2 * size + bit
        return size

    def modelled(self, number: int) -> int:
        """A decision of one plain model."""
        bit = self.decisions.decide(clamp(self.plain[number] >> 16, 32, 0xFFE0))
        self.plain[number] = learn(self.plain[number], bit)
        return bit

    # Spec dct/plain-coefficients

    def plain_category(self, k: int, mu: int) -> tuple[int, int]:
        """A category up to 8, and the sign."""
        one = SLOT * ((3 * self.expected_error + min(abs(mu), 2)) * 3 + abs(self.quarter - 2))
        other = SLOT * (BY_PLACE + LEVELS * k + self.level)
        low, high = 0, 8
        at = clamp((2 * self.level - 11) // 3, 0, 5)
        while low < high:
            if self.by_two(one + at, other + at):
                low = at = at + 1
            else:
                high = at
                at -= 1
        if low == 0:
            return 0, 0
        slot = SIGNS + QUARTERS * self.quarter + min(low, 4) - 1
        return low, self.modelled(SLOT * slot + 2 + clamp(mu, -2, 2))

    def by_two(self, one: int, other: int) -> int:
        """A decision of two plain models."""
        places = one, other
        mean = sum(self.plain[place] >> 16 for place in places) >> 1
        bit = self.decisions.decide(clamp(mean, 32, 0xFFE0))
        for place in places:
            self.plain[place] = learn(self.plain[place], bit)
        return bit

    # Spec dct/network

    def inputs(self, k: int, block: Block, sizes: list[int], nonzero: int) -> list[int]:
        """What the network sees of coefficient k."""
        step, at = self.head.steps[k], len(self.blocks.known)
        r, c = divmod(at, self.blocks.columns)

        def log_steps(value: int) -> int:
            size = 32 * log_size(4 * abs(value) // step)
            return size if value >= 0 else -size

        east = self.reference_at(r, c + 1)[k] if c + 1 < self.blocks.columns else 0
        south = self.reference_at(min(r + 1, self.blocks.rows - 1), c)[k]
        own = [block.values[place] for place in NEIGHBOURS[k][:5]]
        values = [
            *(near.values[k] for near in (self.north, self.west, self.north_west, self.north_east)),
            self.blocks.at(r - 2, c).values[k], self.blocks.at(r, c - 2).values[k],
            *own, self.first[k], self.second[k], east, south,
        ]  # fmt: skip
        fine = 32 * log_size(abs(self.fine))
        ends = [block.coded, self.north.coded, self.west.coded]
        return [
            32 * log_size(sizes[0]), *map(log_steps, sizes[1:]), *map(log_steps, values),
            fine if self.fine >= 0 else -fine, *(64 * (end - k // 8 - k % 8) for end in ends),
            128 * (self.quarter - 2), 32 * self.expected_error, 16 * nonzero,
        ]  # fmt: skip

    def reference_at(self, r: int, c: int) -> list[int]:
        """What the first reference gives for block (r, c)."""
        return self.references[0].values(r, c) if self.references else NO_BLOCK.values

    # Spec dct/prediction

    def predict(self, k: int, block: Block, progress: Progress) -> int:
        """What coefficient k is predicted to be; its contexts are chosen, too."""
        u, v = k // 8, k % 8
        step = self.head.steps[k]
        own, north, west = block.values, self.north.values, self.west.values
        north_west, north_east = self.north_west.values[k], self.north_east.values[k]
        first, second = self.first[k], self.second[k]
        down, right, diagonal, down2, right2, up, left = NEIGHBOURS[k]
        total_north, total_west = self.north.totals[k], self.west.totals[k]
        numbers = [*north[v:64:8], *west[8 * u : 8 * u + 8], *own[v:64:8], *own[8 * u : 8 * u + 8]]
        numbers += [north_west, north_east, first, second]
        sizes = [
            step, abs(north[k]), abs(west[k]), abs(north_west), abs(north_east),
            abs(north[down]) + abs(north[right]), abs(west[down]) + abs(west[right]),
            abs(own[down]), abs(own[right]), abs(own[diagonal]), abs(own[down2]) + abs(own[right2]),
            abs(north[up]) + abs(north[left]), abs(west[up]) + abs(west[left]),
            progress.total, total_north, total_west, abs(first), abs(second),
            self.north.errors[k], self.west.errors[k], self.north_west.errors[k], self.north_east.errors[k],
            block.errors[down], block.errors[right], block.errors[diagonal], block.errors[down2] + block.errors[right2],
        ]  # fmt: skip
        row = (4 * k + self.extent) * self.predictors + self.predictor
        fine = (sum(map(mul, numbers, self.plan.means[row])) + 128 * step) // (256 * step)
        self.fine = fine = clamp(fine, -(1 << 17), 1 << 17) if u + v < self.predicted else 0
        mu, self.quarter = (fine + 2) >> 2, (fine + 2) % 4
        expected_error = log_size(max(0, sum(map(mul, sizes, self.plan.sizes[row])) // (16 * step)))
        self.expected_error, self.level = expected_error, min(expected_error >> 1, LEVELS - 1)
        if self.plan.network:
            self.seen = self.inputs(k, block, sizes, progress.nonzero)
        terms = {
            1: k, 2: near_zero(mu), 3: clamp(fine, -40, 40) + 40, 4: expected_error,
            5: near_zero(self.north.coefficients[k]), 6: near_zero(self.west.coefficients[k]),
            7: near_zero_steps(first, step), 8: near_zero_steps(second, step), 9: progress.nonzero,
            10: log_size(progress.total // step), 11: u + v, 12: min(step, 31),
            13: log_size((sizes[16] + sizes[17]) // step),
            14: near_zero(progress.last), 15: near_zero(progress.before_last),
            16: log_size((2 * (sizes[1] + sizes[2]) + sizes[3] + sizes[4]) // step),
            17: log_size((sizes[7] + sizes[8] + sizes[9]) // step),
        }  # fmt: skip
        self.choose_contexts(terms, COEFFICIENT_CONTEXTS)
        return mu

    def choose_contexts(self, terms: dict[int, int], contexts: Sequence[Sequence[int]]) -> None:
        """The hash of each context that is used."""
        self.hashes = [hash_terms([terms[number] for number in numbers]) for numbers in contexts[: len(self.models)]]

    # Spec dct/coded-diagonals

    def coded_diagonals(self) -> int:
        """How many diagonals of a block are coded."""
        steps = self.head.steps
        north, west = self.north.coded, self.west.coded
        north_west, north_east = self.north_west.coded, self.north_east.coded
        p, q = (self.reached(block) for block in (self.first, self.second))
        total_north, total_west = self.north.totals[1], self.west.totals[1]
        references = sum(abs(self.first[k]) + abs(self.second[k]) for k in range(1, 64))
        terms = {
            1: 64, 2: north, 3: west, 4: north_west, 5: north_east, 6: p, 7: q,
            8: 2 * (north + west) + north_west + north_east, 9: min(steps[0], 31),
            10: log_size(total_north // steps[1]), 11: log_size(total_west // steps[1]),
            12: log_size((total_north + total_west) // steps[1]),
            13: log_size((self.north_west.totals[1] + self.north_east.totals[1]) // steps[1]),
            14: log_size((self.north.totals[17] + self.west.totals[17]) // steps[17]),
            15: log_size(references // steps[1]),
        }  # fmt: skip
        self.choose_contexts(terms, BLOCK_CONTEXTS)
        node = 1
        for b in range(4):
            selectors = (
                LEVELS * BLOCK_BIN + node,
                SECOND_SET + SELECTED * BLOCK_BIN + 16 * b + ((north + west + 1) >> 1),
                THIRD_SET + SELECTED * BLOCK_BIN + 16 * b + p,
            )
            node = 2 * node + self.mixed(self.decisions, node % SLOT, 15 if b == 3 else 0, selectors)
        return node - 16

    def reached(self, numbers: Sequence[int]) -> int:
        """How many diagonals there are up to the highest on which a reference gives half a step."""
        steps = self.head.steps
        found = (s + 1 for s in range(14, -1, -1) if any(2 * abs(numbers[k]) >= steps[k] for k in DIAGONALS[s]))
        return next(found, 0)


# Spec dct/inverse-transform


def transform_line(a: Sequence[int], half: int) -> list[int]:
    """Eight numbers for eight others: libjpeg's accurate inverse DCT, whose factors have 13 fractional bits."""
    shared = 4433 * (a[2] + a[6])
    low, high = shared - 15137 * a[6], shared + 6270 * a[2]
    total, difference = 8192 * (a[0] + a[4]), 8192 * (a[0] - a[4])
    z1, z2 = -7373 * (a[1] + a[7]), -20995 * (a[3] + a[5])
    z5 = 9633 * (a[1] + a[3] + a[5] + a[7])
    z3, z4 = z5 - 16069 * (a[3] + a[7]), z5 - 3196 * (a[1] + a[5])
    even = (total + high, difference + low, difference - low, total - high)
    odd = (
        12299 * a[1] + z1 + z4, 25172 * a[3] + z2 + z3, 16819 * a[5] + z2 + z4, 2446 * a[7] + z1 + z3,
    )  # fmt: skip
    out = [b + c + half for b, c in zip(even, odd, strict=True)]
    return out + [b - c + half for b, c in zip(even[::-1], odd[::-1], strict=True)]


PASS_1_BITS, PASS_2_BITS = 11, 18
"""What the two passes shift down by: of 13 fractional bits the first keeps 2; the second drops 15 and divides by 8."""


def fast_line(a: Sequence[int]) -> list[int]:
    """The same by libjpeg's fast inverse DCT, without factors that the steps are multiplied by."""
    p, q, s = a[0] + a[4], a[0] - a[4], a[2] + a[6]
    d = (((a[2] - a[6]) * 362) >> 8) - s
    even = (p + s, q + d, q - d, p - s)
    b, g, h, m = a[5] + a[3], a[5] - a[3], a[1] + a[7], a[1] - a[7]
    z = ((g + m) * 473) >> 8
    odd = [h + b]
    odd.append(((g * -669) >> 8) + z - odd[0])
    odd.append((((h - b) * 362) >> 8) - odd[1])
    odd.append(z - ((m * 277) >> 8) - odd[2])
    out = [b + c for b, c in zip(even, odd, strict=True)]
    return out + [b - c for b, c in zip(even[::-1], odd[::-1], strict=True)]


FAST_FACTORS = (
    16384, 22725, 21407, 19266, 16384, 12873, 8867, 4520, 22725, 31521, 29692, 26722, 22725, 17855, 12299, 6270,
    21407, 29692, 27969, 25172, 21407, 16819, 11585, 5906, 19266, 26722, 25172, 22654, 19266, 15137, 10426, 5315,
    16384, 22725, 21407, 19266, 16384, 12873, 8867, 4520, 12873, 17855, 16819, 15137, 12873, 10114, 6967, 3552,
    8867, 12299, 11585, 10426, 8867, 6967, 4799, 2446, 4520, 6270, 5906, 5315, 4520, 3552, 2446, 1247,
)  # fmt: skip


def transform_block(values: Sequence[int], head: DctHead) -> list[list[int]]:
    """The samples of a block less 128, as rows of numbers in 1/8 that are not yet rounded down."""
    if head.inverse == FAST:
        factors = [(step * factor + 2048) >> 12 for step, factor in zip(head.steps, FAST_FACTORS, strict=True)]
        w = [value // step * factor for value, step, factor in zip(values[:64], head.steps, factors, strict=True)]
        rows = zip(*(fast_line(w[v:64:8]) for v in range(8)), strict=True)
        return [[number >> 2 for number in fast_line(row)] for row in rows]
    if head.inverse in OTHERS:
        numbers = [number >> (PASS_2_BITS - 3) for number in OTHERS[head.inverse](list(values[:64]))]
        return [numbers[8 * u : 8 * u + 8] for u in range(8)]
    first_pass = [transform_line(values[v:64:8], 1 << (PASS_1_BITS - 1)) for v in range(8)]
    rows = zip(*([number >> PASS_1_BITS for number in column] for column in first_pass), strict=True)
    return [[number >> (PASS_2_BITS - 3) for number in transform_line(row, 1 << (PASS_2_BITS - 1))] for row in rows]


def transform(blocks: Blocks) -> list[list[int]]:
    """What the second pass gives, by row and column of the component."""
    numbers: list[list[int]] = []
    for r in range(blocks.rows):
        numbers += [[] for _ in range(8)]
        for c in range(blocks.columns):
            values = blocks.at(r, c).values
            first_pass = [transform_line(values[v:64:8], 1 << (PASS_1_BITS - 1)) for v in range(8)]
            columns = [[number >> PASS_1_BITS for number in column] for column in first_pass]
            for u, row in enumerate(zip(*columns, strict=True), 8 * r):
                numbers[u] += transform_line(row, 1 << (PASS_2_BITS - 1))
    return numbers


def transform_blocks(blocks: Blocks, head: DctHead) -> tuple[list[list[int]], list[list[int]]]:
    """The samples of a component, and `part` of each, by row and column."""
    component: list[list[int]] = []
    parts: list[list[int]] = []
    for r in range(blocks.rows):
        component += [[] for _ in range(8)]
        parts += [[] for _ in range(8)]
        for c in range(blocks.columns):
            for u, eighths in enumerate(transform_block(blocks.at(r, c).values, head), 8 * r):
                component[u] += [clamp((number >> 3) + 128, 0, 255) for number in eighths]
                parts[u] += [number % 8 for number in eighths]
    return component, parts


# Spec dct/upsampling


def upsample(component: list[list[int]], head: DctHead, area: Area) -> list[int]:
    """The plane that a component gives, row by row."""
    down, across, top, left = head.layout
    last_row = (top + area.rows + head.below - 1) // down
    last_column = (left + area.width + head.behind - 1) // across
    out = []
    for y in range(top, top + area.rows):
        i, odd_y = y // down, y % 2
        near = component[i]
        far = component[clamp(i + 2 * odd_y - 1, 0, last_row)]
        for x in range(left, left + area.width):
            j, odd_x = x // across, x % 2
            side = clamp(j + 2 * odd_x - 1, 0, last_column)
            if down == across == 1 or head.upsampling == REPLICATED:
                out.append(near[j])
            elif head.upsampling == STEPWISE and down == across:
                here, there = (3 * near[j] + far[j] + 2) >> 2, (3 * near[side] + far[side] + 2) >> 2
                out.append((3 * here + there + 2) >> 2)
            elif head.upsampling in (HALVES, STEPWISE):
                other = near[side] if down == 1 else far[j]
                both = 9 * near[j] + 3 * far[j] + 3 * near[side] + far[side]
                out.append((both + 8) >> 4 if down == across else (3 * near[j] + other + 2) >> 2)
            elif down == 1:
                out.append((3 * near[j] + near[side] + 1 + odd_x) >> 2)
            elif across == 1:
                out.append((3 * near[j] + far[j] + 1 + odd_y) >> 2)
            else:
                out.append((9 * near[j] + 3 * far[j] + 3 * near[side] + far[side] + 8 - odd_x) >> 4)
    return out


LONG_WEIGHTS = (
    (8192, 11529, 11363, 11086, 10703, 10217, 9632, 8956),
    (8192, 11086, 9633, 7350, 4433, 1136, -2260, -5461),
    (8192, 10217, 6437, 1136, -4433, -8955, -11363, -11086),
    (8192, 8956, 2260, -5461, -10703, -11086, -6436, 1137),
    (8192, 7350, -2260, -10217, -10703, -3363, 6436, 11529),
    (8192, 5461, -6437, -11529, -4433, 7349, 11363, 3363),
    (8192, 3363, -9633, -8955, 4433, 11529, 2260, -10217),
    (8192, 1136, -11363, -3363, 10703, 5461, -9632, -7350),
)


def long_line(a: Sequence[int], half: int) -> list[int]:
    """Sixteen numbers for eight: the inverse DCT of twice the length."""
    even = [sum(weights[f] * a[f] for f in range(0, 8, 2)) for weights in LONG_WEIGHTS]
    odd = [sum(weights[f] * a[f] for f in range(1, 8, 2)) for weights in LONG_WEIGHTS]
    out = [half + b + c for b, c in zip(even, odd, strict=True)]
    return out + [half + b - c for b, c in zip(even[::-1], odd[::-1], strict=True)]


def scale_blocks(blocks: Blocks, head: DctHead, area: Area) -> list[int]:
    """The plane that blocks give which are transformed to more samples than they have coefficients, row by row."""
    tall = long_line if head.down == 2 else transform_line
    wide = long_line if head.across == 2 else transform_line
    scaled: list[list[int]] = []
    for r in range(blocks.rows):
        band: list[list[int]] = [[] for _ in range(8 * head.down)]
        for c in range(blocks.columns):
            values = blocks.at(r, c).values
            first_pass = [tall(values[v:64:8], 1 << (PASS_1_BITS - 1)) for v in range(8)]
            rows = zip(*([number >> PASS_1_BITS for number in column] for column in first_pass), strict=True)
            for line, row in zip(band, rows, strict=True):
                line += [clamp((z >> PASS_2_BITS) + 128, 0, 255) for z in wide(row, 1 << (PASS_2_BITS - 1))]
        scaled += band
    lines = scaled[head.top : head.top + area.rows]
    return [sample for line in lines for sample in line[head.left : head.left + area.width]]


# Spec dct/pixel-corrections


TILE_MODELS, ZERO_MODELS, REPEAT_MODELS, SIGN_MODELS, SIZE_MODELS = 0, 8, 136, 139, 157
"""Where the 253 correction models of each question begin: 8 for the flag of a tile (2 x 2 x 2), 128 for zero or not
(16 x 4 x 2), 3 for the same sample as beside, 18 for the sign (3 x 3 x 2), 48 for each of two ranges of sizes."""
SIZES = 24
CORRECTION_MODELS = SIZE_MODELS + 4 * SIZES


def sign_of(value: int) -> int:
    """0 for zero, 1 for less, 2 for more."""
    return 0 if value == 0 else 1 if value < 0 else 2


class PixelCorrections:
    """Decodes what the samples of a plane differ by from the upsampled ones; `before` is that of the plane before."""

    def __init__(
        self, plane: DctPlane, area: Area, upsampled: list[int], parts: list[list[int]], before: list[int],
    ) -> None:  # fmt: skip
        self.decisions, self.head, self.area, self.parts, self.before = plane.decisions, plane.head, area, parts, before
        self.upsampled = upsampled
        self.samples = upsampled[:]
        self.corrections = [0] * area.size
        self.models = plane.correction_models

    def decide(self, number: int) -> int:
        """A decision of a correction model, which learns it."""
        return self.decisions.modelled(self.models, number)

    def at(self, y: int, x: int) -> int:
        """The correction of a sample; 0 outside the plane and where it is not known yet."""
        inside = y >= 0 and 0 <= x < self.area.width
        return self.corrections[y * self.area.width + x] if inside else 0

    def decode(self) -> None:
        """All tiles in raster order."""
        rows, width = self.area.rows, self.area.width
        for start in range(-(self.head.top % 8), rows, 8):
            ys = range(max(start, 0), min(start + 8, rows))
            flag = 0
            for left in range(-(self.head.left % 8), width, 8):
                xs = range(max(left, 0), min(left + 8, width))
                above = any(self.at(ys[0] - 1, x) for x in xs)
                other = any(self.before[y * width + x] for y in ys for x in xs)
                flag = self.decide(TILE_MODELS + above + 2 * flag + 4 * other)
                if flag:
                    for y in ys:
                        for x in xs:
                            self.add(y, x, self.correction(y, x))

    def add(self, y: int, x: int, correction: int) -> None:
        """A sample becomes known."""
        index = y * self.area.width + x
        self.corrections[index] = correction
        self.samples[index] = check_sample(self.upsampled[index] + correction, 0, 255)

    def correction(self, y: int, x: int) -> int:
        """What the sample differs by."""
        width = self.area.width
        index = y * width + x
        head, upsampled = self.head, self.upsampled[index]
        part = self.parts[head.top + y][head.left + x] if head.down == head.across == 1 else 0
        west, north = self.at(y, x - 1), self.at(y - 1, x)
        around = (west != 0) + 2 * (north != 0)
        around += 4 * (self.at(y - 1, x - 1) != 0) + 8 * (self.at(y - 1, x + 1) != 0)
        if not self.decide(ZERO_MODELS + 8 * around + 2 * min(part, 7 - part) + (self.before[index] != 0)):
            return 0
        if west or north:
            sample = self.samples[index - 1 if west else index - width]
            if sample != upsampled:
                kind = 0 if west == 0 or north == 0 else 2 if self.samples[index - width] == sample else 1
                if self.decide(REPEAT_MODELS + kind):
                    return sample - upsampled
        negative = self.decide(SIGN_MODELS + (part >= 4) + 6 * sign_of(west) + 2 * sign_of(north))
        first = SIZE_MODELS + 2 * SIZES * (max(abs(west), abs(north)) > 1)
        size = self.decisions.size(self.models, first, SIZES)
        return -size if negative else size


# Spec dct/streams-and-state


def decode_dct(
    plans: list[DctPlan],
    streams: list[bytes],
    ranges: list[Range],
    area: Area,
    before: tuple[list[bytes], Area] | None = None,
) -> list[list[int]]:
    """All planes of coder 5; `before`: the streams and the area of a group that this one goes on from."""
    count = modelled_planes(plans, ranges)
    require(all(bounds == (0, 255) for bounds in ranges[:count]), "coder 5 is for eight bits")
    image = Area(area.image_rows, area.width, area.image_rows)
    room = (image.rows + 24) * (image.width + 24)
    require(room <= 4 * image.size + 65536, "image too thin for coder 5")
    decoders: list[DctPlane] = []
    heads: list[list[DctHead]] = []
    planes: list[list[int]] = []
    for one, its_area in [*([] if before is None else [before]), (streams, area)]:
        images = its_area.rows // its_area.image_rows
        heads, size = read_dct_heads(one[0], images, len(plans), heads[-1] if heads else None)
        begins = [(one[k], size if k == 0 else 0, [each[k] for each in heads]) for k in range(len(plans))]
        if decoders:
            for decoder, begin in zip(decoders, begins, strict=True):
                decoder.open(*begin)
        else:
            decoders = [DctPlane(plan, *begin) for plan, begin in zip(plans, begins, strict=True)]
        planes = [[] for _ in plans]
        for number in range(images):
            for samples, decoded in zip(planes, decode_image(decoders, number, image), strict=True):
                samples += decoded
    return finish_planes(planes, streams, ranges, area)


def decode_image(decoders: list[DctPlane], number: int, area: Area) -> Iterator[list[int]]:
    """The samples of each plane of the next image of a group."""
    references: list[Blocks] = []  # the nearest first
    before = [0] * area.size
    for plane in decoders:
        blocks = plane.decode(number, area, references)
        head = plane.head
        component, parts = transform_blocks(blocks, head)
        kind = head.upsampling if head.down * head.across > 1 else 0
        if kind == SCALED:
            upsampled = scale_blocks(blocks, head, area)
        elif kind == FINE:
            values = [[list(blocks.at(r, c).values[:64]) for c in range(blocks.columns)] for r in range(blocks.rows)]
            shape, further = (area.rows, area.width), (head.below, head.behind)
            upsampled = upsample_finely(fine_component(values), head.layout, shape, further)
        else:
            upsampled = upsample(component, head, area)
        corrections = PixelCorrections(plane, area, upsampled, parts, before)
        corrections.decode()
        before = corrections.corrections
        references = [blocks, *references]
        yield corrections.samples
