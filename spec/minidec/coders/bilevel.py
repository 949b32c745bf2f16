"""Spec bilevel: each sample is one decision, from contexts of neighbours and a small neural network."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from ..codebook import Section
from ..coding_tools import (
    BIAS,
    FULL_WEIGHT,
    MASK_32,
    STRETCH,
    STRETCH_LIMIT,
    UNTRAINED,
    Area,
    Decisions,
    ModelCode,
    Models,
    Range,
    learn,
    read_models,
    squash,
)
from ..limits import MAX_BIT_MODELS
from ..notation import Reader, clamp, require
from .network import Network, Shape

# Spec bilevel/neighbours

Place = tuple[int, int]

WINDOW: list[Place] = sorted(
    ((dy, dx) for dy in range(-6, 1) for dx in range(-6, 7) if dy < 0 or dx < 0),
    key=lambda place: (place[0] ** 2 + place[1] ** 2, place),
)
"""The 84 neighbours, the nearest first."""
WORDS: tuple[list[Place], ...] = (
    [(0, -1 - k) for k in range(6)] + [(-1, 6 - k) for k in range(13)] + [(-2, 6 - k) for k in range(13)],
    [(-3, 6 - k) for k in range(13)] + [(-4, 6 - k) for k in range(13)],
    [(-5, 6 - k) for k in range(13)] + [(-6, 6 - k) for k in range(13)],
)
"""Which neighbours the bits of the words near, middle and distant are, from bit 0 on."""
AROUND = ((0, -1), (0, -2), (-1, 1), (-1, 0), (-1, -1), (-2, 1), (-2, 0), (-2, -1))
"""The eight neighbours that choose rows of mixers and of the adaptive probability map."""

# Spec bilevel/sections

MODEL_CODE = ModelCode(148, (0, 2, 8, 32))
WEIGHT_LIMIT = 1 << 22
BLANK_LIMIT = (1 << 28) - 1

TRUSTED, AROUNDS, RUNS, OUTPUTS = 66, 256, 1024, 64
"""Rows of each weight set: twice as many as contexts may be trusted, 0 to 32, and the sample on the left; the eight
neighbours; runs, or places in a small image; outputs of the network."""
SECOND_SET = TRUSTED
THIRD_SET = SECOND_SET + AROUNDS
FOURTH_SET = THIRD_SET + RUNS
MIXER_ROWS = FOURTH_SET + OUTPUTS

KNOWN = 3
"""Bits that an adaptive bit model must have seen to know its context."""


@dataclass(frozen=True)
class Context:
    """Which neighbours a context has, as masks of the three words, and its terms."""

    masks: tuple[int, ...]
    terms: tuple[int, ...]


@dataclass
class BilevelPlan:
    """Sections of a plane."""

    slot_bits: int
    skips_blank: bool
    rate: int
    contexts: list[Context]
    models: Models = field(default_factory=list)
    mixer: list[list[int]] = field(default_factory=list)
    blend: list[list[int]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    network: Network | None = None


def read_plan(data: bytes) -> BilevelPlan:
    """Section of kind 0."""
    reader = Reader(data)
    count, flags, rate = reader.take(3)
    slot_bits = flags & 127
    require(1 <= count <= 32 and 8 <= slot_bits <= 20, "plan out of range")
    require(1 <= rate <= 16, "plan out of range")
    contexts = []
    for _ in range(count):
        neighbours, *terms = reader.take(4)
        require(neighbours <= len(WINDOW) and max(terms) <= 10, "context out of range")
        inside = set(WINDOW[:neighbours])
        masks = tuple(sum((place in inside) << bit for bit, place in enumerate(word)) for word in WORDS)
        contexts.append(Context(masks, tuple(terms)))
    reader.end()
    return BilevelPlan(slot_bits, flags > 127, rate, contexts)


def scale(table: list[list[int]], factor: int, start: int, limit: int) -> list[list[int]]:
    """A table with each entry scaled, moved and clamped."""
    return [[clamp(factor * entry + start, -limit, limit) for entry in row] for row in table]


def read_mixers(plan: BilevelPlan, data: bytes) -> None:
    """Section of kind 2."""
    reader = Reader(data)
    first = reader.u8()
    used, has_network = first & 127, first > 127
    require(1 <= used <= min(32, len(plan.contexts)), "mixers out of range")
    plan.contexts = plan.contexts[:used]
    sizes = reader.take(3) if has_network else b""
    tables = Decisions(data, 1 + len(sizes))
    if has_network:
        plan.network = Network.read(tables, NETWORKS, *sizes)
    # Contexts start at 1.3 / used together; beside a network at 0.6 / used, and the network at 0.6; the bias at 0.
    share = 6 if has_network else 13
    starts = [share * FULL_WEIGHT // (10 * used)] * used + [6 * FULL_WEIGHT // 10] * has_network + [0]
    for row in tables.table(MIXER_ROWS, len(starts)):
        weights = (1024 * change + start for change, start in zip(row, starts, strict=True))
        plan.mixer.append([clamp(weight, -WEIGHT_LIMIT, WEIGHT_LIMIT) for weight in weights])
    plan.blend = scale(tables.table(32, 4), 512, FULL_WEIGHT // 4, WEIGHT_LIMIT)
    plan.blank = [clamp(256 * entry, 0, BLANK_LIMIT) for entry in tables.column(256)]


def read_bilevel_model(sections: list[Section], transform_planes: int) -> list[BilevelPlan]:
    """All sections of a model of coder 4."""
    require(len(sections) == 3 * transform_planes, "number of planes is not that of the transform")
    kinds = [kind for kind in (0, 1, 2) for _ in range(transform_planes)]
    require([section.kind for section in sections] == kinds, "section of another kind")
    plans = []
    for number in range(transform_planes):
        head, models, mixers = sections[number::transform_planes]
        plan = read_plan(head.data)
        size = transform_planes * len(plan.contexts) << plan.slot_bits
        require(size <= MAX_BIT_MODELS, "too many adaptive bit models for this decoder")
        plan.models = read_models(models.data, len(plan.contexts), 1 << plan.slot_bits, MODEL_CODE)
        read_mixers(plan, mixers.data)
        plans.append(plan)
    return plans


# Spec bilevel/network

SEEN: list[Place] = [
    *((0, -left) for left in range(1, 19)),
    *((-up, dx) for up in range(1, 13) for dx in range(-12, 13)),
]
NETWORKS = Shape(inputs=len(SEEN) + 2, kinds=1, outputs=1, components=1)


def network_output(network: Network, sample: Callable[[int, int], int], y: int, x: int) -> int:
    """What the network makes of sample (y, x), as a stretched probability."""
    inputs = [256 * sample(y + dy, x + dx) for dy, dx in SEEN]
    (output,) = network.outputs([*inputs, *(32 * min(place, 63) - 1024 for place in (y, x))])
    return clamp(output, -2303, 2303)


# Spec bilevel/terms

NOWHERE = 1 << 20


class Features:
    """What is kept of the samples of an image for the terms of the next."""

    def __init__(self, rows: int, width: int) -> None:
        self.width = width
        self.samples: list[int] = []
        self.small = rows <= 64 and width <= 64
        self.run_start = 0
        self.above = [0] * width
        self.change = [0] * width
        self.first, self.left, self.right = NOWHERE, NOWHERE, -NOWHERE

    def sample(self, r: int, c: int) -> int:
        return self.samples[r * self.width + c] if r >= 0 and 0 <= c < self.width else 0

    def begin_row(self, y: int) -> None:
        """Before the first sample of a row."""
        self.run_start = 0
        if y:
            row = self.samples[-self.width :]
            self.change = [change_after(row, x) for x in range(self.width)]

    def terms(self, y: int, x: int) -> list[int]:
        """All terms by number."""
        small, run, change = self.small, x - self.run_start, self.change
        return [
            0,
            64 * y + x if small else 0,
            y if small else 0,
            x if small else 0,
            2 * min(run, 31) + self.sample(y, x - 1),
            min(self.above[x], 31),
            change[x],
            min(y - self.first, 31) if y >= self.first else 32,
            clamp(x - self.left, -31, 31) + 31,
            clamp(self.right - x, -31, 31) + 31,
            change[min(x + change[x], self.width - 1)],
        ]

    def add(self, y: int, x: int, bit: int) -> None:
        """The sample becomes known."""
        if bit != self.sample(y, x - 1):
            self.run_start = x
        self.above[x] = self.above[x] + 1 if y and bit == self.sample(y - 1, x) else 1
        self.samples.append(bit)
        if bit:
            self.first, self.left, self.right = min(self.first, y), min(self.left, x), max(self.right, x)


def change_after(row: list[int], x: int) -> int:
    """How far from x a row changes, at most 31."""
    for distance in range(1, 31):
        if x + distance == len(row) or row[x + distance] != row[x + distance - 1]:
            return distance
    return 31


# Spec bilevel/samples


@dataclass
class Lookup:
    """What a context says of a sample: its adaptive bit model, and where that stands."""

    models: array[int]
    index: int
    model: int


# Spec likeness/guide


class Guide:
    """What an earlier image adds to what is forecast of each sample."""

    def __init__(self, features: list[list[list[int]]]) -> None:
        self.features = features
        self.models: dict[tuple[int, int], int] = {}
        self.weights: dict[int, list[int]] = {}

    def feature(self, k: int, y: int, x: int) -> int:
        rows = self.features[k]
        return rows[clamp(y, 0, len(rows) - 1)][clamp(x, 0, len(rows[0]) - 1)]

    def decide(self, decisions: Decisions, place: Place, around: int, row: int, forecast: int) -> int:
        """A sample of which something is forecast."""
        y, x = place
        f0, f1, f2 = (self.feature(k, y, x) for k in range(3))
        level = (forecast + STRETCH_LIMIT) >> 8
        four = around % 2 + 2 * ((around >> 2) % 8)
        slots = [
            256 * level + 16 * f1 + f0,
            256 * level + 8 * (self.feature(1, y, x + 2) >> 1) + (self.feature(1, y + 2, x) >> 1),
            256 * level + 16 * f2 + f0,
            4096 * four + 256 * f1 + 16 * f0 + f2,
            4096 * four + 256 * f1 + 16 * self.feature(1, y, x + 2) + self.feature(1, y + 2, x),
            4096 * four + 256 * f0 + 16 * self.feature(0, y, x + 1) + self.feature(0, y + 1, x),
            4096 * four + 256 * f1 + 16 * self.feature(1, y, x - 3) + self.feature(1, y - 3, x),
            16 * around + f1,
        ]
        start = (squash(min(256 * level - 2687, STRETCH_LIMIT)) << 16) + 6
        models = [self.models.get((i, slot), start if i < 3 else UNTRAINED) for i, slot in enumerate(slots)]
        inputs = [*(STRETCH[model >> 20] for model in models), forecast, BIAS]
        weights = self.weights.setdefault(row, [8000] * 8 + [45000, 0])
        output = weighed(weights, inputs)
        bit = decisions.decide(squash(output))
        learn_weights(weights, inputs, 3 * (0x10000 * bit - squash(output)), 18)
        for i, (slot, model) in enumerate(zip(slots, models, strict=True)):
            self.models[i, slot] = learn(model, bit)
        return bit


class BilevelPlane:
    """Decodes a plane of a band or group; its state goes on from image to image."""

    def __init__(self, plan: BilevelPlan, stream: bytes, features: list[list[list[int]]] | None = None) -> None:
        self.plan = plan
        self.guide = Guide(features) if features else None
        self.place = 0, 0
        self.decisions = Decisions(stream)
        self.models = [models[:] for models in plan.models[: len(plan.contexts)]]
        self.mixer, self.blend = ([row[:] for row in table] for table in (plan.mixer, plan.blend))
        self.blank = plan.blank[:]
        self.exchanged = self.decisions.decide(4096)

    def image(self, rows: int, width: int) -> list[int]:
        """The samples of one image, before they are exchanged back."""
        features = Features(rows, width)
        sample = features.sample
        for y in range(rows):
            features.begin_row(y)
            for x in range(width):
                self.place = y, x
                words = [sum(sample(y + dy, x + dx) << k for k, (dy, dx) in enumerate(word)) for word in WORDS]
                run, above = x - features.run_start, features.above[x]
                if self.plan.skips_blank and not any(words):
                    bit = self.blank_sample(16 * (min(run, 127) >> 3) + (min(above, 127) >> 3))
                else:
                    around = sum(sample(y + dy, x + dx) << k for k, (dy, dx) in enumerate(AROUND))
                    third = 32 * (y >> 1) + (x >> 1) if features.small else 32 * min(run, 31) + min(above, 31)
                    network = self.plan.network
                    output = network_output(network, sample, y, x) if network else None
                    bit = self.sample(words, features.terms(y, x), around, third, output)
                features.add(y, x, bit)
        return features.samples

    def blank_sample(self, index: int) -> int:
        """A sample with nothing but zeros around it."""
        probability = self.blank[index]
        if self.guide:
            bit = self.guide.decide(self.decisions, self.place, 0, 256, STRETCH[probability >> 16])
        else:
            bit = self.decisions.decide(clamp(probability >> 12, 1, 0xFFFF))
        self.blank[index] += (BLANK_LIMIT * bit - probability) >> 9
        return bit

    def look_up(self, number: int, words: list[int], terms: list[int]) -> Lookup:
        """What context `number` says."""
        context = self.plan.contexts[number]
        near, middle, distant = (word & mask for word, mask in zip(words, context.masks, strict=True))
        h = (near * 0x2C1B3C6D + number * 0x12345671) & MASK_32
        h ^= h >> 15
        h = (h ^ middle) * 0x45EBCA77 & MASK_32
        h ^= h >> 14
        h = (h ^ distant) * 0x2C1B3C6D & MASK_32
        h ^= h >> 15
        for k, term in enumerate(context.terms):
            if term:
                # 231 and 77: so that one value hashes otherwise as the first, the second and the third term.
                h = (h ^ (terms[term] + 231 + 77 * k)) * 0x45EBCA77 & MASK_32
                h ^= h >> 15
        index = (h * 0x2C1B3C6D & MASK_32) >> (32 - self.plan.slot_bits)
        return Lookup(self.models[number], index, self.models[number][index])

    def sample(self, words: list[int], terms: list[int], around: int, third: int, output: int | None) -> int:
        """Any other sample, from which everything learns; `output` is the network's."""
        lookups = [self.look_up(number, words, terms) for number in range(len(self.plan.contexts))]
        inputs = [STRETCH[lookup.model >> 20] for lookup in lookups] + ([] if output is None else [output]) + [BIAS]
        selectors = (
            2 * sum(lookup.model & 1023 >= KNOWN for lookup in lookups) + (words[0] & 1),
            SECOND_SET + around,
            THIRD_SET + third,
            FOURTH_SET + (terms[6] if output is None else (output + 2560) >> 7),
        )
        rows = [self.mixer[selector] for selector in selectors]
        outputs = [weighed(row, inputs) for row in rows]
        blend = self.blend[around % 32]
        mean = weighed(blend, outputs)
        if self.guide:
            bit = self.guide.decide(self.decisions, self.place, around, around, mean)
        else:
            bit = self.decisions.decide(squash(mean))
        learn_weights(blend, outputs, 0x10000 * bit - squash(mean), 19)
        for row, of_set in zip(rows, outputs, strict=True):
            learn_weights(row, inputs, self.plan.rate * (0x10000 * bit - squash(of_set)), 18)
        for lookup in lookups:
            lookup.models[lookup.index] = learn(lookup.model, bit)
        return bit


