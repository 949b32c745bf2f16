"""Spec shape: soft compression, whose codebook holds patterns of residuals; and the neutral models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..codebook import Section
from ..coding_tools import (
    UNTRAINED,
    Area,
    Decisions,
    Range,
    check_sample,
    from_zigzag,
    med,
)
from ..limits import MAX_SHAPE_SAMPLES
from ..notation import clamp, require

# Spec shape/parameters


@dataclass
class ShapePlane:
    """Parameters of a plane."""

    shapes: list[tuple[int, int, list[int]]] = field(default_factory=list)
    split: int = 0
    references: int = 0
    weights: list[int] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Half octaves of residuals that a level of the detail layer is."""
        return 1 if self.split < 8 else 2

    @property
    def levels(self) -> int:
        """Levels above the first."""
        return (2 * self.split + 2) // self.step


# Spec shape/prediction


def is_binary(bounds: Range) -> bool:
    """Whether samples are not predicted."""
    return bounds[1] - bounds[0] == 1


def undo_med(zigzags: list[int], width: int, bounds: Range) -> list[int]:
    """The samples of one image."""
    low, high = bounds
    out: list[int] = []
    for index, zigzag in enumerate(zigzags):
        y, x = divmod(index, width)
        if y == 0:
            predicted = out[index - 1] if x else 0
        elif x == 0:
            predicted = out[index - width]
        else:
            predicted = med(out[index - 1], out[index - width], out[index - width - 1])
        out.append(check_sample(clamp(predicted, low, high) + from_zigzag(zigzag), low, high))
    return out


# Spec shape/adaptive-prediction

TAPS = (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-2, 1), (-1, 2), (-1, -2), (-2, -1), (0, -3), (-3, 0)
BEFORE = (0, 0), (0, 1), (1, 0), (0, -1)
WEIGHTS = len(TAPS) + 2 * len(BEFORE)


