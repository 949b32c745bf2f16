"""Spec shape: soft compression, whose codebook holds patterns of residuals; and the neutral models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from ..codebook import Section
from ..coding_tools import (
    SLOT_CODE,
    UNTRAINED,
    Area,
    Decisions,
    Range,
    check_sample,
    from_zigzag,
    med,
    read_context,
)
from ..limits import MAX_SHAPE_SAMPLES
from ..notation import clamp, require

# Spec shape/parameters


@dataclass
class ShapePlane:
    """Parameters of a plane."""

    mode: int
    shift: int
    shapes: list[tuple[int, int, list[int]]] = field(default_factory=list)
    split: int = 0
    logarithmic: int = 0
    references: int = 0
    thresholds: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    phases: int = 1
    near: int = 0
    far: int = 0
    models: Sequence[int] = ()
    """2**split of each table; not to be changed."""

    @property
    def classes(self) -> int:
        return 7 if self.far > 0 else 1

    @property
    def tables(self) -> int:
        return (len(self.thresholds) + 1) * self.classes * self.phases + 1


# Spec shape/prediction

MED, GAP, NO_PREDICTION = range(3)


def undo_med(zigzags: list[int], width: int, bounds: Range) -> list[int]:
    """The samples of one image, mode MED."""
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


EXPECTED_ERROR_STEPS = (5, 15, 25, 42, 60, 85, 140)
TEXTURES = 256
GAP_CONTEXTS = TEXTURES * (len(EXPECTED_ERROR_STEPS) + 1)


def gap_neighbours(out: list[int], width: int) -> tuple[int, int, int, int, int, int, int]:
    """W, WW, N, NW, NE, NN, NNE of the next sample; what lies beyond a border is the nearest one inside."""
    index = len(out)
    y, x = divmod(index, width)
    if y == 0:
        w = out[index - 1] if x > 0 else 0
        return w, (out[index - 2] if x > 1 else w), w, w, w, w, w
    n = out[index - width]
    w = out[index - 1] if x > 0 else n
    ww = out[index - 2] if x > 1 else w
    nw = out[index - width - 1] if x > 0 else n
    ne = out[index - width + 1] if x + 1 < width else n
    nn = out[index - 2 * width] if y > 1 else n
    nne = out[index - 2 * width + 1] if y > 1 and x + 1 < width else ne
    return w, ww, n, nw, ne, nn, nne


def undo_gap(zigzags: list[int], width: int, bounds: Range, shift: int) -> list[int]:
    """The samples of one image, mode GAP: the prediction of CALIC in sixteenths, and its mean error by context."""
    low, high = bounds
    out: list[int] = []
    sums, counts = [0] * GAP_CONTEXTS, [0] * GAP_CONTEXTS
    last = 0
    for index, zigzag in enumerate(zigzags):
        if index % width == 0:
            last = 0
        w, ww, n, nw, ne, nn, nne = gap_neighbours(out, width)
        across = abs(w - ww) + abs(n - nw) + abs(n - ne)
        down = abs(w - nw) + abs(n - nn) + abs(ne - nne)
        slope = (down - across) >> shift
        predicted = 8 * (w + n) + 4 * (ne - nw)
        side = 16 * w if slope > 0 else 16 * n
        if abs(slope) > 80:
            predicted = side
        elif abs(slope) > 32:
            predicted = (predicted + side) >> 1
        elif abs(slope) > 8:
            predicted = (3 * predicted + side) >> 2
        compared = (n, w, nw, ne, nn, ww, 2 * n - nn, 2 * w - ww)
        texture = sum((16 * value < predicted) << k for k, value in enumerate(compared))
        expected_error = (across + down + 2 * abs(last)) >> shift
        context = TEXTURES * sum(step < expected_error for step in EXPECTED_ERROR_STEPS) + texture
        corrected = predicted + 16 * sums[context] // counts[context] if counts[context] > 0 else predicted
        sample = check_sample(clamp((corrected + 8) >> 4, low, high) + from_zigzag(zigzag), low, high)
        out.append(sample)
        last = sample - ((predicted + 8) >> 4)
        sums[context] += last
        counts[context] += 1
        if counts[context] >= 128:
            counts[context] >>= 1
            sums[context] >>= 1
    return out


def undo_prediction(zigzags: list[int], area: Area, bounds: Range, mode: int, shift: int) -> list[int]:
    """The samples of a plane from its zigzag values, image by image."""
    low, high = bounds
    out: list[int] = []
    for start in area.image_starts:
        part = zigzags[start : start + area.image_rows * area.width]
        if mode == MED:
            out += undo_med(part, area.width, bounds)
        elif mode == GAP:
            out += undo_gap(part, area.width, bounds, shift)
        else:
            out += [check_sample(low + zigzag, low, high) for zigzag in part]
    return out


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

MAX_PARAMETER = (1 << 18) - 1
"""Of samples of shapes, and of the bounds of classes."""
MAX_SIDE = 28
MAX_MODELS = 1 << 18
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
    require(max(samples, default=0) <= MAX_PARAMETER, "sample of a shape out of range")
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
    mode, shift, shapes, _, split = read_head(decisions, (0, 2), (0, 8), (0, 65536), (0, 65536), (0, 12))
    plane = ShapePlane(mode, shift, split=split)
    thresholds = 0
    if split:
        bounds = (0, 1), (0, min(2, planes_before)), (0, 63), (1, 8), (0, MAX_PARAMETER), (0, MAX_PARAMETER)
        numbers = read_head(decisions, *bounds)
        plane.logarithmic, plane.references, thresholds, plane.phases, plane.near, plane.far = numbers
        require(plane.near <= plane.far and (plane.far == 0 or plane.references > 0), "classes out of range")
    plane.shapes = read_shapes(decisions, shapes)
    if split:
        read_detail_parameters(decisions, plane, thresholds)
    return plane


def read_detail_parameters(decisions: Decisions, plane: ShapePlane, thresholds: int) -> None:
    """Weights, thresholds and bit models of the detail layer."""
    taps = len(OWN_TAPS) + len(REFERENCE_TAPS) * plane.references
    values = read_numbers(decisions, taps + thresholds, lambda i: i - 1)
    plane.weights = [from_zigzag(value) for value in values[:taps]]
    require(all(abs(weight) <= 1024 for weight in plane.weights), "weight out of range")
    for i, value in enumerate(values[taps:]):
        plane.thresholds.append(plane.thresholds[-1] + value if i else from_zigzag(value))
        require(abs(plane.thresholds[-1]) < 1 << 30, "threshold out of range")
    require(plane.tables << plane.split <= MAX_MODELS, "too many tables")
    plane.models = read_context(decisions, plane.tables << plane.split, SLOT_CODE)


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
    largest = (bounds[1] - bounds[0]) * (1 if plane.mode == 2 else 2) >> plane.split
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


def magnitude(zigzag: int, logarithmic: int) -> int:
    """How large a zigzag value is, for contexts: as it is, or in sixteenths of a doubling."""
    if not logarithmic:
        return min(zigzag, 4095)
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
            activity += weight * magnitude(source[(y + dy) * area.width + x + dx], plane.logarithmic)
    level = sum(threshold <= activity for threshold in plane.thresholds)
    kind = 0
    if plane.classes > 1:
        value = references[0][y * area.width + x]
        kind = 1 + value % 2 + 2 * (value > plane.near) + 2 * (value > plane.far) if value else 0
    return (level * plane.classes + kind) * plane.phases + x % plane.phases


def read_detail_layer(
    plane: ShapePlane,
    decisions: Decisions,
    high: list[int],
    zigzags: list[int],
    area: Area,
    nearest: list[list[int]],
) -> None:
    """Add the low parts of all samples to the zigzag values."""
    models: dict[int, list[int]] = {}
    for index in range(area.size):
        number = plane.tables - 1
        if high[index] == 0:
            number = choose_table(plane, zigzags, nearest, area, *divmod(index, area.width))
        if number not in models:
            models[number] = list(plane.models[number << plane.split : (number + 1) << plane.split])
        zigzags[index] += decisions.graded(models[number], plane.split)


def decode_shape(planes: list[ShapePlane], streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of coder 1."""
    zigzags: list[list[int]] = []
    out: list[list[int]] = []
    for plane, stream, bounds in zip(planes, streams, ranges, strict=True):
        zigzags.append(decode_shape_plane(plane, stream, bounds, area, zigzags[::-1]))
        out.append(undo_prediction(zigzags[-1], area, bounds, plane.mode, plane.shift))
    return out


