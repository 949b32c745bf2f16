"""The sections of models that have a plan, bit models and mixing weights for each plane, and what these differ by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sofc.errors import FormatError

PLAN, BIT_MODELS, WEIGHTS = 0, 1, 2
"""Kinds of sections."""


class PlaneSections(NamedTuple):
    """Those of one plane, its weights for one effort; or what each of them differs by, empty where it does not."""

    plan: bytes
    bit_models: bytes
    weights: bytes


def by_plane(sections: Sequence[bytes], changes: Sequence[bytes] = ()) -> list[tuple[PlaneSections, PlaneSections]]:
    """Of plans, then bit models, then weights, each one for every plane, those of each plane; and what they differ by,
    if any do. Raises FormatError where there are not three for each plane, and where bit models change."""
    planes = len(sections) // 3
    if not sections or len(sections) % 3:
        raise FormatError(f"a model has three sections for each plane, not {len(sections)} in all")
    if any(changes[planes : 2 * planes]):
        raise FormatError("bit models of a codebook cannot be changed")
    changes = changes or [b""] * len(sections)
    return [(PlaneSections(*sections[k::planes]), PlaneSections(*changes[k::planes])) for k in range(planes)]
