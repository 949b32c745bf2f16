"""Spec appendix-kept-files/deflate-data-of-any-encoder: deflate data made again from what its encoder decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import mul

from .coding_tools import (
    BIAS,
    INTEGER_BITS,
    STRETCH,
    STRETCH_LIMIT,
    UNTRAINED,
    Decisions,
    learn,
    learn_refined,
    refine,
    squash,
    start_apm,
    wrap_32,
)
from .notation import clamp, require

# RFC 1951

STORED, FIXED, DYNAMIC = range(3)
WINDOW = 32768
SHORTEST, LONGEST, OTHER_LONGEST = 3, 258, 259
END_OF_BLOCK, LENGTH_SYMBOLS = 256, 286
LENGTH_EXTRA = [max(0, (code - 4) // 4) for code in range(28)] + [0]
LENGTH_BASE = [3 + sum(1 << bits for bits in LENGTH_EXTRA[:code]) for code in range(28)] + [258]
DISTANCE_EXTRA = [max(0, (code - 2) // 2) for code in range(30)]
DISTANCE_BASE = [1 + sum(1 << bits for bits in DISTANCE_EXTRA[:code]) for code in range(30)]
RUN_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
COPY, SHORT_ZEROS, LONG_ZEROS = 16, 17, 18
RUN_BASE, RUN_EXTRA = {16: 3, 17: 3, 18: 11}, {16: 2, 17: 3, 18: 7}


def length_code(length: int) -> int:
    """The code of a length, less 257; 259 is the other way to write 258."""
    if length >= LONGEST:
        return 28 if length == LONGEST else 27
    return max(code for code in range(28) if LENGTH_BASE[code] <= length)


def distance_code(distance: int) -> int:
    return max(code for code in range(30) if DISTANCE_BASE[code] <= distance)


DISTANCE_CODES = [0] + [distance_code(distance) for distance in range(1, WINDOW + 1)]
LENGTH_CODES = [0] * SHORTEST + [length_code(length) for length in range(SHORTEST, OTHER_LONGEST + 1)]


class BitWriter:
    """Writes bits, the lowest of a byte first."""

    def __init__(self) -> None:
        self.bytes, self.word, self.count = bytearray(), 0, 0

    def put(self, value: int, count: int) -> None:
        self.word |= (value & (1 << count) - 1) << self.count
        self.count += count
        while self.count >= 8:
            self.bytes.append(self.word & 255)
            self.word >>= 8
            self.count -= 8

    def fill(self, padding: int) -> None:
        """Bits up to a whole byte."""
        self.put(padding, -self.count % 8)


class Code:
    """The canonical Huffman code of code lengths."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = lengths
        self.words = [0] * len(lengths)
        word = 0
        for length in range(1, 16):
            word <<= 1
            for symbol, its in enumerate(lengths):
                if its == length:
                    self.words[symbol] = int(f"{word % (1 << length):0{length}b}"[::-1], 2)
                    word += 1

    def put(self, symbol: int, bits: BitWriter) -> None:
        """A symbol without a code is no bits."""
        if symbol < len(self.lengths):
            bits.put(self.words[symbol], self.lengths[symbol])

    def length(self, symbol: int) -> int:
        return self.lengths[symbol] if symbol < len(self.lengths) else 0


