"""Adapting a dct model to a collection: by how much its predictors and its weights are to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sofc.coders.adapting import MixingAdaptation, Weights, change_weights
from sofc.coders.dct.coder import best_predictor, unseen
from sofc.coders.dct.kernel_prediction import (
    EMPHASIS,
    MEANS,
    ROWS,
    SIZE_BITS,
    SIZES,
    WEIGHT_BITS,
    Component,
    Equations,
    accumulate,
)
from sofc.coders.dct.model import ComponentModel, ComponentPlan, state_of
from sofc.coders.dct.packed import Packed, pack_origins, unpack_component
from sofc.coders.dct.passes import recovered, warm_up
from sofc.coders.dct.section import NETWORKS, unpack_plan
from sofc.coders.dct.terms import CONTEXTS
from sofc.coders.network_section import network_tables, unpack_mixers
from sofc.coders.plane_sections import PlaneSections, by_plane
from sofc.coders.sparse_fit import fit_change
from sofc.coders.training import Decoded, Pass, Passes
from sofc.entropy.changes import pack_table_changes
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED
from sofc.jpeg.dct import SIZE
from sofc.planes import Plane, PlaneRange

SAMPLES = 1 << 23
"""Samples of one plane that adaptation goes through at most."""
MEANS_WORTH, SIZES_WORTH = 1.6, 0.2
"""Bits that are saved where squared errors, over what is expected, become less by one: of coefficients, and of the
sizes of errors. Half the training images of DRIVE, with a codebook of the other half, take 0.9810 of what they take
without one, it counted, at (0.4, 0.05), 0.9792 at (0.8, 0.1), 0.9779 at (1.6, 0.2), and 0.9771 at (3.2, 0.4), where it
is nearly twice as large."""


class DctAdaptation(MixingAdaptation):
    """Adapts a model of three components or of one, of these ``sections``, to images of which so many are to come."""

    def __init__(self, sections: Sequence[bytes], ranges: Sequence[PlaneRange], images: int) -> None:
        super().__init__(sections, images)

    def run(self) -> Passes[None]:
        """The coefficients of a sample of the images; then, of each component, all changes."""
        shards = yield Pass((Recover(self._planes),), SAMPLES, apart=True)
        everything = [packed for shard in shards for packed in shard]
        found = tuple(packed for packed in everything if packed is not None)
        self.passed_over = [number for number, packed in enumerate(everything) if packed is None]
        if not found:
            return
        share = self._to_come / len(everything)
        sections = by_plane(self._sections)
        tasks = tuple(Adapt(number, own, found, share) for number, (own, _) in enumerate(sections))
        self._found((yield Pass(tasks, SAMPLES)))


@dataclass(frozen=True)
class Recover:
    """First pass: the coefficients that images were made from."""

    planes: int

    def collect_decoded(self, images: Iterator[Decoded]) -> list[Packed | None]:
        """Of each image its components, None where no JPEG decoder made it."""
        return [None if found is None else pack_origins(found) for found in recovered(images, self.planes)]


@dataclass(frozen=True)
class Adapt:
    """Second pass: how the model of component ``number`` changes.

    ``images``: components of all images; ``share``: for each of them so many are to be coded.
    """

    number: int
    sections: PlaneSections
    images: tuple[Packed, ...]
    share: float

    def collect(self, _: Iterator[list[Plane]]) -> PlaneSections:
        """The changes of the sections."""
        plan = unpack_plan(self.sections.plan)
        used, sets, weights, network = unpack_mixers(self.sections.weights, NETWORKS)
        # Unpacked once: each is gone through two or three times.
        components = [unpack_component(packed, self.number) for packed in self.images]
        plan, of_plan = self._fit(plan, components)
        ends = plan.starts(len(CONTEXTS)) * BLOCK
        models = TRAINED.states[TRAINED.symbols(self.sections.bit_models, ends, used + 1)]

        def code(weights: Weights, component: Component) -> int:
            state = state_of(used, models.copy(), weights)
            return warm_up(ComponentModel(plan, sets, state, network), state, unseen(component))

        before = network_tables(network) if network.is_asked else []
        of_weights = change_weights(weights, used, lambda: iter(components), code, self.share, before)
        return PlaneSections(of_plan, b"", of_weights)

    def _fit(self, plan: ComponentPlan, components: Sequence[Component]) -> tuple[ComponentPlan, bytes]:
        """The plan with its predictors changed, and the change."""
        rows = len(plan.mean_weights)
        count = rows // ROWS
        equations = Equations(*(np.zeros((rows, size + 1, size + 1), np.int64) for size in (MEANS, SIZES)))
        squares, images = np.zeros((SIZE, count)), np.zeros(count)
        for component in components:
            number = best_predictor(component, plan.predictor)
            scratch = (np.zeros(size, np.int32) for size in (MEANS, SIZES))
            accumulate(unseen(component), plan.predictor, number, equations, *scratch)
            squares[:, number] += component.table.astype(np.float64) ** 2
            images[number] += 1
        # Steps of the images that a predictor serves, on average: equations count errors in units of them.
        steps = np.repeat(np.sqrt(np.maximum(1, squares) / np.maximum(1, images)), ROWS // SIZE, axis=0).reshape(rows)
        worth = self.share * MEANS_WORTH * 256 / (2.0**EMPHASIS * steps**2)
        means = fit_change(equations.means, plan.mean_weights, WEIGHT_BITS, worth)
        sizes = fit_change(equations.sizes, plan.size_weights, SIZE_BITS, self.share * SIZES_WORTH / (1024 * steps))
        changed = replace(
            plan,
            mean_weights=plan.mean_weights + (means.change << means.shift),
            size_weights=plan.size_weights + (sizes.change << sizes.shift),
        )
        same = np.zeros((len(CONTEXTS), 1), np.int64)
        return changed, pack_table_changes([(means.change, means.shift), (sizes.change, sizes.shift), (same, 0)])
