"""Plain-Python twin of the bilevel kernel, written from the definitions: slow, everything computed anew per sample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from naive_context import outputs_of

from sofc.entropy.mixing import SQUASH, STRETCH

LIMIT = 2815
WORD = 0xFFFFFFFF
UP = SIDE = 12
LEFT = 18
Image = list[list[int]]


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))


def squash(x: int) -> int:
    return int(SQUASH[clamp(x, -LIMIT, LIMIT) + LIMIT])


def neighbours() -> list[tuple[int, int]]:
    """(row, column) offsets of the window's samples, nearest first, then from the top, then from the left."""
    found = [(row, column) for row in range(-6, 1) for column in range(-6, 7) if row < 0 or column < 0]
    return sorted(found, key=lambda place: (place[0] * place[0] + place[1] * place[1], *place))


class Surroundings:
    """What the contexts of the sample at (y, x) are made of."""

    def __init__(self, image: Image, y: int, x: int, small: bool) -> None:
        self.image, self.y, self.x, self.width = image, y, x, len(image[0])
        run = x
        for column in range(x - 1, 0, -1):
            if self.at(y, column) != self.at(y, column - 1):
                run = x - column
                break
        self.w, self.run, self.above = self.at(y, x - 1), run, self.run_above(x)
        self.change = self.change_after(x)
        ink = [(row, column) for row in range(y + 1) for column in range(self.width) if self.at(row, column)]
        self.place = (y * 64 + x, y, x) if small else (0, 0, 0)
        self.terms = [
            0,
            *self.place,
            2 * min(run, 31) + self.w,
            min(self.above, 31),
            self.change,
            min(y - ink[0][0], 31) if ink else 32,
            31 + (clamp(x - min(column for _, column in ink), -31, 31) if ink else -31),
            31 + (clamp(max(column for _, column in ink) - x, -31, 31) if ink else -31),
            self.change_after(min(x + self.change, self.width - 1)),
        ]

    def at(self, row: int, column: int) -> int:
        known = row >= 0 and 0 <= column < self.width and (row < self.y or (row == self.y and column < self.x))
        return self.image[row][column] if known else 0

    def run_above(self, column: int) -> int:
        above = [self.at(row, column) for row in range(self.y - 1, -1, -1)]
        return next((k for k, sample in enumerate(above) if sample != above[0]), len(above))

    def change_after(self, column: int) -> int:
        if self.y == 0:
            return 0
        row = [self.at(self.y - 1, place) for place in range(column, self.width)]
        return min(31, next((k for k, sample in enumerate(row) if sample != row[0]), len(row)))

    def slot(self, number: int, size: int, terms: tuple[int, ...], slot_bits: int) -> int:
        words = [0, 0, 0]
        for row, column in neighbours()[:size]:
            if row == 0:
                bit, word = -1 - column, 0
            else:
                word, start = {-1: (0, 6), -2: (0, 19), -3: (1, 0), -4: (1, 13), -5: (2, 0), -6: (2, 13)}[row]
                bit = start + 6 - column
            words[word] |= self.at(self.y + row, self.x + column) << bit
        h = (words[0] * 0x2C1B3C6D + number * 0x12345671) & WORD
        h ^= h >> 15
        h = (h ^ words[1]) * 0x45EBCA77 & WORD
        h ^= h >> 14
        h = (h ^ words[2]) * 0x2C1B3C6D & WORD
        h ^= h >> 15
        for position, term in enumerate(terms, 3):
            if term:
                h = (h ^ (self.terms[term] + 77 * position)) * 0x45EBCA77 & WORD
                h ^= h >> 15
        return (h * 0x2C1B3C6D & WORD) >> (32 - slot_bits)

    def network_inputs(self) -> list[int]:
        """What a network sees."""
        places = [(self.y, self.x - left) for left in range(1, LEFT + 1)]
        places += [(self.y - up, self.x + across) for up in range(1, UP + 1) for across in range(-SIDE, SIDE + 1)]
        return [256 * self.at(*place) for place in places] + [32 * min(at, 63) - 1024 for at in (self.y, self.x)]

    def asked(self, network: Any) -> int:
        """The stretched probability that a network says."""
        (says,) = outputs_of(network, self.network_inputs())
        return clamp(says, -2303, 2303)