# Spec shape/neutral-parameters

SPLITS = 11
"""Values of `split`, 1 to 11, of each of the 11 variants: MED, GAP of nine shifts, none."""
VARIANTS = 11


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
    grid = [SLOT_CODE.model(c, 1) >> 16 for c in range(32)]
    middles = [low + high for low, high in pairwise(grid)]
    nearest = [sum(middle <= 2 * max(p, LEAST_PROBABILITY) for middle in middles) for p in found]
    return [SLOT_CODE.model(c, 1) for c in nearest]


@cache
def neutral_parameters(first_byte: int) -> ShapePlane:
    """The parameters that follow from the first byte of a stream."""
    variant, split = first_byte // SPLITS, first_byte % SPLITS + 1
    mode = MED if variant == 0 else NO_PREDICTION if variant == VARIANTS - 1 else GAP
    step = 1 if split < 8 else 2
    plane = ShapePlane(
        mode, variant - 1 if mode == GAP else 0, split=split, logarithmic=1,
        thresholds=[1024 * i + 512 * step for i in range(0, 2 * split + 2, step)],
        weights=[40, 40, 16, 16, 8, 8],
    )  # fmt: skip
    means = [32]
    means += [((2 + i % 2) << (7 + i // 2)) - 256 for i in range(step, 2 * split + 2 + step, step)]
    plane.models = [model for mean in [*means, 256 << split] for model in falling_models(mean, split)]
    return plane


def decode_neutral(streams: list[bytes], ranges: list[Range], area: Area) -> list[list[int]]:
    """All planes of a neutral model."""
    out = []
    for stream, bounds in zip(streams, ranges, strict=True):
        first_byte = stream[0] if stream else 0
        require(first_byte < VARIANTS * SPLITS, "unknown neutral parameters")
        plane = neutral_parameters(first_byte)
        zigzags = decode_shape_plane(plane, stream[1:], bounds, area, [])
        out.append(undo_prediction(zigzags, area, bounds, plane.mode, plane.shift))
    return out