def weighed(weights: list[int], values: list[int]) -> int:
    """A sum of stretched probabilities with weights in 1/65536."""
    total = sum(weight * value for weight, value in zip(weights, values, strict=True))
    return clamp(total >> 16, -STRETCH_LIMIT, STRETCH_LIMIT)


def learn_weights(weights: list[int], values: list[int], error: int, shift: int) -> None:
    """Move each weight by its value times the error, rounded."""
    for i, value in enumerate(values):
        moved = weights[i] + ((value * error + (1 << (shift - 1))) >> shift)
        weights[i] = clamp(moved, -WEIGHT_LIMIT, WEIGHT_LIMIT)


def decode_bilevel(
    plans: list[BilevelPlan],
    streams: list[bytes],
    ranges: list[Range],
    area: Area,
    features: list[list[list[int]]] | None = None,
) -> list[list[int]]:
    """All planes of coder 4; `features` are those of a guide (Spec likeness/guide)."""
    require(all(bounds == (0, 1) for bounds in ranges), "planes are not of range 0 .. 1")
    planes = []
    for plan, stream in zip(plans, streams, strict=True):
        coder = BilevelPlane(plan, stream, features)
        images = [coder.image(area.image_rows, area.width) for _ in area.image_starts]
        planes.append([bit ^ coder.exchanged for image in images for bit in image])
    return planes
