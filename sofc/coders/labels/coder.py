"""The labels coder: images whose samples name what they belong to. It needs no codebook."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.base import NamedCoder, PlaneCoder
from sofc.coders.labels import kernel
from sofc.coders.labels.terms import BLOCK_BITS, CONTEXTS, MATES, PAD, PAD_ROWS, Term
from sofc.entropy.binary import OK, Reader, Writer
from sofc.entropy.bit_models import NEUTRAL
from sofc.entropy.contexts import BLOCK, Contexts, block_starts, context_table
from sofc.entropy.mixing import WEIGHT_ROWS, Mixture, votes_for
from sofc.entropy.mixture import identity_map, neutral_weights
from sofc.errors import FormatError
from sofc.planes import Plane, PlaneRange

_TABLE = Contexts(context_table(CONTEXTS, Term.NOTHING), block_starts(np.full(len(CONTEXTS), BLOCK_BITS, np.int64)))


class LabelsCoder(PlaneCoder, NamedCoder):
    """Planes of labels from 0, each coded by itself."""

    id = 6
    name = "labels"

    def encode_plane(self, plane: Plane, span: PlaneRange, image_rows: int) -> bytes:
        """The stream of a plane."""
        # A question costs at most 16 bits, a label in bypass bits 26.
        writer = Writer((2 * (MATES + 2) + 4) * plane.size + 16)
        _code(writer, np.array(plane - span.low, np.int32), span.size, image_rows)
        return writer.written()

    def decode_plane(self, stream: bytes, span: PlaneRange, shape: tuple[int, int], image_rows: int) -> Plane:
        """The plane again. Raises FormatError where its stream leads to a label that is out of range."""
        plane = np.zeros(shape, np.int32)
        if _code(Reader(stream), plane, span.size, image_rows) != OK:
            raise FormatError("a stream of labels leads to one that is out of range")
        return plane + np.int32(span.low)


def _code(end: Reader | Writer, plane: Plane, top: int, image_rows: int) -> int:
    """Code all images of a plane; returns the kernel's status. When decoding, the plane is filled."""
    width = plane.shape[1]
    learned = _start()
    scratch = _scratch()
    before = np.zeros((image_rows + PAD_ROWS, width + 2 * PAD), np.int32)
    for first in range(0, len(plane), image_rows):
        image = np.zeros_like(before)
        inside = image[PAD_ROWS:, PAD:-PAD]
        if end.encodes:
            inside[:] = plane[first : first + image_rows]
        frame = kernel.Frame(image, before, *(np.full((2, width + 2 * PAD), kernel.FARTHEST, np.int32) for _ in "ab"))
        status = kernel.code_image(end.encodes, frame, top, learned, scratch, end.stream)
        if status != OK:
            return int(status)
        plane[first : first + image_rows] = inside
        before = image
    return OK


def _start() -> kernel.Learned:
    contexts = len(CONTEXTS)
    models = np.full(int(_TABLE.starts[-1]) * BLOCK, NEUTRAL, np.uint32)
    mixture = Mixture(models, neutral_weights(contexts), identity_map())
    return kernel.Learned(_TABLE, mixture, np.full(kernel.STILL_MODELS, NEUTRAL, np.uint32), np.full(1, -1, np.int64))


def _scratch() -> kernel.Scratch:
    contexts = len(CONTEXTS)
    lanes = neutral_weights(contexts).shape[1]
    votes = votes_for(contexts, lanes, len(WEIGHT_ROWS))
    return kernel.Scratch(np.zeros(len(Term), np.int64), np.zeros(MATES, np.int64), votes)


def looks_labelled(plane: npt.NDArray[np.int32]) -> bool:
    """Whether samples are mostly what their neighbours are, and not all the same, so that coding them as labels is
    worth a try."""
    if plane.shape[1] < 2 or len(plane) < 2 or plane.min() == plane.max():
        return False
    same = (plane[1:, 1:] == plane[1:, :-1]) | (plane[1:, 1:] == plane[:-1, 1:])
    return 16 * int(np.count_nonzero(same)) >= 15 * int(same.size)
