"""Adapting a context model to a collection: by how much its bit models and its weights are to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sofc.coders.adapting import MixingAdaptation, Weights, change_models, change_weights
from sofc.coders.context.kernel import PLAIN_MODELS
from sofc.coders.context.passes import Part, PassOfPlane, parts
from sofc.coders.context.section import NETWORKS, unpack_plan
from sofc.coders.context.tracing import shifted
from sofc.coders.network_section import network_tables, unpack_mixers
from sofc.coders.plane_sections import PlaneSections, by_plane
from sofc.coders.training import Pass, Passes
from sofc.coders.warm_up import by_fold
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED, MixingState, trained_symbols
from sofc.entropy.priors import History
from sofc.planes import Plane, PlaneRange

SAMPLES = 1 << 22
"""Samples of one plane that adaptation goes through at most."""


class ContextAdaptation(MixingAdaptation):
    """Adapts a model of these ``sections`` to images of planes of these ranges, of which so many are to come."""

    def __init__(self, sections: Sequence[bytes], ranges: Sequence[PlaneRange], images: int) -> None:
        self._ranges = tuple(ranges)
        super().__init__(sections, images)

    def run(self) -> Passes[None]:
        """All changes, plane by plane, over a sample of the images."""
        ranges = self._ranges[: self._planes]
        sections = [own for own, _ in by_plane(self._sections)]
        plans = tuple(unpack_plan(own.plan, plane) for plane, own in enumerate(sections))
        tasks = tuple(Adapt(ranges, plans, plane, own, self._to_come) for plane, own in enumerate(sections))
        self._found((yield Pass(tasks, SAMPLES)))


@dataclass(frozen=True)
class Adapt(PassOfPlane):
    """The only pass: how the model of a plane, of these sections, changes; so many images are ``to_come``."""

    sections: PlaneSections
    to_come: int

    def collect(self, images: Iterator[list[Plane]]) -> PlaneSections:
        """The changes of the sections."""
        everything = list(shifted(images, self.ranges))
        share = self.to_come / max(1, len(everything))
        used, sets, weights, network = unpack_mixers(self.sections.weights, NETWORKS)
        contexts = len(self.plan.contexts)
        ends = self.plan.starts(contexts) * BLOCK
        base = trained_symbols(self.sections.bit_models, ends, contexts)
        history = History(ends[: used + 1], TRAINED, base=base[: ends[used]])
        neutral = self.plan.neutral(used)
        for image in parts(everything):
            history.add([self.learned_models(part, neutral) for part in image])
        starts, of_models = change_models(history.starts(), base, ends, share)
        found = by_fold(parts(everything))

        def code(weights: Weights, practised: tuple[int, Part]) -> int:
            fold, part = practised
            state = MixingState.trained(used, TRAINED.states[starts[fold]], weights, PLAIN_MODELS)
            return self.code(part, sets, state, network)

        before = network_tables(network) if network.is_asked else []
        return PlaneSections(b"", of_models, change_weights(weights, used, lambda: iter(found), code, share, before))