class Neighbours:
    """The samples of one image that are known, and what stands for those beyond its borders."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.samples: dict[tuple[int, int], int] = {}

    def at(self, y: int, x: int) -> int:
        """The sample at (y, x)."""
        if not self.samples:
            return 0
        if y < 0:
            known = min(len(self.samples), self.width) - 1
            return self.samples[0, clamp(x - 1, 0, known)]
        return self.samples[max(y - 1, 0) if x < 0 else y, clamp(x, 0, self.width - 1)]


def undo_adaptive(zigzags: list[int], area: Area, bounds: Range, before: list[list[int]]) -> list[int]:
    """The samples of a plane; ``before``: the errors of planes before, the nearest first."""
    low, high = bounds
    out: list[int] = []
    weights = [0] * WEIGHTS
    for index, zigzag in enumerate(zigzags):
        y, x = divmod(index, area.width)
        row, last = y % area.image_rows, min(y - y % area.image_rows + area.image_rows, area.rows) - 1
        if row == 0 and x == 0:
            near = Neighbours(area.width)
        around = [near.at(row + dy, x + dx) for dy, dx in TAPS]
        guess = (2 * (around[0] + around[1]) + around[3] - around[2] + 2) >> 2
        taps = [one - guess for one in around]
        for errors in before[:2]:
            places = ((min(y + dy, last), clamp(x + dx, 0, area.width - 1)) for dy, dx in BEFORE)
            taps += [errors[row * area.width + column] for row, column in places]
        wide = guess * 65536 + sum(weight * tap for weight, tap in zip(weights, taps, strict=False))
        wide = clamp(wide, low * 65536, high * 65536)
        out.append(check_sample(((wide + 32768) >> 16) + from_zigzag(zigzag), low, high))
        near.samples[row, x] = out[-1]
        size = (1 + sum(tap * tap for tap in taps)).bit_length()
        limit = 1 << (12 + (size + 1) // 2)
        step = clamp(out[-1] * 65536 - wide, -limit, limit)
        for i, tap in enumerate(taps):
            weights[i] = clamp(weights[i] + (step * tap >> (size + 4)), -(1 << 22), 1 << 22)
    return out


def undo_prediction(zigzags: list[int], area: Area, bounds: Range) -> list[int]:
    """The samples of a plane from its zigzag values, image by image."""
    low, high = bounds
    if is_binary(bounds):
        return [check_sample(low + zigzag, low, high) for zigzag in zigzags]
    size = area.image_rows * area.width
    return [one for start in area.image_starts for one in undo_med(zigzags[start : start + size], area.width, bounds)]


# Spec shape/numbers

KINDS, LONGEST = 12, 32


def read_numbers(decisions: Decisions, count: int, above: Callable[[int], int] = lambda i: -1) -> list[int]:
    """Numbers from 0 up; above(i) is the index of the number above number i, or less than 0."""
    models = [[UNTRAINED] * (2 * LONGEST) for _ in range(KINDS)]
    out: list[int] = []
    for i in range(count):
        index = above(i)
        kind = min(KINDS - 1, out[index].bit_length()) if index >= 0 else 0
        out.append(decisions.size(models[kind], 0, LONGEST) - 1)
    return out


# Spec shape/section

MAX_SAMPLE = (1 << 18) - 1
MAX_SIDE = 28
MAX_SPLIT = 11
MAX_COUNT = (1 << 31) - 1


def read_head(decisions: Decisions, *bounds: tuple[int, int]) -> list[int]:
    """A number within each of these bounds."""
    numbers = read_numbers(decisions, len(bounds))
    for number, (least, most) in zip(numbers, bounds, strict=True):
        require(least <= number <= most, "parameter out of range")
    return numbers


def read_shapes(decisions: Decisions, count: int) -> list[tuple[int, int, list[int]]]:
    """Height, width and samples of each shape; how often they were placed is passed over."""
    sizes = read_numbers(decisions, 2 * count, lambda i: i - 2)
    require(all(1 <= size <= MAX_SIDE for size in sizes), "shape size out of range")
    heights, widths = sizes[::2], sizes[1::2]
    above: list[int] = []
    for height, width in zip(heights, widths, strict=True):
        require(height * width >= 2, "shape of one sample")
        above += [-1] * width + list(range(len(above), len(above) + (height - 1) * width))
        require(len(above) <= MAX_SHAPE_SAMPLES, "too many shapes for this decoder")
    samples = read_numbers(decisions, len(above), above.__getitem__)
    require(max(samples, default=0) <= MAX_SAMPLE, "sample of a shape out of range")
    shapes: list[tuple[int, int, list[int]]] = []
    at = 0
    for height, width in zip(heights, widths, strict=True):
        shapes.append((height, width, samples[at : at + height * width]))
        at += height * width
    counts = read_numbers(decisions, 1 + count, lambda i: i - 1)
    require(max(counts) <= MAX_COUNT, "count of a shape out of range")
    return shapes


def read_shape_section(data: bytes, planes_before: int) -> ShapePlane:
    """Section of kind 0, all of whose numbers must obey Spec shape/parameters."""
    decisions = Decisions(data)
    shapes, _, split, references = read_head(decisions, (0, 65536), (0, 65536), (0, MAX_SPLIT), (0, 2))
    require(references <= (planes_before if split else 0), "references out of range")
    plane = ShapePlane(read_shapes(decisions, shapes), split, references)
    if split:
        taps = len(OWN_TAPS) + len(REFERENCE_TAPS) * references
        plane.weights = [from_zigzag(value) for value in read_numbers(decisions, taps, lambda i: i - 1)]
        require(all(abs(weight) <= 1024 for weight in plane.weights), "weight out of range")
    return plane


def read_shape_model(sections: list[Section], transform_planes: int) -> list[ShapePlane]:
    """Parameters of all planes of a model of coder 1."""
    require(len(sections) == transform_planes, "number of sections is not that of planes")
    require(all(section.kind == 0 for section in sections), "section of another kind")
    return [read_shape_section(section.data, plane) for plane, section in enumerate(sections)]


# Spec shape/stream


def decode_shape_plane(
    plane: ShapePlane, stream: bytes, bounds: Range, area: Area, references: list[list[int]]
) -> list[int]:
    """The zigzag values of a plane; `references`, nearest first, are zigzag values."""
    if not stream:
        return [0] * area.size
    decisions = Decisions(stream)
    (pairs,) = read_numbers(decisions, 1)
    require(pairs <= area.size, "too many pairs")
    distances, symbols = read_numbers(decisions, pairs), read_numbers(decisions, pairs)
    values = read_numbers(decisions, symbols.count(0))
    high = draw_shape_layer(plane, distances, symbols, values, bounds, area)
    zigzags = [value << plane.split for value in high]
    if plane.split:
        read_detail_layer(plane, decisions, high, zigzags, area, references)
    return zigzags


# Spec shape/shape-layer


def draw_shape_layer(
    plane: ShapePlane, distances: list[int], symbols: list[int], values: list[int], bounds: Range, area: Area
) -> list[int]:
    """The high parts of a plane."""
    high = [0] * area.size
    covered = bytearray(area.size)
    largest = (1 if is_binary(bounds) else 2 * (bounds[1] - bounds[0])) >> plane.split
    index = 0
    singles = iter(values)
    for distance, symbol in zip(distances, symbols, strict=True):
        while index < area.size and (covered[index] or distance > 0):
            distance -= not covered[index]
            index += 1
        require(index < area.size, "pair beyond the plane")
        y, x = divmod(index, area.width)
        require(symbol <= len(plane.shapes), "unknown shape")
        height, width, samples = plane.shapes[symbol - 1] if symbol else (1, 1, [next(singles) + 1])
        require(max(samples) <= largest, "value too large")
        require(y % area.image_rows + height <= area.image_rows, "shape leaves its image")
        require(x + width <= area.width, "shape leaves the plane")
        for i, value in enumerate(samples):
            target = (y + i // width) * area.width + x + i % width
            require(not covered[target], "shape covers a sample again")
            covered[target] = 1
            high[target] = value
    return high


# Spec shape/detail-layer


def magnitude(zigzag: int) -> int:
    """How large a zigzag value is, for contexts: in sixteenths of a doubling."""
    octave = (zigzag + 1).bit_length() - 1
    return 16 * octave + (16 * (zigzag + 1 - (1 << octave)) >> octave)


OWN_TAPS = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
REFERENCE_TAPS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))


def choose_table(plane: ShapePlane, zigzags: list[int], references: list[list[int]], area: Area, y: int, x: int) -> int:
    """The table of a sample without a high part, from the zigzag values around."""
    taps = [(zigzags, dy, dx) for dy, dx in OWN_TAPS]
    taps += [(reference, dy, dx) for reference in references[: plane.references] for dy, dx in REFERENCE_TAPS]
    activity = 0
    for weight, (source, dy, dx) in zip(plane.weights, taps, strict=True):
        if 0 <= y + dy < area.rows and 0 <= x + dx < area.width:
            activity += weight * magnitude(source[(y + dy) * area.width + x + dx])
    return max(0, min(plane.levels, (activity + 512 * plane.step) // (1024 * plane.step)))


LEAST_PROBABILITY = 20000


def falling_models(mean: int, split: int) -> list[int]:
    """The bit models of a table whose low parts fall off so that the mean is mean / 256, but for the least
    probability."""
    more = [65536 * mean // (mean + 256)]
    for _ in range(split - 1):
        more.append(more[-1] ** 2 >> 16)
    found = [more[0]] * (1 << split)
    for j in range(split - 1):
        found[1 << j] = more[j]
    for n in range(2, split + 1):
        for d in range(n - 1):
            probability = more[n - 2 - d]
            for node in range(1 << d, 2 << d):
                found[(1 << (n - 1)) + node] = 65536 * probability // (65536 + probability)
    return [(max(p, LEAST_PROBABILITY) << 16) + 6 for p in found]


def starts(split: int) -> list[list[int]]:
    """The bit models of all tables."""
    step = 1 if split < 8 else 2
    means = [((2 + i % 2) << (7 + i // 2)) - 256 for i in range(step, 2 * split + 2 + step, step)]
    return [falling_models(mean, split) for mean in [32, *means, 256 << split]]


def read_detail_layer(
    plane: ShapePlane,
    decisions: Decisions,
    high: list[int],
    zigzags: list[int],
    area: Area,
    nearest: list[list[int]],
) -> None:
    """Add the low parts of all samples to the zigzag values."""
    models = starts(plane.split)
    for index in range(area.size):
        number = plane.levels + 1
        if high[index] == 0:
            number = choose_table(plane, zigzags, nearest, area, *divmod(index, area.width))
        zigzags[index] += decisions.graded(models[number], plane.split)


def decode_shape(planes: list[ShapePlane], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 1."""
    zigzags: list[list[int]] = []
    out: list[list[int]] = []
    for plane, stream, bounds in zip(planes, streams, ranges, strict=True):
        zigzags.append(decode_shape_plane(plane, stream, bounds, area, zigzags[::-1]))
        out.append(undo_prediction(zigzags[-1], area, bounds))
    return out


