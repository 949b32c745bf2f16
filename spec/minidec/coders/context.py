"""Spec context: prediction by a trained bank and by least squares, bits from many mixed adaptive bit models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ..codebook import Section
from ..coding_tools import (
    INTEGER_BITS,
    LEVELS,
    MASK_32,
    SELECTED,
    SLOT,
    STEADY,
    STRETCH,
    Area,
    Decisions,
    Mixing,
    Models,
    Range,
    check_sample,
    finish_planes,
    grid_position,
    hash_terms,
    med,
    modelled_planes,
    nearest_sample,
    read_references,
    read_slots,
    read_text_table,
    take_grid,
)
from ..limits import MAX_BIT_MODELS
from ..notation import Reader, clamp, require
from .network import Network, Shape, read_network_mixers

# Spec context/network

NETWORKS = Shape(inputs=48, kinds=1, outputs=3, components=16)
SEEN = [(0, -1), (0, -2), (0, -3), (0, -4), *((-up, dx) for up in range(1, 5) for dx in range(-4, 5))]
POWERS = read_text_table("powers.txt")
SIGMOID = read_text_table("sigmoid.txt")


class Forecast:
    """The distribution of a sample 0 .. maximum as a network says it: a mixture of logistic distributions."""

    def __init__(self, outputs: list[int], fine: int, shift: int, maximum: int) -> None:
        self.fine, self.shift, self.maximum = fine, shift, maximum
        self.mu = (fine + 4) >> 3
        count = len(outputs) // 3
        falls = [min(2560, max(outputs[:count]) - value) for value in outputs[:count]]
        self.weights = [POWERS[-fall % 256] >> 3 + (fall + 255 >> 8) for fall in falls]
        self.means = [fine + (clamp(value, -8192, 8192) << shift) for value in outputs[count : 2 * count]]
        steep = [1536 - clamp(value, -1536, 1536) for value in outputs[2 * count :]]
        self.slopes = [POWERS[value % 256] << (value >> 8) >> 3 for value in steep]

    def mass(self, end: int) -> int:
        """The mass of all samples below `end`."""
        if end <= 0:
            return 0
        total = 4096 * min(end, self.maximum + 1)
        for weight, mean, slope in zip(self.weights, self.means, self.slopes, strict=True):
            part = 1 << 24
            if end <= self.maximum:
                place = clamp((8 * end - 4 - mean) * slope >> 9 + self.shift, -65535, 65535) + 65536
                cell, between = divmod(place, 128)
                part = SIGMOID[cell] + ((SIGMOID[cell + 1] - SIGMOID[cell]) * between >> 7)
            total += weight * part
        return total

    def all_but_mu(self) -> int:
        return self.mass(self.maximum + 1) - self.mass(self.mu + 1) + self.mass(self.mu)

    def beyond(self, sign: int, distance: int) -> int:
        """The mass on one side of mu, but for the samples next to it."""
        if sign:
            return self.mass(self.maximum + 1) - self.mass(self.mu + 1 + distance)
        return self.mass(self.mu - distance)


def chance(part: int, whole: int) -> int:
    return (part << 16) // max(1, whole)


# Spec context/sections


@dataclass
class ContextPlan:
    """Sections of a plane."""

    references: list[int]
    grid_map: bool
    adapts: bool
    shift: int
    has_match_model: bool
    thresholds: list[int]
    levels: list[int]
    low_bits: list[int]
    contexts: list[list[int]]
    slot_bits: list[int]
    error_weights: list[int]
    offsets: list[int]
    weights: list[list[int]]
    models: Models = field(default_factory=list)
    sets: int = 0
    mixer: list[list[int]] = field(default_factory=list)
    network: Network | None = None


def read_plan(data: bytes, plane: int, change: bytes = b"") -> ContextPlan:
    """Section of kind 0."""
    head = Reader(data).take(5)
    references = read_references(head, plane)
    flags, contexts = head[3:]
    matches, grid_map, adapts, shift = bool(flags & 128), bool(flags & 64), bool(flags & 32), flags & 31
    require(shift <= 16 and 1 <= contexts <= 32, "plan out of range")
    tables = Decisions(data, 5, change)
    classes = 256 if grid_map else 64
    plan = ContextPlan(
        references, grid_map, adapts, shift, matches,
        thresholds=tables.column(3 if grid_map else 7),
        levels=tables.column(LEVELS - 1),
        low_bits=tables.column(LEVELS, 16, 0),
        contexts=tables.table(contexts, 4, 63, -1),
        slot_bits=tables.column(contexts, 18, 4),
        error_weights=tables.column((6, 11, 14)[len(references)], 4096),
        offsets=tables.column(classes, 1 << 17),
        weights=tables.table(classes, 21 + 9 * len(references), 1 << 18),
    )  # fmt: skip
    require(all(lower < upper for lower, upper in pairwise(plan.levels)), "levels do not rise")
    return plan


def read_mixing(plan: ContextPlan, section: Section) -> int:
    """Section of kind 2, into the plan: how many contexts are used."""
    contexts = len(plan.contexts)
    used, plan.sets, plan.mixer, plan.network = read_network_mixers(section.data, contexts, section.change, NETWORKS)
    plan.has_match_model = plan.has_match_model and plan.network is None
    return used


def read_context_model(sections: list[Section], transform_planes: int) -> list[ContextPlan]:
    """All sections of a model of coder 2."""
    count = len(sections) // 3
    require(len(sections) == 3 * count and 1 <= count <= transform_planes, "number of sections does not fit")
    require([section.kind for section in sections] == [0] * count + [1] * count + [2] * count, "wrong kinds")
    plans = [read_plan(section.data, plane, section.change) for plane, section in enumerate(sections[:count])]
    for plan, models, mixers in zip(plans, sections[count : 2 * count], sections[2 * count :], strict=True):
        used = read_mixing(plan, mixers)
        size = sum(SLOT << bits for bits in plan.slot_bits[:used])
        require(size <= MAX_BIT_MODELS, "too many adaptive bit models for this decoder")
        plan.models = read_slots(models.data, [1 << bits for bits in plan.slot_bits], used)
        plan.contexts = plan.contexts[:used]
    return plans


# Spec context/neighbours

OWN_TAPS = (
    (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2), (-2, -1), (-2, 1),
    (0, -3), (-3, 0), (-2, -2), (-2, 2), (0, -4), (-1, -3), (-1, 3), (-3, -1), (-3, 1), (-4, 0),
)  # fmt: skip
REFERENCE_TAPS = ((0, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, 1), (1, -1))
CONSTANT_TAP = 8

LOG_ERRORS_START = 24
"""The log error that stands for those left of the first row."""


class Causal:
    """own(r, c): samples or log errors of an image that are appended one by one, and its borders."""

    def __init__(self, rows: int, width: int, start: int) -> None:
        self.rows, self.width, self.start = rows, width, start
        self.known: list[int] = []

    def own(self, r: int, c: int, y: int, x: int) -> int:
        """What stands at (r, c) while sample (y, x) is decoded."""
        if r < 0:
            r, c = 0, (c if y else x - 1)
        if c >= 0:
            return self.known[r * self.width + min(c, self.width - 1)]
        return self.known[(r - 1) * self.width] if r else self.start


@dataclass
class Picture:
    """One decoded image of a plane: samples from 0, and log errors, row by row."""

    rows: int
    width: int
    samples: list[int]
    log_errors: list[int]


@dataclass
class Neighbours:
    """Samples around the one being decoded; those of references that do not exist are 0."""

    w: int
    n: int
    nw: int
    ne: int
    ww: int
    nn: int
    nne: int
    p: int = 0
    pw: int = 0
    pn: int = 0
    pe: int = 0
    ps: int = 0
    pnw: int = 0
    pne: int = 0
    q: int = 0
    qw: int = 0
    qn: int = 0

    @classmethod
    def of(cls, taps: Sequence[int]) -> Neighbours:
        """From all taps: 20 of the plane, then 9 of each reference."""
        w, n, nw, ne, ww, nn, _, _, _, nne = taps[:10]
        return cls(w, n, nw, ne, ww, nn, nne, *taps[20:27], *taps[29:32])

    @property
    def med(self) -> int:
        return med(self.w, self.n, self.nw)


# Spec context/online-least-squares

SAMPLE_WEIGHTS = read_text_table("sample-weights.txt")
STRIPE = 8
"""Columns of a stripe."""
UNKNOWNS = 14
MAX_WEIGHT = 1 << 18
RIDGE = 1 << 18
"""What is added to the diagonal, so that no unknown runs away where the samples say nothing about it."""


class OnlineLeastSquares:
    """Weights of each stripe, and the sums of products that they are fitted to; one stripe of zeros at either end."""

    def __init__(self, width: int) -> None:
        stripes = (width + STRIPE - 1) // STRIPE + 2
        self.sums = [[[0] * (UNKNOWNS + 1) for _ in range(UNKNOWNS + 1)] for _ in range(stripes)]
        self.weights = [[0] * UNKNOWNS for _ in range(stripes)]

    @staticmethod
    def taps(taps: Sequence[int], first: int) -> list[int]:
        """What the weights multiply: differences to the bank's prediction, and of each reference to its own sample."""
        middle = (first + 4) >> 3
        references = (len(taps) - len(OWN_TAPS)) // len(REFERENCE_TAPS)
        differences = [tap - middle for tap in taps[: UNKNOWNS - 4 * references]]
        for start in range(len(OWN_TAPS), len(taps), len(REFERENCE_TAPS)):
            own, *around = taps[start : start + 5]
            differences += [tap - own for tap in around]
        return differences

    def solve(self, stripe: int) -> None:
        """Before a row of a stripe: two sweeps of Gauss-Seidel over the sums around, and then these fade."""
        weights = self.weights[stripe]
        around = self.sums[stripe - 1 : stripe + 2]
        total = [[sum(sums[i][j] for sums in around) for j in range(i + 1)] for i in range(UNKNOWNS + 1)]
        largest = max(1, *(total[i][i] for i in range(UNKNOWNS)))
        down = max(0, largest.bit_length() - 28)
        matrix = [[total[max(i, j)][min(i, j)] >> down for j in range(UNKNOWNS)] for i in range(UNKNOWNS)]
        for i in range(UNKNOWNS):
            matrix[i][i] += max(1, RIDGE >> down)
        rest = [
            ((total[UNKNOWNS][i] >> down) << 13) - sum(weights[j] * matrix[i][j] for j in range(UNKNOWNS))
            for i in range(UNKNOWNS)
        ]
        for _ in range(2):
            for i, row in enumerate(matrix):
                bound = row[i] << 19
                step = clamp(rest[i], -bound, bound) * ((1 << 40) // row[i]) >> 40
                moved = clamp(weights[i] + step, -MAX_WEIGHT, MAX_WEIGHT)
                step, weights[i] = moved - weights[i], moved
                rest = [value - step * factor for value, factor in zip(rest, row, strict=True)]
        self.sums[stripe] = [[value - (value >> 3) for value in row] for row in self.sums[stripe]]

    def predict(self, stripe: int, taps: list[int], first: int, maximum: int) -> int:
        """The refined prediction, in eighths."""
        change = sum(tap * weight for tap, weight in zip(taps, self.weights[stripe], strict=True)) >> 13
        return clamp(first + change, 0, 8 * maximum)

    def learn(self, stripe: int, taps: list[int], target: int, weight: int) -> None:
        """After a sample: `target` is its residual to the bank's prediction, in eighths."""
        sums = self.sums[stripe]
        for i, value in enumerate([*taps, target]):
            for j in range(min(i + 1, UNKNOWNS)):
                sums[i][j] += weight * value * taps[j]


# Spec context/log-errors


def log_error(error: int) -> int:
    """The log error of an absolute error in eighths."""
    if error > 4096:
        return 72 + log_error(min(error >> 9, 4096))
    exponent = (error + 2).bit_length() - 1
    return 8 * exponent + ((error + 2 << 3 >> exponent) & 7) - 8


# Spec context/levels

OWN_ERRORS = ((0, -1), (0, -2), (-1, 0), (-1, -1), (-1, 1), (-2, 0))
REFERENCE_ERRORS = (((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)), ((0, 0), (0, -1), (0, 1)))


# Spec context/match-model


class MatchModel:
    """What followed the same neighbours the last time: (check, sample, count) by hash."""

    def __init__(self, samples: int) -> None:
        bits = clamp((samples - 1).bit_length(), 10, 18)
        self.entries: list[tuple[int, int, int] | None] = [None] * (1 << bits)
        self.index = self.check = 0

    def find(self, w: int, n: int, p: int) -> tuple[int, int] | None:
        """The sample that followed and its count, if there is one."""
        h = (w * 0x9E3779B1 + n * 0x85EBCA77 + p * 0xC2B2AE3D) & MASK_32
        h = (h ^ h >> 15) * 0x2C1B3C6D & MASK_32
        h ^= h >> 13
        self.index, self.check = h % len(self.entries), h >> 18
        entry = self.entries[self.index]
        return entry[1:] if entry and entry[0] == self.check else None

    def learn(self, sample: int) -> None:
        """After the sample that was looked for."""
        check, old, count = self.entries[self.index] or (-1, 0, 0)
        if (check, old) == (self.check, sample):
            self.entries[self.index] = check, old, min(count + 1, 3)
        elif count > 1:
            self.entries[self.index] = check, old, count >> 1
        else:
            self.entries[self.index] = self.check, sample, 0


# Spec context/streams-and-state

TERMS = 64
TERM_LIMIT = 20
"""Most terms that are differences are clamped to -20 .. 20."""
EXPECTS_MUCH = 24
"""Expected error from which on the match model is asked: below, the prediction is as good."""


@dataclass
class Prediction:
    """What is known of a sample before it: in eighths the bank's prediction `first` and the refined one, `fine`."""

    first: int
    fine: int
    position: int
    expected_error: int

    @property
    def mu(self) -> int:
        """The prediction as a sample."""
        return (self.fine + 4) >> 3


class ContextPlane(Mixing):
    """Decodes images of a plane; its state goes on from image to image."""

    def __init__(self, plan: ContextPlan, maximum: int, grid: int) -> None:
        super().__init__(plan)
        self.plan, self.maximum, self.grid = plan, maximum, grid
        self.low_models = [STEADY] * (LEVELS * 8 * 2 * 8)
        self.escape_models = [STEADY] * (2 * INTEGER_BITS)
        self.match_models = [STEADY] * (LEVELS * 8 * 4)
        self.position_row = self.gradient_row = 0

    def image(self, decisions: Decisions, rows: int, width: int, references: list[Picture]) -> Picture:
        """One image."""
        self.decisions = decisions
        plan = self.plan
        samples = Causal(rows, width, (self.maximum + 1) // 2)
        log_errors = Causal(rows, width, LOG_ERRORS_START)
        errors: list[int] = []
        least_squares, match_model = OnlineLeastSquares(width), MatchModel(rows * width)
        near = [nearest_sample(picture.samples, 0, rows, width) for picture in references]
        near_errors = [nearest_sample(picture.log_errors, 0, rows, width) for picture in references]
        adapts = plan.adapts and width <= 1 << 18
        for index in range(rows * width):
            y, x = divmod(index, width)
            taps = [samples.own(y + dy, x + dx, y, x) for dy, dx in OWN_TAPS]
            taps += [sample(y + dy, x + dx) for sample in near for dy, dx in REFERENCE_TAPS]
            around = [log_errors.own(y + dy, x + dx, y, x) for dy, dx in OWN_ERRORS]
            for error_at, places in zip(near_errors, REFERENCE_ERRORS, strict=False):
                around += [error_at(y + dy, x + dx) for dy, dx in places]
            neighbours = Neighbours.of(taps)
            prediction = self.predict(taps, neighbours, around, y, x)
            stripe = x // STRIPE + 1
            differences: list[int] = []
            if adapts:
                if x % STRIPE == 0:
                    least_squares.solve(stripe)
                differences = least_squares.taps(taps, prediction.first)
                prediction.fine = least_squares.predict(stripe, differences, prediction.first, self.maximum)
            self.level = sum(level < prediction.expected_error for level in plan.levels)
            self.quarter = (prediction.fine + 4) % 8 >> 1
            match = match_model.find(neighbours.w, neighbours.n, neighbours.p) if plan.has_match_model else None
            if match and prediction.expected_error >= EXPECTS_MUCH and self.matches(*match, prediction.mu):
                sample = match[0]
            else:
                west = errors[-1] if x else 0
                north = errors[index - width] if y else 0
                self.choose_contexts(self.terms(neighbours, prediction, west, north, y, x))
                visible = [samples.own(y + dy, x + dx, y, x) for dy, dx in SEEN]
                sample = self.sample(prediction.mu, self.forecast(visible, prediction, y, x))
            if plan.has_match_model:
                match_model.learn(sample)
            samples.known.append(sample)
            errors.append(8 * sample - prediction.fine)
            log_errors.known.append(log_error(abs(errors[-1])))
            if adapts:
                seen = prediction.expected_error + log_errors.known[-1] - 16 * plan.shift
                weight = SAMPLE_WEIGHTS[max(0, seen)]
                least_squares.learn(stripe, differences, 8 * sample - prediction.first, weight)
        return Picture(rows, width, samples.known, log_errors.known)

    # Spec context/prediction

    def classify(self, a: Neighbours, y: int, x: int) -> tuple[int, int]:
        """The predictor class, and the position that the second weight set is chosen by."""
        plan = self.plan
        if plan.references:
            activity = abs(a.p - a.pw) + abs(a.p - a.pn) + abs(a.p - a.pe) + abs(a.p - a.ps)
        else:
            activity = abs(a.w - a.n) + abs(a.n - a.ne) + abs(a.w - a.nw)
        step = sum(threshold < activity for threshold in plan.thresholds)
        if plan.grid_map:
            position = grid_position(self.grid, y, x)
            return 4 * position + step, position
        if plan.references:
            west, north, north_west = a.w - a.pw, a.n - a.pn, a.nw - a.pnw
            apart = 2 * (abs(west - north) + abs(north_west - north) + abs(north_west - west))
            texture = sum(threshold < apart for threshold in plan.thresholds)
        else:
            total = a.w + a.n + a.nw + a.ne
            texture = (4 * a.w > total) + 2 * (4 * a.n > total) + 4 * (4 * a.ne > total)
        return 8 * texture + step, 8 * texture + step

    def predict(self, taps: list[int], a: Neighbours, log_errors: list[int], y: int, x: int) -> Prediction:
        """The bank's prediction, and the expected error."""
        plan = self.plan
        predictor, position = self.classify(a, y, x)
        total = sum(tap * weight for tap, weight in zip([*taps, CONSTANT_TAP], plan.weights[predictor], strict=True))
        first = clamp(total >> 10, 0, 8 * self.maximum)
        error = sum(value * weight for value, weight in zip(log_errors, plan.error_weights, strict=True))
        return Prediction(first, first, position, clamp((plan.offsets[predictor] + error) >> 8, 0, 255))

    # Spec context/terms

    def terms(self, a: Neighbours, prediction: Prediction, west: int, north: int, y: int, x: int) -> list[int]:
        """All terms of a sample by number; `west` and `north` are the errors of the samples there, in eighths."""
        shift, mu, middle = self.plan.shift, prediction.mu, a.med
        near = {
            0: a.w, 1: a.n, 2: a.nw, 3: a.ne, 4: a.ww, 5: a.nn, 6: middle, 7: middle, 8: a.w,
            9: a.w + a.n - a.nw, 10: a.w + a.ne - a.n, 11: 2 * a.n - a.nn, 12: 2 * a.w - a.ww,
            13: a.n + a.ne - a.nne, 14: (a.w + a.ne) >> 1,
            15: a.n + ((a.w - a.nw + a.ne - a.n) >> 1), 16: (a.w + a.n) >> 1,
        }  # fmt: skip
        level = {32: mu, 33: a.w, 34: a.n}
        if self.plan.references:
            near |= {
                7: a.w + a.p - a.pw, 8: a.n + a.p - a.pn, 16: a.p + ((a.w - a.pw + a.n - a.pn) >> 1),
                17: a.w + a.q - a.qw, 18: a.n + a.q - a.qn, 19: a.p, 20: a.q,
                21: a.ne + a.p - a.pne, 22: a.nw + a.p - a.pnw,
                23: a.w + a.n - a.nw + a.p - (a.pw + a.pn - a.pnw),
            }  # fmt: skip
            level |= {35: a.p, 36: a.q, 37: a.p - a.pw, 38: a.p - a.pn, 39: a.q - a.qw, 40: a.q - a.qn}
        numbered = {number: clamp((value - mu) >> shift, -TERM_LIMIT, TERM_LIMIT) for number, value in near.items()}
        numbered |= {number: value >> shift for number, value in level.items()}
        numbered |= {
            48: self.level, 49: self.level >> 1, 50: self.quarter, 51: prediction.position,
            52: prediction.expected_error >> 2, 53: clamp(2 * (middle - mu) >> shift, -8, 8),
            54: min(y, 63), 55: min(x, 63), 56: self.scaled(west), 57: self.scaled(north),
            58: self.scaled(prediction.first - prediction.fine),
        }  # fmt: skip
        self.position_row = prediction.position % SELECTED
        self.gradient_row = numbered[7] + TERM_LIMIT
        return [numbered.get(number, 0) for number in range(TERMS)]

    def scaled(self, error: int) -> int:
        """An error in eighths as a term."""
        return clamp(error >> (self.plan.shift + 2), -TERM_LIMIT, TERM_LIMIT)

    # Spec context/contexts

    def choose_contexts(self, terms: list[int]) -> None:
        """The hash of each context, whose terms of number -1 are 0."""
        self.hashes = [
            hash_terms([terms[number] if number >= 0 else 0 for number in context]) for context in self.plan.contexts
        ]

    # Spec context/network

    def forecast(self, seen: list[int], prediction: Prediction, y: int, x: int) -> Forecast | None:
        """What the network says of a sample with these neighbours, if there is one and it is asked."""
        network, shift, mu = self.plan.network, self.plan.shift, prediction.mu
        if network is None:
            return None
        self.last_input = 0
        if all(value == mu for value in seen):
            return None
        west, north = seen[0], seen[8]
        inputs = [clamp(8 * (value - mu) >> shift, -2047, 2047) for value in seen]
        inputs += [2048 * mu // (self.maximum + 1) - 1024, 32 * min(y, 63) - 1024, 32 * min(x, 63) - 1024]
        inputs.append(8 * prediction.expected_error - 1024)
        inputs += [256 * (value == end) for end in (0, self.maximum) for value in (west, north)]
        return Forecast(network.outputs(inputs), prediction.fine, shift, self.maximum)

    def decision(self, number: int, part: int = 0, whole: int = 0) -> int:
        """The decision of a bin; part of a mass of samples stands for 1, if there is a forecast."""
        if whole:
            self.last_input = STRETCH[min(chance(part, whole), 65535) >> 4]
        return self.decide_bin(self.decisions, number, self.position_row, self.gradient_row)

    def matches(self, sample: int, count: int, mu: int) -> int:
        """Whether what the match model found is right."""
        distance = min(abs(sample - mu).bit_length(), 7)
        return self.decisions.modelled(self.match_models, (8 * self.level + distance) * 4 + count)

    # Spec context/residual

    def sample(self, mu: int, forecast: Forecast | None) -> int:
        """The sample by its residual: zero, sign, high part in unary, low bits."""
        if forecast:
            return self.sample_by_forecast(mu, forecast)
        maximum, decisions = self.maximum, self.decisions
        if maximum == 0:
            return 0
        if not self.decision(0):
            return mu
        positive = self.decision(1) if 0 < mu < maximum else int(mu == 0)
        low_bits = self.plan.low_bits[self.level]
        most = ((maximum - mu if positive else mu) - 1) >> low_bits
        step = 0
        while step < min(most, 24) and self.decision(2 + positive + 2 * min(step, 6)):
            step += 1
        if step == 24 and step < most:
            step = min(24 + decisions.integer(self.escape_models), most + 1)
        low = 1  # the low bits behind a 1: the three highest have bit models
        first = ((8 * self.level + min(step, 7)) * 2 + positive) * 8
        for _ in range(min(low_bits, 3)):
            low = 2 * low + decisions.modelled(self.low_models, first + low)
        low = decisions.bypass_bits(max(0, low_bits - 3), low)
        size = (step << low_bits) + low - (1 << low_bits) + 1
        return check_sample(mu + size if positive else mu - size, 0, maximum)

    # Spec context/network

    def sample_by_forecast(self, mu: int, forecast: Forecast) -> int:
        """The same with a forecast."""
        maximum, decisions = self.maximum, self.decisions
        if maximum == 0:
            return 0
        others = forecast.all_but_mu()
        if not self.decision(0, others, forecast.mass(maximum + 1)):
            return mu
        positive = self.decision(1, forecast.beyond(1, 0), others) if 0 < mu < maximum else int(mu == 0)
        low_bits = self.plan.low_bits[self.level] + 2
        most = ((maximum - mu if positive else mu) - 1) >> low_bits
        rest = [forecast.beyond(positive, step << low_bits) for step in range(25)]
        step = 0
        while step < min(most, 24) and self.decision(2 + positive + 2 * min(step, 6), rest[step + 1], rest[step]):
            step += 1
        if step == 24 and step < most:
            step = min(24 + decisions.integer(self.escape_models), most + 1)
        size = step << low_bits
        for bit in reversed(range(low_bits)):
            above = forecast.beyond(positive, size + (2 << bit))
            part = forecast.beyond(positive, size + (1 << bit)) - above
            probability = chance(part, forecast.beyond(positive, size) - above)
            size += decisions.decide(clamp(probability, 32, 65504)) << bit
        size += 1
        return check_sample(mu + size if positive else mu - size, 0, maximum)


def decode_context(plans: list[ContextPlan], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 2."""
    count = modelled_planes(plans, ranges)
    grid, first = take_grid(any(plan.grid_map for plan in plans), streams[0])
    planes: list[list[Picture]] = []
    for plan, stream, (low, high) in zip(plans, [first, *streams[1:count]], ranges, strict=False):
        coder, decisions = ContextPlane(plan, high - low, grid), Decisions(stream)
        pictures: list[Picture] = []
        for image in range(area.rows // area.image_rows):
            references = [planes[number][image] for number in plan.references]
            pictures.append(coder.image(decisions, area.image_rows, area.width, references))
        planes.append(pictures)
    samples = [[value for picture in pictures for value in picture.samples] for pictures in planes]
    return finish_planes(samples, streams, ranges, area)


# Spec context/chains

CHAIN_PLANES = 3


def decode_chain(plans: list[ContextPlan], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """Images of one component, or the components of each, from each other."""
    require(len(plans) == CHAIN_PLANES, "a chain has three planes")
    low, high = ranges[0]
    coders = [ContextPlane(plan, high - low, 0) for plan in plans]
    decisions = [Decisions(stream) for stream in streams]
    planes: list[list[int]] = [[] for _ in streams]
    chain: list[Picture] = []
    for _ in area.image_starts:
        if len(streams) > 1:
            chain = []
        for plane, stream in zip(planes, decisions, strict=True):
            link = min(len(chain), CHAIN_PLANES - 1)
            window = chain[len(chain) - link :]
            references = [window[number] for number in plans[link].references]
            chain.append(coders[link].image(stream, area.image_rows, area.width, references))
            plane += chain[-1].samples
    return [[value + low for value in plane] for plane in planes]
