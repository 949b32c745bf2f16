"""The bilevel coder: counters under templates of neighbours and a small network, mixed, from a trained start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sofc.coders.base import MAX_COUNTERS, Coder
from sofc.coders.bilevel import kernel as bilevel
from sofc.coders.bilevel.plan import NO_NETWORK, Network, PlanePlan, PlaneState
from sofc.coders.bilevel.section import TRAINED, unpack_mixers, unpack_network, unpack_plan
from sofc.entropy.binary import Reader, Stream, Writer, code_bit
from sofc.errors import FormatError, LimitError
from sofc.planes import Plane, PlaneRange

INVERTED_CHANCE = 4096
"""Chance in 1/65536 that a plane is coded with ones and zeros exchanged: the first decision of its stream."""


@dataclass(frozen=True, eq=False)
class PlaneModel:
    """One plane at one effort: its plan, its network if it asks one, and the state that a band starts from."""

    plan: PlanePlan
    network: Network | None
    start: PlaneState


class BilevelCoder(Coder):
    """Codes plane k, samples 0 and 1, with ``models[k]``."""

    id = 4
    name = "bilevel"

    def __init__(self, models: Sequence[PlaneModel]) -> None:
        self.models = tuple(models)

    @property
    def planes(self) -> int:
        """Planes that have models."""
        return len(self.models)

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> BilevelCoder:
        """For each plane its plan, counters and mixers, and its network where the mixers ask it. Raises FormatError."""
        models = []
        total = 0
        rest = list(sections)
        while rest:
            if len(rest) < 3:
                raise FormatError("a bilevel model has at least three sections for each plane")
            plan = unpack_plan(rest.pop(0))
            counters = rest.pop(0)
            used, asks, start = unpack_mixers(rest.pop(0))
            if used > len(plan.contexts):
                raise FormatError("the mixers of a bilevel model use more contexts than it has")
            if asks and not rest:
                raise FormatError("a bilevel model lacks its network")
            total += used << plan.slot_bits
            if total > MAX_COUNTERS:
                raise LimitError(f"a bilevel model has more than {MAX_COUNTERS} counters")
            network = unpack_network(rest.pop(0)) if asks else None
            start.counters = TRAINED.unpack(counters, plan.places(len(plan.contexts)), used)
            models.append(PlaneModel(plan, network, start))
        if not models:
            raise FormatError("a bilevel model has at least one plane")
        return cls(models)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane: whether it is inverted, then its samples."""
        return [
            encode_plane(model, plane.astype(np.uint8), image_rows, model.start.copy())
            for model, plane in zip(self.models, planes, strict=True)
        ]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Any stream gives some planes; raises FormatError where the ranges are not 0 to 1."""
        if len(ranges) != len(self.models) or any(span != (0, 1) for span in ranges):
            raise FormatError(f"this bilevel model codes {len(self.models)} planes of samples 0 and 1")
        return [
            _decode_plane(model, stream, rows, width, image_rows).astype(np.int32)
            for model, stream in zip(self.models, streams, strict=True)
        ]


def mostly_ink(plane: npt.NDArray[np.uint8]) -> bool:
    """Whether more than half of the samples are 1: such a plane is coded inverted."""
    return 2 * int(np.count_nonzero(plane)) > plane.size


def encode_plane(model: PlaneModel, plane: npt.NDArray[np.uint8], image_rows: int, state: PlaneState) -> bytes:
    """The stream of one plane; ``state`` learns."""
    # A decision costs at most 16 bits, and what follows carries the coder's last four bytes.
    writer = Writer(2 * plane.size + 16)
    inverted = mostly_ink(plane)
    code_bit(True, int(inverted), INVERTED_CHANCE, writer.stream)
    _run(True, model, plane ^ np.uint8(inverted), image_rows, state, writer.stream)
    return writer.written()


def _decode_plane(model: PlaneModel, stream: bytes, rows: int, width: int, image_rows: int) -> npt.NDArray[np.uint8]:
    plane = np.zeros((rows, width), np.uint8)
    reader = Reader(stream)
    inverted = code_bit(False, 0, INVERTED_CHANCE, reader.stream)
    _run(False, model, plane, image_rows, model.start.copy(), reader.stream)
    return plane ^ np.uint8(inverted)


def _run(
    encode: bool,
    model: PlaneModel,
    plane: npt.NDArray[np.uint8],
    image_rows: int,
    state: PlaneState,
    stream: Stream,
) -> None:
    plan, network = model.plan, model.network or NO_NETWORK
    used = len(state.trust)
    bilevel.code_plane(
        encode,
        plane,
        image_rows,
        plan.skip_quiet,
        plan.table(used),
        plan.places(used)[:-1],
        np.full(used, plan.slot_bits, np.int64),
        plan.rate,
        model.network is not None,
        network.first,
        network.second,
        network.third,
        state.counters,
        state.trust,
        state.mixers,
        state.blend,
        state.final,
        state.quiet,
        stream,
        bilevel.room_for(plane.shape[1], used, state.mixers.shape[1], network.second.shape[1] - 1),
    )
