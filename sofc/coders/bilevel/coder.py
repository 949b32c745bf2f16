"""The bilevel coder: bit models in contexts of neighbours and a small network, mixed, from a trained start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sofc.coders.base import MAX_COUNTERS, ModelCoder
from sofc.coders.bilevel import kernel
from sofc.coders.bilevel.guide import features_of
from sofc.coders.bilevel.kernel import PlaneModel, State
from sofc.coders.bilevel.kernel_guide import Guide, guide_for
from sofc.coders.bilevel.model import copied, starts
from sofc.coders.bilevel.section import TRAINED, unpack_plan, unpack_state
from sofc.coders.plane_sections import by_plane
from sofc.entropy.binary import Reader, Writer, code_bit
from sofc.errors import FormatError, LimitError
from sofc.planes import Plane, PlaneRange

INVERTED = 4096
"""Probability in 1/65536 that a plane is coded with ones and zeros exchanged: the first decision of its stream."""

Features = npt.NDArray[np.uint8]

Images = npt.NDArray[np.uint8]
"""Binary images of one shape, (images, rows, width)."""


class BilevelCoder(ModelCoder[PlaneModel]):
    """Codes plane k, samples 0 and 1, with ``models[k]``."""

    id = 4
    name = "bilevel"

    def __init__(self, models: Sequence[PlaneModel], features: Features | None = None) -> None:
        super().__init__(models)
        self._features = features

    def guided_by(self, plane: Plane, bits: int) -> BilevelCoder:
        """One for planes of one image that is coded with an earlier one: ``plane`` (rows, width) of samples from 0 to
        2**bits - 1."""
        return BilevelCoder(self.models, features_of(plane, bits))

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> BilevelCoder:
        """Plans, then bit models, then weights, each one for every plane.

        Raises FormatError; LimitError where the bit models would take too much memory.
        """
        models = []
        total = 0
        for own, _ in by_plane(sections):
            plan = unpack_plan(own.plan)
            start, used, network = unpack_state(own.weights)
            if used > len(plan.contexts):
                raise FormatError("the weights of a bilevel model are for more contexts than it has")
            total += used << plan.slot_bits
            if total > MAX_COUNTERS:
                raise LimitError(f"a bilevel model has more than {MAX_COUNTERS} bit models")
            symbols = TRAINED.symbols(own.bit_models, starts(plan, len(plan.contexts)), used)
            models.append(PlaneModel(plan, network, start._replace(models=TRAINED.states[symbols])))
        return cls(models)

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane: whether it is inverted, then its samples."""
        return [
            encode_images(
                model,
                plane.astype(np.uint8).reshape(-1, image_rows, plane.shape[1]),
                copied(model.start),
                self._features,
            )
            for model, plane in zip(self.models, planes, strict=True)
        ]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Any stream gives some planes; raises FormatError where the ranges are not 0 to 1."""
        if len(ranges) != len(self.models) or any(span != (0, 1) for span in ranges):
            raise FormatError(f"this bilevel model codes {len(self.models)} planes of samples 0 and 1")
        planes = []
        for model, stream in zip(self.models, streams, strict=True):
            images = np.zeros((rows // image_rows, image_rows, width), np.uint8)
            reader = Reader(stream)
            inverted = code_bit(False, 0, INVERTED, reader.stream)
            _code(reader, model, images, copied(model.start), guide_for(self._features))
            planes.append((images ^ np.uint8(inverted)).reshape(rows, width).astype(np.int32))
        return planes


def mostly_ink(samples: npt.NDArray[np.uint8]) -> bool:
    """Whether more than half of the samples are 1: they are coded inverted."""
    return 2 * int(np.count_nonzero(samples)) > samples.size


def encode_images(model: PlaneModel, images: Images, state: State, features: Features | None = None) -> bytes:
    """The stream of a plane of images; ``state`` learns. ``features``: those of a guide."""
    # A decision costs at most 16 bits, and what follows carries the coder's last four bytes.
    writer = Writer(2 * images.size + 16)
    inverted = mostly_ink(images)
    code_bit(True, int(inverted), INVERTED, writer.stream)
    _code(writer, model, images ^ np.uint8(inverted), state, guide_for(features))
    return writer.written()


def _code(end: Reader | Writer, model: PlaneModel, images: Images, state: State, guide: Guide) -> None:
    coding = kernel.Coding(state, end.stream, guide)
    kernel.code_images(end.encodes, images, model, coding, kernel.scratch_for(images.shape[2], model))
