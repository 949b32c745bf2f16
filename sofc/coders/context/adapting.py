"""Adapting a context model to a collection: by how much its bit models and its weights are to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sofc.coders.adapting import Changes, MixingAdaptation, Weights, change_models, change_weights
from sofc.coders.context.kernel import SLOTS
from sofc.coders.context.passes import Part, parts, warm_up
from sofc.coders.context.section import unpack_plan
from sofc.coders.context.tracing import shifted
from sofc.coders.training import Pass, Passes
from sofc.entropy.contexts import BLOCK
from sofc.entropy.mixture import TRAINED, MixingState, trained_symbols, unpack_weights
from sofc.entropy.priors import FOLDS, History
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
        tasks = tuple(Adapt(k, self._sections, ranges, self._to_come) for k in range(self._planes))
        self._found((yield Pass(tasks, SAMPLES)))


@dataclass(frozen=True)
class Adapt:
    """The only pass: how the model of plane ``number`` changes; ``images`` are to be coded by it."""

    number: int
    sections: tuple[bytes, ...]
    ranges: tuple[PlaneRange, ...]
    images: int

    def collect(self, images: Iterator[list[Plane]]) -> Changes:
        """The changes of the sections."""
        planes = len(self.ranges)
        plans = tuple(unpack_plan(section, plane) for plane, section in enumerate(self.sections[:planes]))
        plan = plans[self.number]
        models, weights_of = self.sections[planes + self.number], self.sections[2 * planes + self.number]
        used, sets, weights = unpack_weights(weights_of)
        ends = plan.starts(len(plan.contexts)) * BLOCK
        base = trained_symbols(models, ends, len(plan.contexts))
        history = History(ends[: used + 1], TRAINED, base=base[: ends[used]])
        neutral = plan.neutral(used)
        found: list[tuple[int, Part]] = []
        seen: list[None] = []
        for turn, image in enumerate(parts(_counted(shifted(images, self.ranges), seen))):
            states = []
            for part in image:
                state = neutral.copy()
                for one in part:
                    warm_up(plans, self.number, one, self.ranges, 1, state)
                states.append(state.mixture.models)
            history.add(states)
            found += [(turn % FOLDS, part) for part in image]
        share = self.images / max(1, len(seen))
        starts, of_models = change_models(history.starts(), base, ends, share)

        def code(weights: Weights, practised: tuple[int, Part]) -> int:
            fold, part = practised
            state = MixingState.trained(used, TRAINED.states[starts[fold]], weights, SLOTS)
            return sum(warm_up(plans, self.number, one, self.ranges, sets, state) for one in part)

        return Changes(b"", of_models, change_weights(weights, used, lambda: iter(found), code, share))


def _counted(images: Iterator[list[Plane]], seen: list[None]) -> Iterator[list[Plane]]:
    """The images, each of which adds to ``seen``."""
    for image in images:
        seen.append(None)
        yield image
