"""Spec static: prediction by a trained bank, and fixed tables read by two interleaved rANS states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..codebook import Section
from ..coding_tools import (
    Area,
    Decisions,
    Range,
    Sampler,
    check_sample,
    finish_planes,
    grid_position,
    modelled_planes,
    nearest_sample,
    read_references,
    take_grid,
)
from ..notation import Reader, clamp, require
from .context import (
    CONSTANT_TAP,
    LOG_ERRORS_START,
    OWN_ERRORS,
    REFERENCE_ERRORS,
    REFERENCE_TAPS,
    Causal,
    Picture,
    log_error,
)
from .context import OWN_TAPS as CONTEXT_TAPS

# Spec static/section

TOTAL = 4096
"""Sum of the frequencies of a context."""
MAX_ESCAPE = 127


@dataclass(frozen=True)
class SymbolTable:
    """One context: for each of the 4096 slots symbol, start and frequency."""

    escape: int
    """The escape threshold: symbols -escape and escape are followed by a number."""
    bypass_bits: int
    slots: list[tuple[int, int, int]]


@dataclass
class StaticPlan:
    """The section of a plane."""

    references: list[int]
    grid_map: bool
    thresholds: list[int]
    offsets: list[int]
    error_weights: list[int]
    edges: list[int]
    cells: list[list[int]]
    tables: list[SymbolTable]
    weights: list[list[int]]


def symbol_table(frequencies: list[int], escape: int, bypass_bits: int) -> SymbolTable:
    """The table of a context from its row of 255 frequencies."""
    used = frequencies[MAX_ESCAPE - escape : MAX_ESCAPE + 1 + escape]
    require(min(used) >= 1 and sum(used) == TOTAL, "frequencies out of range")
    slots: list[tuple[int, int, int]] = []
    for symbol, frequency in enumerate(used, -escape):
        slots += [(symbol, len(slots), frequency)] * frequency
    return SymbolTable(escape, bypass_bits, slots)


def read_plan(data: bytes, plane: int) -> StaticPlan:
    """A section of kind 0."""
    head = Reader(data).take(6)
    references = read_references(head, plane)
    class_map, levels, contexts = head[3:]
    require(class_map <= 1 and 1 <= levels <= 32 and contexts >= 1, "plan out of range")
    classes = 256 if class_map else 64
    tables = Decisions(data, 6)
    thresholds = tables.column(3 if class_map else 7)
    offsets = tables.column(classes, 1 << 17)
    error_weights = tables.column((6, 11, 14)[len(references)], 4096)
    edges = tables.column(levels - 1)
    require(all(lower < upper for lower, upper in pairwise(edges)), "edges do not rise")
    cells = tables.table(levels, 36, contexts - 1, 0)
    bypass_bits = tables.column(contexts, 12, 0)
    escapes = tables.column(contexts, MAX_ESCAPE, 1)
    frequencies = tables.table(contexts, 2 * MAX_ESCAPE + 1)
    symbols = [symbol_table(*row) for row in zip(frequencies, escapes, bypass_bits, strict=True)]
    weights = tables.table(classes, (17, 26, 31)[len(references)], 1 << 18)
    return StaticPlan(references, bool(class_map), thresholds, offsets, error_weights, edges, cells, symbols, weights)


def read_static_model(sections: list[Section], transform_planes: int) -> list[StaticPlan]:
    """All sections of a model of coder 3."""
    require(1 <= len(sections) <= transform_planes, "number of sections does not fit")
    require(all(section.kind == 0 for section in sections), "section of another kind")
    return [read_plan(section.data, plane) for plane, section in enumerate(sections)]


# Spec static/neighbours

OWN_TAPS = [CONTEXT_TAPS[number] for number in (*range(14), 16, 18)]
TAPS_OF_REFERENCES = (REFERENCE_TAPS, REFERENCE_TAPS[:5])


class CausalBelow(Causal):
    """own(r, c), but nothing is known above the first row while that is decoded."""

    def own(self, r: int, c: int, y: int, x: int) -> int:
        return self.start if r < 0 and y == 0 else super().own(r, c, y, x)


# Spec static/stream

LEAST_STATE = 1 << 15


class StaticSymbols:
    """The two states and the words of a stream."""

    def __init__(self, stream: bytes) -> None:
        self.stream = stream
        self.at = 0
        self.state = self.word() | self.word() << 16
        self.other = self.word() | self.word() << 16
        for state in (self.state, self.other):
            require(LEAST_STATE <= state < 1 << 31, "state out of range")

    def word(self) -> int:
        self.at += 2
        return int.from_bytes(self.stream[self.at - 2 : self.at], "little")

    def refill(self) -> None:
        if self.state < LEAST_STATE:
            self.state = self.state << 16 | self.word()
        self.state, self.other = self.other, self.state

    def bypass(self, bits: int) -> int:
        value = self.state & (1 << bits) - 1
        self.state >>= bits
        self.refill()
        return value

    def symbol(self, table: SymbolTable) -> int:
        slot = self.state % TOTAL
        symbol, start, frequency = table.slots[slot]
        self.state = frequency * (self.state // TOTAL) + slot - start
        self.refill()
        return symbol

    def residual(self, table: SymbolTable) -> int:
        """A symbol, what lies beyond its escape threshold, and its low bits."""
        value = self.symbol(table)
        if abs(value) == table.escape:
            digits = self.bypass(5)
            require(digits <= 24, "residual too large")
            rest = 1
            if digits > 12:
                rest = (rest << (digits - 12)) + self.bypass(digits - 12)
                digits = 12
            rest = (rest << digits) + self.bypass(digits)
            value += rest - 1 if value > 0 else 1 - rest
        return (value << table.bypass_bits) + self.bypass(table.bypass_bits) if table.bypass_bits else value

    def end(self) -> None:
        require(self.state == self.other == LEAST_STATE, "states do not end where they must")
        require(self.at >= len(self.stream), "words left over")


@dataclass
class StaticPlane:
    """Decodes the images of a plane."""

    plan: StaticPlan
    symbols: StaticSymbols
    maximum: int
    grid: int

    def image(self, rows: int, width: int, references: list[Picture]) -> Picture:
        """One image."""
        plan = self.plan
        own = CausalBelow(rows, width, (self.maximum + 1) // 2)
        own_errors = CausalBelow(rows, width, LOG_ERRORS_START)
        samplers: list[tuple[Sampler, Sequence[tuple[int, int]]]] = []
        errors: list[tuple[Sampler, Sequence[tuple[int, int]]]] = []
        for reference, taps, places in zip(references, TAPS_OF_REFERENCES, REFERENCE_ERRORS, strict=False):
            samplers.append((nearest_sample(reference.samples, 0, rows, width), taps))
            errors.append((nearest_sample(reference.log_errors, 0, rows, width), places))
        for index in range(rows * width):
            y, x = divmod(index, width)
            values = [own.own(y + dy, x + dx, y, x) for dy, dx in OWN_TAPS]
            values += [sample(y + dy, x + dx) for sample, taps in samplers for dy, dx in taps]
            around = [own_errors.own(y + dy, x + dx, y, x) for dy, dx in OWN_ERRORS]
            around += [error(y + dy, x + dx) for error, places in errors for dy, dx in places]
            predictor = self.classify(values, y, x)
            fine = self.predict(values, predictor, y)
            weighed = sum(value * weight for value, weight in zip(around, plan.error_weights, strict=True))
            expected_error = clamp((plan.offsets[predictor] + weighed) >> 8, 0, 255)
            rounded = (fine + 4) >> 3
            context = self.context(fine - 8 * rounded, rounded, expected_error, west=values[0], north=values[1])
            residual = self.symbols.residual(plan.tables[context])
            # The residual's sign is that of the side on which the prediction was rounded away.
            sample = rounded - residual if fine < 8 * rounded else rounded + residual
            own.known.append(check_sample(sample, 0, self.maximum))
            own_errors.known.append(log_error(abs(8 * sample - fine)))
        return Picture(rows, width, own.known, own_errors.known)

    # Spec static/prediction

    def classify(self, values: list[int], y: int, x: int) -> int:
        """The predictor class."""
        n, nw, ne, _, nn, _, _, nnw, nne = values[1:10]
        if self.plan.references:
            p, pw, pn, pe, ps, pnw, pne = values[16:23]
            activity = abs(p - pw) + abs(p - pn) + abs(p - pe) + abs(p - ps)
            texture = 32 * (abs(p - pw) > abs(p - pn)) + 16 * (abs(p - pw) > abs(p - pne))
            texture += 8 * (abs(p - pn) > abs(p - pnw))
        else:
            across = abs(n - nw) + abs(n - ne)
            down = abs(nw - nnw) + abs(ne - nne)
            activity = across + abs(n - nn) + abs(nw - nnw)
            texture = 32 * (across > down) + 16 * (n > nw) + 8 * (n > ne)
        step = sum(threshold < activity for threshold in self.plan.thresholds)
        return step + (4 * grid_position(self.grid, y, x) if self.plan.grid_map else texture)

    def predict(self, values: list[int], predictor: int, y: int) -> int:
        """The prediction in eighths."""
        if y == 0:
            p, pw = values[16:18] if self.plan.references else (0, 0)
            total = (values[0] + p - pw) << 13
        else:
            weights = self.plan.weights[predictor]
            total = sum(value * weight for value, weight in zip([*values, CONSTANT_TAP], weights, strict=True))
        return clamp(total >> 10, 0, 8 * self.maximum)

    # Spec static/contexts

    def context(self, rest: int, rounded: int, expected_error: int, west: int, north: int) -> int:
        """The context, from the expected error, how far the prediction was rounded, and whether W and N agree."""
        level = sum(edge <= expected_error for edge in self.plan.edges)
        leaning = 3 * ((west > rounded) - (west < rounded)) + (north > rounded) - (north < rounded)
        agreement = 4 - leaning if rest < 0 else 4 + leaning
        return self.plan.cells[level][9 * (-1 - rest if rest < 0 else rest) + agreement]


def decode_static(plans: list[StaticPlan], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 3."""
    count = modelled_planes(plans, ranges)
    grid, first = take_grid(any(plan.grid_map for plan in plans), streams[0])
    planes: list[list[Picture]] = []
    for plan, stream, (low, high) in zip(plans, [first, *streams[1:count]], ranges, strict=False):
        coder = StaticPlane(plan, StaticSymbols(stream), high - low, grid)
        pictures: list[Picture] = []
        for image in range(area.rows // area.image_rows):
            references = [planes[number][image] for number in plan.references]
            pictures.append(coder.image(area.image_rows, area.width, references))
        coder.symbols.end()
        planes.append(pictures)
    samples = [[value for picture in pictures for value in picture.samples] for pictures in planes]
    return finish_planes(samples, streams, ranges, area)