class NaiveState:
    """The state of ``kernel.State`` in plain lists, all of them changed from sample to sample."""

    def __init__(self, state: Any, slot_bits: int) -> None:
        tables = state.models.reshape(-1, 1 << slot_bits)
        self.models: list[defaultdict[int, tuple[int, int]]] = [defaultdict(lambda: (1 << 21, 0)) for _ in tables]
        for found, table in zip(self.models, tables, strict=True):
            found.update({slot: (word >> 10, word & 1023) for slot, word in enumerate(table.tolist())})
        self.weights = state.weights.tolist()
        self.blend = state.blend.tolist()
        self.blank = state.blank.tolist()


def decisions(
    image: Image, small: bool, contexts: Any, plan: Any, network: Any, state: NaiveState
) -> Iterator[tuple[int, int]]:
    """The bit of each sample and its probability to be 1 in 1/65536."""
    for y, row in enumerate(image):
        for x, bit in enumerate(row):
            near = Surroundings(image, y, x, small)
            window = [near.at(y + up, x + across) for up, across in neighbours()]
            if plan.skips_blank and not any(window):
                place = min(near.run, 127) // 8 * 16 + min(near.above, 127) // 8
                probability = state.blank[place]
                yield bit, clamp(probability >> 12, 1, 65535)
                state.blank[place] += ((2**28 - 1 if bit else 0) - probability) >> 9
            else:
                probability, learn = mix(near, small, contexts, plan, network, state)
                yield bit, probability
                learn(bit)


def mix(near: Surroundings, small: bool, contexts: Any, plan: Any, network: Any, state: NaiveState) -> tuple[int, Any]:
    """The probability of a 1, and the function that teaches the state what came."""
    slots, inputs, known = [], [], 0
    for number, models in enumerate(state.models):
        size, terms = contexts[number]
        slots.append(near.slot(number, size, terms, plan.slot_bits))
        p, seen = models[slots[-1]]
        known += seen >= 3
        inputs.append(int(STRETCH[p >> 10]))
    around = 0
    for k, place in enumerate(((0, -1), (0, -2), (-1, 1), (-1, 0), (-1, -1), (-2, 1), (-2, 0), (-2, -1))):
        around |= near.at(near.y + place[0], near.x + place[1]) << k
    third = near.y // 2 * 32 + near.x // 2 if small else min(near.run, 31) * 32 + min(near.above, 31)
    last = near.change
    if network.is_asked:
        inputs.append(near.asked(network))
        last = (inputs[-1] + 2560) >> 7
    inputs.append(256)
    rows = [2 * known + near.w, 66 + around, 66 + 256 + third, 66 + 256 + 1024 + last]
    outputs = [
        clamp(
            sum(weight * value for weight, value in zip(state.weights[row], inputs, strict=True)) >> 16, -LIMIT, LIMIT
        )
        for row in rows
    ]
    blend = state.blend[around % 32]
    mean = clamp(sum(weight * output for weight, output in zip(blend, outputs, strict=True)) >> 16, -LIMIT, LIMIT)
    mixed = squash(mean)

    def learn(bit: int) -> None:
        for k, output in enumerate(outputs):
            blend[k] = clamp(blend[k] + ((output * (65536 * bit - mixed) + 2**18) >> 19), -(1 << 22), 1 << 22)
        for row, output in zip(rows, outputs, strict=True):
            error = (65536 * bit - squash(output)) * plan.rate
            for k, value in enumerate(inputs):
                weight = state.weights[row][k] + ((value * error + 2**17) >> 18)
                state.weights[row][k] = clamp(weight, -(1 << 22), 1 << 22)
        for number, models in enumerate(state.models):
            p, seen = models[slots[number]]
            rate = 2 * 65536 * 5 // (10 * seen + 16)
            p += ((2**22 - 1 if bit else 0) - p) * rate >> 16
            models[slots[number]] = p, min(seen + 1, 255)

    return mixed, learn
