"""The dct coder: planes that a JPEG decoder made, as the coefficients that it made them from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.base import MAX_COUNTERS, Coder, ModelCoder
from sofc.coders.dct import kernel, kernel_network, kernel_pixels, kernel_references
from sofc.coders.dct.heads import Head, pack_heads, read_heads
from sofc.coders.dct.kernel_prediction import (
    DIAGONALS,
    MEANS,
    ROWS,
    Around,
    Component,
    Predictor,
    weigh_predictors,
)
from sofc.coders.dct.model import ComponentModel
from sofc.coders.dct.section import unpack_model, unpack_plan
from sofc.coders.dct.terms import CONTEXTS
from sofc.coders.plane_sections import by_plane
from sofc.entropy.binary import OK, Coding, Reader, Writer, written
from sofc.entropy.bit_models import NEUTRAL
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixing import LEVELS
from sofc.entropy.mixture import MOST_SETS, MixingState
from sofc.entropy.sparse import decode_corrections, encode_sparse
from sofc.errors import FormatError, LimitError
from sofc.jpeg.dct import LARGEST, SIDE, SIZE, Coefficients, Grid
from sofc.jpeg.origin import Origin, standard_table
from sofc.jpeg.recover import Recovered, recover_planes
from sofc.planes import Plane, PlaneRange

THICKEST, SPARE = 4, 1 << 16
"""Blocks may take so many times as much room as samples, and some more."""
RANGE = PlaneRange(0, LARGEST)


class Left(NamedTuple):
    """What an earlier group left beside the states of its components: their correction models, (MODELS,) each, and its
    last heads."""

    models_of_pixels: list[npt.NDArray[np.uint32]]
    heads: tuple[Head, ...]


class DctCoder(ModelCoder[ComponentModel]):
    """Codes component k with ``models[k]``: one, or luminance and two of colour; a correction as nearly all zeros.

    Only planes with values of 0 to 255 are coded. Of several images in a group each goes on with the state that the one
    before left. ``recovered``: how the planes of each image to be coded were made, where that is known; otherwise it is
    found out. What decodes to that again is not drawn again. ``left``: what a group left that those to be coded go on
    from, beside the starts of ``models``.
    """

    id = 5
    name = "dct"

    def __init__(
        self,
        models: Sequence[ComponentModel],
        recovered: Sequence[Recovered] | None = None,
        left: Left | None = None,
    ) -> None:
        super().__init__(models)
        self.recovered = recovered
        self.left = left

    @property
    def bit_models(self) -> int:
        """Those of all components."""
        return sum(model.start.mixture.models.size for model in self.models)

    @classmethod
    def from_sections(cls, sections: Sequence[bytes], changes: Sequence[bytes] = ()) -> DctCoder:
        """Plans, then bit models, then weights, each one for every component; ``changes``: what each of them differs
        by, if any do. Raises FormatError."""
        if len(sections) not in (3, 9):
            raise FormatError(f"a DCT model has three sections for one or three components, not {len(sections)}")
        planes = by_plane(sections, changes)
        plans = [unpack_plan(own.plan, change.plan) for own, change in planes]
        if sum(int(plan.starts(len(CONTEXTS))[-1]) for plan in plans) * BLOCK > MAX_COUNTERS:
            raise LimitError(f"a DCT model has more than {MAX_COUNTERS} bit models")
        return cls([unpack_model(plan, *each) for plan, each in zip(plans, planes, strict=True)])

    def of_origins(self, origins: Sequence[Recovered]) -> DctCoder:
        """One for planes of which it is known how they were made."""
        return DctCoder(self.models, origins, self.left)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane. The planes must come from a JPEG decoder."""
        found = self.recovered or find_coefficients(planes, ranges, image_rows, self.planes)
        assert found is not None, "ask before whether the planes can be coded"
        coded = self._written([(image.origins, image.planes) for image in found], planes[0].size)
        return coded + [encode_sparse(plane) for plane in planes[self.planes :]]

    def _written(self, images: Sequence[_Image], samples: int) -> list[bytes]:
        """The streams of images that have so many samples together, without those of corrections."""

        def code(writers: Sequence[Writer]) -> None:
            models_of_pixels = self._models_of_pixels()
            with self._states() as states:
                for image in images:
                    status = _code_image(writers, self.models, states, models_of_pixels, *image)
                    assert status == OK, "coefficients and samples lie in their ranges"

        coded = written(4 * samples + 1024, len(self.models), code)
        coded[0] = (pack_heads([origins for origins, _ in images], self._heads_before) + coded[0]).rstrip(b"\0")
        return coded

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError on any stream that breaks the rules."""
        with self._states() as states:
            planes, _ = self._read(streams, ranges, rows, width, image_rows, states, self._models_of_pixels())
        most = [span.high for span in ranges[self.planes :]]
        return planes + decode_corrections(list(streams[self.planes :]), most, rows, width)

    def after(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> DctCoder:
        """Spec likeness/going-on. One that starts with the state in which these streams leave this one."""
        states, models_of_pixels = [model.start.copy() for model in self.models], self._models_of_pixels()
        _, images = self._read(streams, ranges, rows, width, image_rows, states, models_of_pixels)
        models = [replace(model, start=state) for model, state in zip(self.models, states, strict=True)]
        return DctCoder(models, left=Left(models_of_pixels, tuple(map(Head.of, images[-1][0]))))

    def recoded(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int, by: Coder
    ) -> list[bytes]:
        """What these streams say, coded ``by`` what ``after`` gave: coefficients are not sought again."""
        assert isinstance(by, DctCoder), "that is what after gives"
        with self._states() as states:
            _, images = self._read(streams, ranges, rows, width, image_rows, states, self._models_of_pixels())
        return [*by._written(images, rows * width), *streams[self.planes :]]

    @contextmanager
    def _states(self) -> Iterator[list[MixingState]]:
        """The states to start with, lent."""
        with ExitStack() as lent:
            yield [lent.enter_context(model.lent()) for model in self.models]

    def _models_of_pixels(self) -> list[npt.NDArray[np.uint32]]:
        """The correction models to start with."""
        if self.left is not None:
            return [models.copy() for models in self.left.models_of_pixels]
        return [np.full(kernel_pixels.MODELS, NEUTRAL, np.uint32) for _ in self.models]

    @property
    def _heads_before(self) -> tuple[Head, ...]:
        return () if self.left is None else self.left.heads

    def _read(
        self,
        streams: Sequence[bytes],
        ranges: Sequence[PlaneRange],
        rows: int,
        width: int,
        image_rows: int,
        states: Sequence[MixingState],
        models_of_pixels: Sequence[npt.NDArray[np.uint32]],
    ) -> tuple[list[Plane], list[_Image]]:
        """The planes that have models, and the images in them. Raises FormatError."""
        if len(ranges) < self.planes or not _is_suitable(ranges[: self.planes], (image_rows, width)):
            raise FormatError("a DCT model codes images of 8 bits a sample that are not thin lines")
        heads, size = read_heads(streams[0], rows // image_rows, self.planes, self._heads_before)
        readers = [Reader(stream) for stream in (streams[0][size:], *streams[1 : self.planes])]
        planes = [np.zeros((rows, width), np.int32) for _ in self.models]
        images: list[_Image] = []
        for number, (each, own) in enumerate(zip(heads, _images(planes, image_rows), strict=True)):
            images.append(([head.origin((image_rows, width)) for head in each], own))
            likely = [origin for image in (self.recovered or ())[number : number + 1] for origin in image.origins]
            if _code_image(readers, self.models, states, models_of_pixels, *images[-1], likely) != OK:
                raise FormatError("a stream of the DCT coder leads outside what coefficients or samples may be")
        return planes, images


_Image = tuple[Sequence[Origin], Sequence[Plane]]


def _images(planes: Sequence[Plane], image_rows: int) -> Iterator[list[Plane]]:
    """The planes of each image of a group."""
    for first in range(0, len(planes[0]), image_rows):
        yield [plane[first : first + image_rows] for plane in planes]


def find_coefficients(
    planes: Sequence[Plane],
    ranges: Sequence[PlaneRange],
    image_rows: int,
    modelled: int,
    beside: Sequence[Recovered] = (),
) -> list[Recovered] | None:
    """How a JPEG decoder made the planes of each image, of which the first ``modelled`` have models; None where none
    made any. Images that none made have coefficients that are zeros. ``beside``: what was found of the
    planes' neighbours, if one plane of several is coded apart."""
    if not _is_suitable(ranges[:modelled], (image_rows, planes[0].shape[1])):
        return None
    images = list(_images(planes, image_rows))
    neighbours: Sequence[Recovered | None] = beside or [None] * len(images)
    found = [recover_planes(image, modelled, other) for image, other in zip(images, neighbours, strict=True)]
    if not any(found):
        return None
    return [one or _unknown(image[:modelled]) for one, image in zip(found, images, strict=True)]


