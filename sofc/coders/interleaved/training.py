"""Training the interleaved coder: predictors, expected errors, levels, contexts, distributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sofc.coders.interleaved import kernel
from sofc.coders.interleaved.coder import InterleavedCoder
from sofc.coders.interleaved.distributions import CONTEXT_BITS, frequencies_of, split
from sofc.coders.interleaved.kernel_tokens import ESCAPE, ESCAPE_BITS, SCALE_BITS
from sofc.coders.interleaved.model import SCALE, TOKENS, PlaneModel, Prediction, taps
from sofc.coders.interleaved.passes import (
    EQUATIONS,
    ERRORS,
    EXPECTED_EDGES,
    Activities,
    Equations,
    Errors,
    ExpectedErrors,
    Refine,
    Survey,
    blank_prediction,
)
from sofc.coders.interleaved.section import ERROR_WEIGHT_LIMIT, PLAN, WEIGHT_LIMIT, pack_plan
from sofc.coders.partition import ideal_bits
from sofc.coders.training import DEFAULT, CoroutineTraining, Pass, Passes, Task, TrainingSettings, added, sampled
from sofc.container.records import Section
from sofc.planes import Plane, PlaneRange
from sofc.prediction.least_squares import solve

EFFORT = 1
LEVELS = 12
CONTEXTS = 28
"""Contexts of a plane: their tables stay in the first-level cache."""
SAMPLES = 1 << 22
"""Samples of one plane that the images have at most of which each pass goes through pieces."""
ACTIVE_SHARE = 0.7
"""Share of the samples whose activity is low."""
PRIOR = 1e-5
COST = {kernel.ONE: 0.0, kernel.TEXTURE: 0.04, kernel.GRID: 0.01}
CLASS_COST, REFERENCE_COST, PLACED_ERRORS_COST = 0.012, 0.01, 0.008
"""Bits a sample that a class map, each class of the texture map after the first, a reference, and weights of errors by
place must gain to be worth the time they take."""
EVERY_CLASS, LOW_JOINED = (0, 1, 2, 3, 4, 5), (0, 0, 0, 3, 4, 5)
"""Of each class of the texture map the one whose weights it has: where activity is low, maybe one for all directions.
Tomography takes as much with four as with six, Kodak's luminance 0.7 % more."""
ERROR_WEIGHT_SUM = 64
SMOOTHING = 4.0
"""How many samples of the plane's distribution are added to each context's."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class InterleavedTraining(CoroutineTraining):
    """Trains one model for each plane of the given ranges."""

    def __init__(self, ranges: Sequence[PlaneRange], settings: TrainingSettings = DEFAULT) -> None:
        self._ranges = tuple(ranges)
        self._references = tuple((number - 1, number - 2)[: min(number, 2)] for number in range(len(ranges)))
        self._models: list[PlaneModel] = []
        self._costs: list[float] = []
        super().__init__()

    def run(self) -> Passes[None]:
        """Activities, equations, errors; equations once more; expected errors, a survey: each over a sample."""
        ranges = self._ranges

        def over(task: Task) -> Pass:
            return sampled(task, SAMPLES)

        histograms = added((yield over(Activities(ranges, self._references))))
        share = np.cumsum(histograms, axis=2) / np.maximum(1, histograms.sum(axis=2, keepdims=True))
        thresholds = (share < ACTIVE_SHARE).sum(axis=2)
        equations = added((yield over(Equations(ranges, self._references, thresholds))))
        kinds = tuple(self._kinds(*each) for each in zip(range(len(ranges)), thresholds, equations, strict=True))
        counts = added((yield over(Errors(ranges, kinds))))
        chosen = tuple(map(_choose, kinds, counts))
        refined = added((yield over(Refine(ranges, chosen))))
        chosen = tuple(_refined(one, sums) for one, sums in zip(chosen, refined, strict=True))
        sums = added((yield over(ExpectedErrors(ranges, chosen))))
        chosen = tuple(
            _with_errors(one, fit_error_weights(total.sum(axis=0))[None])
            for one, total in zip(chosen, sums, strict=True)
        )
        ways = [chosen]
        if any(one.class_map == kernel.GRID for one in chosen):
            ways.append(tuple(map(_by_place, chosen, sums)))
        surveyed = added((yield over(Survey(ranges, tuple(ways)))))
        planes = zip(*ways, strict=True), surveyed.swapaxes(0, 1)
        # Of an image, as a pass has to have some, which nothing is asked of.
        found = yield Pass(tuple(ChooseContexts(*plane) for plane in zip(*planes, strict=True)), 1)
        self._models, self._costs = (list(each) for each in zip(*found, strict=True))

    def _kinds(self, number: int, thresholds: Integers, equations: Floats) -> tuple[Prediction, ...]:
        """The predictions to choose from, plain ones first."""
        grid, own, following = np.split(equations, np.cumsum(EQUATIONS)[:-1])
        every = grid.sum(axis=0, keepdims=True)
        result = []
        for count in range(len(self._references[number]) + 1):
            references = self._references[number][:count]
            threshold = int(thresholds[min(count, 1)])
            texture = following if count else own
            for class_map, sums in (
                (kernel.ONE, every),
                (kernel.TEXTURE, _joined(texture, LOW_JOINED)),
                (kernel.TEXTURE, texture),
                (kernel.GRID, grid),
            ):
                blank = blank_prediction(self._ranges[number], class_map, references, threshold)
                result.append(_fitted(blank, sums))
        return tuple(result)

    def sections(self) -> list[Section]:
        """One for each plane."""
        return [Section(InterleavedCoder.id, PLAN, pack_plan(model)) for model in self._models]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """One model, of all planes."""
        return [(EFFORT, tuple(range(len(self._models))))]

    def cost(self) -> float | None:
        """Bits of the training images, after the last pass."""
        return sum(self._costs) if self._costs else None

    def report(self) -> list[str]:
        """What was chosen, and bytes of the training images."""
        names = ("one class", "texture", "grid")
        chosen = [f"{names[one.prediction.class_map]} {one.prediction.references}" for one in self._models]
        sizes = ", ".join(str(int(cost / 8)) for cost in self._costs)
        return [f"predictors: {'; '.join(chosen)}", f"bytes of the planes of the training images: {sizes}"]


def _bases(references: int) -> Integers:
    """For ``solve``: own taps are taken less N, those of references less P or Q, the sample less N."""
    numbers = taps(references)
    groups = [kernel.N if k < kernel.P else kernel.P if k < kernel.Q else kernel.Q for k in numbers[:-1]]
    return np.array([*(numbers.index(base) for base in groups), -1, numbers.index(kernel.N)], np.int64)


def _fitted(prediction: Prediction, equations: Floats) -> Prediction:
    """With least-squares weights; ``equations`` (classes, TAPS + 1, TAPS + 1) of all taps."""
    used = [*taps(len(prediction.references)), kernel.TAPS]
    bits = prediction.fraction
    weights = solve(equations[:, used][:, :, used], _bases(len(prediction.references)), PRIOR, bits)
    weights[:, -1] *= kernel.CONSTANT_VALUE
    return replace(prediction, weights=np.clip(weights, -WEIGHT_LIMIT, WEIGHT_LIMIT))


def _joined(equations: Floats, shared: Sequence[int]) -> Floats:
    """Equations of classes (classes, ...), each with the sum of those that have the weights of the same class."""
    wanted = np.array(shared)
    return np.stack([equations[wanted == number].sum(axis=0) for number in shared])


def _refined(prediction: Prediction, equations: Floats) -> Prediction:
    """With weights anew, of the texture map the same ones where they were."""
    if prediction.class_map == kernel.TEXTURE:
        equations = _joined(equations, _shared(prediction))
    return _fitted(prediction, equations)


def _shared(prediction: Prediction) -> tuple[int, ...]:
    """Which classes of the texture map share weights."""
    return EVERY_CLASS if (prediction.weights[1] != prediction.weights[0]).any() else LOW_JOINED


def _cost(prediction: Prediction) -> float:
    """Bits a sample that a prediction must gain."""
    cost = COST[prediction.class_map] + REFERENCE_COST * len(prediction.references)
    if prediction.class_map == kernel.TEXTURE:
        cost += CLASS_COST * (len(set(_shared(prediction))) - 1)
    return cost


LOG_ERRORS = np.log2(np.arange(ERRORS) + 2.0)


def _choose(kinds: Sequence[Prediction], counts: Integers) -> Prediction:
    """The prediction under which errors cost least, with their scale."""
    samples = max(1, int(counts[0].sum()))
    costs = [float(row @ LOG_ERRORS[: len(row)]) / samples + _cost(one) for one, row in zip(kinds, counts, strict=True)]
    # One that has more weights than it saw samples fits these as well as any.
    fitting = [k for k, one in enumerate(kinds) if k == 0 or 16 * one.weights.size < samples]
    best = min(fitting, key=costs.__getitem__)
    return replace(kinds[best], error_shift=_error_shift(counts[best]))


def _error_shift(counts: Integers) -> int:
    """Under which one error in 200 is too large to be counted."""
    share = np.cumsum(counts) / max(1, counts.sum())
    largest = int((share < 0.995).sum())
    return max(0, largest.bit_length() - 8)


def fit_error_weights(equations: Integers) -> Integers:
    """Weights (ERRORS,) of the errors around, none negative, that add up to about ERROR_WEIGHT_SUM."""
    weights = _fit_errors(equations)
    if weights.sum() <= 0:
        weights[:3] = 2, 1, 1
    result: Integers = np.rint(weights * (ERROR_WEIGHT_SUM / weights.sum())).astype(np.int64)
    assert result.sum() <= ERROR_WEIGHT_LIMIT
    return result


def fit_placed_error_weights(equations: Integers) -> Integers:
    """The same for each of several places (places, ERRORS): they are on one scale."""
    weights = np.stack([_fit_errors(one) for one in equations])
    every = _fit_errors(equations.sum(axis=0)).sum()
    scaled = np.rint(weights * (ERROR_WEIGHT_SUM / every if every > 0 else 0)).astype(np.int64)
    sums = np.maximum(scaled.sum(axis=1, keepdims=True), ERROR_WEIGHT_LIMIT)
    result: Integers = scaled * ERROR_WEIGHT_LIMIT // sums
    return result


def _fit_errors(equations: Integers) -> Floats:
    """Least-squares weights, none negative, of the errors around (ERRORS,)."""
    size = len(equations) - 1
    used = [k for k in range(size) if equations[k, k] > 0]
    weights = np.zeros(size)
    while used:
        matrix = equations[np.ix_(used, used)].astype(np.float64)
        found = np.linalg.solve(
            matrix + np.eye(len(used)) * (1 + 1e-4 * matrix.trace() / len(used)), equations[used, size]
        )
        if found.min() >= 0:
            weights[used] = found
            break
        used = [k for k, weight in zip(used, found, strict=True) if weight > 0]
    return weights


def _with_errors(prediction: Prediction, error_weights: Integers) -> Prediction:
    """With weights of errors (1 or places, ERRORS), of which it needs those of its own terms."""
    return replace(prediction, error_weights=error_weights[:, : prediction.error_weights.shape[1]])


def _by_place(prediction: Prediction, equations: Integers) -> Prediction:
    """Under the grid map, with weights of errors for each place in it."""
    if prediction.class_map != kernel.GRID:
        return prediction
    return _with_errors(prediction, fit_placed_error_weights(equations))


@dataclass(frozen=True)
class ChooseContexts:
    """The contexts of a plane, of each of the ``ways`` to predict it that were surveyed, and which way serves best.

    ``histograms`` (ways, BINS, FRACTIONS, TOKENS): what was counted of each.
    """

    ways: tuple[Prediction, ...]
    histograms: Integers

    def collect(self, _: Iterator[list[Plane]]) -> tuple[PlaneModel, float]:
        """The model, and the bits that it takes: a way other than the first must gain what it is slower by."""
        found, *others = map(choose_contexts, self.ways, self.histograms)
        worth = PLACED_ERRORS_COST * self.histograms[0].sum()
        for other in others:
            found = other if other[1] + worth < found[1] else found
        return found


def choose_contexts(prediction: Prediction, histogram: Integers) -> tuple[PlaneModel, float]:
    """The model, and the bits that it takes to code what was counted: (BINS, FRACTIONS, TOKENS)."""
    first, counts = histogram[0], histogram[1:].astype(np.float64)
    starts = split(counts, LEVELS)
    by_level = np.add.reduceat(counts, starts, axis=0)
    cells, joined = _join(by_level.reshape(-1, TOKENS))
    every = histogram.sum(axis=(0, 1)) + 0.01
    smooth = joined + SMOOTHING * every / every.sum()
    frequencies = np.stack([_frequencies(row) for row in smooth])
    bits = _token_bits(frequencies)
    cells = cells.reshape(-1, kernel.FRACTIONS)
    start_costs = [float((first * bits[row]).sum()) for row in cells]
    start = int(np.argmin(start_costs))
    plain = PLAIN_BITS * histogram.sum(axis=(0, 1))
    cost = float((joined * bits).sum()) + start_costs[start] + float(plain.sum())
    return PlaneModel(prediction, EXPECTED_EDGES[np.array(starts[1:], np.int64) - 1], start, cells, frequencies), cost


PLAIN_BITS = np.array([0] * 31 + [2 + k // 2 for k in range(32)] + [ESCAPE_BITS])


def _join(counts: Floats) -> tuple[Integers, Floats]:
    """Join cells (cells, TOKENS) of like distributions, two at a time, until there are CONTEXTS: the context of each
    cell, and the contexts' counts."""
    groups = [[k] for k in range(len(counts))]
    sums, bits = counts.copy(), ideal_bits(counts)

    def losses_of(a: int, others: Sequence[int]) -> dict[tuple[int, int], float]:
        joined = ideal_bits(sums[a] + sums[others]) - bits[a] - bits[others]
        return {(max(a, b), min(a, b)): float(loss) for b, loss in zip(others, joined, strict=True)}

    losses: dict[tuple[int, int], float] = {}
    for a in range(len(sums)):
        losses |= losses_of(a, range(a))
    alive = set(range(len(sums)))
    while losses and (len(alive) > CONTEXTS or min(losses.values()) < CONTEXT_BITS):
        a, b = min(losses, key=lambda pair: (losses[pair], pair))
        groups[b] += groups[a]
        sums[b] += sums[a]
        bits[b] = ideal_bits(sums[b])
        alive.remove(a)
        losses = {pair: value for pair, value in losses.items() if a not in pair and b not in pair}
        losses |= losses_of(b, sorted(alive - {b}))
    cells = np.zeros(len(counts), np.int64)
    kept = sorted(alive)
    for number, k in enumerate(kept):
        cells[groups[k]] = number
    return cells, sums[kept]


LEAST_SHARE = 1 / 16
"""Of a state, that a token must have to be given one: an escape is some 20 bits longer, and a state fewer makes all
others longer by 1.44 / SCALE bits."""


def _frequencies(counts: Floats) -> Integers:
    """Frequencies that add up to SCALE; 0 for tokens so rare that escapes, at least one, stand in for them."""
    share = counts / counts.sum() * SCALE
    kept = share >= LEAST_SHARE
    kept[ESCAPE] = False
    share[ESCAPE] = max(1.0, share[~kept].sum())
    kept[ESCAPE] = True
    share = np.where(kept, share, 0)
    return frequencies_of(share * (SCALE / share.sum()), SCALE)


def _token_bits(frequencies: Integers) -> Floats:
    """Bits of each token (contexts, TOKENS), of an escape for those without a frequency."""
    bits = SCALE_BITS - np.log2(np.maximum(frequencies, 1))
    escape = bits[:, ESCAPE:] + ESCAPE_BITS
    result: Floats = np.where(frequencies > 0, bits, escape)
    return result
