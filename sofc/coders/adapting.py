"""How a model of a base is adapted to a collection: changes of its sections that take less than they save."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sofc.coders.plane_sections import PlaneSections
from sofc.coders.training import Adaptation
from sofc.coders.warm_up import learn
from sofc.entropy.bit_models import Integers
from sofc.entropy.changes import pack_table_changes
from sofc.entropy.mixture import WEIGHT_STEP

Weights = npt.NDArray[np.int32]
Image = TypeVar("Image")


class MixingAdaptation(Adaptation):
    """Adapts a model whose ``sections`` are the plans, the bit models and the weights of each plane, to images of which
    so many are to come."""

    def __init__(self, sections: Sequence[bytes], images: int) -> None:
        self._sections = tuple(sections)
        self._planes = len(sections) // 3
        self._to_come = images
        self._changes = [b""] * len(sections)
        super().__init__()

    def _found(self, changes: Iterable[PlaneSections]) -> None:
        """Take those of each plane."""
        for plane, one in enumerate(changes):
            self._changes[plane :: self._planes] = one

    def changes(self) -> list[bytes]:
        """Of plans, bit models, which stay, and weights."""
        return self._changes


WEIGHT_SHIFT = 4
"""Weights change by multiples of 2**WEIGHT_SHIFT units."""
DEAD_ZONE = 0.8
"""Changes below this share of a multiple are left out: few weights are asked often enough to pay for theirs."""
TRIED = 4
"""Images on which it is seen whether the change of weights pays."""


def change_weights(
    weights: Weights,
    contexts: int,
    images: Callable[[], Iterator[Image]],
    code: Callable[[Weights, Image], int],
    share: float,
    before: Sequence[Integers] = (),
) -> bytes:
    """The change of weights, if it pays; ``weights`` (rows, lanes), of which the first ``contexts`` + 1 are in use.

    ``before``: tables that stand before them in their section, and stay. ``code`` codes an image by weights, which
    learn from it, and gives the bytes.
    """
    (learned,), sizes = learn([weights], images, lambda tables, image: code(tables[0], image))
    step = 1 << (WEIGHT_STEP + WEIGHT_SHIFT)
    moved = (learned - weights)[:, : contexts + 1]
    change = np.sign(moved) * ((np.abs(moved) + int((1 - DEAD_ZONE) * step)) // step)
    packed = pack_table_changes([*((np.zeros_like(table), 0) for table in before), (change, WEIGHT_SHIFT)])
    changed = weights.copy()
    changed[:, : contexts + 1] += (change * step).astype(np.int32)
    saved = seen = 0
    for turn, image in enumerate(images()):
        if packed and turn % -(-len(sizes) // TRIED) == 0:
            saved += code(weights.copy(), image) - code(changed.copy(), image)
            seen += 1
    return packed if seen and saved * share * len(sizes) > len(packed) * seen else b""