def _unknown(planes: Sequence[Plane]) -> Recovered:
    """An image that shows nothing of how it came about, among others that do."""
    origin = Origin.empty(Grid(1, 1, 0, 0), standard_table(1), planes[0].shape)
    return Recovered([origin] * len(planes), list(planes), 0.0, (0.0,) * len(planes))


def _is_suitable(ranges: Sequence[PlaneRange], shape: tuple[int, ...]) -> bool:
    """Spec dct/streams-and-state. Whether an image has 8 bits, and its blocks take not much more room than its samples
    do."""
    rows, width = shape
    is_thin = (rows + 3 * SIDE) * (width + 3 * SIDE) > THICKEST * rows * width + SPARE
    return all(span == RANGE for span in ranges) and not is_thin


def _code_image(
    streams: Sequence[Coding],
    models: Sequence[ComponentModel],
    states: Sequence[MixingState],
    models_of_pixels: Sequence[npt.NDArray[np.uint32]],
    origins: Sequence[Origin],
    planes: Sequence[Plane],
    likely: Sequence[Origin] = (),
) -> int:
    """Code one image by states that go on learning; decoding fills coefficients and planes. ``likely``: origins that
    were drawn before, which those to be decoded will probably be: what follows from any that is so is taken from there.
    Returns OK or BROKEN."""
    rows, width = planes[0].shape
    before: list[tuple[Origin, Coefficients]] = []
    corrections, columns = np.zeros((rows + 1, width + 2), np.int32), np.empty((2, width), np.int32)
    for number, (stream, model, origin) in enumerate(zip(streams, models, origins, strict=True)):
        component = component_of(origin, [_reference(*other, origin) for other in reversed(before)])
        status = code_component(stream, model, states[number], component)
        if status != OK:
            return status
        if number < len(likely) and likely[number].was_drawn_as(origin, (rows, width)):
            origin = likely[number]
        before.append((origin, component.values))
        others, corrections = corrections, np.zeros_like(corrections)
        drawn = origin.draw((rows, width))
        pixels = kernel_pixels.Pixels(planes[number], *drawn, corrections, others, origin.grid, columns)
        status = kernel_pixels.code_pixels(stream.encodes, pixels, models_of_pixels[number], stream.stream)
        if status != OK:
            return status
    return OK