FIXED_LITERALS = Code([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8)
FIXED_DISTANCES = Code([5] * 30)

# Spec appendix-kept-files/matches

BY_THREE, BY_FOUR, TREE = range(3)
MAX_COMPARED = 1 << 14


@dataclass
class Effort:
    """The fields of ORIGINAL_TOKENS that say how an encoder searches."""

    way: int
    depth: int
    nice: int
    haste: int
    probes: int
    rounds: int

    def check(self) -> None:
        require(self.way <= TREE and 1 <= self.depth <= 1024 and 3 <= self.nice <= 258, "search that is not known")
        require(self.haste <= 8 and self.probes <= 64 and self.rounds <= 2, "search that is not known")


@dataclass
class Place:
    """What was found at a place: matches (length, distance) of rising length, and the longest found in haste."""

    stairs: list[tuple[int, int]] = field(default_factory=list)
    hasty: tuple[int, int] | None = None

    def add(self, length: int, distance: int) -> None:
        """At most eight are kept, the last of them the longest."""
        if len(self.stairs) == 8:
            self.stairs.pop()
        self.stairs.append((length, distance))

    def nearest(self, length: int) -> int | None:
        """The least distance of a match that is long enough."""
        return next((distance for most, distance in self.stairs if most >= length), None)


class Matches:
    """The matches of all places, found one after the other."""

    def __init__(self, data: bytes, effort: Effort) -> None:
        self.data, self.effort = data, effort
        self.places: list[Place] = []
        self.by_three: dict[int, int] = {}
        self.by_way: dict[int, int] = {}
        self.before: list[int | None] = []
        """Of each place the last one with the same hash of three bytes."""
        self.older: list[int | None] = []
        self.smaller: dict[int, int | None] = {}
        self.greater: dict[int, int | None] = {}

    def at(self, place: int) -> Place:
        while len(self.places) <= place:
            self.find(len(self.places))
        return self.places[place]

    def hash(self, place: int, count: int, bits: int) -> int:
        word = int.from_bytes(self.data[place : place + count], "little")
        return (word * 0x1E35A7BD & 0xFFFFFFFF) >> 32 - bits

    def alike(self, place: int, earlier: int, most: int) -> int:
        """How many bytes from two places on are alike."""
        data, length = self.data, 0
        while length < most and data[earlier + length] == data[place + length]:
            length += 1
        return length

    def find(self, place: int) -> None:
        effort, found = self.effort, Place()
        most = min(LONGEST, len(self.data) - place)
        first = following = None
        if most >= 3:
            number = self.hash(place, 3, 16 if effort.way == TREE else 15)
            first = self.by_three.get(number)
            self.by_three[number] = place
        count = 3 if effort.way == BY_THREE else 4
        if most >= count:
            number = self.hash(place, count, 16)
            following = self.by_way.get(number)
            self.by_way[number] = place
        self.before.append(first)
        self.older.append(following)
        self.probe(place, most, first, found)
        if effort.way == TREE:
            self.climb(place, most, following, found)
            found.hasty = found.stairs[-1] if found.stairs else None
        elif most >= 3:
            self.follow(place, most, following, found)
        self.places.append(found)

    def probe(self, place: int, most: int, earlier: int | None, found: Place) -> None:
        for _ in range(self.effort.probes):
            if earlier is None or place - earlier > WINDOW:
                return
            length = self.alike(place, earlier, most)
            if length >= 3:
                found.add(length, place - earlier)
                return
            earlier = self.before[earlier]

    def follow(self, place: int, most: int, earlier: int | None, found: Place) -> None:
        found.hasty = found.stairs[0] if found.stairs else None
        longest, compared = found.stairs[0][0] if found.stairs else 2, 0
        for step in range(self.effort.depth):
            enough = longest >= min(most, self.effort.nice) or compared > MAX_COMPARED
            if enough or earlier is None or place - earlier > WINDOW:
                return
            if self.data[earlier + longest] == self.data[place + longest]:
                length = self.alike(place, earlier, most)
                compared += length
                if length > longest:
                    longest = length
                    found.add(length, place - earlier)
                    if step < self.effort.depth >> self.effort.haste:
                        found.hasty = found.stairs[-1]
            earlier = self.older[earlier]

    def climb(self, place: int, most: int, earlier: int | None, found: Place) -> None:
        """The place becomes the root of the tree; what was there is parted into smaller and greater strings."""
        longest = found.stairs[0][0] if found.stairs else 2
        smaller, greater = (self.smaller, place), (self.greater, place)
        like_smaller = like_greater = length = compared = 0
        for _ in range(self.effort.depth):
            if compared > MAX_COMPARED or earlier is None or place - earlier > WINDOW:
                break
            more = self.alike(place + length, earlier + length, most - length)
            length, compared = length + more, compared + more
            if length > longest:
                longest = length
                found.add(length, place - earlier)
            if length >= min(most, self.effort.nice):
                smaller[0][smaller[1]] = self.smaller.get(earlier)
                greater[0][greater[1]] = self.greater.get(earlier)
                return
            if self.data[earlier + length] < self.data[place + length]:
                smaller[0][smaller[1]] = earlier
                smaller, like_smaller = (self.greater, earlier), length
                length, earlier = min(length, like_greater), self.greater.get(earlier)
            else:
                greater[0][greater[1]] = earlier
                greater, like_greater = (self.smaller, earlier), length
                length, earlier = min(length, like_smaller), self.smaller.get(earlier)
        smaller[0][smaller[1]] = greater[0][greater[1]] = None


# Spec appendix-kept-files/costs

BIT, UNUSED, NEVER = 16, 24 * 16, 1 << 30
SPAN, AHEAD = 1 << 16, 1 << 10


def ratio_cost(count: int, total: int) -> int:
    """log2(total / count) in 1/16, rounded down."""
    if count == 0:
        return UNUSED
    ratio, cost = (total << 16) // count, 0
    while ratio >= 1 << 17:
        ratio >>= 1
        cost += BIT
    for part in (8, 4, 2, 1):
        ratio = ratio * ratio >> 16
        if ratio >= 1 << 17:
            ratio >>= 1
            cost += part
    return cost


class Costs:
    """What tokens of a span cost, and the shortest way from each of its places."""

    def __init__(self, matches: Matches, literals: Code, distances: Code, start: int, stop: int) -> None:
        self.matches, self.start, self.stop = matches, start, stop
        sizes = [BIT * literals.length(symbol) or UNUSED for symbol in range(LENGTH_SYMBOLS)]
        self.set(sizes, [BIT * distances.length(symbol) or UNUSED for symbol in range(30)])
        self.find_shortest()
        for _ in range(matches.effort.rounds):
            self.refine()
            self.find_shortest()

    def set(self, symbols: list[int], distances: list[int]) -> None:
        self.literals = symbols[:END_OF_BLOCK]
        self.lengths = [symbols[257 + code] + BIT * LENGTH_EXTRA[code] for code in LENGTH_CODES[: LONGEST + 1]]
        self.distances = [size + BIT * extra for size, extra in zip(distances, DISTANCE_EXTRA, strict=True)]

    def of_match(self, place: int, length: int, distance: int) -> int:
        rest = self.rest[place + length - self.start]
        return self.lengths[length] + self.distances[DISTANCE_CODES[distance]] + rest

    def of_literal(self, place: int) -> int:
        return self.literals[self.matches.data[place]] + self.rest[place + 1 - self.start]

    def best_of_stair(self, place: int, number: int) -> tuple[int, int]:
        """Length and cost of the best match that is longer than those of the stair before; 0 where there is none."""
        stairs = self.matches.at(place).stairs
        most, distance = stairs[number]
        most = min(most, self.stop - place)
        first = stairs[number - 1][0] + 1 if number else SHORTEST
        if most >= 64:
            first = max(first, most)
        found = [(self.of_match(place, length, distance), length) for length in range(first, most + 1)]
        cost, length = min(found, default=(NEVER, 0))
        return length, cost

    def find_shortest(self) -> None:
        size = self.stop - self.start
        self.rest, self.best, self.least = [0] * (size + 1), [0] * size, [NEVER] * size
        for place in range(self.stop - 1, self.start - 1, -1):
            row = place - self.start
            for number in range(len(self.matches.at(place).stairs)):
                length, cost = self.best_of_stair(place, number)
                if cost < self.least[row]:
                    self.least[row], self.best[row] = cost, length
            self.rest[row] = min(self.of_literal(place), self.least[row])

    def refine(self) -> None:
        symbols: Counter[int] = Counter()
        distances: Counter[int] = Counter()
        place, tokens = self.start, 1
        while place < self.stop:
            tokens += 1
            row = place - self.start
            if self.of_literal(place) <= self.least[row]:
                symbols[self.matches.data[place]] += 1
                place += 1
                continue
            length = self.best[row]
            symbols[257 + LENGTH_CODES[length]] += 1
            distances[DISTANCE_CODES[self.matches.at(place).nearest(length) or 0]] += 1
            place += length
        self.set(
            [ratio_cost(symbols[symbol], tokens) for symbol in range(LENGTH_SYMBOLS)],
            [ratio_cost(distances[symbol], distances.total()) for symbol in range(30)],
        )


# Spec appendix-kept-files/decisions-of-an-encoder

ENDS, TYPES, PADDINGS, COUNTS, LENGTHS, RULES, RUNS, RUN_CODE_LENGTHS, MATCHES, STAIRS, FULL, BEST, DISTANCES = range(
    13
)
SIZES, SHORTFALLS, RANKS = range(3)
MIXED, ROWS = 4, 16


class EncoderModels:
    """All that is learned of an encoder."""

    def __init__(self) -> None:
        self.models: dict[tuple[int, int, int], int] = {}
        self.weights = [[13 * 65536 // (10 * MIXED)] * MIXED + [0] for _ in range(13 * ROWS)]
        self.apm = start_apm(13 * ROWS)
        self.integers = [[UNTRAINED] * (2 * INTEGER_BITS) for _ in range(3)]

    def start(self, remainder: bytes) -> None:
        """Go on with the remainder of another part."""
        self.decisions = Decisions(remainder)

    def decide(self, kind: int, row: int, contexts: Sequence[int]) -> int:
        """A decision of a kind in four contexts."""
        places = [(kind, *pair) for pair in enumerate(contexts)]
        inputs = [STRETCH[self.models.get(place, UNTRAINED) >> 20] for place in places] + [BIAS]
        weights, apm = self.weights[kind * ROWS + row], self.apm[kind * ROWS + row]
        output = clamp(sum(map(mul, weights, inputs)) >> 16, -STRETCH_LIMIT, STRETCH_LIMIT)
        probability, entry, weight = refine(apm, output)
        bit = self.decisions.decide(clamp(probability, 4, 0xFFFC))
        learn_refined(apm, entry, weight, bit)
        error = 3 * (0x10000 * bit - squash(output))
        for i, value in enumerate(inputs):
            weights[i] = wrap_32(weights[i] + ((value * error + 0x8000) >> 16))
        for place in places:
            self.models[place] = learn(self.models.get(place, UNTRAINED), bit)
        return bit

    def number(self, bits: int, kind: int, row: int, contexts: Sequence[int]) -> int:
        """A number of so many bits."""
        value = 1
        for _ in range(bits):
            value = 2 * value + self.decide(kind, row, [context + value for context in contexts])
        return value - (1 << bits)

    def integer(self, kind: int) -> int:
        return self.decisions.integer(self.integers[kind])


# Spec appendix-kept-files/heads-of-blocks


def ideal_length(count: int, total: int) -> int:
    """Half bits, and one, that a symbol takes which so many are; 0 for none."""
    return min(31, (total * total // (count * count)).bit_length()) if count else 0


@dataclass
class Head:
    """The head of a block."""

    last: int
    type: int
    size: int
    padding: int = 0
    border: int = 0
    lengths: list[int] = field(default_factory=list)
    runs: list[tuple[int, int]] = field(default_factory=list)
    run_lengths: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, models: EncoderModels) -> Head:
        nothing = (0, 0, 0, 0)
        head = cls(models.decide(ENDS, 0, nothing), models.number(2, TYPES, 0, nothing), models.integer(SIZES))
        require(head.type <= DYNAMIC, "unknown type of block")
        if head.last or head.type == STORED:
            head.padding = models.number(7, PADDINGS, 0, nothing)
        return head

    def read_lengths(self, data: bytes, before: list[int], models: EncoderModels) -> None:
        """The code lengths of the block that holds ``data``; ``before``: those of the block before."""
        self.border = models.number(5, COUNTS, 0, (0, 0, 0, 0)) + 257
        total = self.border + models.number(5, COUNTS, 1, (32, 32, 32, 32)) + 1
        require(self.border <= LENGTH_SYMBOLS, "more code lengths than can be")
        uses = Counter(data)
        lengths = self.lengths
        for i in range(total):
            symbol = i if i < self.border else i - self.border + LENGTH_SYMBOLS
            one, two = ([0, 0, *lengths])[-1], ([0, 0, *lengths])[-2]
            old = before[symbol]
            if i < END_OF_BLOCK:
                group, first = 0, ideal_length(uses[i], len(data))
                second, fourth = old, 16 * first + old
            else:
                group, first = 1 + (i >= self.border), 32 + symbol - END_OF_BLOCK
                second, fourth = 16 * group + old, 16 * (32 + 16 * (group - 1) + one) + old
            contexts = (16 * first, 16 * second, 16 * (16 * one + two), 16 * fourth)
            lengths.append(models.number(4, LENGTHS, group, contexts))
        self.read_runs(models)
        self.read_run_lengths(models)

    def read_runs(self, models: EncoderModels) -> None:
        lengths, i = self.lengths, 0
        while i < len(lengths):
            length, run = lengths[i], 1
            while i + run < len(lengths) and lengths[i + run] == length:
                run += 1
            again = i > 0 and lengths[i - 1] == length
            symbol, repeat = length, 1
            if length == 0 and run >= 3:
                symbol, repeat = (LONG_ZEROS, min(run, 138)) if run > 10 else (SHORT_ZEROS, run)
            elif again and run >= 3:
                symbol, repeat = COPY, min(run, 6)
            way, some = max(0, symbol - 15), min(run, 31)
            crosses = int(i < self.border < i + run)
            if not models.decide(RULES, 0, (way, 8 * some + 2 * way + crosses, 256 + length, 0)):
                way = models.number(2, RUNS, 0, (0, 4 + 4 * way, 20 + 4 * some, 200))
                symbol, repeat = length, 1
                if way:
                    symbol = 15 + way
                    repeat = RUN_BASE[symbol] + models.number(RUN_EXTRA[symbol], RUNS, 1, [256 + 128 * way] * 4)
                    require(repeat <= run and (again if way == 1 else length == 0), "run that cannot be")
            self.runs.append((symbol, repeat))
            i += repeat

    def read_run_lengths(self, models: EncoderModels) -> None:
        count = models.number(4, COUNTS, 2, (64, 64, 64, 64)) + 4
        uses, last = Counter(symbol for symbol, _ in self.runs), 0
        require(count <= len(RUN_ORDER), "more code lengths than can be")
        for symbol in RUN_ORDER[:count]:
            ideal = ideal_length(uses[symbol], len(self.runs))
            contexts = (8 * ideal, 8 * symbol, 8 * last, 8 * (8 * ideal + last))
            last = models.number(3, RUN_CODE_LENGTHS, 0, contexts)
            self.run_lengths.append(last)

    def write(self, bits: BitWriter) -> None:
        bits.put(self.last, 1)
        bits.put(self.type, 2)
        if self.type != DYNAMIC:
            return
        bits.put(self.border - 257, 5)
        bits.put(len(self.lengths) - self.border - 1, 5)
        bits.put(len(self.run_lengths) - 4, 4)
        by_symbol = [0] * len(RUN_ORDER)
        for symbol, length in zip(RUN_ORDER, self.run_lengths, strict=False):
            bits.put(length, 3)
            by_symbol[symbol] = length
        code = Code(by_symbol)
        for symbol, repeat in self.runs:
            code.put(symbol, bits)
            if symbol >= COPY:
                bits.put(repeat - RUN_BASE[symbol], RUN_EXTRA[symbol])


# Spec appendix-kept-files/tokens

AFTER_MATCH, AFTER_LITERAL, AFTER_CHOICE = range(3)
HIGHEST = 11


def size_class(length: int) -> int:
    if length < 11:
        return length - 3
    return next(i for i, border in ((8, 18), (9, 32), (10, 258), (11, 259)) if length < border)


def excess_class(excess: int) -> int:
    if excess < 32:
        return 0 if excess <= 0 else 1 + (excess - 1) // 8
    if excess < 96:
        return 3 + excess // 16
    return 9 if excess < 144 else 10 if excess < 224 else HIGHEST


def near(distance: int) -> int:
    return DISTANCE_CODES[distance] >> 1


class TokenDecoder:
    """Reads the tokens of a span. A token is None for a literal, else (length, distance)."""

    def __init__(self, costs: Costs, models: EncoderModels) -> None:
        self.costs, self.matches, self.models = costs, costs.matches, models

    def expected(self, place: int, after: int) -> tuple[int, int] | None:
        if place >= self.costs.stop:
            return None
        found = self.matches.at(place)
        if after == AFTER_CHOICE:
            return found.hasty
        return found.stairs[-1] if found.stairs else None

    def score(self, here: tuple[int, int], other: tuple[int, int] | None) -> int:
        length, distance = other or (0, 1)
        return 4 * (length - here[0]) + near(here[1]) - near(distance)

    def read(self, place: int, after: int) -> tuple[int, int] | None:
        """The token at a place."""
        here = self.expected(place, after)
        if here is None:
            is_match = self.models.decide(MATCHES, 15, (after, 3, 3, 3))
        else:
            is_match = self.models.decide(MATCHES, after, self.contexts(place, here, after))
        if not is_match:
            return None
        length = self.read_length(place, here)
        if length == LONGEST:
            length += self.models.decide(BEST, 1, (0, 0, 0, 0))
        return length, self.read_distance(place, min(length, LONGEST))

    def contexts(self, place: int, here: tuple[int, int], after: int) -> list[int]:
        """Of whether there is a match."""
        following, further = (self.expected(place + i, AFTER_CHOICE) for i in (1, 2))
        length, away = here[0], near(here[1])
        longer = clamp((following or (0, 0))[0] - length, -2, 2) + 2
        score = self.score(here, following)
        better = 0 if score <= 0 else 1 if score <= 2 else 2 if score <= 6 else 3
        size = size_class(length)
        far = clamp(away - 10, 0, 3) if length == SHORTEST else 0
        more = self.costs.of_literal(place) - self.costs.least[place - self.costs.start]
        regret = HIGHEST + (excess_class(more) if more >= 0 else -excess_class(-more))
        return [
            4 + 2 * (16 * (3 * size + after) + away) + (longer > 2),
            4
            + 2 * (3 * (15 * (4 * longer + better) + size + (far and 11 + far)) + after)
            + (self.score(here, further) > 6),
            4 + 3 * (4 * regret + min(size, 3)) + after,
            4 + 16 * (5 * regret + longer) + away,
        ]

    def read_length(self, place: int, expected: tuple[int, int] | None) -> int:
        costs, stairs = self.costs, self.matches.at(place).stairs
        row = place - costs.start
        best_of_all = costs.best[row]
        for number in range(len(stairs) - 1, -1, -1):
            most, distance = stairs[number]
            first = stairs[number - 1][0] + 1 if number else SHORTEST
            best, cost = costs.best_of_stair(place, number)
            excess = excess_class(cost - costs.least[row])
            relation = 0 if best_of_all < first else 1 if best_of_all <= most else 2
            top = 0 if stairs[number] == expected else 1 if most > (expected or (0, 0))[0] else 2
            size, nearer = size_class(most), near(stairs[number - 1][1]) if number else 15
            contexts = (
                4 * (3 * (3 * excess + relation) + top) + min(number, 3),
                3 * (4 * (3 * size + relation) + min(most - first, 3)) + top,
                3 * (16 * near(distance) + nearer) + relation,
                4 * (3 * (12 * near(distance) + excess) + top) + min(size, 3),
            )
            if self.models.decide(STAIRS, 3 * relation + top, contexts):
                return most if most == first else self.read_shorter(place, most, distance, best, cost)
        return self.models.number(8, BEST, 2, (0, 0, 0, 0)) + SHORTEST

    def read_shorter(self, place: int, most: int, distance: int, best: int, cost: int) -> int:
        """A length up to that of a match."""
        size, excess = size_class(most), HIGHEST
        if best and place + most <= self.costs.stop:
            excess = excess_class(self.costs.of_match(place, most, distance) - cost)
        short = clamp(most - best, 0, 15)
        contexts = (excess, 16 * size + excess, 64 * short + size, size)
        if self.models.decide(FULL, int(best != most), contexts):
            return most
        if 0 < best < most and self.models.decide(BEST, 0, (2 + size, 16 + excess, 32 + short, 2 + size)):
            return best
        return most - 1 - self.models.integer(SHORTFALLS)

    def read_distance(self, place: int, length: int) -> int:
        nearest = self.matches.at(place).nearest(length)
        if nearest is not None:
            size, away = size_class(length), near(nearest)
            if self.models.decide(DISTANCES, 0, (size, 16 * size + away, away, size)):
                return nearest
        rank = self.models.integer(RANKS)
        if rank:
            return self.further(place, place - (nearest or 0), length, rank)
        return self.models.decisions.bypass_bits(15, 0) + 1

    def further(self, place: int, earlier: int, length: int, rank: int) -> int:
        """The distance of the match of this rank among those further away."""
        compared, found = 0, 0
        while compared <= MAX_COMPARED and found < 255:
            before = self.matches.before[earlier]
            if before is None or place - before > WINDOW:
                break
            earlier = before
            alike = self.matches.alike(place, earlier, length)
            compared += alike + 1
            found += alike == length
            if alike == length and found == rank:
                return place - earlier
        require(False, "match that is not there")
        return 0


# Spec appendix-kept-files/deflate-data-of-any-encoder


class DeflateAgain:
    """Makes deflate data of all parts of kind 9 of a recipe, one after the other."""

    def __init__(self) -> None:
        self.models = EncoderModels()

    def make(self, data: bytes, size: int, effort: Effort, remainder: bytes) -> bytes:
        effort.check()
        self.models.start(remainder)
        bits, matches = BitWriter(), Matches(data, effort)
        before = [0] * (LENGTH_SYMBOLS + 32)
        literals, distances = Code([0] * 288), Code([0] * 32)
        place, after, blocks, last = 0, AFTER_MATCH, 0, 0
        while not last:
            blocks += 1
            head = Head.read(self.models)
            last, end = head.last, place + head.size
            require(end <= len(data) and blocks <= 1024 + len(data) // 64, "blocks that cannot be")
            if head.type == DYNAMIC:
                head.read_lengths(data[place:end], before, self.models)
                literals, distances = Code(head.lengths[: head.border]), Code(head.lengths[head.border :])
            elif head.type == FIXED:
                literals, distances = FIXED_LITERALS, FIXED_DISTANCES
            before = [literals.length(symbol) for symbol in range(LENGTH_SYMBOLS)]
            before += [distances.length(symbol) for symbol in range(32)]
            head.write(bits)
            if head.type == STORED:
                bits.fill(head.padding)
                bits.put(head.size, 16)
                bits.put(~head.size, 16)
                bits.bytes += data[place:end]
                place, after = end, AFTER_MATCH
                continue
            while place < end:
                place, after = self.make_span(matches, literals, distances, place, end, after, bits)
                require(len(bits.bytes) <= size, "deflate data longer than it says")
            literals.put(END_OF_BLOCK, bits)
            if last:
                bits.fill(head.padding)
            require(len(bits.bytes) <= size, "deflate data longer than it says")
        require(place == len(data) and bits.count == 0 and len(bits.bytes) == size, "deflate data of another size")
        return bytes(bits.bytes)

    def make_span(
        self, matches: Matches, literals: Code, distances: Code, place: int, end: int, after: int, bits: BitWriter
    ) -> tuple[int, int]:
        """Write the tokens that begin in a span; where the next begins, and what stands before it."""
        costs = Costs(matches, literals, distances, place, min(end, place + SPAN + AHEAD))
        decoder, stop = TokenDecoder(costs, self.models), min(end, place + SPAN)
        while place < stop:
            token = decoder.read(place, after)
            if token is None:
                literals.put(matches.data[place], bits)
                after = AFTER_CHOICE if matches.at(place).stairs else AFTER_LITERAL
                place += 1
                continue
            length, distance = token
            code, covered = LENGTH_CODES[length], min(length, LONGEST)
            require(SHORTEST <= covered <= end - place and distance <= place, "match that cannot be")
            literals.put(257 + code, bits)
            bits.put(covered - LENGTH_BASE[code], LENGTH_EXTRA[code])
            code = DISTANCE_CODES[distance]
            distances.put(code, bits)
            bits.put(distance - DISTANCE_BASE[code], DISTANCE_EXTRA[code])
            place, after = place + covered, AFTER_MATCH
        return place, after
