"""Training of the shape coder: the order of its passes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from sofc.coders.shape import mining, survey
from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.counts import COUNTS, PARAMETERS, build_counts
from sofc.coders.shape.kernel_predict import NONE
from sofc.coders.shape.parameters import ContextModel, DetailModel, PlaneParameters, ShapeModel, ShapeSet
from sofc.coders.shape.section import MAX_WORTH, build_section
from sofc.coders.training import CoderTraining, Pass, Task
from sofc.container.records import Section
from sofc.planes import PlaneRange

Passes = Generator[Task, Iterator[Any], None]

SHARES = (16.0, 4.0, 2.0, 1.5, 1.2, 1.0)
"""How many times more shapes than are kept at last take part in the first iterations."""

MAX_ITERATIONS = 10
LEAST_GAIN = 0.001

MODE_NAMES = ("MED", "GAP", "none")


def sum_nested(first: Any, second: Any) -> Any:
    """Sums of statistics of two shards: lists and tuples by their items."""
    if isinstance(first, list | tuple):
        return [sum_nested(one, other) for one, other in zip(first, second, strict=True)]
    return first + second


class ShapeTraining(CoderTraining):
    """Trains one section for each plane in ``ranges``.

    ``min_images``: shapes of several samples must be in at least that many images. ``iterations``: at most so many
    passes of encoding and re-weighing (0: one pass as published); None: while they gain. ``max_window``: rows and
    columns of the largest shape, by default 4 x 4, for binary planes 28 x 28. ``max_shapes``: shapes kept a plane.
    ``split``: bits of the detail layer; None: those that cost least. ``contexts`` False: one table for all tuples,
    as published.
    """

    def __init__(
        self,
        ranges: list[PlaneRange],
        *,
        min_images: int = 1,
        iterations: int | None = None,
        max_window: tuple[int, int] | None = None,
        max_shapes: int = 3000,
        split: int | None = None,
        contexts: bool = True,
    ) -> None:
        self._ranges = list(ranges)
        self._min_images = min_images
        self._iterations = iterations
        binary = [span.high - span.low == 1 for span in ranges]
        self._windows = [max_window or ((28, 28) if flat else (4, 4)) for flat in binary]
        self._max_shapes = max_shapes
        self._split = split
        self._contexts = contexts
        self._lines: list[str] = []
        self._parameters: list[PlaneParameters] = []
        self._counts: list[npt.NDArray[np.int64]] = []
        self._passes = self._run()
        self._task: Task | None = next(self._passes)

    def next_pass(self) -> Pass | None:
        """The next pass, None when training is done."""
        return None if self._task is None else Pass((self._task,))

    def merge(self, statistics: Iterator[Any]) -> None:
        """Take in the statistics of all shards, in shard order."""
        try:
            self._task = self._passes.send(statistics)
        except StopIteration:
            self._task = None

    def sections(self) -> list[Section]:
        """Two sections a plane: its parameters, then for people how often its shapes were placed."""
        return [
            section
            for parameters, counts in zip(self._parameters, self._counts, strict=True)
            for section in (
                Section(ShapeCoder.id, PARAMETERS, build_section(parameters)),
                Section(ShapeCoder.id, COUNTS, build_counts(counts, parameters.shapes.code)),
            )
        ]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """One model, of no effort, which uses the parameters of each plane."""
        return [(0, tuple(range(0, 2 * len(self._parameters), 2)))]

    def report(self) -> list[str]:
        """Choices for each plane, and bytes after each iteration."""
        return list(self._lines)

    def _run(self) -> Passes:
        predictions = yield from self._predictions()
        details, detail_bits = yield from self._details(predictions)
        models = yield from self._shapes(predictions, details, detail_bits)
        self._parameters = [
            PlaneParameters(*prediction, model, detail)
            for prediction, model, detail in zip(predictions, models, details, strict=True)
        ]

    def _predictions(self) -> Generator[Task, Iterator[Any], list[survey.Prediction]]:
        if all(len(survey.candidate_predictions(span)) == 1 for span in self._ranges):
            return [survey.candidate_predictions(span)[0] for span in self._ranges]
        statistics = yield survey.PredictionTask(self._ranges)
        counts = reduce(sum_nested, statistics)
        return [survey.choose_prediction(span, count) for span, count in zip(self._ranges, counts, strict=True)]

    def _details(
        self, predictions: list[survey.Prediction]
    ) -> Generator[Task, Iterator[Any], tuple[list[DetailModel | None], float]]:
        """The detail layers, None for planes without prediction, and the bits of all."""
        chosen: list[DetailModel | None] = [None] * len(predictions)
        active = [number for number, prediction in enumerate(predictions) if prediction.mode != NONE]
        if not active:
            return chosen, 0.0
        equations = reduce(sum_nested, (yield survey.EquationTask(self._ranges, predictions)))
        contexts: list[list[ContextModel]] = [[] for _ in predictions]
        for number in active:
            near, far = survey.class_bounds(equations[number - 1][1].ravel()) if number else (0, 0)
            for logarithmic in (False, True):
                weights = survey.solve_weights(equations[number][0][logarithmic])
                contexts[number].append(ContextModel(logarithmic, weights, survey.cuts_of(logarithmic), near, far))
        counts = reduce(sum_nested, (yield survey.LevelTask(self._ranges, predictions, contexts)))
        candidates: list[list[DetailModel]] = [[] for _ in predictions]
        for number in active:
            choices = [
                survey.choose_contexts(fine, count, self._split, self._contexts)
                for fine, count in zip(contexts[number], counts[number], strict=True)
            ]
            candidates[number] = survey.candidate_details(min(choices, key=lambda choice: choice.cost), self._split)
        found = reduce(sum_nested, (yield survey.TupleTask(self._ranges, predictions, candidates)))
        promising = [
            survey.promising_details(details, counted) for details, counted in zip(candidates, found, strict=True)
        ]
        trained = [
            [
                [
                    survey.trained_detail(candidates[number][index], found[number][index][0], adaptation)
                    for adaptation in survey.candidate_adaptations(1 << candidates[number][index].bits)
                ]
                for index in indices
            ]
            for number, indices in enumerate(promising)
        ]
        measured = reduce(sum_nested, (yield survey.AdaptationTask(self._ranges, predictions, trained)))
        total = 0.0
        for number in active:
            costs = [
                float(bits.min()) + locations + survey.value_estimate(found[number][index][1])
                for index, (bits, locations) in zip(promising[number], measured[number], strict=True)
            ]
            best = int(np.argmin(costs))
            bits = measured[number][best][0]
            chosen[number] = detail = trained[number][best][int(np.argmin(bits))]
            total += float(bits.min())
            self._lines.append(_describe(number, predictions[number], detail, float(bits.min())))
        return chosen, total

    def _shapes(
        self, predictions: list[survey.Prediction], details: list[DetailModel | None], detail_bits: float
    ) -> Generator[Task, Iterator[Any], list[ShapeModel]]:
        splits = [detail.split if detail else 0 for detail in details]
        common = (self._ranges, predictions, splits, self._windows)
        statistics = yield mining.SearchTask(*common)
        found = [mining.NO_WINDOWS for _ in splits]
        values = [np.zeros(mining.MAX_SINGLES + 1, np.int64) for _ in splits]
        for shard in statistics:
            for number, (windows, counts) in enumerate(shard):
                found[number] = mining.merge_windows(found[number], windows).prune(mining.KEPT)
                values[number] += counts
        limit = self._max_shapes
        picks = [
            [mining.choose_windows(one, exponent, limit, self._min_images) for exponent in mining.EXPONENTS]
            for one in found
        ]
        wide = [
            [
                mining.choose_windows(one, exponent, int(SHARES[0] * limit), self._min_images)
                for exponent in mining.EXPONENTS
            ]
            for one in found
        ]
        wanted = [np.unique(np.concatenate(pick)) for pick in wide]
        keys = [one.keys[numbers] for one, numbers in zip(found, wanted, strict=True)]
        samples: list[dict[int, npt.NDArray[np.int32]]] = [{} for _ in splits]
        for shard in (yield mining.FetchTask(*common, keys)):
            for one, more in zip(samples, shard, strict=True):
                for index, shape in more.items():
                    one.setdefault(index, shape)

        def model(plane: int, pick: npt.NDArray[np.int64]) -> ShapeModel:
            chosen = np.searchsorted(wanted[plane], pick)
            shapes = ShapeSet.of([samples[plane][int(index)] for index in chosen])
            singles = values[plane] + 1
            return mining.build_model(shapes, found[plane].counts[pick], singles, singles, MAX_WORTH)

        published = [[model(plane, pick) for pick in candidates] for plane, candidates in enumerate(picks)]
        placed = _sum_placements((yield mining.PlaceTask(*common, published)))
        best = [int(np.argmin([one.bits for one in candidates])) for candidates in placed]
        for plane, index in enumerate(best):
            self._lines.append(f"plane {plane}: shapes chosen by count x size**{mining.EXPONENTS[index]}")
        chosen = [candidates[index] for candidates, index in zip(published, best, strict=True)]
        results = [candidates[index] for candidates, index in zip(placed, best, strict=True)]
        bits = [one.bits for one in results]
        self._counts = [one.symbols for one in results]
        self._note("one pass", bits, detail_bits, chosen)
        if self._iterations == 0 or not any(one.keys.size for one in found):
            return chosen
        start = [model(plane, wide[plane][index]) for plane, index in enumerate(best)]
        return (yield from self._iterate(common, start, chosen, bits, detail_bits))

    def _iterate(
        self,
        common: tuple[Any, Any, Any, Any],
        models: list[ShapeModel],
        best: list[ShapeModel],
        best_bits: list[int],
        detail_bits: float,
    ) -> Generator[Task, Iterator[Any], list[ShapeModel]]:
        """Encode, drop and re-weigh, first with more shapes than may stay; the best codebook of each plane."""
        limit = MAX_ITERATIONS if self._iterations is None else self._iterations
        for iteration in range(limit + 1):
            placed = _sum_placements((yield mining.PlaceTask(*common, [[model] for model in models])))
            results = [candidates[0] for candidates in placed]
            bits = [one.bits for one in results]
            self._note(f"iteration {iteration}", bits, detail_bits, models)
            before = sum(best_bits)
            for plane, model in enumerate(models):
                if len(model.shapes) <= self._max_shapes and bits[plane] < best_bits[plane]:
                    best[plane], best_bits[plane], self._counts[plane] = model, bits[plane], results[plane].symbols
            settled = iteration > 0 and all(len(model.shapes) <= self._max_shapes for model in models)
            if settled and sum(best_bits) > (1 - LEAST_GAIN) * before:
                break
            share = 1.0 if iteration + 1 >= limit else SHARES[min(iteration + 1, len(SHARES) - 1)]
            models = [
                mining.reweigh(model, one, int(share * self._max_shapes))
                for model, one in zip(models, results, strict=True)
            ]
        return best

    def _note(self, title: str, bits: list[int], detail_bits: float, models: list[ShapeModel]) -> None:
        total = round((sum(bits) + detail_bits) / 8)
        shapes = ", ".join(str(len(model.shapes)) for model in models)
        self._lines.append(f"{title}: {total} bytes, {round(sum(bits) / 8)} of them shape layer, shapes {shapes}")


def _sum_placements(statistics: Iterator[list[list[mining.Placement]]]) -> list[list[mining.Placement]]:
    def add(first: list[list[mining.Placement]], second: list[list[mining.Placement]]) -> list[list[mining.Placement]]:
        return [
            [mining.add_placements(one, other) for one, other in zip(*planes, strict=True)]
            for planes in zip(first, second, strict=True)
        ]

    return reduce(add, statistics)


def _describe(number: int, prediction: survey.Prediction, detail: DetailModel, bits: float) -> str:
    contexts = detail.contexts
    return (
        f"plane {number}: prediction {MODE_NAMES[prediction.mode]} (shift {prediction.shift}), split {detail.split}, "
        f"tuples {detail.tile_rows}x{detail.tile_columns}, {contexts.tables} tables "
        f"({contexts.thresholds.size + 1} levels, {contexts.class_count} classes, {contexts.phases} phases), "
        f"increment {detail.increment}, limit {detail.limit}, {round(bits / 8)} bytes of details"
    )