def _reference(source: Origin, values: Coefficients, target: Origin) -> Coefficients:
    """What ``referred`` gives for a component of the same plane, kept: both chrominances usually have one grid."""
    if source.grid == target.grid:
        return values
    kept = source.references.get(target.grid)
    if kept is None or not (kept[0] is values or np.array_equal(kept[0], values)):
        kept = source.references[target.grid] = values, referred(values, source, target)
    return kept[1]


def referred(values: Coefficients, source: Origin, target: Origin) -> Coefficients:
    """Spec dct/references. The values of one component, with their border, as a reference for another, with a border of
    zeros. Only the ratios of the grids' ``down`` and of their ``across`` matter, which may be any.
    """
    if source.grid == target.grid:
        return values
    rows, columns, _ = target.coefficients.shape
    numbers = np.zeros((rows + 1, columns + 2, SIZE), np.int32)
    samples = np.zeros((SIDE * (values.shape[0] - 1), SIDE * (values.shape[1] - 2)), np.int32)
    kernel_references.sample(values, samples, np.zeros(SIZE, np.int64))
    lines = kernel_references.Lines.of(samples.shape[1], SIDE * columns, target.grid.across)
    kernel_references.refer(samples, source.grid, target.grid, numbers, lines)
    return numbers


def component_of(origin: Origin, references: Sequence[Coefficients]) -> Component:
    """A component as kernels take it; ``references``, nearest first: of each the values, with a border of zeros."""
    rows, columns, _ = origin.coefficients.shape
    values, nothing = np.zeros((rows + 1, columns + 2, SIZE), np.int32), np.zeros((1, 1, SIZE), np.int32)
    first, second = [*references, nothing, nothing][:2]
    return Component(origin.coefficients, values, first, second, origin.table, Around.of(columns))


def unseen(component: Component) -> Component:
    """The same component before its first block is coded."""
    columns = component.coefficients.shape[1]
    return component._replace(values=np.zeros_like(component.values), around=Around.of(columns))


