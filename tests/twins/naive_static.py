"""Plain-Python twin of the static coder's kernels, from the definitions: a decoder of planes, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Rows = list[list[int]]


def log_error_of(error: int) -> int:
    """Eight times log2(error + 2), piecewise linear, from 0 up; large errors are scaled by 2**9 first."""
    if error > 4096:
        return log_error_of(min(error >> 9, 4096)) + 72
    size = (error + 2).bit_length() - 1
    return 8 * size + (((error + 2) * 8 >> size) & 7) - 8


@dataclass
class Plane:
    """A plane with its errors; ``above`` is the value around the first row."""

    rows: int
    width: int
    above: int
    samples: Rows = field(default_factory=list)
    errors: Rows = field(default_factory=list)

    def causal(self, values: Rows, start: int, y: int, dy: int, x: int) -> int:
        """Sample or log error of row y + dy as it is seen while row y is coded."""
        row = y + dy
        if row < 0 and y > 0:
            row = 0
        if row < 0 or (row == 0 and x < 0):
            return start
        if x < 0:
            return values[row - 1][0]
        return values[row][min(x, self.width - 1)]

    def own(self, y: int, dy: int, x: int) -> int:
        return self.causal(self.samples, self.above, y, dy, x)

    def error(self, y: int, dy: int, x: int) -> int:
        return self.causal(self.errors, 24, y, dy, x)

    def reference_error(self, y: int, x: int) -> int:
        return self.errors[max(0, min(y, self.rows - 1))][max(0, min(x, self.width - 1))]

    def reference(self, y: int, x: int) -> int:
        return self.samples[max(0, min(y, self.rows - 1))][max(0, min(x, self.width - 1))]


def class_of(own: Plane, first: Plane | None, prediction: Any, grid: int, y: int, x: int) -> int:
    if first is not None:
        p, west, north = first.reference(y, x), first.reference(y, x - 1), first.reference(y - 1, x)
        across, down = abs(p - west), abs(p - north)
        amount = across + down + abs(p - first.reference(y, x + 1)) + abs(p - first.reference(y + 1, x))
        bits = [
            across > down,
            across > abs(p - first.reference(y - 1, x + 1)),
            down > abs(p - first.reference(y - 1, x - 1)),
        ]
    else:
        n, nw, ne = own.own(y, -1, x), own.own(y, -1, x - 1), own.own(y, -1, x + 1)
        nn, nnw, nne = own.own(y, -2, x), own.own(y, -2, x - 1), own.own(y, -2, x + 1)
        across = abs(n - nw) + abs(n - ne)
        amount = across + abs(n - nn) + abs(nw - nnw)
        down = abs(nw - nnw) + abs(ne - nne)
        bits = [across > down, n > nw, n > ne]
    level = sum(amount > int(threshold) for threshold in prediction.thresholds)
    if prediction.class_map == 1:
        return (((grid // 8 + y) % 8) * 8 + (grid + x) % 8) * 4 + level
    return sum(weight for bit, weight in zip(bits, (32, 16, 8), strict=True) if bit) + level


def taps_of(own: Plane, chosen: list[Plane], y: int, x: int) -> list[int]:
    """Samples around, then the constant."""
    around = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2), (-2, -1), (-2, 1)]
    around += [(0, -3), (-3, 0), (-2, -2), (-2, 2), (-1, 3), (-3, 1)]
    taps = [own.own(y, dy, x + dx) for dy, dx in around]
    if chosen:
        square = [(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, 1), (1, -1)]
        taps += [chosen[0].reference(y + dy, x + dx) for dy, dx in square]
    if len(chosen) > 1:
        taps += [chosen[1].reference(y + dy, x + dx) for dy, dx in [(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0)]]
    return [*taps, 8]


def predict(own: Plane, references: list[Plane], prediction: Any, grid: int, maximum: int, y: int, x: int) -> Any:
    """Class, prediction in eighths, and expected error of a sample."""
    chosen = [references[number] for number in prediction.references]
    first = chosen[0] if chosen else None
    number = class_of(own, first, prediction, grid, y, x)
    taps = taps_of(own, chosen, y, x)
    errors = [own.error(y, dy, x + dx) for dy, dx in [(0, -1), (0, -2), (-1, 0), (-1, -1), (-1, 1), (-2, 0)]]
    if first is not None:
        errors += [first.reference_error(y + dy, x + dx) for dy, dx in [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)]]
    if len(chosen) > 1:
        errors += [chosen[1].reference_error(y, x + dx) for dx in (0, -1, 1)]
    if y > 0:
        total = sum(tap * int(weight) for tap, weight in zip(taps, prediction.weights[number], strict=True))
    else:
        total = taps[0] + (first.reference(0, x) - first.reference(0, x - 1) if first is not None else 0)
        total *= 1 << 13
    fine = max(0, min(maximum * 8, total // (1 << 10)))
    weights = prediction.error_weights[: len(errors)]
    expected = int(prediction.offsets[number]) + sum(m * int(w) for m, w in zip(errors, weights, strict=True))
    return number, fine, max(0, min(255, expected // 256))


def find_grid(own: Plane, prediction: Any, maximum: int) -> int:
    """The place of the first sample under which the errors are least: its column, its row, its column again."""

    def cost(row: int, column: int) -> int:
        found = 0
        for y in range(1, own.rows):
            for x in range(own.width):
                fine = predict(own, [], prediction, 8 * row + column, maximum, y, x)[1]
                found += log_error_of(abs(fine - 8 * own.samples[y][x]))
        return found

    column = min(range(8), key=lambda place: cost(0, place))
    row = min(range(8), key=lambda place: cost(place, column))
    return 8 * row + min(range(8), key=lambda place: cost(row, place))


class Words:
    """Two states that take turns, and the 16-bit words they take in."""

    def __init__(self, stream: bytes) -> None:
        self.states = [int.from_bytes(stream[:4], "little"), int.from_bytes(stream[4:8], "little")]
        self.rest = list(stream[8:])

    def take(self, bits: int, distribution: list[int] | None = None) -> int:
        """The next symbol of a distribution over 2**bits, or the next plain bits."""
        state = self.states.pop(0)
        slot = state % (1 << bits)
        symbol, start, frequency = slot, slot, 1
        if distribution is not None:
            symbol, start = 0, 0
            while start + distribution[symbol] <= slot:
                start += distribution[symbol]
                symbol += 1
            frequency = distribution[symbol]
        state = frequency * (state >> bits) + slot - start
        if state < 1 << 15:
            low, high, *self.rest = [*self.rest, 0, 0]
            state = (state << 16) + low + 256 * high
        self.states.append(state)
        return symbol


def decode_plane(
    stream: bytes, model: Any, references: list[Plane], grid: int, maximum: int, rows: int, width: int
) -> Plane:
    """One image's plane, samples 0 .. maximum; both states must end at 2**15."""
    words = Words(stream)
    own = Plane(rows, width, (maximum + 1) // 2)
    for y in range(rows):
        own.samples.append([])
        own.errors.append([])
        for x in range(width):
            _, fine, expected = predict(own, references, model.prediction, grid, maximum, y, x)
            rounded = (fine + 4) // 8
            offset = fine - 8 * rounded
            level = sum(expected >= int(edge) for edge in model.levels.edges)
            west, north = own.own(y, 0, x - 1), own.own(y, -1, x)
            sides = [(value > rounded) - (value < rounded) for value in (west, north)]
            if offset < 0:
                sides = [-side for side in sides]
            cell = (-1 - offset if offset < 0 else offset) * 9 + 3 * (sides[0] + 1) + sides[1] + 1
            context = int(model.levels.cells[level, cell])
            escape, plain = int(model.escapes[context]), int(model.levels.low_bits[context])
            error = words.take(12, [int(frequency) for frequency in model.frequencies[context]]) - escape
            if abs(error) == escape:
                length = words.take(5)
                rest = 1 << length
                if length > 12:
                    rest += words.take(length - 12) << 12
                rest += words.take(min(length, 12))
                error += rest - 1 if error > 0 else 1 - rest
            error = (error << plain) + (words.take(plain) if plain else 0)
            sample = rounded - error if offset < 0 else rounded + error
            assert 0 <= sample <= maximum
            own.samples[y].append(sample)
            own.errors[y].append(log_error_of(abs(fine - 8 * sample)))
    assert words.states == [1 << 15, 1 << 15]
    return own
