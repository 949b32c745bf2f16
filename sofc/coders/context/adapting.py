"""Adapting a context model to a collection: by how much predictors and weights are to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.coders.adapting import TRIED, MixingAdaptation, Weights, change_weights
from sofc.coders.context.banks import USUAL_WEIGHT, EquationSums, sample_weights
from sofc.coders.context.model import PlaneModel
from sofc.coders.context.passes import Part, PassOfPlane, parts
from sofc.coders.context.section import pack_plan_change, unpack_model, unpack_plan
from sofc.coders.context.tracing import shifted, trace_image
from sofc.coders.network_section import network_tables
from sofc.coders.plane_sections import PlaneSections, by_plane
from sofc.coders.sparse_fit import fit_change
from sofc.coders.training import Pass, Passes
from sofc.planes import Plane, PlaneRange
from sofc.prediction import bank
from sofc.prediction.grid import find_grid

Integers = npt.NDArray[np.int64]

SAMPLES = 1 << 22
"""Samples of one plane that adaptation goes through at most."""
BANK_WORTH = 0.05
"""Bits that are saved where a squared error becomes less by what is usual: local least squares and contexts make up for
most of what predictors miss. Found on training images of Kodak and PH2."""


class ContextAdaptation(MixingAdaptation):
    """Adapts a model of these ``sections`` to images of planes of these ranges, of which so many are to come."""

    def __init__(self, sections: Sequence[bytes], ranges: Sequence[PlaneRange], images: int) -> None:
        self._ranges = tuple(ranges)
        super().__init__(sections, images)

    def run(self) -> Passes[None]:
        """Over a sample of the images predictors, plane by plane, then all else by the plans that these give."""
        ranges = self._ranges[: self._planes]
        sections = [own for own, _ in by_plane(self._sections)]
        plans = tuple(unpack_plan(own.plan, plane) for plane, own in enumerate(sections))
        fits = tuple(FitBank(ranges, plans, plane, own, self._to_come) for plane, own in enumerate(sections))
        fitted: list[Fitted] = list((yield Pass(fits, SAMPLES)))
        self.cost = sum(one.cost for one in fitted)
        found = enumerate(zip(sections, fitted, strict=True))
        plans = tuple(unpack_plan(own.plan, plane, one.change) for plane, (own, one) in found)
        tasks = tuple(Adapt(ranges, plans, plane, own, self._to_come) for plane, own in enumerate(sections))
        others = yield Pass(tasks, SAMPLES)
        self._found(other._replace(plan=one.change) for one, other in zip(fitted, others, strict=True))


@dataclass(frozen=True)
class PassOfModel(PassOfPlane):
    """A pass over the samples of a plane whose model has these sections; so many images are ``to_come``."""

    sections: PlaneSections
    to_come: int

    @cached_property
    def model(self) -> PlaneModel:
        """That of the plane."""
        return unpack_model(self.plan, self.sections)

    def size(self, weights: Weights, part: Part) -> int:
        """Bytes of a part, coded by weights that learn from it."""
        state = self.model.start.copy()
        state.mixture = state.mixture._replace(weights=weights)
        return self.code(part, self.model.sets, state, self.model.network)


class Fitted(NamedTuple):
    """The change of a plan, and about the bytes that the plane of all images to come takes with it, and it."""

    change: bytes
    cost: float


@dataclass(frozen=True)
class FitBank(PassOfModel):
    """First pass: how the predictors of a plane change."""

    def collect(self, images: Iterator[list[Plane]]) -> Fitted:
        """The change, if it pays for its bytes on images that are coded by either plan."""
        everything = list(shifted(images, self.ranges))
        share = self.to_come / max(1, len(everything))
        change = self._change(everything, share)
        changed = replace(self, plans=(*self.plans[: self.plane], unpack_plan(self.sections.plan, self.plane, change)))
        found = list(parts(everything))
        step = -(-len(found) // TRIED) or 1
        tried = [part for image in found[::step] for part in image]
        weights = self.model.start.mixture.weights
        each = step * share
        before, after = (each * sum(one.size(weights.copy(), part) for part in tried) for one in (self, changed))
        return min(Fitted(b"", before), Fitted(change, after + len(change)), key=lambda one: one.cost)

    def _change(self, images: Sequence[list[Plane]], share: float) -> bytes:
        """That of the section of the plan; ``share``: for each of the images so many are to be coded."""
        predictions = [plan.prediction for plan in self.plans[: self.plane + 1]]
        own = predictions[-1]
        references = len(own.references)
        sums = EquationSums(own.class_map, np.full(bank.taps(references) + 1, -1, np.int64))
        mean = 0
        for number, planes in enumerate(images):
            around, found = trace_image(planes, predictions, self.ranges, find_grid(planes))[-1]
            mean = int(found.expected.mean()) if number == 0 else mean
            sums.add(around, found.predictors, sample_weights(found.expected, mean))
        # Errors are in eighths of a step, and what is expected of them in eighths of a power of two.
        usual = USUAL_WEIGHT * 2.0 ** (mean / 4) / (1 << 2 * bank.FRACTION_BITS)
        worth = np.full(len(own.weights), share * BANK_WORTH / usual)
        fitted = fit_change(sums.total(), own.weights, bank.WEIGHT_BITS, worth, _groups(references))
        too_far = np.abs(own.weights + (fitted.change << fitted.shift)).max(axis=1) > bank.WEIGHT_LIMIT
        fitted.change[too_far] = 0
        return pack_plan_change(self.plan, fitted.change, fitted.shift)


def _groups(references: int) -> Integers:
    """For each tap the first of its plane, as ``fit_change`` takes them: levels of brightness must not count."""
    sizes = [bank.FIRST, *[len(bank.REFERENCE)] * references]
    firsts = np.cumsum([0, *sizes[:-1]])
    return np.append(np.repeat(firsts, sizes), -1)


@dataclass(frozen=True)
class Adapt(PassOfModel):
    """Second pass: how weights of a plane change."""

    def collect(self, images: Iterator[list[Plane]]) -> PlaneSections:
        """The changes of their sections."""
        everything = list(shifted(images, self.ranges))
        share = self.to_come / max(1, len(everything))
        found = [part for image in parts(everything) for part in image]
        start, network = self.model.start, self.model.network
        before = network_tables(network) if network.is_asked else []
        change = change_weights(start.mixture.weights, start.contexts, lambda: iter(found), self.size, share, before)
        return PlaneSections(b"", b"", change)