def components_of(origins: Sequence[Origin]) -> Iterator[Component]:
    """The components of an image whose coefficients are all known."""
    values = [origin.values() for origin in origins]
    for number, origin in enumerate(origins):
        yield component_of(
            origin, [referred(values[other], origins[other], origin) for other in range(number - 1, -1, -1)]
        )


def code_component(
    stream: Coding,
    model: ComponentModel,
    state: MixingState,
    component: Component,
    questions: kernel_network.Questions | None = None,
    highest: int = LEVELS,
) -> int:
    """Code a component's coefficients by a state that goes on learning; ``questions``: what its network is asked is
    noted there; ``highest``: the level from which an encoder makes coefficients plain is no higher. Returns OK or
    BROKEN."""
    coding = kernel.Coding(state.mixture, state.plain, stream.stream, state.changed)
    votes = state.contexts, state.mixture.weights.shape[1], model.sets
    scratch = kernel.scratch_for(votes, kernel_network.forecast_of(model.network, questions))
    predictor = model.plan.predictor
    choices = kernel.Choices(0, 0, 0)
    if stream.encodes:
        charge = CHARGE if _is_large(component) and not model.network.is_asked else 0
        number, diagonals = best_prediction(component, predictor, charge)
        level = plain_level(component, model, diagonals)
        choices = kernel.Choices(number, diagonals, min(highest, level))
    return kernel.code_blocks(stream.encodes, component, predictor, choices, model.contexts, coding, scratch)


PLAIN_LEVEL, FINEST_PLAIN_LEVEL, SLOWEST_PLAIN_LEVEL, ASKED_PLAIN_LEVEL = 8, 6, 9, 12
"""The level from which an encoder makes coefficients plain, that of components with the finest steps, that of
models of most weight sets, and that of those with a network: lower ones are faster, and cost more bytes."""
MANY_BLOCKS = 1024
"""Bit models of so many blocks have learnt what those of the model were not trained for."""
FEW_DIAGONALS = 2
"""Where no more diagonals are worth predicting, contexts tell little of coefficients, too."""
CHARGE = 1
"""What predicting a coefficient costs beyond its error, where contexts have learnt a part of what it tells. Networks
tell sizes of errors of predictions better than those of coefficients."""
SPARED = 1 / 1024
"""The share of the cost of coefficients that not to predict some of them may lose: that is faster."""


def plain_level(component: Component, model: ComponentModel, diagonals: int) -> int:
    """The level from which coefficients of a component, of which so many ``diagonals`` are predicted, are to be plain
    with this model."""
    if model.sets == MOST_SETS:
        return ASKED_PLAIN_LEVEL if model.network.is_asked else SLOWEST_PLAIN_LEVEL
    if not _is_large(component):
        return PLAIN_LEVEL
    # Where steps of the lowest frequencies are 1 or 2, most of what is coded is noise.
    level = min(PLAIN_LEVEL, FINEST_PLAIN_LEVEL - 1 + int(component.table[1]))
    if level == FINEST_PLAIN_LEVEL:
        level -= (1 if len(component.first) == 1 else 0) + (1 if diagonals <= FEW_DIAGONALS else 0)
    return level


def _is_large(component: Component) -> bool:
    rows, columns, _ = component.coefficients.shape
    return bool(rows * columns >= MANY_BLOCKS)


def best_predictor(component: Component, predictor: Predictor) -> int:
    """The number of the predictor that makes the coefficients of a component cost least."""
    return best_prediction(component, predictor)[0]


def best_prediction(component: Component, predictor: Predictor, charge: int = 0) -> tuple[int, int]:
    """That number, and how many diagonals it is to serve: where coefficients are noise, predicting nothing costs
    less, and is faster. ``charge``: as for ``weigh_predictors``."""
    costs = np.zeros((len(predictor.means) // ROWS + 1, DIAGONALS), np.int64)
    weigh_predictors(unseen(component), predictor, charge, np.zeros(MEANS, np.int32), costs)
    number = int(costs[:-1].sum(axis=1).argmin())
    # Of predicting no diagonal, the lowest, the two lowest and so on: what it takes more than predicting none.
    more = np.concatenate([[0], np.cumsum(costs[number] - costs[-1])])
    return number, int(np.flatnonzero(more <= more.min() + SPARED * costs[number].sum())[0])
