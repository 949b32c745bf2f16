"""Training of the shape coder: the order of its passes."""

from __future__ import annotations

from collections.abc import Sequence

from sofc.coders.shape.coder import ShapeCoder
from sofc.coders.shape.detail_training import train_details
from sofc.coders.shape.mining import Mining, ShapeTask, mine_shapes
from sofc.coders.shape.parameters import PlaneParameters
from sofc.coders.shape.section import PARAMETERS, build_section
from sofc.coders.training import DEFAULT, CoroutineTraining, Passes, TrainingSettings
from sofc.container.records import Section
from sofc.planes import PlaneRange

WINDOW, BINARY_WINDOW = (4, 4), (28, 28)
"""Rows and columns of the largest shape."""
MAX_SHAPES = 3000
"""Shapes that are kept of a plane."""


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
        """Detail layers, then shapes."""
        details = yield from train_details(self._ranges)
        splits = [detail.split if detail else 0 for detail in details]
        self._report += [f"plane {number}: {split} low bits" for number, split in enumerate(splits)]
        models = yield from mine_shapes(ShapeTask(self._ranges, splits, self._limits), self._mining, self._report)
        self._parameters = [PlaneParameters(*each) for each in zip(models, details, strict=True)]

    def sections(self) -> list[Section]:
        """One section a plane."""
        return [Section(ShapeCoder.id, PARAMETERS, build_section(one)) for one in self._parameters]

    def models(self) -> list[tuple[int, tuple[int, ...]]]:
        """One model, of no effort, which uses the parameters of each plane."""
        return [(0, tuple(range(len(self._parameters))))]

    def report(self) -> list[str]:
        """Choices for each plane, and bytes after each iteration."""
        return list(self._report)
