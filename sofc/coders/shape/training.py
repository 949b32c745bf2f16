"""Training of the shape coder: the order of its passes."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.detail_training import train_details
from sofc.coders.shape.details import DetailModel
from sofc.coders.shape.kernel_predict import Prediction
from sofc.coders.shape.mining import Mining, ShapeTask, mine_shapes
from sofc.coders.shape.parameters import PlaneParameters
from sofc.coders.shape.passes import choose_predictions
from sofc.coders.shape.section import PARAMETERS, build_section
from sofc.coders.training import DEFAULT, CoroutineTraining, Passes, TrainingSettings
from sofc.container.records import Section
from sofc.planes import PlaneRange

WINDOW, BINARY_WINDOW = (4, 4), (28, 28)
"""Rows and columns of the largest shape."""
MAX_SHAPES = 3000
"""Shapes that are kept of a plane."""
MODE_NAMES = ("MED", "GAP", "none")


class ShapeTraining(CoroutineTraining):
    """Trains one section for each plane in ``ranges``.

    ``settings.min_images``: shapes of several samples must be in at least that many images. ``settings.iterations``: at
    most so many passes of encoding and re-weighing (0: one pass as published); None: while they gain.
    """

    def __init__(self, ranges: Sequence[PlaneRange], settings: TrainingSettings = DEFAULT) -> None:
        self._ranges = list(ranges)
        self._limits = [BINARY_WINDOW if span.high - span.low == 1 else WINDOW for span in ranges]
        self._mining = Mining(MAX_SHAPES, settings.min_images, settings.iterations)
        self._report: list[str] = []
        self._parameters: list[PlaneParameters] = []
        super().__init__()

    def run(self) -> Passes[None]:
        """Predictions, detail layers, then shapes."""
        predictions = yield from choose_predictions(self._ranges)
        details = yield from train_details(self._ranges, predictions)
        for number, (prediction, detail) in enumerate(zip(predictions, details, strict=True)):
            self._report.append(f"plane {number}: {_described(prediction, detail)}")
        splits = [detail.split if detail else 0 for detail in details]
        task = ShapeTask(self._ranges, predictions, splits, self._limits)
        models = yield from mine_shapes(task, self._mining, self._report)
        self._parameters = [PlaneParameters(*each) for each in zip(predictions, models, details, strict=True)]

    def sections(self) -> list[Section]:
        """One section a plane."""
        return [Section(ShapeCoder.id, PARAMETERS, build_section(one)) for one in self._parameters]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """One model, of no effort, which uses the parameters of each plane."""
        return [(0, tuple(range(len(self._parameters))))]

    def report(self) -> list[str]:
        """Choices for each plane, and bytes after each iteration."""
        return list(self._report)


def _described(prediction: Prediction, detail: DetailModel | None) -> str:
    text = f"prediction {MODE_NAMES[prediction.mode]} (shift {prediction.shift})"
    if detail is None:
        return f"{text}, no details"
    contexts = detail.contexts
    return (
        f"{text}, split {detail.split}, {contexts.tables} tables "
        f"({contexts.levels} levels, {contexts.classes} classes, {contexts.phases} phases)"
    )