# Spec shape/neutral-parameters


USUAL, ADAPTIVE, UNPREDICTED = range(3)


def neutral_parameters(first_byte: int) -> tuple[int, ShapePlane]:
    """The prediction and the parameters that follow from the first byte of a stream."""
    prediction, split = divmod(first_byte, MAX_SPLIT)
    require(prediction <= UNPREDICTED, "unknown neutral parameters")
    return prediction, ShapePlane(split=split + 1, weights=[40, 40, 16, 16, 8, 8])


def decode_neutral(streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of a neutral model."""
    out: list[list[int]] = []
    before: list[list[int]] = []
    for stream, bounds in zip(streams, ranges, strict=True):
        prediction, plane = neutral_parameters(stream[0] if stream else 0)
        zigzags = decode_shape_plane(plane, stream[1:], bounds, area, [])
        is_plain = prediction == UNPREDICTED or (prediction == USUAL and is_binary(bounds))
        if is_plain:
            out.append([check_sample(bounds[0] + zigzag, *bounds) for zigzag in zigzags])
        elif prediction == ADAPTIVE:
            out.append(undo_adaptive(zigzags, area, bounds, before))
        else:
            out.append(undo_prediction(zigzags, area, bounds))
        before.insert(0, zigzags if is_plain else [from_zigzag(zigzag) for zigzag in zigzags])
    return out
